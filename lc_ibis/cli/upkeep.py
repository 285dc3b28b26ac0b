"""The commands that keep a built database: what is stored, backups, and tables that are to go."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from lc_ibis.cli.options import PATH, TABLES, command, options
from lc_ibis.cli.printing.escaping import emit


@command()
@click.option("--to", type=PATH, help="The new directory. [default: backups/<UTC time> beside the database]")
@options(*TABLES, "outputs", "json")
def backup(to: Path | None, as_json: bool, **given: Any) -> None:
    """Copy the database and its output files, with checksums.

    No build runs meanwhile. lc-ibis restore puts the copy back. Databases of Delta tables have versions of their own,
    and no backups here.
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
    """Put the database and the output files of a BACKUP in their places.

    All checksums are verified first. What was in a place is kept beside it, its name ending in .before-restore-<time>.
    The places are those that the options say, whatever they were when the backup was made.
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
    """Write the database anew, without the room that deleted rows had.

    Its tables stay as they are. It needs as much room again while it runs.
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
    """List what the database holds, views and tables of others too.

    Each table's rows, and the run that last changed them. What the code says that there should be: lc-ibis ls.
    """
    from lc_ibis.api import tables as stored
    from lc_ibis.cli.printing import upkeep as terminal
    from lc_ibis.files.documents import to_json

    found = stored.tables(**given)
    emit(to_json(found)) if as_json else terminal.tables(found)


@command()
@click.argument("names", nargs=-1, required=True, metavar="TABLE...")
@click.option("--force", is_flag=True, help="Drop what cannot be made again too; a backup is made first.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@options(*TABLES, "outputs", "json")
def drop(names: tuple[str, ...], force: bool, yes: bool, as_json: bool, **given: Any) -> None:
    """Drop tables; the next build makes the pipeline's again.

    TABLE is a table of the pipeline, or any other table or view of the database, as layer.name where its name is not
    the only one. All that is remembered of it goes too; its output files stay until a build replaces them. Histories,
    and sources that no extract can make again as they are, are dropped only with --force.
    """
    from dataclasses import asdict

    from lc_ibis.api import drop
    from lc_ibis.cli.printing import upkeep as terminal
    from lc_ibis.files.documents import to_json

    if not yes:
        targets = drop.targets(names, force, **{name: given[name] for name in TABLES})
        if not sys.stdin.isatty():
            raise click.UsageError("There is no terminal to ask on. Confirm with --yes.")
        click.confirm(f"{terminal.listed(targets)}\nDrop?", abort=True, err=True)
    done = drop.drop(names, force, **given)
    if as_json:
        backup = str(done.backup) if done.backup else None
        emit(to_json({"tables": [asdict(table) for table in done.tables], "backup": backup}))
    else:
        terminal.dropped(done)


@command()
@click.option("--dry-run", is_flag=True, help="Print what would get another time, and change nothing.")
@click.option("--first-known", is_flag=True, help="Give times that no run has left that of the first run after them.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@options(*TABLES, "outputs", "json")
def redate(dry_run: bool, first_known: bool, yes: bool, as_json: bool, **given: Any) -> None:
    """Give runs that are dated in the future their true times.

    A clock that was ahead, or a history with a far end that was taken for a time, dates all later runs in the future
    too. Their times in the log and in tables become those at which they were; a backup is made first. Output files and
    reports stay as they are: the next build writes the files anew, and the names of reports keep their times.
    """
    from dataclasses import asdict

    from lc_ibis.api import redate
    from lc_ibis.cli.printing import upkeep as terminal
    from lc_ibis.files.documents import to_json

    found = redate.redate(True, first_known, **given)
    if not dry_run and (found.runs or found.row_counts):
        if not yes:
            if not sys.stdin.isatty():
                raise click.UsageError("There is no terminal to ask on. Confirm with --yes.")
            click.confirm(f"{terminal.redating(found)}\nRedate?", abort=True, err=True)
        found = redate.redate(False, first_known, **given)
    if as_json:
        backup = str(found.backup) if found.backup else None
        emit(to_json({**asdict(found), "backup": backup, "is_dry_run": dry_run}))
    else:
        terminal.redated(found, dry_run)
