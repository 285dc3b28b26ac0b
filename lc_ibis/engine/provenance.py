"""Provenance: where the key of a model's rows comes from, and so which keys a change in a table touches.

A row of the result depends on rows of the tables before it. The key is followed down to each of those: to columns, or
to what is computed from a row. Then the rows of some keys are the function's result over the rows that lead to them.
Where the key cannot be followed, or rows of different keys come together, there is no such way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import ibis.expr.datatypes as dt
import ibis.expr.operations as ops

from lc_ibis.engine.values import ACROSS_ROWS, SAME_ROWS, fields, inside, is_settled, meaning, over, through

Values = tuple[ops.Value, ...]
_JOINS = ("inner", "left", "right", "outer", "semi", "anti", "cross")


class Untraceable(Exception):
    """What stands in the way of following a key, in words."""


@dataclass(frozen=True)
class Hop:
    """From values to others: those of the rows of a relation that have them in `match` are in `give`."""

    relation: ops.Relation
    match: Values
    give: Values


@dataclass(frozen=True)
class Path:
    """How rows of a stored table lead to keys: by values of theirs, straight, or through rows of other tables."""

    table: str
    values: Values  # over the unbound table
    hops: tuple[Hop, ...] = ()


@dataclass(frozen=True)
class Ways:
    """All paths that lead to the keys of a model; `has_constants`: rows may also come from none."""

    paths: frozenset[Path]
    has_constants: bool = False

    def straight(self, table: str) -> tuple[Values, ...]:
        """Return what tells the keys of a table's rows; nothing where all of its rows may be needed for any."""
        found = [path for path in self.paths if path.table == table]
        return () if any(path.hops for path in found) else tuple(dict.fromkeys(path.values for path in found))

    @property
    def gives_others(self) -> bool:
        """Say whether rows of other keys, computed from a part of what they need, come along with those asked for."""
        several = any(
            len({path.values for path in self.paths if path.table == one.table}) > 1 or not self.straight(one.table)
            for one in self.paths
            if not one.hops
        )
        return several or self.has_constants


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
            self._paths |= set(self._trace(relation, key))
        return Ways(frozenset(self._paths), self._has_constants)

    def _trace(self, rel: ops.Relation, key: Values) -> list[Path]:
        for value in key:
            for part in inside(value, (ops.Unnest, *ACROSS_ROWS)):
                raise Untraceable(f"{_said(key)} is computed from more rows than one ({type(part).__name__})")
        if isinstance(rel, ops.UnboundTable):
            made = self.step(rel.name)
            return [Path(rel.name, key)] if made is None else self._trace(made, _moved(key, made))
        if isinstance(rel, ops.InMemoryTable | ops.DummyTable):
            self._has_constants = True
            return []
        if isinstance(rel, ops.Reference):
            return self._trace(rel.parent, _moved(key, rel.parent))
        if isinstance(rel, ops.JoinChain):
            return _Join(self, rel).paths(key)
        return self._trace_plain(rel, key)

    def _trace_plain(self, rel: ops.Relation, key: Values) -> list[Path]:
        if isinstance(rel, ops.Project):
            below = tuple(through(value, lambda column: rel.values[column.name]) for value in key)
            self.verify_rows(rel.values.values(), below)
            return self._trace(rel.parent, below)
        if isinstance(rel, SAME_ROWS):
            below = _moved(key, rel.parent)
            if isinstance(rel, ops.Filter):
                self.verify_rows(rel.predicates, below)
            return self._trace(rel.parent, below)
        if isinstance(rel, ops.FillNull):
            return self._trace(rel.parent, tuple(through(value, lambda column: _filled(rel, column)) for value in key))
        if isinstance(rel, ops.Aggregate):
            return self._trace_aggregate(rel, key)
        if isinstance(rel, ops.Set):
            return [path for side in (rel.left, rel.right) for path in self._trace(side, _moved(key, side))]
        if isinstance(rel, ops.TableUnnest) and not any(
            column.name in (rel.column_name, rel.offset) for value in key for column in fields(value)
        ):
            return self._trace(rel.parent, _moved(key, rel.parent))
        what = {ops.Limit: "a limit", ops.Sample: "a sample"}.get(type(rel), type(rel).__name__)
        raise Untraceable(f"{what} takes rows whatever their {_said(key)} is")

    def _trace_aggregate(self, rel: ops.Aggregate, key: Values) -> list[Path]:
        groups, named = rel.groups, {column.name for value in key for column in fields(value)}
        if not named <= set(groups):
            by = ", ".join(groups) or "nothing"
            raise Untraceable(f"an aggregation by {by} makes rows of one {_said(key)} depend on those of others")
        self._refuse_subqueries((*groups.values(), *rel.metrics.values()))
        return self._trace(rel.parent, tuple(through(value, lambda column: groups[column.name]) for value in key))

    def verify_rows(self, values: Iterable[ops.Value], key: Values) -> None:
        """Raise Untraceable where values of a row depend on rows of other keys."""
        values = tuple(values)
        self._refuse_subqueries(values)
        for window in inside(values, ops.WindowFunction):
            known = {self.meaning(value) for value in window.group_by}
            if not known or not all(is_settled(self.meaning(value), known) for value in key):
                by = ", ".join(sorted({column.name for column in fields(window.group_by)})) or "nothing"
                raise Untraceable(f"a window by {by} makes rows of one {_said(key)} depend on those of others")

    def _refuse_subqueries(self, values: Values) -> None:
        for part in inside(values, ops.Subquery):
            raise Untraceable(f"a subquery ({type(part).__name__}) reads rows whatever their key is; join instead")

    def meaning(self, value: ops.Value) -> Any:
        """Return what a value is made of; see values.meaning."""
        if value not in self._meanings:
            self._meanings[value] = meaning(value, self.step)
        return self._meanings[value]

    def has_ground(self, rel: ops.Relation) -> bool:
        """Say whether any row comes from a table."""
        return bool(rel.find(ops.UnboundTable))


