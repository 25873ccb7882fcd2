"""Every quantity of the problem set, for every engine in every mode that computes it."""

from dataclasses import replace

import pytest
from wengert.problems import MODES, check, check_all, covered, gradient_error, load, meta, resolve_engine
from wengert.problems.evaluator import COUNTERPARTS

ENGINES = ("wengert", "reference")
PROBLEMS = load()
CASES = [(name, mode) for name, problem in PROBLEMS.items() for mode in MODES if covered(problem, None, mode)]
CHECKED_BY_DIFFERENCES = [name for name, problem in PROBLEMS.items() if "gradient_check" in problem.extra]


def failures(results):
    return [f"{result.problem} {result.key}: {result.detail}" for result in results if not result.ok]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(("name", "mode"), CASES, ids=[f"{name}-{mode}" for name, mode in CASES])
def test_quantities(name, mode, engine):
    results = list(check(PROBLEMS[name], engine, mode))
    assert len(results) == len(covered(PROBLEMS[name], None, mode)) > 0
    assert not failures(results), "\n".join(failures(results))


def test_no_quantity_is_left_out():
    for problem in PROBLEMS.values():
        reached = {quantity.key for mode in MODES for quantity in covered(problem, None, mode)}
        assert reached == {quantity.key for quantity in problem.quantities}, problem.id


def test_the_set_is_complete():
    kinds = {quantity.kind for problem in PROBLEMS.values() for quantity in problem.quantities}
    assert kinds == set(meta()["kinds"])
    assert len(PROBLEMS) == 45
    assert sum(len(problem.quantities) for problem in PROBLEMS.values()) == 1791
    for problem in PROBLEMS.values():
        assert len({quantity.key for quantity in problem.quantities}) == len(problem.quantities)


def test_every_trap_has_a_counterpart():
    traps = {(p.id, q.key) for p in PROBLEMS.values() for q in p.quantities if q.kind == "must_differ"}
    assert traps == set(COUNTERPARTS)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", CHECKED_BY_DIFFERENCES)
def test_gradient_against_differences(name, engine):
    facts = PROBLEMS[name].extra["gradient_check"]
    error = gradient_error(PROBLEMS[name], resolve_engine(engine))
    if facts["usable"]:
        assert error <= facts["recommended_atol"]
    elif name == "P12-mlp":  # a central difference across the kink disagrees with the convention by half the jump
        assert error == pytest.approx(facts["measured_max_abs_error"], rel=1e-6)
    else:  # saturated: the absolute error is tiny, but so is the gradient
        assert error <= 10 * facts["measured_max_abs_error"]


# -- the harness itself must be able to fail ------------------------------------------------------------------------


def altered(name, key, **fields):
    """Problem ``name`` with other fields in the quantity ``key``, and nothing else to check."""
    problem = PROBLEMS[name]
    quantity = problem.quantity(key)
    planted = replace(quantity, fields={**quantity.fields, **fields})
    kept = tuple(q for q in problem.quantities if (problem.id, quantity.key) in COUNTERPARTS and q is not quantity)
    return replace(problem, quantities=(planted, *kept))


def outcome(problem, mode):
    return next(iter(check(problem, "reference", mode)))


@pytest.mark.parametrize(
    ("name", "key", "mode"),
    [
        ("P1", "grad/W1", "reverse"),
        ("P1", "grad/W1", "forward"),
        ("P1", "adjoint/h1", "graph"),
        ("P3", "path/V/0", "graph"),
        ("P3", "path/V/0", "reverse"),
        ("P5", "tangent/dx2/v8", "forward"),
        ("P10", "grad/x", "reverse"),
        ("P13", "train/3/param/W1", "reverse"),
        ("P22", "jvp_eye/L", "forward"),
    ],
)
def test_a_value_wrong_by_a_millionth_fails_on_the_reference(name, key, mode):
    right = PROBLEMS[name].quantity(key)
    wrong = right.value * (1 + 1e-6)
    assert outcome(altered(name, key), mode).ok
    assert not outcome(altered(name, key, value=wrong.tolist()), mode).ok


def test_a_wrong_shape_fails_on_the_reference():
    value = PROBLEMS["P22"].quantity("dL/dU").value
    result = outcome(altered("P22", "dL/dU", value=value.reshape(1, 3, 3).tolist()), "reverse")
    assert not result.ok
    assert "shape (3, 3), expected (1, 3, 3)" in result.detail


def test_a_trap_value_that_is_right_fails_on_the_reference():
    right = PROBLEMS["P5"].quantity("adjoint/v5").value
    result = outcome(altered("P5", "wrong/adjoint_v5_cos_v5", value=right.tolist()), "reverse")
    assert not result.ok
    assert "equals the trap" in result.detail


def test_a_wrong_point_derivative_fails_on_the_reference():
    assert not outcome(altered("P24", "sigmoid(40.0)", derivative=0.0), "reverse").ok
    assert not outcome(altered("P12", "relu3(0.0)", derivative=1.5), "forward").ok


def test_an_exception_is_a_failed_result_on_the_reference():
    step = replace(PROBLEMS["P2"].program[0], op="no_such_operation")
    problem = replace(PROBLEMS["P2"], program=(step, *PROBLEMS["P2"].program[1:]))
    results = list(check(problem, "reference", "reverse"))
    assert results
    assert not any(result.ok for result in results)
    assert "no_such_operation" in results[0].detail


def test_stable_tolerances_are_the_ones_in_force():
    assert PROBLEMS["P10"].quantity("local/sig/q").tolerance.rtol == 1e-11
    assert PROBLEMS["P24"].quantity("sigmoid(40.0)").derivative_tolerance.atol == 1e-300


def test_mode_reference_checks_everything_with_the_reference():
    results = list(check_all("wengert", "reference"))
    assert len(results) == sum(len(problem.quantities) for problem in PROBLEMS.values())
    assert not failures(results)


def test_unknown_engine_or_mode_is_named():
    with pytest.raises(ValueError, match=r"no engine is called 'numpy'; there are \['reference', 'wengert'\]"):
        resolve_engine("numpy")
    with pytest.raises(ValueError, match="no mode is called 'sideways'"):
        list(check_all("reference", "sideways"))
