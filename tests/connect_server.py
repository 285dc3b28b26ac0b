"""A Spark Connect server with Delta Lake on loopback, and the session that tests share."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pysail.spark import SparkConnectServer
from pyspark.sql.connect.session import SparkSession

from lc_ibis.backends.spark.life import Life

# Sail ends a session that nobody used for fifteen minutes; on a slow machine a test may need its own later.
_IDLE = {"SAIL_SPARK__SESSION_TIMEOUT_SECS": str(24 * 3600)}


class ConnectServer:
    """Sail's server, which keeps tables below `directory`; its catalog is that of one session."""

    def __init__(self, directory: Path, port: int = 0):
        self.directory = directory
        with _within(directory):
            self._server = SparkConnectServer("127.0.0.1", port)
            self._server.start(background=True)
        self._host, self.port = self._server.listening_address
        self.address = f"sc://{self._host}:{self.port}"

    def session(self) -> Any:
        """Return the active session; one that is no more is made again."""
        active = SparkSession.getActiveSession()
        if active is not None and active.client._builder.endpoint != f"{self._host}:{self.port}":
            left(active)  # its server may be gone, and an answer be waited for
        elif active is not None:
            try:
                active.conf.get("spark.sql.session.timeZone", None)
            except Exception:
                left(active)
        return SparkSession.builder.remote(self.address).getOrCreate()

    def stop(self) -> None:
        self._server.stop()


def end(session: Any) -> None:
    """Have the server end a session, as it does with one that nobody used; its client knows nothing of it."""
    session.client.release_session()


def left(session: Any) -> None:
    """Forget a session that has ended."""
    life = Life(session, None)
    life.has_ended = True
    life.leave()


class Metastore:
    """Knows tables for longer than a session lives, as Unity Catalog and Hive do, and Sail's own catalog does not."""

    def __init__(self) -> None:
        self._places: dict[tuple[str, str], Path] = {}

    def learn(self, session: Any, prefix: str) -> None:
        """Remember where the Delta tables of a database are."""
        for schema in (next(iter(row.values())) for row in session.sql("SHOW SCHEMAS").toArrow().to_pylist()):
            if schema.startswith(prefix):
                for table in session.sql(f"SHOW TABLE EXTENDED IN {schema} LIKE '*'").toArrow().to_pylist():
                    if found := re.search(r"^Location: (.*)$", table["information"], re.MULTILINE):
                        self._places[schema, table["tableName"]] = Path(found[1]).resolve()

    def teach(self, session: Any) -> None:
        """Tell a new session of them."""
        for (schema, table), place in self._places.items():
            session.sql(f"CREATE SCHEMA IF NOT EXISTS {schema}").toArrow()
            session.sql(f"CREATE TABLE {schema}.`{table}` USING delta LOCATION '{place}'").toArrow()


@contextmanager
def _within(directory: Path) -> Iterator[None]:
    """Start a server where it is to keep its tables, and with its settings."""
    place, known = Path.cwd(), {name: os.environ.get(name) for name in _IDLE}
    os.chdir(directory)
    os.environ.update(_IDLE)
    try:
        yield
    finally:
        os.chdir(place)
        for name, value in known.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
