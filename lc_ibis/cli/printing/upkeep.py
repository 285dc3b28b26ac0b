"""What the commands that keep a database print for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from lc_ibis.api.compact import Compacted
from lc_ibis.api.drop import Dropped
from lc_ibis.api.redate import Redated
from lc_ibis.api.tables import Status, Stored
from lc_ibis.cli.printing.console import print_grid
from lc_ibis.cli.printing.escaping import echo, readable
from lc_ibis.engine.refresh.redating import MOST, RedatedRun, RedatedTime
from lc_ibis.files.backup import Backup
from lc_ibis.files.places import Kept


def backed_up(directory: Path, backup: Backup) -> None:
    """Print where a backup is, and what is in it."""
    size = sum(file.size for file in backup.files) / 1e6
    files = "1 file" if len(backup.files) == 1 else f"{len(backup.files)} files"
    echo(f"backed up {_run(backup)}: {files}, {size:,.1f} MB")
    echo(f"  {directory}")
    if backup.missing:
        echo(
            f"  not in the backup, because missing in {backup.outputs}: {', '.join(backup.missing)}. Check --outputs. "
            "If it is right, the next build writes them."
        )


def compacted(done: Compacted) -> None:
    """Print how large a database was and is."""
    echo(f"{done.database}: {done.before_bytes / 1e6:,.1f} MB before, {done.after_bytes / 1e6:,.1f} MB now")


def kept(places: Sequence[Kept]) -> None:
    """Print each place that was filled, and where what it held before is kept."""
    for one in places:
        echo(f"  {one.place}" + (f", the previous one kept as {one.kept.name}" if one.kept else ""))


def restored(backup: Backup, places: Sequence[Kept]) -> None:
    """Print what the tables are now."""
    if places:
        echo(f"Restored tables and files of {_run(backup)}.")
    else:
        echo(f"Nothing to do: tables and files are already those of {_run(backup)}.")


def _run(backup: Backup) -> str:
    if backup.run_at is None:
        return "a database without runs"
    return f"run {backup.run_id} of {datetime.fromisoformat(backup.run_at).isoformat(' ', 'seconds')}"


_STATUS: Mapping[Status, str] = {
    "built": "", "lost": "missing, dropped by another tool", "leftover": "from older code",
    "other": "not in the pipeline",
}  # fmt: skip


def tables(found: Sequence[Stored]) -> None:
    """Print a line a table: where it is, its kind, its rows, and the run that last changed them."""
    if not found:
        echo("The database holds no tables.")
        return
    is_mixed = any(table.status != "built" for table in found)
    print_grid([_line(table) | ({"": _STATUS[table.status]} if is_mixed else {}) for table in found])


def _line(table: Stored) -> dict[str, Any]:
    at = table.changed_at
    return {
        "layer": table.layer, "table": table.name, "kind": table.kind, "rows_count": table.row_count,
        "run_count": table.version, "changed at (UTC)": at.isoformat(" ", "seconds") if at else None,
    }  # fmt: skip


def listed(targets: Sequence[Stored]) -> str:
    """Return a line a table that is to be dropped."""
    return "\n".join(f"  {readable(_stored(table))}" for table in targets)


def dropped(done: Dropped) -> None:
    """Print what was dropped, and what becomes of it."""
    if done.backup:
        echo(f"backed up to {done.backup}")
    for table in done.tables:
        echo(f"dropped {_stored(table)}")
    if any(table.status in ("built", "lost") for table in done.tables):
        echo("The next build rebuilds the pipeline's tables.")


def _stored(table: Stored) -> str:
    rows = "" if table.row_count is None else ", 1 row" if table.row_count == 1 else f", {table.row_count:,} rows"
    status = f", {_STATUS[table.status]}" if _STATUS[table.status] else ""
    return f"{table.full_name} ({table.kind}{rows}{status})"


def redating(found: Redated) -> str:
    """Say in short what is to get another time."""
    runs = [f"  {readable(_redated_run(run))}" for run in found.runs]
    tables = [f"  {name}: {count:,} {'row' if count == 1 else 'rows'}" for name, count in found.row_counts.items()]
    return "\n".join([*runs, *tables, f"The clock says {datetime.now(timezone.utc):%Y-%m-%d %H:%M} (UTC)."])


def redated(found: Redated, is_dry: bool) -> None:
    """Print each run and each time that got another, or would get it."""
    if not (found.runs or found.row_counts):
        echo("Nothing to do: no run and no time written by a run is in the future.")
        return
    if found.backup:
        echo(f"backed up to {found.backup}")
    for run in found.runs:
        echo(_redated_run(run))
    for change in found.changes:
        echo(_redated_time(change))
    for name, count in found.row_counts.items():
        if count > MOST:
            echo(f"{name}: and {count - MOST:,} more rows")
    counts = f"{len(found.runs):,} runs and {sum(found.row_counts.values()):,} rows of tables"
    if is_dry:
        echo(f"{counts} would change. Nothing was written.")
        return
    echo(f"{counts} changed. Reports keep the times in their names. The next build rewrites the output files.")
    if found.outdated:
        echo(f"The next build rebuilds: {', '.join(found.outdated)}.")


def _redated_run(run: RedatedRun) -> str:
    return f"run {run.run_id}: {run.before} → {run.after}"


def _redated_time(change: RedatedTime) -> str:
    if change.column is None:
        return f"{change.table} {change.key}: the version from {change.before} is merged with the one before it"
    return f"{change.table} {change.key}: {change.column} {change.before} → {change.after or 'none'}"
