"""Whether a function gives the same rows at every computation over the same rows, be it of all or of a few keys.

Only what reaches the content of a stored table counts: its columns but the stamps, and what decides which rows there
are. What it reads of other stored tables is the same each time; the ephemeral models in between belong to it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple

import ibis.expr.operations as ops
from ibis.expr.operations.udf import InputType

from lc_ibis.declare.contracts import any_moment
from lc_ibis.declare.models import Incremental, Kind, Model, Snapshot, Source, TimestampStrategy
from lc_ibis.declare.rules.telling import SAME_NAMES, bare_names, is_total, is_unnested, rows_below

if TYPE_CHECKING:
    from lc_ibis.declare.pipeline import Pipeline

_RUN_AT = any_moment().op()  # as the steps of a pipeline have it
_VOLATILE = {
    ops.TimestampNow: ("ibis.now()", "Take run_at, or a column of the data."),
    ops.DateNow: ("ibis.today()", "Take run_at, or a column of the data."),
    ops.RandomScalar: ("ibis.random()", "Derive it from the key."),
    ops.RandomUUID: ("ibis.uuid()", "Derive it from the key."),
    ops.RowID: ("the place of a row on disk", "Take the key."),
}
_VOLATILE_NAMES = ("random", "rand", "randn", "uuid", "uuidv4", "gen_random_uuid", "now", "today", "current_date",
                   "current_timestamp", "get_current_timestamp", "nextval")  # fmt: skip
_ESTIMATES = (ops.ApproxCountDistinct, ops.ApproxMedian, ops.ApproxQuantile, ops.ApproxMultiQuantile)
_AS_FLOATS = (ops.Variance, ops.StandardDev, ops.Covariance, ops.Correlation, ops.Kurtosis)
_INEXACT = dict.fromkeys(_ESTIMATES, "is an estimate. Take the exact one.")
_INEXACT |= dict.fromkeys(_AS_FLOATS, "is added up in floats, of whatever type. Compute it from sums of decimals.")
_INEXACT[ops.Mode] = "may be any of several as frequent values. Count them, and take the first in a total order."
_EXACT = (ops.All, ops.Any, ops.BitAnd, ops.BitOr, ops.BitXor, ops.Count, ops.CountStar, ops.CountDistinct,
          ops.CountDistinctStar, ops.Max, ops.Min, ops.Median, ops.Quantile, ops.MultiQuantile, ops.Sum, ops.Mean,
          ops.MinRank, ops.DenseRank, ops.PercentRank, ops.CumeDist)  # fmt: skip
_PICKED = (ops.First, ops.Last, ops.NthValue, ops.ArgMin, ops.ArgMax, ops.Arbitrary, ops.ArrayCollect, ops.GroupConcat)
_PLACED = (ops.RowNumber, ops.NTile, ops.Lag, ops.Lead)  # of rows that tie each has another, whatever is taken
_RELATIONS = (*SAME_NAMES, ops.Project, ops.Aggregate, ops.JoinChain, ops.Set, ops.TableUnnest, ops.UnboundTable,
              ops.InMemoryTable, ops.DummyTable)  # fmt: skip


def unsteady(pipeline: Pipeline, model: Model) -> str | None:
    """Return what could make the rows of a stored model others, and the remedy; None if nothing could."""
    if not model.is_stored:
        return None
    walk, aside = _Walk(pipeline, model), _Walk(pipeline, model, takes_stamps=True)
    if (held := getattr(model.kind, "held", None)) and not pipeline[held].is_stored:
        walk.columns(pipeline.steps[held].op(), held, model.business_key)
    counted = _counted(model)
    walk.columns(pipeline.steps[model.name].op(), model.name, counted)
    if isinstance(model.kind, Snapshot):  # which keeps the rest too, as it was when a version began
        aside.columns(pipeline.steps[model.name].op(), model.name, set(model.contract.schema().names) - set(counted))
    return next(chain(walk.found(), aside.found()), None)


def _counted(model: Model) -> tuple[str, ...]:
    """Return the columns by which it is told whether a row is another."""
    if not isinstance(model.kind, Snapshot):
        return model.contract.content()
    strategy = model.kind.strategy
    if isinstance(strategy, TimestampStrategy) and not strategy.is_by_value:
        return (*model.business_key, strategy.updated_at)
    return tuple(name for name in model.contract.schema().names if name not in strategy.ignore)


class _Place(NamedTuple):
    """Where a value stands: over whose rows, in which groups, in which window, for which column of which step."""

    rel: ops.Relation
    step: str
    groups: tuple[ops.Value, ...] = ()
    window: ops.WindowFunction | None = None
    what: str = "the rows"


class _Walk:
    """The way from a model's columns down to the stored tables."""

    def __init__(self, pipeline: Pipeline, model: Model, takes_stamps: bool = False):
        self.pipeline, self.model = pipeline, model
        self.takes_stamps = takes_stamps or model.looks_at_clock
        self.todo: list[tuple[ops.Node, _Place]] = []
        self.seen: set[Any] = set()

    def found(self) -> Iterator[str]:
        while self.todo:
            node, place = self.todo.pop()
            if why := self._rows(node, place) if isinstance(node, ops.Relation) else self._value(node, place):
                of = f" of {place.step}" if place.step != self.model.name else ""
                yield f"{place.what}{of} {why}"

    def columns(self, rel: ops.Relation, step: str, names: Iterable[str] | None = None) -> None:
        """Have a relation looked at: what decides about its rows, and those columns that it has."""
        self._add(rel, _Place(rel, step))
        for name in rel.schema.names if names is None else names:
            if name in rel.schema.names:
                self._column(rel, name, _Place(rel, step, what=name))

    def _add(self, node: Any, place: _Place) -> None:
        if isinstance(node, ops.Field):
            self._column(node.rel, node.name, place)
        elif isinstance(node, ops.Node) and (key := (node, place.rel, place.groups, place.window)) not in self.seen:
            self.seen.add(key)
            self.todo.append((node, place))

    def _column(self, rel: Any, name: str, place: _Place) -> None:
        if (rel, name) in self.seen:
            return
        self.seen.add((rel, name))
        if isinstance(rel, ops.UnboundTable) and self._is_stamp(rel.name, name):
            self.todo.append((ops.Field(rel, name), place))
        elif isinstance(rel, (*SAME_NAMES, ops.Set, ops.UnboundTable)):
            for below, its_step in rows_below(self.pipeline, rel, place.step):
                self._column(below, name, place._replace(step=its_step))
        elif name in rel.values:
            self._add(rel.values[name], _within(rel, place.step, name))

    def _is_stamp(self, table: str, name: str) -> bool:
        """Say whether a column moves with the runs that write a table, not with what is in it."""
        known = self.pipeline.models.get(table)
        if self.takes_stamps or known is None or not isinstance(known.kind, Incremental):
            return False  # What sources and histories have is given: nothing computes it again.
        return name in known.contract.stamps()

    def _rows(self, rel: Any, place: _Place) -> str | None:
        """Follow what decides which rows a relation has; return why they could be others."""
        whole = isinstance(rel, ops.Distinct) or (isinstance(rel, ops.DropNull) and rel.subset is None)
        whole |= isinstance(rel, ops.Set) and (rel.distinct or not isinstance(rel, ops.Union))
        for below, its_step in rows_below(self.pipeline, rel, place.step):
            self.columns(below, its_step, None if whole else ())
        for what, value in _deciding(rel):
            self._add(value, _within(rel, place.step, what))
        return _unsteady_rows(self.pipeline, rel)

    def _value(self, value: Any, place: _Place) -> str | None:
        """Follow what a value depends on; return why it could be another."""
        if isinstance(value, ops.Field):
            return (
                f"depends on {value.rel.name}.{value.name}, a stamp: it says which run wrote a row, which changes "
                "when the table is rebuilt. Take a column of content, or the loaded_at of a source."
            )
        if value == _RUN_AT:
            return _of_the_clock(self.model.kind)
        if (counted := _counted_items(value)) is not None:
            value = counted
        elif isinstance(value, ops.WindowFunction):
            place = place._replace(groups=value.group_by, window=value)
        for part in value.__children__:
            if not isinstance(part, ops.Relation):
                self._add(part, place)
            elif not isinstance(value, (ops.CountStar, ops.RowID)):  # which take rows, whatever is in them
                self.columns(part, place.step, () if isinstance(value, ops.ExistsSubquery) else None)
        return None if counted is not None else _unsteady_value(self.pipeline, value, place)


