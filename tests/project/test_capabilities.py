"""One test per capability that the problem set requires (docs/capabilities.md), for both engines."""

import numpy as np
import pytest
from wengert.problems import check, evaluate, gradient_error, input_values, load, program_function, resolve_engine
from wengert.problems.operations import bce_with_logits, cross_entropy_with_logits, softargmax_b, softmax_b
from wengert.trace import adjoints, graph, paths, trace

P = load()


@pytest.fixture(params=["wengert", "reference"])
def engine(request):
    return resolve_engine(request.param)


def want(problem, key):
    return P[problem].quantity(key).value


def close(got, wanted):
    np.testing.assert_allclose(np.asarray(got), wanted, rtol=1e-11, atol=1e-13)


def passes(engine, mode, problem, *prefixes):
    """Every quantity of the problem whose key starts with one of the prefixes is computed by the mode and right."""
    results = [r for r in check(P[problem], engine, mode) if r.key.startswith(prefixes)]
    assert results
    assert all(r.ok for r in results), [r for r in results if not r.ok]


def of_inputs(name, engine):
    return program_function(P[name], engine), input_values(P[name])


def test_01_evaluation_trace_of_named_steps(engine):
    f, values = of_inputs("P5", engine)
    t = trace(f, *values, engine=engine)
    assert [row.name for row in t][:2] == ["x1", "x2"]
    for step in P["P5"].program:
        close(t[step.name].value, want("P5", f"primal/{step.name}"))
    table = str(t).splitlines()
    assert table[0].split()[:4] == ["w_i", "name", "expression", "primal"]
    assert any(line.split()[1:4] == ["v3", "exp(v2)", "7.38906"] for line in table)


def test_02_forward_mode_in_one_and_in_several_directions(engine):
    f, values = of_inputs("P5", engine)
    for direction in ("x1", "x2"):
        t = trace(f, *values, tangents={direction: 1.0}, engine=engine)
        for step in P["P5"].program:
            close(t[step.name].tangent, want("P5", f"tangent/d{direction}/{step.name}"))
    f, values = of_inputs("P7", engine)
    columns = engine.jacfwd(f, argnums=(0, 1))(*values)
    close(columns[0], want("P7", "tangent/dx1/y"))
    close(columns[1], want("P7", "tangent/dx2/y"))


def test_03_reverse_mode_adds_over_every_use(engine):
    f, values = of_inputs("P8", engine)
    t = trace(f, *values, engine=engine)
    for step in P["P8"].program:
        close(t[step.name].adjoint, want("P8", f"adjoint/{step.name}"))
    through_penalty, through_network = want("P8", "path/x/0"), want("P8", "path/x/1")
    close(t["x"].adjoint, through_penalty + through_network)


def test_04_jacobian_by_columns_and_by_rows(engine):
    f, values = of_inputs("P7", engine)
    by_column = engine.jacfwd(f, argnums=(0, 1))(*values)
    by_row = engine.jacrev(f, argnums=(0, 1))(*values)
    for k in range(2):
        close(by_column[k], want("P7", "jacobian")[:, k])
        close(by_row[k], want("P7", "jacobian")[:, k])
    close(engine.jvp(f, values, (np.array(1.0), np.array(-1.0)))[1], want("P7", "jvp/(1,-1)"))
    close(np.stack(engine.vjp(f, *values)[1](np.array([1.0, 2.0]))), want("P7", "vjp/(1,2)"))


def test_05_graph_with_leaves_intermediates_output_and_drawings(engine):
    f, values = of_inputs("P1", engine)
    g = graph(f, *values, engine=engine)
    assert {leaf.name for leaf in g.leaves} == set(P["P1"].differentiable)
    assert [node.name for node in g.intermediates] == ["z1", "h1", "z2", "h2", "l", "q"]
    assert g.output.name == "o"
    assert '"z1" -> "h1";' in g.to_dot()
    assert '"h1" -> "z1" [label="dh1/dz1 (4, 4)"];' in g.to_dot("backward")
    assert "tanh(z1)" in g.to_text()
    assert "d h1 * dh1/dz1" in g.to_text("backward")


def test_06_local_jacobians_and_path_products(engine):
    f, values = of_inputs("P3", engine)
    g = graph(f, *values, engine=engine)
    close(g.local_jacobian("l1", "V"), want("P3", "local/l1/V"))
    p = g.paths("V")
    assert [path.nodes for path in p] == [("V", "l1", "q1", "o"), ("V", "l2", "q2", "o")]
    close(p[0].product, want("P3", "path/V/0"))
    close(p.sum(), want("P3", "grad/V"))


