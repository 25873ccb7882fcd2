"""Computational graphs: nodes, edges, local Jacobians, gradients of named nodes, text and DOT."""

import re

import numpy as np
import optree
import pytest
from wengert.problems import resolve_engine
from wengert.trace import CustomRuleWarning, Graph, Node, Recording, adjoints, graph, trace


@pytest.fixture(params=["wengert", "reference"])
def engine(request):
    return resolve_engine(request.param)


def classifier(engine):
    """One hidden layer, log-softmax and the negative log-likelihood of label 1; only h, l and q are named."""
    wnp, name = engine.numpy, engine.name

    def f(x, W, b, V):
        h = name(wnp.tanh(W @ x + b), "h")
        l = name(V @ h, "l")
        q = name(wnp.log_softmax(l), "q")
        return -q[1]

    return f


@pytest.fixture
def data():
    rng = np.random.default_rng(5)
    return rng.normal(size=3), rng.normal(size=(4, 3)), rng.normal(size=4), rng.normal(size=(2, 4))


@pytest.fixture
def net(engine, data):
    return graph(classifier(engine), *data, engine=engine)


def test_nodes_edges_and_kinds(net):
    assert [node.name for node in net] == ["x", "W", "b", "V", "h", "l", "q", "output"]
    assert [node.name for node in net.leaves] == ["x", "W", "b", "V"]
    assert [node.name for node in net.intermediates] == ["h", "l", "q"]
    assert net.output.name == "output"
    assert net["h"].args == ("W", "x", "b")
    assert set(net.edges) == {
        *(("W", "h"), ("x", "h"), ("b", "h"), ("V", "l"), ("h", "l"), ("l", "q"), ("q", "output")),
    }
    assert [user.name for user in net.users("h")] == ["l"]
    assert net["h"].expression == "tanh(W @ x + b)"
    assert net["output"].expression == "-q[1]"


def test_local_jacobians_between_named_nodes(net, data):
    x, W, b, V = data
    h = np.tanh(W @ x + b)
    slope = np.diag(1 - h**2)
    np.testing.assert_allclose(net.local_jacobian("h", "x"), slope @ W, rtol=1e-13)
    np.testing.assert_allclose(net.local_jacobian("h", "b"), slope, rtol=1e-13)
    np.testing.assert_allclose(net.local_jacobian("h", "W"), np.einsum("ij,k->ijk", slope, x), rtol=1e-13)
    np.testing.assert_allclose(net.local_jacobian("l", "h"), V, rtol=1e-13)
    p = np.exp(net["q"].value)
    np.testing.assert_allclose(net.local_jacobian("q", "l"), np.eye(2) - p, rtol=1e-12)
    np.testing.assert_array_equal(net.local_jacobian("output", "q"), [0, -1])


def test_a_local_jacobian_holds_the_other_named_arguments_fixed(engine):
    def f(x):
        a = engine.name(x * x, "a")
        return engine.name(a * x + a, "y")

    g = graph(f, 3.0, engine=engine)
    assert g.local_jacobian("y", "x") == 9  # a fixed
    assert g.local_jacobian("y", "a") == 4  # x fixed
    assert g.gradient("x") == 3 * 9 + 2 * 3


def test_an_argument_used_twice_is_one_edge(engine):
    g = graph(lambda x: x * x, 3.0, engine=engine)
    assert g.edges == (("x", "v1"),)
    assert g.local_jacobian("v1", "x") == 6


def test_gradients_of_inputs_and_intermediates(net, data, engine):
    V = data[3]
    p = np.exp(net["q"].value)
    dl = p - np.array([0, 1])
    np.testing.assert_allclose(net.gradient("l"), dl, rtol=1e-13)
    np.testing.assert_allclose(net.gradient("h"), V.T @ dl, rtol=1e-13)
    np.testing.assert_allclose(net.gradient("V"), np.outer(dl, net["h"].value), rtol=1e-13)
    for k, name in enumerate(["x", "W", "b", "V"]):
        wanted = engine.grad(classifier(engine), argnums=k)(*data)
        np.testing.assert_allclose(net.gradient(name), wanted, rtol=1e-13)
    assert set(net.adjoints()) == {"x", "W", "b", "V", "h", "l", "q", "output"}
    np.testing.assert_allclose(adjoints(classifier(engine), *data, engine=engine)["h"], V.T @ dl, rtol=1e-13)


def test_gradient_of_an_inner_node_and_of_nothing_downstream(net, data):
    h = net["h"].value
    np.testing.assert_allclose(net.gradient("b", of="h"), np.diag(1 - h**2), rtol=1e-13)
    assert net.gradient("V", of="h").shape == (4, 2, 4)
    assert not net.gradient("V", of="h").any()


def test_every_step_when_nothing_is_named(engine):
    g = graph(lambda x, y: engine.numpy.exp(x * y) + y, 0.5, 2.0, engine=engine)
    assert [node.expression for node in g] == ["input", "input", "x * y", "exp(v2)", "v3 + y"]
    assert [node.kind for node in g] == ["input", "input", "intermediate", "intermediate", "output"]
    assert g["y"] in g.inputs
    np.testing.assert_allclose(g.local_jacobian("v3", "v2"), np.e)


