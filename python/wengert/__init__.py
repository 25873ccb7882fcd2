"""Exact derivatives of NumPy code, at the speed of hand-written C++."""
