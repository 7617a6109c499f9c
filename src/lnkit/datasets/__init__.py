"""Layouts of data that more than one benchmark reads: one module for each layout, with its one reader.

A benchmark opens its data with these. Arrays are memory-mapped from the cache, and errors name the file.
"""
