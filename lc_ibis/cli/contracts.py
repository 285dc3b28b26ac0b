"""The commands about contracts: what tables promise, what changed of it, and the same in an open standard."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from lc_ibis.cli.options import PATH, TABLES, Group, options
from lc_ibis.cli.printing.escaping import echo, emit


@click.group(cls=Group)
def contract() -> None:
    """Show, compare and export what tables promise.

    All stored tables, unless some are named.
    """


@contract.command()
@click.argument("table", nargs=-1)
@options("models", "json")
def show(table: tuple[str, ...], as_json: bool, **given: Any) -> None:
    """Print columns, types, keys and checks of each TABLE.

    null: the value may be missing. stamp: a time that moves only when the rest of the row does. No database is needed.
    """
    from lc_ibis import contracts
    from lc_ibis.cli.printing import contracts as terminal
    from lc_ibis.files.documents import to_json

    found = contracts.show(*table, **given)
    emit(to_json(found)) if as_json else terminal.shown(found)


@contract.command()
@click.argument("table", nargs=-1)
@options(*TABLES, "json")
def diff(table: tuple[str, ...], as_json: bool, **given: Any) -> None:
    """Say what changed of each TABLE since it was built.

    The contracts of the code are compared with those that the database was last built with. Exit code 1 where a build
    would refuse one: it breaks those who read the table, and does not declare that by a greater version.
    """
    from lc_ibis import contracts
    from lc_ibis.cli.printing import contracts as terminal
    from lc_ibis.files.documents import to_json

    found = contracts.diff(*table, **given)
    emit(to_json([one.document() for one in found])) if as_json else terminal.compared(found)
    sys.exit(1 if any(one.is_refused for one in found) else 0)


@contract.command()
@click.argument("table", nargs=-1)
@click.option("--to", type=PATH, metavar="DIR", help="Write a file a table, TABLE.odcs.yaml, into this directory.")
@options("models", "backend", "database", "remote", "outputs", "publish", "partitioned")
def export(table: tuple[str, ...], to: Path | None, **given: Any) -> None:
    """Print each TABLE's contract as an open standard has it.

    YAML of the Open Data Contract Standard, a document a table, with the database and the Parquet files as its servers.
    No database is needed.
    """
    from lc_ibis import contracts

    documents = contracts.export(*table, to=to, **given)
    if to is None:
        emit("---\n".join(documents.values()), nl=False)
    else:
        for name in documents:
            echo(f"wrote {contracts.contract_file(to, name)}")
