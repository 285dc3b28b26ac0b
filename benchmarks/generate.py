"""Make the extracts of two days and the change between them, of any size, the same for the same seed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import click
import duckdb

SQL = Path(__file__).with_suffix(".sql")


@dataclass(frozen=True)
class Rows:
    """How many rows a source has on day 1, and how many of them change, go and come on day 2."""

    count: int
    changed: int
    gone: int
    new: int


def generate(accounts: int, seed: int, directory: Path, changed: int | None = None, first_day: bool = True) -> None:
    """Write day1, day2 and delta, each with Customer.csv and accounts.csv, into the directory.

    There are two customers for three accounts; generate.sql says what is wrong with 3 % of the
    rows. `changed` is the number of rows that differ on day 2, of both files together. `delta` has
    the rows of day 2 that are new or changed and the rows of day 1 that are gone, with their `_op`.
    """
    customers = max(2, accounts * 2 // 3)
    sources = {
        "customer": rows_of(customers, None if changed is None else changed * 2 // 5),
        "account": rows_of(accounts, None if changed is None else changed - changed * 2 // 5),
    }
    with duckdb.connect() as con:
        con.execute("SET enable_progress_bar = false")
        con.execute(f"SET VARIABLE seed = {seed:d}")
        last = max(rows.count + rows.new for rows in sources.values())
        con.execute(f"CREATE TEMP TABLE numbers AS SELECT n FROM range(1, {last + 1}) AS r(n)")
        con.execute("CREATE TEMP TABLE events (source VARCHAR, n BIGINT, event VARCHAR)")
        con.execute(SQL.read_text(encoding="utf-8"))
        for source, rows in sources.items():
            given = f"'{source}', {rows.count}, {rows.changed}, {rows.gone}, {rows.new}"
            con.execute(f"INSERT INTO events FROM events_of({given})")
        for source, file in (("customer", "Customer.csv"), ("account", "accounts.csv")):
            _write_source(con, source, sources, directory, file, first_day)


def rows_of(count: int, differing: int | None) -> Rows:
    """Return what happens to a source's rows: 0.1 % changed, 0.05 % gone and new, or so many in the same proportion.

    Raises click.ClickException where there are too few rows for so much change.
    """
    if differing is None:
        return Rows(count, count // 1000, count // 2000, count // 2000)
    if differing > count // 2:
        raise click.ClickException(f"{differing} of {count} rows cannot change: at most half of them can.")
    return Rows(count, differing - 2 * (differing // 4), differing // 4, differing // 4)


def _write_source(
    con: duckdb.DuckDBPyConnection,
    source: str,
    sources: dict[str, Rows],
    directory: Path,
    file: str,
    first_day: bool,
) -> None:
    counts = str(sources[source].count)
    if source == "account":
        counts += f", {sources['customer'].count}"
    if first_day:
        _copy(con, f"FROM {source}s(1, {counts}, NULL)", directory / "day1" / file)
    _copy(con, f"FROM {source}s(2, {counts}, NULL)", directory / "day2" / file)
    upserts = f"SELECT *, 'upsert' AS _op FROM {source}s(2, {counts}, ['changed', 'new'])"
    deletes = f"SELECT *, 'delete' AS _op FROM {source}s(1, {counts}, ['gone'])"
    _copy(con, f"{upserts} UNION ALL {deletes}", directory / "delta" / file)


def _copy(con: duckdb.DuckDBPyConnection, query: str, file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    literal = str(file).replace("'", "''")
    con.execute(f"COPY ({query}) TO '{literal}' (FORMAT csv, HEADER true)")


@click.command()
@click.option("--accounts", default=1_000_000, show_default=True, help="Rows of accounts.csv on day 1.")
@click.option("--seed", default=1, show_default=True, help="The same seed gives the same files.")
@click.option("--changed", type=int, help="Rows that differ on day 2, of both files; else 0.2 % of each.")
@click.option("--first-day/--no-first-day", default=True, help="Whether to write day 1, which no change alters.")
@click.option("--to", "directory", type=click.Path(path_type=Path), required=True, help="Directory to write into.")
def main(accounts: int, seed: int, changed: int | None, first_day: bool, directory: Path) -> None:
    """Make the extracts of two days, DIR/day1 and DIR/day2, and their difference, DIR/delta."""
    generate(accounts, seed, directory, changed, first_day)


if __name__ == "__main__":
    main()