def test_named_true_and_false_force_the_view(engine, data):
    fine = graph(classifier(engine), *data, named=False, engine=engine)
    coarse = graph(lambda x: engine.numpy.exp(x * x), 1.0, named=True, engine=engine)
    assert len(fine) > 8
    assert [node.name for node in coarse] == ["x", "output"]
    np.testing.assert_allclose(coarse.local_jacobian("output", "x"), 2 * np.e)


def test_several_outputs(engine):
    def f(x):
        return engine.name(x * x, "a"), engine.name(x + 1.0, "b")

    g = graph(f, 3.0, engine=engine)
    assert [node.name for node in g.outputs] == ["a", "b"]
    assert g.gradient("x", of="a") == 6
    with pytest.raises(ValueError, match=r"the function has 2 outputs \(a, b\): say which with of="):
        g.gradient("x")


def test_text_and_dot_of_the_forward_graph(net):
    assert "tanh(W @ x + b)" in net.to_text()
    assert str(net) == net.to_text()
    dot = net.to_dot()
    assert dot.startswith("digraph forward {")
    assert set(re.findall(r'"(\w+)" -> "(\w+)";', dot)) == set(net.edges)
    assert dot.count("shape=box") == 4


def test_text_and_dot_of_the_backward_graph(net):
    lines = net.to_text("backward").splitlines()
    assert lines[0].split() == ["d", "output", "=", "1"]
    assert "d h" in net.to_text("backward")
    assert "d l * dl/dh" in net.to_text("backward")
    dot = net.to_dot("backward")
    assert set(re.findall(r'"(\w+)" -> "(\w+)" \[', dot)) == {(node, arg) for arg, node in net.edges}
    assert '"h" -> "W" [label="dh/dW (4, 4, 3)"]' in dot
    with pytest.raises(ValueError, match='direction must be "forward" or "backward", not \'up\''):
        net.to_dot("up")


def test_quotes_and_line_breaks_in_names_stay_valid_dot(engine):
    g = graph(lambda x: engine.name(x * 2.0, 'the "big"\none'), 1.0, engine=engine)
    assert '"the \\"big\\"\\none"' in g.to_dot()


def test_integer_leaves_have_no_derivative(engine):
    def f(q, y):
        return engine.name(q * y, "product")

    g = graph(f, np.ones(2), np.array([1, 2]), engine=engine)
    with pytest.raises(TypeError, match="node 'y' holds int64 values and has no derivative"):
        g.gradient("y", of="product")
    with pytest.raises(TypeError, match="node 'y' holds int64 values"):
        g.local_jacobian("product", "y")
    assert "y" not in g.adjoints("product")


def test_values_that_depend_on_no_input_are_constants_of_the_formula(engine):
    def f(x):
        return engine.name(x * (engine.numpy.ones(2) + 1.0), "y")

    g = graph(f, np.array([1.0, 2.0]), engine=engine)
    assert [node.name for node in g] == ["x", "y"]
    assert g["y"].expression == "x * [2, 2]"


def test_a_named_constant_is_a_leaf_with_a_derivative(engine):
    def node(index, op, args, value, label=None):
        return Node(index, op, args, {}, np.array(value), label, None)

    nodes = (
        node(0, "input", (), 3.0),
        node(1, "constant", (), 2.0, "rate"),
        node(2, "multiply", (1, 1), 4.0),
        node(3, "multiply", (0, 2), 12.0, "y"),
    )
    tree = optree.tree_structure((0.0,))
    g = Graph(Recording(engine, nodes, (0,), (3,), ("x",), tree, optree.tree_structure(0.0)))
    assert [(leaf.name, leaf.kind) for leaf in g.leaves] == [("x", "input"), ("rate", "constant")]
    assert g["y"].expression == "x * (rate * rate)"
    assert g.local_jacobian("y", "rate") == g.gradient("rate") == g.paths("rate").sum() == 12


def test_errors_name_the_known_names(net):
    with pytest.raises(KeyError, match="no node is called 'z'; the nodes are x, W, b, V, h, l, q, output"):
        net["z"]
    with pytest.raises(ValueError, match="'x' is no direct argument of 'l'; its direct arguments: V, h"):
        net.local_jacobian("l", "x")


def with_rule(engine, factor):
    """sin with a reverse rule that multiplies by ``factor`` cos."""

    @engine.custom_vjp
    def f(x):
        return engine.numpy.sin(x)

    f.defvjp(lambda x: (engine.numpy.sin(x), engine.numpy.cos(x)), lambda cos, g: (factor * g * cos,))
    return f


def test_a_custom_rule_that_differs_from_the_steps_is_told(engine):
    for show in (graph, trace):
        with pytest.warns(CustomRuleWarning, match="it uses custom_vjp or custom_jvp"):
            show(with_rule(engine, 2.0), 0.5, engine=engine)
        shown = show(with_rule(engine, 1.0), 0.5, engine=engine)  # the same derivative: nothing to tell
        assert shown["v1"].expression == "sin(x)"


def test_stop_gradient_is_a_step_like_any_other(engine):
    g = graph(lambda x: x * engine.stop_gradient(x * x), 3.0, engine=engine)
    assert g.gradient("x") == 9
    assert g.paths("x").sum() == 9
