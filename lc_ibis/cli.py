"""The command line: one command a public function. Heavy modules are imported where they are used."""

from __future__ import annotations

import errno
import sys
from collections.abc import Callable
from io import TextIOWrapper
from pathlib import Path
from typing import Any

import click

from lc_ibis import errors
from lc_ibis.settings import BACKENDS, DELIVERIES, Settings


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


def _options(*names: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    def add(command: Callable[..., Any]) -> Callable[..., Any]:
        for name in reversed(names):
            command = _OPTIONS[name](command)
        return command

    return add


_PATH = click.Path(path_type=Path)
_OPTIONS = {
    "backend": click.option("--backend", help=f"Where tables live: {' or '.join(BACKENDS)}."),
    "database": click.option(
        "--database", type=_PATH,
        help="DuckDB's database file, or the directory of Spark's tables. "
        f"[default: {' or '.join(map(str, BACKENDS.values()))}]",
    ),
    "master": click.option(
        "--master", metavar="URL", help="The Spark cluster, like spark://host:7077. [default: this machine]"
    ),
    "remote": click.option("--remote", metavar="URL", help="A Spark Connect server, like sc://host:15002."),
    "inputs": click.option("--inputs", type=_PATH, help=f"Directory of the extracts. [default: {Settings.inputs}]"),
    "outputs": click.option("--outputs", type=_PATH, help=f"Directory of output files. [default: {Settings.outputs}]"),
    "partitioned": click.option(
        "--partitioned", is_flag=True, default=None,
        help="Write each output as a directory of Parquet files, in place of one CSV and one Parquet file.",
    ),
    "reports": click.option(
        "--reports", type=_PATH, help=f"Directory of quality reports. [default: {Settings.reports}]"
    ),
    "source": click.option(
        "--source", multiple=True, metavar="NAME=GLOB",
        help="Files of a source, by pattern below the inputs: src_account='accounts/2026-*.csv.gz'.",
    ),
    "delivery": click.option(
        "--delivery", type=click.Choice(DELIVERIES),
        help="full: each file is the whole extract. delta: it holds only what changed, with a column _op "
        "(upsert, delete; blank is upsert). [default: full]",
    ),
    "select": click.option(
        "--select", "-s", multiple=True, metavar="TERM",
        help="Tables, layers or patterns; +NAME what it is made from, NAME+ what is made from it.",
    ),
    "exclude": click.option("--exclude", multiple=True, metavar="TERM", help="Leave these out; as --select."),
    "full_refresh": click.option(
        "--full-refresh", is_flag=True, default=None, help="Compute every table anew. History stays."
    ),
    "verify": click.option(
        "--verify", is_flag=True, default=None, help="Before publishing, compare every table with the same made anew."
    ),
    "allow_mass_delete": click.option(
        "--allow-mass-delete", is_flag=True, default=None,
        help="Believe an extract from which more than the usual share of keys is gone.",
    ),
    "max_delete_share": click.option(
        "--max-delete-share", type=float,
        help=f"Share of current keys that may be gone at once. [default: {Settings.max_delete_share}]",
    ),
    "threads": click.option("--threads", type=int, help="Threads of the engine. [default: all cores]"),
    "memory_limit": click.option(
        "--memory-limit",
        help="Memory of the engine, like 1GB; what does not fit goes to disk. "
        "[default: 1500MB for duckdb; Spark's own for spark]",
    ),
    "json": click.option("--json", "as_json", is_flag=True, help="Print JSON instead."),
}  # fmt: skip
_TABLES = ("backend", "database", "master", "remote", "threads", "memory_limit")


@main.command()
@_options(*_TABLES, "inputs", "outputs", "partitioned", "reports", "source", "delivery", "select", "exclude",
          "full_refresh", "verify", "allow_mass_delete", "max_delete_share", "json")  # fmt: skip
def build(as_json: bool, **options: Any) -> None:
    """Bring tables and files up to date with the extracts.

    All or nothing: a build that fails leaves every table and file as it was. One exception is said to be one: where
    only a file cannot be put in its place, the tables are published, and the next build puts the files right.
    """
    from lc_ibis import terminal
    from lc_ibis.building import build
    from lc_ibis.quality.report import document, to_json

    printer = None if as_json else terminal.BuildPrinter()
    run = build(progress=printer.table if printer else None, **_given(options))
    if printer:
        printer.summary(run)
    else:
        click.echo(to_json(document(run)))


@main.command()
@_options(*_TABLES, "inputs", "source", "delivery", "select", "exclude", "full_refresh", "allow_mass_delete",
          "max_delete_share", "json")  # fmt: skip
def plan(as_json: bool, **options: Any) -> None:
    """Say what a build would do to each table, and why.

    The build is run up to its checks and undone: it takes as long, and writes nothing.
    """
    from lc_ibis import terminal
    from lc_ibis.building import plan
    from lc_ibis.quality.report import table_document, to_json

    printer = None if as_json else terminal.PlanPrinter()
    tables = plan(progress=printer.table if printer else None, **_given(options))
    if printer:
        printer.totals(tables)
    else:
        click.echo(to_json([table_document(table) for table in tables]))


@main.command()
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True, help="Most runs to list.")
@_options(*_TABLES, "json")
def runs(limit: int, as_json: bool, **options: Any) -> None:
    """List the runs that changed something, the last first.

    With --json, also what each did to which table, and why.
    """
    from lc_ibis import reading, terminal
    from lc_ibis.quality.report import to_json

    found = reading.runs(limit, **_given(options))
    click.echo(to_json(found)) if as_json else terminal.runs(found)


