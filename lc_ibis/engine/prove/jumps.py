"""Sudden jumps: a load that brings many times as many rows of a source, accepted or refused, as loads before."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median

from lc_ibis.declare.graph import Graph
from lc_ibis.declare.models import Source
from lc_ibis.engine.state.run import Jump, Run, TableRun
from lc_ibis.engine.state.state import State, done_tables
from lc_ibis.engine.store import Store

# What is usual is the median of so many loads before; fewer than three tell nothing.
MOST_LOADS, LEAST_LOADS = 30, 3
# A jump is no jump if it is less than this share of the table.
LEAST_SHARE = 0.01


def jumps(graph: Graph, store: Store, state: State, run: Run, factor: float) -> Iterator[Jump]:
    """Yield the tables next to a source to which this run added more than `factor` times the usual number of rows.

    Rows that changed in place are not counted, nor is a table's first load.
    """
    grown = [done for done in run.tables if _is_next(graph, done) and _has_grown(done)]
    loads = _loads(store, [done.table for done in grown]) if grown and state.last_run else {}
    for done in grown:
        counts = loads.get(done.table, ())
        usual = median(counts) if len(counts) >= LEAST_LOADS else None
        if usual is not None and done.written.added_count > factor * max(usual, 1):
            yield Jump(done.table, done.written.added_count, usual, factor)


def _is_next(graph: Graph, done: TableRun) -> bool:
    """Say whether a table is made from sources alone."""
    inputs = graph.stored_inputs[done.table]
    return bool(inputs) and all(isinstance(graph[name].kind, Source) for name in inputs)


def _has_grown(done: TableRun) -> bool:
    before = done.row_count - done.written.growth(is_history=False)
    return done.action == "updated" and done.written.added_count > LEAST_SHARE * before


def _loads(store: Store, tables: list[str]) -> dict[str, list[int]]:
    """Return, by table, how many rows each of its last loads added."""
    log = done_tables(store)
    if log is None:
        return {}
    sql = store.dialect
    mine = sql.where(log, f"table_name IN ({', '.join(map(sql.text, tables))}) AND action <> 'created'")
    numbered = sql.made(
        f"SELECT *, row_number() OVER (PARTITION BY table_name ORDER BY run_id DESC) AS place FROM {mine.rows} AS t",
        (*mine.columns, "place"), mine,
    )  # fmt: skip
    counts: dict[str, list[int]] = {}
    for row in store.rows(sql.where(numbered, f"place <= {MOST_LOADS}")):
        counts.setdefault(row["table_name"], []).append(row["added_count"])
    return counts


def sentence(jump: Jump) -> str:
    """Say what jumped."""
    return (
        f"{jump.table}: {jump.added_count:,} rows added, usually {jump.usual_count:,.0f} "
        f"(more than {jump.factor:g} times)"
    )
