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
    """Show, compare and export table contracts.

    Covers all stored tables unless you name some.
    """


@contract.command()
@click.argument("table", nargs=-1)
@options("models", "json")
def show(table: tuple[str, ...], as_json: bool, **given: Any) -> None:
    """Print the columns, types, keys and checks of each TABLE.

    null: the column is nullable. stamp: a time that changes only when another column of the row does. Needs no
    database.
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
    """Show how the contract of each TABLE has changed since its last build.

    Compares the contracts in the code with those of the database's last build. Exit code 1 if a build would fail on
    one: the change is breaking, and its version has not been raised.
    """
    from lc_ibis import contracts
    from lc_ibis.cli.printing import contracts as terminal
    from lc_ibis.files.documents import to_json

    found = contracts.diff(*table, **given)
    emit(to_json([one.document() for one in found])) if as_json else terminal.compared(found)
    sys.exit(1 if any(one.is_refused for one in found) else 0)


@contract.command()
@click.argument("table", nargs=-1)
@click.option("--to", type=PATH, metavar="DIR", help="Write one file per table, TABLE.odcs.yaml, to this directory.")
@options("models", "backend", "database", "remote", "outputs", "publish", "partitioned")
def export(table: tuple[str, ...], to: Path | None, **given: Any) -> None:
    """Print the contract of each TABLE in the Open Data Contract Standard.

    One YAML document per table, with the database and the Parquet files as its servers. Needs no database.
    """
    from lc_ibis import contracts

    documents = contracts.export(*table, to=to, **given)
    if to is None:
        emit("---\n".join(documents.values()), nl=False)
    else:
        for name in documents:
            echo(f"wrote {contracts.contract_file(to, name)}")
