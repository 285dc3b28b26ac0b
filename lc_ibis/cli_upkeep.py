"""The commands that keep a built database: what is stored, backups, and tables that are to go."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from lc_ibis.cli_options import PATH, TABLES, options


@click.command()
@click.option("--to", type=PATH, help="The new directory. [default: backups/<UTC time> beside the database]")
@options(*TABLES, "outputs", "json")
def backup(to: Path | None, as_json: bool, **given: Any) -> None:
    """Copy the database and its output files, with checksums.

    No build runs meanwhile. lc-ibis restore puts the copy back. Databases of Delta tables have versions of their own,
    and no backups here.
    """
    from lc_ibis import backups, terminal_upkeep
    from lc_ibis.quality.report import to_json

    directory = backups.backup(to, **given)
    found = backups.contents_of(directory)
    click.echo(to_json(found.document(directory))) if as_json else terminal_upkeep.backed_up(directory, found)


@click.command()
@click.argument("backup", type=PATH)
@options(*TABLES, "outputs", "json")
def restore(backup: Path, as_json: bool, **given: Any) -> None:
    """Put the database and the output files of a BACKUP in their places.

    All checksums are verified first. What was in a place is kept beside it, its name ending in .before-restore-<time>.
    The places are those that the options say, whatever they were when the backup was made.
    """
    from lc_ibis import backups, terminal_upkeep
    from lc_ibis.engine.keeping import Kept
    from lc_ibis.quality.report import to_json

    done: list[Kept] = []
    try:
        place = backups.restore(backup, progress=done.append, **given)
    finally:
        if not as_json:
            terminal_upkeep.kept(done)
    if as_json:
        places = [{"place": str(one.place), "kept": str(one.kept) if one.kept else None} for one in done]
        click.echo(to_json({"database": str(place), "places": places}))
    else:
        terminal_upkeep.restored(backups.contents_of(backup), done)
