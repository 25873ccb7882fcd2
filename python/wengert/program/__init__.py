"""Recorded runs as programs: the Python half of ``wengert.compile`` and of loops as one operation."""