def test_07_integer_leaves_have_no_derivative(engine):
    def loss(q, label):
        return -q[label]

    q = np.array([-0.5, -1.0, -2.0])
    np.testing.assert_array_equal(engine.grad(lambda q: loss(q, 1))(q), [0, -1, 0])
    with pytest.raises((TypeError, ValueError), match=r"(?i)int"):
        engine.grad(lambda x, label: engine.numpy.sum(x * label), argnums=1)(q, np.array([1, 2, 3]))
    g = graph(lambda x, label: x * label, 2.0, np.array(3), engine=engine)
    assert "label" not in g.adjoints()


def test_08_vector_and_matrix_operations(engine):
    passes(engine, "reverse", "P17", "grad/", "local/")
    passes(engine, "reverse", "P18", "grad/", "local/")
    passes(engine, "reverse", "P8", "local/R/", "local/v1/")
    passes(engine, "reverse", "P4", "local/")


def test_09_scalar_operations_with_constants(engine):
    for name in ("P2", "P5", "P6", "P9"):
        passes(engine, "reverse", name, "primal/", "grad/", "adjoint/")


def test_10_activations_and_their_kinks(engine):
    for name in ("P1", "P1-sigmoid", "P1-relu", "P11", "P12-mlp", "P14"):
        passes(engine, "reverse", name, "grad/")
    for mode in ("reverse", "forward"):
        passes(engine, mode, "P12", "relu3")


def test_11_softmax_log_softmax_and_the_smooth_maximum(engine):
    wnp = engine.numpy
    e = np.array([1.0, 2.0, 0.5])
    values = [float(softmax_b(wnp, e, b)) for b in (0.5, 1.0, 2.0, 10.0, 100.0, 1000.0)]
    assert values == sorted(values, reverse=True)
    for b, value in zip((0.5, 1.0, 2.0, 10.0, 100.0, 1000.0), values, strict=True):
        assert 2.0 <= value <= 2.0 + np.log(3) / b
    close(engine.grad(lambda e: softmax_b(wnp, e, 2.0))(e), softargmax_b(wnp, e, 2.0))
    passes(engine, "reverse", "P16-tie-b1000", "primal/", "grad/")
    passes(engine, "reverse", "P16-limit", "limit/")


def test_12_losses(engine):
    for name in ("P1", "P8", "P11", "P15", "P15-soft", "P19"):
        passes(engine, "reverse", name, "primal/")
    passes(engine, "reverse", "P15", "bce_mean/", "combined/", "adjoint/")


def test_13_shared_parameters_and_unrolled_recurrence(engine):
    f, values = of_inputs("P22", engine)
    names = P["P22"].differentiable
    gradient = engine.grad(f, argnums=names.index("U"))(*values)
    uses = [want("P22", f"use_at_step/{t}") for t in range(3)]
    close(gradient, sum(uses))
    close(graph(f, *values, engine=engine).paths("U").sum(), want("P22", "dL/dU"))
    passes(engine, "reverse", "P18-equal", "grad/")


def test_14_stacked_evaluation_gives_the_same_gradients(engine):
    single, values = of_inputs("P3", engine)
    stacked, _ = of_inputs("P4", engine)
    every = tuple(range(len(values)))
    for one, two in zip(
        engine.grad(single, argnums=every)(*values), engine.grad(stacked, argnums=every)(*values), strict=True
    ):
        close(one, np.asarray(two))
    passes(engine, "reverse", "P13-batch", "train/0/")


def test_15_gradients_of_inputs_and_intermediate_nodes(engine):
    f, values = of_inputs("P20", engine)
    found = adjoints(f, *values, engine=engine)
    for name in ("h0", "h1", "h2", "mu0", "mu1", "hbar1"):
        close(found[name], want("P20", f"dL/d{name}"))
    close(found["x0"], want("P23", "dL/dx0"))


def test_16_several_outputs_each_differentiated_on_its_own(engine):
    f, values = of_inputs("P21", engine)
    g = graph(f, *values, engine=engine)
    for loss in ("l0", "l1", "l2", "L"):
        close(g.gradient("V", of=loss), want("P21", f"d{loss}/dV"))


def test_17_gradient_check(engine):
    def closed_form(x1, w1, x2, w2):
        g2 = (2 + np.sin(x1 * w1) ** 2 + np.cos(x2 * w2)) ** 2
        inner, outer = np.sin(2 * x1 * w1) / g2, np.sin(x2 * w2) / g2
        return -w1 * inner, -x1 * inner, w2 * outer, x2 * outer

    f, values = of_inputs("P9", engine)
    gradient = engine.grad(f, argnums=(0, 1, 2, 3))(*values)
    close(np.stack(gradient), closed_form(*values))
    assert gradient_error(P["P9"], engine) < 1e-8
    for k, exact in enumerate(gradient):
        np.testing.assert_allclose(engine.numerical_gradient(f, argnums=k)(*values), exact, rtol=1e-6)


