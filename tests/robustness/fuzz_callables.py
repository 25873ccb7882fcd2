"""Every public callable and method, called with arguments good and bad: nothing may crash, hang or lose its error.

    python tests/robustness/fuzz_callables.py 60                 for a minute
    python tests/robustness/fuzz_callables.py 60 --seed 7        other calls
    python tests/robustness/fuzz_callables.py --batch 7/12 -v    one batch again, every call printed
    python tests/robustness/fuzz_callables.py --batch 7/12 --only 31    one call of it

A batch is a forked process with limits of memory and time. The text of a call is written to shared memory before the
call is made, so the last one is known however the process ends. A call is a finding if the process dies, if it does
not answer a signal (a loop that is merely long does, and is counted), if it ends in SystemError, or in MemoryError
though nothing in it is large. Calls depend on the batch and their number only, except through what earlier calls of
the batch have left behind. `.ci/fuzz callables` runs this under AddressSanitizer.
"""

from __future__ import annotations

import argparse
import gc
import mmap
import os
import pathlib
import random
import resource
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import wengert as wg
import wengert.numpy as wnp
import wengert.optim
import wengert.random
import wengert.testing
from fuzz_values import Made, Values
from wengert._core import holds_array

CALLS = 200  # in a batch
PATIENCE = 2.0  # seconds until a call is told to stop
GRACE = 20.0  # seconds it then has to do so
MEMORY = 2 << 30
SANITIZED = "libasan" in os.environ.get("LD_PRELOAD", "")  # whose shadow takes all addresses

# What changes the process for everybody, or asks for what no limit holds back.
_EXCLUDED = {
    "wengert.numpy.set_printoptions",
    "wengert.numpy.printoptions",
    "wengert.numpy.get_printoptions",
    "wengert.show_config",
    "Array.__class__",
    "Array.__init_subclass__",
    "Array.__subclasshook__",
    "Array.__getattribute__",
    "Array.__dir__",
}


# ---- what is called --------------------------------------------------------------------------------------------------


def _names(module: Any) -> Iterator[tuple[str, Any]]:
    for name in sorted(getattr(module, "__all__", dir(module))):
        thing = getattr(module, name)
        if not name.startswith("_") and callable(thing):
            yield name, thing


def targets() -> dict[str, Callable[..., Any]]:
    """Name and callable of everything public; methods take the object first."""
    found: dict[str, Callable[..., Any]] = {}
    for module in (wg, wnp, wnp.linalg, wengert.random, wengert.optim, wengert.testing):
        for name, thing in _names(module):
            found[f"{module.__name__}.{name}"] = thing
    for name in sorted({*dir(wg.Array), *vars(wg.Array)}):
        thing = getattr(wg.Array, name, None)
        if callable(thing):
            found[f"Array.{name}"] = thing
        elif thing is not None and name != "__doc__":
            found[f"Array.{name}"] = _getter(name)
            found[f"Array.{name} ="] = _setter(name)
    for kind in (wengert.optim.SGD, wengert.optim.Adam):
        for name in ("step", "zero_grad", "init", "apply", "update", "slots"):
            found[f"{kind.__name__}.{name}"] = _method_of(kind, name)
    for kind in (wg.compile, wg.custom_vjp, wg.custom_jvp):
        made = kind(lambda x: x)
        for name in sorted(n for n in dir(type(made)) if not n.startswith("_")):
            if callable(getattr(type(made), name, None)):
                found[f"{kind.__name__}(f).{name}"] = _method_of(kind, name)
    for name in sorted(dir(np)):
        thing = getattr(np, name)
        if isinstance(thing, np.ufunc) or (callable(thing) and hasattr(thing, "_implementation")):
            found[f"numpy.{name}"] = thing
    return {name: thing for name, thing in found.items() if name not in _EXCLUDED}


def _getter(name: str) -> Callable[..., Any]:
    return lambda x, *_: getattr(x, name)


def _setter(name: str) -> Callable[..., Any]:
    return lambda x, value=None, *_: setattr(x, name, value)


def _method_of(kind: Any, name: str) -> Callable[..., Any]:
    return lambda first=None, *rest, **keywords: getattr(kind(first), name)(*rest, **keywords)


# ---- how it is called ------------------------------------------------------------------------------------------------


