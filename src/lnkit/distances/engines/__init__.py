"""Engines: ways to run one fixed computation over and over, quickly.

An engine is built from a module and the shape of its input, and is called on numpy arrays. `eager` is always there;
`inductor` needs a C++ compiler, `onnxruntime` its packages. They agree to rounding, and what rounding could decide is
settled apart (see :mod:`lnkit.distances.comparer`), so the choice is one of speed alone.
"""
