"""Every call of the mirror's table under vmap equals a loop over the examples, or raises; operand by operand."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import wengert as wg
import wengert.numpy as wnp
from mirror_cases import CASES
from wengert._internals.tree import tree_flatten

# These look at numbers to decide what they do, or give what is no array.
REFUSED = {
    "allclose", "argsort", "argwhere", "array2string", "array_equal", "array_equiv", "array_str", "bincount",
    "bitwise_and", "bitwise_xor", "choose", "common_type", "compress", "delete", "digitize", "extract", "flatnonzero",
    "gcd", "geomspace", "gradient", "interp", "invert", "isin", "isneginf", "isposinf", "left_shift", "lexsort",
    "median", "nanargmax", "nanargmin", "nanmedian", "nanpercentile", "nanquantile", "nonzero", "percentile",
    "piecewise", "quantile", "result_type", "searchsorted", "sort", "unique", "unravel_index", "unwrap",
}  # fmt: skip


def function(name):
    f = wnp
    for part in name.split("."):
        f = getattr(f, part)
    return f


def examples(x, rng):
    if x.dtype.kind == "b":
        return np.stack([x, ~x, x])
    if x.dtype.kind in "iu":
        return np.stack([x, x[::-1] if x.ndim else x, x])
    return np.stack([x, rng.permutation(x.ravel()).reshape(x.shape), x * 0.5]).astype(x.dtype)


@pytest.mark.parametrize(("name", "args", "kwargs"), CASES)
def test_one_call_for_all_examples(name, args, kwargs):
    f, rng = function(name), np.random.default_rng(0)
    leaves, spec = tree_flatten(list(args))
    for i, x in enumerate(leaves):
        if not (isinstance(x, np.ndarray) and x.dtype.kind in "fbi"):
            continue

        def g(x, i=i):
            return f(*spec.unflatten([*leaves[:i], x, *leaves[i + 1 :]]), **kwargs)

        xs = examples(x, rng)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                want = [tree_flatten(g(x))[0] for x in xs]
            except (ValueError, IndexError):
                continue  # the other examples are none of this function's arguments
            try:
                got = tree_flatten(wg.vmap(g)(xs))[0]
            except TypeError:
                assert name in REFUSED
                continue
        for y, column in zip(got, zip(*want, strict=True), strict=True):
            np.testing.assert_allclose(np.asarray(y), np.stack(list(map(np.asarray, column))), rtol=1e-6, atol=1e-9)
