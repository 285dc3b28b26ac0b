"""Provenance: where the key of a model's rows comes from, and so which keys a change in a table touches.

A row of the result depends on rows of the tables before it. The key is followed down to each of those: to columns, or
to what is computed from a row. Then the rows of some keys are the function's result over the rows that lead to them.
Where the key cannot be followed, or rows of different keys come together, there is no such way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import ibis.expr.operations as ops

from lc_ibis.declare.rules.joins import Join
from lc_ibis.declare.rules.values import ACROSS_ROWS, SAME_ROWS, fields, inside, is_settled, meaning, through
from lc_ibis.declare.rules.ways import Path, Untraceable, Values, Ways, said


@dataclass
class Tracer:
    """Follows keys down; `step` gives the expression of a table that is not stored, by its name."""

    step: Callable[[str], ops.Relation | None]
    _paths: set[Path] = field(default_factory=set)
    _has_constants: bool = False
    _meanings: dict[ops.Value, Any] = field(default_factory=dict)

    def ways(self, starts: Iterable[tuple[ops.Relation, Values]]) -> Ways:
        """Return the ways to keys that are values of relations. Raises Untraceable."""
        self._paths, self._has_constants = set(), False
        for relation, key in starts:
            self._paths |= set(self.trace(relation, key))
            self._verify_complete(relation)
        return Ways(frozenset(self._paths), self._has_constants)

    def _verify_complete(self, relation: ops.Relation) -> None:
        """Raise Untraceable where a table is read of which no way is known."""
        todo, seen, known = [relation], set[str](), {path.table for path in self._paths}
        while todo:
            for table in todo.pop().find(ops.UnboundTable):
                if table.name not in seen:
                    seen.add(table.name)
                    made = self.step(table.name)
                    if made is not None:
                        todo.append(made)
                    elif table.name not in known:
                        raise Untraceable(f"it is not known how rows of {table.name} matter")

    def trace(self, rel: ops.Relation, key: Values) -> list[Path]:
        """Return the paths of all tables below a relation to a key over it. Raises Untraceable."""
        for value in key:
            if any(inside(value, ops.Unnest)):
                raise Untraceable(f"{said(key)} comes of an unnest, so a row has several; leave it out of by=(...)")
            if any(inside(value, ACROSS_ROWS)):
                raise Untraceable(f"{said(key)} is computed from several rows")
        if isinstance(rel, ops.UnboundTable):
            made = self.step(rel.name)
            return [Path(rel.name, key)] if made is None else self.trace(made, _moved(key, made))
        if isinstance(rel, ops.InMemoryTable | ops.DummyTable):
            if isinstance(rel, ops.DummyTable):
                self._refuse_subqueries(tuple(rel.values.values()))
            self._has_constants = True
            return []
        if isinstance(rel, ops.Reference):
            return self.trace(rel.parent, _moved(key, rel.parent))
        if isinstance(rel, ops.JoinChain):
            return Join(self, rel).paths(key)
        return self._trace_plain(rel, key)

    def _trace_plain(self, rel: ops.Relation, key: Values) -> list[Path]:
        if isinstance(rel, ops.Project):
            below = tuple(through(value, lambda column: rel.values[column.name]) for value in key)
            self.verify_rows(rel.values.values(), below)
            return self.trace(rel.parent, below)
        if isinstance(rel, SAME_ROWS):
            below = _moved(key, rel.parent)
            if isinstance(rel, ops.Filter):
                self.verify_rows(rel.predicates, below)
                if isinstance(rel.parent, ops.JoinChain):
                    joined = _without_missing(rel.parent, rel.predicates)
                    return self.trace(joined, _moved(below, joined))
            return self.trace(rel.parent, below)
        if isinstance(rel, ops.FillNull):
            return self.trace(rel.parent, tuple(through(value, lambda column: _filled(rel, column)) for value in key))
        if isinstance(rel, ops.Aggregate):
            return self._trace_aggregate(rel, key)
        if isinstance(rel, ops.Set):
            return [path for side in (rel.left, rel.right) for path in self.trace(side, _moved(key, side))]
        if isinstance(rel, ops.TableUnnest) and not any(
            column.name in (rel.column_name, rel.offset) for value in key for column in fields(value)
        ):
            return self.trace(rel.parent, _moved(key, rel.parent))
        what = {ops.Limit: "a limit", ops.Sample: "a sample"}.get(type(rel), type(rel).__name__)
        raise Untraceable(f"{what} takes rows whatever their {said(key)} is")

    def _trace_aggregate(self, rel: ops.Aggregate, key: Values) -> list[Path]:
        groups, named = rel.groups, {column.name for value in key for column in fields(value)}
        if not named <= set(groups):
            by = ", ".join(groups) or "nothing"
            raise Untraceable(f"an aggregation by {by} makes rows of one {said(key)} depend on those of others")
        self._refuse_subqueries((*groups.values(), *rel.metrics.values()))
        return self.trace(rel.parent, tuple(through(value, lambda column: groups[column.name]) for value in key))

    def verify_rows(self, values: Iterable[ops.Value], key: Values) -> None:
        """Raise Untraceable where values of a row depend on rows of other keys."""
        values = tuple(values)
        self._refuse_subqueries(values)
        for window in inside(values, ops.WindowFunction):
            known = {self.meaning(value) for value in window.group_by}
            if not known or not all(is_settled(self.meaning(value), known) for value in key):
                by = ", ".join(sorted({column.name for column in fields(window.group_by)})) or "nothing"
                raise Untraceable(f"a window by {by} makes rows of one {said(key)} depend on those of others")

    def _refuse_subqueries(self, values: Values) -> None:
        for part in inside(values, ops.Subquery):
            raise Untraceable(f"a subquery ({type(part).__name__}) reads rows whatever their key is; join instead")

    def meaning(self, value: ops.Value) -> Any:
        """Return what a value is made of; see values.meaning."""
        if value not in self._meanings:
            self._meanings[value] = meaning(value, self.step)
        return self._meanings[value]

    def has_ground(self, rel: ops.Relation) -> bool:
        """Say whether any row comes from a table; else rows of all keys come from it."""
        has_any = bool(rel.find(ops.UnboundTable))
        self._has_constants |= not has_any
        return has_any


def _moved(key: Values, rel: ops.Relation) -> Values:
    """Return values over the same columns of another relation."""
    return tuple(through(value, lambda column: ops.Field(rel, column.name)) for value in key)


def _without_missing(chain: ops.JoinChain, predicates: Iterable[ops.Value]) -> ops.JoinChain:
    """Return a join as it is where rows without a partner are left out afterwards: those sides are there."""
    named = (each.arg for each in predicates if isinstance(each, ops.NotNull))
    values = (chain.values[column.name] for column in named if isinstance(column, ops.Field))
    there = {value.rel for value in values if isinstance(value, ops.Field)}
    rest = tuple(link.copy(how="inner") if link.how == "left" and link.table in there else link for link in chain.rest)
    return chain.copy(rest=rest) if rest != chain.rest else chain


def _filled(rel: ops.FillNull, column: ops.Field) -> ops.Value:
    there = ops.Field(rel.parent, column.name)
    known = rel.replacements
    if hasattr(known, "get"):
        return ops.Coalesce((there, known[column.name])) if column.name in known else there
    raise Untraceable("fill_null of all columns cannot be followed; name the columns")
