"""The kernels alone, beside NumPy and the machine's limits."""
