"""The SQL of a pipeline for one engine, as templates: from the cache, or made from Ibis expressions when needed.

What a template says depends on the code alone. The tables that it is over, and the run's time, are given by a run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

from lc_ibis.compiled.queries import KEYS, ROWS, Dialect, Query, Template
from lc_ibis.declare.checks import Check
from lc_ibis.declare.graph import Graph
from lc_ibis.declare.models import Model, Snapshot, Source

if TYPE_CHECKING:
    from lc_ibis.compiled.making import Maker
    from lc_ibis.declare.pipeline import Pipeline

# Whether a check may be run on changed rows alone, on the rows of changed keys, or on all rows only.
Locality = Literal["rows", "keys", "none"]
Tables = Mapping[str, Query]


@dataclass(frozen=True)
class Lead:
    """The keys to which some rows of a table lead: over :rows, and the tables on the way."""

    table: str
    keys: Template


@dataclass(frozen=True, eq=False)
class KeyQueries:
    """The queries about one kind of keys: values of the columns `by`.

    `gives_others`: the rows that lead to a key also give rows of other keys, which are to be left out.
    `can_be_followed`: the way to the keys raises no error on any row; on an engine with TRY it never does.
    `narrow`: by table, templates of its rows that lead to one of :keys. A table not listed is read whole.
    """

    by: tuple[str, ...]
    gives_others: bool
    can_be_followed: bool
    leads: tuple[Lead, ...]
    narrow: Mapping[str, tuple[Template, ...]]


@dataclass(frozen=True)
class Fingerprints:
    """By model: the sha256 of what makes its rows, and of what makes its checks."""

    models: Mapping[str, str]
    checks: Mapping[str, str]


class Program:
    """The queries of a pipeline in one dialect. `made` are those that are known; `pipeline` gives the others."""

    def __init__(
        self, graph: Graph, dialect: Dialect, pipeline: Callable[[], Pipeline], made: dict[str, Any] | None = None
    ):
        self.graph, self.dialect, self.pipeline = graph, dialect, pipeline
        self.made: dict[str, Any] = {} if made is None else made
        self.has_missed = False
        self._keys: dict[str, KeyQueries] = {}

    def rows(self, model: Model) -> Template:
        """Return the rows of a model over its inputs, a source's over :received; stamps are filled."""
        return self._template("rows", model)

    def columns(self, model: Model) -> tuple[str, ...]:
        """Return the columns of a model's rows."""
        return model.contract.names() if model.is_stored else self.rows(model).columns

    def ordered(self, model: Model, is_neutralised: bool = False) -> Template:
        """Return a model's rows in their order, over :rows; see Model.ordered, neutralised."""
        return self._template("neutralised" if is_neutralised else "ordered", model)

    def differences(self, model: Model, what: Literal["found", "additions", "survivors"]) -> Template:
        """Return how a model's stored table differs from a result, over :result, :stored, and :found; see Differences.

        `found` is over the first two, `additions` over :found, `survivors` over :found and :stored.
        """
        return self._template(what, model)

    def versions(self, model: Model, what: Literal["closed", "opened", "gone"]) -> Template:
        """Return what rows, and held keys, do to a history, over :history, :rows and :held; see HistoryChanges."""
        return self._template(what, model)

    def delta(self, model: Model) -> Template:
        """Return what the rows of a source's deltas say, over :rows; see deliveries.operations."""
        return self._template("delta", model)

    def key_values(self, model: Model, rows: Query) -> Query:
        """Return the keys by which a model is computed, of each of some rows of it."""
        return self._template("key values", model).over({ROWS: rows})

    def among(self, model: Model, rows: Query, keys: Query, by: tuple[str, ...]) -> Query:
        """Return the rows of a model that have one of some keys, null being a value."""
        if not any(column.read_as and column.name in by for column in model.contract.columns):
            return self.dialect.among(rows, keys, by)
        return self._template("among", model, *by).over({ROWS: rows, KEYS: keys})

    def keys(self, model: Model) -> KeyQueries:
        """Return how changes lead to keys of a model that is computed by key. Models share what is the same."""
        name = self._once("keys as", model)
        if name not in self._keys:
            found = self._once("keys", self.graph[name])
            leads = tuple(Lead(table, keys) for table, keys in found["leads"])
            narrow = {table: tuple(ways) for table, ways in found["narrow"].items()}
            self._keys[name] = KeyQueries(model.by, found["gives_others"], found["can_be_followed"], leads, narrow)
        return self._keys[name]

    def narrowed(self, keys: KeyQueries, name: str, rows: Query, wanted: Query) -> Query:
        """Return the rows of a table that lead to some keys, in whatever way."""
        found = [way.over({name: rows, KEYS: wanted}) for way in keys.narrow[name]]
        return self.dialect.union(*found, is_distinct=len(found) > 1)

    # Checks: over the model's table, and the others that a check needs, by their names ----------------------

    def failing(self, model: Model, check: Check, tables: Tables) -> Query:
        """Return the rows that fail a check."""
        rules, names = self._rules(model)
        if check.name not in names:
            return self._template("failing", model, check.name).over(tables)
        broken = self.dialect.where(rules.over(tables), self.dialect.quoted(names[check.name]))
        return self.dialect.select(broken, self.columns(model))

    def _rules(self, model: Model) -> tuple[Template, Mapping[str, str]]:
        """Return the rows of a model with what they break, and the columns that say it, by check."""
        found = self._once("rules", model)
        return found["rows"], found["names"]

    def locality(self, model: Model, check: Check) -> Locality:
        """Say of what a check may be run on a part."""
        if check.name in self._rules(model)[1]:
            return "rows"
        found: Locality = self._once("locality", model, check.name)
        return found

    def counts(self, model: Model, groups: Sequence[tuple[Sequence[Check], Tables]]) -> Query:
        """Return one row: how many rows fail each check, in columns c0, c1, …; each group has tables of its own."""
        rows: list[Query] = []
        for checks, tables in groups:
            rows.append(self._counts(model, checks, tables, first=sum(len(row.columns) for row in rows)))
        if len(rows) == 1:
            return rows[0]
        joined = " CROSS JOIN ".join(f"{row.rows} AS g{i}" for i, row in enumerate(rows))
        return self.dialect.made(f"SELECT * FROM {joined}", [c for row in rows for c in row.columns], *rows)

    def _counts(self, model: Model, checks: Sequence[Check], tables: Tables, first: int) -> Query:
        rules, names = self._rules(model)
        counted, parts = {}, []
        for i, check in enumerate(checks, start=first):
            if check.name in names:
                rule = self.dialect.quoted("t", names[check.name])
                counted[f"c{i}"] = f"coalesce(sum(CASE WHEN {rule} THEN 1 ELSE 0 END), 0)"
            else:
                parts.append(self.failing(model, check, tables))
                counted[f"c{i}"] = self.dialect.counted(parts[-1])
        sql = "SELECT " + ", ".join(f"{value} AS {name}" for name, value in counted.items())
        if any(check.name in names for check in checks):
            parts.append(rules.over(tables))
            sql += f" FROM {parts[-1].rows} AS t"
        return self.dialect.made(sql, tuple(counted), *parts)

    # What engines say of types ------------------------------------------------------------------------------

    def types(self, model: Model, engine: str, ask: Callable[[Any], str]) -> list[list[str]]:
        """Return a contract's columns and types in an engine's words; `ask` is how it calls a type."""
        columns = model.contract.columns
        return self._asked(f"types/{model.name}/{engine}", lambda: [[c.name, ask(c.declared)] for c in columns])

    def described(self, model: Model, engine: str, ask: Callable[[], list[list[str]]]) -> list[list[str]]:
        """Return the columns and types that an engine gives a model's rows, in its words; one that is known, once."""
        return ask() if not engine else self._asked(f"described/{model.name}/{engine}", ask)

    def _asked(self, key: str, ask: Callable[[], list[list[str]]]) -> list[list[str]]:
        if key not in self.made:
            self.has_missed = True
            self.made[key] = ask()
        found: list[list[str]] = self.made[key]
        return found

    @property
    def fingerprints(self) -> Fingerprints:
        """The fingerprints of the models and their checks."""
        if "fingerprints" not in self.made:
            self.has_missed = True
            self.made["fingerprints"] = self._maker.fingerprints()
        return Fingerprints(*self.made["fingerprints"])

    def complete(self) -> None:
        """Make the templates that a build may need; what cannot be made is left for the build that needs it."""
        for model in self.graph:
            asked: list[tuple[str, ...]] = [("rows",), ("ordered",)]
            if model.checks:
                with suppress(Exception):
                    names = [check.name for check in model.checks if check.name not in self._rules(model)[1]]
                    asked += [(what, name) for name in names for what in ("failing", "locality")]
            if isinstance(model.kind, Snapshot):
                asked += [("closed",), ("opened",), ("gone",)]
            elif model.is_stored:
                asked += [("found",), ("additions",), *([] if model.contract.key() else [("survivors",)])]
            if isinstance(model.kind, Source):
                asked += [("delta",)]
            elif model.is_stored and model.by:
                asked += [("keys as",), ("keys",), ("key values",)]
            if read := tuple(column.name for column in model.contract.columns if column.read_as):
                asked += [("among", *read)]
            for what, *more in asked:
                with suppress(Exception):
                    self._once(what, model, *more)

    def _template(self, what: str, model: Model, *more: str) -> Template:
        found: Template = self._once(what, model, *more)
        return found

    def _once(self, what: str, model: Model, *more: str) -> Any:
        key = "/".join((what, model.name, *more))
        if key not in self.made:
            self.has_missed = True
            self.made[key] = self._maker.make(what, model.name, more)
        return self.made[key]

    @property
    def _maker(self) -> Maker:
        from lc_ibis.compiled.making import maker

        return maker(self.pipeline(), self.dialect)


@cache
def program(pipeline: Pipeline, dialect: Dialect) -> Program:
    """Return the program of a pipeline whose functions are there: one for the process."""
    return Program(pipeline, dialect, lambda: pipeline)
