"""Weak references to arrays: they end with the array, and never refer to the next one in its memory."""

import gc
import weakref

import pytest
import wengert as wg
import wengert.numpy as wnp
from garbage_cases import X, leaf, vjp_rule


@pytest.mark.parametrize(
    "make",
    [
        lambda: wg.array([1.0]),
        lambda: leaf(),
        lambda: leaf() * 2,
        lambda: wg.array(X)[1:],
        lambda: wnp.zeros((100, 100)),
        lambda: vjp_rule(1)(leaf()),
    ],
)
def test_arrays_can_be_referred_to_weakly(make):
    a = make()
    seen = []
    r = weakref.ref(a, lambda _: seen.append(1))
    assert r() is a
    cache = weakref.WeakValueDictionary({"a": a})
    done = weakref.finalize(a, seen.append, 2)
    del a
    assert r() is None
    assert not done.alive
    assert sorted(seen) == [1, 2]
    assert not cache


def test_a_weak_reference_does_not_outlive_its_array_into_another():
    for _ in range(100):  # the memory is used again at once
        a = wg.array([1.0])
        r = weakref.ref(a)
        del a
        b = wg.array([2.0])
        assert r() is None
        assert weakref.getweakrefcount(b) == 0


def test_a_tracked_array_in_the_callback_of_its_weak_reference():
    y = vjp_rule(1)(leaf())
    made = []
    r = weakref.ref(y, lambda _: (gc.collect(), made.append(vjp_rule(1)(leaf()))))
    del y
    assert r() is None
    assert made[0].shape == (3,)
