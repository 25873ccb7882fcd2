"""Transforms of functions: derivatives in both modes, Jacobians, Hessians.

Every transform opens a level of the compiled core, runs the function on values of that level, closes it (also when the
function raises) and reads the derivatives. Levels nest, so transforms of transforms need no further code.

Functions take and return pytrees (numbers, NumPy arrays, Arrays, and lists, tuples, dicts … of them). What goes in comes
out: derivatives of a Python float are floats, of an ``ndarray`` ndarrays, of an ``Array`` Arrays.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from . import _core
from ._core import Array
from .tree import is_leaf, tree_flatten, tree_unflatten

__all__ = [
    "elementwise_grad",
    "grad",
    "hessian",
    "hvp",
    "jacfwd",
    "jacobian",
    "jacrev",
    "jvp",
    "linearize",
    "stop_gradient",
    "value_and_grad",
    "vjp",
]

Function = Callable[..., Any]

# ---- arguments and results -------------------------------------------------------------------------------------------


def _check_leaf(x: Any, where: str) -> Any:
    """A leaf that can be differentiated, or an error that names the argument."""
    if isinstance(x, Array):
        if x.dtype.kind == "i" and _core.is_weak(x):  # a Python int among the arguments of a compiled function
            return x.astype(float)
        dtype = x.dtype
    elif isinstance(x, bool):
        raise TypeError(f"{where} is a bool, which has no derivative; pass a float, or leave it out of argnums")
    elif isinstance(x, (float, int)):
        return float(x)
    elif isinstance(x, (np.ndarray, np.generic)):
        dtype = x.dtype
    else:
        raise TypeError(
            f"{where} is a {type(x).__name__}; only numbers, arrays and trees (lists, tuples, dicts …) of them "
            "can be differentiated"
        )
    if dtype.kind != "f":
        raise TypeError(
            f"{where} is an array of dtype {dtype}; integer and bool arrays have no derivative: convert it with "
            "astype(float), or leave it out of argnums"
        )
    return x


def _like(result: Any, x: Any) -> Any:
    """The result in the family of the argument it belongs to."""
    if isinstance(x, Array) or _core.is_traced(result):
        return result
    if isinstance(x, (float, int)):
        return float(result)
    if isinstance(x, np.generic):
        return x.dtype.type(result.item())
    return _core.to_numpy(result)


def _like_all(result: Any, leaves: Sequence[Any]) -> Any:
    """A function's value in the family of its arguments: NumPy in, NumPy out."""
    if not isinstance(result, Array) or _core.is_traced(result):
        return result
    if any(isinstance(x, Array) for x in leaves):
        return result
    if any(isinstance(x, np.ndarray) for x in leaves):
        return _core.to_numpy(result) if result.ndim else np.dtype(result.dtype).type(result.item())
    if result.ndim == 0 and leaves and all(isinstance(x, (float, int, np.generic)) for x in leaves):
        return result.item()
    return result


def _zeros_like(x: Any) -> Any:
    if isinstance(x, Array):
        return _core.array(np.zeros(x.shape, x.dtype))
    return 0.0 if isinstance(x, (float, int)) else np.zeros_like(x)


def _argnum_tuple(argnums: int | Sequence[int], n: int, name: str) -> tuple[int, ...]:
    nums = (argnums,) if isinstance(argnums, int) else tuple(argnums)
    for i in nums:
        if not -n <= i < n:
            raise ValueError(f"{name}: argnums {argnums} names argument {i}, but the function was called with {n} positional argument(s)")
    return tuple(i % n for i in nums)


