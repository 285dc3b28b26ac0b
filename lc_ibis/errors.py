"""Every error a user can meet. A message says what, where and how to mend it, and holds no secret."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path

from lc_ibis.redaction import redacted


class LcIbisError(Exception):
    """Base of all errors that are not bugs; the command line prints them without a traceback."""

    exit_code = 1
    report: Path | None = None  # of the build that it ended
    is_undone = False  # what that build had done, so that tables and files are as they were
    is_torn = False  # what that build had begun to publish: some tables may be new, others as they were

    def __init__(self, message: str = "") -> None:
        super().__init__(redacted(message))


class SettingsError(LcIbisError):
    """An option, environment variable or line of lc-ibis.toml that cannot be used."""

    exit_code = 2


class SelectionError(LcIbisError):
    """A name in --select or --exclude, or a table, that does not exist."""

    exit_code = 2


class ModelError(LcIbisError):
    """A model whose declaration cannot work: an unknown input, a missing key."""


class ExtractError(LcIbisError):
    """A delivered file that cannot be read as the extract that it should be."""


class ReplayedExtract(ExtractError):
    """A delivered file that was taken before, after which another was taken."""


class StaleSource(LcIbisError):
    """A source whose files, or rows, are older than they may be; nothing was published."""


class ContractError(LcIbisError):
    """A table whose columns are not its contract's."""


class BreakingChangeError(LcIbisError):
    """A contract that changed so that it breaks those who read the table, undeclared; nothing was written."""


class MassDeleteError(LcIbisError):
    """So many keys are gone from a full extract that it looks truncated."""


class ChecksFailed(LcIbisError):
    """A check of severity error found rows; nothing was published."""


class OutputError(LcIbisError):
    """A file that cannot be written, or put in its place."""


class DatabaseError(LcIbisError):
    """A database that is missing, in use, or not ours to open."""


class SessionEnded(DatabaseError):
    """A Spark session that is no more: closed by its server, lost, or restarted."""


class DatabaseInUse(DatabaseError):
    """A database that another process has open."""


class DropRefused(LcIbisError):
    """A table that cannot be made again, or that is not to be dropped."""


class RedateRefused(LcIbisError):
    """A time in the future of which nothing tells when it truly was."""


class BackupError(LcIbisError):
    """A backup that cannot be made, or that is not whole."""


def cut(text: str, length: int = 100) -> str:
    """Return a text for a message, its end left out where it is long."""
    return text if len(text) <= length else f"{text[:length]}…"


def hint(wrong: str, known: Iterable[str]) -> str:
    """Return ' Did you mean x?' for the nearest known name, or all names when none is near."""
    names = sorted(set(known))
    near = difflib.get_close_matches(wrong, names, n=1)
    return f" Did you mean {near[0]}?" if near else f" Known: {', '.join(names)}."


class MigrationError(LcIbisError):
    """A migration that cannot begin, go on, or be taken back."""


class VerificationFailed(LcIbisError):
    """A stored table is not what the received rows and the histories make."""
