"""The work of lc-ibis written by hand in SQL: the practical floor for its time."""

from __future__ import annotations

import re
from datetime import datetime, timezone
from pathlib import Path

import click
import duckdb

HERE = Path(__file__).parent


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
        "as": " AS",
        "of_reached_account": "",
        "of_reached_customer": "",
    }
    with duckdb.connect(str(database)) as con:
        _run(con, "floor.sql", given)


def day2(inputs: Path, database: Path, outputs: Path) -> bool:
    """Bring a lean floor's database and the output files up to date with full extracts; say if anything differed.

    Extracts that equal the stored rows are read and compared, and nothing is written.
    """
    given = {
        **_common(inputs, outputs),
        "step": "TEMP TABLE",
        "prefix": "touched_",
        "customer_rows": "rows_of_customer",
        "account_rows": "rows_of_account",
        "into": "INSERT INTO",
        "as": "",
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
    parts = {"judged": _filled("floor_staging.sql", given), "marts": _filled("floor_marts.sql", given)}
    con.execute(_filled(file, {**given, **parts}))


def _filled(file: str, given: dict[str, str]) -> str:
    script = (HERE / file).read_text(encoding="utf-8")
    return re.sub(r"\{(\w+)\}", lambda match: given[match[1]], script)


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")


@click.command()
@click.option(
    "--inputs", type=click.Path(path_type=Path, exists=True), required=True, help="Directory of the extracts."
)
@click.option("--database", type=click.Path(path_type=Path), required=True, help="New, or a lean floor's with --day2.")
@click.option("--outputs", type=click.Path(path_type=Path), required=True, help="Directory of output files.")
@click.option("--lean/--no-lean", help="Make staging and intermediate views.")
@click.option("--day2", "is_day2", is_flag=True, help="Update the database of a lean floor.")
def main(inputs: Path, database: Path, outputs: Path, lean: bool, is_day2: bool) -> None:
    """Build the twelve tables and both outputs by plain SQL, or bring them up to date."""
    if is_day2:
        day2(inputs, database, outputs)
    else:
        first_build(inputs, database, outputs, lean)


if __name__ == "__main__":
    main()