@main.command()
@_options(*_TABLES, "json")
def verify(as_json: bool, **options: Any) -> None:
    """Make every table anew from what was received and the histories, and compare.

    Exit code 0 if all are identical, 1 with the keys of those that are not, or the names of those that could not be
    compared: after a partial build, a table may be older than what it is made from.
    """
    from dataclasses import asdict

    from lc_ibis import reading, terminal
    from lc_ibis.quality.report import to_json

    results = reading.verify(**_given(options))
    click.echo(to_json([asdict(result) for result in results])) if as_json else terminal.verified(results)
    sys.exit(0 if all(result.status == "identical" for result in results) else 1)


@main.command()
@click.option(
    "--with", "other", type=click.Choice(list(BACKENDS)), default="spark", show_default=True, help="The other backend."
)
@click.option("--then", type=_PATH, multiple=True, help="A directory of extracts to build next; may be repeated.")
@_options("backend", "master", "remote", "threads", "memory_limit", "inputs", "source", "json")
def parity(other: str, then: tuple[Path, ...], as_json: bool, **options: Any) -> None:
    """Build the same extracts on two backends in scratch space, and compare every table row by row.

    Exit code 0 if all are identical, 1 with the keys of those that are not.
    """  # fmt: skip
    from dataclasses import asdict

    from lc_ibis import terminal
    from lc_ibis.comparing import parity
    from lc_ibis.quality.report import to_json

    results = parity(other, then, **_given(options))
    click.echo(to_json([asdict(result) for result in results])) if as_json else terminal.compared(results)
    sys.exit(0 if all(result.status == "identical" for result in results) else 1)


@main.command()
@_options("select", "exclude", "json")
def ls(as_json: bool, **options: Any) -> None:
    """List the tables, and what each is made from."""
    from lc_ibis import reading, terminal
    from lc_ibis.quality.report import to_json

    models = reading.ls(**_given(options))
    click.echo(to_json(models)) if as_json else terminal.models(models)


@main.command()
@click.argument("table")
@click.option("--limit", type=click.IntRange(min=0), default=20, show_default=True, help="Most rows to print.")
@click.option("--as-of", metavar="TIME", help="The table as it stood then, UTC: 2026-01-31, or 2026-01-31T18:00.")
@_options(*_TABLES, "json")
def show(table: str, limit: int, as_of: str | None, as_json: bool, **options: Any) -> None:
    """Print the first rows of a table, ordered by its key.

    As of a past moment, stamps like calculated_at are that moment.
    """
    from lc_ibis import reading, terminal
    from lc_ibis.quality.report import to_json

    rows = reading.show(table, limit, as_of, **_given(options))
    click.echo(to_json(rows)) if as_json else terminal.rows(table, rows, limit)


@main.command()
@click.argument("table")
@click.option("--to", type=_PATH, required=True, help="The file; it ends in .csv or .parquet.")
@click.option("--as-of", metavar="TIME", help="The table as it stood then, UTC; as for show.")
@_options(*_TABLES)
def export(table: str, to: Path, as_of: str | None, **options: Any) -> None:
    """Write a table to a file, ordered by its key."""
    from lc_ibis import reading

    click.echo(f"wrote {reading.export(table, to, as_of, **_given(options))}")


@main.command()
@_options(*_TABLES, "select", "exclude", "json")
def test(as_json: bool, **options: Any) -> None:
    """Run all checks on the stored tables.

    Exit code 1 if a check of severity error fails.
    """
    from lc_ibis import reading, terminal
    from lc_ibis.quality.report import document, to_json

    run = reading.test(**_given(options))
    click.echo(to_json(document(run))) if as_json else terminal.checks(run)
    sys.exit(1 if run.status == "failed" else 0)


@main.command()
@click.option("--dialect", default="duckdb", show_default=True, help="duckdb, databricks or pyspark.")
@_options("select", "exclude", "json")
def compile(dialect: str, as_json: bool, **options: Any) -> None:
    """Print the SQL of each table; no database is needed."""
    from lc_ibis import reading
    from lc_ibis.quality.report import to_json

    queries = reading.compile(dialect, **_given(options))
    if as_json:
        click.echo(to_json(queries))
    else:
        click.echo("\n\n".join(f"-- {name}\n{sql};" for name, sql in queries.items()))


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


def _given(options: dict[str, Any]) -> dict[str, Any]:
    """Leave out what was not given, so that environment and file have their say."""
    return {name: value for name, value in options.items() if value not in (None, ())}
