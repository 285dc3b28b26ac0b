"""Sudden jumps: a load that brings many times as many rows of a source, accepted or refused, as loads before."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median

from lc_ibis.declare.graph import Graph
from lc_ibis.declare.models import Source
from lc_ibis.engine.state.run import Jump, Run
from lc_ibis.engine.state.state import State, done_tables
from lc_ibis.engine.store import Store

# What is usual is the median of so many loads before; fewer than three tell nothing.
MOST_LOADS, LEAST_LOADS = 30, 3
# A jump is no jump if it is less than this share of the table.
LEAST_SHARE = 0.01


def jumps(pipeline: Graph, store: Store, state: State, run: Run, factor: float) -> Iterator[Jump]:
    """Yield the tables next to a source to which this run added more than `factor` times the usual number of rows.

    Rows that changed in place are not counted, nor is a table's first load.
    """
    for done in run.tables:
        model = pipeline[done.table]
        inputs = pipeline.stored_inputs[model.name]
        is_next = inputs and all(isinstance(pipeline[name].kind, Source) for name in inputs)
        added, before = done.written.added_count, done.row_count - done.written.growth(is_history=False)
        if not is_next or done.action != "updated" or added <= LEAST_SHARE * before:
            continue
        usual = _usual(store, state, done.table)
        if usual is not None and added > factor * max(usual, 1):
            yield Jump(done.table, added, usual, factor)


def _usual(store: Store, state: State, table: str) -> float | None:
    """Return how many rows a load adds to a table; None where too few are known."""
    log = done_tables(store) if state.last_run else None
    if log is None:
        return None
    sql = store.dialect
    loads = sql.where(log, f"table_name = {sql.text(table)} AND action <> 'created'")
    last = sql.ordered(loads, ("run_id",), MOST_LOADS, is_descending=True)
    counts = [row["added_count"] for row in store.rows(last)]
    return median(counts) if len(counts) >= LEAST_LOADS else None


def sentence(jump: Jump) -> str:
    """Say what jumped."""
    return (
        f"{jump.table}: {jump.added_count:,} rows added, usually {jump.usual_count:,.0f} "
        f"(more than {jump.factor:g} times)"
    )
