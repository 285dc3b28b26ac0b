"""The commands that keep a built database: what is stored, backups, and tables that are to go."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from lc_ibis.cli.options import PATH, TABLES, command, options
from lc_ibis.cli.printing.escaping import emit


@command()
@click.option("--to", type=PATH, help="The new directory. [default: backups/<UTC time> next to the database]")
@options(*TABLES, "outputs", "json")
def backup(to: Path | None, as_json: bool, **given: Any) -> None:
    """Back up the database and its output files, with checksums.

    No build can run meanwhile. Restore it with lc-ibis restore. Delta tables cannot be backed up here: they
    have their own versions.
    """
    from lc_ibis.api import backup
    from lc_ibis.cli.printing import upkeep as terminal
    from lc_ibis.files.documents import to_json

    directory = backup.backup(to, **given)
    found = backup.contents_of(directory)
    emit(to_json(found.document(directory))) if as_json else terminal.backed_up(directory, found)


@command()
@click.argument("backup", type=PATH)
@options(*TABLES, "outputs", "json")
def restore(backup: Path, as_json: bool, **given: Any) -> None:
    """Restore the database and the output files from a BACKUP.

    All checksums are verified first. What is replaced is kept next to it, with .before-restore-<time> added to its
    name. Files go to the paths the options give, wherever they were when the backup was made.
    """
    from lc_ibis.api import backup as backups
    from lc_ibis.cli.printing import upkeep as terminal
    from lc_ibis.files.documents import to_json
    from lc_ibis.files.places import Kept

    done: list[Kept] = []
    try:
        place = backups.restore(backup, progress=done.append, **given)
    finally:
        if not as_json:
            terminal.kept(done)
    if as_json:
        places = [{"place": str(one.place), "kept": str(one.kept) if one.kept else None} for one in done]
        emit(to_json({"database": str(place), "places": places}))
    else:
        terminal.restored(backups.contents_of(backup), done)


@command()
@options(*TABLES, "json")
def compact(as_json: bool, **given: Any) -> None:
    """Rewrite the database file to free the disk space of deleted rows.

    The tables do not change. While it runs, it needs disk space for a second copy.
    """
    from dataclasses import asdict

    from lc_ibis.api.compact import compact
    from lc_ibis.cli.printing import upkeep as terminal
    from lc_ibis.files.documents import to_json

    done = compact(**given)
    emit(to_json(asdict(done))) if as_json else terminal.compacted(done)


@command()
@options(*TABLES, "json")
def tables(as_json: bool, **given: Any) -> None:
    """List the tables and views in the database, including other tools'.

    Shows each table's row count and the run that last changed it. To list the models in the code, use lc-ibis ls.
    """
    from dataclasses import asdict

    from lc_ibis.api import tables as stored
    from lc_ibis.cli.printing import upkeep as terminal
    from lc_ibis.files.documents import to_json

    found = stored.tables(**given)
    emit(to_json([asdict(table) for table in found])) if as_json else terminal.tables(found)


@command()
@click.argument("names", nargs=-1, required=True, metavar="TABLE...")
@click.option("--force", is_flag=True, help="Also drop tables that cannot be rebuilt. A backup is made first.")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@options(*TABLES, "outputs", "json")
def drop(names: tuple[str, ...], force: bool, yes: bool, as_json: bool, **given: Any) -> None:
    """Drop tables. The next build rebuilds the pipeline's.

    TABLE is any table or view in the database; write layer.name if the name is ambiguous. Its recorded state is deleted
    too. Its output files stay until a build replaces them. Histories, and sources that cannot be rebuilt from the
    extracts, are dropped only with --force.
    """
    from dataclasses import asdict

    from lc_ibis.api import drop
    from lc_ibis.cli.printing import upkeep as terminal
    from lc_ibis.files.documents import to_json

    if not yes:
        targets = drop.targets(names, force, **{name: given[name] for name in TABLES})
        if not sys.stdin.isatty():
            raise click.UsageError("Cannot ask for confirmation without a terminal. Confirm with --yes.")
        click.confirm(f"{terminal.listed(targets)}\nDrop?", abort=True, err=True)
    done = drop.drop(names, force, **given)
    if as_json:
        backup = str(done.backup) if done.backup else None
        emit(to_json({"tables": [asdict(table) for table in done.tables], "backup": backup}))
    else:
        terminal.dropped(done)


@command()
@click.option("--dry-run", is_flag=True, help="Show what would change, and change nothing.")
@click.option(
    "--first-known", is_flag=True, help="Set a time whose run is no longer recorded to that of the first run after it."
)
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@options(*TABLES, "outputs", "json")
def redate(dry_run: bool, first_known: bool, yes: bool, as_json: bool, **given: Any) -> None:
    """Correct the times of runs that are dated in the future.

    If the clock was once ahead, or a far-future end date in a history was taken for a time, all later runs are dated in
    the future too. Their times in the run log and the tables are set to when they really ran. A backup is made first.
    The next build rewrites the output files. Reports keep their names and times.
    """
    from dataclasses import asdict

    from lc_ibis.api import redate
    from lc_ibis.cli.printing import upkeep as terminal
    from lc_ibis.files.documents import to_json

    found = redate.redate(True, first_known, **given)
    if not dry_run and (found.runs or found.row_counts):
        if not yes:
            if not sys.stdin.isatty():
                raise click.UsageError("Cannot ask for confirmation without a terminal. Confirm with --yes.")
            click.confirm(f"{terminal.redating(found)}\nRedate?", abort=True, err=True)
        found = redate.redate(False, first_known, **given)
    if as_json:
        backup = str(found.backup) if found.backup else None
        emit(to_json({**asdict(found), "backup": backup, "is_dry_run": dry_run}))
    else:
        terminal.redated(found, dry_run)
