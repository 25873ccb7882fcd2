"""Automatic differentiation in pure NumPy, written to be read.

The same functions as `wengert`, without compiled code: an independent second implementation that tests the first, and a
textbook.  Read the files in this order:

1. `primitive`   the elementary operations and what is known about each
2. `levels`      values, and how one program is followed by several transforms at once; `arithmetic`
3. `rules`       the primitives' values, forward rules and reverse rules: programs on values (`declare` first)
4. `dual`        forward mode: dual numbers
5. `tape`        reverse mode: the Wengert list and its sweep; `requires_grad` is the one that is always there
6. `array`       what user code holds: a handle on a value (`handle` first)
7. `transforms`  a function at a point as a linear map (`linearization` first), and the questions asked of it
8. `eager`       ``loss.backward()`` on the same machinery; `optim`
9. `record`      the evaluation trace, for tables and graphs
10. `numpy`      NumPy's functions, composed of the primitives
11. `random`     random numbers as functions of a key

Each needs only what is above it; `array.methods`, imported last, puts on the class what is composed of Arrays.

>>> import wengert.reference as wr
>>> wr.grad(lambda x: wr.numpy.sin(x) * x)(0.0)
0.0
"""

from . import numpy, optim, random
from .array import methods as _methods
from .array.handle import Array, apply
from .eager import array
from .primitive import primitives
from .record import name, record
from .requires_grad import no_grad
from .transforms.custom import checkpoint, custom_jvp, custom_vjp
from .transforms.derivatives import (
    elementwise_grad,
    grad,
    hvp,
    jvp,
    linearize,
    stop_gradient,
    value_and_grad,
    vjp,
)
from .transforms.jacobians import hessian, jacfwd, jacobian, jacrev
from .transforms.numerical import numerical_gradient

_methods.install()

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
