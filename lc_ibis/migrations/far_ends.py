"""The far end of open versions, dbt's dbt_valid_to_current: from dbt's manifest, or recognised from the rows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timedelta

import sqlglot
from sqlglot import expressions as sge

from lc_ibis.backends.duckdb.text import literal, quoted
from lc_ibis.engine.state.state import utc_now
from lc_ibis.errors import MigrationError
from lc_ibis.migrations.histories import History
from lc_ibis.migrations.old import OldDatabase

# How far a clock may be ahead of ours before a time is of the future.
SKEW = timedelta(seconds=60)
_SHOWN = 5


def recognised(old: OldDatabase, history: History, expression: str | None, is_configured: bool) -> str | None:
    """Return the one end beyond now that open versions share, as the table has it; None where open ones have no end.

    `expression` is the manifest's dbt_valid_to_current. Where DuckDB cannot say what it is, the rows tell, as they do
    without a manifest.
    """
    end = quoted(history.columns["dbt_valid_to"])
    ahead = f"{history.time('dbt_valid_to')} > TIMESTAMP {literal((utc_now() + SKEW).isoformat(' '))}"
    ends = old.rows(
        f"SELECT CAST({end} AS VARCHAR), count(*) FROM {history.whole_name} WHERE {ahead} GROUP BY ALL "
        f"ORDER BY 2 DESC LIMIT {_SHOWN}"
    )
    if not ends or (is_configured and expression is None):
        return None
    if expression is not None and (meant := _value(old, expression)):
        return next((str(end) for end, _ in ends if _is_same(str(end), meant)), None)
    [(unended,)] = old.rows(f"SELECT count(*) FROM {history.whole_name} WHERE {end} IS NULL")
    if len(ends) > 1 or (unended and not is_configured):
        return None
    shared, count = str(ends[0][0]), ends[0][1]
    # One row may be a mistake; who writes a year as far as that means no year.
    return shared if is_configured or (_is_round(shared) and (count > 1 or not shared.startswith("20"))) else None


def _value(old: OldDatabase, expression: str) -> str | None:
    """Return the time that an expression of the manifest is, as DuckDB shows it; None where DuckDB cannot say."""
    with suppress(sqlglot.errors.SqlglotError, MigrationError):
        # It is to be a value: what reads tables or files is not run.
        if not sqlglot.parse_one(expression, dialect="duckdb").find(sge.Query, sge.Table, sge.Column, sge.Command):
            [(value,)] = old.rows(f"SELECT CAST(CAST(({expression}) AS TIMESTAMP) AS VARCHAR)")
            return None if value is None else str(value)
    return None


def _is_same(end: str, meant: str) -> bool:
    """Say whether an end is the time that is meant; one with a zone was made where the day may have been another."""
    there, wanted = _parsed(end), _parsed(meant)
    if there is None or wanted is None:
        return end.removesuffix("+00") == meant.removesuffix("+00")  # infinity
    return there == wanted or (end.endswith("+00") and wanted in _in_zones(there))


def _in_zones(time: datetime) -> Iterator[datetime]:
    """Yield the times that clocks of all zones show at a moment."""
    for quarters in range(-56, 57):
        with suppress(OverflowError):
            yield time + timedelta(minutes=15 * quarters)
    if time == datetime.max:
        yield datetime(9999, 12, 31)


def _parsed(value: str) -> datetime | None:
    """Return a time that DuckDB shows, UTC; the last hours of 9999 west of UTC are of a year that Python has not."""
    try:
        return datetime.fromisoformat(value.removesuffix("+00"))
    except ValueError:
        return datetime.max if value.startswith("10000-01-01") else None


def _is_round(value: str) -> bool:
    """Say whether a time is one that people choose: on a quarter of an hour, or the last moment before one."""
    time = _parsed(value)
    if time is None:
        return value.startswith("infinity")
    first = (time.minute % 15, time.second, time.microsecond) == (0, 0, 0)
    return first or (time.minute % 15 == 14 and time.second == 59)
