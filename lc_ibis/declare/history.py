"""Histories: the columns of a version, the current versions, and a history as it stood."""

from __future__ import annotations

import ibis
import ibis.expr.types as ir

from lc_ibis.declare.contracts import Contract, Moment, Text, column, key


class Versions(Contract):
    """The columns that make a row a version; valid in [dbt_valid_from, dbt_valid_to)."""

    dbt_scd_id: Text = key("Id of the version: md5 of the key and dbt_updated_at.")
    dbt_updated_at: Moment = column("When the row last changed at its origin, as its strategy sees it.")
    dbt_valid_from: Moment = column("First moment at which the version held.")
    dbt_valid_to: Moment | None = column("First moment at which it no longer held; null while current.")


def current(history: ir.Table) -> ir.Table:
    """Return the current versions."""
    return history.filter(history.dbt_valid_to.isnull())


def as_of(history: ir.Table, moment: ir.TimestampScalar) -> ir.Table:
    """Return the history as of `moment`: without later versions and later ends."""
    known = history.filter(history.dbt_valid_from <= moment)
    return known.mutate(dbt_valid_to=ibis.ifelse(known.dbt_valid_to <= moment, known.dbt_valid_to, ibis.null()))
