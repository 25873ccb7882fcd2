"""`python -m wengert demo` shows the library at work; `python -m wengert stubs` writes the compiled module's stub."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m wengert", description="Exact derivatives of NumPy code.")
    commands = parser.add_subparsers(dest="command", required=True)

    demo = commands.add_parser("demo", help="check the problem set, then train an MLP and an RNN on the digits")
    demo.add_argument("--out", type=Path, default=Path("wengert-demo.png"), help="where the loss curves go")
    demo.add_argument("--epochs", type=int, default=None, help="epochs of training for both models")
    demo.add_argument("--seed", type=int, default=0, help="seed of the split, the parameters and the batches")

    stubs = commands.add_parser("stubs", help="write the stub file of the compiled module wengert._core")
    stubs.add_argument("--out", type=Path, default=None, help="default: _core.pyi beside the installed package")
    stubs.add_argument("--check", action="store_true", help="write nothing; fail if the file is not up to date")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command and returns the exit status."""
    args = _parser().parse_args(argv)
    if args.command == "demo":
        from wengert import demo

        return demo.run(out=args.out, epochs=args.epochs, seed=args.seed)
    from wengert._internals import stubs

    return stubs.run(out=args.out, check=args.check)


if __name__ == "__main__":
    sys.exit(main())
