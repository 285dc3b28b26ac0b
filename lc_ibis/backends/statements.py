"""What SQL was run and how long it took, for who asks (--debug)."""

from __future__ import annotations

import logging
import time

import duckdb

from lc_ibis.redaction import logger

log = logger(__name__)
_SLOWEST = 3


class Statements:
    """Logs each statement with its seconds, if debugging is on; in the end the slowest, with its plan."""

    def __init__(self, con: duckdb.DuckDBPyConnection):
        self.is_on = log.isEnabledFor(logging.DEBUG)
        self._con, self._taken = con, list[tuple[float, str]]()
        self._plan, self._most = "", 0.0
        if self.is_on:
            con.execute("SET enable_profiling = 'no_output'")

    def ran(self, sql: str, started: float) -> None:
        """Log a statement that began at a reading of time.perf_counter."""
        seconds = time.perf_counter() - started
        log.debug("%.3f s  %s", seconds, sql)
        self._taken.append((seconds, sql))
        if seconds > self._most and sql != "COMMIT":  # which has no plan
            self._most, self._plan = seconds, self._con.get_profiling_information(format="query_tree")

    def summary(self) -> None:
        """Log the slowest statements, and where the slowest spent its time."""
        if not self._taken:
            return
        total = sum(seconds for seconds, _ in self._taken)
        log.debug("%d statements in %.3f s; the slowest:", len(self._taken), total)
        for seconds, sql in sorted(self._taken, reverse=True)[:_SLOWEST]:
            log.debug("%.3f s  %.200s", seconds, sql)
        log.debug("the plan of the slowest, with what each part took:\n%s", self._plan)
