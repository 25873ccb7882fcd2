"""Formulas of recorded steps in Python's notation, and values short enough for a table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from wengert.trace.recording import Recording

MAX_FORMULA = 60
MAX_ENTRIES = 4

ATOM, POWER, UNARY, PRODUCT, SUM, COMPARISON = 5, 4, 3, 2, 1, 0
INFIX = {
    "add": ("+", SUM),
    "subtract": ("-", SUM),
    "multiply": ("*", PRODUCT),
    "divide": ("/", PRODUCT),
    "matmul": ("@", PRODUCT),
    "floor_divide": ("//", PRODUCT),
    "remainder": ("%", PRODUCT),
    "power": ("**", POWER),
    "equal": ("==", COMPARISON),
    "not_equal": ("!=", COMPARISON),
    "less": ("<", COMPARISON),
    "less_equal": ("<=", COMPARISON),
    "greater": (">", COMPARISON),
    "greater_equal": (">=", COMPARISON),
}
METHODS = ("reshape", "astype", "squeeze", "broadcast_to", "expand_dims")
JOINS = ("stack", "concatenate")

Text = tuple[str, int]  # a formula and how tightly its outermost operation binds


def number(value: Any) -> str:
    """A scalar in at most six digits; whole numbers without a point."""
    if isinstance(value, bool | np.bool_):
        return str(bool(value))
    return f"{value + 0:.6g}"  # + 0 turns -0.0 into 0


def abbreviate(value: np.ndarray | None) -> str:
    """An array in a few characters: all entries when there are few, otherwise the first ones and the shape.

    >>> abbreviate(np.array([1.0, 2.5]))
    '[1, 2.5]'
    >>> abbreviate(np.zeros((3, 4)))
    '[0, 0, 0, ...] (3, 4)'
    """
    if value is None:
        return ""
    if value.ndim == 0:
        return number(value[()])
    if value.ndim == 1 and value.size <= MAX_ENTRIES:
        return "[" + ", ".join(number(entry) for entry in value) + "]"
    first = ", ".join(number(entry) for entry in value.ravel()[: MAX_ENTRIES - 1])
    return f"[{first}{', ...' if value.size >= MAX_ENTRIES else ''}] {value.shape}"


def formula(recording: Recording, index: int, names: Mapping[int, str]) -> str:
    """The formula of node ``index``; nodes with a name in ``names`` stand for themselves, others are written out."""
    written: dict[int, Text] = {}
    for inner in [*recording.needed(names, recording.nodes[index].args), index]:
        node = recording.nodes[inner]
        if inner not in recording.active or not node.args:
            written[inner] = _atom(abbreviate(node.value))
        else:
            operands = [written.get(arg) or (names[arg], ATOM) for arg in node.args]
            written[inner] = _operation(node.op, operands, node.params)
    text = written[index][0]
    return text if len(text) <= MAX_FORMULA else text[: MAX_FORMULA - 3] + "..."


def _atom(text: str) -> Text:
    return text, UNARY if text.startswith("-") else ATOM


def _operation(op: str, operands: list[Text], params: Mapping[str, Any]) -> Text:
    first = operands[0]
    if op in INFIX and len(operands) == 2:
        sign, level = INFIX[op]
        # the left operand of ** and the right operand of -, /, ... need brackets at their own level too
        left = _bracket(first, level + (op == "power"))
        right = _bracket(operands[1], level + (op != "power"))
        return (f"{left}**{right}" if op == "power" else f"{left} {sign} {right}"), level
    if op == "negative":
        return f"-{_bracket(first, POWER)}", UNARY
    if op == "square":
        return f"{_bracket(first, ATOM)}**2", POWER
    if op == "reciprocal":
        return f"1 / {_bracket(first, POWER)}", PRODUCT
    if op == "getitem":
        return f"{_bracket(first, ATOM)}[{_index(params.get('index'), operands[1:])}]", ATOM
    if op == "transpose" and params.get("axes") is None:
        return f"{_bracket(first, ATOM)}.T", ATOM
    if op in METHODS:
        return f"{_bracket(first, ATOM)}.{op}({', '.join(str(v) for v in params.values())})", ATOM
    shown = [f"{key}={value}" for key, value in params.items() if _shown(op, key, value)]
    return f"{op}({', '.join([*(text for text, _ in operands), *shown])})", ATOM


def _shown(op: str, key: str, value: Any) -> bool:
    """Whether a parameter differs from what the function does anyway."""
    usual_axis = key == "axis" and value == (-1 if op.endswith("softmax") else 0 if op in JOINS else None)
    return value is not None and value is not False and not usual_axis


def _bracket(operand: Text, level: int) -> str:
    text, own = operand
    return text if own >= level else f"({text})"


def _index(index: Any, operands: list[Text]) -> str:
    entries = index if isinstance(index, tuple) else (index,)
    if index is None and operands:
        return ", ".join(text for text, _ in operands)
    return ", ".join(_index_entry(entry) for entry in entries)


def _index_entry(entry: Any) -> str:
    if isinstance(entry, slice):
        parts = ["" if part is None else str(part) for part in (entry.start, entry.stop)]
        return ":".join(parts if entry.step is None else [*parts, str(entry.step)])
    if entry is Ellipsis:
        return "..."
    return abbreviate(entry) if isinstance(entry, np.ndarray) else str(entry)
