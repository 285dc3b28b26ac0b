"""What the commands of a migration print for people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lc_ibis.cli.printing.escaping import echo, emit
from lc_ibis.migrations.migration import command

if TYPE_CHECKING:
    from lc_ibis.migrations.checking import Checklist
    from lc_ibis.migrations.comparing import Comparison, Difference
    from lc_ibis.migrations.mending import Change
    from lc_ibis.migrations.planning import Cast, PhasePlan, RowChange
    from lc_ibis.migrations.running import PhaseRun, PhaseStatus
    from lc_ibis.migrations.validating import Validation


def document(value: Any) -> dict[str, Any]:
    """Return a dataclass as what JSON can hold."""
    return {name: _plain(field) for name, field in asdict(value).items()}


def _plain(value: Any) -> Any:
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, dict):
        return {name: _plain(field) for name, field in value.items()}
    return [_plain(field) for field in value] if isinstance(value, list | tuple) else value


def flat(row: RowChange) -> dict[str, Any]:
    """Return a row that is refused or changes as texts."""
    return {name: _shown(value) for name, value in asdict(row).items()}


def _shown(value: Any) -> str | None:
    if isinstance(value, dict):
        return ", ".join(f"{name}={_shown(field)}" for name, field in value.items())
    return value if value is None else str(value)


def _quoted(value: Any) -> str:
    return "null" if value is None else repr(value) if isinstance(value, str) else str(value)


def planned(limit: int) -> Callable[[PhasePlan], None]:
    """Return what prints the plan of each phase."""

    def show(phase: PhasePlan) -> None:
        echo(f"phase {phase.phase}: {phase.name}, {phase.status}", bold=True)
        echo(f"  {phase.does}")
        for name, count in phase.creates:
            echo(f"  create {name:<45}{count:>9,} rows")
        told = [cast for cast in phase.casts if not cast.is_kept]
        for cast in told:
            echo(f"  {_cast(cast)}")
        if len(told) < len(phase.casts):
            echo(f"  {len(phase.casts) - len(told)} columns keep their names and types")
        for note in phase.notes:
            echo(f"  note: {note}")
        if phase.details and not phase.creates:
            echo(f"  {phase.details}")
        _rows("  ", phase.rows, limit)
        if phase.error:
            echo(f"  FAILS {phase.error}", fg="red")

    return show


def _cast(cast: Cast) -> str:
    line = f"{cast.old_column} {cast.old_type} → {cast.new_column} {cast.new_type}"
    values = ", ".join(f"'{old}' is {new} {count:,} ×" for old, new, count in cast.values)
    return f"{line} ({values})" if values else line


def _rows(indent: str, rows: Sequence[RowChange], limit: int) -> None:
    if not rows:
        return
    refused = [row for row in rows if row.column is None and row.new is None]
    echo(f"{indent}{len(refused):,} rows are not taken over, {len(rows) - len(refused):,} values or rows change:")
    for row in rows[:limit]:
        echo(f"{indent}  {_row(row)}")
    if len(rows) > limit:
        echo(f"{indent}  … {len(rows) - limit:,} more: --limit, or --csv for all")


def _row(row: RowChange | Change) -> str:
    if row.column is None:
        what = _shown(row.old) if row.new is None else f"only ours: {_shown(row.new)}"
    else:
        what = f"{row.column} {_quoted(row.old)} → {_quoted(row.new)}"
    return f"{row.table} {row.key}: {row.reason} | {what}"


def changes(made: list[Change]) -> None:
    """Print what was changed of dbt's histories."""
    for one in made:
        echo(_row(one))
    if not made:
        echo("The histories were adopted unchanged.")


def phase_done(done: PhaseRun) -> None:
    """Print the line of a phase."""
    time = f"{done.seconds:.1f} s" if done.action == "applied" else ""
    echo(f"  {done.phase} {done.name:<25}{done.action:<16}{time:>7}  {done.details}")


def applied(done: list[PhaseRun], database: Path | None) -> None:
    """Print where what was there is kept, and what to do next."""
    backups = [one.backup for one in done if one.backup]
    if not backups:
        echo("Nothing to do: all selected phases are applied.")
        return
    echo(f"The previous state is kept in {backups[0]}" + (f" to {backups[-1].name}" * (len(backups) > 1)) + ".")
    echo(f"Compare the marts: {command('validate', database)}. Roll back: {command('rollback', database)}.")


def dropped(names: list[str]) -> None:
    """Print the views that were removed."""
    echo(f"Removed {len(names)} views: {', '.join(names)}." if names else "There are no views with old names.")


