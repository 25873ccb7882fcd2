"""Recordings of wengert.reference: every step with its operands, value and place, replayed."""

import math

import numpy as np
import pytest
import wengert.reference as wr

wnp = wr.numpy
rng = np.random.default_rng(3)


def test_record_gives_a_program_that_can_be_replayed():
    w = wr.array(rng.normal(size=(3, 2)))

    def f(x, y):
        h = wr.name(wnp.tanh(w @ x), "h")
        h[0] = y
        return {"loss": wnp.sum(wnp.softmax(h) ** 2), "h": wnp.concatenate([h, x[::-1]])}

    args = (np.array([0.5, -1.0]), 2.0)
    rec = wr.record(f, args)
    assert [rec.nodes[i].op for i in rec.inputs] == ["input", "input"]
    assert [node.label for node in rec.nodes if node.label] == ["h"]
    assert all(node.location.startswith("test_reference_recording.py:") for node in rec.nodes)
    assert all(i < node.index for node in rec.nodes for i in node.args)
    values = {}
    for node in rec.nodes:
        assert isinstance(node.value, np.ndarray)
        leaf = node.op in ("input", "constant")
        values[node.index] = node.value if leaf else wr.apply(node.op, *(values[i] for i in node.args), **node.params)
        np.testing.assert_array_equal(np.asarray(values[node.index]), node.value)
    np.testing.assert_array_equal(rec.nodes[rec.outputs[1]].value, wnp.sum(wnp.softmax(f(*args)["h"][:3]) ** 2))


def test_record_shows_the_derivative_and_ignores_what_it_does_not_know():
    rec = wr.record(wr.grad(wnp.sin), (0.5,))
    assert [node.op for node in rec.nodes] == ["input", "sin", "cos", "constant", "multiply"]
    assert rec.nodes[rec.outputs[0]].value == pytest.approx(math.cos(0.5))
    assert wr.name(3.0, "x") == 3.0
    rec = wr.record(lambda x: x * np.float32(2), (np.float32(3),))
    assert rec.nodes[-1].value.dtype == np.float32
    rec = wr.record(lambda x: x * 2, (np.ones(2, np.float32),))
    assert [node.value.dtype for node in rec.nodes] == [np.float32] * 3


def test_recording_can_run_inside_a_derivative():
    assert wr.grad(lambda x: float(wr.record(lambda y: y * x, (2.0,)).nodes[-1].value) * x)(3.0) == 6.0
