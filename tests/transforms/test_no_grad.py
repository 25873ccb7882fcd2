"""no_grad belongs to the context it was entered in: threads, asyncio tasks, generators, in any order."""

import asyncio
import contextvars
import copy
import gc
import inspect
import pickle
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import numpy as np
import pytest
import wengert as wg

W = wg.array([1.0, 2.0], requires_grad=True)


def on():
    return (W * W).requires_grad


@pytest.fixture(autouse=True)
def recording_before_and_after():
    assert on()
    yield
    gc.collect()
    assert on()


def block():
    with wg.no_grad():
        yield on()
        yield on()


def test_nested_blocks_and_one_object_twice():
    n = wg.no_grad()
    with n:
        assert not on()
        with n:
            assert not on()
            with wg.no_grad():
                assert not on()
            assert not on()
        assert not on()
    assert on()


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_generators_left_in_any_order(order):
    steps = [block(), block()]
    assert [next(s) for s in steps] == [False, False]
    steps[order[0]].close()
    assert not on()
    steps[order[1]].close()
    assert on()


def test_three_generators_interleaved():
    a, b, c = block(), block(), block()
    next(a), next(b)
    a.close()
    next(c)
    b.close()
    assert not on()
    c.close()
    assert on()


def test_a_generator_that_is_dropped():
    a = block()
    next(a)
    assert not on()
    del a
    gc.collect()
    assert on()


def test_a_generator_that_raises():
    def failing():
        with wg.no_grad():
            yield
            raise KeyError

    a, b = failing(), block()
    next(a), next(b)
    with pytest.raises(KeyError):
        next(a)
    assert not on()
    b.close()
    assert on()


def test_exceptions_leave_the_block():
    with pytest.raises(ZeroDivisionError), wg.no_grad():
        raise ZeroDivisionError
    assert on()
    with ExitStack() as stack:
        for _ in range(5):
            stack.enter_context(wg.no_grad())
        assert not on()


def test_left_without_having_been_entered():
    with pytest.raises(RuntimeError, match="without having been entered"):
        wg.no_grad().__exit__(None, None, None)
    n = wg.no_grad()
    with n:
        pass
    with pytest.raises(RuntimeError, match="without having been entered"):
        n.__exit__(None, None, None)


# ---- asyncio ---------------------------------------------------------------------------------------------------------


def test_tasks_do_not_see_each_other():
    async def without():
        with wg.no_grad():
            await asyncio.sleep(0.002)
            first = on()
            await asyncio.sleep(0.002)
            return first or on()

    async def plain():
        seen = []
        for _ in range(4):
            await asyncio.sleep(0.001)
            seen.append(on())
        return all(seen)

    async def main():
        return await asyncio.gather(without(), plain(), without(), plain())

    assert asyncio.run(main()) == [False, True, False, True]


def test_tasks_inherit_the_block_they_were_started_in():
    async def child():
        await asyncio.sleep(0.002)
        return on()

    async def main():
        with wg.no_grad():
            inside = asyncio.ensure_future(child())
        outside = asyncio.ensure_future(child())
        return on(), await inside, await outside

    assert asyncio.run(main()) == (True, False, True)


def test_cancelled_tasks():
    async def forever():
        with wg.no_grad():
            await asyncio.sleep(60)

    async def main():
        t = asyncio.ensure_future(forever())
        await asyncio.sleep(0.001)
        assert on()
        t.cancel()
        await asyncio.gather(t, return_exceptions=True)
        return on()

    assert asyncio.run(main())


def test_an_asynchronous_generator_closed_by_another_task():
    async def values():
        with wg.no_grad():
            yield on()
            yield on()

    async def main():
        g = values()
        assert not await g.__anext__()
        await asyncio.ensure_future(g.aclose())  # in a copy of this context
        return on()

    assert asyncio.run(main())


def test_a_context_of_its_own():
    n = wg.no_grad()
    copied = contextvars.copy_context()
    copied.run(n.__enter__)
    assert on()
    assert not copied.run(on)
    n.__exit__(None, None, None)  # from outside: the block ends where it was entered
    assert copied.run(on)


# ---- threads ---------------------------------------------------------------------------------------------------------


