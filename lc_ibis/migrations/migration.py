"""One migration: from where, to where, and how."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lc_ibis.declare.pipeline import Pipeline
from lc_ibis.errors import SettingsError
from lc_ibis.keywords import Options
from lc_ibis.migrations.old import OldDatabase
from lc_ibis.migrations.repairs import REPAIRS
from lc_ibis.settings import Settings


@dataclass(frozen=True)
class Adoption:
    """How dbt's histories are taken over, as asked for.

    `fold` makes one version of those that differ only in when they were loaded, `clean` puts values through staging's
    cleaning, `repairs` are the names of faults to mend. What the histories' columns are called is in `manifest`, dbt's,
    or in `columns`, as (name of ours or dbt's, name there). Times without a zone are of `timezone`; loaded_at, and what
    dbt has copied of it, are of `data_timezone` where that is given.
    """

    fold: bool = False
    clean: bool = False
    repairs: tuple[str, ...] = ()
    manifest: Path | None = None
    columns: tuple[tuple[str, str], ...] = ()
    timezone: str = "UTC"
    data_timezone: str | None = None

    @property
    def asked(self) -> str:
        """The options that ask for it, as the command takes them."""
        flags = (("--fold-unchanged", self.fold), ("--clean-versions", self.clean))
        columns = ",".join(f"{name}={there}" for name, there in sorted(self.columns))
        values = (
            ("--dbt-manifest", self.manifest and self.manifest.absolute()), ("--snapshot-columns", columns),
            ("--snapshot-timezone", self.timezone if self.timezone != "UTC" else None),
            ("--data-timezone", self.data_timezone),
        )  # fmt: skip
        given = [flag for flag, is_given in flags if is_given]
        given += [f"--repair {name}" for name in REPAIRS if name in self.repairs]
        given += [f"{flag} {shlex.quote(str(value))}" for flag, value in values if value]
        return " ".join(("--adopt-snapshots", *given))


def command(words: str, database: str | Path | None) -> str:
    """Return a command of a migration in a database, for people to copy; without one, that of the settings."""
    return f"lc-ibis migrate {words}" + (f" --database {shlex.quote(str(database))}" if database else "")


_FLAGS = {"repairs": "repair"}
# By the name of an option: the field of Adoption.
_OPTIONS = {
    "fold_unchanged": "fold", "clean_versions": "clean", "repairs": "repairs", "dbt_manifest": "manifest",
    "snapshot_columns": "columns", "snapshot_timezone": "timezone", "data_timezone": "data_timezone",
}  # fmt: skip


class AdoptionOptions(Options, total=False):
    """The fields of Settings, and how histories are adopted."""

    fold_unchanged: bool
    clean_versions: bool
    repairs: Sequence[str]
    dbt_manifest: str | Path | None
    snapshot_columns: Mapping[str, str] | Sequence[tuple[str, str]]
    snapshot_timezone: str | None
    data_timezone: str | None


def adoption(adopt_snapshots: bool, options: dict[str, Any]) -> Adoption | None:
    """Take what says how histories are adopted from among the options; None where none are. Raises SettingsError."""
    given = {name: options.pop(name) for name in _OPTIONS if name in options}
    # An empty zone is no zone: it is refused, for a script may have meant another.
    given = {name: value for name, value in given.items() if value or value == ""}
    if not adopt_snapshots:
        for name in given:
            raise SettingsError(
                f"--{_FLAGS.get(name, name.replace('_', '-'))} works on adopted histories. Add --adopt-snapshots."
            )
        return None
    if unknown := [name for name in given.get("repairs", ()) if name not in REPAIRS]:
        raise SettingsError(f"repair: {unknown[0]} is not one of {', '.join(REPAIRS)}.")
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
