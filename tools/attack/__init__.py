"""Attacks on lnkit that show what it withstands; CONTRIBUTING says how to run them."""