def _within(rel: Any, step: str, what: str) -> _Place:
    return _Place(getattr(rel, "parent", rel), step, tuple(getattr(rel, "groups", {}).values()), what=what)


def _deciding(rel: Any) -> list[tuple[str, Any]]:
    """Return the values that decide which rows a relation has, each with what it is."""
    if isinstance(rel, ops.Aggregate):
        return list(rel.groups.items())
    if isinstance(rel, ops.Project | ops.DummyTable):
        return [(name, value) for name, value in rel.values.items() if is_unnested(value)]
    if isinstance(rel, ops.JoinChain):
        return [("a join", predicate) for link in rel.rest for predicate in link.predicates]
    return [(f"a {type(rel).__name__.lower()}", value) for value in rel.__children__ if isinstance(value, ops.Value)]


def _of_the_clock(kind: Kind) -> str | None:
    remedy = "Declare the column with stamp(...) and leave it out of the result, or take a column of the data."
    if isinstance(kind, Snapshot):
        remedy = "Take a column of the data: a history already stores the times of its runs."
    elif not isinstance(kind, Source):
        remedy += " A table that must depend on the clock is Incremental(by=(), each_run=True)."
    return None if getattr(kind, "each_run", False) else f"depends on run_at, which differs in every run. {remedy}"


def _counted_items(value: Any) -> ops.ArrayCollect | None:
    """Return what is collected in a value that only says how much that is, whatever its order."""
    held = value.arg if isinstance(value, ops.ArrayLength) else None
    while isinstance(held, ops.ArrayDistinct):
        held = held.arg
    return held if isinstance(held, ops.ArrayCollect) else None


