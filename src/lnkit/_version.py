"""The version of lnkit; modules read it here, so that none imports the package that exports everything."""

__version__ = "0.1.0"
