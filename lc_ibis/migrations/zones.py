"""The zones of times that have none: those that dbt wrote are of where it ran, those of the data may be of another."""

from __future__ import annotations

from collections.abc import Iterator

from lc_ibis.backends.duckdb.text import literal, quoted
from lc_ibis.errors import MigrationError
from lc_ibis.migrations.histories import TIMES, ZONED, History
from lc_ibis.migrations.migration import Adoption
from lc_ibis.migrations.old import OldDatabase


def refuse_unknown(old: OldDatabase, adoption: Adoption) -> None:
    """Refuse a zone that there is not. Raises MigrationError."""
    for option, zone in (("snapshot", adoption.timezone), ("data", adoption.data_timezone)):
        if zone is not None and not old.rows(f"SELECT name FROM pg_timezone_names() WHERE name = {literal(zone)}"):
            raise MigrationError(f"--{option}-timezone {zone!r}: unknown time zone. Use one like Asia/Kolkata.")


def notes(old: OldDatabase, history: History) -> Iterator[str]:
    """Say how times without a zone are read, and how many are none or two moments in their zone."""
    plain = [n for n in (*TIMES, "loaded_at") if history.relation.columns[history.columns[n]] != ZONED]
    if not plain:
        return
    there = ", ".join(history.columns[name] for name in plain)
    if history.has_zones_apart:
        yield (
            f"{history.relation}: {there} have no time zone: {history.columns['loaded_at']} and its copies are read as "
            f"{history.data_zone}, all others as {history.zone}"
        )
    else:
        how = "" if history.zone != "UTC" else "; if dbt ran elsewhere, set --snapshot-timezone"
        yield f"{history.relation}: {there} have no time zone and are read as {history.zone}{how}"
    for zone in dict.fromkeys((history.zone, history.data_zone)):
        if zone != "UTC":
            yield from _doubtful(old, history, plain, zone)


def _doubtful(old: OldDatabase, history: History, plain: list[str], zone: str) -> Iterator[str]:
    counts = []
    for name in plain:
        local = f"CAST({quoted(history.columns[name])} AS TIMESTAMP)"
        instant = f"timezone({literal(zone)}, {local})"
        steps = [f"{sign} INTERVAL {minutes} MINUTE" for sign in "+-" for minutes in (30, 60)]
        others = " OR ".join(f"timezone({literal(zone)}, {instant} {step}) = {local}" for step in steps)
        of_zone = "true" if not history.has_zones_apart else f"({history.zone_of(name)}) = {literal(zone)}"
        counts.append(f"count(*) FILTER ({of_zone} AND isfinite({local}) AND ({others}))")
        counts.append(f"count(*) FILTER ({of_zone} AND timezone({literal(zone)}, {instant}) <> {local})")
    [found] = old.rows(f"SELECT {', '.join(counts)} FROM {history.whole_name}")
    if any(found[::2]):
        yield f"{history.relation}: {sum(found[::2]):,} times are ambiguous in {zone}: clocks went back"
    if any(found[1::2]):
        yield f"{history.relation}: {sum(found[1::2]):,} times do not exist in {zone}: clocks went forward"
