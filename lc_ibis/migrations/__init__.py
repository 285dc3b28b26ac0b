"""Migrations: from three layers, or five by dbt, to these tables; phase by phase, each validated and reversible."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from typing_extensions import Unpack

    from lc_ibis.migrations.checking import Checklist
    from lc_ibis.migrations.mending import Change
    from lc_ibis.migrations.migration import AdoptionOptions, Migration
    from lc_ibis.migrations.planning import PhasePlan
    from lc_ibis.migrations.running import PhaseRun, PhaseStatus, Progress
    from lc_ibis.migrations.validating import Validation
    from lc_ibis.settings import Options, Settings

__all__ = ["apply", "changes", "checklist", "drop_aliases", "going", "plan", "rollback", "status", "validate"]


def plan(
    from_: str | Path | None = None, phases: Iterable[int] = (), adopt_snapshots: bool = False,
    progress: Callable[[PhasePlan], None] | None = None, **options: Unpack[AdoptionOptions],
) -> list[PhasePlan]:  # fmt: skip
    """Say what phases would do, all by default: tables, names and types, and each row refused or value changed.

    The phases are run in scratch space, on a copy of the new database if there is one; nothing is written to it. See
    apply for what is given. Raises LcIbisError; that a phase would fail is its plan's `error`.
    """
    from lc_ibis.migrations import planning, running

    wanted = running.chosen(phases)
    with _migration(from_, adopt_snapshots, dict(options)) as migration:
        return planning.plan(migration, wanted, progress)


def apply(
    from_: str | Path | None = None, phases: Iterable[int] = (), adopt_snapshots: bool = False,
    progress: Progress | None = None, **options: Unpack[AdoptionOptions],
) -> list[PhaseRun]:  # fmt: skip
    """Apply phases of a migration, all by default, and return what was done about each.

    `from_` is the old database, which is opened for reading only; once phase 1 is applied it is known. Before each
    phase database and output files are kept in `<database>.migration`; a phase that is applied already is left alone.
    `adopt_snapshots` takes over the histories that dbt has made. How, is among the `options`: `fold_unchanged` makes
    one version of those that differ only in when they were loaded; `clean_versions` puts their values through staging's
    cleaning; `repairs` are the names of faults to mend, of migrations.repairs.REPAIRS; `dbt_manifest` is dbt's
    manifest, `snapshot_columns` the names that dbt's columns have, by dbt's own, and `snapshot_timezone` the zone of
    times that have none. The other options are the fields of Settings. Raises LcIbisError; the phases before the
    one that failed stay applied.
    """
    from lc_ibis.migrations import running

    wanted = running.chosen(phases)
    with _migration(from_, adopt_snapshots, dict(options)) as migration:
        return running.apply(migration, wanted, progress)


def rollback(
    phases: Iterable[int] = (), force: bool = False, progress: Progress | None = None, **options: Unpack[Options]
) -> list[PhaseRun]:
    """Put back what was there before the first of some phases, by default all; return the phases that went.

    What is replaced is kept beside its place. Raises MigrationError where builds have run since, unless `force` is
    given.
    """
    from lc_ibis.layers import pipeline
    from lc_ibis.migrations import running

    return running.rollback(pipeline, _settings(dict(options)), running.chosen(phases), force, progress)


def going(phases: Iterable[int] = (), **options: Unpack[Options]) -> list[int]:
    """Return the phases that a rollback of some phases would take back, the last first."""
    from lc_ibis.migrations import running

    return [one.phase for one in reversed(running.going_with(_settings(dict(options)), running.chosen(phases)))]


def status(**options: Unpack[Options]) -> list[PhaseStatus]:
    """Return where each phase stands: applied, interrupted or not applied."""
    from lc_ibis.migrations import running

    return running.status(_settings(dict(options)))


def changes(**options: Unpack[Options]) -> list[Change]:
    """Return what was changed of dbt's histories when they were adopted: rows left out, and values."""
    from lc_ibis.migrations import adopted

    return adopted.changes(_settings(dict(options)))


def validate(from_: str | Path | None = None, phases: Iterable[int] = (), **options: Unpack[Options]) -> Validation:
    """Validate the phases that are applied, and compare the old marts with ours, row by row and column by column.

    Each difference is explained by what was received and refused, or it is not; `is_valid` says whether all are.
    Nothing is written. `from_` is the old database, by default that of the phases applied. Raises LcIbisError.
    """
    from lc_ibis.migrations import running, validating

    wanted = running.chosen(phases)
    with _migration(from_, False, dict(options)) as migration:
        return validating.validate(migration, wanted)


def checklist(from_: str | Path | None = None, **options: Unpack[Options]) -> Checklist:
    """Check what must be so after a migration, and measure; what must be built for it is built in a copy.

    `from_` is the old database, by default that of the phases applied. Raises LcIbisError.
    """
    from lc_ibis.migrations import checking

    with _migration(from_, False, dict(options)) as migration:
        return checking.checklist(migration)


def drop_aliases(**options: Unpack[Options]) -> list[str]:
    """Remove the views that bear the old names; return their names."""
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
