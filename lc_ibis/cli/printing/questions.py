"""What the commands that answer questions print."""

from __future__ import annotations

from typing import Any

from rich.padding import Padding

from lc_ibis.api.diff import TableDiff
from lc_ibis.api.explain.answer import Step
from lc_ibis.api.history import Event
from lc_ibis.cli.printing.console import Line, new_console, print_whole, table_of
from lc_ibis.files.documents import text_of

_STYLES = {
    "first seen": "green", "came back": "green", "added": "green", "changed": "cyan", "deleted": "red",
    "removed": "red", "refused": "yellow", "no longer refused": "yellow",
}  # fmt: skip


def life(events: list[Event]) -> None:
    """Print a line an event: when, in which run, what, and the values."""
    console = new_console()
    for event in events:
        run = f"run {event.run_id}" if event.run_id else ""
        line = Line(f"{event.at.isoformat(' ', 'seconds')}  {run:<8}")
        line.append(f"{event.what:<19}", style=_STYLES[event.what])
        line.append(event.reason or _changes(event.changes, is_new=event.what == "first seen"))
        console.print(line)


def _changes(changes: dict[str, tuple[Any, Any]], is_new: bool = False, place: int = 1) -> str:
    if is_new:
        return ", ".join(f"{name} {_shown(pair[place])}" for name, pair in changes.items())
    return ", ".join(f"{name} {_shown(old)} → {_shown(new)}" for name, (old, new) in changes.items())


def _shown(value: Any) -> str:
    return "null" if value is None else text_of(value)


def compared(found: TableDiff) -> None:
    """Print the rows that differ, then how many there are, and in which columns."""
    console = new_console()
    for row in found.rows:
        line = Line(f"  {' '.join(map(str, row.key.values())):<20}  ")
        line.append(f"{row.change:<9}", style=_STYLES[row.change])
        line.append(_changes(row.columns, row.change != "changed", place=row.change == "added"))
        console.print(line)
    total = found.added_count + found.removed_count + found.changed_count
    if len(found.rows) < total:
        console.print(f"  … {total - len(found.rows):,} more: --limit, or --json", style="dim")
    if not total:
        console.print(f"{found.table} is identical at both moments.", style="bold")
        return
    columns = ", ".join(f"{name} {count:,}" for name, count in found.column_counts.items())
    console.print(
        f"{found.table}: {found.added_count:,} added, {found.removed_count:,} removed, {found.changed_count:,} changed"
        + (f" ({columns})" if columns else ""),
        style="bold",
    )


def explained(steps: list[Step], limit: int) -> None:
    """Print each table on the way: what it is and does, its rows, and of a source the lines of its files."""
    console = new_console()
    for number, step in enumerate(steps):
        console.print(Line(f"{step.layer}.{step.table}", style="bold"))
        for line in step.meaning.splitlines():
            console.print(Line(f"  {line}".rstrip(), style="dim"))
        if step.rows:
            print_whole(console, Padding(table_of(list(step.rows)), (0, 0, 0, 2)))
        if number and len(step.rows) == limit:
            console.print(f"  The first {limit} rows; more with --limit.", style="dim")
        for note in step.note.splitlines():
            console.print(Line(f"  {note}", style="yellow"))
        for found in step.lines:
            where = f", {found.unit} {found.number}" if found.number else f": {found.problem}"
            console.print(Line(f"  {found.file}{where}"))
    if any(found.problem for step in steps for found in step.lines):
        console.print("If the files were delivered to another directory, name it with --inputs.", style="dim")
