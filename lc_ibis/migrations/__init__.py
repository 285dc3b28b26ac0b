"""Migrations: from three layers, or five by dbt, to these tables; phase by phase, each validated and reversible."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lc_ibis.migrations.running import PhaseRun, PhaseStatus, Progress

__all__ = ["apply", "drop_aliases", "rollback", "status"]


def apply(
    from_: str | Path | None = None, phases: Iterable[int] = (), adopt_snapshots: bool = False,
    fold_unchanged: bool = False, progress: Progress | None = None, **options: Any,
) -> list[PhaseRun]:  # fmt: skip
    """Apply phases of a migration, all by default, and return what was done about each.

    `from_` is the old database, which is opened for reading only; once phase 1 is applied it is known. Before each phase
    database and output files are kept in `<database>.migration`; a phase that is applied already is let alone.
    `adopt_snapshots` takes over the histories that dbt has made, and `fold_unchanged` makes one version of those that
    differ only in when they were loaded. `options` are the fields of Settings. Raises LcIbisError; the phases before the
    one that failed stay applied.
    """
    from lc_ibis.errors import SettingsError
    from lc_ibis.layers import pipeline
    from lc_ibis.migrations import running

    if fold_unchanged and not adopt_snapshots:
        raise SettingsError("--fold-unchanged is about histories that are taken over. Give --adopt-snapshots too.")
    settings, wanted = _settings(options), running.chosen(phases)
    return running.apply(
        pipeline, settings, Path(from_) if from_ else None, wanted, adopt_snapshots, fold_unchanged, progress
    )


def rollback(
    phases: Iterable[int] = (), force: bool = False, progress: Progress | None = None, **options: Any
) -> list[PhaseRun]:
    """Put back what was there before the first of some phases, by default all; return the phases that went.

    What is replaced is kept beside its place. Raises MigrationError where builds have run since, unless `force` is given.
    """
    from lc_ibis.layers import pipeline
    from lc_ibis.migrations import running

    return running.rollback(pipeline, _settings(options), running.chosen(phases), force, progress)


def status(**options: Any) -> list[PhaseStatus]:
    """Return where each phase stands: applied, interrupted or not applied."""
    from lc_ibis.migrations import running

    return running.status(_settings(options))


def drop_aliases(**options: Any) -> list[str]:
    """Remove the views that bear the old names; return their names."""
    from lc_ibis.migrations import names

    return names.drop(_settings(options))


def _settings(options: dict[str, Any]) -> Any:
    from lc_ibis.migrations.running import refuse_other_backends
    from lc_ibis.settings import Settings

    settings = Settings.load(**options)
    refuse_other_backends(settings)
    return settings
