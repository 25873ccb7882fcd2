"""Benchmarks: wengert beside hand-written NumPy, and beside other libraries where they are installed."""