class _Inputs:
    """The differentiated arguments of one call: their leaves, and how to put the results back."""

    __slots__ = ("args", "leaves", "nums", "single", "specs")

    def __init__(self, name: str, args: tuple[Any, ...], argnums: int | Sequence[int]):
        self.nums = _argnum_tuple(argnums, len(args), name)
        self.single = isinstance(argnums, int)
        self.args = args
        self.leaves: list[Any] = []
        self.specs: list[tuple[Any, int]] = []
        for i in self.nums:
            x = args[i]
            if is_leaf(x):
                self.leaves.append(_check_leaf(x, f"{name}: argument {i}"))
                self.specs.append((None, 1))
                continue
            flat, spec = tree_flatten(x)
            self.leaves.extend(_check_leaf(v, f"{name}: a leaf of argument {i}") for v in flat)
            self.specs.append((spec, len(flat)))

    def call(self, f: Function, traced: Sequence[Any], kwargs: dict[str, Any]) -> Any:
        args = list(self.args)
        for i, part in zip(self.nums, self.split(traced), strict=True):
            args[i] = part
        return f(*args, **kwargs)

    def split(self, values: Sequence[Any]) -> tuple[Any, ...]:
        """One tree for each differentiated argument."""
        out, at = [], 0
        for spec, n in self.specs:
            part = values[at : at + n]
            out.append(part[0] if spec is None else tree_unflatten(spec, part))
            at += n
        return tuple(out)

    def gather(self, values: Sequence[Any]) -> Any:
        parts = self.split(values)
        return parts[0] if self.single else parts


def _shape(x: Any) -> tuple[int, ...]:
    return x.shape if isinstance(x, (Array, np.ndarray, np.generic)) else ()


def _check_scalar(y: Any, name: str) -> None:
    if isinstance(y, (float, int, np.generic)) or (isinstance(y, (Array, np.ndarray)) and y.shape == ()):
        if isinstance(y, (Array, np.ndarray, np.generic)) and np.dtype(y.dtype).kind != "f":
            raise TypeError(f"{name}: the function returned a {y.dtype} scalar, which has no derivative; return a float")
        return
    if isinstance(y, (Array, np.ndarray)):
        raise TypeError(
            f"{name}: the function must return a scalar, got an array of shape {y.shape}; reduce it (sum, mean), or use "
            "jacobian for its full derivative, vjp for a weighted one"
        )
    raise TypeError(
        f"{name}: the function must return a scalar, got {type(y).__name__}"
        + ("; with has_aux=True it may return (value, auxiliary)" if isinstance(y, tuple) else "")
    )


def _named_after(name: str, f: Function) -> Callable[[Function], Function]:
    def decorate(g: Function) -> Function:
        g = functools.wraps(f)(g) if hasattr(f, "__name__") else g
        g.__name__ = f"{name}({getattr(f, '__name__', 'f')})"
        return g

    return decorate


# ---- reverse mode ----------------------------------------------------------------------------------------------------


def value_and_grad(f: Function, argnums: int | Sequence[int] = 0, has_aux: bool = False) -> Function:
    """A function that returns ``(f(...), gradient)`` from one run.

    ``f`` must return a scalar (with ``has_aux``: a pair of a scalar and anything). The gradient has the tree and shapes of
    argument ``argnums`` (a tuple of them for several). Raises TypeError for non-scalar results and for arguments without a
    derivative.

    >>> import wengert as wg
    >>> wg.value_and_grad(lambda x: x**2)(3.0)
    (9.0, 6.0)
    """
    return _gradient(f, argnums, has_aux, "value_and_grad", with_value=True)


def grad(f: Function, argnums: int | Sequence[int] = 0, has_aux: bool = False) -> Function:
    """A function that returns the gradient of the scalar function ``f``; see :func:`value_and_grad`.

    With ``has_aux`` it returns ``(gradient, auxiliary)``.

    >>> import wengert as wg
    >>> wg.grad(lambda x: x * x * x)(2.0)
    12.0
    """
    return _gradient(f, argnums, has_aux, "grad", with_value=False)


def _gradient(f: Function, argnums: int | Sequence[int], has_aux: bool, name: str, with_value: bool) -> Function:
    @_named_after(name, f)
    def gradient(*args: Any, **kwargs: Any) -> Any:
        inputs = _Inputs(name, args, argnums)
        level = _core.ReverseLevel()
        aux = None
        try:
            traced = [level.input(_core.shared(x)) for x in inputs.leaves]
            y = inputs.call(f, traced, kwargs)
            if has_aux:
                if not (isinstance(y, tuple) and len(y) == 2):
                    raise TypeError(f"{name}: with has_aux=True the function must return a pair (value, auxiliary), got {type(y).__name__}")
                y, aux = y
                aux = _leave(level, aux)
            _check_scalar(y, name)
        finally:
            level.close()
        value = level.primal(y) if isinstance(y, Array) else y
        if isinstance(y, Array):
            one = _core.array(1.0, dtype=y.dtype)
            cotangents = level.sweep([y], [one])
        else:
            cotangents = [None] * len(traced)
        leaves = [_zeros_like(x) if ct is None else _like(ct, x) for x, ct in zip(inputs.leaves, cotangents, strict=True)]
        g = inputs.gather(leaves)
        if not with_value:
            return (g, aux) if has_aux else g
        value = _like_all(value, inputs.leaves)
        return ((value, aux), g) if has_aux else (value, g)

    return gradient


