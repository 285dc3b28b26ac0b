"""Migrations: from three layers, or five by dbt, to these tables; phase by phase, each validated and reversible."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from typing_extensions import Unpack

    from lc_ibis.keywords import Options
    from lc_ibis.migrations.checking import Checklist
    from lc_ibis.migrations.mending import Change
    from lc_ibis.migrations.migration import AdoptionOptions, Migration
    from lc_ibis.migrations.planning import PhasePlan
    from lc_ibis.migrations.running import PhaseRun, PhaseStatus, Progress
    from lc_ibis.migrations.validating import Validation
from lc_ibis.settings import Settings

__all__ = ["apply", "changes", "checklist", "drop_aliases", "going", "plan", "rollback", "status", "validate"]


def plan(
    from_: str | Path | None = None, phases: Iterable[int] = (), adopt_snapshots: bool = False,
    progress: Callable[[PhasePlan], None] | None = None, **options: Unpack[AdoptionOptions],
) -> list[PhasePlan]:  # fmt: skip
    """Return what phases would do, by default all: tables, names, types, and each row refused or value changed.

    Runs the phases in a temporary directory, on a copy of the new database if there is one. Changes nothing. For the
    arguments see apply. Raises LcIbisError. If a phase would fail, its plan has the `error`.
    """
    from lc_ibis.migrations import planning, running

    wanted = running.chosen(phases)
    with _migration(from_, adopt_snapshots, dict(options)) as migration:
        return planning.plan(migration, wanted, progress)


def apply(
    from_: str | Path | None = None, phases: Iterable[int] = (), adopt_snapshots: bool = False,
    progress: Progress | None = None, **options: Unpack[AdoptionOptions],
) -> list[PhaseRun]:  # fmt: skip
    """Apply phases of a migration, by default all, and return what was done in each.

    `from_` is the old database, opened read-only. After phase 1 it is known and can be omitted. Before each phase, the
    database and output files are copied to `<database>.migration`. Applied phases are skipped. `adopt_snapshots` adopts
    the histories in dbt's snapshots. Its details are in `options`: `fold_unchanged` merges versions that differ only in
    their load time; `clean_versions` cleans their values as staging does; `repairs` are names of faults to fix, from
    migrations.repairs.REPAIRS; `dbt_manifest` is dbt's manifest; `snapshot_columns` maps dbt's column names to those in
    the old tables; `snapshot_timezone` is the zone of times without one. The other options are the fields of Settings.
    Raises LcIbisError; phases before the failed one stay applied.
    """
    from lc_ibis.migrations import running

    wanted = running.chosen(phases)
    with _migration(from_, adopt_snapshots, dict(options)) as migration:
        return running.apply(migration, wanted, progress)


def rollback(
    phases: Iterable[int] = (), force: bool = False, progress: Progress | None = None, **options: Unpack[Options]
) -> list[PhaseRun]:
    """Roll back to the state before the first of some phases, by default all; return the phases that were rolled back.

    What is replaced is kept next to it. Raises MigrationError if builds have run since, unless `force` is given.
    """
    from lc_ibis.layers import pipeline
    from lc_ibis.migrations import running

    return running.rollback(pipeline, _settings(dict(options)), running.chosen(phases), force, progress)


def going(phases: Iterable[int] = (), **options: Unpack[Options]) -> list[int]:
    """Return the phases that a rollback of some phases would roll back, last first."""
    from lc_ibis.migrations import running

    return [one.phase for one in reversed(running.going_with(_settings(dict(options)), running.chosen(phases)))]


def status(**options: Unpack[Options]) -> list[PhaseStatus]:
    """Return the status of each phase: applied, interrupted or not applied."""
    from lc_ibis.migrations import running

    return running.status(_settings(dict(options)))


def changes(**options: Unpack[Options]) -> list[Change]:
    """Return what was changed in dbt's histories on adoption: rows left out, and values."""
    from lc_ibis.migrations import adopted

    return adopted.changes(_settings(dict(options)))


def validate(from_: str | Path | None = None, phases: Iterable[int] = (), **options: Unpack[Options]) -> Validation:
    """Validate the applied phases, and compare the old marts with the new, row by row and column by column.

    Each difference is explained by what was received and refused, or is unexplained; `is_valid` says whether all are
    explained. Writes nothing. `from_` is the old database, by default that of the applied phases. Raises LcIbisError.
    """
    from lc_ibis.migrations import running, validating

    wanted = running.chosen(phases)
    with _migration(from_, False, dict(options)) as migration:
        return validating.validate(migration, wanted)


def checklist(from_: str | Path | None = None, **options: Unpack[Options]) -> Checklist:
    """Check what must hold after a migration, and measure speed. Builds that this needs run in a copy.

    `from_` is the old database, by default that of the applied phases. Raises LcIbisError.
    """
    from lc_ibis.migrations import checking

    with _migration(from_, False, dict(options)) as migration:
        return checking.checklist(migration)


def drop_aliases(**options: Unpack[Options]) -> list[str]:
    """Drop the views that keep the old names, and return their names."""
    from lc_ibis.migrations import names

    return names.drop(_settings(dict(options)))


@contextmanager
def _migration(from_: str | Path | None, adopt_snapshots: bool, options: Mapping[str, Any]) -> Iterator[Migration]:
    from lc_ibis.layers import pipeline
    from lc_ibis.migrations import checkpoints, running
    from lc_ibis.migrations.migration import Migration, adoption

    given = dict(options)
    how = adoption(adopt_snapshots, given)
    settings = _settings(given)
    with running.old_database(settings, Path(from_) if from_ else None) as old:
        yield Migration(pipeline, settings, checkpoints.directory_of(settings), old, how)


def _settings(options: Mapping[str, Any]) -> Settings:
    from lc_ibis.migrations.running import refuse_other_backends
    from lc_ibis.settings import Settings

    settings = Settings.load(**options)
    refuse_other_backends(settings)
    return settings
