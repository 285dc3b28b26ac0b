"""The commands that build, or say what a build would do."""

from __future__ import annotations

import errno
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from lc_ibis.cli.options import PATH, SETTINGS, TABLES, command, options
from lc_ibis.cli.printing.escaping import emit
from lc_ibis.errors import OutputError
from lc_ibis.settings import BACKENDS


@command()
@options(*SETTINGS, "debug", "quiet", "json")
def build(as_json: bool, is_quiet: bool, **given: Any) -> None:
    """Update tables and output files from the extracts.

    A build is all or nothing: if it fails, tables and files are unchanged. There are two exceptions, and the message
    says so. If only an output file cannot be replaced, the tables are published and the next build writes the file.
    Delta tables are published one by one: if that is interrupted, some are updated, and the next build checks all.
    """
    from lc_ibis.api.build import build
    from lc_ibis.cli.printing import building as terminal
    from lc_ibis.files.documents import to_json
    from lc_ibis.reporting.report import document

    if as_json:
        run = build(**given)
        with _published():
            emit(to_json(document(run)))
        return
    with terminal.BuildPrinter(is_quiet) as printer:
        run = build(progress=printer, **given)
    with _published():
        printer.summary(run)


@contextmanager
def _published() -> Iterator[None]:
    """Say that a build is published, where what it did cannot be printed."""
    try:
        yield
    except (OSError, KeyboardInterrupt) as error:
        if isinstance(error, OSError) and error.errno == errno.EPIPE:
            raise
        why = error.strerror if isinstance(error, OSError) else "interrupted"
        raise OutputError(f"The build is published, but its summary cannot be printed ({why}).") from None


@command()
@options(*TABLES, "inputs", "source", "delivery", "select", "exclude", "full_refresh", "allow_mass_delete",
          "max_delete_share", "allow_replay", "keep_history", "debug", "json")  # fmt: skip
def plan(as_json: bool, **given: Any) -> None:
    """Show what a build would do to each table, and why.

    Runs the build up to its checks and rolls it back. It takes as long as a build and writes nothing.
    """
    from lc_ibis.api.build import plan
    from lc_ibis.cli.printing import building as terminal
    from lc_ibis.files.documents import to_json
    from lc_ibis.reporting.report import table_document

    if as_json:
        emit(to_json([table_document(table) for table in plan(**given)]))
        return
    with terminal.PlanPrinter() as printer:
        tables = plan(progress=printer, **given)
    printer.totals(tables)


@command()
@click.option(
    "--with", "other", type=click.Choice(list(BACKENDS)), default="spark", show_default=True, help="The other backend."
)
@click.option("--then", type=PATH, multiple=True, help="A directory of extracts to build next. Can be repeated.")
@options("models", "backend", "database", "master", "remote", "threads", "memory_limit", "inputs", "source", "json")
def parity(other: str, then: tuple[Path, ...], as_json: bool, **given: Any) -> None:
    """Build the same extracts on two backends and compare every table row by row.

    Both builds use a temporary directory. Exit code 0 if all tables are identical; otherwise 1, with the keys of rows
    that differ.
    """  # fmt: skip
    from dataclasses import asdict

    from lc_ibis.api.parity import parity
    from lc_ibis.cli.printing import building as terminal
    from lc_ibis.files.documents import to_json

    results = parity(other, then, **given)
    emit(to_json([asdict(result) for result in results])) if as_json else terminal.compared(results)
    sys.exit(0 if all(result.status == "identical" for result in results) else 1)
