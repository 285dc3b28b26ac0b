"""Rows that break checks, kept in the database: also those of a build that published nothing."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from lc_ibis.compiled.queries import Query
from lc_ibis.declare.contracts import Contract, Integer, Text, column, key
from lc_ibis.engine.state.run import Run
from lc_ibis.engine.store import Store
from lc_ibis.errors import ChecksFailed, DatabaseError
from lc_ibis.files.documents import to_json

LAYER, TABLE = "quality", "failing_row"
# Of one check; what breaks it by the million is seen in the first thousand.
MOST = 1000

Row = tuple[str, str, int, int, str, int, str]


class FailingRow(Contract):
    """One row per row that broke a check, in the last build that was told to keep them."""

    table_name: Text = key("The checked table.")
    check_name: Text = key("The check.")
    row_number: Integer = key("Its number among the rows kept of the check, from 1.")
    run_id: Integer = column("The run that first found this row; a failed run's number is used again.")
    status: Text = column("fail or warn.")
    failing_count: Integer = column("How many rows broke the check; the first 1,000 are kept.")
    row_text: Text = column("The row as JSON, stamps aside: decimals as strings, times in ISO 8601, UTC.")


class FailingRows:
    """Keeps the rows that break checks of the `checked` tables, if that is wanted.

    As a context around a transaction that ChecksFailed undoes, it keeps what was looked up inside in one of its
    own. Of a first build that fails there is no database to keep anything in.
    """

    def __init__(self, store: Store, checked: Iterable[str], is_wanted: bool):
        self.store, self.checked, self.is_wanted = store, set(checked), is_wanted
        self._is_first = not store.tables()
        self._rows: list[Row] = []

    def __enter__(self) -> FailingRows:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind and issubclass(kind, ChecksFailed) and not self._is_first:
            with self.store.transaction():
                if not self.keep():
                    self.store.rollback()

    def look_up(self, run: Run) -> None:
        """Read the rows that break the run's failed and warned checks."""
        for result in run.checks if self.is_wanted else ():
            if result.status in ("fail", "warn") and result.rows is not None:
                rows = self.store.rows(self.store.dialect.ordered(result.rows, result.rows.columns, MOST))
                of = result.table, result.check.name
                found = run.run_id, result.status, result.failing_count
                self._rows += [(*of, number, *found, to_json(row, indent=None)) for number, row in enumerate(rows, 1)]

    def keep(self) -> bool:
        """Put the rows in place of those kept before; say whether anything differs.

        Rows that are there already keep the number of the run that found them first.
        """
        if not self.is_wanted:
            return False
        is_new = (LAYER, TABLE) not in self.store.tables()
        before = [] if is_new else [tuple(row.values()) for row in self.store.rows(_kept(self.store))]
        runs = {_identity(row): row[3] for row in before}
        after = [row for row in before if row[0] not in self.checked]
        after += [(*row[:3], runs.get(_identity(row), row[3]), *row[4:]) for row in self._rows]
        if sorted(before) == sorted(after):
            return False
        if is_new:
            self.store.create(LAYER, TABLE, FailingRow.types())
        self.store.overwrite(LAYER, TABLE, after)
        return True


def _kept(store: Store) -> Query:
    return store.stored(LAYER, TABLE, FailingRow.names())


def _identity(row: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return by what a row is known again: its table, check and text."""
    return (*row[:2], row[6])


def stored(store: Store, table: str, limit: int | None = None) -> dict[str, list[dict[str, Any]]]:
    """Return the rows kept of a table, by check: the first `limit` of each.

    Raises DatabaseError where no build has kept any.
    """
    if (LAYER, TABLE) not in store.tables():
        raise DatabaseError(
            "No failing rows are stored in this database. Store them with lc-ibis build --store-failures."
        )
    sql = store.dialect
    kept = sql.where(_kept(store), f"table_name = {sql.text(table)}")
    rows = store.rows(sql.ordered(kept, ("check_name", "row_number")))
    checks: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        if limit is None or row["row_number"] <= limit:
            checks.setdefault(row["check_name"], []).append(json.loads(row["row_text"]))
    return checks
