"""What is wrong with versions of dbt's, in words and with keys, and what repairs do to them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from datetime import datetime
from pathlib import Path
from typing import Any

import ibis
import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.parquet as pq

from lc_ibis.compiled.versions import scd_id
from lc_ibis.declare.contracts import moment
from lc_ibis.declare.models import Model
from lc_ibis.engine.state.state import utc_now
from lc_ibis.engine.store import Store
from lc_ibis.migrations.far_ends import SKEW
from lc_ibis.migrations.histories import CLEANING, TIMES
from lc_ibis.migrations.repairs import REPAIRS, Repaired, Version, repaired

# Of each row of a history: its number, whether it says that its key was deleted, why staging would refuse it.
NUMBER, DELETED, REASON = "number", "is_deleted", "failure_reason"
_SHOWN = 5
# No lending company's record is older.
_FIRST = datetime(1900, 1, 1)


@dataclass(frozen=True)
class Change:
    """A row or value that is not taken over as it is: of which key (or how many versions), which column, and why."""

    table: str
    key: str
    column: str | None
    old: str | None
    new: str | None
    reason: str


def future(store: Store, model: Model, rows: ir.Table, has_manifest: bool) -> Iterator[str]:
    """Say which keys have times that lie in the future, or so far back that they are none."""
    latest = store.rows(rows.aggregate(**{n: rows[n].max().cast("string") for n in ("loaded_at", *TIMES)}))[0]
    lines = []
    for name in ("loaded_at", *TIMES):
        found = rows.filter(rows[name] > moment(utc_now() + SKEW))
        if said := _keys(store, model, found, f"a {name} in the future, the latest {latest[name]}"):
            lines.append(said)
    for name in ("loaded_at", *TIMES):
        if said := _keys(store, model, rows.filter(rows[name] < moment(_FIRST)), f"a {name} before {_FIRST:%Y}"):
            yield said
    yield from lines
    if lines and has_manifest:
        yield "\n  Runs cannot be dated by these times, and in the manifest they are not the end of open versions."
    elif lines:
        yield (
            "\n  Runs cannot be dated by these times. If they mark open versions (dbt_valid_to_current), add "
            "--dbt-manifest. If dbt ran in another time zone, set --snapshot-timezone and --data-timezone."
        )


def faults(store: Store, model: Model, rows: ir.Table) -> Iterator[tuple[str, ir.Table]]:
    """Yield what is wrong with versions, in words, and the rows of which that is so."""
    keys = list(model.business_key)
    order = ibis.window(group_by=keys, order_by=[rows.dbt_valid_from, rows.dbt_valid_to.isnull(), rows[NUMBER]])
    following = rows.mutate(next_from=rows.dbt_valid_from.lead().over(order))
    live = rows.filter(~rows[DELETED])
    shared = live.group_by("dbt_scd_id").having(live.count() > 1).aggregate()
    no_value = ibis.or_(*(live[name].isnull() for name in ("dbt_scd_id", "loaded_at", *TIMES[:2])))
    open_rows = rows.filter(rows.dbt_valid_to.isnull())
    several = open_rows.group_by(keys).having(open_rows.count() > 1).aggregate()
    reasons = store.rows(live.filter(live[REASON].notnull()).select(REASON).distinct().order_by(REASON).limit(_SHOWN))
    why = "; ".join(row[REASON] for row in reasons)
    for fault, found in {
        f"a version that staging refuses ({why})": live.filter(live[REASON].notnull()),
        "a version without id or time": live.filter(no_value),
        "an id shared with another version": live.semi_join(shared, "dbt_scd_id"),
        "more than one open version": rows.semi_join(several, keys),
        "a version that ends before it starts": rows.filter(rows.dbt_valid_to <= rows.dbt_valid_from),
        "versions that overlap": following.filter(
            following.next_from.notnull()
            & (following.dbt_valid_to.isnull() | (following.dbt_valid_to > following.next_from))
        ),
    }.items():
        if said := _keys(store, model, found, fault):
            yield said, found


def _keys(store: Store, model: Model, rows: ir.Table, fault: str) -> str | None:
    keys = list(model.business_key)
    bad = rows.select(*keys).distinct().order_by(keys)
    if not (count := store.count(bad)):
        return None
    examples = ", ".join(" ".join(map(str, row.values())) for row in store.rows(bad.limit(_SHOWN)))
    return f"\n  {fault}, of {count:,} {' and '.join(keys)}: {examples}{', …' if count > _SHOWN else ''}"


def mended(
    store: Store, model: Model, rows: ir.Table, repairs: tuple[str, ...], relation: str, file: Path
) -> tuple[ir.Table, list[Change]]:
    """Repair the versions of the keys that something is wrong with; return the rows, and what was changed."""
    if not repairs:
        return rows, []
    done = list(_found(store, model, rows, repairs))
    if not done:
        return rows, []
    schema = pa.schema(
        [(NUMBER, pa.int64()), ("is_gone", pa.bool_()), *((f"new_{n}", pa.timestamp("us")) for n in TIMES)]
    )
    pq.write_table(pa.Table.from_pylist([_patch(one) for _, one in done], schema), file)
    patches = store.scratch(store.con.read_parquet(str(file), hive_partitioning=False))
    joined = rows.left_join(patches, NUMBER, rname="{name}_of_patch")
    is_patched = joined[f"{NUMBER}_of_patch"].notnull()
    new = {n: ibis.ifelse(is_patched, joined[f"new_{n}"], joined[n]) for n in TIMES}
    is_dated = is_patched & (joined.new_dbt_updated_at != joined.dbt_updated_at)
    ids = scd_id([joined[k] for k in model.business_key], joined.new_dbt_updated_at)
    mended = store.scratch(
        joined.filter(~joined.is_gone.fill_null(False))
        .mutate(**new, dbt_scd_id=ibis.ifelse(is_dated, ids, joined.dbt_scd_id))
        .select(*rows.columns)
    )
    numbers = patches.select(NUMBER)
    after = {
        r[NUMBER]: r["dbt_scd_id"] for r in store.rows(mended.semi_join(numbers, NUMBER).select(NUMBER, "dbt_scd_id"))
    }
    return mended, [change for key, one in done for change in _changes(relation, key, one, after)]


def _found(store: Store, model: Model, rows: ir.Table, repairs: tuple[str, ...]) -> Iterator[tuple[str, Repaired]]:
    """Yield, by key, what repairs do."""
    keys = list(model.business_key)
    faulty = [found.select(*keys) for _, found in faults(store, model, rows)]
    if not faulty:
        return
    bad = store.scratch(ibis.union(*faulty, distinct=True) if len(faulty) > 1 else faulty[0].distinct())
    same_key = [rows[k].identical_to(bad[k]) for k in keys]
    of_key: dict[tuple[Any, ...], list[Version]] = {}
    content = [*(f"was_{name}" for name in CLEANING[model.name][1]), "loaded_at"]
    for row in store.rows(rows.semi_join(bad, same_key).order_by([*keys, NUMBER])):
        if None in (row["dbt_valid_from"], row["dbt_updated_at"], row["dbt_scd_id"]):
            continue
        of_key.setdefault(tuple(row[k] for k in keys), []).append(
            Version(
                row[NUMBER],
                row["dbt_scd_id"],
                row["dbt_updated_at"],
                row["dbt_valid_from"],
                row["dbt_valid_to"],
                row[DELETED],
                tuple(row[name] for name in content),
                row[REASON] is not None,
            )
        )
    for key, versions in of_key.items():
        for one in repaired(versions, repairs):
            yield " ".join(map(str, key)), one


def _patch(one: Repaired) -> dict[str, Any]:
    version = one.after or one.before
    times = (version.updated_at, version.start, version.end)
    return {
        NUMBER: version.number,
        "is_gone": one.after is None,
        **{f"new_{n}": t for n, t in zip(TIMES, times, strict=True)},
    }


def _changes(relation: str, key: str, one: Repaired, ids: dict[int, str]) -> Iterator[Change]:
    reason = f"repair {one.repair}" + (f", its deletion of {one.before.start}" if one.before.is_deleted else "")
    if one.after is None:
        whole = ", ".join(f"{field.name}={getattr(one.before, field.name)}" for field in fields(one.before)[1:-1])
        yield Change(relation, key, None, whole, None, reason)
        return
    names = {"scd_id": "dbt_scd_id", "updated_at": "dbt_updated_at", "start": "dbt_valid_from", "end": "dbt_valid_to"}
    for field, name in names.items():
        was = getattr(one.before, field)
        now = ids[one.before.number] if field == "scd_id" else getattr(one.after, field)
        if was != now:
            yield Change(
                relation, key, name, None if was is None else str(was), None if now is None else str(now), reason
            )


def advice(store: Store, model: Model, rows: ir.Table) -> Iterator[str]:
    """Say which repairs would mend how many versions."""
    found = [one.repair for _, one in _found(store, model, rows, tuple(REPAIRS))]
    for name in (name for name in REPAIRS if name in found):
        yield f"\n  --repair {name} fixes {found.count(name):,} of these versions: {REPAIRS[name]}."
