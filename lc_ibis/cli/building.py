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
    """Bring tables and files up to date with the extracts.

    All or nothing: a build that fails leaves every table and file as it was. Two exceptions are said to be such: where
    only a file cannot be put in its place, the tables are published, and the next build puts the files right; and where
    Delta tables, which are published one by one, are cut off there, some may be new, and the next build looks at all.
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
        raise OutputError(f"The build is done, and published; what it did cannot be printed ({why}).") from None


@command()
@options(*TABLES, "inputs", "source", "delivery", "select", "exclude", "full_refresh", "allow_mass_delete",
          "max_delete_share", "allow_replay", "keep_history", "debug", "json")  # fmt: skip
def plan(as_json: bool, **given: Any) -> None:
    """Say what a build would do to each table, and why.

    The build is run up to its checks and undone: it takes as long, and writes nothing.
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
@click.option("--then", type=PATH, multiple=True, help="A directory of extracts to build next; may be repeated.")
@options("models", "backend", "database", "master", "remote", "threads", "memory_limit", "inputs", "source", "json")
def parity(other: str, then: tuple[Path, ...], as_json: bool, **given: Any) -> None:
    """Build the same extracts on two backends in scratch space, and compare every table row by row.

    Exit code 0 if all are identical, 1 with the keys of those that are not.
    """  # fmt: skip
    from dataclasses import asdict

    from lc_ibis.api.parity import parity
    from lc_ibis.cli.printing import building as terminal
    from lc_ibis.files.documents import to_json

    results = parity(other, then, **given)
    emit(to_json([asdict(result) for result in results])) if as_json else terminal.compared(results)
    sys.exit(0 if all(result.status == "identical" for result in results) else 1)
