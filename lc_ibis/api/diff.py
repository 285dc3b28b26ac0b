"""What changed in a table between two moments: rows added, removed, and changed, column by column."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, Literal

import ibis
import ibis.expr.types as ir

from lc_ibis.api.tables import few
from lc_ibis.api.warehouse import connect
from lc_ibis.declare.models import Model
from lc_ibis.errors import SelectionError

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from lc_ibis.keywords import Options

_CHANGE = "_change"


@dataclass(frozen=True)
class RowDiff:
    """A row that differs: its key, and the changed columns with their values before and after.

    A row that was added or removed has all of its columns.
    """

    change: Literal["added", "removed", "changed"]
    key: dict[str, Any]
    columns: dict[str, tuple[Any, Any]]


@dataclass(frozen=True)
class TableDiff:
    """The differences of a table between two moments, with the first rows by key.

    `column_counts` says how many changed rows differ in each column. Stamps are ignored.
    """

    table: str
    added_count: int
    removed_count: int
    changed_count: int
    column_counts: dict[str, int]
    rows: tuple[RowDiff, ...]


def diff(
    table: str,
    from_: str | int | date,
    to: str | int | date | None = None,
    limit: int | None = None,
    **options: Unpack[Options],
) -> TableDiff:
    """Compare a table at two moments. Without `to`, the second moment is now.

    A moment is a time in UTC or a run number, as in show. `limit` is the maximum number of rows returned; the counts
    include all rows. `options` are the fields of Settings. Raises SelectionError if the table has no key or its past is
    unknown, SettingsError and DatabaseError.
    """
    with connect(**options) as warehouse:
        model = warehouse.pipeline[table]
        if not model.contract.key():
            raise SelectionError(f"{table}: the table has no key, so its rows cannot be compared.")
        old, new = warehouse.table(table, from_), warehouse.table(table, to)
        both = warehouse.store.scratch(_differing(model, old, new))
        counted = warehouse.store.rows(both.aggregate(**_counts(model, both)))[0]
        rows = warehouse.store.rows(both.order_by([both[name] for name in model.contract.key()]).limit(few(limit)))
    counts = {name: int(count or 0) for name, count in counted.items()}
    return TableDiff(
        table=table,
        added_count=counts["added_count"],
        removed_count=counts["removed_count"],
        changed_count=counts["changed_count"],
        column_counts={name: counts[f"of_{name}"] for name in _content(model) if counts[f"of_{name}"]},
        rows=tuple(_row(model, row) for row in rows),
    )


def _content(model: Model) -> list[str]:
    return [name for name in model.contract.content() if name not in model.contract.key()]


def _differing(model: Model, old: ir.Table, new: ir.Table) -> ir.Table:
    """Return a row a key that differs: the key, `_change`, and old_x and new_x of each other column x."""
    keys, content = model.contract.key(), _content(model)
    sides = [
        rows.select(
            **{f"{side}_{name}": rows[name] for name in (*keys, *content)}, **{f"is_{side}": ibis.literal(True)}
        )
        for side, rows in (("old", old), ("new", new))
    ]
    both = sides[0].outer_join(sides[1], [sides[0][f"old_{name}"] == sides[1][f"new_{name}"] for name in keys])
    change = ibis.cases(
        (both.is_old.isnull(), "added"), (both.is_new.isnull(), "removed"), else_="changed"
    )  # fmt: skip
    same = [both[f"old_{name}"].identical_to(both[f"new_{name}"]) for name in content]
    differing = both.filter((change != "changed") | ~ibis.and_(*same))
    return differing.select(
        **{name: ibis.coalesce(differing[f"old_{name}"], differing[f"new_{name}"]) for name in keys},
        **{_CHANGE: change},
        **{f"{side}_{name}": differing[f"{side}_{name}"] for name in content for side in ("old", "new")},
    )


def _counts(model: Model, both: ir.Table) -> dict[str, ir.Value]:
    is_changed = both[_CHANGE] == "changed"
    found = {
        f"of_{name}": (is_changed & ~both[f"old_{name}"].identical_to(both[f"new_{name}"])).sum()
        for name in _content(model)
    }
    return found | {f"{change}_count": (both[_CHANGE] == change).sum() for change in ("added", "removed", "changed")}


def _row(model: Model, row: dict[str, Any]) -> RowDiff:
    pairs = {name: (row[f"old_{name}"], row[f"new_{name}"]) for name in _content(model)}
    if row[_CHANGE] == "changed":
        pairs = {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}
    return RowDiff(row[_CHANGE], {name: row[name] for name in model.contract.key()}, pairs)
