"""Histories by dbt in the old database: where they lie, what their columns are called, what is open and what deleted.

All that asks whether a version is open, or its key deleted, asks here. recognising.py finds out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lc_ibis.backends.duckdb_text import literal, quoted
from lc_ibis.migrations.old import Relation

TIMES = ("dbt_updated_at", "dbt_valid_from", "dbt_valid_to")
META = ("dbt_scd_id", *TIMES)
IS_DELETED = "dbt_is_deleted"
ZONED = "TIMESTAMP WITH TIME ZONE"
# By history: the cleaning of its rows, and what our columns are called where rows come in.
CLEANING: dict[str, tuple[str, dict[str, str]]] = {
    "snap_customer": (
        "customer_cleaned", {"customer_id": "customer_id", "customer_name": "name", "has_loan_flag": "has_loan"},
    ),
    "snap_account": (
        "account_cleaned",
        {
            "account_id": "account_id", "customer_id": "customer_id", "balance_amount": "balance",
            "account_type": "account_type",
        },
    ),
}  # fmt: skip


@dataclass(frozen=True)
class History:
    """A history of dbt's. `columns` are its columns by our names and dbt's; `far_end` is the end of an open version."""

    model: str
    relation: Relation
    columns: Mapping[str, str]
    far_end: str | None = None
    zone: str = "UTC"
    notes: tuple[str, ...] = ()

    def time(self, name: str) -> str:
        """Return a time as SQL: UTC, without zone."""
        column = quoted(self.columns[name])
        if self.relation.columns[self.columns[name]] == ZONED:
            return f"timezone('UTC', {column})"
        plain = f"CAST({column} AS TIMESTAMP)"
        return plain if self.zone == "UTC" else f"timezone('UTC', timezone({literal(self.zone)}, {plain}))"

    @property
    def valid_to(self) -> str:
        """The end of a version as SQL: UTC, null while it is open."""
        end = self.time("dbt_valid_to")
        if self.far_end is None:
            return end
        there = f"CAST({quoted(self.columns['dbt_valid_to'])} AS VARCHAR)"
        return f"CASE WHEN {there} <> {literal(self.far_end)} THEN {end} END"

    @property
    def is_deleted(self) -> str:
        """Whether a row says that its key was deleted, as SQL."""
        column = self.columns.get(IS_DELETED)
        return f"(lower(CAST({quoted(column)} AS VARCHAR)) IS NOT DISTINCT FROM 'true')" if column else "false"

    @property
    def is_current(self) -> str:
        """Whether a row is the open version of a key that is not deleted, as SQL."""
        return f"(({self.valid_to}) IS NULL AND NOT {self.is_deleted})"
