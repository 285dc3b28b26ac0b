"""The command line: one command a public function. Heavy modules are imported where they are used."""

from __future__ import annotations

import errno
import sys
from io import TextIOWrapper
from pathlib import Path
from typing import Any

import click

from lc_ibis import cli_migrate, cli_upkeep, errors
from lc_ibis.cli_options import AGES, LIMITS, PATH, TABLES, options
from lc_ibis.settings import BACKENDS, FORMATS, Format


class _Group(click.Group):
    """Print our own errors as a message; any other is a bug and keeps its traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except errors.LcIbisError as error:
            click.echo(f"Error: {error}", err=True)
            if error.report:
                click.echo(f"Report: {error.report}", err=True)
            sys.exit(error.exit_code)
        except OSError as error:
            if error.errno == errno.EPIPE:
                raise
            # Of the operating system, not of the program: a name too long, a full disk.
            click.echo(f"Error: {f'{error.filename}: ' if error.filename else ''}{error.strerror}.", err=True)
            sys.exit(1)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """A lending company's table pipeline: source, staging, snapshots, intermediate, marts.

    Settings are flags, environment variables (LC_IBIS_DATABASE for --database) and lines of the
    file lc-ibis.toml in the current directory (database = "…"), in this order of precedence.

    Exit code 0: done; 1: data or build failed; 2: the command was not understood.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            # Names hold any letter, and a terminal need not know it.
            stream.reconfigure(errors="backslashreplace")


@main.command()
@options(*TABLES, "inputs", "outputs", "partitioned", "reports", "source", "delivery", "select", "exclude",
          "full_refresh", "verify", "allow_mass_delete", "max_delete_share", *LIMITS, *AGES, "notify", "notify_values",
          "json")  # fmt: skip
def build(as_json: bool, **given: Any) -> None:
    """Bring tables and files up to date with the extracts.

    All or nothing: a build that fails leaves every table and file as it was. One exception is said to be one: where
    only a file cannot be put in its place, the tables are published, and the next build puts the files right.
    """
    from lc_ibis import terminal
    from lc_ibis.building import build
    from lc_ibis.quality.report import document, to_json

    printer = None if as_json else terminal.BuildPrinter()
    run = build(progress=printer.table if printer else None, **_given(given))
    if printer:
        printer.summary(run)
    else:
        click.echo(to_json(document(run)))


@main.command()
@options(*TABLES, "inputs", "source", "delivery", "select", "exclude", "full_refresh", "allow_mass_delete",
          "max_delete_share", "json")  # fmt: skip
def plan(as_json: bool, **given: Any) -> None:
    """Say what a build would do to each table, and why.

    The build is run up to its checks and undone: it takes as long, and writes nothing.
    """
    from lc_ibis import terminal
    from lc_ibis.building import plan
    from lc_ibis.quality.report import table_document, to_json

    printer = None if as_json else terminal.PlanPrinter()
    tables = plan(progress=printer.table if printer else None, **_given(given))
    if printer:
        printer.totals(tables)
    else:
        click.echo(to_json([table_document(table) for table in tables]))


@main.command()
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True, help="Most runs to list.")
@options(*TABLES, "json")
def runs(limit: int, as_json: bool, **given: Any) -> None:
    """List the runs that changed something, the last first.

    With --json, also what each did to which table, and why.
    """
    from lc_ibis import reading, terminal
    from lc_ibis.quality.report import to_json

    found = reading.runs(limit, **_given(given))
    click.echo(to_json(found)) if as_json else terminal.runs(found)


@main.command()
@options(*TABLES, "json")
def verify(as_json: bool, **given: Any) -> None:
    """Make every table anew from what was received and the histories, and compare.

    Exit code 0 if all are identical, 1 with the keys of those that are not, or the names of those that could not be
    compared: after a partial build, a table may be older than what it is made from.
    """
    from dataclasses import asdict

    from lc_ibis import reading, terminal
    from lc_ibis.quality.report import to_json

    results = reading.verify(**_given(given))
    click.echo(to_json([asdict(result) for result in results])) if as_json else terminal.verified(results)
    sys.exit(0 if all(result.status == "identical" for result in results) else 1)


@main.command()
@click.option(
    "--with", "other", type=click.Choice(list(BACKENDS)), default="spark", show_default=True, help="The other backend."
)
@click.option("--then", type=PATH, multiple=True, help="A directory of extracts to build next; may be repeated.")
@options("backend", "database", "master", "remote", "threads", "memory_limit", "inputs", "source", "json")
def parity(other: str, then: tuple[Path, ...], as_json: bool, **given: Any) -> None:
    """Build the same extracts on two backends in scratch space, and compare every table row by row.

    Exit code 0 if all are identical, 1 with the keys of those that are not.
    """  # fmt: skip
    from dataclasses import asdict

    from lc_ibis import terminal
    from lc_ibis.comparing import parity
    from lc_ibis.quality.report import to_json

    results = parity(other, then, **_given(given))
    click.echo(to_json([asdict(result) for result in results])) if as_json else terminal.compared(results)
    sys.exit(0 if all(result.status == "identical" for result in results) else 1)


@main.command()
@options("select", "exclude", "json")
def ls(as_json: bool, **given: Any) -> None:
    """List the tables that the code makes, and what each is made from.

    What a database holds: lc-ibis tables.
    """
    from lc_ibis import reading, terminal
    from lc_ibis.quality.report import to_json

    models = reading.ls(**_given(given))
    click.echo(to_json(models)) if as_json else terminal.models(models)


