"""What primitives refuse: every message names the operation and what was wrong, and leaves nothing behind."""

import numpy as np
import pytest
import wengert as wg
from primitive_cases import ELEMENTWISE, REGISTRY, STRUCTURED
from wengert import _core

X = np.arange(6.0).reshape(2, 3)
BINARY = [p.name for p in ELEMENTWISE if p.arity == 2]
WITH_AXIS = [p.name for p in REGISTRY.values() if any(kind in {"axis", "axes"} for _, kind in p.params)]


def example(name):
    p = REGISTRY[name]
    if name in STRUCTURED:
        case = next(c for c in STRUCTURED[name] if all(np.size(x) for x in c.operands) and np.ndim(c.operands[0]))
        return list(case.operands), dict(case.params)
    return [np.full(3, 0.5 if hi == 1 else 1.5) for _, hi in p.domain], {}


@pytest.fixture(params=["plain", "reverse", "forward"])
def refused(request):
    """Calls a primitive at no level and under each mode, and returns the message."""

    def call(kind, name, *operands, **params):
        def f(x):
            return wg.apply(name, *[x if i == at else o for i, o in enumerate(operands)], **params)

        at = next((i for i, o in enumerate(operands) if isinstance(o, np.ndarray) and o.dtype.kind == "f"), 0)

        def attempt():
            can_vary = operands and isinstance(operands[at], np.ndarray) and operands[at].dtype.kind == "f"
            if request.param == "plain" or not can_vary:
                wg.apply(name, *operands, **params)
            elif request.param == "reverse":
                wg.vjp(f, operands[at])
            else:
                wg.jvp(f, (operands[at],), (np.ones_like(operands[at]),))

        with pytest.raises(kind) as error:
            attempt()
        assert _core.depth() == 0
        return str(error.value)

    return call


@pytest.mark.parametrize("name", BINARY)
def test_shapes_that_do_not_broadcast(name, refused):
    message = refused(ValueError, name, np.ones((2, 3)), np.ones((4,)))
    assert name.removesuffix("_of_constant") in message
    assert "(2, 3)" in message
    assert "(4,)" in message


@pytest.mark.parametrize("name", [n for n, p in REGISTRY.items() if p.arity > 0])
def test_a_missing_operand(name, refused):
    operands, params = example(name)
    message = refused(TypeError, name, *operands[:-1], **params)
    assert name in message


@pytest.mark.parametrize("name", [p.name for p in ELEMENTWISE])
def test_an_operand_too_many(name, refused):
    operands, _ = example(name)
    message = refused(TypeError, name, *operands, operands[0])
    assert name in message
    assert str(len(operands)) in message
    assert str(len(operands) + 1) in message


@pytest.mark.parametrize("name", REGISTRY)
def test_an_unknown_keyword(name, refused):
    operands, params = example(name)
    message = refused(TypeError, name, *operands, **params, out=None)
    assert name in message


@pytest.mark.parametrize("name", REGISTRY)
@pytest.mark.parametrize("bad", ["text", None, object(), {"a": 1}], ids=["str", "None", "object", "dict"])
def test_an_operand_that_is_no_array(name, bad):
    operands, params = example(name)
    with pytest.raises(TypeError, match=name):
        wg.apply(name, bad, *operands[1:], **params)


@pytest.mark.parametrize("name", ["sin", "add", "sum", "matmul", "concatenate"])
def test_complex_numbers_are_refused_with_a_repair(name):
    operands, params = example(name)
    for bad in (np.ones(3, complex), 1j):
        with pytest.raises(TypeError, match=r"(?i)complex"):
            wg.apply(name, bad, *operands[1:], **params)


@pytest.mark.parametrize("name", WITH_AXIS)
@pytest.mark.parametrize("axis", [7, -7])
def test_an_axis_out_of_range(name, axis, refused):
    operands, params = example(name)
    message = refused((ValueError, IndexError), name, *operands, **{**params, "axis": axis})
    assert name in message
    assert str(axis) in message


@pytest.mark.parametrize("name", WITH_AXIS)
def test_an_axis_that_is_no_number(name):
    operands, params = example(name)
    with pytest.raises(TypeError, match=name):
        wg.apply(name, *operands, **{**params, "axis": "first"})


@pytest.mark.parametrize("name", [p for p in WITH_AXIS if p in {"sum", "mean", "max", "logsumexp"}])
def test_an_axis_given_twice(name, refused):
    message = refused(ValueError, name, X, axis=(0, -2))
    assert name in message


