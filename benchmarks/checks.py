"""Measure all checks as they are batched, a statement a table, against a statement a check."""

from __future__ import annotations

import re
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import ibis.expr.types as ir

from lc_ibis.api.test import checked
from lc_ibis.api.warehouse import Warehouse, connect
from lc_ibis.declare.checks import counts
from lc_ibis.declare.contracts import moment
from lc_ibis.declare.models import Model
from lc_ibis.declare.pipeline import Tables
from lc_ibis.engine.state.state import utc_now

PROJECT = {
    "dbt_project.yml": "name: checks\nversion: '1.0.0'\nprofile: checks\ntest-paths: [tests]\n",
    "profiles.yml": "checks:\n  target: dev\n  outputs:\n    dev: {{type: duckdb, path: '{database}', threads: 2}}\n",
}


@click.command()
@click.option("--database", type=click.Path(path_type=Path, exists=True), required=True, help="A built database.")
@click.option("--rounds", default=5, show_default=True, help="Rounds, turn and turn about; medians are printed.")
@click.option("--dbt", help="The dbt command, with its adapter for DuckDB: the same checks as its singular tests.")
@click.option(
    "--scratch", type=click.Path(path_type=Path), default=Path("dbt_checks"), help="Where dbt's project goes."
)
def main(database: Path, rounds: int, dbt: str | None, scratch: Path) -> None:
    """Print the seconds of each way, and their ratio to the batches."""
    with connect(database) as warehouse:
        queries = list(_queries(warehouse))
    ways: dict[str, Callable[[], None]] = {
        "batched": lambda: _with(database, _batched),
        "a statement a check": lambda: _with(database, _single),
        "a statement a check, SQL alone": lambda: _with(database, lambda w: _run(w, queries)),
    }
    if dbt:
        write_dbt(scratch, database, queries)
        ways["dbt test, a test a check"] = lambda: _dbt(dbt, scratch)
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, run in ways.items():
            started = time.perf_counter()
            run()
            seconds[name].append(time.perf_counter() - started)
    base = statistics.median(seconds["batched"])
    click.echo(f"{len(queries)} checks, medians of {rounds} rounds")
    for name, found in seconds.items():
        middle = statistics.median(found)
        click.echo(f"{name:<32} {middle:7.2f} s  ({min(found):.2f} to {max(found):.2f})  {middle / base:5.1f} ×")


def _with(database: Path, run: Callable[[Warehouse], object]) -> None:
    with connect(database) as warehouse:
        run(warehouse)


def _batched(warehouse: Warehouse) -> None:
    checked(warehouse, [model.name for model in warehouse.pipeline])


def _single(warehouse: Warehouse) -> None:
    tables = _tables(warehouse)
    for model in warehouse.pipeline:
        for check in model.checks:
            warehouse.store.rows(counts([check], tables[model.name], tables))


def _run(warehouse: Warehouse, queries: list[str]) -> None:
    for query in queries:
        warehouse.con.con.execute(f"SELECT count(*) FROM ({query})").fetchall()


def _queries(warehouse: Warehouse) -> Iterator[str]:
    """Return a query a check, whose rows are those that fail; steps that are not stored are written out."""
    tables = _tables(warehouse)
    for model in warehouse.pipeline:
        for check in model.checks:
            yield str(warehouse.con.compile(check.rows(tables[model.name], tables)))


def _tables(warehouse: Warehouse) -> Tables:
    def found(model: Model) -> ir.Table | None:
        return warehouse.store.table(model.layer, model.name) if model.is_stored else None

    return Tables(warehouse.pipeline, found, moment(utc_now()))


def write_dbt(directory: Path, database: Path, queries: list[str]) -> None:
    """Write a dbt project that has nothing but the checks, each as a singular test."""
    (directory / "tests").mkdir(parents=True, exist_ok=True)
    for name, text in PROJECT.items():
        (directory / name).write_text(text.format(database=database.resolve()))
    for number, query in enumerate(queries):
        # The name of the catalog is the file's there.
        query = re.sub(r'"?lc_ibis"?\.', "", query)
        (directory / "tests" / f"check_{number:03}.sql").write_text(query)


def _dbt(command: str, directory: Path) -> None:
    ended = subprocess.run([command, "test", "--profiles-dir", "."], cwd=directory, capture_output=True, text=True)
    if "PASS=" not in ended.stdout:
        raise click.ClickException(ended.stdout[-2000:])


if __name__ == "__main__":
    main()