def test_18_stages_with_their_own_forward_and_backward(engine):
    wnp = engine.numpy

    @engine.custom_vjp
    def squared_sigmoid(q):
        return wnp.sigmoid(q) ** 2

    def forward(q):
        sigma = wnp.sigmoid(q)
        return sigma**2, (sigma, wnp.sigmoid(-q))

    def backward(saved, cotangent):
        sigma, rest = saved
        return (cotangent * 2 * rest * sigma**2,)

    squared_sigmoid.defvjp(forward, backward)
    problem = P["P10"]
    W, x = problem.inputs["W"], problem.inputs["x"]
    dW, dx = engine.grad(lambda W, x: wnp.sum(squared_sigmoid(W @ x)), argnums=(0, 1))(W, x)
    np.testing.assert_allclose(dW, want("P10", "grad/W"), rtol=1e-11)
    np.testing.assert_allclose(dx, want("P10", "grad/x"), rtol=1e-11)


def test_19_training_loop_with_zero_grad_and_accumulating_backward(engine):
    for name in ("P13", "P13-batch"):
        passes(engine, "reverse", name, "train/")
        passes(engine, "reverse", name, "train_no_zero_grad/")
        passes(engine, "reverse", name, "accumulate_twice/")


def test_20_inputs_and_outputs_of_every_layer_are_readable(engine):
    f, values = of_inputs("P11", engine)
    t = trace(f, *values, engine=engine).named()
    layers = [("s1", "a1"), ("s2", "yt")]
    for before, after in layers:
        close(t[before].value, want("P11", f"primal/{before}"))
        close(t[after].value, want("P11", f"primal/{after}"))
        close(t[before].adjoint, want("P11", f"adjoint/{before}"))


def test_21_gradients_have_the_shape_of_the_variable(engine):
    for name in ("P1", "P8", "P11", "P19"):
        f, values = of_inputs(name, engine)
        for gradient, value in zip(engine.grad(f, argnums=tuple(range(len(values))))(*values), values, strict=True):
            assert np.shape(gradient) == value.shape
    with pytest.raises(ValueError, match="matmul"):
        engine.grad(lambda W: engine.numpy.sum(W @ np.ones(2)))(np.ones((3, 3)))
    passes(engine, "reverse", "P22", "shape/", "dL/dU")


def test_22_directional_derivative_along_a_matrix(engine):
    f, values = of_inputs("P22", engine)
    k = P["P22"].differentiable.index("U")
    directions = tuple(np.eye(3) if i == k else np.zeros_like(v) for i, v in enumerate(values))
    tangent = engine.jvp(f, values, directions)[1]
    close(tangent, want("P22", "jvp_eye/L"))
    close(tangent, np.trace(want("P22", "dL/dU")))


def test_23_float64_by_default_and_float32_on_request(engine):
    f, values = of_inputs("P1", engine)
    every = tuple(range(len(values)))
    assert {np.asarray(g).dtype for g in engine.grad(f, argnums=every)(*values)} == {np.dtype(np.float64)}
    single = tuple(value.astype(np.float32) for value in values)
    gradients = engine.grad(f, argnums=every)(*single)
    assert {np.asarray(g).dtype for g in gradients} == {np.dtype(np.float32)}
    for name, gradient in zip(P["P1"].differentiable, gradients, strict=True):
        np.testing.assert_allclose(gradient, want("P1", f"grad/{name}"), rtol=5e-6, atol=5e-6)


def test_24_stable_at_saturation(engine):
    wnp = engine.numpy
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        for mode in ("reverse", "forward"):
            passes(engine, mode, "P24", "sigmoid", "tanh", "softmax", "log_softmax", "cross_entropy", "bce")
            passes(engine, mode, "P10", "grad/")
        assert float(bce_with_logits(wnp, 800.0, 0.0)) == 800
        assert float(cross_entropy_with_logits(wnp, np.array([1000.0, 0.0, -1000.0]), 2)) == 2000


def test_paths_and_counts_of_the_recurrent_network(engine):
    f, values = of_inputs("P22", engine)
    p = paths(f, *values, wrt="U", engine=engine)
    assert len(p) == 6
    assert {path.nodes[1] for path in p} == {"hbar0", "hbar1", "hbar2"}
    nodes = evaluate(P["P22"], engine, {})
    assert np.shape(nodes["L"]) == ()
