"""Traces, graphs and paths of what is no float: masks and whole numbers on the way, leaves, other arguments."""

import numpy as np
import pytest
import wengert as wg
import wengert.numpy as wnp

X = np.array([1.0, -2.0, 0.5])
W = np.array([2.0, 3.0, -1.0])


def masked_steps(x):
    y = x * 1.0
    y = wnp.where(y > 0, y * y, -y)
    return wnp.sum(y * (x > -1) * wnp.floor(x).astype(int))


# Functions of one array and their slope at X.
ON_THE_WAY = {
    "mask": (lambda x: wnp.sum(x * (x > 0)), [1, 0, 1]),
    "where": (lambda x: wnp.sum(wnp.where(x > 0, x * x, -x)), [2, -1, 1]),
    "whole numbers": (lambda x: wnp.sum(x * wnp.floor(x).astype(int)), [1, -2, 0]),
    "mask as float": (lambda x: wnp.sum((x > 0).astype(float)) * wnp.sum(x), [2, 2, 2]),
    "count": (lambda x: wnp.sum(x) * wnp.sum(x > 0), [2, 2, 2]),
    "sorted": (lambda x: wnp.sum(x[wnp.argsort(x)] * np.arange(3.0)), [2, 0, 1]),
    "lookup": (lambda x: x[wnp.argmax(x)] * 3.0, [3, 0, 0]),
    "logical": (lambda x: wnp.sum(wnp.where(wnp.logical_and(x > 0, ~(x > 0.7)), x, 0.0)), [0, 0, 1]),
    "named mask": (lambda x: wnp.sum(wg.name(x > 0, "mask") * wg.name(x * x, "square")), [2, 0, 1]),
    "all of it": (masked_steps, [2, 0, 0]),
    "only masks": (lambda x: wnp.sum(x > 0) * 1.0, [0, 0, 0]),
}


@pytest.mark.parametrize("name", ON_THE_WAY)
def test_paths_lead_through_floats(name):
    f, want = ON_THE_WAY[name]
    np.testing.assert_allclose(wg.grad(f)(X), want)
    graph = wg.graph(f, X)
    paths = graph.paths()
    np.testing.assert_allclose(paths.sum(), want)
    assert len(paths) == graph.count_paths("x")
    for path in paths:
        assert all(graph[node].value.dtype.kind == "f" for node in path.nodes)
    np.testing.assert_allclose(graph.adjoints()["x"], want)
    np.testing.assert_allclose(wg.trace(f, X)["x"].adjoint, want)
    assert "d x" in graph.to_text("backward") or not np.any(want)


def test_ends_without_a_derivative_are_named():
    for f in (lambda x: x > 0, lambda x: wnp.argmax(x), lambda x: wnp.floor(x).astype(int)):
        graph = wg.graph(f, X)
        for use in (graph.paths, lambda g=graph: g.gradient("x")):
            with pytest.raises(TypeError, match="has no derivative"):
                use()
    graph = wg.graph(lambda x: x * (x > 0), X)
    for use in (lambda: graph.paths("v1"), lambda: graph.paths(of="v1"), lambda: graph.local_jacobian("v2", "v1")):
        with pytest.raises(TypeError, match="node 'v1' holds bool values and has no derivative"):
            use()
    assert graph.count_paths("v1") == 0


def test_whole_numbers_and_truth_values_as_arguments():
    def f(x, n, b):
        return wnp.sum(x * n + b)

    for n, b in ((3, True), (np.int64(3), np.bool_(True)), (np.array([1, 2, 3]), np.array([True, False, True]))):
        paths = wg.paths(f, X, n, b)
        np.testing.assert_allclose(paths.sum(), np.broadcast_to(n, 3))
        trace = wg.trace(f, X, n, b, tangents={"x": np.ones(3)})
        assert trace["n"].adjoint is None
        assert trace["b"].adjoint is None
        with pytest.raises(TypeError, match="node 'n' holds int64 values"):
            wg.paths(f, X, n, b, wrt="n")


@pytest.mark.parametrize("make", [lambda w: w, lambda w: w * 1.0], ids=["leaf", "computed"])
def test_captured_arrays_that_require_gradients(make):
    leaf = wg.array(W, requires_grad=True)
    w = make(leaf)

    def f(x):
        return wnp.sum(w * x * x)

    np.testing.assert_allclose(wg.trace(f, X, tangents=(np.ones(3),))["x"].adjoint, 2 * W * X)
    np.testing.assert_allclose(wg.graph(f, X).gradient("x"), 2 * W * X)
    np.testing.assert_allclose(wg.paths(f, X).sum(), 2 * W * X)
    assert leaf.grad is None
    f(X).backward()
    np.testing.assert_allclose(np.asarray(leaf.grad), X * X)  # its own graph was left alone
    np.testing.assert_allclose(wg.trace(lambda x: wnp.sum(x * x), leaf)["x"].adjoint, 2 * W)


def test_other_arguments_are_passed_on():
    def f(x, mode, g, opt, *rest):
        y = g(x) if mode == "double" else x
        return wnp.sum(y * opt["scale"]) if opt["on"] and not rest else y

    opt = {"scale": np.array([1.0, 2.0, 3.0]), "on": "yes", "none": None}
    for use in (
        lambda *a: wg.trace(f, *a)["x"].adjoint,
        lambda *a: wg.graph(f, *a).gradient("x"),
        lambda *a: wg.paths(f, *a, wrt="x").sum(),
        lambda *a: wg.trace(f, *a, tangents={"x": np.ones(3)})["x"].adjoint,
    ):
        np.testing.assert_allclose(use(X, "double", lambda x: x * 2.0, opt), [2.0, 4.0, 6.0])
    trace = wg.trace(f, X, "double", wnp.sin, opt)
    assert [row.name for row in trace][:2] == ["x", "opt['scale']"]


def test_tangents_as_a_tuple_beside_other_arguments():
    def f(x, mode, p):
        return wnp.sum(x * p["w"]) if mode == "sum" else x

    trace = wg.trace(
        f, X, "sum", {"w": W, "name": "layer"}, tangents=(np.ones(3), None, {"w": np.zeros(3), "name": None})
    )
    np.testing.assert_allclose(trace.rows[-1].tangent, W.sum())
    with pytest.raises(ValueError, match="tangents must be a tuple"):
        wg.trace(f, X, "sum", {"w": W, "name": "layer"}, tangents=(np.ones(3),))


def test_keyword_arguments():
    def f(x, k, mode="plain"):
        return x * k if mode == "times" else x

    assert wg.trace(f, 2.0, k=3.0, mode="times")["x"].adjoint == 3.0
    assert wg.graph(f, 2.0, k=3.0, mode="times").gradient("x") == 3.0
    assert wg.paths(f, 2.0, k=3.0, mode="times").sum() == 3.0
    assert wg.trace.adjoints(f, 2.0, k=3.0, mode="times")["x"] == 3.0
    assert wg.trace(f, 2.0, k=3.0, tangents=(1.0,), cotangent=2.0)["x"].adjoint == 2.0