class _Join:
    """The sides of a chain of joins, and what its predicates say is equal."""

    def __init__(self, tracer: Tracer, chain: ops.JoinChain):
        self._tracer, self._chain = tracer, chain
        self._sides = list(chain.tables)
        self._hows = ["", *(link.how for link in chain.rest)]
        self._predicates = [(), *(link.predicates for link in chain.rest)]
        for how in self._hows[1:]:
            if how not in _JOINS or (how in ("right", "outer") and len(self._sides) > 2):
                raise Untraceable(f"{how} joins of {len(self._sides)} tables cannot be followed")
        for predicates in self._predicates:
            tracer.verify_rows(predicates, ())

    def paths(self, key: Values) -> list[Path]:
        """Return the paths from all sides to a key over the chain. Raises Untraceable."""
        wanted = tuple(through(value, lambda column: self._chain.values[column.name]) for value in key)
        self._refuse_nulled(wanted)
        tracer, paths = self._tracer, []
        for i, side in enumerate(self._sides):
            if not tracer.has_ground(side):
                continue
            way = self._way(i, wanted, frozenset())
            if way is None:
                raise Untraceable(self._unlinked(i, wanted))
            values, hops = way
            for path in tracer._trace(side, values):
                paths.append(Path(path.table, path.values, (*path.hops, *hops)))
        return paths

    def _way(self, i: int, wanted: Values, seen: frozenset[int]) -> tuple[Values, tuple[Hop, ...]] | None:
        """Return values of a side that are, or lead to, the wanted ones."""
        here = self._rewritten(wanted, i)
        if here is not None:
            return here, ()
        for j in range(len(self._sides)):
            links = self._links(i, j) if j != i and j not in seen and self._hows[j] not in ("semi", "anti") else []
            if links and (further := self._way(j, wanted, seen | {i})):
                values, hops = further
                hop = Hop(self._sides[j], tuple(theirs for _, theirs in links), values)
                return tuple(mine for mine, _ in links), (hop, *hops)
        return None

    def _rewritten(self, wanted: Values, i: int) -> Values | None:
        """Return values as they are over one side, as far as it has them or their equals."""
        equal = self._equal(i)
        values = tuple(over(value, lambda part: self._there(part, i, equal)) for value in wanted)
        return values if all(column.rel is self._sides[i] for value in values for column in fields(value)) else None

    def _there(self, part: ops.Value, i: int, equal: list[set[ops.Value]]) -> ops.Value | None:
        if isinstance(part, ops.Literal):
            return None
        for known in equal:
            if self._is_among(part, known) or (
                isinstance(part, ops.Coalesce) and all(self._is_among(each, known) for each in part.arg)
            ):
                return next((each for each in known if self._is_of(each, i)), None)
        return None

    def _is_among(self, value: ops.Value, known: set[ops.Value]) -> bool:
        return value in known or self._tracer.meaning(value) in {self._tracer.meaning(each) for each in known}

    def _is_of(self, value: ops.Value, i: int) -> bool:
        named = list(fields(value))
        return bool(named) and all(column.rel is self._sides[i] for column in named)

    def _links(self, i: int, j: int) -> list[tuple[ops.Value, ops.Value]]:
        """Return the pairs of values of two sides that are equal wherever rows of both come together."""
        pairs = []
        for predicate in (*self._predicates[i], *self._predicates[j]):
            for left, right in _sides_of(predicate):
                if self._is_of(left, i) and self._is_of(right, j):
                    pairs.append((left, right))
        return list(dict.fromkeys(pairs))

    def _equal(self, i: int) -> list[set[ops.Value]]:
        """Return sets of values that are equal in every row of the chain that has a row of a side in it."""
        sure, last = {i}, set[int]()
        sure |= {j for j, how in enumerate(self._hows) if how == "inner"}
        if i == 0 and len(self._sides) == 2:
            sure |= {1}  # what has no partner has no other key than its own
        while sure != last:
            last = set(sure)
            sure |= {
                j for k in last for predicate in self._predicates[k] for column in fields(predicate)
                for j in range(1, len(self._sides)) if column.rel is self._sides[j]
            }  # fmt: skip
        groups: list[set[ops.Value]] = []
        for j in sure:
            for predicate in self._predicates[j]:
                for left, right in _sides_of(predicate):
                    near = [group for group in groups if left in group or right in group]
                    groups = [group for group in groups if group not in near] + [{left, right}.union(*near)]
        return groups

    def _refuse_nulled(self, wanted: Values) -> None:
        """Raise Untraceable where the key is of a side that may be missing from a row."""
        nulled = {
            self._sides[j]
            for i, how in enumerate(self._hows)
            for j in ([i] if how == "left" else range(i) if how == "right" else range(i + 1) if how == "outer" else [])
        }
        equal = self._equal(0)
        for value in wanted:
            bare = over(value, lambda part: self._filled_up(part, equal))
            for column in fields(bare):
                if column.rel in nulled:
                    raise Untraceable(
                        f"{column.name} is null where a row of its side of the join is missing; take it from the side "
                        "that is always there, or coalesce both"
                    )

    def _filled_up(self, part: ops.Value, equal: list[set[ops.Value]]) -> ops.Value | None:
        """Return a constant for what has a value whichever side is there."""
        is_sure = isinstance(part, ops.Coalesce) and any(
            all(self._is_among(each, known) for each in part.arg) for known in equal
        )
        there = {column.rel for column in fields(part)} if is_sure else set()
        return ops.Literal(None, dtype=part.dtype) if there == set(self._sides) else None

    def _unlinked(self, i: int, wanted: Values) -> str:
        names = sorted({column.name for column in fields(tuple(self._predicates))}) or ["nothing"]
        tables = sorted({table.name for table in self._sides[i].find(ops.UnboundTable)})
        return f"a join on {', '.join(names)} leads from {' and '.join(tables)} to no known {_said(wanted)}"


def _sides_of(predicate: ops.Value) -> list[tuple[ops.Value, ops.Value]]:
    """Return the two values that a predicate holds equal, in both orders, if they are the same wherever it is true."""
    if not isinstance(predicate, ops.Equals | ops.IdenticalTo):
        return []
    left, right = predicate.left, predicate.right
    kinds = {left.dtype.copy(nullable=True), right.dtype.copy(nullable=True)}
    if len(kinds) > 1 or any(isinstance(kind, dt.Floating) for kind in kinds):
        return []
    return [(left, right), (right, left)]


def _moved(key: Values, rel: ops.Relation) -> Values:
    """Return values over the same columns of another relation."""
    return tuple(through(value, lambda column: ops.Field(rel, column.name)) for value in key)


def _filled(rel: ops.FillNull, column: ops.Field) -> ops.Value:
    there = ops.Field(rel.parent, column.name)
    known = rel.replacements
    if hasattr(known, "get"):
        return ops.Coalesce((there, known[column.name])) if column.name in known else there
    raise Untraceable("fill_null of all columns cannot be followed; name the columns")


def _said(key: Values) -> str:
    return " and ".join(dict.fromkeys(column.name for value in key for column in fields(value))) or "key"
