"""Formulas of recorded steps in Python's notation, and values short enough for a table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from wengert.trace.index_text import index_text

if TYPE_CHECKING:
    from wengert.trace.recording import Node, Recording

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
UPDATES = {"update": "=", "add": "+="}
# the compiled engine's variants of an operation, which compute the same and differ in a derivative's convention
VARIANTS = {"scale": "multiply", "maximum_of_constant": "maximum", "minimum_of_constant": "minimum"}
JOINS = ("stack", "concatenate")

Text = tuple[str, int]  # a formula and how tightly its outermost operation binds


def number(value: Any) -> str:
    """A scalar in at most six digits; whole numbers without a point."""
    if issubclass(type(value), bool | np.bool_):
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
            written[inner] = _operation(node, operands, recording.nodes[node.args[0]].value.shape)
    text = written[index][0]
    return text if len(text) <= MAX_FORMULA else text[: MAX_FORMULA - 3] + "..."


def _atom(text: str) -> Text:
    return text, UNARY if text.startswith("-") else ATOM


def _operation(node: Node, operands: list[Text], shape: tuple[int, ...]) -> Text:
    """One primitive in the texts of its operands; ``shape`` is the shape of the first one."""
    op, params, first = VARIANTS.get(node.op, node.op), node.params, operands[0]
    kind, _, update = op.partition("_")
    if op in INFIX:
        return _infix(op, first, operands[1])
    if op == "negative":
        return f"-{_bracket(first, POWER)}", UNARY
    if op == "square":
        return f"{_bracket(first, ATOM)}**2", POWER
    if op == "reciprocal":
        return f"1 / {_bracket(first, POWER)}", PRODUCT
    if op in ("getitem", "slice", "gather"):
        return f"{_bracket(first, ATOM)}[{index_text(params, shape, abbreviate)}]", ATOM
    if kind in ("index", "slice", "gather") and update in UPDATES:
        where = index_text(params, shape, abbreviate)
        return f"{first[0]} with [{where}] {UPDATES[update]} {operands[1][0]}", COMPARISON
    if op == "transpose" and _reverses(params.get("axes"), len(shape)):
        return f"{_bracket(first, ATOM)}.T", ATOM
    if op in METHODS:
        return f"{_bracket(first, ATOM)}.{op}({', '.join(str(v) for v in params.values())})", ATOM
    shown = [text for key, value in params.items() if (text := _parameter(op, key, value, len(shape)))]
    return f"{op}({', '.join([*(text for text, _ in operands), *shown])})", ATOM


def _infix(op: str, left: Text, right: Text) -> Text:
    """Operators, with brackets where reading from the left would not give them: a - (b - c), (a**b)**c."""
    sign, level = INFIX[op]
    if op == "power":
        return f"{_bracket(left, ATOM)}**{_bracket(right, POWER)}", POWER
    return f"{_bracket(left, level)} {sign} {_bracket(right, level + 1)}", level


def _reverses(axes: Any, ndim: int) -> bool:
    return axes is None or [axis % ndim for axis in axes] == list(range(ndim))[::-1]


def _parameter(op: str, key: str, value: Any, ndim: int) -> str:
    """``key=value``, or nothing when that is what the function does anyway."""
    if value is None or value is False:
        return ""
    if key == "axis":
        axes = [axis % (ndim + (op == "stack")) for axis in np.atleast_1d(value).tolist()]
        usual = [0] if op in JOINS else [ndim - 1] if op.endswith("softmax") else list(range(ndim))
        if sorted(axes) == usual:
            return ""
        value = axes[0] if len(axes) == 1 else tuple(axes)
    return f"{key}={value}"


def _bracket(operand: Text, level: int) -> str:
    text, own = operand
    return text if own >= level else f"({text})"
