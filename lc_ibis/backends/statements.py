"""What SQL was run and how long it took, for who asks (--debug)."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from lc_ibis.redaction import logger

log = logger(__name__)
_SLOWEST = 3


class Statements:
    """Logs each statement with its seconds, if debugging is on; in the end the slowest, with its plan.

    `plan` returns the plan of a statement that has just run, as the engine tells it; nothing, where it has none.
    """

    def __init__(self, plan: Callable[[str], str]):
        self.is_on = log.isEnabledFor(logging.DEBUG)
        self._ask, self._taken = plan, list[tuple[float, str]]()
        self._plan, self._most = "", 0.0

    @contextmanager
    def timed(self, sql: str | Callable[[], str]) -> Iterator[None]:
        """Log a statement that runs meanwhile, unless it fails; its text, or what makes it."""
        started = time.perf_counter()
        yield
        if self.is_on:
            seconds = time.perf_counter() - started
            self._ran(sql if isinstance(sql, str) else sql(), seconds)

    def _ran(self, sql: str, seconds: float) -> None:
        log.debug("%.3f s  %s", seconds, sql)
        self._taken.append((seconds, sql))
        if seconds > self._most:
            try:
                plan = self._ask(sql)
            except Exception:  # of whatever kind an engine has: not every statement has a plan
                plan = ""
            if plan:
                self._most, self._plan = seconds, plan

    def summary(self) -> None:
        """Log the slowest statements, and the plan of the slowest that has one."""
        if not self._taken:
            return
        total = sum(seconds for seconds, _ in self._taken)
        log.debug("%d statements in %.3f s; the slowest:", len(self._taken), total)
        for seconds, sql in sorted(self._taken, reverse=True)[:_SLOWEST]:
            log.debug("%.3f s  %.200s", seconds, sql)
        if self._plan:
            log.debug("the plan of the slowest, which took %.3f s:\n%s", self._most, self._plan)
