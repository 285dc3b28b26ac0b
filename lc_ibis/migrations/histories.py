"""Histories by dbt in the old database: where they lie, what their columns are called, what is open and what deleted.

All that asks whether a version is open, or its key deleted, asks here. recognising.py finds out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lc_ibis.backends.duckdb.text import literal, quoted
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
    """A history of dbt's, a table of this `whole_name`. `columns` are its columns by our names and dbt's.

    `far_end` is the end of an open version. Times without a zone are of `zone`, where dbt ran, and of `data_zone` where
    they are the data's, of which dbt writes copies.
    """

    model: str
    relation: Relation
    columns: Mapping[str, str]
    whole_name: str
    far_end: str | None = None
    zone: str = "UTC"
    data_zone: str = "UTC"
    notes: tuple[str, ...] = ()

    @property
    def has_zones_apart(self) -> bool:
        return self.zone != self.data_zone

    def time(self, name: str) -> str:
        """Return a time as SQL: UTC, without zone."""
        column = quoted(self.columns[name])
        if self.relation.columns[self.columns[name]] == ZONED:
            return f"timezone('UTC', {column})"
        plain = f"CAST({column} AS TIMESTAMP)"
        if (self.zone, self.data_zone) == ("UTC", "UTC"):
            return plain
        return f"timezone('UTC', timezone({self.zone_of(name)}, {plain}))"

    def zone_of(self, name: str) -> str:
        """Return the zone of a time without one, as SQL: a time that some row was loaded at is the data's."""
        if not self.has_zones_apart or name == "loaded_at":
            return literal(self.data_zone)
        loaded = f"SELECT CAST({quoted(self.columns['loaded_at'])} AS TIMESTAMP) FROM {self.whole_name}"
        is_loaded = f"CAST({quoted(self.columns[name])} AS TIMESTAMP) IN ({loaded})"
        return f"CASE WHEN {is_loaded} THEN {literal(self.data_zone)} ELSE {literal(self.zone)} END"

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
