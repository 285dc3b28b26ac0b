"""Keys that are held: what is delivered of them now is refused, so they are as an earlier delivery had them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import duckdb
import ibis
import ibis.expr.types as ir
import pyarrow as pa

from lc_ibis.api.explain.lines import Line, lines_in, taken
from lc_ibis.api.keys import business_columns, having, written
from lc_ibis.api.warehouse import Warehouse
from lc_ibis.backends.duckdb.extracts import reading
from lc_ibis.declare.contracts import moment
from lc_ibis.declare.models import Model, Snapshot, Source, key_values
from lc_ibis.declare.pipeline import Pipeline, Tables
from lc_ibis.engine.state.state import utc_now
from lc_ibis.engine.store import Files
from lc_ibis.errors import LcIbisError

Row = dict[str, Any]


@dataclass(frozen=True)
class Held:
    """A current version whose key is held, its history and the source of its rows, and the run that accepted it.

    The run is None for a version of another program.
    """

    history: Model
    source: Model
    version: Row
    run_id: int | None

    @property
    def key(self) -> Row:
        return {name: self.version[name] for name in self.history.business_key}

    def sentence(self, is_found: bool) -> str:
        """Say that it is held, since when, and whether the row of then was found in a file."""
        since = f"run {self.run_id}" if self.run_id else f"{self.version['dbt_valid_from']:%Y-%m-%d %H:%M:%S}"
        where = "" if is_found else " The file it came from is gone."
        kept = f"today's row was refused, so the version from {since} stays current."
        return f"{written(self.key)} is on hold: {kept}{where}"


def held(warehouse: Warehouse, history: Model, versions: list[Row]) -> Iterator[Held]:
    """Yield the held ones among current versions of a history."""
    if not isinstance(history.kind, Snapshot) or not history.kind.held or not versions:
        return
    source = warehouse.pipeline.source_of(history)
    refused = warehouse.table(history.kind.held)
    runs = {run.run_at: run.run_id for run in warehouse.runs()}
    for version in versions:
        key = {name: version[name] for name in history.business_key}
        if source and warehouse.store.count(having(refused, key)):
            yield Held(history, source, version, runs.get(version["dbt_valid_from"]))


def lines_of_held(warehouse: Warehouse, one: Held) -> list[Line]:
    """Return where the row of a held version stands, in the first file since then that has it."""
    names = tuple(one.source.contract.headers())
    for known in reversed(list(taken(warehouse, one.source))):
        if known.files is None or known.run_id < (one.run_id or 0):
            continue
        try:
            rows = _rows_of_key(one.source, known.files, one.key)
        except LcIbisError:
            continue
        if mine := [tuple(row[name] for name in names) for row in rows if _is_read_as(warehouse.pipeline, one, row)]:
            return list(lines_in(known, names, mine))
    return []


def _rows_of_key(source: Model, files: Files, key: Row) -> list[Row]:
    """Return the different rows of a key in a file, as received. Raises ExtractError."""

    def read(con: duckdb.DuckDBPyConnection, sql: str, _: Files) -> list[Row]:
        con.execute(f"CREATE TEMP VIEW delivery AS {sql}")
        rows = ibis.duckdb.from_connection(con).table("delivery")
        values = key_values(source, rows, source.contract.received_key())
        found = rows.filter([value == key[name] for name, value in values.items()])
        return list(found.select(*source.contract.headers()).distinct().to_pyarrow().to_pylist())

    return reading([files], read)[0]


def _is_read_as(pipeline: Pipeline, one: Held, row: Row) -> bool:
    """Say whether a received row by itself is accepted, and as what the held version says."""

    def found(model: Model) -> ir.Table | None:
        empty = isinstance(model.kind, Source) and model.name != one.source.name
        return ibis.memtable(model.contract.schema().to_pyarrow().empty_table()) if empty else None

    tables = Tables(pipeline, found, moment(utc_now()))
    received = pa.Table.from_pylist([row], pa.schema([(name, pa.string()) for name in row]))
    tables[one.source.name] = tables.computed(one.source, ibis.memtable(received))
    accepted = ibis.duckdb.connect().to_pyarrow(tables.computed(one.history)).to_pylist()
    columns = [*one.history.business_key, *business_columns(one.history)]
    return [[made[name] for name in columns] for made in accepted] == [[one.version[name] for name in columns]]
