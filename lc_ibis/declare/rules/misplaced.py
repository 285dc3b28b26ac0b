"""What Ibis takes where no engine does: windows, aggregates and unnests in places of other values."""

from __future__ import annotations

from collections.abc import Iterator

import ibis.expr.operations as ops
import ibis.expr.types as ir

from lc_ibis.declare.rules.values import inside

_Kinds = tuple[type[ops.Value], ...]
_OF_A_ROW: _Kinds = (ops.WindowFunction, ops.Reduction, ops.Analytic, ops.Unnest)
_OF_ALL_ROWS: _Kinds = (ops.WindowFunction, ops.Analytic, ops.Unnest)


def misplaced(expr: ir.Table) -> str | None:
    """Return what of a query engines refuse where it stands, and the remedy; None if nothing is."""
    for node in expr.op().find((ops.JoinChain, ops.Aggregate, ops.WindowFunction)):
        for where, values, kinds in _places(node):
            for part in inside(values, kinds):
                return f"it has {_said(part)} {where}, which engines reject. Compute it as a column first."
    return None


def _places(node: ops.Node) -> Iterator[tuple[str, object, _Kinds]]:
    """Yield the values of a node in whose place not all values may stand: where that is, they, and what may not."""
    if isinstance(node, ops.JoinChain):
        yield "in the condition of a join", tuple(p for link in node.rest for p in link.predicates), _OF_A_ROW
    elif isinstance(node, ops.Aggregate):
        yield "among the columns of an aggregation", tuple(node.groups.values()), _OF_A_ROW
        yield "in what is aggregated", tuple(node.metrics.values()), _OF_ALL_ROWS
    elif isinstance(node, ops.WindowFunction):
        yield "inside a window", (*node.func.__args__, node.group_by, node.order_by), _OF_ALL_ROWS


def _said(part: ops.Value) -> str:
    if isinstance(part, ops.Unnest):
        return "an unnest"
    return "an aggregate" if isinstance(part, ops.Reduction) else "a window"
