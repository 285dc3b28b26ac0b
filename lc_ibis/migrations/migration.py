"""One migration: from where, to where, and how."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from lc_ibis.engine.pipeline import Pipeline
from lc_ibis.migrations.old import OldDatabase
from lc_ibis.settings import Settings


@dataclass(frozen=True)
class Migration:
    """From where to where. The old database is None where no phase that is wanted reads it."""

    pipeline: Pipeline
    settings: Settings
    directory: Path
    old: OldDatabase | None = None
    adopt_snapshots: bool = False
    fold_unchanged: bool = False

    @property
    def source(self) -> OldDatabase:
        assert self.old, "the phases that read the old database are given it"
        return self.old

    @property
    def inputs(self) -> Path:
        return self.directory / "inputs"
