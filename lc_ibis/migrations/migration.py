"""One migration: from where, to where, and how."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lc_ibis.engine.pipeline import Pipeline
from lc_ibis.errors import SettingsError
from lc_ibis.migrations.old import OldDatabase
from lc_ibis.migrations.repairs import REPAIRS
from lc_ibis.settings import Settings


@dataclass(frozen=True)
class Adoption:
    """How dbt's histories are taken over, as asked for.

    `fold` makes one version of those that differ only in when they were loaded, `clean` puts values through staging's
    cleaning, `repairs` are the names of faults to mend. What the histories' columns are called is in `manifest`, dbt's,
    or in `columns`, as (name of ours or dbt's, name there); times without a zone are of `timezone`.
    """

    fold: bool = False
    clean: bool = False
    repairs: tuple[str, ...] = ()
    manifest: Path | None = None
    columns: tuple[tuple[str, str], ...] = ()
    timezone: str = "UTC"


_FLAGS = {"repairs": "repair"}
# By the name of an option: the field of Adoption.
_OPTIONS = {
    "fold_unchanged": "fold", "clean_versions": "clean", "repairs": "repairs", "dbt_manifest": "manifest",
    "snapshot_columns": "columns", "snapshot_timezone": "timezone",
}  # fmt: skip


def adoption(adopt_snapshots: bool, options: dict[str, Any]) -> Adoption | None:
    """Take what says how histories are adopted from among the options; None where none are. Raises SettingsError."""
    given = {name: options.pop(name) for name in _OPTIONS if name in options}
    given = {name: value for name, value in given.items() if value}
    if not adopt_snapshots:
        for name in given:
            raise SettingsError(
                f"--{_FLAGS.get(name, name.replace('_', '-'))} is about histories that are taken over. Give "
                "--adopt-snapshots too."
            )
        return None
    if unknown := [name for name in given.get("repairs", ()) if name not in REPAIRS]:
        raise SettingsError(f"repair: there is none called {unknown[0]}; they are {', '.join(REPAIRS)}.")
    if "repairs" in given:
        given["repairs"] = tuple(given["repairs"])
    if "dbt_manifest" in given:
        given["dbt_manifest"] = Path(given["dbt_manifest"])
    if "snapshot_columns" in given:
        given["snapshot_columns"] = tuple(dict(given["snapshot_columns"]).items())
    return Adoption(**{_OPTIONS[name]: value for name, value in given.items()})


@dataclass(frozen=True)
class Migration:
    """From where to where. The old database is None where no phase that is wanted reads it."""

    pipeline: Pipeline
    settings: Settings
    directory: Path
    old: OldDatabase | None = None
    adoption: Adoption | None = None

    @property
    def source(self) -> OldDatabase:
        assert self.old, "the phases that read the old database are given it"
        return self.old

    @property
    def inputs(self) -> Path:
        return self.directory / "inputs"
