"""`python -m lnkit` is `lnkit`."""

from lnkit.cli import main

main()
