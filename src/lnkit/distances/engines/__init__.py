"""Engines: fast ways to run one fixed computation many times.

An engine is built from a module and the shape of its input, and is called on NumPy arrays. `eager` is always available;
`inductor` needs a C++ compiler, `onnxruntime` its packages. Results agree up to rounding, and decisions that rounding
could change are recomputed (see :mod:`lnkit.distances.comparer`), so the choice of engine affects the speed only.
"""
