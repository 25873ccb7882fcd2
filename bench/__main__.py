"""`python -m bench run | overhead | steps | guards | compile`, each with `--help`."""

import importlib
import sys

COMMANDS = {
    "run": "the workloads S1 to E2, value and gradient",
    "overhead": "what eager differentiation costs, and its goals",
    "steps": "the training steps of the demo",
    "guards": "replays with and without their checks, by one thread and by two",
    "compile": "the first call of compiled gradients beside an eager call",
}


def main(argv: list[str]) -> int:
    """Hands the arguments to one of the commands."""
    if not argv or argv[0] not in COMMANDS:
        lines = [f"  python -m bench {name:10}{text}" for name, text in COMMANDS.items()]
        print("Benchmarks of wengert.", *lines, sep="\n")
        return 0 if argv in ([], ["--help"], ["-h"]) else 2
    importlib.import_module(f"bench.{argv[0]}").main(argv[1:])
    return 0


sys.exit(main(sys.argv[1:]))
