"""Directed paths, their Jacobian products, their sum and their number."""

import numpy as np
import pytest
from wengert.problems import resolve_engine
from wengert.trace import TooManyPaths, graph, paths


@pytest.fixture(params=["wengert", "reference"])
def engine(request):
    return resolve_engine(request.param)


def scalar_graph(engine):
    def f(u1, u2):
        u3 = engine.name(u1 * u2, "u3")
        u4 = engine.name(u1 + u2, "u4")
        return engine.name(2 * u3 * u4, "u5")

    return f


def test_the_paths_of_the_scalar_graph(engine):
    p = paths(scalar_graph(engine), 3.0, 4.0, engine=engine)
    assert {path.nodes: path.product.item() for path in p} == {
        ("u1", "u3", "u5"): 56,
        ("u1", "u4", "u5"): 24,
        ("u2", "u3", "u5"): 42,
        ("u2", "u4", "u5"): 24,
    }
    assert p.counts == {"u1": 2, "u2": 2}
    assert {name: total.item() for name, total in p.sum().items()} == {"u1": 80, "u2": 66}
    assert "u1 -> u3 -> u5  56" in str(p)


def test_one_start_gives_an_array(engine):
    p = paths(scalar_graph(engine), 3.0, 4.0, wrt="u2", engine=engine)
    assert len(p) == 2
    assert p.sum().item() == 66
    assert [path.nodes[0] for path in p[:]] == ["u2", "u2"]


def test_paths_from_and_to_inner_nodes(engine):
    p = paths(scalar_graph(engine), 3.0, 4.0, wrt="u3", engine=engine)
    assert [path.nodes for path in p] == [("u3", "u5")]
    q = paths(scalar_graph(engine), 3.0, 4.0, wrt="u1", of="u4", engine=engine)
    assert [(path.nodes, path.product.item()) for path in q] == [(("u1", "u4"), 1)]


def test_products_of_matrices_add_up_to_the_jacobian(engine):
    def f(x, W):
        h = engine.name(engine.numpy.tanh(W @ x), "h")
        return engine.name(W @ h + x, "y")

    x, W = np.array([0.5, -0.25]), np.array([[1.0, -0.5], [0.25, 2.0]])
    g = graph(f, x, W, engine=engine)
    for k, name in enumerate(["x", "W"]):
        p = g.paths(name)
        assert len(p) == g.count_paths(name) == 2
        assert p[0].product.shape == (2, *(x, W)[k].shape)
        np.testing.assert_allclose(p.sum(), engine.jacobian(f, argnums=k)(x, W), rtol=1e-13)


def test_elementary_steps_without_names(engine):
    p = paths(lambda x: engine.numpy.sin(x) * engine.numpy.cos(x), 0.5, engine=engine)
    assert len(p) == 2
    np.testing.assert_allclose(p.sum(), np.cos(1.0))


def test_no_path_is_a_zero(engine):
    p = paths(lambda x, y: x * x, 3.0, np.ones(2), wrt="y", engine=engine)
    assert len(p) == 0
    np.testing.assert_array_equal(p.sum(), np.zeros(2))


def doubling(depth):
    def f(x):
        for _ in range(depth):
            x = x * 0.5 + x * 0.25
        return x

    return f


def test_counting_needs_no_listing(engine):
    g = graph(doubling(64), 1.0, engine=engine)
    assert g.count_paths("x") == 2**64
    np.testing.assert_allclose(g.gradient("x"), 0.75**64, rtol=1e-12)
    with pytest.raises(TooManyPaths, match=rf"there are {2**64} paths from x to v\d+, more than limit=1000"):
        g.paths("x")


def test_the_limit_can_be_raised(engine):
    p = paths(doubling(11), 1.0, limit=2048, engine=engine)
    assert len(p) == 2048
    np.testing.assert_allclose(p.sum(), 0.75**11, rtol=1e-12)


def test_a_long_chain_needs_no_recursion(engine):
    def chain(x):
        for _ in range(1500):
            x = x * 1.001
        return x

    p = paths(chain, 1.0, engine=engine)
    assert len(p) == 1
    np.testing.assert_allclose(p.sum(), 1.001**1500, rtol=1e-10)


def test_integer_starts_are_refused(engine):
    with pytest.raises(TypeError, match="node 'n' holds int64 values and has no derivative"):
        paths(lambda x, n: x * n, 2.0, np.array(3), wrt="n", engine=engine)