def test_threads_do_not_see_each_other():
    barrier = threading.Barrier(8)

    def work(k):
        barrier.wait(20)
        seen = set()
        for _ in range(100):
            if k % 2:
                with wg.no_grad():
                    seen.add(on())
            else:
                seen.add(on())
        return seen

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(work, range(8))) == [{True}, {False}] * 4


def test_a_generator_entered_in_one_thread_and_closed_in_another():
    made, steps = [], block()
    entered, closed = threading.Event(), threading.Event()

    def first():
        next(steps)
        made.append(on())
        entered.set()
        closed.wait(20)
        made.append(on())

    t = threading.Thread(target=first)
    t.start()
    entered.wait(20)
    assert on()
    steps.close()
    assert on()
    closed.set()
    t.join()
    assert made == [False, True]


def test_one_object_as_decorator_in_many_threads():
    barrier = threading.Barrier(4)

    @wg.no_grad()
    def f(deep):
        if deep:
            return f(deep - 1)
        barrier.wait(20)
        return on()

    def work(k):
        return f(k % 3), on()

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(work, range(4))) == [(False, True)] * 4


# ---- decorators ------------------------------------------------------------------------------------------------------


@wg.no_grad()
def plain(x, *, y=1):
    """Documented."""
    return on(), x, y


def test_decorated_functions():
    assert plain(2, y=3) == (False, 2, 3)
    assert plain.__name__ == "plain"
    assert plain.__doc__ == "Documented."
    assert list(inspect.signature(plain).parameters) == ["x", "y"]
    assert pickle.loads(pickle.dumps(plain)) is plain
    assert copy.deepcopy(plain) is plain
    other = wg.no_grad()(raising)
    with pytest.raises(KeyError):
        other()
    assert on()
    with pytest.raises(KeyError):
        pickle.loads(pickle.dumps(other))()


def raising():
    assert not on()
    raise KeyError


def test_decorated_methods():
    class Model:
        @wg.no_grad()
        def step(self, x):
            return self, on(), x

    m = Model()
    assert m.step(1) == (m, False, 1)
    assert Model.step(m, x=2) == (m, False, 2)


def test_decorated_generator_functions():
    events = []

    @wg.no_grad()
    def values(n):
        try:
            for k in range(n):
                got = yield (k, on())
                if got:
                    events.append((got, on()))
        except KeyError:
            events.append(("error", on()))
            yield "caught"
        finally:
            events.append(("end", on()))
        return "result"

    assert inspect.isgeneratorfunction(values)
    g = values(3)
    assert next(g) == (0, False)
    assert on()  # between two values the caller records
    assert g.send("sent") == (1, False)
    assert g.throw(KeyError()) == "caught"
    with pytest.raises(StopIteration) as end:
        next(g)
    assert end.value.value == "result"
    g = values(2)
    next(g)
    g.close()
    assert events == [("sent", False), ("error", False), ("end", False), ("end", False)]


def test_decorated_coroutines_and_asynchronous_generators():
    @wg.no_grad()
    async def f():
        await asyncio.sleep(0.001)
        return on()

    @wg.no_grad()
    async def values():
        for _ in range(2):
            await asyncio.sleep(0)
            yield on()

    assert inspect.iscoroutinefunction(f)
    assert inspect.isasyncgenfunction(values)

    async def main():
        seen = [on()]
        async for v in values():
            seen += [v, on()]
        return seen, await asyncio.gather(f(), f()), on()

    assert asyncio.run(main()) == ([True, False, True, False, True], [False, False], True)


def test_optimiser_steps_inside():
    w = wg.array([1.0, 2.0], requires_grad=True)
    (w * w).sum().backward()
    with wg.no_grad():
        w -= 0.5 * w.grad
    assert w.requires_grad
    np.testing.assert_array_equal(np.asarray(w.detach()), [0.0, 0.0])
    assert copy.copy(wg.no_grad()).__class__ is wg.no_grad


def test_compiled_functions_see_the_block():
    g = wg.compile(lambda x: x * 2)
    assert g(W).requires_grad
    with wg.no_grad():
        assert not g(W).requires_grad
    assert g(W).requires_grad
