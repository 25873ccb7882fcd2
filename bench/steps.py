"""`python -m bench steps`: the training steps of `python -m wengert demo`, wengert beside hand-written NumPy.

"gradient" is value and gradient of one batch of digits, "step" the same with the update of the parameters.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import wengert as wg
from wengert.demo import digits
from wengert.demo.training import TASKS, Momentum, Task

from bench import report, timing
from bench.case import disagreement


def measurements(task: Task, batch: int) -> dict[str, dict[str, Callable[[], Any]]]:
    """Ready calls for "gradient" and "step", by NumPy and by wengert; the gradients are checked."""
    data = digits.load(0)
    images, labels = data.train_images[:batch], data.train_labels[:batch]
    contestants = {"numpy": task.by_hand, "wengert": wg.value_and_grad(task.loss)}
    params = task.init(np.random.default_rng(0))
    results = []
    for value_and_grad in contestants.values():
        loss, grads = value_and_grad(params, images, labels)
        results.append([loss, *(grads[name] for name in params)])
    error = disagreement(results[1], results[0])
    if not error <= 1e-10:
        raise AssertionError(f"{task.name}: wengert differs from the hand-written gradient by {error:.1e}")

    calls: dict[str, dict[str, Callable[[], Any]]] = {"gradient": {}, "step": {}}
    for name, value_and_grad in contestants.items():
        optimizer = Momentum(value_and_grad, {k: p.copy() for k, p in params.items()}, task.learning_rate)
        calls["gradient"][name] = _bind(value_and_grad, params, images, labels)
        calls["step"][name] = _bind(optimizer.step, images, labels)
    return calls


def _bind(f: Callable[..., Any], *args: Any) -> Callable[[], Any]:
    return lambda: f(*args)


def main(argv: Sequence[str] | None = None) -> None:
    """Times the steps and prints one table."""
    parser = argparse.ArgumentParser(prog="python -m bench steps", description=__doc__)
    parser.add_argument("--batch", type=int, nargs="+", default=[1, 64])
    parser.add_argument("--rounds", type=int, default=25)
    parser.add_argument("--json", type=Path, help="also write the numbers to this file")
    args = parser.parse_args(argv)
    table = report.Report("Training steps on the digits", ["numpy", "wengert"])
    for task in TASKS:
        for batch in args.batch:
            for what, calls in measurements(task, batch).items():
                table.add(f"{task.name}, batch {batch}, {what}", timing.interleaved(calls, args.rounds))
    report.console().print(table.render())
    report.save(args.json, [table])


if __name__ == "__main__":
    main()
