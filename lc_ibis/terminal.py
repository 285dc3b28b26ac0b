"""What the commands print for people; plain text where the output is no terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Any, get_args

from rich.console import Console, RenderableType
from rich.measure import Measurement
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from lc_ibis.comparing import Compared
from lc_ibis.engine.checks import Scope, sentence
from lc_ibis.engine.freshness import sentence as freshness_sentence
from lc_ibis.engine.mutating import Mutated
from lc_ibis.engine.naming import Breach
from lc_ibis.engine.run import Action, Run, TableRun
from lc_ibis.engine.verifying import Verified

_WIDEST = 100_000
_STYLES = {"created": "green", "updated": "cyan", "unchanged": "dim", "skipped": "dim"}


def _console() -> Console:
    # What is printed holds names and values from files: never markup.
    return Console(highlight=False, soft_wrap=True, markup=False, emoji=False)


class BuildPrinter:
    """Prints a build as it goes: a line a table, then what it amounts to."""

    words: Mapping[Action, str] = {name: name for name in get_args(Action)}

    def __init__(self) -> None:
        self.console = _console()
        self._layer = ""

    def table(self, done: TableRun) -> None:
        """Print one table's line, under its layer's heading."""
        if done.layer != self._layer:
            self._layer = done.layer
            self.console.print(f"{done.layer}", style="bold")
        line = Text(f"  {done.table:<30}{self.words[done.action]:<10}", style=_STYLES[done.action])
        line.append(f"{done.row_count:>9,} rows  ", style="default")
        line.append("; ".join(part for part in (_changes(done), done.reason, _keys(done)) if part))
        self.console.print(line)

    def summary(self, run: Run) -> None:
        """Print the ledger, the checks, the files and the verdict."""
        _ledger(self.console, run)
        _failing(self.console, run)
        self.console.print(_verdict(run))
        for path in run.outputs:
            self.console.print(f"  wrote {path}")
        self.console.print(f"  report {run.report}")
        if run.status == "unchanged":
            self.console.print(
                f"Nothing changed: tables and files are as they were ({run.seconds:.1f} s).", style="bold"
            )
        else:
            when = run.run_at.isoformat()
            self.console.print(f"Run {run.run_id} of {when} is published ({run.seconds:.1f} s).", style="bold")


class PlanPrinter(BuildPrinter):
    """Prints what a build would do, a line a table."""

    words: Mapping[Action, str] = {"created": "create", "updated": "update", "unchanged": "compare", "skipped": "skip"}

    def totals(self, tables: list[TableRun]) -> None:
        """Print what it amounts to."""
        changing = [done for done in tables if done.action in ("created", "updated")]
        self.console.print(f"A build would change {len(changing)} of {len(tables)} tables. Nothing was written.")


def _keys(done: TableRun) -> str:
    """Say how a table was computed, if it was there before."""
    if done.key_count is not None:
        return f"{done.key_count:,} keys computed"
    return ""


def _changes(done: TableRun) -> str:
    written = done.written
    closing = "closed" if done.kind == "snapshot" else "removed"
    counts = {"added": written.added_count, "changed": written.changed_count, closing: written.removed_count}
    return ", ".join(f"{count:,} {word}" for word, count in counts.items() if count)


def _ledger(console: Console, run: Run) -> None:
    if run.ledger:
        console.print("ledger", style="bold")
        _print_whole(console, Padding(_grid(run.ledger), (0, 0, 0, 2)))


def _print_whole(console: Console, table: RenderableType) -> None:
    """Print as wide as the values are: a cut balance would be worse than a wrapped line."""
    usual = console.width
    console.width = max(usual, Measurement.get(console, console.options.update(width=_WIDEST), table).maximum)
    console.print(table)
    console.width = usual


def _grid(rows: list[dict[str, Any]]) -> Table:
    """Rows under headings in words: without_customer_count is headed "without customer"."""
    grid = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in rows[0]:
        heading = name.removesuffix("_count").replace("_", " ")
        grid.add_column(heading, no_wrap=True, justify="right" if name.endswith("_count") else "left")
    for row in rows:
        grid.add_row(*(f"{v:,}" if isinstance(v, int) else Text(v or "-") for v in row.values()))
    return grid


def grid(rows: list[dict[str, Any]]) -> None:
    """Print rows under headings, as wide as their values are."""
    _print_whole(_console(), _grid(rows))


def _verdict(run: Run) -> str:
    counts = {status: sum(r.status == status for r in run.checks) for status in ("pass", "warn", "fail", "skip")}
    words = {"pass": "passed", "warn": "warned", "fail": "failed", "skip": "skipped"}
    parts = [f"{count} {words[status]}" for status, count in counts.items() if count]
    return f"{len(run.checks)} checks: {', '.join(parts) or 'none'}{_scopes(run)}"


def _scopes(run: Run) -> str:
    """Say on what the checks were run, unless all were run on all rows."""
    counts = Counter(result.scope for result in run.checks if result.status != "skip")
    if set(counts) <= {"all rows"}:
        return ""
    words: dict[Scope, str] = {
        "all rows": "on all rows", "changed rows": "on changed rows", "touched keys": "on touched keys",
        "nothing": "with nothing new to look at",
    }  # fmt: skip
    return f" ({', '.join(f'{counts[scope]} {words[scope]}' for scope in words if counts[scope])})"


def _failing(console: Console, run: Run) -> None:
    for found in run.freshness:
        if found.status != "pass":
            console.print(Text(f"{found.status.upper()} {freshness_sentence(found)}", style="yellow"))
    for result in run.checks:
        if result.status in ("warn", "fail"):
            style = "red" if result.status == "fail" else "yellow"
            console.print(Text(f"{result.status.upper()} {sentence(result)}", style=style))


def checks(run: Run) -> None:
    """Print the checks that did not pass, then the totals."""
    console = _console()
    _failing(console, run)
    for result in run.checks:
        if result.status == "skip":
            console.print(f"SKIP {result.table}.{result.check.name}: {result.reason}", style="dim")
    _ledger(console, run)
    console.print(_verdict(run), style="bold")


def mutated(results: list[Mutated]) -> None:
    """Print the checks that did not notice that their table was broken, and the verdict."""
    console = _console()
    asleep = [result for result in results if not result.has_noticed]
    for result in asleep:
        text = f"ASLEEP {result.table}: {result.check.name} does not notice a table that breaks it"
        console.print(Text(text, style="red"))
    verdict = f"{len(asleep)} of {len(results)} checks are asleep." if asleep else f"awake: {len(results)} checks."
    console.print(verdict, style="bold")


def linted(found: list[Breach]) -> None:
    """Print a line a name that breaks the conventions, and the verdict."""
    console = _console()
    for breach in found:
        console.print(Text(f"{breach.file}:{breach.line}: {breach.name}: {breach.reason}"))
    verdict = f"{len(found)} names break the conventions." if found else "All names follow the conventions."
    console.print(verdict, style="bold")


def models(models: list[dict[str, Any]]) -> None:
    """Print the models by layer."""
    console = _console()
    layer = ""
    for model in models:
        if model["layer"] != layer:
            layer = model["layer"]
            console.print(layer, style="bold")
        console.print(Text(f"  {model['name']:<27}{model['kind']:<12} {model['grain']}"))
        if model["inputs"]:
            console.print(Text(f"    from {', '.join(model['inputs'])}", style="dim"))


def rows(name: str, rows: list[dict[str, Any]], limit: int) -> None:
    """Print rows as a table; whole values, however wide."""
    console = _console()
    if not rows:
        console.print(f"{name} has no rows.")
        return
    table = Table(box=None, pad_edge=False)
    for column in rows[0]:
        table.add_column(column, no_wrap=True)
    for row in rows:
        table.add_row(*(Text("" if value is None else str(value)) for value in row.values()))
    _print_whole(console, table)
    if len(rows) == limit:
        console.print(f"The first {limit} rows; more with --limit.", style="dim")


def failing(name: str, found: dict[str, list[dict[str, Any]]], limit: int) -> None:
    """Print the rows that break each check of a table."""
    console = _console()
    if not found:
        console.print(f"{name}: no row breaks a check.")
    for check, broken in found.items():
        console.print(Text(check, style="bold"))
        rows(check, broken, limit)


def quarantine(reasons: list[dict[str, Any]], refused: list[dict[str, Any]], limit: int) -> None:
    """Print how many rows were refused for each reason, then the rows."""
    console = _console()
    if not reasons:
        console.print("Nothing was refused.")
        return
    _print_whole(console, _grid([_shortened(row) for row in reasons]))
    console.print()
    rows("quarantine", [_shortened(row, "reason") for row in refused], limit)


def _shortened(row: dict[str, Any], *left_out: str) -> dict[str, Any]:
    """Return a row for people: times to the second."""
    return {
        name: value.isoformat(" ", "seconds") if isinstance(value, datetime) else value
        for name, value in row.items()
        if name not in left_out
    }


def runs(runs: list[dict[str, Any]]) -> None:
    """Print a line a run: its number, time, length, and what it changed."""
    console = _console()
    if not runs:
        console.print("No run has changed anything yet.")
        return
    grid = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in ("run", "at (UTC)", "seconds", "tables", "rows added", "changed", "removed", "versions closed"):
        grid.add_column(name, no_wrap=True, justify="left" if name == "at (UTC)" else "right")
    for run in runs:
        tables = [table for table in run["tables"] if table["action"] != "unchanged"]
        histories = [table for table in tables if table["table_name"].startswith("snap_")]
        others = [table for table in tables if table not in histories]
        numbers = [
            len(tables), sum(t["added_count"] for t in tables), sum(t["changed_count"] for t in tables),
            sum(t["removed_count"] for t in others), sum(t["removed_count"] for t in histories),
        ]  # fmt: skip
        seconds = (run["finished_at"] - run["run_at"]).total_seconds()
        when = run["run_at"].isoformat(" ", "seconds")
        grid.add_row(str(run["run_id"]), when, f"{seconds:.1f}", *(f"{number:,}" for number in numbers))
    _print_whole(console, grid)


def verified(results: list[Verified]) -> None:
    """Print the tables that differ, with a few of their keys, those that were skipped, and the verdict."""
    console = _console()
    for result in results:
        if result.status == "differs":
            keys = "; ".join(" ".join(str(value) for value in row.values()) for row in result.keys)
            more = "; …" if result.differing_count > len(result.keys) else ""
            line = f"DIFFERS {result.table}: {result.differing_count:,} by {', '.join(result.keys[0])}: {keys}{more}"
            console.print(Text(line, style="red"))
        elif result.status == "skipped":
            console.print(f"SKIP {result.table}: {result.reason}", style="dim")
    counts = Counter(result.status for result in results)
    if counts["skipped"]:
        console.print(f"{counts['skipped']} of {len(results)} tables are not verified: build them first.", style="bold")
    if counts["differs"]:
        console.print(f"{counts['differs']} of {len(results)} tables differ.", style="bold")
    elif counts["identical"]:
        console.print(f"identical: {counts['identical']} tables are what a full refresh would make.", style="bold")


def compared(results: list[Compared]) -> None:
    """Print each table of two backends: its rows, its hash, and a few keys of the rows that differ."""
    console = _console()
    for result in results:
        one, other = result.row_counts
        if result.status == "identical":
            console.print(f"  {result.table:<28}  {one:>9,} rows  {result.hashes[0]}")
        else:
            keys = "; ".join(" ".join(str(value) for value in row.values()) for row in result.keys)
            line = f"DIFFERS {result.table}: {one:,} and {other:,} rows, by {', '.join(result.keys[0])}: {keys}"
            console.print(Text(line, style="red"))
    differing = sum(result.status == "differs" for result in results)
    verdict = f"{differing} of {len(results)} tables differ." if differing else f"identical: {len(results)} tables."
    console.print(verdict, style="bold")