def _leave(level: Any, tree: Any) -> Any:
    """Auxiliary results without this level's derivative."""
    if isinstance(tree, Array):
        return level.primal(tree)
    if is_leaf(tree):
        return tree
    leaves, spec = tree_flatten(tree)
    return tree_unflatten(spec, [level.primal(x) if isinstance(x, Array) else x for x in leaves])


def vjp(f: Function, *primals: Any) -> tuple[Any, Function]:
    """``(f(*primals), pullback)``; ``pullback(cotangent)`` is the tuple of vector-Jacobian products, one for each primal.

    The cotangent has the tree and shapes of the value. The pullback may be called many times, and owns what it needs:
    changing an input array afterwards does not change it. Raises ValueError if shapes do not match.

    >>> import numpy as np, wengert as wg
    >>> y, pullback = wg.vjp(lambda x: x**2, np.array([1.0, 2.0]))
    >>> pullback(np.array([1.0, 1.0]))
    (array([2., 4.]),)
    """
    inputs = _Inputs("vjp", primals, tuple(range(len(primals))))
    level = _core.ReverseLevel()
    try:
        traced = [level.input(_core.array(x)) for x in inputs.leaves]
        y = inputs.call(f, traced, {})
    finally:
        level.close()
    outputs, spec = tree_flatten(y)
    values = [_like_all(level.primal(v), inputs.leaves) if isinstance(v, Array) else v for v in outputs]

    def pullback(cotangent: Any) -> tuple[Any, ...]:
        flat, ct_spec = tree_flatten(cotangent)
        if ct_spec != spec:
            raise ValueError(f"vjp: the cotangent has the structure {ct_spec}, the value has {spec}")
        for v, c in zip(outputs, flat, strict=True):
            if _shape(v) != _shape(c):
                raise ValueError(f"vjp: a cotangent of shape {_shape(c)} for a value of shape {_shape(v)}; they must agree")
        cts = level.sweep(outputs, flat, keep=True)
        return inputs.split(
            [_zeros_like(x) if c is None else _like(c, x) for x, c in zip(inputs.leaves, cts, strict=True)]
        )

    return tree_unflatten(spec, values), pullback


# ---- forward mode ----------------------------------------------------------------------------------------------------


def _push(
    f: Function,
    inputs: _Inputs,
    tangents: Sequence[Any],
    k: int,
    kwargs: dict[str, Any],
    name: str = "jvp",
    has_aux: bool = False,
) -> tuple[list[Any], list[Any], Any, Any]:
    """Runs f on duals: (leaves of the value, their tangents or None, structure, auxiliary)."""
    level = _core.DualLevel(k)
    try:
        duals = [
            _core.array(x) if t is None else level.input(_core.shared(x), t)
            for x, t in zip(inputs.leaves, tangents, strict=True)
        ]
        y, aux = _split_aux(inputs.call(f, duals, kwargs), has_aux, name)
        flat, spec = tree_flatten(y)
        values = [level.primal(v) if isinstance(v, Array) else v for v in flat]
        out = [level.tangent(v) if isinstance(v, Array) else None for v in flat]
        aux = _leave(level, aux)
    finally:
        level.close()
    return values, out, spec, aux


