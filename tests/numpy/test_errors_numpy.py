"""Wrong programs around NumPy: the message says what, which shapes, and the repair."""

from __future__ import annotations

import numpy as np
import pytest
import wengert as wg
import wengert.numpy as wnp

X = np.arange(12.0).reshape(3, 4)
V = np.arange(3.0)


def raises(kind, *words):
    return pytest.raises(kind, match="".join(f"(?=[\\s\\S]*{word})" for word in words))


# One row: the exception, words of its message, a program.
PROGRAMS = {
    "function without a rule": (TypeError, ("numpy.histogram", "no derivative rule", "numpy\\(\\)"),
        lambda x: np.histogram(x)),
    "linalg function without a rule": (TypeError, ("numpy.linalg.eig", "no derivative rule"),
        lambda x: np.linalg.eig(x)),
    "ufunc without a rule": (TypeError, ("numpy.nextafter", "no derivative rule"), lambda x: np.nextafter(x, 1)),
    "fft": (TypeError, ("numpy.fft.fft", "no derivative rule"), lambda x: np.fft.fft(x)),
    "reduceat": (TypeError, ("add.reduceat", "slice"), lambda x: np.add.reduceat(x, [0, 1])),
    "at of another ufunc": (TypeError, ("multiply.at", "x\\[i\\]"), lambda x: np.multiply.at(x, [0], 2.0)),
    "at of a NumPy array": (TypeError, ("add.at", "cannot carry", "wengert.numpy.array"),
        lambda x: np.add.at(X.copy(), 0, x[0])),
    "in-place operator on a NumPy array": (TypeError, ("numpy.add", "cannot carry", "a = a"),
        lambda x: X.copy().__iadd__(x)),
    "out is a NumPy array": (TypeError, ("numpy.exp", "out=", "cannot carry"),
        lambda x: np.exp(x, out=np.empty((3, 4)))),
    "out of a reduction": (TypeError, ("sum", "out=", "assign the result"), lambda x: np.sum(x, out=np.empty(()))),
    "out of another shape": (ValueError, ("\\(2,\\)", "\\(3, 4\\)"), lambda x: np.exp(x, out=wg.array([1.0, 2.0]))),
    "where without out": (TypeError, ("numpy.exp", "where=", "np.where"), lambda x: np.exp(x, where=X > 0)),
    "axes of matmul": (TypeError, ("numpy.matmul", "axes", "not supported"),
        lambda x: np.matmul(x, x, axes=[(0, 1)] * 3)),
    "copy into a NumPy array": (TypeError, ("copyto", "ndarray", "wengert.numpy.array"),
        lambda x: np.copyto(X.copy(), x)),
    "max with where but no initial": (ValueError, ("max", "initial="), lambda x: wnp.max(x, where=X > 0)),
    "matrix norm by singular values": (NotImplementedError, ("norm", "singular values", "fro"),
        lambda x: np.linalg.norm(x, 2)),
    "norm over three axes": (ValueError, ("norm", "3 axes"),
        lambda x: wnp.linalg.norm(x.reshape(3, 2, 2), axis=(0, 1, 2))),
    "negative matrix power": (NotImplementedError, ("inv",), lambda x: wnp.linalg.matrix_power(x[:, :3], -1)),
    "matrix power of a rectangle": (np.linalg.LinAlgError, ("square", "\\(3, 4\\)"),
        lambda x: wnp.linalg.matrix_power(x, 2)),
    "axis out of range": (np.exceptions.AxisError, ("swapaxes", "axis 5"), lambda x: wnp.swapaxes(x, 0, 5)),
    "axis named twice": (ValueError, ("flip", "repeated"), lambda x: wnp.flip(x, (0, -2))),
    "uneven split": (ValueError, ("split", "3 equal", "\\(3, 4\\)", "array_split"), lambda x: wnp.split(x, 3, axis=1)),
    "empty concatenate": (ValueError, ("concatenate", "at least one"), lambda x: wnp.concatenate([])),
    "ragged nested sequence": (ValueError, ("one shape", "\\(4,\\)"),
        lambda x: wnp.array([x[0], x[0, 0]])),
    "tensordot lengths": (ValueError, ("tensordot", "\\(3, 4\\)"), lambda x: wnp.tensordot(x, x, 1)),
    "vdot sizes": (ValueError, ("vdot", "12", "3"), lambda x: wnp.vdot(x, V)),
    "cross lengths": (ValueError, ("cross", "3 elements", "4"), lambda x: wnp.cross(x, x)),
    "einsum terms": (ValueError, ("einsum", "2 terms", "1 operand"), lambda x: wnp.einsum("ij,jk", x)),
    "einsum axes": (ValueError, ("einsum", "'ijk'", "2 axes"), lambda x: wnp.einsum("ijk->i", x)),
    "einsum lengths": (ValueError, ("einsum", "label 'j'", "4", "3"), lambda x: wnp.einsum("ij,jk", x, x)),
    "einsum output": (ValueError, ("einsum", "output label"), lambda x: wnp.einsum("ij->ik", x)),
    "take of floats": (TypeError, ("take", "integers", "float64"), lambda x: wnp.take(x, V)),
    "take_along_axis axes": (ValueError, ("take_along_axis", "1 axes"),
        lambda x: wnp.take_along_axis(x, np.array([0]), 0)),
    "select of numbers": (TypeError, ("select", "boolean", "float64"), lambda x: wnp.select([x], [x])),
    "select counts": (ValueError, ("select", "1 conditions", "2 choices"), lambda x: wnp.select([x > 0], [x, x])),
    "choose outside": (ValueError, ("choose", "0..1", "mode="), lambda x: wnp.choose([0, 2], [x[0, :2], x[1, :2]])),
    "quantile outside": (ValueError, ("quantile", "\\[0, 1\\]"), lambda x: wnp.quantile(x, 1.5)),
    "percentile outside": (ValueError, ("percentile", "\\[0, 100\\]"), lambda x: np.percentile(x, 150)),
    "quantile method": (ValueError, ("quantile", "'odd'", "linear"), lambda x: wnp.quantile(x, 0.5, method="odd")),
    "pad mode": (NotImplementedError, ("pad", "'mean'", "reflect"), lambda x: np.pad(x, 1, "mean")),
    "pad width": (ValueError, ("pad", "negative"), lambda x: np.pad(x, -1)),
    "ldexp exponent": (TypeError, ("ldexp", "integer", "exp2"), lambda x: wnp.ldexp(x, 0.5)),
    "order of sort": (TypeError, ("sort", "order="), lambda x: wnp.sort(x, order="a")),
    "weights that sum to zero": (ZeroDivisionError, ("average", "zero"), lambda x: wnp.average(x, weights=0 * X)),
    "weights of another shape": (ValueError, ("average", "\\(3,\\)", "\\(3, 4\\)"), lambda x: wnp.average(x, 1, V)),
    "interp lengths": (ValueError, ("interp", "\\(3,\\)", "\\(2,\\)"), lambda x: wnp.interp(x, V, V[:2])),
    "convolve of matrices": (ValueError, ("convolve", "\\(3, 4\\)"), lambda x: wnp.convolve(x, x)),
    "gradient of too few": (ValueError, ("gradient", "at least 2"), lambda x: wnp.gradient(x[:1])),
    "diag of a tensor": (ValueError, ("diag", "\\(3, 4, 1\\)"), lambda x: wnp.diag(x[..., None])),
    "diagonal of a vector": (ValueError, ("diagonal", "\\(4,\\)", "diag"), lambda x: wnp.diagonal(x[0])),
    "matrix_transpose of a vector": (ValueError, ("matrix_transpose", "\\(4,\\)"),
        lambda x: wnp.matrix_transpose(x[0])),
    "geomspace of both signs": (ValueError, ("geomspace", "same sign"), lambda x: wnp.geomspace(-x[0, 1], x[0, 1])),
}  # fmt: skip


@pytest.mark.parametrize("name", PROGRAMS)
def test_message(name):
    kind, words, program = PROGRAMS[name]
    with raises(kind, *words):
        program(wg.array(X))


@pytest.mark.parametrize("name", PROGRAMS)
def test_message_inside_a_gradient_and_clean_state_after_it(name):
    kind, words, program = PROGRAMS[name]

    def f(x):
        program(x)
        return wnp.sum(x)

    with raises(kind, *words):
        wg.grad(f)(X)
    np.testing.assert_allclose(wg.grad(lambda x: wnp.sum(x**2))(V), 2 * V)


def test_foreign_operands_are_left_to_their_owner():
    class Foreign:
        def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
            return "theirs"

    assert np.add(wg.array(V), Foreign()) == "theirs"


def test_an_array_being_differentiated_is_never_turned_into_plain_numbers():
    def f(x):
        return np.sum(np.array([float(v) for v in V]) * np.asarray(x))

    with pytest.raises(TypeError):
        wg.grad(f)(V)