@main.command()
@click.argument("table")
@click.option("--limit", type=click.IntRange(min=0), default=20, show_default=True, help="Most rows to print.")
@click.option("--as-of", metavar="TIME", help="The table as it stood then, UTC: 2026-01-31, or 2026-01-31T18:00.")
@click.option("--failing", is_flag=True, help="The rows that break one of the table's checks, check by check.")
@options(*TABLES, "json")
def show(table: str, limit: int, as_of: str | None, failing: bool, as_json: bool, **given: Any) -> None:
    """Print the first rows of a table, ordered by its key.

    As of a past moment, stamps like calculated_at are that moment.
    """
    from lc_ibis import reading, terminal
    from lc_ibis.quality.report import to_json

    if failing:
        if as_of:
            raise click.UsageError("--failing looks at the table as it is. Leave --as-of.")
        found = reading.failing(table, limit, **_given(given))
        click.echo(to_json(found)) if as_json else terminal.failing(table, found, limit)
        return
    rows = reading.show(table, limit, as_of, **_given(given))
    click.echo(to_json(rows)) if as_json else terminal.rows(table, rows, limit)


@main.command()
@click.option("--format", "form", type=click.Choice(FORMATS), default="json", show_default=True, help="What to print.")
@options("reports")
def report(form: Format, **given: Any) -> None:
    """Print the last build's quality report.

    junit is XML for continuous integration: a suite a table, a case a check.
    """
    from lc_ibis import reports

    click.echo(reports.report(form, **_given(given)), nl=False)


@main.command()
@click.argument("source", required=False)
@click.option("--reason", metavar="TEXT", help="Only refusals whose reason holds this text.")
@click.option("--limit", type=click.IntRange(min=0), default=20, show_default=True, help="Most rows to print.")
@click.option("--csv", "as_csv", is_flag=True, help="Print all rows as CSV.")
@options(*TABLES, "json")
def quarantine(source: str | None, reason: str | None, limit: int, as_csv: bool, as_json: bool, **given: Any) -> None:
    """List what was refused of a SOURCE, or of all, and why.

    Rows that are refused now come first, then those that were: a row is resolved when an extract no longer has it, or
    has it right.
    """
    from lc_ibis import refusals, terminal
    from lc_ibis.quality.report import to_csv, to_json

    rows = refusals.quarantine(source, reason, None if as_csv else limit, **_given(given))
    if as_csv:
        click.echo(to_csv(rows), nl=False)
        return
    reasons = refusals.quarantine_reasons(source, reason, **_given(given))
    if as_json:
        click.echo(to_json({"reasons": reasons, "rows": rows}))
    else:
        terminal.quarantine(reasons, rows, limit)


@main.command()
@click.argument("table")
@click.option("--to", type=PATH, required=True, help="The file; it ends in .csv or .parquet.")
@click.option("--as-of", metavar="TIME", help="The table as it stood then, UTC; as for show.")
@options(*TABLES)
def export(table: str, to: Path, as_of: str | None, **given: Any) -> None:
    """Write a table to a file, ordered by its key."""
    from lc_ibis import reading

    click.echo(f"wrote {reading.export(table, to, as_of, **_given(given))}")


@main.command()
@click.option("--mutate", is_flag=True, help="Break copies of the tables, and say which checks do not notice.")
@options(*TABLES, "select", "exclude", *LIMITS, "json")
def test(mutate: bool, as_json: bool, **given: Any) -> None:
    """Run all checks on the stored tables.

    Exit code 1 if a check fails; with --mutate, if one does not notice that its table is broken in the way that it
    guards against. Nothing is written.
    """
    from lc_ibis import reading, terminal
    from lc_ibis.quality.report import document, mutated_document, to_json

    if mutate:
        results = reading.mutate(**_given(given))
        click.echo(to_json([mutated_document(result) for result in results])) if as_json else terminal.mutated(results)
        sys.exit(0 if all(result.has_noticed for result in results) else 1)
    run = reading.test(**_given(given))
    click.echo(to_json(document(run))) if as_json else terminal.checks(run)
    sys.exit(1 if run.status == "failed" else 0)


@main.command()
@click.option("--dialect", default="duckdb", show_default=True, help="duckdb, databricks or pyspark.")
@options("select", "exclude", "json")
def compile(dialect: str, as_json: bool, **given: Any) -> None:
    """Print the SQL of each table; no database is needed."""
    from lc_ibis import reading
    from lc_ibis.quality.report import to_json

    queries = reading.compile(dialect, **_given(given))
    if as_json:
        click.echo(to_json(queries))
    else:
        click.echo("\n\n".join(f"-- {name}\n{sql};" for name, sql in queries.items()))


@main.command()
@options("json")
def lint(as_json: bool) -> None:
    """Name what breaks the naming conventions.

    Tables and columns, with file and line; no database is needed. Exit code 1 if there is one.
    """
    from dataclasses import asdict

    from lc_ibis import reading, terminal
    from lc_ibis.quality.report import to_json

    found = reading.lint()
    click.echo(to_json([asdict(breach) for breach in found])) if as_json else terminal.linted(found)
    sys.exit(1 if found else 0)


for command in (cli_upkeep.tables, cli_upkeep.drop, cli_upkeep.backup, cli_upkeep.restore):
    main.add_command(command)
main.add_command(cli_migrate.migrate)


@main.command()
def version() -> None:
    """Print the version."""
    import lc_ibis

    click.echo(f"lc-ibis {lc_ibis.version()}")


def run() -> None:
    """Run the command line; where all is done nothing is raised, which a Databricks task would take for a failure."""
    try:
        main(prog_name="lc-ibis")
    except SystemExit as ended:
        if ended.code:
            raise


def _given(given: dict[str, Any]) -> dict[str, Any]:
    """Leave out what was not given, so that environment and file have their say."""
    return {name: value for name, value in given.items() if value not in (None, ())}
