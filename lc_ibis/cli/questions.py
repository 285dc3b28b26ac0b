"""The commands that answer questions: what became of a key, what changed, why a row is as it is."""

from __future__ import annotations

from typing import Any

import click

from lc_ibis.cli.options import TABLES, command, options
from lc_ibis.cli.printing.escaping import emit

_LIMIT = click.option(
    "--limit", type=click.IntRange(min=0), default=20, show_default=True, help="Maximum rows to print."
)


@command()
@click.argument("entity")
@click.argument("key", nargs=-1, required=True, metavar="KEY")
@options(*TABLES, "json")
def history(entity: str, key: tuple[str, ...], as_json: bool, **given: Any) -> None:
    """Show everything that happened to a KEY: history account A007.

    Lists when it was first seen, each changed value, and when it was refused, deleted or came back. ENTITY is a table
    with a history: customer or account.
    """
    from dataclasses import asdict

    import lc_ibis
    from lc_ibis.cli.printing import questions as terminal
    from lc_ibis.files.documents import to_json

    events = lc_ibis.history(entity, *key, **given)
    emit(to_json([asdict(event) for event in events])) if as_json else terminal.life(events)


@command()
@click.argument("table")
@click.option("--from", "from_", required=True, metavar="TIME", help="The first moment: a time (UTC) or a run number.")
@click.option("--to", metavar="TIME", help="The second moment. [default: now]")
@_LIMIT
@options(*TABLES, "json")
def diff(table: str, from_: str, to: str | None, limit: int, as_json: bool, **given: Any) -> None:
    """Show what changed in a TABLE between two moments.

    Lists rows added, removed and changed, column by column. Works for histories and tables downstream of them. Stamps
    like calculated_at are ignored.
    """
    from dataclasses import asdict

    import lc_ibis
    from lc_ibis.cli.printing import questions as terminal
    from lc_ibis.files.documents import to_json

    found = lc_ibis.diff(table, from_, to, limit, **given)
    emit(to_json(asdict(found))) if as_json else terminal.compared(found)


@command()
@click.argument("table")
@click.argument("key", nargs=-1, required=True, metavar="KEY")
@_LIMIT
@options(*TABLES, "inputs", "json")
def explain(table: str, key: tuple[str, ...], limit: int, as_json: bool, **given: Any) -> None:
    """Explain where a row of a TABLE comes from: explain account_summary A007.

    Prints the row, how its table is computed, and the rows upstream in each table, back to the lines of the delivered
    files.
    """
    from dataclasses import asdict

    import lc_ibis
    from lc_ibis.cli.printing import questions as terminal
    from lc_ibis.files.documents import to_json

    steps = lc_ibis.explain(table, *key, limit=limit, **given)
    emit(to_json([asdict(step) for step in steps])) if as_json else terminal.explained(steps, limit)
