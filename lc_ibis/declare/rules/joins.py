"""Joins: from each side of a chain to a key over the chain, by what the join holds equal."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import ibis.expr.datatypes as dt
import ibis.expr.operations as ops

from lc_ibis.declare.rules.values import fields, over, through
from lc_ibis.declare.rules.ways import Hop, Path, Untraceable, Values, said

if TYPE_CHECKING:
    from lc_ibis.declare.rules.provenance import Tracer

_KINDS = ("inner", "left", "right", "outer", "semi", "anti", "cross")
# Values that are equal wherever some rows come together, in the order in which they are named.
_Equals = list[ops.Value]


class Join:
    """The sides of a chain of joins, and what its predicates hold equal."""

    def __init__(self, tracer: Tracer, chain: ops.JoinChain):
        self._tracer, self._chain = tracer, chain
        self._sides = list(chain.tables)
        self._hows = ["", *(link.how for link in chain.rest)]
        self._predicates = [(), *(link.predicates for link in chain.rest)]
        self._equal = cache(self._equals)
        for how in self._hows[1:]:
            if how not in _KINDS or (how in ("right", "outer") and len(self._sides) > 2):
                raise Untraceable(f"{how} joins of {len(self._sides)} tables cannot be followed")
        for predicates in self._predicates:
            tracer.verify_rows(predicates, ())

    def paths(self, key: Values) -> list[Path]:
        """Return the paths from all sides to a key over the chain. Raises Untraceable."""
        wanted = tuple(through(value, lambda column: self._chain.values[column.name]) for value in key)
        self._tracer.verify_rows(self._chain.values.values(), wanted)
        self._refuse_nulled(wanted)
        paths = []
        for i, side in enumerate(self._sides):
            if not self._tracer.has_ground(side):
                continue
            way = self._way(i, wanted, frozenset())
            if way is None:
                raise Untraceable(self._unlinked(i, wanted))
            values, hops = way
            for path in self._tracer.trace(side, values):
                paths.append(Path(path.table, path.values, (*path.hops, *hops)))
        return paths

    def _way(self, i: int, wanted: Values, seen: frozenset[int]) -> tuple[Values, tuple[Hop, ...]] | None:
        """Return values of a side that are, or lead to, the wanted ones."""
        here = self._rewritten(wanted, i)
        if here is not None:
            return here, ()
        for j in sorted(self._sure(i) - {i, *seen}):
            links = self._links(i, j)
            if links and (further := self._way(j, wanted, seen | {i})):
                values, hops = further
                hop = Hop(self._sides[j], tuple(theirs for _, theirs in links), values)
                return tuple(mine for mine, _ in links), (hop, *hops)
        return None

    def _rewritten(self, wanted: Values, i: int) -> Values | None:
        """Return values as they are over one side, as far as it has them or their equals."""
        values = tuple(over(value, lambda part: self._there(part, i)) for value in wanted)
        return values if all(column.rel is self._sides[i] for value in values for column in fields(value)) else None

    def _there(self, part: ops.Value, i: int) -> ops.Value | None:
        if isinstance(part, ops.Literal) or self._is_of(part, i):
            return part
        for known in self._equal(i):
            if self._is_among(part, known):
                return next((each for each in known if self._is_of(each, i)), None)
        if self._is_either(part):
            return next((each for each in part.__args__[0] if self._is_of(each, i)), None)
        return None

    def _is_either(self, value: ops.Value) -> bool:
        """Say whether a value is that of whichever of two sides is there, both being equal where both are."""
        if not isinstance(value, ops.Coalesce) or len(self._sides) != 2:
            return False
        known = [*self._equal(0), *self._equal(1)]
        return any(all(self._is_among(each, group) for each in value.arg) for group in known)

    def _is_among(self, value: ops.Value, known: _Equals) -> bool:
        return value in known or self._tracer.meaning(value) in [self._tracer.meaning(each) for each in known]

    def _is_of(self, value: ops.Value, i: int) -> bool:
        named = list(fields(value))
        return bool(named) and all(column.rel is self._sides[i] for column in named)

    def _links(self, i: int, j: int) -> list[tuple[ops.Value, ops.Value]]:
        """Return the pairs of values of two sides that are equal wherever there is a row of the first."""
        pairs = [
            (left, right)
            for k in sorted(self._sure(i))
            for predicate in self._predicates[k]
            for left, right in _equal_sides(predicate)
            if self._is_of(left, i) and self._is_of(right, j)
        ]
        return list(dict.fromkeys(pairs))

    def _sure(self, i: int) -> set[int]:
        """Return the sides that have a row in whatever row of the chain a side has one; so their predicates hold."""
        kinds = self._hows[1:]
        if len(kinds) == 1 and kinds[0] in ("right", "outer"):
            return {0, 1} if i == 0 and kinds == ["right"] else {i}
        sure = {0, i} | {j for j, how in enumerate(self._hows) if how == "inner"}
        while True:
            more = {
                j
                for k in sure
                for predicate in self._predicates[k]
                for j in range(1, len(self._sides))
                if _needs(predicate, self._sides[j])
            }
            if more <= sure:
                return sure
            sure |= more

    def _equals(self, i: int) -> list[_Equals]:
        """Return values that are equal wherever a side has a row."""
        sure = self._sure(i)
        if len(self._sides) == 2 and self._hows[1] in ("right", "outer"):
            sure = {0, 1}  # a row without a partner has no other key than its own
        groups: list[_Equals] = []
        for j in sorted(sure):
            for predicate in self._predicates[j]:
                for left, right in _equal_sides(predicate)[:1]:
                    near = [group for group in groups if left in group or right in group]
                    joined = list(dict.fromkeys([*(each for group in near for each in group), left, right]))
                    groups = [group for group in groups if group not in near] + [joined]
        return groups

    def _refuse_nulled(self, wanted: Values) -> None:
        """Raise Untraceable where the key is of a side that may be missing from a row."""
        nulled = {
            self._sides[j]
            for i, how in enumerate(self._hows)
            for j in ([i] if how == "left" else range(i) if how == "right" else range(i + 1) if how == "outer" else [])
        }
        for value in wanted:
            for column in fields(over(value, self._filled_up)):
                if column.rel in nulled:
                    raise Untraceable(
                        f"{column.name} is null where a row of its side of the join is missing; take it from the side "
                        "that is always there, coalesce the columns of both that the join holds equal, or inner_join"
                    )

    def _filled_up(self, part: ops.Value) -> ops.Value | None:
        """Return a constant for what has a value whichever side is there."""
        is_sure = self._is_either(part) and {column.rel for column in fields(part)} == set(self._sides)
        return ops.Literal(None, dtype=part.dtype) if is_sure else None

    def _unlinked(self, i: int, wanted: Values) -> str:
        names = sorted({column.name for column in fields(tuple(self._predicates))}) or ["nothing"]
        tables = sorted({table.name for table in self._sides[i].find(ops.UnboundTable)})
        each = (_unfit(predicate) for predicates in self._predicates for predicate in predicates)
        why = "; ".join(dict.fromkeys(filter(None, each)))
        return (
            f"for a changed row of {' and '.join(tables)} it is unknown which {said(wanted)} it belongs to, because "
            f"they are joined on {', '.join(names)}{f' ({why})' if why else ''}"
        )


def _equal_sides(predicate: ops.Value) -> list[tuple[ops.Value, ops.Value]]:
    """Return the two values that a predicate holds equal, in both orders, if they are the same wherever it is true."""
    if not isinstance(predicate, ops.Equals | ops.IdenticalTo):
        return []
    left, right = predicate.left, predicate.right
    kinds = {left.dtype.copy(nullable=True), right.dtype.copy(nullable=True)}
    if len(kinds) > 1 or any(isinstance(kind, dt.Floating) for kind in kinds):
        return []
    return [(left, right), (right, left)]


def _unfit(predicate: ops.Value) -> str:
    """Return why a predicate holds no two values equal, and the remedy; empty where it does."""
    if _equal_sides(predicate):
        return ""
    names = " and ".join(column.name for column in dict.fromkeys(fields(predicate))) or "a constant"
    if isinstance(predicate, ops.Equals | ops.IdenticalTo):
        left, right = predicate.left.dtype.copy(nullable=True), predicate.right.dtype.copy(nullable=True)
        if isinstance(left, dt.Floating) or isinstance(right, dt.Floating):
            return f"{names} are equal as floats, of which others may be equal too: join whole numbers or texts"
        return f"{names} are equal as {left} and {right}, of which others may be equal too: cast one to the other"
    if isinstance(predicate, ops.Or):
        return f"{names} stand in an or, so that neither is sure: union a join for each"
    return f"{names} need not be equal: join by an equality too"


def _needs(predicate: ops.Value, side: ops.Relation) -> bool:
    """Say whether a predicate is true only where a side has a row: it compares a bare column of it."""
    if not isinstance(predicate, ops.Comparison) or isinstance(predicate, ops.IdenticalTo):
        return False
    return any(isinstance(part, ops.Field) and part.rel is side for part in (predicate.left, predicate.right))
