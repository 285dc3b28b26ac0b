"""The commands that read what is built, and the code that builds it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

from lc_ibis.cli.options import PATH, TABLES, THRESHOLDS, command, options
from lc_ibis.cli.printing.escaping import echo, emit
from lc_ibis.settings import FORMATS, Format, Settings


@command()
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True, help="Maximum runs to list.")
@options(*TABLES, "json")
def runs(limit: int, as_json: bool, **given: Any) -> None:
    """List the runs that changed something, newest first.

    With --json, also lists what each run did to each table, and why.
    """
    from dataclasses import asdict

    from lc_ibis.api import tables
    from lc_ibis.api.warehouse import connect
    from lc_ibis.cli.printing import reading as terminal
    from lc_ibis.files.documents import to_json

    with connect(**given) as warehouse:
        found, histories = tables.runs_of(warehouse, limit), tables.histories_of(warehouse)
    emit(to_json([asdict(run) for run in found])) if as_json else terminal.runs(found, histories)


@command()
@options(*TABLES, "reports", "json")
def verify(as_json: bool, **given: Any) -> None:
    """Recompute every table from the source tables and the histories, and compare.

    Exit code 0 if all tables are identical. Otherwise 1, with the keys of rows that differ or the tables that were
    skipped: after a partial build, a table can be older than its inputs. The result of a full verify is saved in the
    directory of reports, and lc-ibis doctor shows it.
    """
    from dataclasses import asdict

    from lc_ibis.api import test
    from lc_ibis.cli.printing import reading as terminal
    from lc_ibis.files.documents import to_json

    results = test.verify(**given)
    emit(to_json([asdict(result) for result in results])) if as_json else terminal.verified(results)
    sys.exit(0 if all(result.status == "identical" for result in results) else 1)


@command()
@options("models", "select", "exclude", "json")
def ls(as_json: bool, **given: Any) -> None:
    """List the models in the code and their inputs.

    To list what a database holds, use lc-ibis tables.
    """
    from dataclasses import asdict

    from lc_ibis.api import code
    from lc_ibis.cli.printing import reading as terminal
    from lc_ibis.files.documents import to_json

    models = code.ls(**given)
    emit(to_json([asdict(model) for model in models])) if as_json else terminal.models(models)


@command()
@click.argument("table")
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True, help="Maximum rows to print.")
@click.option(
    "--as-of",
    metavar="TIME",
    help="The table as of this moment: 2026-01-31 or 2026-01-31T18:00 (UTC), or a run number.",
)
@click.option("--failing", is_flag=True, help="Show the rows that fail the table's checks, check by check.")
@click.option("--stored", is_flag=True, help="With --failing: show the rows last kept by build --store-failures.")
@options(*TABLES, "json")
def show(table: str, limit: int, as_of: str | None, failing: bool, stored: bool, as_json: bool, **given: Any) -> None:
    """Print the first rows of a table, ordered by key.

    With --as-of, stamps like calculated_at show that moment.
    """
    from lc_ibis.api import tables
    from lc_ibis.cli.printing import reading as terminal
    from lc_ibis.files.documents import to_json

    most = limit if as_json else limit + 1  # one more tells whether there are more
    if stored and not failing:
        raise click.UsageError("--stored needs --failing. Add it.")
    if failing:
        if as_of:
            raise click.UsageError("--failing checks the current table. Remove --as-of.")
        found = tables.failing(table, most, stored, **given)
        emit(to_json(found)) if as_json else terminal.failing(table, found, limit, stored)
        return
    rows = tables.show(table, most, as_of, **given)
    emit(to_json(rows)) if as_json else terminal.rows(table, rows, limit)


@command()
@click.option(
    "--format",
    "form",
    type=click.Choice(FORMATS),
    help="The output format. [default: a summary on a terminal, otherwise json]",
)
@click.option("--open", "is_opened", is_flag=True, help="Write the HTML page next to the report and open it.")
@options("reports")
def report(form: Format | None, is_opened: bool, **given: Any) -> None:
    """Print the last build's quality report.

    html is a page that works offline. junit is XML for continuous integration: one suite per table, one case per check.
    """
    from lc_ibis.api import report
    from lc_ibis.cli.printing import reading as terminal

    if is_opened:
        if form not in (None, "html"):
            raise click.UsageError(f"--open opens the HTML page. Remove --format {form}.")
        page = report.report_page(**given)
        echo(f"wrote {page}")
        click.launch(page.resolve().as_uri())
        return
    if form is None and sys.stdout.isatty():
        terminal.report(json.loads(report.report("json", **given)))
        return
    emit(report.report(form or "json", **given), nl=False)


@command()
@click.argument("source", required=False)
@click.option("--reason", metavar="TEXT", help="Only rows whose reason contains this text.")
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True, help="Maximum rows to print.")
@click.option("--csv", "as_csv", is_flag=True, help="Print all rows as CSV.")
@options(*TABLES, "neutralise_formulas", "json")
def quarantine(source: str | None, reason: str | None, limit: int, as_csv: bool, as_json: bool, **given: Any) -> None:
    """List the refused rows of a SOURCE, or of all sources, and why.

    Open rows come first, then resolved ones. A row is resolved when a later extract drops or corrects it.
    """
    from lc_ibis.api import quarantine
    from lc_ibis.cli.printing import reading as terminal
    from lc_ibis.files.documents import to_csv, to_json

    if as_csv and as_json:
        raise click.UsageError("--csv and --json cannot be combined. Remove one.")
    most = None if as_csv else limit if as_json else limit + 1
    rows = quarantine.quarantine(source, reason, most, **given)
    if as_csv:
        emit(to_csv(rows, Settings.load(**given).neutralise_formulas), nl=False)
        return
    reasons = quarantine.quarantine_reasons(source, reason, **given)
    if as_json:
        emit(to_json({"reasons": reasons, "rows": rows}))
    else:
        terminal.quarantine(reasons, rows, limit, reason)


@command()
@click.argument("table")
@click.option(
    "--to",
    type=PATH,
    required=True,
    help="The file to write: .csv, .parquet, .arrow, .xlsx or .duckdb. With --partition-by, a directory.",
)
@click.option("--as-of", metavar="TIME", help="The table as of this moment (UTC), as in show.")
@click.option("--column", "columns", multiple=True, metavar="NAME", help="Only this column. Can be repeated.")
@click.option(
    "--partition-by",
    multiple=True,
    metavar="COLUMN",
    help="Write a directory of Parquet files partitioned by this column: account_type=savings/part-0.parquet. Can be "
    "repeated. If the column is not text, readers must be given its type, which is in the manifest.",
)
@options(*TABLES, "neutralise_formulas")
def export(
    table: str, to: Path, as_of: str | None, columns: tuple[str, ...], partition_by: tuple[str, ...], **given: Any
) -> None:  # fmt: skip
    """Write a table to a file, ordered by key.

    The file's extension sets its format. FILE.manifest.json, next to it, describes the contents: columns, types, rows,
    checksum and run.
    """
    from lc_ibis.api.export import export

    echo(f"wrote {export(table, to, as_of, columns, partition_by, **given)}")


@command()
@click.option("--mutate", is_flag=True, help="Break copies of the tables and report checks that miss it.")
@options(*TABLES, "select", "exclude", *THRESHOLDS, "json")
def test(mutate: bool, as_json: bool, **given: Any) -> None:
    """Run all checks on the stored tables.

    Exit code 1 if a check fails; with --mutate, if a check misses the fault it guards against. Writes nothing.
    """
    from lc_ibis.api import test
    from lc_ibis.cli.printing import building
    from lc_ibis.cli.printing import reading as terminal
    from lc_ibis.files.documents import to_json
    from lc_ibis.reporting.report import document, mutated_document

    if mutate:
        if unused := [name for name in THRESHOLDS if given.get(name) is not None]:
            raise click.UsageError(f"--{unused[0].replace('_', '-')} has no effect with --mutate. Remove it.")
        results = test.mutate(**given)
        emit(to_json([mutated_document(result) for result in results])) if as_json else terminal.mutated(results)
        sys.exit(0 if all(result.has_noticed for result in results) else 1)
    run = test.test(**given)
    emit(to_json(document(run))) if as_json else building.checks(run)
    sys.exit(1 if run.status == "failed" else 0)


@command()
@click.option("--dialect", default="duckdb", show_default=True, help="The dialect: duckdb, databricks or pyspark.")
@click.option("--by-key", is_flag=True, help="Print what a build runs to update a table by key.")
@options("models", "select", "exclude", "json")
def compile(dialect: str, by_key: bool, as_json: bool, **given: Any) -> None:
    """Print the SQL of each table. Needs no database."""
    from lc_ibis.api import code
    from lc_ibis.files.documents import to_json

    queries = code.compile(dialect, by_key, **given)
    if as_json:
        emit(to_json(queries))
    else:
        emit("\n\n".join(f"-- {name}\n{sql}{'' if by_key else ';'}" for name, sql in queries.items()))


@command()
@options("models", "json")
def lint(as_json: bool, **given: Any) -> None:
    """Check table and column names against the naming conventions.

    Prints each violation with its file and line. Needs no database. Exit code 1 if there is a violation.
    """
    from dataclasses import asdict

    from lc_ibis.api import code
    from lc_ibis.cli.printing import reading as terminal
    from lc_ibis.files.documents import to_json

    found = code.lint(**given)
    emit(to_json([asdict(breach) for breach in found])) if as_json else terminal.linted(found)
    sys.exit(1 if found else 0)
