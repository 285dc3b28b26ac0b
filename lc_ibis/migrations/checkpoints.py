"""Checkpoints: the new database and its output files as they were before a phase, and the way back to them.

The database is a backup like any other, if there is one. Of the output files all are kept, also those that no build of
ours has written: the pipeline that went before may have its files in the same place.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lc_ibis.api import backup
from lc_ibis.declare.pipeline import Pipeline
from lc_ibis.engine.state.state import utc_now
from lc_ibis.errors import BackupError, MigrationError
from lc_ibis.files import texts
from lc_ibis.files.digests import is_whole
from lc_ibis.files.places import PendingOutputs
from lc_ibis.files.whole import copied, remove
from lc_ibis.outputs.pending import all_output_names
from lc_ibis.settings import Settings

NAME = "checkpoint.json"
BACKUP, OUTPUTS = "backup", "outputs"


@dataclass(frozen=True)
class Checkpoint:
    """What was there before a phase: whether a database, its last run (0: none), and the sha256 of output files."""

    directory: Path
    has_database: bool
    last_run_id: int
    last_run_at: str | None
    outputs: dict[str, str]


def directory_of(settings: Settings) -> Path:
    """Return where a migration into a database keeps what it needs."""
    return settings.place.with_name(f"{settings.place.name}.migration")


def _place(settings: Settings, phase: int) -> Path:
    return directory_of(settings) / f"before_phase_{phase}"


def find(settings: Settings, phase: int) -> Checkpoint | None:
    """Return the checkpoint before a phase; None if there is none. Raises MigrationError where it is damaged."""
    directory = _place(settings, phase)
    try:
        return Checkpoint(directory, **json.loads(texts.read(directory / NAME)))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError) as error:
        raise MigrationError(
            f"{directory / NAME}: cannot read it ({type(error).__name__}: {error}). Another tool has written it."
        ) from None


def take(settings: Settings, pipeline: Pipeline, phase: int) -> Checkpoint:
    """Keep what is there before a phase. Raises BackupError, DatabaseError; then there is no checkpoint."""
    directory = _place(settings, phase)
    made = directory.with_name(f"{directory.name}.tmp")
    for leftover in (made, directory):
        shutil.rmtree(leftover, ignore_errors=True)
    try:
        made.mkdir(parents=True)
        run_id, run_at = None, None
        if settings.place.exists():
            backup.backup(made / BACKUP, **options_of(settings))
            kept = backup.contents_of(made / BACKUP)
            run_id, run_at = kept.run_id, kept.run_at
        outputs = dict(_copied(settings, pipeline, made / OUTPUTS))
        checkpoint = Checkpoint(directory, settings.place.exists(), run_id or 0, run_at, outputs)
        facts = {name: value for name, value in asdict(checkpoint).items() if name != "directory"}
        (made / NAME).write_text(json.dumps(facts, indent=1), encoding="utf-8")
        os.rename(made, directory)
    except OSError as error:
        raise BackupError(f"{error.filename or directory}: cannot write it ({error.strerror}).") from None
    finally:
        shutil.rmtree(made, ignore_errors=True)
    return checkpoint


def _copied(settings: Settings, pipeline: Pipeline, directory: Path) -> Iterator[tuple[str, str]]:
    """Copy the output files that are there; give the sha256 of each by its place."""
    for name in all_output_names(pipeline):
        place = settings.outputs / name
        if is_whole(place):
            for file in sorted(place.iterdir()) if place.is_dir() else (place,):
                path = file.relative_to(settings.outputs)
                with file.open("rb") as source:
                    yield path.as_posix(), copied(source, directory / path)


def put_back(settings: Settings, pipeline: Pipeline, checkpoint: Checkpoint) -> None:
    """Make database and output files what they were. What is replaced is kept beside its place.

    Every checksum is verified first. Killed at any moment, doing it again ends well. Raises BackupError, DatabaseError.
    """
    mark = f"before-rollback-{utc_now():%Y%m%dT%H%M%S.%fZ}"
    outputs = PendingOutputs(settings.outputs, all_output_names(pipeline))
    try:
        outputs.stage(checkpoint.directory / OUTPUTS, checkpoint.outputs)
        if checkpoint.has_database:
            backup.restore(checkpoint.directory / BACKUP, **options_of(settings))
        elif settings.place.exists():
            _aside(settings.place, mark)
        # Again: the backup knows only of the files that the last build wrote, and has moved others aside.
        outputs.discard()
        outputs = PendingOutputs(settings.outputs, all_output_names(pipeline))
        outputs.stage(checkpoint.directory / OUTPUTS, checkpoint.outputs)
        list(outputs.publish(mark))
    except OSError as error:
        raise BackupError(f"{error.filename or settings.place}: cannot write it ({error.strerror}).") from None
    finally:
        outputs.discard()


def _aside(place: Path, mark: str) -> None:
    """Move a database away under another name, its log first: a log alone is nobody's."""
    aside = place.with_name(f"{place.name}.{mark}")
    log = place.with_name(f"{place.name}.wal")
    if log.exists():
        os.rename(log, aside.with_name(f"{aside.name}.wal"))
    os.rename(place, aside)


def forget(settings: Settings, first: int, last: int) -> None:
    """Remove the checkpoints before some phases, the last first."""
    for phase in range(last, first - 1, -1):
        directory = _place(settings, phase)
        if directory.exists():
            remove(directory)


def options_of(settings: Settings) -> dict[str, Any]:
    """Return the settings as options of a public function, so that no other origin has its say."""
    return {name: value for name, value in vars(settings).items() if value is not None}