class Call:
    """One call: what is called, its arguments, and where it happens."""

    def __init__(self, name: str, function: Callable[..., Any], values: Values):
        self.name, self.function, self.values = name, function, values
        rng = values.rng
        # Mostly an array first: what refuses its first argument sees no others.
        first = values.array() if rng.random() < 0.6 or name.startswith(("Array.", "numpy.")) else values.any()
        if name.startswith("Array.") and not isinstance(first.value, wg.Array):
            first = values.wengert_array()
        if values.wants_function(name):
            first = values.function()
        elif name.startswith("numpy.") and not holds_array([first.value]):  # or NumPy never asks us
            first = values.wengert_array()
        if name.startswith("wengert.random.") and rng.random() < 0.8:
            first = Made(wengert.random.key(3), "key(3)")
        more = rng.choice((0, 0, 1, 1, 1, 2, 2, 3, 4))
        if values.mild:
            more = max(0, values.required(function) - 1 + rng.choice((0, 0, 0, 1, 1, 2)))
        self.arguments = [first] + [values.any() for _ in range(more)]
        if rng.random() < 0.05:
            self.arguments = self.arguments[1:]
        self.keywords = {
            values.keyword(function): values.any() for _ in range(0 if values.mild else rng.choice((0, 0, 1, 1, 2)))
        }
        self.place = rng.choice(("plain",) * 5 + ("grad", "jvp", "compile", "compile", "leaf", "record"))

    def __str__(self) -> str:
        words = [a.text for a in self.arguments] + [f"{k}={v.text}" for k, v in self.keywords.items()]
        return f"{'' if self.place == 'plain' else f'in {self.place}: '}{self.name}({', '.join(words)})"

    def run(self) -> None:
        arguments = [a.value for a in self.arguments]
        keywords = {k: v.value for k, v in self.keywords.items()}
        array = next((i for i, a in enumerate(arguments) if isinstance(a, (wg.Array, np.ndarray, float))), None)

        def inner(x: Any) -> Any:
            return self.function(*arguments[:array], x, *arguments[array + 1 :], **keywords)  # type: ignore[operator]

        if array is None or self.place == "plain":
            self.use(self.function(*arguments, **keywords))
            return
        x = arguments[array]
        if self.place == "grad":
            wg.grad(lambda x: _total(inner(x)))(x)
        elif self.place == "jvp":
            self.use(wg.jvp(lambda x: _total(inner(x)), (x,), (wnp.ones_like(x),)))
        elif self.place == "compile":
            compiled = wg.compile(inner)
            self.use(compiled(x))
            self.use(compiled(x))
        elif self.place == "leaf":
            leaf = wg.array(x, requires_grad=True)
            result = inner(leaf)
            self.use(result)
            _total(result).backward()
            self.use(leaf.grad)
        else:
            self.use(wg.record(inner)(x))

    def use(self, result: Any, depth: int = 0) -> None:
        """Looks at a result: what is broken may show only here."""
        if isinstance(result, wg.Array):
            if result.size < 10_000:
                repr(result)
                np.asarray(wg.stop_gradient(result)).sum()
        elif isinstance(result, (list, tuple)) and depth < 3:
            for item in result[:4]:
                self.use(item, depth + 1)
        elif callable(result) and not isinstance(result, type) and depth < 2:
            self.use(result(*[self.values.array().value for _ in range(self.values.rng.choice((1, 1, 2)))]), depth + 1)


def _total(result: Any) -> Any:
    while isinstance(result, (list, tuple)) and result:
        result = result[0]
    return wnp.sum(result)


# ---- batches ---------------------------------------------------------------------------------------------------------


class Notes:
    """What a batch tells the process that watches it: the call it is at, and what it found."""

    def __init__(self) -> None:
        self.map = mmap.mmap(-1, 1 << 16)

    def write(self, number: int, text: str) -> None:
        data = f"{number}\n{text}".encode(errors="replace")[: (1 << 16) - 1]
        self.map.seek(0)
        self.map.write(data + b"\0")

    def read(self) -> tuple[int, str]:
        data = self.map[:]
        number, _, text = data[: data.index(b"\0")].decode(errors="replace").partition("\n")
        return int(number or -1), text


class Long(BaseException):
    """Raised into a call that takes long."""


def _stop(*_: Any) -> None:
    raise Long


def run_batch(batch: str, notes: Notes, only: int | None, verbose: bool, findings: int, stop_at: float) -> None:
    """In the forked process: the calls of a batch; findings go to the file descriptor."""
    warnings.simplefilter("ignore")
    if not SANITIZED:
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGALRM, _stop)
    table = targets()
    names = list(table)
    for number in range(CALLS):
        if time.monotonic() > stop_at:
            break
        if only is not None and number != only:
            continue
        values = Values(random.Random(f"{batch}/{number}"))
        name = values.rng.choice(names)
        text = name
        outcome = "returned"
        try:
            signal.setitimer(signal.ITIMER_REAL, PATIENCE, PATIENCE)
            try:
                call = Call(name, table[name], values)
                text = str(call)
                notes.write(number, text)
                if verbose:
                    print(number, text, file=sys.stderr, flush=True)
                call.run()
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
        except Long:
            outcome = "long"
        except SystemError as error:
            outcome = f"SystemError: {error}"
        except MemoryError as error:
            outcome = "refused" if values.large else f"MemoryError: {error}"
        except RecursionError:
            outcome = "refused"
        except BaseException as error:  # a hostile argument may raise anything
            outcome = "refused"
            if verbose:
                print("   ", type(error).__name__, str(error)[:200], file=sys.stderr, flush=True)
        if verbose and "Error" in outcome:
            traceback.print_exc()
        os.write(findings, f"{batch}/{number}\t{name}\t{outcome}\t{text}".replace("\n", " ")[:4000].encode() + b"\n")
        call = values = None  # type: ignore[assignment]
        if number % 32 == 0:
            gc.collect()


