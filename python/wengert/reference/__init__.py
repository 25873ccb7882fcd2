"""Automatic differentiation in pure NumPy, written to be read.

The same functions as `wengert`, without compiled code: an independent second implementation that tests the first, and a
textbook.  Read the files in this order:

1. `primitive`      the elementary operations and what is known about each
2. `rules`          their values, forward rules and reverse rules (`rules.declare` first)
3. `levels`         how one program is followed by several transforms at once
4. `dual`           forward mode: dual numbers
5. `tape`           reverse mode: the Wengert list and its sweep
6. `array`          the handle user code works with; `operators`, `indexing` and `methods` belong to it
7. `linearization`  a function at a point as a linear map; `transforms` and `jacobians` ask it questions
8. `custom`         rules written by users; checkpoints
9. `eager`          ``loss.backward()`` on the same machinery; `optim`
10. `record`        the evaluation trace, for tables and graphs
11. `random`        random numbers as functions of a key

>>> import wengert.reference as wr
>>> wr.grad(lambda x: wr.numpy.sin(x) * x)(0.0)
0.0
"""

from . import numpy, optim, random
from . import rules as _rules  # noqa: F401  (declares the primitives)
from .array import Array, apply
from .custom import checkpoint, custom_jvp, custom_vjp
from .eager import array, no_grad
from .jacobians import hessian, jacfwd, jacobian, jacrev
from .numerical import numerical_gradient
from .primitive import primitives
from .record import name, record
from .transforms import elementwise_grad, grad, hvp, jvp, linearize, stop_gradient, value_and_grad, vjp

__all__ = [
    "Array",
    "apply",
    "array",
    "checkpoint",
    "custom_jvp",
    "custom_vjp",
    "elementwise_grad",
    "grad",
    "hessian",
    "hvp",
    "jacfwd",
    "jacobian",
    "jacrev",
    "jvp",
    "linearize",
    "name",
    "no_grad",
    "numerical_gradient",
    "numpy",
    "optim",
    "primitives",
    "random",
    "record",
    "stop_gradient",
    "value_and_grad",
    "vjp",
]