def jvp(f: Function, primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
    """``(f(*primals), tangent)``: the value and its derivative along ``tangents``, by dual numbers in one forward run.

    ``primals`` and ``tangents`` are tuples of the same trees and shapes. Memory does not grow with the length of the
    program. Raises ValueError if they do not match.

    >>> import wengert as wg
    >>> wg.jvp(lambda x: x**3, (2.0,), (1.0,))
    (8.0, 12.0)
    """
    if not isinstance(primals, (tuple, list)) or not isinstance(tangents, (tuple, list)):
        raise TypeError("jvp: primals and tangents must be tuples, one entry for each argument: jvp(f, (x,), (v,))")
    if len(primals) != len(tangents):
        raise ValueError(f"jvp: {len(primals)} primals but {len(tangents)} tangents; they must agree")
    inputs = _Inputs("jvp", tuple(primals), tuple(range(len(primals))))
    flat, spec = tree_flatten(tuple(tangents))
    if spec != tree_flatten(tuple(primals))[1]:
        raise ValueError("jvp: the tangents must have the tree structure of the primals")
    for x, t in zip(inputs.leaves, flat, strict=True):
        if _shape(x) != _shape(t):
            raise ValueError(f"jvp: a tangent of shape {_shape(t)} for a primal of shape {_shape(x)}; they must agree")
    values, out, y_spec, _ = _push(f, inputs, flat, 0, {})
    dots = [_zeros_like(v) if t is None else t for v, t in zip(values, out, strict=True)]
    return (
        tree_unflatten(y_spec, [_like_all(v, inputs.leaves) for v in values]),
        tree_unflatten(y_spec, [_like_all(t, inputs.leaves) for t in dots]),
    )


def linearize(f: Function, *primals: Any) -> tuple[Any, Function]:
    """``(f(*primals), pushforward)``; ``pushforward(*tangents)`` applies the Jacobian at ``primals``.

    The primals are copied: changing an input array afterwards does not change the pushforward.

    >>> import wengert as wg
    >>> y, push = wg.linearize(lambda x: x**2, 3.0)
    >>> push(1.0)
    6.0
    """
    held = tuple(_copied(x) for x in primals)
    value = jvp(f, held, tuple(_tree_zeros(x) for x in held))[0]

    def pushforward(*tangents: Any) -> Any:
        return jvp(f, held, tangents)[1]

    return value, pushforward


def _copied(tree: Any) -> Any:
    leaves, spec = tree_flatten(tree)
    return tree_unflatten(spec, [x.copy() if isinstance(x, (Array, np.ndarray)) else x for x in leaves])


def _tree_zeros(tree: Any) -> Any:
    leaves, spec = tree_flatten(tree)
    return tree_unflatten(spec, [_zeros_like(_check_leaf(x, "linearize: a leaf")) for x in leaves])


def stop_gradient(x: Any) -> Any:
    """The value of ``x`` (an array or a tree) with all derivatives cut off.

    >>> import wengert as wg
    >>> wg.grad(lambda x: x * wg.stop_gradient(x))(3.0)
    3.0
    """
    if isinstance(x, Array):
        return _core.stop_gradient(x)
    if is_leaf(x):
        return x
    leaves, spec = tree_flatten(x)
    return tree_unflatten(spec, [stop_gradient(v) for v in leaves])


# ---- full derivatives ------------------------------------------------------------------------------------------------


def jacfwd(f: Function, argnums: int | Sequence[int] = 0, has_aux: bool = False) -> Function:
    """The full Jacobian by forward mode, all columns in one run (k tangents at once).

    For an output of shape ``s`` and an argument of shape ``t`` the Jacobian has shape ``s + t``. Cheaper than
    :func:`jacrev` when the arguments have fewer elements than the value.

    >>> import numpy as np, wengert as wg
    >>> wg.jacfwd(lambda x: x**2)(np.array([1.0, 2.0]))
    array([[2., 0.],
           [0., 4.]])
    """
    return _jacobian_function(f, argnums, has_aux, "jacfwd")


def jacrev(f: Function, argnums: int | Sequence[int] = 0, has_aux: bool = False) -> Function:
    """The full Jacobian by reverse mode, one sweep for each element of the value; shapes as in :func:`jacfwd`.

    >>> import numpy as np, wengert as wg
    >>> wg.jacrev(lambda x: x**2)(np.array([1.0, 2.0]))
    array([[2., 0.],
           [0., 4.]])
    """
    return _jacobian_function(f, argnums, has_aux, "jacrev")


def jacobian(f: Function, argnums: int | Sequence[int] = 0, has_aux: bool = False, explain: bool = False) -> Function:
    """The full Jacobian by whichever mode is cheaper; shapes as in :func:`jacfwd`.

    With ``explain=True`` the function returns ``(jacobian, reason)``, where the reason names the mode and the sizes that
    decided. Output sizes are only known by running ``f``: it runs once for reverse mode, twice where forward mode wins.

    >>> import numpy as np, wengert as wg
    >>> wg.jacobian(lambda x: np.sum(x**2), explain=True)(np.array([1.0, 2.0]))
    (array([2., 4.]), 'reverse mode: 1 output element(s), 2 input element(s)')
    """
    return _jacobian_function(f, argnums, has_aux, "jacobian", explain)


def _jacobian_function(f: Function, argnums: Any, has_aux: bool, name: str, explain: bool = False) -> Function:
    @_named_after(name, f)
    def jacobian_of(*args: Any, **kwargs: Any) -> Any:
        inputs = _Inputs(name, args, argnums)
        n_in = sum(int(np.prod(_shape(x), dtype=int)) for x in inputs.leaves)
        reason, aux = "", None
        if name == "jacfwd" or (name == "jacobian" and n_in <= 1):
            columns, aux = _forward_columns(f, inputs, kwargs, has_aux, name)
            reason = f"forward mode: {n_in} input element(s)"
        else:
            columns, aux, n_out = _reverse_rows(f, inputs, kwargs, has_aux, name, n_in if name == "jacobian" else None)
            reason = f"reverse mode: {n_out} output element(s), {n_in} input element(s)"
            if columns is None:
                columns, aux = _forward_columns(f, inputs, kwargs, has_aux, name)
                reason = f"forward mode: {n_out} output element(s), {n_in} input element(s)"
        result: Any = columns
        if explain:
            result = (result, reason)
        return (result, aux) if has_aux else result

    return jacobian_of


def _split_aux(y: Any, has_aux: bool, name: str) -> tuple[Any, Any]:
    if not has_aux:
        return y, None
    if not (isinstance(y, tuple) and len(y) == 2):
        raise TypeError(f"{name}: with has_aux=True the function must return a pair (value, auxiliary), got {type(y).__name__}")
    return y


def _check_output(v: Any, name: str) -> None:
    if not isinstance(v, (Array, np.ndarray, np.generic, float, int)):
        raise TypeError(f"{name}: the function must return arrays or numbers (or trees of them), got {type(v).__name__}")


# Elements of one tangent batch: wider batches leave the second-level cache and gain nothing (64 … 256 columns for
# arguments of up to a few thousand elements).
_BATCH_ELEMENTS = 1 << 16


def _forward_columns(f: Function, inputs: _Inputs, kwargs: dict[str, Any], has_aux: bool, name: str) -> tuple[Any, Any]:
    sizes = [int(np.prod(_shape(x), dtype=int)) for x in inputs.leaves]
    dtypes = [np.float64 if isinstance(x, float) else x.dtype for x in inputs.leaves]
    total = sum(sizes)
    width = max(1, min(total, _BATCH_ELEMENTS // max(total, 1)))
    batches: list[list[Any]] = []
    aux: Any = None
    spec: Any = None
    values: list[Any] = []
    for start in range(0, max(total, 1), max(width, 1)):
        k = min(width, total - start)
        tangents, at = [], 0
        for x, n, dtype in zip(inputs.leaves, sizes, dtypes, strict=True):
            seed = np.zeros((k, n), dtype)
            for row in range(k):
                column = start + row - at
                if 0 <= column < n:
                    seed[row, column] = 1
            tangents.append(seed.reshape((k, *_shape(x))))
            at += n
        seeds = tangents if k else [None] * len(sizes)
        values, out, spec, aux = _push(f, inputs, seeds, k, kwargs, name, has_aux)
        batches.append(out)
    return _assemble(values, spec, batches, inputs, sizes, name, width), aux


def _assemble(values: list[Any], spec: Any, batches: list[list[Any]], inputs: _Inputs, sizes: list[int], name: str, width: int) -> Any:
    """Jacobian blocks out of batches of columns: for each output a tree of the arguments' blocks."""
    ops = _core.ops
    total = sum(sizes)
    blocks = []
    for i, v in enumerate(values):
        _check_output(v, name)
        shape = _shape(v)
        parts = []
        for b, out in enumerate(batches):
            k = min(width, total - b * width)
            t = out[i]
            parts.append(_core.array(np.zeros((k, *shape), getattr(v, "dtype", float))) if t is None else t)
        columns = parts[0] if len(parts) == 1 else ops.concatenate(parts, axis=0)
        row = []
        at = 0
        for x, n in zip(inputs.leaves, sizes, strict=True):
            part = ops.getitem(columns, slice(at, at + n)) if n != total else columns
            at += n
            axes = (*range(1, len(shape) + 1), 0)
            block = ops.reshape(ops.transpose(part, axes), (*shape, *_shape(x)))
            row.append(_like_all(block, [x]) if _shape(x) or shape else _like(block, x))
        blocks.append(inputs.gather(row))
    return tree_unflatten(spec, blocks)


def _reverse_rows(
    f: Function, inputs: _Inputs, kwargs: dict[str, Any], has_aux: bool, name: str, forward_below: int | None
) -> tuple[Any, Any, int]:
    """One sweep for each output element. Gives up (None) if forward mode is cheaper: fewer inputs than outputs."""
    level = _core.ReverseLevel()
    try:
        traced = [level.input(_core.array(x)) for x in inputs.leaves]
        y, aux = _split_aux(inputs.call(f, traced, kwargs), has_aux, name)
        aux = _leave(level, aux)
    finally:
        level.close()
    outputs, spec = tree_flatten(y)
    n_out = sum(int(np.prod(_shape(v), dtype=int)) for v in outputs)
    if forward_below is not None and forward_below < n_out:
        return None, aux, n_out
    ops = _core.ops
    blocks = []
    for v in outputs:
        _check_output(v, name)
        shape, n = _shape(v), int(np.prod(_shape(v), dtype=int))
        rows: list[list[Any]] = [[] for _ in inputs.leaves]
        for i in range(n if isinstance(v, Array) and level.owns(v) else 0):
            seed = np.zeros(n, v.dtype)
            seed[i] = 1
            for r, ct in zip(rows, level.sweep([v], [seed.reshape(shape)], keep=True), strict=True):
                r.append(ct)
        row = []
        for x, r in zip(inputs.leaves, rows, strict=True):
            zero = np.zeros(_shape(x), getattr(x, "dtype", float))
            if all(ct is None for ct in r):
                block = _core.array(np.zeros((*shape, *_shape(x)), getattr(x, "dtype", float)))
            elif n == 1:
                block = ops.reshape(r[0], (*shape, *_shape(x)))
            else:
                block = ops.reshape(ops.stack([zero if ct is None else ct for ct in r]), (*shape, *_shape(x)))
            row.append(_like_all(block, [x]) if _shape(x) or shape else _like(block, x))
        blocks.append(inputs.gather(row))
    return tree_unflatten(spec, blocks), aux, n_out


def hessian(f: Function, argnums: int | Sequence[int] = 0) -> Function:
    """The Hessian of a scalar function: forward mode over the reverse gradient, shape ``x.shape + x.shape``.

    For several arguments (or a tree) it is a tree of trees of blocks.

    >>> import numpy as np, wengert as wg
    >>> wg.hessian(lambda x: x[0] ** 2 * x[1])(np.array([1.0, 2.0]))
    array([[4., 2.],
           [2., 0.]])
    """
    return _named_after("hessian", f)(jacfwd(grad(f, argnums), argnums))


def hvp(f: Function, x: Any, v: Any) -> Any:
    """The Hessian of the scalar function ``f`` at ``x`` times ``v`` (the same tree as ``x``), without the Hessian.

    >>> import numpy as np, wengert as wg
    >>> wg.hvp(lambda x: np.sum(x**3), np.array([1.0, 2.0]), np.array([1.0, 0.0]))
    array([6., 0.])
    """
    return jvp(grad(f), (x,), (v,))[1]


def elementwise_grad(f: Function, argnums: int | Sequence[int] = 0) -> Function:
    """The derivative of a function that maps arrays element by element; the result has the shape of the argument.

    >>> import numpy as np, wengert as wg
    >>> wg.elementwise_grad(np.sin)(np.array([0.0]))
    array([1.])
    """

    def summed(*args: Any, **kwargs: Any) -> Any:
        return _core.ops.sum(f(*args, **kwargs))

    return _named_after("elementwise_grad", f)(grad(summed, argnums))
