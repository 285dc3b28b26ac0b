"""Run floor.sql: the first build written by hand, the practical floor for its time."""

from __future__ import annotations

import re
from datetime import datetime, timezone
from pathlib import Path

import click
import duckdb

SQL = Path(__file__).with_suffix(".sql")


def build(inputs: Path, database: Path, outputs: Path, lean: bool = False) -> None:
    """Make a new database with the twelve tables, and the output files.

    `lean` makes staging and intermediate views, and so are the steps of staging.
    """
    outputs.mkdir(parents=True, exist_ok=True)
    given = {
        "run_at": datetime.now(timezone.utc).replace(tzinfo=None).isoformat(" "),
        "inputs": _quoted(inputs),
        "outputs": _quoted(outputs),
        "kind": "VIEW" if lean else "TABLE",
        "step": "VIEW" if lean else "TEMP TABLE",
    }
    script = re.sub(r"\{(\w+)\}", lambda match: given[match[1]], SQL.read_text(encoding="utf-8"))
    with duckdb.connect(str(database)) as con:
        con.execute("SET enable_progress_bar = false")
        con.execute(script)


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")


@click.command()
@click.option(
    "--inputs", type=click.Path(path_type=Path, exists=True), required=True, help="Directory of the extracts."
)
@click.option("--database", type=click.Path(path_type=Path), required=True, help="A file that does not exist yet.")
@click.option("--outputs", type=click.Path(path_type=Path), required=True, help="Directory of output files.")
@click.option("--lean", is_flag=True, help="Make staging and intermediate views.")
def main(inputs: Path, database: Path, outputs: Path, lean: bool) -> None:
    """Build the twelve tables and both outputs by plain SQL."""
    build(inputs, database, outputs, lean)


if __name__ == "__main__":
    main()
