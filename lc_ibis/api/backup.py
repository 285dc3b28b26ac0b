"""Backups: a copy of the database and of its output files, with checksums, and the way back."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from lc_ibis import project
from lc_ibis.backends import files_of, frozen
from lc_ibis.engine.state.state import utc_now
from lc_ibis.engine.state.tables import LAYER
from lc_ibis.engine.store import Store
from lc_ibis.errors import BackupError, DatabaseError, OutputError
from lc_ibis.files import backup as contents
from lc_ibis.files.backup import DATABASE, OUTPUTS, Backup
from lc_ibis.files.digests import is_whole
from lc_ibis.files.places import Kept, PendingOutputs
from lc_ibis.files.processes import waited
from lc_ibis.files.whole import copied
from lc_ibis.outputs.manifest import OUTPUTS as MANIFEST
from lc_ibis.outputs.pending import all_output_names
from lc_ibis.settings import Settings

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from lc_ibis.keywords import Options

DIRECTORY = "backups"
Progress = Callable[[Kept], None]


def backup(to: str | Path | None = None, **options: Unpack[Options]) -> Path:
    """Copy the database and the output files of its last build to a new directory, and return it.

    The default directory is `backups/<UTC time>` next to the database. No build can run meanwhile. `options` are the
    fields of Settings. Raises BackupError or DatabaseError, and then leaves no new directory.
    """
    settings = Settings.load(**options)
    files = files_of(settings)
    if not settings.place.exists():
        raise DatabaseError(f"{settings.place}: no database found. Create it with lc-ibis build.")
    with frozen(settings) as store:
        now = utc_now()
        directory = Path(to) if to else settings.place.parent / DIRECTORY / f"{now:%Y%m%dT%H%M%S.%fZ}"
        _make(directory)
        try:
            run, outputs = _remembered(store)
            outputs += [MANIFEST] if (settings.outputs / MANIFEST).is_file() else []
            missing = _copy_outputs(settings.outputs, outputs, directory / OUTPUTS)
            files.copy(settings.place, directory / DATABASE)
            contents.write(directory, _described(settings, directory, now, run, missing))
        except OSError as error:
            shutil.rmtree(directory, ignore_errors=True)
            raise BackupError(f"{error.filename or directory}: cannot copy it ({error.strerror}).") from None
        except BaseException:
            shutil.rmtree(directory, ignore_errors=True)
            raise
    return directory


def _make(directory: Path) -> None:
    try:
        directory.parent.mkdir(parents=True, exist_ok=True)
        directory.mkdir()
    except FileExistsError:
        raise BackupError(f"{directory}: the directory already exists. Choose a new one with --to.") from None
    except OSError as error:
        raise BackupError(f"{directory}: cannot create the directory ({error.strerror}).") from None


def _remembered(store: Store) -> tuple[tuple[int, datetime] | None, list[str]]:
    """Return number and time of the last run, and the names of the output files, as far as the state knows."""
    known = store.tables()
    names = store.rows(store.table(LAYER, "files").select("file_name")) if (LAYER, "files") in known else []
    last = None
    if (LAYER, "runs") in known:
        runs = store.table(LAYER, "runs")
        for row in store.rows(runs.filter(runs.run_id == runs.run_id.max())):
            last = row["run_id"], row["run_at"]
    return last, sorted(row["file_name"] for row in names)


def _copy_outputs(outputs: Path, names: Iterable[str], directory: Path) -> tuple[str, ...]:
    """Copy the output files as they are, and return the names of those that are not there; a build mends them."""
    missing = []
    for place in (outputs / name for name in names):
        if not is_whole(place):
            missing.append(place.name)
            continue
        for file in place.iterdir() if place.is_dir() else (place,):
            with file.open("rb") as source:
                copied(source, directory / file.relative_to(outputs))
    return tuple(missing)


def _described(
    settings: Settings, directory: Path, now: datetime, run: tuple[int, datetime] | None, missing: tuple[str, ...]
) -> Backup:
    from lc_ibis import version

    return Backup(
        program_version=version(),
        made_at=f"{now.isoformat()}Z",
        backend=settings.backend,
        database=str(settings.place.absolute()),
        outputs=str(settings.outputs.absolute()),
        run_id=run[0] if run else None,
        run_at=run[1].isoformat() if run else None,
        missing=missing,
        files=tuple(contents.listed(directory)),
    )


def contents_of(backup: str | Path) -> Backup:
    """Return the manifest of a backup, without reading its files. Raises BackupError."""
    return contents.read(Path(backup))


def restore(backup: str | Path, progress: Progress = lambda _: None, **options: Unpack[Options]) -> Path:
    """Restore the database and the output files of a backup to the paths in the settings; return the database's path.

    Every checksum is verified first. What is replaced is kept next to it, with .before-restore-<time> added to its
    name. `progress` is called for each path. Files that already match the backup are not touched. If the process is
    killed, the database is either the old or the new one, and restoring again completes it. `options` are the fields of
    Settings. Raises BackupError, DatabaseError, or OutputError if only an output file could not be replaced.
    """
    directory, settings = Path(backup), Settings.load(**options)
    files = files_of(settings)
    found = contents.read(directory)
    if found.backend != settings.backend:
        raise BackupError(
            f"{directory}: the backup is for the backend {found.backend}. Restore it with --backend {found.backend}."
        )
    contents.verify(directory, found)
    outputs = PendingOutputs(settings.outputs, all_output_names(project.load(settings)))
    mark = f"before-restore-{utc_now():%Y%m%dT%H%M%S.%fZ}"
    with ExitStack() as held:
        held.callback(outputs.discard)
        try:
            outputs.stage(directory / OUTPUTS, found.below(OUTPUTS))

            def replaced() -> Kept | None:
                parts = directory / DATABASE, found.below(DATABASE)
                return held.enter_context(files.replaced(*parts, settings.place, mark))

            database = waited(replaced, settings.wait)
        except OSError as error:
            where = error.filename2 or error.filename or settings.place
            raise BackupError(f"{where}: cannot write it ({error.strerror}), so nothing was restored.") from None
        if database:
            progress(database)
        for kept in _published(outputs, mark):
            progress(kept)
    return settings.place


def _published(outputs: PendingOutputs, mark: str) -> Iterator[Kept]:
    try:
        yield from outputs.publish(mark)
    except OSError as error:
        raise OutputError(
            f"{error.filename2 or error.filename}: the database is restored, but this file cannot be replaced "
            f"({error.strerror}). Fix that, then restore again or build. The next build rewrites the files."
        ) from None
