"""What a build, its plan and its checks print."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, TypeVar, get_args

from rich.padding import Padding
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from lc_ibis.cli.printing.console import Console, Line, grid_of, new_console, print_whole
from lc_ibis.cli.printing.escaping import readable
from lc_ibis.declare.checks import DONE, Scope, sentence
from lc_ibis.engine.prove.freshness import sentence as freshness_sentence
from lc_ibis.engine.prove.jumps import sentence as jump_sentence
from lc_ibis.engine.state.run import Action, Run, TableRun

if TYPE_CHECKING:
    from lc_ibis.api.parity import Compared

# Seconds.
_LONG = 1.0
Self = TypeVar("Self", bound="BuildPrinter")
_STYLES = {"created": "green", "updated": "cyan", "unchanged": "dim", "skipped": "dim"}


class BuildPrinter:
    """Prints a build as it goes: a line a table, then what it amounts to; where it is `quiet`, only warnings.

    As a context on a terminal it also shows what is being done, and for how long.
    """

    words: Mapping[Action, str] = {name: name for name in get_args(Action)}

    def __init__(self, quiet: bool = False) -> None:
        self.console, self.quiet = new_console(), quiet
        self._layer = ""
        columns = SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn()
        self._now = Progress(
            *columns, console=self.console, transient=True, disable=quiet or not self.console.is_terminal
        )
        self._task = self._now.add_task("")

    def __enter__(self: Self) -> Self:
        self._now.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._now.stop()

    def begun(self, what: str) -> None:
        """Show what is being done."""
        self._now.reset(self._task, description=readable(what))

    def done(self, done: TableRun) -> None:
        """Print one table's line, under its layer's heading."""
        if self.quiet:
            return
        if done.layer != self._layer:
            self._layer = done.layer
            self.console.print(f"{done.layer}", style="bold")
        line = Line(f"  {done.table:<30}{self.words[done.action]:<10}", style=_STYLES[done.action])
        line.append(f"{done.row_count:>9,} rows  ", style="default")
        line.append("; ".join(part for part in (_changes(done), done.reason, _keys(done), _pace(done)) if part))
        self.console.print(line)

    def summary(self, run: Run) -> None:
        """Print the ledger, the checks, the files and the verdict."""
        if self.quiet:
            _failing(self.console, run)
            return
        _ledger(self.console, run)
        _failing(self.console, run)
        self.console.print(_verdict(run))
        for path in run.outputs:
            self.console.print(f"  wrote {path}")
        self.console.print(f"  report {run.report}")
        if run.status == "unchanged":
            self.console.print(f"Nothing changed. Tables and files are up to date ({run.seconds:.1f} s).", style="bold")
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
        return "1 key computed" if done.key_count == 1 else f"{done.key_count:,} keys computed"
    return ""


def _pace(done: TableRun) -> str:
    """Say how long a table took, if one could have wondered."""
    if done.seconds < _LONG:
        return ""
    return f"{done.seconds:.1f} s, {done.row_count / done.seconds:,.0f} rows a second"


def _changes(done: TableRun) -> str:
    written = done.written
    closing = "closed" if done.kind == "snapshot" else "removed"
    counts = {"added": written.added_count, "changed": written.changed_count, closing: written.removed_count}
    return ", ".join(f"{count:,} {word}" for word, count in counts.items() if count)


def _ledger(console: Console, run: Run) -> None:
    if run.ledger:
        console.print("ledger", style="bold")
        print_whole(console, Padding(grid_of(run.ledger), (0, 0, 0, 2)))


def _verdict(run: Run) -> str:
    counts = {status: sum(r.status == status for r in run.checks) for status in DONE}
    parts = [f"{count} {DONE[status]}" for status, count in counts.items() if count]
    return f"{len(run.checks)} checks: {', '.join(parts) or 'none'}{_scopes(run)}"


def _scopes(run: Run) -> str:
    """Say on what the checks were run, unless all were run on all rows."""
    counts = Counter(result.scope for result in run.checks if result.status != "skip")
    if set(counts) <= {"all rows"}:
        return ""
    words: dict[Scope, str] = {
        "all rows": "on all rows", "changed rows": "on changed rows", "touched keys": "on affected keys",
        "nothing": "with nothing new to check",
    }  # fmt: skip
    return f" ({', '.join(f'{counts[scope]} {words[scope]}' for scope in words if counts[scope])})"


def _failing(console: Console, run: Run) -> None:
    for warning in run.warnings:
        console.print(Line(f"WARN {warning}", style="yellow"))
    for found in run.freshness:
        if found.status != "pass":
            console.print(Line(f"{found.status.upper()} {freshness_sentence(found)}", style="yellow"))
    for jump in run.jumps:
        console.print(Line(f"WARN {jump_sentence(jump)}", style="yellow"))
    for result in run.checks:
        if result.status in ("warn", "fail"):
            style = "red" if result.status == "fail" else "yellow"
            console.print(Line(f"{result.status.upper()} {sentence(result)}", style=style))


def checks(run: Run) -> None:
    """Print the checks that did not pass, then the totals."""
    console = new_console()
    _failing(console, run)
    for result in run.checks:
        if result.status == "skip":
            console.print(f"SKIP {result.table}.{result.check.name}: {result.reason}", style="dim")
    _ledger(console, run)
    console.print(_verdict(run), style="bold")


def compared(results: list[Compared]) -> None:
    """Print each table of two backends: its rows, its hash, and a few keys of the rows that differ."""
    console = new_console()
    for result in results:
        one, other = result.row_counts
        if result.status == "identical":
            console.print(f"  {result.table:<28}  {one:>9,} rows  {result.hashes[0]}")
        else:
            keys = "; ".join(" ".join(str(value) for value in row.values()) for row in result.keys)
            line = f"DIFFERS {result.table}: {one:,} and {other:,} rows, by {', '.join(result.keys[0])}: {keys}"
            console.print(Line(line, style="red"))
    differing = sum(result.status == "differs" for result in results)
    verdict = f"{differing} of {len(results)} tables differ." if differing else f"identical: {len(results)} tables."
    console.print(verdict, style="bold")