def _unsteady_rows(pipeline: Pipeline, rel: Any) -> str | None:
    if isinstance(rel, ops.Sample):
        return "are a random sample. Filter by a column of the data."
    if not isinstance(rel, _RELATIONS):
        return f"come from {type(rel).__name__}, which may give different rows each time. Take them from models."
    if isinstance(rel, ops.Limit):
        of, keys = (rel.parent.parent, rel.parent.keys) if isinstance(rel.parent, ops.Sort) else (rel.parent, ())
        if not is_total(pipeline, of, bare_names(of, (key.arg for key in keys))):
            return f"are limited, {_in_order(keys)}"
    for link in rel.rest if isinstance(rel, ops.JoinChain) else ():
        by = [field for each in link.predicates for field in each.find(ops.Field, filter=ops.Value)]
        is_one = link.how == "asof" and is_total(pipeline, link.table, bare_names(link.table, by))
        if not is_one and link.how not in ("inner", "left", "right", "outer", "cross", "semi", "anti"):
            names = ", ".join(dict.fromkeys(field.name for field in by))
            return f"are joined {link.how} by {names}, which picks any matching row. Join by a key of the rows."
    return None


def _unsteady_value(pipeline: Pipeline, value: Any, place: _Place) -> str | None:
    if type(value) in _VOLATILE:
        what, remedy = _VOLATILE[type(value)]
        return f"depends on {what}, which differs every time. {remedy}"
    if not isinstance(value, (ops.Reduction, ops.Analytic, ops.Impure)):
        return None
    name = getattr(value, "__func_name__", re.sub(r"(?<!^)(?=[A-Z])", "_", type(value).__name__)).lower()
    if not isinstance(value, (ops.Reduction, ops.Analytic)):
        named = name if getattr(value, "__input_type__", None) is InputType.BUILTIN else ""
        steady = isinstance(value, ops.ScalarUDF) and named not in _VOLATILE_NAMES  # Python is taken at its word
        return None if steady else f"depends on {name}(), which differs every time. Derive it from the data."
    taken = [part for each in ("arg", "left", "right") if isinstance(part := getattr(value, each, None), ops.Value)]
    of = ", ".join(dict.fromkeys(field.name for part in taken for field in part.find(ops.Field, filter=ops.Value)))
    what = f"{name} of {of}" if of else name
    if type(value) in _INEXACT:
        return f"depends on {what}, which {_INEXACT[type(value)]}"
    if isinstance(value, ops.Sum | ops.Mean) and value.arg.dtype.is_floating():
        return f"depends on {what}: add decimals, as the order of floats changes the last digits."
    if not isinstance(value, (*_EXACT, *_PICKED, *_PLACED)):
        return f"depends on {what}, which may differ each time. Compute it from sums, counts or ranks."
    ordered = _unsteady_order(pipeline, value, place)
    by = ", ".join(group.name for group in place.groups)
    return f"depends on {what}{' by ' + by if by else ''}, {ordered}" if ordered else None


def _unsteady_order(pipeline: Pipeline, value: Any, place: _Place) -> str | None:
    """Return why a value could be another in another order of rows that tie."""
    rel, window, keys = place.rel, place.window, getattr(value, "order_by", ())
    framed = window.order_by if window and window.how == "rows" and (window.start or window.end) else None
    if framed is not None and not is_total(pipeline, rel, bare_names(rel, (*place.groups, *(k.arg for k in framed)))):
        return _in_order(framed)
    if not isinstance(value, (*_PICKED, *_PLACED)):
        return None
    if isinstance(value, (ops.ArgMin, ops.ArgMax)):
        keys = (ops.SortKey(value.key),)
    elif window and not isinstance(value, ops.Arbitrary) and (isinstance(value, (ops.First, ops.Last)) or not keys):
        keys = window.order_by  # Ibis leaves the order of first(order_by=...).over(...) out of the SQL.
    by = (*place.groups, *(key.arg for key in keys))
    held, taken = bare_names(rel, by), value.arg if isinstance(value, _PICKED) else None
    if taken is not None and (taken in by or bare_names(rel, taken.find(ops.Field, filter=ops.Value)) <= held):
        return None  # Rows that tie have the same value.
    if is_total(pipeline, rel, held):
        return None
    return _by_extreme(value) if isinstance(value, (ops.ArgMin, ops.ArgMax)) else _in_order(keys)


def _by_extreme(value: ops.ArgMin | ops.ArgMax) -> str:
    name = value.key.name
    first = f"{name}.desc()" if isinstance(value, ops.ArgMax) else name
    return f"in the order of {name}, in which rows may tie. Take first(order_by=[{first}, and a key])."


def _in_order(keys: Iterable[ops.Value]) -> str:
    if names := ", ".join(dict.fromkeys(key.name for key in keys)):
        return f"in the order of {names}, in which rows may tie. Order by a key of the rows too, or by all columns."
    return "in no order. Order by a key of the rows."