def question(going: list[int], wanted: Sequence[int]) -> str:
    """Return what to ask before phases are taken back: the others that go with them are named."""
    others = [number for number in going if wanted and number not in wanted]
    numbers = ", ".join(map(str, going))
    also = f" (phase {', '.join(map(str, others))} came later and is rolled back too)" if others else ""
    return f"Roll back phase {numbers}{also}?"


def rolled_back(done: list[PhaseRun]) -> None:
    """Print the phases that were taken back."""
    for one in done:
        echo(f"  {one.phase} {one.name:<25}{one.action}")
    if done:
        echo(f"Rolled back to the state before phase {done[-1].phase} ({done[0].seconds:.1f} s).")
        echo("Replaced files are kept next to the new ones.")
    else:
        echo("Nothing to do: none of the selected phases is applied.")


def status(found: list[PhaseStatus]) -> None:
    """Print where each phase stands."""
    for one in found:
        when = f"{one.record.applied_at:%Y-%m-%d %H:%M:%S} UTC, {one.record.seconds:.1f} s" if one.record else ""
        echo(f"  {one.phase} {one.name:<25}{one.status:<13} {when}".rstrip())
    applied = [one.record for one in found if one.record]
    if applied:
        echo(f"from {applied[0].source_path}, {applied[0].source_kind}")
    if any(one.status == "interrupted" for one in found):
        echo("A phase was interrupted. Resume it with apply, or undo it with rollback.")


def validated(found: Validation, limit: int) -> None:
    """Print the phases, each compared table with what differs, and the verdict."""
    for phase in found.phases:
        echo(f"  {phase.phase} {phase.name:<25}{'valid' if not phase.problems else 'INVALID'}")
        for problem in phase.problems:
            echo(f"      {problem}", fg="red")
    for table in found.tables:
        _table(table, limit)
    for note in found.notes:
        echo(f"note: {note}")
    if not found.phases:
        echo("No phase is applied.")
    elif found.is_valid:
        echo("Valid: every difference is explained.", bold=True)
    else:
        echo("Not valid.", bold=True)


def _table(table: Comparison, limit: int) -> None:
    explained = len(table.differences) - len(table.unexplained)
    echo(
        f"{table.old_table} and {table.new_table}: {table.old_count:,} and {table.new_count:,} rows, "
        f"{table.equal_count:,} equal; {explained:,} differences explained, {len(table.unexplained):,} unexplained"
    )
    for reason, count in Counter(_kind(d) for d in table.differences).most_common():
        echo(f"  {count:>6,} × {reason}")
    shown = [*table.unexplained, *(d for d in table.differences if d.reason)]
    for difference in shown[:limit]:
        line = f"  {_difference(difference)}"
        echo(line, fg="red") if difference.reason is None else echo(line)
    if len(shown) > limit:
        echo(f"  … {len(shown) - limit:,} more: --limit, or --json for all")


def _kind(difference: Difference) -> str:
    """Return a reason without the values in it."""
    where = difference.column or ("only in the old mart" if difference.new is None else "only in the new mart")
    reason = (difference.reason or "unexplained").split(": '")[0].split(": null")[0]
    return f"{where}: {reason}"


def _difference(difference: Difference) -> str:
    reason = difference.reason or "UNEXPLAINED"
    if difference.column:
        return f"{difference.key} {difference.column} {_quoted(difference.old)} → {_quoted(difference.new)}: {reason}"
    side = "only in the old mart" if difference.new is None else "only in the new mart"
    return f"{difference.key} {side}: {reason} | {_shown(difference.old or difference.new)}"


def checklist(found: Checklist, markdown: bool) -> None:
    """Print the list with its verdicts, and what was measured, as tables."""
    items = [("check", "verdict", "found"), *((i.name, i.verdict, i.found) for i in found.items)]
    numbers = [("measured in this run", "before", "after", "improvement")]
    numbers += [(m.what, m.before, m.after, m.improvement) for m in found.measured]
    verdict = "Passed." if found.is_passed else "Not passed."
    if markdown:
        emit("\n".join(["## Migration to lc-ibis", "", *_markdown(items), "", *_markdown(numbers), "", verdict]))
        return
    for table in (items, numbers):
        widths = [max(len(row[place]) for row in table) for place in range(len(table[0]))]
        for row in table:
            echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
        echo()
    echo(verdict, bold=True)


def _markdown(rows: Sequence[Sequence[str]]) -> list[str]:
    lines = ["| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in row) + " |" for row in rows]
    return [lines[0], "|" + "---|" * len(rows[0]), *lines[1:]]
