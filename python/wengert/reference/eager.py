"""PyTorch style: arrays that remember, ``loss.backward()``, ``x.grad``."""

from __future__ import annotations

from typing import Any

import numpy as np

from .array.handle import Array, apply, raw
from .levels import Box, carries_derivative, concrete
from .requires_grad import EAGER, Leaf, forget, leaf_of, reachable
from .tape import Variable, pull_back
from .transforms.linearization import changes
from .transforms.trees import SingleLeaf


def array(x: Any, dtype: Any = None, requires_grad: bool = False) -> Array:
    """A new `Array` with a copy of ``x``; with ``requires_grad`` one that collects derivatives in ``grad``.

    >>> import wengert.reference as wr
    >>> x = wr.array([1.0, 2.0], requires_grad=True)
    >>> (x * x).sum().backward()
    >>> x.grad
    Array([2., 4.])
    """
    value = np.array(x) if issubclass(type(x), (bool, int, float)) else raw(x)  # exactly: an Array may pass for one
    if not isinstance(value, Box):
        value = np.array(value, dtype=dtype)
    elif dtype is not None:
        value = apply("astype", x, dtype=np.dtype(dtype)).get()
    if not requires_grad:
        return Array(value)
    if not carries_derivative(value):
        raise TypeError(
            f"wengert.array: requires_grad=True needs floating-point values, got dtype "
            f"{np.asarray(concrete(value)).dtype}; pass dtype=float"
        )
    leaf = Leaf(EAGER.next_index(), concrete(value))
    return Array(Variable(EAGER, leaf.answer, leaf))


def get_grad(x: Array) -> Array | None:
    """The derivatives collected so far; None where there are none."""
    leaf = leaf_of(x.get())
    return leaf.grad if leaf is not None else None


def set_grad(x: Array, value: Any) -> None:
    leaf = leaf_of(x.get())
    if leaf is None:
        raise AttributeError("wengert: only an array made with requires_grad=True has a grad that can be set")
    leaf.grad = None if value is None else Array(raw(value))


def backward(x: Array, cotangent: Any = None, retain_graph: bool = False) -> None:
    """Add the derivatives of this value to the ``grad`` of every array it was computed from."""
    variable = x.get()
    if not isinstance(variable, Variable) or variable.level is not EAGER:
        raise RuntimeError(
            "wengert: backward() on a value that does not depend on any array with requires_grad=True; "
            "make the parameters with wengert.array(x, requires_grad=True)"
        )
    if cotangent is None:
        if x.shape != ():
            raise ValueError(
                f"wengert: backward() without a cotangent needs a scalar, this value has shape {x.shape}; "
                "sum it first, or pass backward(cotangent) with an array of that shape"
            )
        cotangent = np.ones((), x.dtype)
    (seed,) = changes(cotangent, SingleLeaf(), [variable], "backward", "cotangent")
    nodes = reachable(variable.node)
    found = pull_back(nodes, [(variable.node, seed)])
    for node in nodes:
        if isinstance(node, Leaf) and node.index in found:
            share = Array(found[node.index])
            node.grad = share if node.grad is None else apply("add", node.grad, share)
        elif not retain_graph and not isinstance(node, Leaf):
            forget(node)
