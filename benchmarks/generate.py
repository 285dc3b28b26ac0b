"""Make the extracts of two days, of any size, the same for the same seed."""

from __future__ import annotations

from pathlib import Path

import click
import duckdb

SQL = Path(__file__).with_suffix(".sql")


def generate(accounts: int, seed: int, directory: Path) -> None:
    """Write day1 and day2, each with Customer.csv and accounts.csv, into the directory.

    There are two customers for three accounts; generate.sql says what is wrong with 3 % of the
    rows, and what changes on day 2.
    """
    customers = max(1, accounts * 2 // 3)
    with duckdb.connect() as con:
        con.execute(f"SET VARIABLE seed = {seed:d}")
        con.execute(f"CREATE TEMP TABLE numbers AS SELECT n FROM range(1, {accounts + accounts // 2000 + 1}) AS r(n)")
        con.execute(SQL.read_text(encoding="utf-8"))
        for day in (1, 2):
            place = directory / f"day{day}"
            place.mkdir(parents=True, exist_ok=True)
            _write(con, f"customers({day}, {customers})", place / "Customer.csv")
            _write(con, f"accounts({day}, {accounts}, {customers})", place / "accounts.csv")


def _write(con: duckdb.DuckDBPyConnection, rows: str, file: Path) -> None:
    literal = str(file).replace("'", "''")
    con.execute(f"COPY (FROM {rows}) TO '{literal}' (FORMAT csv, HEADER true)")


@click.command()
@click.option("--accounts", default=1_000_000, show_default=True, help="Rows of accounts.csv on day 1.")
@click.option("--seed", default=1, show_default=True, help="The same seed gives the same files.")
@click.option("--to", "directory", type=click.Path(path_type=Path), required=True, help="Directory to write into.")
def main(accounts: int, seed: int, directory: Path) -> None:
    """Make the extracts of two days: DIR/day1 and DIR/day2."""
    generate(accounts, seed, directory)


if __name__ == "__main__":
    main()
