"""Functions and rules that know their owner: what the tests of cycles, leaks and weak references are made of."""

import numpy as np
import wengert as wg

X = np.array([1.0, 2.0, 3.0])


class Box:
    """A user's model: anything may hang on it."""


def scalar(b):
    return lambda x: (b and np.sum(x * x)) * 1.0


def vector(b):
    return lambda x: (b and x * x) * 1.0


def vjp_rule(b):
    f = wg.custom_vjp(lambda x: x * x)
    f.defvjp(lambda x: (x * x, x), lambda r, g: (b and 2 * r * g,))
    return f


def jvp_rule(b):
    f = wg.custom_jvp(lambda x: x * x)
    f.defjvp(lambda p, t: (p[0] * p[0], (b and 2.0) * p[0] * t[0]))
    return f


def rematerialised(b):
    return wg.checkpoint(vector(b))


def leaf():
    return wg.array(X, requires_grad=True)
