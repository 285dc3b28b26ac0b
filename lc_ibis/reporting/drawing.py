"""Where each table of a lineage is drawn: layers from top to bottom, inputs above what is made from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

WIDTH, HEIGHT = 244, 66
_GAP, _DROP = 16, 40
_LABEL = 96  # the room left of the tables, for the names of layers


@dataclass(frozen=True)
class Node:
    """A table's box, by its upper left corner."""

    table: str
    layer: str
    x: float
    y: float


@dataclass(frozen=True)
class Layout:
    """The boxes, the paths of the lines between them, the y of each layer's name, and the size of it all."""

    nodes: list[Node]
    lines: list[str]
    labels: dict[str, float]
    width: float
    height: float


def layout(lineage: Sequence[Mapping[str, Any]]) -> Layout:
    """Return the picture of a lineage: for each table its `table`, `layer` and `inputs`, those before it."""
    rows = _ordered(_rows(lineage), {entry["table"]: entry["inputs"] for entry in lineage})
    width = _LABEL + max((len(row) for row in rows), default=0) * (WIDTH + _GAP)
    layers = {entry["table"]: entry["layer"] for entry in lineage}
    nodes: dict[str, Node] = {}
    for number, row in enumerate(rows):
        left = _LABEL + (width - _LABEL - len(row) * (WIDTH + _GAP) + _GAP) / 2
        for place, table in enumerate(row):
            x, y = left + place * (WIDTH + _GAP), number * (HEIGHT + _DROP)
            nodes[table] = Node(table, layers[table], x, y)
    labels: dict[str, float] = {}
    for node in nodes.values():
        labels.setdefault(node.layer, node.y + HEIGHT / 2)
    lines = [_line(nodes[name], nodes[entry["table"]]) for entry in lineage for name in entry["inputs"]]
    return Layout(list(nodes.values()), lines, labels, width, max(1, len(rows) * (HEIGHT + _DROP) - _DROP))


def _rows(lineage: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    """Return the tables of each row: a layer is as many rows as its tables read each other."""
    depth: dict[str, tuple[int, int]] = {}
    layers = list(dict.fromkeys(entry["layer"] for entry in lineage))
    for entry in lineage:
        layer = layers.index(entry["layer"])
        above = [depth[name][1] + 1 for name in entry["inputs"] if depth[name][0] == layer]
        depth[entry["table"]] = layer, max(above, default=0)
    in_order = sorted(depth, key=lambda table: depth[table])
    return [list(row) for _, row in groupby(in_order, key=lambda table: depth[table])]


def _ordered(rows: list[list[str]], inputs: Mapping[str, Sequence[str]]) -> list[list[str]]:
    """Put each table below the middle of what it is made from, so that few lines cross."""
    place: dict[str, float] = {}

    def wanted(table: str) -> float:
        above = [place[name] for name in inputs[table]]
        return sum(above) / len(above) if above else 0.5

    for row in rows:
        row.sort(key=wanted)
        place |= {table: (number + 0.5) / len(row) for number, table in enumerate(row)}
    return rows


def _line(above: Node, below: Node) -> str:
    """Return the path of a line from the foot of a box to the head of another."""
    x, y, to_x, to_y = above.x + WIDTH / 2, above.y + HEIGHT, below.x + WIDTH / 2, below.y
    bend = (to_y - y) / 2
    if bend > HEIGHT / 2 and abs(to_x - x) < WIDTH:
        # Beside the boxes that stand between the two.
        aside = max(x, to_x) + WIDTH * 0.8
        return f"M{x:g} {y:g}C{aside:g} {y:g} {aside:g} {to_y:g} {to_x:g} {to_y:g}"
    return f"M{x:g} {y:g}C{x:g} {y + bend:g} {to_x:g} {to_y - bend:g} {to_x:g} {to_y:g}"
