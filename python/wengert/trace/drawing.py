"""Drawings of a graph without any library: a text listing, and the DOT language."""

from __future__ import annotations

from wengert.trace.expression import abbreviate
from wengert.trace.steps import Step, Steps

SHAPES = {"input": "box", "constant": "plaintext", "intermediate": "ellipse", "output": "doublecircle"}


def _check(direction: str) -> None:
    if direction not in ("forward", "backward"):
        raise ValueError(f'direction must be "forward" or "backward", not {direction!r}')


def _flowing(steps: Steps) -> set[str]:
    """The nodes that adjoints reach: real nodes upstream of an output."""
    reached = {step.name for step in steps.outputs}
    for node in reversed(steps.steps):
        if node.name in reached:
            reached.update(node.args)
    return {name for name in reached if steps[name].node.differentiable}


def to_text(steps: Steps, direction: str = "forward") -> str:
    """One line a node. Forward: kind, formula, value. Backward: the adjoint as a sum over the node's users.

    >>> import wengert as wg
    >>> g = wg.graph(lambda x, y: x * x * y, 3.0, 2.0)
    >>> print(g.to_text("backward"))
    d v3 = 1
    d v2 = d v3 * dv3/dv2
    d x  = d v2 * dv2/dx
    d y  = d v3 * dv3/dy
    """
    _check(direction)
    if direction == "forward":
        formulas = [f"= {node.expression}" if node.args else "" for node in steps]
        rows = zip(steps, formulas, strict=True)
        return _columns([[node.name, text, abbreviate(node.value), node.kind] for node, text in rows])
    flowing = _flowing(steps)
    ends = {step.name for step in steps.outputs}
    lines = []
    for node in sorted(steps, key=lambda n: (n.kind == "input", n.position if n.kind == "input" else -n.position)):
        if node.name in flowing:
            terms = ["1"] if node.name in ends else []
            terms += [f"d {u.name} * d{u.name}/d{node.name}" for u in steps.users(node.name) if u.name in flowing]
            lines.append([f"d {node.name}", "= " + " + ".join(terms)])
    return _columns(lines, gap=" ")


def _columns(rows: list[list[str]], gap: str = "  ") -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)] if rows else []
    return "\n".join(
        gap.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def to_dot(steps: Steps, direction: str = "forward") -> str:
    """The graph in DOT. Backward: edges reversed, each labelled with its local Jacobian and the Jacobian's shape."""
    _check(direction)
    flowing = _flowing(steps)
    shown = [node for node in steps if direction == "forward" or node.name in flowing]
    lines = [f"digraph {direction} {{", '  rankdir="LR";', '  node [fontname="monospace"];']
    lines += [f"  {_quote(node.name)} [{_attributes(node, direction)}];" for node in shown]
    for arg, name in steps.edges:
        if direction == "forward":
            lines.append(f"  {_quote(arg)} -> {_quote(name)};")
        elif arg in flowing and name in flowing:
            shape = steps[name].shape + steps[arg].shape
            lines.append(f"  {_quote(name)} -> {_quote(arg)} [label={_quote(f'd{name}/d{arg} {shape}')}];")
    return "\n".join([*lines, "}"])


def _attributes(node: Step, direction: str) -> str:
    if direction == "backward":
        label = f"d {node.name}\n{node.shape}"
    elif node.args:
        label = f"{node.name} = {node.expression}\n{abbreviate(node.value)}"
    else:
        label = f"{node.name}\n{abbreviate(node.value)}"
    return f"shape={SHAPES[node.kind]}, label={_quote(label)}"


def _quote(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
