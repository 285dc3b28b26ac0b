"""Small pipelines over tables that a test fills, kept by the engine as builds keep theirs, and what they should hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import ibis
import ibis.expr.types as ir

from lc_ibis.compiled.program import program
from lc_ibis.declare.checks import Scope
from lc_ibis.declare.contracts import Contract, moment
from lc_ibis.declare.models import Model, Source, model
from lc_ibis.declare.pipeline import Pipeline, Tables
from lc_ibis.engine.prove.checking import Checker
from lc_ibis.engine.refresh.refresher import Refresher
from lc_ibis.engine.relations import stored
from lc_ibis.engine.state.run import Run, TableRun
from lc_ibis.engine.state.state import State
from lc_ibis.engine.store import Store

Rows = Sequence[tuple[Any, ...]]
FIRST = datetime(2026, 1, 1)


def ground(name: str, contract: type[Contract]) -> Model:
    """Return a table that a test fills: of typed columns, as no extract's are."""

    def received(received: ir.Table) -> ir.Table:
        return received

    received.__name__, received.__module__ = name, "tests.source"
    return model(Source(file=name), contract)(received)


class Small:
    """A pipeline's tables in a store; `takes` keep them up to date as the ground tables change."""

    def __init__(self, models: Iterable[Model], open_store: Callable[[], Store]):
        self.pipeline, self.state = Pipeline(models), State()
        self.store = open_store()
        self.ground: dict[str, Rows] = {}
        # Of the last run, by check: on what it was run, and the failing rows found on that, and on all rows.
        self.checked: dict[str, tuple[Scope, int, int]] = {}
        self.code = {m.name: "1" for m in self.pipeline}
        self._number = 0

    def take(self, rows: Mapping[str, Rows], only: Iterable[str] | None = None) -> dict[str, TableRun]:
        """Fill ground tables, and bring all models up to date, or those of `only`; by model, what was done."""
        self._number += 1
        run = Run(self._number, FIRST + timedelta(days=self._number))
        refresher = Refresher(
            program(self.pipeline, self.store.dialect), self.store, self.state, run, _nothing_delivered, self.code
        )
        before = {name: table.version for name, table in self.state.tables.items()}
        with self.store.transaction():
            for name, given in rows.items():
                self._fill(refresher, self.pipeline[name], given)
            chosen = [m for m in self.pipeline if m.is_stored and not isinstance(m.kind, Source)]
            done = {m.name: refresher.refresh(m) for m in chosen if only is None or m.name in only}
            self.checked = self._checked(refresher, before, [m.name for m in chosen if m.checks])
            return done

    def _checked(
        self, refresher: Refresher, before: dict[str, int], names: list[str]
    ) -> dict[str, tuple[Scope, int, int]]:
        """Run the checks of models as a build does, and again on all rows."""
        if not names:
            return {}
        everywhere = refresher.program, self.store, refresher.tables, self.state
        checker = Checker(*everywhere, self.code, refresher.changes, before, everything=False)
        found = checker.run(names)
        narrow = any(one.scope != "all rows" for one in found)
        whole = {one.check.name: one.failing_count for one in (Checker(*everywhere).run(names) if narrow else found)}
        checker.note(found)
        return {
            one.check.name: (one.scope, one.failing_count, whole[one.check.name])
            for one in found
            if one.status != "skip"
        }

    def _fill(self, refresher: Refresher, table: Model, rows: Rows) -> None:
        received = f"received_{table.name}"
        self.store.create(table.layer, received, table.contract.types())
        self.store.append(table.layer, received, rows)
        columns = table.contract.schema().names
        old = stored(self.store, table) if table.name in self.ground else None
        new = self.store.stored(table.layer, received, columns)
        written, changes = refresher.writer.result(table, new, old, len(self.ground.get(table.name, ())))
        if changes:
            refresher.changes[table.name] = changes
        if old is None or written.anything:
            self.state.record(table, self._number, "1", len(rows), ())
        self.ground[table.name] = rows

    def stored(self, name: str) -> Counter[tuple[Any, ...]]:
        """Return the rows of a table, stamps aside."""
        table = self.store.table(self.pipeline[name].layer, name)
        return _counted(self.store.rows(table.select(*self.pipeline[name].contract.content())))

    def expected(self, name: str) -> Counter[tuple[Any, ...]]:
        """Return the rows that a model gives over all rows of the ground tables, without the engine."""
        schemas = {table: self.pipeline[table].contract.schema() for table in self.ground}
        made = {
            table: ibis.memtable(_columns(rows, schemas[table]), schema=schemas[table])
            for table, rows in self.ground.items()
        }
        run_at = moment(FIRST + timedelta(days=self._number))
        tables = Tables(self.pipeline, lambda m: made.get(m.name), run_at)
        result = tables[name].select(*self.pipeline[name].contract.content())
        con = ibis.duckdb.connect()
        try:
            return _counted(con.to_pyarrow(result).to_pylist())
        finally:
            con.disconnect()


def _nothing_delivered(_: Model) -> Any:
    raise AssertionError("ground tables are filled by hand")


def _columns(rows: Rows, schema: ibis.Schema) -> Any:
    import pyarrow as pa

    columns = list(zip(*rows, strict=True)) or [()] * len(schema)
    fields = [(name, type_.to_pyarrow()) for name, type_ in schema.items()]
    return pa.table([pa.array(c, t) for c, (_, t) in zip(columns, fields, strict=True)], pa.schema(fields))


def _counted(rows: Iterable[Mapping[str, Any]]) -> Counter[tuple[Any, ...]]:
    """Count rows; what is not a number is a value like others."""
    return Counter(tuple("NaN" if value != value else value for value in row.values()) for row in rows)