def _cpu_seconds(pid: int) -> float:
    user, system = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def _starves(pid: int, used: float) -> bool:
    """Whether it would go on since it had used so many seconds, but others have the processors."""
    waits = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "S"
    return not waits and _cpu_seconds(pid) - used < PATIENCE + GRACE


class Batch:
    """A forked process that runs a batch, watched."""

    def __init__(
        self,
        batch: str,
        only: int | None = None,
        verbose: bool = False,
        stop_at: float = float("inf"),
    ):
        self.batch, self.notes = batch, Notes()
        self.reader, writer = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            try:
                os.close(self.reader)
                if not verbose:
                    silence = os.open(os.devnull, os.O_WRONLY)
                    os.dup2(silence, 1)
                    if not SANITIZED:
                        os.dup2(silence, 2)
                run_batch(batch, self.notes, only, verbose, writer, stop_at)
                gc.collect()
            except BaseException:
                traceback.print_exc()
                os._exit(99)
            os._exit(0)
        os.close(writer)

    def outcome(self) -> tuple[list[list[str]], str | None]:
        """Rows (call, name, outcome, text), and how the process ended if that was not well."""
        os.set_blocking(self.reader, False)
        data, last, since, used = b"", -2, time.monotonic(), 0.0
        while True:
            done, status = os.waitpid(self.pid, os.WNOHANG)
            try:
                while piece := os.read(self.reader, 1 << 16):
                    data += piece
            except BlockingIOError:
                pass
            if done:
                break
            number, _ = self.notes.read()
            if number != last:
                last, since, used = number, time.monotonic(), _cpu_seconds(self.pid)
            elif time.monotonic() - since > PATIENCE + GRACE and not _starves(self.pid, used):
                os.kill(self.pid, signal.SIGKILL)
                os.waitpid(self.pid, 0)
                status = None  # type: ignore[assignment]
                break
            time.sleep(0.02)
        os.close(self.reader)
        rows = [line.split("\t", 3) for line in data.decode(errors="replace").splitlines()]
        if status is None:
            return rows, "hangs"
        if os.WIFSIGNALED(status):
            return rows, signal.Signals(os.WTERMSIG(status)).name
        return rows, f"exit status {os.WEXITSTATUS(status)}" if os.WEXITSTATUS(status) else None


def fuzz(seconds: float, seed: int, workers: int, verbose: bool) -> list[str]:
    """Batches `seed`/0, `seed`/1, … for so long; what was found, one line each."""
    end = time.monotonic() + seconds
    counts: Counter[str] = Counter()
    found: dict[tuple[str, str], str] = {}
    answered: set[str] = set()
    running: list[Batch] = []
    number = 0
    while running or time.monotonic() < end:
        while len(running) < workers and time.monotonic() < end:
            running.append(Batch(f"{seed}/{number}", stop_at=end))
            number += 1
        if not running:
            break
        batch = running.pop(0)
        rows, ending = batch.outcome()
        for call, name, outcome, text in rows:
            counts[outcome.partition(":")[0]] += 1
            if outcome == "returned":
                answered.add(name)
            if "Error" in outcome:
                found.setdefault((name, outcome), f"{outcome}\n    {call}: {text}")
        if ending:
            at, text = batch.notes.read()
            counts[ending] += 1
            name = text.partition("(")[0]
            found.setdefault((name, ending), f"{ending}\n    {batch.batch}/{at}: {text}")
            if verbose:
                print(f"{ending}: {batch.batch}/{at}: {text[:300]}", flush=True)
    calls = sum(n for outcome, n in counts.items() if outcome in ("returned", "refused", "long"))
    summary = ", ".join(f"{n} {outcome}" for outcome, n in counts.most_common())
    reached = f"{len(answered)} of {len(targets())} callables returned at least once"
    print(f"{calls} calls in {number} batches of seed {seed}: {summary}; {reached}", flush=True)
    return list(found.values())


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("seconds", type=float, nargs="?", default=60.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=1, help="batches at the same time")
    parser.add_argument("--batch", help="SEED/NUMBER: this batch only")
    parser.add_argument("--only", type=int, help="this call of the batch only")
    parser.add_argument("-v", "--verbose", action="store_true")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)  # some calls write files
        if args.batch:
            rows, ending = Batch(args.batch, args.only, args.verbose).outcome()
            bad = [f"{r[2]}: {r[0]}: {r[3]}" for r in rows if "Error" in r[2]] + ([ending] if ending else [])
        else:
            bad = fuzz(args.seconds, args.seed, args.workers, args.verbose)
        os.chdir("/")
    print(*bad, sep="\n")
    print(f"{len(bad)} findings")
    return bool(bad)


if __name__ == "__main__":
    sys.exit(main())
