"""The work of lc-ibis written by hand in SQL: the practical floor for its time."""

from __future__ import annotations

import re
from datetime import datetime, timezone
from pathlib import Path

import click
import duckdb

HERE = Path(__file__).parent
# Rows whose key is none are in quarantine only, which the lean floor does not store.
WITHOUT_KEY = {
    "or_customer_without_key": "OR whole_number(stripped(customer_id)) IS NULL AND "
    "hash(customer_id, name, has_loan) IN (SELECT digest FROM customer_difference)",
    "or_account_without_key": "OR coalesce(stripped(account_id), '') = '' AND "
    "hash(account_id, customer_id, balance, account_type) IN (SELECT digest FROM account_difference)",
}


def first_build(inputs: Path, database: Path, outputs: Path, lean: bool = False) -> None:
    """Make a new database with the twelve tables, and the output files.

    `lean` makes staging and intermediate views, and so are the steps of staging.
    """
    given = {
        **_common(inputs, outputs),
        "kind": "VIEW" if lean else "TABLE",
        "step": "VIEW" if lean else "TEMP TABLE",
        "prefix": "",
        "customer_rows": "source.src_customer",
        "account_rows": "source.src_account",
        "into": "CREATE TABLE",
        "into_late": "CREATE VIEW" if lean else "CREATE TABLE",
        "as": " AS",
        "and_reached_account": "",
        "of_reached_account": "",
        "of_reached_customer": "",
    }
    with duckdb.connect(str(database)) as con:
        _run(con, "floor.sql", given)


def day2(inputs: Path, database: Path, outputs: Path, lean: bool = False) -> bool:
    """Bring the database and the output files up to date with full extracts; say if anything differed.

    `lean` is what it was at the first build. Extracts that equal the stored rows are read and compared, and nothing is
    written.
    """
    given = {
        **_common(inputs, outputs),
        "step": "TEMP TABLE",
        "prefix": "touched_",
        "customer_rows": "rows_of_customer",
        "account_rows": "rows_of_account",
        "into": "INSERT INTO",
        "into_late": "INSERT INTO",
        "as": "",
        "and_reached_account": "AND account_id IN (FROM reached_account)",
        **({"or_customer_without_key": "", "or_account_without_key": "", "stored": ""} if lean else WITHOUT_KEY),
        "of_reached_account": "WHERE account_id IN (FROM reached_account)",
        "of_reached_customer": "WHERE customer_id IN (FROM reached_customer)",
    }
    with duckdb.connect(str(database)) as con:
        _run(con, "floor_compare.sql", given)
        both = "SELECT digest FROM customer_difference UNION ALL SELECT digest FROM account_difference"
        differs = con.execute(f"{both} LIMIT 1").fetchone() is not None
        if differs:
            _run(con, "floor_day2.sql", given)
    return differs


def _common(inputs: Path, outputs: Path) -> dict[str, str]:
    outputs.mkdir(parents=True, exist_ok=True)
    run_at = datetime.now(timezone.utc).replace(tzinfo=None).isoformat(" ")
    return {"run_at": run_at, "inputs": _quoted(inputs), "outputs": _quoted(outputs)}


def _run(con: duckdb.DuckDBPyConnection, file: str, given: dict[str, str]) -> None:
    con.execute("SET enable_progress_bar = false")
    con.execute("SET preserve_insertion_order = false")
    whole = dict(given)
    for part in ("staging", "intermediate", "marts", "stored"):
        whole.setdefault(part, _filled(f"floor_{part}.sql", whole))
    con.execute(_filled(file, whole))


def _filled(file: str, given: dict[str, str]) -> str:
    script = (HERE / file).read_text(encoding="utf-8")
    return re.sub(r"\{(\w+)\}", lambda match: given[match[1]], script)


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")


@click.command()
@click.option(
    "--inputs", type=click.Path(path_type=Path, exists=True), required=True, help="Directory of the extracts."
)
@click.option("--database", type=click.Path(path_type=Path), required=True, help="New, or day 1's with --day2.")
@click.option("--outputs", type=click.Path(path_type=Path), required=True, help="Directory of output files.")
@click.option("--lean/--no-lean", help="Make staging and intermediate views.")
@click.option("--day2", "is_day2", is_flag=True, help="Update the database of day 1.")
def main(inputs: Path, database: Path, outputs: Path, lean: bool, is_day2: bool) -> None:
    """Build the twelve tables and both outputs by plain SQL, or bring them up to date."""
    if is_day2:
        day2(inputs, database, outputs, lean)
    else:
        first_build(inputs, database, outputs, lean)


if __name__ == "__main__":
    main()
