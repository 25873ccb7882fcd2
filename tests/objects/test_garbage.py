"""Cycles through transforms, rules and tapes are freed by the garbage collector, and nothing that is in use."""

import gc
import sys
import weakref

import numpy as np
import pytest
import wengert as wg
from garbage_cases import Box, X, jvp_rule, leaf, rematerialised, vector, vjp_rule


def freed(make):
    """Whether a Box that `make` has tied into a cycle goes away with one collection."""
    b = Box()
    keep = make(b)  # what stays outside must not hold it
    r = weakref.ref(b)
    del b
    gc.collect()
    assert keep is None
    return r() is None


def scanned(b):
    return lambda x: wg.scan(lambda c, _: ((b and c * 1.5), None), x, None, length=3)[0]


RULES = {"custom_vjp": vjp_rule, "custom_jvp": jvp_rule, "checkpoint": rematerialised, "scan": scanned, "none": vector}
TRANSFORMS = {
    "grad": lambda f: wg.grad(lambda x: np.sum(f(x))),
    "value_and_grad": lambda f: wg.value_and_grad(lambda x: np.sum(f(x))),
    "grad_aux": lambda f: wg.grad(lambda x: (np.sum(f(x)), 1), has_aux=True),
    "grad_of_grad": lambda f: wg.grad(lambda x: np.sum(wg.grad(lambda y: np.sum(f(y)))(x))),
    "jacfwd": wg.jacfwd,
    "jacrev": wg.jacrev,
    "jacobian": wg.jacobian,
    "hessian": lambda f: wg.hessian(lambda x: np.sum(f(x))),
    "elementwise_grad": wg.elementwise_grad,
    "checkpoint": wg.checkpoint,
    "compile": wg.compile,
    "compiled_grad": lambda f: wg.compile(wg.grad(lambda x: np.sum(f(x)))),
    "no_grad": lambda f: wg.no_grad()(f),
    "vjp": lambda f: wg.vjp(f, X)[1],
    "linearize": lambda f: wg.linearize(f, X)[1],
}


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("transform", TRANSFORMS)
def test_a_transform_of_a_function_that_knows_its_owner(transform, rule):
    def make(b):
        b.t = TRANSFORMS[transform](RULES[rule](b))
        b.t(X)
        if transform not in ("vjp", "linearize"):
            b.t.note = b

    assert freed(make)


class Model:
    def __init__(self, transform):
        self.w = np.ones(3)
        self.call = transform(self.loss)

    def loss(self, x):
        return np.sum(x * x * self.w[0])


@pytest.mark.parametrize("transform", [t for t in TRANSFORMS if t not in ("vjp", "linearize")])
def test_a_transform_of_an_own_method(transform):
    m = Model(TRANSFORMS[transform])
    m.call(X)
    r = weakref.ref(m)
    del m
    gc.collect()
    assert r() is None


def joined(b):
    """Two graphs, each with a rule, that meet."""
    w, v = leaf(), leaf()
    b.first, b.second = vjp_rule(b)(w), rematerialised(b)(v)
    b.loss = (b.first + b.second).sum()


def joined_late(b):
    """The graph without a rule is the larger one."""
    w, v = leaf(), leaf()
    y = w
    for _ in range(30):
        y = y * 1.1
    b.plain = y
    b.loss = (y + vjp_rule(b)(v)).sum()


def view_of_graph(b):
    y = vjp_rule(b)(leaf())
    b.view = y[1:][::-1]


def in_place(b):
    y = wg.array(np.zeros(3))
    y[1:] = vjp_rule(b)(leaf())[1:]
    b.y = y


def nested_values(b):
    b.got = wg.jvp(lambda x: vjp_rule(b)(x), (X,), (X,))


def escaped(b):
    def f(x):
        b.inner = vjp_rule(b)(x)
        return np.sum(b.inner)

    wg.grad(f)(X)


def escaped_second_order(b):
    def f(x):
        b.inner = wg.jvp(vjp_rule(b), (x,), (x,))[0]
        return np.sum(b.inner)

    wg.grad(f)(X)


def failed_gradient(b):
    def f(x):
        y = x * 2
        z = vjp_rule(b)(y)
        raise ValueError(z.shape)

    try:
        wg.grad(f)(X)
    except ValueError as e:
        b.error = e


def failed_rule(b):
    f = wg.custom_vjp(lambda x: x * x)

    def rule(r, g):
        raise ValueError(b is None)

    f.defvjp(lambda x: (x * x, x), rule)
    try:
        wg.grad(lambda x: np.sum(f(x)))(X)
    except ValueError as e:
        b.error = e


def failed_backward(b):
    f = wg.custom_vjp(lambda x: x * x)

    def rule(r, g):
        raise ValueError(b is None)

    f.defvjp(lambda x: (x * x, x), rule)
    b.loss = f(leaf()).sum()
    try:
        b.loss.backward()
    except ValueError as e:
        b.error = e


def failed_compile(b):
    def f(x):
        raise ValueError(b is None)

    b.g = wg.compile(f)
    try:
        b.g(X)
    except ValueError as e:
        b.error = e


def suspended_generator(b):
    def steps():
        y = vjp_rule(b)(leaf())
        while b:
            y = y * 2
            yield y

    b.steps = steps()
    b.seen = [next(b.steps), next(b.steps)]


def suspended_no_grad(b):
    def steps():
        with wg.no_grad():
            while b:
                yield

    b.steps = steps()
    next(b.steps)


