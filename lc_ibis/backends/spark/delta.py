"""Delta tables of a Spark Connect server, a Databricks job or a SQL warehouse: schemas catalog.prefix_layer.

What a build makes is staged in tables of its own. Nothing else is written until it is known to be sound; then one
commit a table brings them up to date, the state last. A build that is cut off there is found by its journal, and the
next one compares everything anew.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any, Protocol
from uuid import uuid4

import ibis
import ibis.expr.types as ir
import sqlglot.expressions as sge
from ibis.backends.sql.datatypes import PySparkType

from lc_ibis.backends.duckdb.extracts import reading
from lc_ibis.backends.spark.tables import Engine, Place, SparkTables, exact, named, texts
from lc_ibis.compiled.queries import Dialect, Query
from lc_ibis.engine.store import Files, Rows
from lc_ibis.errors import DatabaseError, SessionEnded, SettingsError
from lc_ibis.redaction import logger

_SCRATCH, _STATE, _JOURNAL = "scratch", "state", "journal"
_JOURNAL_SCHEMA = ibis.schema({"build": "string", "started_at": "timestamp(6)", "has_ended": "boolean"})
_DEAD = "lc_ibis_is_dead"
# Scratch tables of builds and readers that were killed are dropped by a build after so long.
_LEFTOVER = timedelta(days=2)
log = logger(__name__)
# On Databricks the same.
_quoted = Dialect("pyspark").quoted


class _Engine(Engine, Protocol):
    """An engine that knows whether it is still the one that a build began on."""

    def verify(self) -> None: ...  # raises SessionEnded


@dataclass
class _Staged:
    """What a build is to make of a table: of its stored rows, if any, those not `dead`, and those `added`."""

    stored: ir.Table | None
    dead: ir.Table | None = None
    by: tuple[str, ...] = ()
    added: list[ir.Table] = field(default_factory=list)

    def table(self) -> ir.Table:
        alive = [self.stored] if self.stored is not None else []
        if self.stored is not None and self.dead is not None:
            dead = self.dead.rename(lambda name: f"dead_{name}")
            same = [self.stored[c].identical_to(dead[f"dead_{c}"]) for c in self.by]
            alive = [self.stored.anti_join(dead, same)]
        parts = [*alive, *self.added]
        return ibis.union(*parts) if len(parts) > 1 else parts[0]


class Delta(SparkTables):
    """The tables of the schemas `catalog.prefix_<layer>`, or `prefix_<layer>` of the present catalog.

    Raises SettingsError, DatabaseError.
    """

    PREFIX = "lc_ibis"
    _engine: _Engine

    def __init__(self, place: str, engine: _Engine, read_only: bool = False):
        super().__init__(engine)
        self._catalog, self._prefix = _split(place)
        self._build = uuid4().hex
        self._staged: dict[Place, _Staged] = {}
        self._dropped: set[Place] = set()
        self._known: dict[Place, ir.Table] = {}
        self._scratches: list[str] = []
        self._values_names: list[str] = []
        self._has_scratch_schema = self._writing = False
        self._tables = self._listed()
        if not self._tables and (read_only or engine.replaces_ended):
            engine.close()
            lost = (
                " The active session has ended. If its catalog was in memory, this server no longer knows the tables. "
                "Build again to recreate them."
            )
            fix = " Create them with lc-ibis build." if read_only else lost
            raise DatabaseError(f"{place}: no tables found.{fix}")
        self._last = self._journal()

    def __enter__(self) -> Delta:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Drop what was kept for the length of this connection; a later build does, if the session has ended."""
        try:
            if not self._engine.has_ended:
                self._drop_kept()
        except SessionEnded as ended:
            log.warning("%s", ended)  # what was to be done is done
        finally:
            self._engine.close()

    def _drop_kept(self) -> None:
        for name in self._scratches:
            self._run(f"DROP TABLE IF EXISTS {name}")
        for name in self._values_names:
            self._run(f"DROP VIEW IF EXISTS {name}")

    def discard(self) -> None:
        """Remove all tables, and the schemas that held them."""
        for layer in self._layers():
            self._run(f"DROP SCHEMA IF EXISTS {self._schema(layer)} CASCADE")

    @property
    def interrupted_at(self) -> datetime | None:
        """When the last build began to write, if it was cut off then; its tables are partly old and partly new."""
        return None if self._last is None or self._last["has_ended"] else self._last["started_at"]

    # Writing --------------------------------------------------------------------------------

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """Write all that is staged inside, a commit a table, or, on an error before that, nothing."""
        self._writing = True
        try:
            yield
            if self._writing and (self._staged or self._dropped):
                self._commit()
        finally:
            self.rollback()

    def compact(self) -> None:
        """Raise DatabaseError: the engine compacts Delta tables."""
        raise DatabaseError(
            "Delta tables are compacted by their engine: OPTIMIZE, then VACUUM, on each, or predictive optimization."
        )

    def rollback(self) -> None:
        """Forget all that is staged; nothing to do once the transaction has ended."""
        self._writing = False
        self._staged.clear()
        self._dropped.clear()

    def _commit(self) -> None:
        # A server that was restarted meanwhile has no journal, which is not to be taken for another build's.
        self._engine.verify()
        if self._journal() != self._last:
            raise DatabaseError(
                f"{self._prefix}: another build has written since this one started. Run one build at a time."
            )
        self._drop_leftovers()
        for layer in dict.fromkeys([_STATE, *(layer for layer, _ in self._staged)]):
            self._run(f"CREATE SCHEMA IF NOT EXISTS {self._schema(layer)}")
        self._note(has_ended=False)
        for place, staged in self._staged.items():
            self._run(self._commit_of(place, staged))
        # Last: a table that the state still knows, and that is gone, would be taken for lost.
        views = self.views() & self._dropped
        for place in sorted(self._dropped):
            self._run(f"DROP {'VIEW' if place in views else 'TABLE'} IF EXISTS {self._name(*place)}")
        self._note(has_ended=True)
        self._tables = (self._tables | set(self._staged)) - self._dropped
        self._staged.clear()

    def _commit_of(self, place: Place, staged: _Staged) -> str:
        """Return the one statement that brings a table up to date."""
        name = self._name(*place)
        if staged.stored is None:
            # Sail makes a column NOT NULL of a query that gives no null, and refuses one afterwards.
            made = ", ".join(f"nullif({c}, NULL) AS {c}" for c in map(_quoted, staged.table().columns))
            return f"CREATE OR REPLACE TABLE {name} USING delta AS SELECT {made} FROM ({self._sql(staged.table())})"
        added = ibis.union(*staged.added) if len(staged.added) > 1 else staged.added[0] if staged.added else None
        if staged.dead is None:
            assert added is not None
            return f"INSERT INTO {name} {self._sql(added)}"
        columns = staged.stored.schema()
        gone = staged.dead.select(
            **{c: staged.dead[c] if c in staged.by else ibis.null(t) for c, t in columns.items()},
            **{_DEAD: ibis.literal(True)},
        )
        change = gone if added is None else gone.union(added.mutate(**{_DEAD: ibis.literal(False)}))
        same = " AND ".join(f"stored.{_quoted(c)} <=> change.{_quoted(c)}" for c in staged.by)
        names = ", ".join(_quoted(c) for c in columns)
        values = ", ".join(f"change.{_quoted(c)}" for c in columns)
        return (
            f"MERGE INTO {name} AS stored USING ({self._sql(change)}) AS change ON change.{_DEAD} AND {same} "
            f"WHEN MATCHED THEN DELETE WHEN NOT MATCHED AND NOT change.{_DEAD} "
            f"THEN INSERT ({names}) VALUES ({values})"
        )

    def create(self, layer: str, name: str, types: Mapping[str, Any]) -> None:
        """Create an empty table of columns and their types; an older one is replaced."""
        self._staged[layer, name] = _Staged(None, added=[self._values(ibis.schema(dict(types)), [])])

    def drop(self, layer: str, name: str) -> None:
        """Drop a table or view, after all that is staged is written."""
        self._staged.pop((layer, name), None)
        self._dropped.add((layer, name))

    def insert(self, layer: str, name: str, query: Query | ir.Table) -> int:
        """Add the query's rows, its columns being the table's, in order; return how many."""
        kept = self._kept(query)
        self._stage((layer, name)).added.append(kept)
        return self.count(kept)

    def append(self, layer: str, name: str, rows: Sequence[tuple[Any, ...]]) -> None:
        """Add a few rows of Python values."""
        if rows:
            staged = self._stage((layer, name))
            staged.added.append(self._values(staged.table().schema(), rows))

    def overwrite(self, layer: str, name: str, rows: Sequence[tuple[Any, ...]]) -> None:
        """Replace all rows of a table by a few of Python values."""
        self._staged[layer, name] = _Staged(None, added=[self._values(self.table(layer, name).schema(), rows)])

    def delete(
        self, layer: str, name: str, rows: Query | ir.Table, by: Sequence[str], row_count: int | None = None
    ) -> None:
        """Delete the rows that agree with one of `rows` in the columns `by`, nulls being equal.

        A table is deleted from once in a build, before rows are added to it.
        """
        staged = self._stage((layer, name))
        assert staged.stored is not None
        assert staged.dead is None
        assert not staged.added
        dead = f"SELECT DISTINCT {self.dialect.listed(by)} FROM ({self._sql(rows)})"
        staged.dead, staged.by = self._kept(Query(dead, tuple(by))), tuple(by)

    def _stage(self, place: Place) -> _Staged:
        if place not in self._staged:
            self._staged[place] = _Staged(self._stored(place))
        return self._staged[place]

    def _note(self, has_ended: bool) -> None:
        row = (self._build, datetime.now(timezone.utc).replace(tzinfo=None), has_ended)
        rows = self._sql(self._values(_JOURNAL_SCHEMA, [row]))
        if not has_ended:
            # Before it is sure: a note that was lost on its way back may have been taken.
            self._last = dict(zip(_JOURNAL_SCHEMA.names, row, strict=True))
        try:
            self._run(f"CREATE OR REPLACE TABLE {self._name(_STATE, _JOURNAL)} USING delta AS {rows}")
        except SessionEnded:
            raise
        except Exception:
            with contextlib.suppress(Exception):
                self._last = self._journal()
            # The last note may have been taken, and only the answer lost: then all is published.
            if not (self._last and self._last["build"] == self._build and self._last["has_ended"]):
                raise
        else:
            self._last = self._journal()

    # Reading --------------------------------------------------------------------------------

    def tables(self) -> set[Place]:
        """Return the stored and the staged tables, and the views, as (layer, name)."""
        return {place for place in self._tables - self._dropped if place[0] != _SCRATCH} | set(self._staged)

    def views(self) -> set[Place]:
        """Return the views as (layer, name)."""
        found: set[Place] = set()
        for layer in self._layers():
            views = self._engine.fetch(f"SHOW VIEWS IN {self._schema(layer)}").to_pylist()
            # The name of the column depends on the server.
            found |= {(layer, view.get("viewName") or view["tableName"]) for view in views if not view["isTemporary"]}
        return found

    def size(self, layer: str, name: str) -> int:
        """Return how many rows a table has, whatever its columns are."""
        [(count,)] = self._fetched(f"SELECT count(*) FROM {self._name(layer, name)}")
        return int(count)

    def table(self, layer: str, name: str) -> ir.Table:
        """Return a table, as it will be if the transaction ends well, as an Ibis table."""
        staged = self._staged.get((layer, name))
        return staged.table() if staged else self._stored((layer, name))

    def stored(self, layer: str, name: str, columns: Sequence[str]) -> Query:
        """Return the rows of a table, as it will be if the transaction ends well, that has these columns."""
        if (layer, name) in self._staged:
            return Query(self._sql(self._staged[layer, name].table()), tuple(columns))
        return Query(self._name(layer, name), tuple(columns), is_name=True)

    def scratch(self, query: Rows) -> Rows:
        """Run a query once and keep its rows for the length of this connection."""
        name = self._made(self._sql(query))
        if isinstance(query, Query):
            return Query(self._name(_SCRATCH, name), query.columns, is_name=True)
        return self._reference(_SCRATCH, name, query.schema())

    def _kept(self, query: Query | ir.Table) -> ir.Table:
        """Run a query once and keep its rows, as a table of Ibis."""
        name = self._made(self._sql(query))
        found = self._engine.schema(f"SELECT * FROM {self._name(_SCRATCH, name)}")
        return self._reference(_SCRATCH, name, found)

    def _made(self, sql: str) -> str:
        """Make a scratch table of a query's rows; return its name."""
        if not self._has_scratch_schema:
            self._run(f"CREATE SCHEMA IF NOT EXISTS {self._schema(_SCRATCH)}")
            self._has_scratch_schema = True
        name = f"{datetime.now(timezone.utc):%Y%m%d}_{uuid4().hex}"
        self._scratches.append(self._name(_SCRATCH, name))
        self._run(f"CREATE TABLE {self._scratches[-1]} USING delta AS {sql}")
        return name

    @contextlib.contextmanager
    def reading(self, files: Sequence[Files]) -> Iterator[list[Query]]:
        """Give the rows of extracts, a table for each group of files, all columns as text; an empty field is null.

        Raises ExtractError.
        """

        def loaded(con: Any, sql: str, group: Files) -> Query:
            table = self._engine.load(con.sql(sql).to_arrow_table(), texts(group))
            return Query(_quoted(table.get_name()), group.columns, is_name=True)

        yield reading(files, loaded)

    def _values(self, schema: ibis.Schema, rows: Sequence[tuple[Any, ...]]) -> ir.Table:
        """Return a few Python values as a table."""
        columns = [f"CAST({_quoted(n)} AS {PySparkType.to_string(t)}) AS {_quoted(n)}" for n, t in schema.items()]
        literals = [", ".join(sge.convert(value).sql("spark") for value in row) for row in rows]
        values = ", ".join(f"({row})" for row in literals) or f"({', '.join(['NULL'] * len(schema))})"
        names = ", ".join(_quoted(name) for name in schema.names)
        query = f"SELECT {', '.join(columns)} FROM VALUES {values} AS v({names})" + ("" if rows else " WHERE false")
        name = f"values_{uuid4().hex}"
        self._run(f"CREATE TEMPORARY VIEW {name} AS {query}")
        self._values_names.append(name)
        return named(self.con, schema, name)

    def _stored(self, place: Place) -> ir.Table:
        if place not in self._known:
            found = self._engine.schema(f"SELECT * FROM {self._name(*place)}")
            self._known[place] = self._reference(*place, found)
        return self._known[place]

    def _journal(self) -> dict[str, Any] | None:
        if (_STATE, _JOURNAL) not in self._listed(_STATE):
            return None
        [row] = self.rows(self._reference(_STATE, _JOURNAL, _JOURNAL_SCHEMA))
        return row

    def _listed(self, layer: str | None = None) -> set[Place]:
        found: set[Place] = set()
        for own in self._layers():
            if layer in (None, own):
                tables = self._engine.fetch(f"SHOW TABLES IN {self._schema(own)}").to_pylist()
                found |= {(own, table["tableName"]) for table in tables if not table["isTemporary"]}
        return found

    def _layers(self) -> list[str]:
        """Return the layers that have a schema."""
        within = f" IN {_quoted(self._catalog)}" if self._catalog else ""
        schemas = [str(row[0]) for row in self._fetched(f"SHOW SCHEMAS{within}")]
        start = f"{self._prefix}_"
        return [schema.removeprefix(start) for schema in schemas if schema.startswith(start)]

    def _drop_leftovers(self) -> None:
        oldest = f"{datetime.now(timezone.utc) - _LEFTOVER:%Y%m%d}"
        for layer, name in self._tables:
            if layer == _SCRATCH and name < oldest:
                self._run(f"DROP TABLE IF EXISTS {self._name(layer, name)}")

    def _fetched(self, sql: str) -> list[tuple[Any, ...]]:
        return [tuple(row.values()) for row in self._engine.fetch(sql).to_pylist()]

    def _run(self, sql: str) -> None:
        self._engine.fetch(sql)

    def _reference(self, layer: str, name: str, schema: ibis.Schema) -> ir.Table:
        schema = ibis.schema({n: exact(t) for n, t in schema.items()})
        return named(self.con, schema, name, self._catalog or None, f"{self._prefix}_{layer}")

    def _schema(self, layer: str) -> str:
        return _quoted(*filter(None, (self._catalog, f"{self._prefix}_{layer}")))

    def _name(self, layer: str, name: str) -> str:
        return f"{self._schema(layer)}.{_quoted(name)}"


def _split(place: str) -> tuple[str, str]:
    parts = place.split(".")
    if not 1 <= len(parts) <= 2 or not all(re.fullmatch(r"\w+", part) for part in parts):
        raise SettingsError(
            f"database: {place!r} is not a catalog.prefix like main.lending. On Delta, each layer is the schema "
            "prefix_layer."
        )
    return ("", parts[0]) if len(parts) == 1 else (parts[0], parts[1])
