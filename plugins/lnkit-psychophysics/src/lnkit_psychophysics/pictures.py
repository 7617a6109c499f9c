"""placeholder"""
from lnkit import UsageError
PICTURE="p.svg"
def draw(*a): raise UsageError("x")