@pytest.mark.parametrize(
    ("name", "operands", "params", "words"),
    [
        ("matmul", (np.ones((2, 3)), np.ones((2, 3))), {}, ("matmul", "(2, 3)")),
        ("matmul", (np.ones(3), np.ones((2, 3))), {}, ("matmul", "(3,)", "(2, 3)")),
        ("matmul", (np.ones(()), np.ones(3)), {}, ("matmul", "scalars")),
        ("matmul", (np.ones((2, 2, 3)), np.ones((3, 3, 1))), {}, ("matmul", "(2, 2, 3)", "(3, 3, 1)")),
        ("reshape", (X,), {"shape": (4, 2)}, ("reshape", "(2, 3)", "(4, 2)")),
        ("reshape", (X,), {"shape": (-1, -1)}, ("reshape", "-1")),
        ("reshape", (X,), {"shape": (-1, 4)}, ("reshape", "(2, 3)")),
        ("transpose", (X,), {"axes": (0, 0)}, ("transpose", "twice")),
        ("transpose", (X,), {"axes": (0,)}, ("transpose", "2")),
        ("transpose", (X,), {"axes": (0, 5)}, ("transpose", "5")),
        ("broadcast_to", (X,), {"shape": (3, 2)}, ("broadcast_to", "(2, 3)", "(3, 2)")),
        ("broadcast_to", (X,), {"shape": (3,)}, ("broadcast_to", "(2, 3)", "(3,)")),
        ("concatenate", (X, np.ones((2, 2))), {"axis": 0}, ("concatenate", "(2, 3)", "(2, 2)")),
        ("concatenate", (X, np.ones(3)), {"axis": 0}, ("concatenate", "(2, 3)", "(3,)")),
        ("concatenate", (np.ones(()), np.ones(())), {"axis": 0}, ("concatenate",)),
        ("stack", (X, np.ones((3, 2))), {"axis": 0}, ("stack", "(2, 3)", "(3, 2)")),
        ("where", (np.array([True, False]), np.ones(3), np.ones(3)), {}, ("where", "(2,)", "(3,)")),
    ],
)  # fmt: skip
def test_shapes_are_named(name, operands, params, words, refused):
    message = refused((ValueError, IndexError), name, *operands, **params)
    for word in words:
        assert word in message


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("slice", {"start": (3,), "step": (1,), "count": (2,), "shape": (2,)}),
        ("slice", {"start": (0,), "step": (-1,), "count": (2,), "shape": (2,)}),
        ("slice", {"start": (-1,), "step": (1,), "count": (1,), "shape": (1,)}),
        ("slice", {"start": (0,), "step": (2**62,), "count": (4,), "shape": (4,)}),
        ("slice", {"start": (0,), "step": (1,), "count": (-1,), "shape": (0,)}),
        ("strided", {"shape": (2,), "strides": (1,), "offset": 3, "layout": (1,)}),
        ("strided", {"shape": (2,), "strides": (-1,), "offset": 0, "layout": (1,)}),
        ("strided", {"shape": (1,), "strides": (1,), "offset": -1, "layout": (1,)}),
        ("strided", {"shape": (3,), "strides": (2**62,), "offset": 0, "layout": (1,)}),
        ("strided", {"shape": (2**40, 2**40), "strides": (1, 1), "offset": 0, "layout": (1,)}),
        ("strided", {"shape": (-1,), "strides": (1,), "offset": 0, "layout": (1,)}),
        ("strided", {"shape": (2, 2), "strides": (1,), "offset": 0, "layout": (1,)}),
        ("strided", {"shape": (2,), "strides": (1,), "offset": 0, "layout": (2,)}),
        ("strided", {"shape": (2,), "strides": (1,), "offset": 0, "layout": (1, 1)}),
        ("gather", {"indices": [4], "lead": 1}),
        ("gather", {"indices": [-1], "lead": 1}),
        ("gather", {"indices": [0], "lead": 2}),
        ("gather", {"indices": [0], "lead": -1}),
    ],
)
def test_positions_outside_the_array_are_never_read(name, params):
    with pytest.raises((IndexError, ValueError), match=name):
        wg.apply(name, np.ones(4), **params)


def test_a_part_that_meets_elements_twice_is_not_written():
    params = {"shape": (2, 3), "strides": (1, 1), "offset": 0, "layout": (1,)}
    with pytest.raises(ValueError, match=r"strided_update: .*twice"):
        wg.apply("strided_update", np.ones(4), np.ones((2, 3)), **params)


def test_float_indices_are_refused():
    with pytest.raises((TypeError, IndexError), match="gather"):
        wg.apply("gather", np.ones(4), indices=[0.5], lead=1)


def test_integers_to_negative_powers():
    with pytest.raises(ValueError, match=r"power.*float"):
        wg.apply("power", np.array([2, 3]), np.array([1, -1]))


def test_an_unknown_primitive():
    with pytest.raises(ValueError, match=r"sine.*primitives"):
        wg.apply("sine", 1.0)


@pytest.mark.parametrize("name", ["concatenate", "stack"])
def test_nothing_to_join(name):
    with pytest.raises(ValueError, match=name):
        wg.apply(name)


def test_shapes_too_large_for_memory_are_refused():
    x = wg.array([1.0])
    for shape in ((2**40, 2**20), (2**62,), (2**31, 2**31, 2**31)):
        with pytest.raises((MemoryError, ValueError)):
            _ = wg.apply("broadcast_to", x, shape=shape) + 1.0
    with pytest.raises((MemoryError, ValueError)):
        wg.grad(lambda x: wg.apply("sum", wg.apply("broadcast_to", x, shape=(2**45,)) * 2.0))(np.ones(1))
    assert _core.depth() == 0


@pytest.mark.parametrize(
    ("start", "step", "count"), [(0, 2**62, 1), (0, 0, 9), (2, 1, 2), (2, -1, 4), (4, 1, 0), (0, 1, -1)]
)
def test_ranges_that_leave_the_array(start, step, count):
    """Among them steps that no element is reached by: they would overflow before they are multiplied by nothing."""
    x = wg.array([[1.0] * 3] * 2)
    there = {"start": (0, start), "step": (1, step), "count": (2, count), "shape": (2, count)}
    with pytest.raises((IndexError, ValueError), match=r"wengert\.slice: .* axis 1 "):
        wg.apply("slice", x, **there)


def test_more_dimensions_than_fit():
    x = wg.array([1.0])
    with pytest.raises(ValueError, match="32"):
        wg.apply("reshape", x, shape=(1,) * 33)
    with pytest.raises(ValueError, match="32"):
        wg.apply("broadcast_to", x, shape=(1,) * 64)
