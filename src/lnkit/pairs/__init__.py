"""Distances between pairs of image files, as `lnkit distance` measures them."""
