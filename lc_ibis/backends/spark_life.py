"""Whether a Spark session still lives. Servers end those that nobody used for a while, restart, and get lost."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
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
AGAIN = "Run this again: a new one is opened."
_RESTART = "the server was restarted"
_MARK = "lc_ibis.session"
# A session of Connect that is collected closes what all sessions of the process share, in the middle of another's
# query (PySpark 4.0): so none is.
_stopped: list[Any] = []
_marks: WeakKeyDictionary[Any, str] = WeakKeyDictionary()


def is_connect(session: Any) -> bool:
    """Say whether a session is one of Spark Connect."""
    return type(session).__module__.startswith("pyspark.sql.connect")


class Life:
    """What is known of a session's life: when it last answered, and, once it has ended, how.

    `remote` is the address that was asked for, if any; another session of that address is as good.
    """

    def __init__(self, spark: Any, remote: str | None):
        self.spark, self._remote = spark, remote
        self.answered_at: datetime | None = None
        self.has_ended = False

    def begin(self) -> None:
        """Raise SessionEnded where the session is no more.

        A mark is left in it, for Sail makes a session that it lost in a restart anew, under its id, and says nothing.
        """
        if is_connect(self.spark):
            with self.watched():
                known = self._mark_there()
            if known != _marks.get(self.spark):
                raise self._ended(_RESTART)
            if known is None:
                with suppress(Exception):  # serverless compute takes few settings, and tells of a restart itself
                    mark = uuid4().hex
                    self.spark.conf.set(_MARK, mark)
                    _marks[self.spark] = mark

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
        self.answered_at = datetime.now(timezone.utc)

    def _end(self, error: Exception) -> str | None:
        """Return how the session ended, if that is why there was an error."""
        condition = str(error.getCondition() or "") if hasattr(error, "getCondition") else ""
        text = str(error)
        if not is_connect(self.spark):
            is_gone = type(error).__name__ in _NO_JAVA or _STOPPED_CONTEXT in text
            return "Spark's process is gone, or was stopped" if is_gone else None
        if condition in _CLOSED or f"session {self.spark.session_id} is not running" in text:
            return "the server closed it, as servers do with those that nobody used for a while"
        if condition in _RESTARTED or "server side session identifier" in text:
            return _RESTART
        if condition in _STOPPED or "Channel closed" in text:
            return "it was stopped, or the server restarted"
        if condition == "RETRIES_EXCEEDED" or "StatusCode.UNAVAILABLE" in text:
            return "the server no longer answers"
        return _RESTART if self._has_lost_its_mark() else None

    def _has_lost_its_mark(self) -> bool:
        try:
            return is_connect(self.spark) and self._mark_there() != _marks.get(self.spark)
        except Exception:
            return False  # what was raised first is what is told

    def _mark_there(self) -> str | None:
        mark: str | None = self.spark.conf.get(_MARK, None)
        return mark

    def _ended(self, how: str) -> SessionEnded:
        self.has_ended = True
        since = f" It last answered at {self.answered_at:%Y-%m-%d %H:%M:%S} UTC." if self.answered_at else ""
        fix = AGAIN if self._remote else "Make a new one, then run this again."
        return SessionEnded(f"{ENDED} ({how}).{since} {fix}")
