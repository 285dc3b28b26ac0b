"""Every error a user can meet. A message says what, where and how to fix it, and contains no secrets."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path

from lc_ibis.redaction import redacted


class LcIbisError(Exception):
    """Base class of all errors that are not bugs. The command line prints them without a traceback."""

    exit_code = 1
    report: Path | None = None  # of the build that it ended
    is_undone = False  # what that build had done, so that tables and files are unchanged
    is_torn = False  # what that build had begun to publish: some tables may be new, others as they were

    def __init__(self, message: str = "") -> None:
        super().__init__(redacted(message))


class SettingsError(LcIbisError):
    """An option, environment variable or line of lc-ibis.toml is invalid."""

    exit_code = 2


class SelectionError(LcIbisError):
    """A table, or a name in --select or --exclude, does not exist."""

    exit_code = 2


class ModelError(LcIbisError):
    """A model is declared wrongly: an unknown input, a missing key."""


class ExtractError(LcIbisError):
    """A delivered file is not a valid extract."""


class ReplayedExtract(ExtractError):
    """A delivered file was already loaded and has been superseded since."""


class StaleSource(LcIbisError):
    """A source's files or rows are too old. Nothing was published."""


class ContractError(LcIbisError):
    """A table does not match its contract."""


class BreakingChangeError(LcIbisError):
    """A contract has a breaking change, but its version was not raised. Nothing was written."""


class MassDeleteError(LcIbisError):
    """So many keys are missing from a full extract that it may be truncated."""


class ChecksFailed(LcIbisError):
    """A check of severity error failed. Nothing was published."""


class OutputError(LcIbisError):
    """A file cannot be written or replaced."""


class DatabaseError(LcIbisError):
    """A database is missing, in use, or cannot be opened."""


class SessionEnded(DatabaseError):
    """A Spark session has ended: its server closed, lost or restarted it."""


class DatabaseInUse(DatabaseError):
    """Another process has the database open."""


class DropRefused(LcIbisError):
    """A table cannot be rebuilt, or must not be dropped."""


class RedateRefused(LcIbisError):
    """The true value of a time in the future is unknown."""


class BackupError(LcIbisError):
    """A backup cannot be made, or is incomplete."""


def cut(text: str, length: int = 100) -> str:
    """Return a text for a message, its end left out where it is long."""
    return text if len(text) <= length else f"{text[:length]}…"


def hint(wrong: str, known: Iterable[str]) -> str:
    """Return ' Did you mean x?' for the nearest known name, or all names when none is near."""
    names = sorted(set(known))
    near = difflib.get_close_matches(wrong, names, n=1)
    return f" Did you mean {near[0]}?" if near else f" Known: {', '.join(names)}."


class MigrationError(LcIbisError):
    """A migration cannot start, continue or be rolled back."""


class VerificationFailed(LcIbisError):
    """A stored table differs from a full refresh."""
