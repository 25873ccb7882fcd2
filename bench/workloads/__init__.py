"""The workloads, S1 to E2, by name."""

from bench.case import Case
from bench.workloads import dense, elementwise, mlp, rnn, scalars

CASES: dict[str, Case] = {
    case.name: case for module in (scalars, rnn, mlp, dense, elementwise) for case in module.CASES
}
