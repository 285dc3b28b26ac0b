"""Whether a Spark session still lives. Servers end those that nobody used for a while, restart, and get lost."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any
from uuid import uuid4
from weakref import WeakKeyDictionary

from lc_ibis.errors import SessionEnded

# Spark and Databricks name the condition; Sail, which has none, says it of the session's id.
_CLOSED = ("INVALID_HANDLE.SESSION_CLOSED", "INVALID_HANDLE.SESSION_NOT_FOUND")
_RESTARTED = ("INVALID_HANDLE.SESSION_CHANGED",)
_STOPPED = ("NO_ACTIVE_SESSION",)
# The classes of what Py4J raises once Java's process is gone, and what the driver says after its context stopped.
_NO_JAVA = ("Py4JNetworkError", "ConnectionRefusedError", "ConnectionResetError", "BrokenPipeError")
_STOPPED_CONTEXT = "stopped SparkContext"
ENDED = "backend: the Spark session has ended"
AGAIN = "Run the command again. It opens a new session."
_ANEW, _ELSEWHERE = "Create a new session, then run this again.", "Start a new process, then run this again."
_RESTART = "the server was restarted"
_NO_PROCESS = "Spark's process is gone, or was stopped"
_MARK = "lc_ibis.session"
# A session of Connect that is collected closes what all sessions of the process share, in the middle of another's
# query (PySpark 4.0): so none is.
_stopped: list[Any] = []


@dataclass
class _Known:
    """What all builds of this process know of a session of Connect."""

    mark: str | None = None
    answered_at: datetime | None = None
    catalog: str | None = None


_known: WeakKeyDictionary[Any, _Known] = WeakKeyDictionary()


def is_connect(session: Any) -> bool:
    """Say whether a session is one of Spark Connect."""
    return type(session).__module__.startswith("pyspark.sql.connect")


def is_running(spark: Any) -> bool:
    """Say whether the process of a session that is not of Connect answers, and its context is not stopped."""
    try:
        return not spark.sparkContext._jsc.sc().isStopped()
    except Exception:
        return False


@contextmanager
def asking_java() -> Iterator[None]:
    """Raise SessionEnded where what is asked of Spark's process, before there is a session, finds none."""
    try:
        yield
    except Exception as error:
        if type(error).__name__ not in _NO_JAVA:
            raise
        raise SessionEnded(f"{ENDED} ({_NO_PROCESS}). {_ELSEWHERE}") from None


class Life:
    """What is known of a session's life: when it last answered, and, once it has ended, how.

    `remote` is the address that was asked for, if any; another session of that address is as good.
    """

    def __init__(self, spark: Any, remote: str | None):
        self.spark, self._remote = spark, remote
        self._known = _known.setdefault(spark, _Known()) if is_connect(spark) else _Known()
        self.has_ended = False
        self.told = ""  # how it ended, and when it last answered

    @property
    def catalog(self) -> str | None:
        """Return the catalog that the session was in when the last build began, as far as it was told."""
        return self._known.catalog

    def begin(self) -> None:
        """Raise SessionEnded where the session is no more.

        A mark is left in it, for Sail makes a session that it lost in a restart anew, under its id, and says nothing.
        """
        self.verify()
        if is_connect(self.spark):
            with suppress(Exception):  # serverless compute takes few settings, and tells of a restart itself
                self._known.mark = self._mark_there() or self._marked()
            with suppress(Exception):
                self._known.catalog = self.spark.catalog.currentCatalog()

    def verify(self) -> None:
        """Raise SessionEnded where a session of Connect is no more, or another is there under its id."""
        if is_connect(self.spark):
            with self.watched():
                there = self._mark_there()
            if self._is_another(there):
                raise self._ended(_RESTART)

    def leave(self) -> None:
        """Stop the session, or, where it has ended, this end of it, so that another can be active."""
        if is_connect(self.spark):
            if self.has_ended:
                self.spark.client.set_retry_policies([])  # its server would be told of it for minutes
            _stopped.append(self.spark)
        if is_connect(self.spark) or not self.has_ended:
            self.spark.stop()

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Raise SessionEnded where what is asked meanwhile fails because the session is no more."""
        try:
            yield
        except Exception as error:
            how = None if isinstance(error, SessionEnded) else self._end(error)
            if how is None:
                raise
            raise self._ended(how) from None
        self._known.answered_at = datetime.now(timezone.utc)

    def _end(self, error: Exception) -> str | None:
        """Return how the session ended, if that is why there was an error."""
        condition = str(error.getCondition() or "") if hasattr(error, "getCondition") else ""
        text = str(error)
        if not is_connect(self.spark):
            # A model or a progress that calls a service meets the same errors: so Java is asked.
            is_gone = type(error).__name__ in _NO_JAVA and not is_running(self.spark)
            return _NO_PROCESS if is_gone or _STOPPED_CONTEXT in text else None
        if condition in _CLOSED or f"session {self.spark.session_id} is not running" in text:
            return "the server closed it, probably because it was idle"
        if condition in _RESTARTED or "server side session identifier" in text:
            return _RESTART
        if condition in _STOPPED or "Channel closed" in text:
            return "it was stopped, or the server restarted"
        if condition == "RETRIES_EXCEEDED" or "StatusCode.UNAVAILABLE" in text:
            return "the server no longer answers"
        return _RESTART if self._has_lost_its_mark() else None

    def _has_lost_its_mark(self) -> bool:
        try:
            return self._is_another(self._mark_there())
        except Exception:
            return False  # what was raised first is what is told

    def _is_another(self, mark: str | None) -> bool:
        """Say whether a session's mark is not the one known here; where none is, another process may have set it."""
        return self._known.mark is not None and mark != self._known.mark

    def _marked(self) -> str:
        mark = uuid4().hex
        self.spark.conf.set(_MARK, mark)
        return mark

    def _mark_there(self) -> str | None:
        mark: str | None = self.spark.conf.get(_MARK, None)
        return mark

    def _ended(self, how: str) -> SessionEnded:
        self.has_ended = True
        at = self._known.answered_at
        self.told = f"{ENDED} ({how})." + (f" It last answered at {at:%Y-%m-%d %H:%M:%S} UTC." if at else "")
        fix = AGAIN if self._remote else _ELSEWHERE if how == _NO_PROCESS else _ANEW
        return SessionEnded(f"{self.told} {fix}")
