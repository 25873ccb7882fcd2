"""One rule a primitive: value, forward rule, reverse rule.  Start with `declare`, then `elementwise`.

To add a primitive, add one declaration to the file of its kind; nothing else has a list of them.
"""

from . import binary, elementwise, indexing, lengths, linalg, logical, reduce, shaping

__all__ = ["binary", "elementwise", "indexing", "lengths", "linalg", "logical", "reduce", "shaping"]
