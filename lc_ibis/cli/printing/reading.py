"""What the commands that read print."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Any

from rich.table import Table

from lc_ibis.api.code import Listed
from lc_ibis.api.tables import PastRun
from lc_ibis.cli.printing.console import Line, grid_of, new_console, print_whole, table_of
from lc_ibis.declare.checks import DONE
from lc_ibis.declare.naming import Breach
from lc_ibis.engine.prove.mutating import Mutated
from lc_ibis.engine.prove.verifying import Verified


def mutated(results: list[Mutated]) -> None:
    """Print the checks that did not notice that their table was broken, and the verdict."""
    console = new_console()
    asleep = [result for result in results if not result.has_noticed]
    for result in asleep:
        why = result.reason or "it does not detect a table that breaks it"
        text = f"ASLEEP {result.table}.{result.check.name}: {why}"
        console.print(Line(text, style="red"))
    verdict = f"{len(asleep)} of {len(results)} checks are asleep." if asleep else f"awake: {len(results)} checks."
    console.print(verdict, style="bold")


def linted(found: list[Breach]) -> None:
    """Print a line a name that breaks the conventions, and the verdict."""
    console = new_console()
    for breach in found:
        console.print(Line(f"{breach.file}:{breach.line}: {breach.name}: {breach.reason}"))
    verdict = f"{len(found)} names break the conventions." if found else "All names follow the conventions."
    console.print(verdict, style="bold")


def models(models: list[Listed]) -> None:
    """Print the models by layer."""
    console = new_console()
    layer = ""
    for model in models:
        if model.layer != layer:
            layer = model.layer
            console.print(layer, style="bold")
        console.print(Line(f"  {model.name:<28} {model.kind:<12} {model.grain}"))
        if model.inputs:
            console.print(Line(f"    from {', '.join(model.inputs)}", style="dim"))


def rows(name: str, rows: list[dict[str, Any]], limit: int) -> None:
    """Print the first `limit` rows as a table; whole values, however wide. One more row says that there are more."""
    console = new_console()
    if not rows:
        console.print(f"{name} has no rows.")
        return
    print_whole(console, table_of(rows[:limit]))
    if len(rows) > limit:
        console.print(f"{_first(limit)}; more with --limit.", style="dim")


def _first(limit: int) -> str:
    return "The first row" if limit == 1 else f"The first {limit} rows"


def failing(name: str, found: dict[str, list[dict[str, Any]]], limit: int, stored: bool) -> None:
    """Print the rows that break each check of a table."""
    console = new_console()
    if not found:
        console.print(f"{name}: no failing rows are stored for it." if stored else f"{name}: no row fails a check.")
    for check, broken in found.items():
        console.print(Line(check, style="bold"))
        rows(check, broken, limit)


_ENDED = {
    "built": "published", "unchanged": "nothing changed", "failed": "nothing was published",
    "passed": "all checks passed",
}  # fmt: skip


def report(document: dict[str, Any]) -> None:
    """Print a summary of a quality report: how it ended, what failed and warned, and the ledger."""
    console = new_console()
    ended = _ENDED.get(document["status"], document["status"])
    console.print(f"Build of {document['timestamp']}: {ended}.", style="bold")
    if document["error"]:
        console.print(Line(document["error"], style="red"))
    for failure in document["failures"]:
        style = "red" if failure["status"] == "fail" else "yellow"
        fail = "row fails" if failure["count"] == 1 else "rows fail"
        line = f"{failure['status'].upper()} {failure['table']}: {failure['count']:,} {fail} {failure['check']}"
        console.print(Line(f"{line}. {failure['meaning']}", style=style))
    if document["ledger"]:
        console.print(grid_of(document["ledger"]))
    counts = [f"{document[word]} {word}" for word in DONE.values() if document[word]]
    console.print(f"{document['total_checks']} checks: {', '.join(counts) or 'none'}")
    console.print("Full report as a page: lc-ibis report --open; as JSON: --format json.", style="dim")


def quarantine(reasons: list[dict[str, Any]], refused: list[dict[str, Any]], limit: int, asked: str | None) -> None:
    """Print how many rows were refused for each reason, then the rows; `asked` is a part of the reason."""
    console = new_console()
    if not reasons:
        console.print(f"No row was refused for a reason containing {asked!r}." if asked else "No row was refused.")
        return
    print_whole(console, grid_of([_shortened(row) for row in reasons]))
    console.print()
    rows("quarantine", [_shortened(row, "reason") for row in refused], limit)


def _shortened(row: dict[str, Any], *left_out: str) -> dict[str, Any]:
    """Return a row for people: times to the second."""
    return {
        name: value.isoformat(" ", "seconds") if isinstance(value, datetime) else value
        for name, value in row.items()
        if name not in left_out
    }


def runs(runs: list[PastRun], histories: set[str]) -> None:
    """Print a line a run: its number, time, length, and what it changed. What `histories` lost are closed versions."""
    console = new_console()
    if not runs:
        console.print("No run has changed anything yet.")
        return
    grid = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in ("run", "at (UTC)", "seconds", "tables", "rows added", "changed", "removed", "versions closed"):
        grid.add_column(name, no_wrap=True, justify="left" if name == "at (UTC)" else "right")
    for run in runs:
        tables = [table for table in run.tables if table.action != "unchanged"]
        closing = [table for table in tables if table.table_name in histories]
        others = [table for table in tables if table not in closing]
        numbers = [
            len(tables), sum(t.added_count for t in tables), sum(t.changed_count for t in tables),
            sum(t.removed_count for t in others), sum(t.removed_count for t in closing),
        ]  # fmt: skip
        seconds = "" if run.seconds is None else f"{run.seconds:.1f}"
        when = run.run_at.isoformat(" ", "seconds")
        grid.add_row(str(run.run_id), when, seconds, *(f"{number:,}" for number in numbers))
    print_whole(console, grid)


def verified(results: list[Verified]) -> None:
    """Print the tables that differ, with a few of their keys, those that were skipped, and the verdict."""
    console = new_console()
    for result in results:
        if result.status == "differs":
            keys = "; ".join(" ".join(str(value) for value in row.values()) for row in result.keys)
            more = "; …" if result.differing_count > len(result.keys) else ""
            line = f"DIFFERS {result.table}: {result.differing_count:,} by {', '.join(result.keys[0])}: {keys}{more}"
            console.print(Line(line, style="red"))
        elif result.status == "skipped":
            console.print(f"SKIP {result.table}: {result.reason}", style="dim")
    counts = Counter(result.status for result in results)
    if counts["skipped"]:
        console.print(
            f"{counts['skipped']} of {len(results)} tables were not verified. Build them first.", style="bold"
        )
    if counts["differs"]:
        console.print(f"{counts['differs']} of {len(results)} tables differ.", style="bold")
    elif counts["identical"]:
        console.print(
            f"identical: {counts['identical']} tables match a full refresh from the source tables and the histories.",
            style="bold",
        )  # fmt: skip
