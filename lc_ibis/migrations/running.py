"""Apply phases, and take them back: a checkpoint before each, a record after it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from lc_ibis.backends import opened
from lc_ibis.declare.pipeline import Pipeline
from lc_ibis.engine.state.state import State, utc_now
from lc_ibis.errors import LcIbisError, MigrationError, SettingsError
from lc_ibis.migrations import adopted, checkpoints, record
from lc_ibis.migrations.migration import Migration, command
from lc_ibis.migrations.old import OldDatabase
from lc_ibis.migrations.phases import PHASES, Phase
from lc_ibis.migrations.record import Record
from lc_ibis.settings import Settings


@dataclass(frozen=True)
class PhaseRun:
    """What was done about a phase; `backup` is the checkpoint taken before it."""

    phase: int
    name: str
    action: Literal["applied", "already applied", "rolled back"]
    details: str = ""
    seconds: float = 0.0
    backup: Path | None = None


@dataclass(frozen=True)
class PhaseStatus:
    """Where a phase stands. `interrupted`: it was begun, and is not recorded as done."""

    phase: int
    name: str
    does: str
    status: Literal["applied", "interrupted", "not applied"]
    record: Record | None


Progress = Callable[[PhaseRun], None]


def refuse_other_backends(settings: Settings) -> None:
    """Raise SettingsError where tables do not live in a DuckDB file."""
    if settings.backend != "duckdb":
        raise SettingsError(
            f"backend: migrations work on DuckDB databases only, not {settings.backend}. Migrate with --backend "
            "duckdb, or build from the extracts: lc-ibis build --backend " + settings.backend
        )


def chosen(numbers: Iterable[int]) -> list[Phase]:
    """Return the phases of these numbers in order, all for none. Raises SettingsError."""
    wanted = set(numbers)
    if unknown := sorted(wanted - {phase.number for phase in PHASES}):
        raise SettingsError(f"phase: {unknown[0]} is not a phase. Choose 1 to {len(PHASES)}.")
    return [phase for phase in PHASES if phase.number in wanted or not wanted]


@contextmanager
def old_database(settings: Settings, path: Path | None) -> Iterator[OldDatabase]:
    """Open the old database: the one that is named, or else that of the phases applied. Raises MigrationError."""
    records = [] if path else record.recorded(settings)
    if path is None and not records:
        raise MigrationError("No phase is applied yet, so the old database is unknown. Name it with --from.")
    place = path or Path(records[0].source_path)
    if settings.place.exists() and place.exists() and place.samefile(settings.place):
        raise MigrationError(f"--from {place}: it is the new database itself. Choose another with --database.")
    if place.absolute() == settings.place.absolute():
        raise MigrationError(f"--from {place}: it cannot be the new database too. Choose another with --database.")
    with OldDatabase(place) as old:
        yield old


def apply(migration: Migration, phases: list[Phase], progress: Progress | None = None) -> list[PhaseRun]:
    """Apply phases, each validated before it counts as applied. See lc_ibis.migrations.apply."""
    done = []
    for phase in phases:
        done.append(_applied(migration, phase))
        if progress:
            progress(done[-1])
    return done


def _applied(migration: Migration, phase: Phase) -> PhaseRun:
    settings = migration.settings
    records = {r.phase: r for r in record.recorded(settings)}
    if phase.number in records:
        if phase.number == 2:
            _refuse_other_adoption(migration)
        return PhaseRun(phase.number, phase.name, "already applied", records[phase.number].details)
    if missing := [n for n in range(1, phase.number) if n not in records]:
        raise MigrationError(
            f"Phase {phase.number} needs phase {missing[0]}. Apply that first, or remove --phase to apply all."
        )
    _refuse_changed(migration, phase, records)
    started = time.perf_counter()
    checkpoint = _checkpoint(migration, phase)
    try:
        details = phase.run(migration)
    except LcIbisError:
        _undo_adoption(migration, phase, checkpoint)
        raise
    seconds = time.perf_counter() - started
    _record(migration, phase, seconds, details)
    return PhaseRun(phase.number, phase.name, "applied", details, seconds, checkpoint.directory)


def _refuse_other_adoption(migration: Migration) -> None:
    """Refuse to go on where histories were adopted otherwise than is asked for now. To ask for nothing is to go on."""
    asked, done = migration.adoption and migration.adoption.asked, adopted.asked_for(migration.settings)
    if asked and asked != done:
        back = command("rollback --phase 2", migration.settings.place)
        raise MigrationError(
            f"Phase 2 is applied {f'with {done}' if done else 'without --adopt-snapshots'}, and you asked for {asked}. "
            f"Roll it back first ({back}), or remove these options to continue."
        )


def _refuse_changed(migration: Migration, phase: Phase, records: dict[int, Record]) -> None:
    """Refuse to mix two states of the old database: its rows are those of phase 1."""
    if phase.reads_old and 1 in records and records[1].source_sha256 != migration.source.sha256:
        raise MigrationError(
            f"{migration.source.path}: the old database has changed since phase 1 loaded its rows "
            f"({records[1].applied_at:%Y-%m-%d %H:%M} UTC), so phase {phase.number} would not match. Roll back "
            "phase 1 and apply all phases again, or name a copy from that time with --from."
        )


def _checkpoint(migration: Migration, phase: Phase) -> checkpoints.Checkpoint:
    """Keep what is there, unless the phase was begun before and only its own runs have been since."""
    checkpoints.forget(migration.settings, phase.number + 1, len(PHASES))
    begun = checkpoints.find(migration.settings, phase.number)
    if begun and not foreign_runs(migration.settings, [phase], {}):
        _undo_adoption(migration, phase, begun)
        return begun
    return checkpoints.take(migration.settings, migration.pipeline, phase.number)


def _undo_adoption(migration: Migration, phase: Phase, checkpoint: checkpoints.Checkpoint) -> None:
    """Put back what was there before histories were adopted by a phase that came no further: it may ask otherwise."""
    if phase.number == 2 and adopted.asked_for(migration.settings):
        checkpoints.put_back(migration.settings, migration.pipeline, checkpoint)


def _record(migration: Migration, phase: Phase, seconds: float, details: str) -> None:
    old = migration.source
    with opened(migration.settings) as store:
        last = State.read(store).last_run
        with store.transaction():
            record.add(store, Record(
                phase.number, phase.name, utc_now(), seconds, last[0] if last else 0, details,
                str(old.path.absolute()), old.kind, old.sha256,
            ))  # fmt: skip


def foreign_runs(settings: Settings, phases: list[Phase], records: dict[int, Record]) -> list[int]:
    """Return the runs since the first of some phases was begun that none of them has made: ordinary builds.

    A phase's runs are those between its checkpoint and its record; of one that was cut off, those that only touched its
    own layers. Where the database does not have the checkpoint's run, none is the phases'.
    """
    runs = record.logged_runs(settings)
    ours: set[int] = set()
    first = last = 0
    for place, phase in enumerate(phases):
        kept = checkpoints.find(settings, phase.number)
        before = kept.last_run_id if kept else last
        known = runs.get(before)
        if kept and before and (known is None or known.run_at.isoformat() != kept.last_run_at):
            if place == 0:
                return sorted(runs)
            continue  # of a phase that a rollback, cut off thereafter, has taken back
        first = first if place else before
        last = records[phase.number].last_run_id if phase.number in records else max(runs, default=0)
        ours |= {run for run in runs if before < run <= last and runs[run].tables <= _tables(phase.layers)}
    return [run for run in sorted(runs) if run > first and run not in ours]


def _tables(layers: tuple[str, ...]) -> set[str]:
    from lc_ibis.layers import pipeline

    return {model.name for model in pipeline if model.layer in layers}


def status(settings: Settings) -> list[PhaseStatus]:
    """Return where each phase stands."""
    records = {r.phase: r for r in record.recorded(settings)}
    found = []
    for phase in PHASES:
        known = records.get(phase.number)
        begun = known is None and checkpoints.find(settings, phase.number)
        word: Literal["applied", "interrupted", "not applied"] = (
            "applied" if known else "interrupted" if begun else "not applied"
        )
        found.append(PhaseStatus(phase.number, phase.name, phase.does, word, known))
    return found


def going_with(settings: Settings, phases: list[Phase]) -> list[PhaseStatus]:
    """Return the phases that are applied, or were begun, from the first of some on: they go with it."""
    return [s for s in status(settings) if s.phase >= phases[0].number and s.status != "not applied"]


def rollback(
    pipeline: Pipeline, settings: Settings, phases: list[Phase], force: bool = False, progress: Progress | None = None
) -> list[PhaseRun]:
    """Put back what was there before the first of some phases; later phases go with it. See migrations.rollback."""
    going = going_with(settings, phases)
    if not going:
        return []
    started = time.perf_counter()
    # Phases are applied in order, so the first that is not done has nothing after it.
    checkpoint = checkpoints.find(settings, going[0].phase)
    if checkpoint is None:
        raise MigrationError(
            f"{checkpoints.directory_of(settings)}: the checkpoint before phase {going[0].phase} is missing, so it "
            "cannot be rolled back."
        )
    records = {s.phase: s.record for s in going if s.record}
    if not force and (runs := foreign_runs(settings, [PHASES[s.phase - 1] for s in going], records)):
        raise MigrationError(
            f"{settings.place}: {len(runs)} builds have run since phase {going[0].phase} began (from run {runs[0]}). "
            "Their changes, including history, would be lost. To roll back anyway, use --force. The current database "
            "is kept next to it."
        )
    checkpoints.put_back(settings, pipeline, checkpoint)
    checkpoints.forget(settings, going[0].phase, len(PHASES))
    seconds = time.perf_counter() - started
    done = [PhaseRun(s.phase, s.name, "rolled back", seconds=seconds) for s in reversed(going)]
    for one in done if progress else ():
        progress(one)  # type: ignore[misc]
    return done
