"""What the commands about contracts print for people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from rich.table import Table

from lc_ibis.cli.printing.console import Console, Line, new_console, print_whole
from lc_ibis.declare.contract_changes import ContractDiff, mend, sentence


def shown(contracts: list[dict[str, Any]]) -> None:
    """Print contracts by layer: the grain, a line a column, a line a check."""
    console = new_console()
    layer = ""
    for contract in contracts:
        if contract["layer"] != layer:
            layer = contract["layer"]
            console.print(layer, style="bold")
        notes = [f"version {contract['version']}"] if contract["version"] > 1 else []
        notes += [] if contract["is_stored"] else ["ephemeral"]
        noted = f" ({', '.join(notes)})" if notes else ""
        console.print(f"  {contract['table']}{noted}: {contract['grain']}")
        if contract["columns"]:
            _print_rows(console, 4, [(c["name"], c["type"], _marks(c), c["meaning"]) for c in contract["columns"]])
        if contract["checks"]:
            console.print("    checks")
            _print_rows(console, 6, [(c["severity"], c["name"], _meaning(c)) for c in contract["checks"]])


def _marks(column: dict[str, Any]) -> str:
    others = [mark for mark in ("key", "stamp") if column[f"is_{mark}"]]
    return ", ".join(["null" if column["is_nullable"] else "not null", *others])


def _meaning(check: dict[str, Any]) -> str:
    return f"{check['meaning']} ({check['thresholds']})" if check["thresholds"] else str(check["meaning"])


def _print_rows(console: Console, indent: int, rows: Sequence[tuple[str, ...]]) -> None:
    """Print rows of texts under each other."""
    grid = Table.grid(padding=(0, 2, 0, 0))
    for _ in range(len(rows[0]) + 1):
        grid.add_column(no_wrap=True)
    for row in rows:
        grid.add_row(" " * (indent - 2), *map(Line, row))
    print_whole(console, grid)


def compared(diffs: list[ContractDiff]) -> None:
    """Print what changed, table by table, what is to be done about it, and the verdict."""
    console = new_console()
    for diff in diffs:
        if diff.status == "unchanged":
            continue
        console.print(_heading(diff), style="bold")
        for change in diff.changes:
            mark, style = ("breaks", "red") if change.is_breaking else ("fine", None)
            console.print(Line(f"  {mark:<8}{sentence(change)}", style=style or ""))
        if diff.stored and (said := mend(diff)):
            console.print(f"  {said}")
    console.print(_verdict(diffs), style="bold")


def _verdict(diffs: list[ContractDiff]) -> str:
    words = {
        "unchanged": "unchanged", "changed": "changed", "declared": "changed and declared",
        "new": "not recorded yet", "breaking": "breaking", "lowered": "breaking",
    }  # fmt: skip
    totals = Counter(words[diff.status] for diff in diffs)
    parts = ", ".join(f"{totals[word]} {word}" for word in dict.fromkeys(words.values()) if totals[word])
    return f"{'1 contract' if len(diffs) == 1 else f'{len(diffs)} contracts'}: {parts}."


def _heading(diff: ContractDiff) -> str:
    if diff.stored is None:
        return f"{diff.model.name}: not recorded yet. The next build records its contract."
    versions = f"version {diff.stored.version}"
    if diff.version != diff.stored.version:
        versions = f"version {diff.stored.version} to {diff.version}"
    return f"{diff.model.name} ({diff.model.where}), {versions}:"
