"""Whether a function may be called on a few keys: no row of its result may depend on rows of another key."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import ibis.expr.operations as ops
import ibis.expr.types as ir


def mixing(result: ir.Table, keys: Iterable[tuple[str, ...]]) -> str | None:
    """Return what in a query makes rows of different keys depend on each other; None if nothing does.

    `keys` are the key by which the query is to be narrowed, and those of inputs that are joined by a key of their
    own. Windows and aggregations must be within one of them, joins must be on one of them, by the names of columns.
    """
    wanted = [set(key) for key in keys if key]
    for node in result.op().find((ops.WindowFunction, ops.Aggregate, ops.JoinChain)):
        for what, names in _parts(node):
            if not any(key <= names for key in wanted):
                return f"{what} {', '.join(sorted(names)) or 'nothing'}"
    if result.op().find((ops.Limit, ops.Sample)):
        return "a limit or a sample"
    if result.op().find((ops.ScalarSubquery, ops.InSubquery, ops.ExistsSubquery)):
        return "a subquery"
    return None


def _parts(node: ops.Node) -> list[tuple[str, set[str]]]:
    """Return the parts of an operation that bring rows together, each with the columns on which it does."""
    if isinstance(node, ops.WindowFunction):
        return [("a window by", _names(node.group_by))]
    if isinstance(node, ops.Aggregate):
        return [("an aggregation by", _names(node.groups.values()))]
    assert isinstance(node, ops.JoinChain)
    return [("a join on", _equal(link.predicates)) for link in node.rest]


def _names(values: Iterable[Any]) -> set[str]:
    return {value.name for value in values if isinstance(value, ops.Field)}


def _equal(predicates: Iterable[Any]) -> set[str]:
    """Return the columns that a join holds equal under one name."""
    same = set()
    for predicate in predicates:
        if isinstance(predicate, ops.Equals | ops.IdenticalTo):
            left, right = predicate.left, predicate.right
            if isinstance(left, ops.Field) and isinstance(right, ops.Field) and left.name == right.name:
                same.add(left.name)
    return same
