"""What the commands that keep a database print for people."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import click

from lc_ibis.engine.backup import Backup
from lc_ibis.engine.keeping import Kept


def backed_up(directory: Path, backup: Backup) -> None:
    """Print where a backup is, and what is in it."""
    size = sum(file.size for file in backup.files) / 1e6
    files = "1 file" if len(backup.files) == 1 else f"{len(backup.files)} files"
    click.echo(f"backed up {_run(backup)}: {files}, {size:,.1f} MB")
    click.echo(f"  {directory}")
    if backup.missing:
        click.echo(
            f"  not in {backup.outputs}, so not in the backup: {', '.join(backup.missing)}. Is that the directory of "
            "outputs? If so, the next build writes them."
        )


def kept(places: Sequence[Kept]) -> None:
    """Print each place that was filled, and where what it held before is kept."""
    for one in places:
        click.echo(f"  {one.place}" + (f", before that kept as {one.kept.name}" if one.kept else ""))


def restored(backup: Backup, places: Sequence[Kept]) -> None:
    """Print what the tables are now."""
    if places:
        click.echo(f"Tables and files are those of {_run(backup)}.")
    else:
        click.echo(f"Nothing to do: tables and files are those of {_run(backup)} already.")


def _run(backup: Backup) -> str:
    if backup.run_at is None:
        return "a database without runs"
    return f"run {backup.run_id} of {datetime.fromisoformat(backup.run_at).isoformat(' ', 'seconds')}"