def after_backward(b):
    b.loss = vjp_rule(b)(leaf()).sum()
    b.loss.backward(retain_graph=True)


def swept_and_gone(b):
    b.loss = vjp_rule(b)(leaf()).sum()
    b.loss.backward()


def many_rules(b):
    f = vjp_rule(b)
    y = leaf()
    for _ in range(50):
        y = f(y) * 0.1
    b.y = y


def tape_through_a_rule(b):
    """A residual that is a value of the tape itself."""
    f = wg.custom_vjp(lambda x: x * x)
    f.defvjp(lambda x: (x * x, (x, b)), lambda r, g: (2 * r[0] * g,))
    b.y = f(leaf() * 2)


def compiled_results(b):
    b.step = lambda x: b and x
    b.g = wg.compile(lambda x: (x * 2, {"f": b.step}))
    b.g(X)


def compiled_static(b):
    def step(x):
        return b and x * 2

    b.g = wg.compile(lambda f, x: f(x))
    b.g(step, X)


def compiled_method(b):
    def loss(x):
        return b and np.sum(x * x)

    b.g = wg.compile(wg.value_and_grad(loss))
    b.g(X)


def pullback_of_many(b):
    b.y, b.p = wg.vjp(lambda x, y: (vjp_rule(b)(x), rematerialised(b)(y)), X, X)


def nested_pullbacks(b):
    def f(x):
        y, p = wg.vjp(vjp_rule(b), x)
        return np.sum(p(y)[0])

    b.p = wg.vjp(f, X)[1]


def wrapper_of_itself(b):
    g = wg.grad(lambda x: np.sum(x * x))
    g.me, g.box = g, b


def partial_in_a_class(b):
    class C:
        df = wg.grad(lambda self, x: np.sum(x * x), argnums=1)

    b.c = C()
    b.c.b, b.c.d = b, b.c.df
    b.c.d(X)


def rule_on_loop(b):
    b.y = wg.fori_loop(0, 3, lambda i, c: b and c * 1.5, leaf())


def conditional(b):
    b.y = wg.cond(True, lambda x: b and x * 2, lambda x: x, leaf())


CYCLES = [
    joined,
    joined_late,
    view_of_graph,
    in_place,
    nested_values,
    escaped,
    escaped_second_order,
    failed_gradient,
    failed_rule,
    failed_backward,
    failed_compile,
    suspended_generator,
    suspended_no_grad,
    after_backward,
    compiled_results,
    swept_and_gone,
    many_rules,
    tape_through_a_rule,
    compiled_static,
    compiled_method,
    pullback_of_many,
    nested_pullbacks,
    wrapper_of_itself,
    partial_in_a_class,
    rule_on_loop,
    conditional,
]


@pytest.mark.parametrize("make", CYCLES)
def test_a_cycle_is_freed(make):
    assert freed(make)


@pytest.mark.parametrize("rule", RULES)
def test_a_graph_that_is_still_in_use_stays_whole(rule):
    """The collector must not take a rule that a live value needs, whatever dies around it."""
    w = leaf()
    keep = []
    for _ in range(5):
        b = Box()
        b.other = RULES[rule](b)(w * 2)
        keep.append(RULES[rule](b)(b.other + w).sum())
        b.loss = keep[-1] * 2
        del b
        gc.collect()
    total = keep[0]
    for k in keep[1:]:
        total = total + k
    gc.collect()
    total.backward()
    assert np.isfinite(np.asarray(w.grad)).all()
    assert (np.asarray(w.grad) != 0).all()
    pullback = wg.vjp(RULES[rule](Box()), X)[1]
    gc.collect()
    assert (pullback(np.ones(3))[0] != 0).all()


def test_a_collection_at_every_moment_changes_nothing():
    """Collections in the middle of recording and sweeping: the counts the collector sees are those of the moment."""

    def run():
        w = leaf()
        f, g = vjp_rule(1), rematerialised(1)
        y = f(w)
        for _ in range(4):
            y = g(y * 0.5) + f(w)
            z = y[1:]
        (y.sum() + z.sum()).backward()
        return (
            np.asarray(w.grad).copy(),
            wg.grad(lambda x: np.sum(g(f(x)) * f(x)))(X),
            wg.hessian(lambda x: np.sum(jvp_rule(1)(x) * x))(X),
        )

    want = run()
    old = gc.get_threshold()
    gc.set_threshold(1, 1, 1)
    try:
        for _ in range(3):
            for a, b in zip(run(), want, strict=True):
                np.testing.assert_array_equal(a, b)
    finally:
        gc.set_threshold(*old)


def test_a_rule_may_use_its_tape_while_it_ends():
    """What a rule held may run code when the sweep drops it, also on the same tape."""

    class Ends:
        def __del__(self):
            seen.append((w * 3).sum())

    seen = []
    w = leaf()
    for _ in range(20):
        f = wg.custom_vjp(lambda x: x * x)
        f.defvjp(lambda x, e=None: (x * x, (x, Ends())), lambda r, g: (2 * r[0] * g,))
        y = f(w) + w
        y.sum().backward()
        del y
    assert len(seen) == 20
    seen[-1].backward()


def test_arrays_are_known_to_the_collector_only_where_rules_are():
    assert not gc.is_tracked(wg.array(X))
    assert not gc.is_tracked(wg.array(X) * 2)
    assert gc.is_tracked(vjp_rule(1)(leaf()))
    assert sys.getsizeof(wg.array(X)) > 0
    assert gc.get_referents(wg.array(X)) == [wg.Array]
