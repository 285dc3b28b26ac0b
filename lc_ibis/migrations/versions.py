"""The versions of a history by dbt as ours: cleaned as staging cleans, well-formed, repaired where that is asked for.

What is not as it must be is refused with its keys; nothing is changed unasked.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import ibis.expr.types as ir

from lc_ibis.backends.duckdb.text import quoted
from lc_ibis.declare.contracts import moment
from lc_ibis.declare.models import Model
from lc_ibis.declare.pipeline import Pipeline
from lc_ibis.engine.state.state import utc_now
from lc_ibis.engine.store import Store
from lc_ibis.errors import MigrationError
from lc_ibis.migrations import mending
from lc_ibis.migrations.histories import CLEANING, TIMES, History
from lc_ibis.migrations.inputs import text
from lc_ibis.migrations.mending import DELETED, NUMBER, REASON, Change
from lc_ibis.migrations.migration import Adoption
from lc_ibis.migrations.old import OldDatabase

_SHOWN = 5


@dataclass(frozen=True)
class Versions:
    """The versions of a history, as its contract has them, and what was changed on the way."""

    table: ir.Table
    changes: tuple[Change, ...]


def read(
    old: OldDatabase, history: History, model: Model, pipeline: Pipeline, store: Store, adoption: Adoption, file: Path
) -> Versions:
    """Return dbt's versions as ours. `file` is scratch space. Raises MigrationError, naming keys and rows."""
    old.write(_received(old, history), file)
    rows = _cleaned(store, model, pipeline, store.scratch(store.con.read_parquet(str(file), hive_partitioning=False)))
    unclean = list(_unclean(store, model, rows, str(history.relation)))
    if ahead := list(mending.future(store, model, rows, adoption.manifest is not None)):
        raise _refused(old, model, ahead)
    errors = [] if adoption.clean else list(_said_unclean(unclean))
    rows, repairs = mending.mended(store, model, rows, adoption.repairs, str(history.relation), file)
    if faults := list(mending.faults(store, model, rows)):
        errors += [*(said for said, _ in faults), *mending.advice(store, model, rows)]
    if errors:
        raise _refused(old, model, errors)
    table = store.scratch(rows.filter(~rows[DELETED]).select(*model.contract.schema().names))
    return Versions(table, (*(change for _, change in unclean), *repairs))


def _refused(old: OldDatabase, model: Model, errors: list[str]) -> MigrationError:
    return MigrationError(f"{old.path}: {model.name} cannot be adopted unchanged:{''.join(errors)}")


def _received(old: OldDatabase, history: History) -> str:
    """Return the query for the rows: values as text, under the names of the source; times in UTC, null while open."""
    origins = CLEANING[history.model][1]
    there = history.columns
    values = [f"{text(there[n], history.relation.columns[there[n]])} AS {quoted(o)}" for n, o in origins.items()]
    times = [f"{history.time(n)} AS {quoted(n)}" for n in ("loaded_at", *TIMES[:2])]
    return (
        f"SELECT row_number() OVER () AS {NUMBER}, {', '.join((*values, *times))}, "
        f"{history.valid_to} AS dbt_valid_to, CAST({quoted(there['dbt_scd_id'])} AS VARCHAR) AS dbt_scd_id, "
        f"{history.is_deleted} AS {DELETED} FROM {old.sql(history.relation)}"
    )


def _cleaned(store: Store, model: Model, pipeline: Pipeline, rows: ir.Table) -> ir.Table:
    """Put the values through the cleaning of staging; add failure_reason, and each text as was_….

    The key of a row that is refused is what its text reads as, if anything.
    """
    cleaning, origins = CLEANING[model.name]
    texts = rows.select(*origins.values()).distinct().mutate(loaded_at=moment(utc_now()))
    clean = store.scratch(pipeline[cleaning](texts).drop("loaded_at"))
    joined = rows.drop("loaded_at").join(
        clean, [rows[o].identical_to(clean[f"received_{o}"]) for o in origins.values()], rname="clean_{name}"
    )
    columns = {n: joined[f"clean_{n}" if n in rows.columns else n] for n in origins}
    times = rows.select(NUMBER, "loaded_at")
    kept = joined.select(
        NUMBER,
        DELETED,
        REASON,
        "dbt_scd_id",
        *TIMES,
        **columns,
        **{f"was_{n}": joined[o] for n, o in origins.items()},
    )
    return store.scratch(kept.join(times, NUMBER))


def _plain(value: ir.Value) -> ir.StringValue:
    """Return a value as a text without zeros that say nothing: 5.10 is 5.1, and 5.00 is 5."""
    as_text = value.cast("string")
    return as_text.re_replace(r"(\.[0-9]*[1-9])0+$", r"\1").re_replace(r"\.0*$", "")


def _unclean(store: Store, model: Model, rows: ir.Table, relation: str) -> Iterator[tuple[int, Change]]:
    """Yield, with the count of their versions, the values that staging would have written otherwise."""
    sound = rows.filter(~rows[DELETED] & rows[REASON].isnull())
    for name in CLEANING[model.name][1]:
        was, now = sound[f"was_{name}"], sound[name].cast("string")
        same = (was == now) if sound[name].type().is_string() else (_plain(was) == _plain(now))
        found = sound.filter(~same.fill_null(False)).select(was=was, now=now)
        for row in store.rows(found.group_by("was", "now").aggregate(count=found.count()).order_by("was", "now")):
            key = f"{row['count']:,} versions"
            yield row["count"], Change(relation, key, name, row["was"], row["now"], "cleaned as staging does")


def _said_unclean(unclean: list[tuple[int, Change]]) -> Iterator[str]:
    for name in dict.fromkeys(change.column for _, change in unclean):
        found = [(count, change) for count, change in unclean if change.column == name]
        count = sum(count for count, _ in found)
        shown = ", ".join(f"{change.old!r} → {change.new!r}" for _, change in found[:_SHOWN])
        more = ", …" if len(found) > _SHOWN else ""
        yield (
            f"\n  {name} differs from staging's cleaning in {count:,} of the versions: {shown}{more}. Clean them with "
            "--clean-versions."
        )
