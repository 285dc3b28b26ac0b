"""What tables, files and jobs are called in OpenLineage, so that no two projects share a name.

https://openlineage.io/docs/spec/naming says it for files. For DuckDB it is as in OpenLineage's integration of dbt: the
namespace is the database by its whole path, and its name in DuckDB, the file's without ending, stands before the layer.
"""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path
from urllib.parse import urlsplit

from lc_ibis.backends import keeps_delta
from lc_ibis.declare.models import Model
from lc_ibis.settings import Settings

Name = tuple[str, str]


class Names:
    """The names of a project, each a namespace and a name in it."""

    def __init__(self, settings: Settings):
        self._settings = settings

    @property
    def jobs(self) -> str:
        """The namespace of the jobs: as the environment says, or of the place where the tables live."""
        place, host = self._settings.place, self._host
        return os.environ.get("OPENLINEAGE_NAMESPACE") or f"lc_ibis:{f'{host}/{place}' if host else place.resolve()}"

    def file(self, path: Path) -> Name:
        """Return the name of a file of this machine."""
        return "file", str(path.resolve())

    def table(self, model: Model) -> Name:
        """Return the name of a stored table. Asked for once the backend's packages are known to be there."""
        namespace, before, between = self._tables
        return namespace, f"{before}{model.layer}{between}{model.name}"

    @cached_property
    def _tables(self) -> tuple[str, str, str]:
        """The namespace, and what stands before the layer and before the table's name."""
        place = self._settings.place.resolve()
        if self._settings.backend == "duckdb":
            return f"duckdb://{place}", f"{place.stem}.", "."
        if not keeps_delta(self._settings):
            return "file", f"{place}/", "/"
        namespace = f"{self._settings.backend}://{self._host}" if self._host else self._settings.backend
        return namespace, f"{self._schemas()}_", "."

    @property
    def _host(self) -> str:
        """The machine that keeps the tables, without what may be secret in its address; none for this one."""
        if self._settings.backend == "databricks":
            return os.environ.get("DATABRICKS_HOST", "").removeprefix("https://").rstrip("/")
        return urlsplit(self._settings.remote).netloc.rpartition("@")[2] if self._settings.remote else ""

    def _schemas(self) -> str:
        """Return what the names of all schemas begin with: catalog.prefix."""
        if self._settings.database:
            return str(self._settings.database)
        from lc_ibis.backends.spark.delta import Delta

        if self._settings.backend == "spark":
            return Delta.PREFIX
        from lc_ibis.backends.spark.databricks import Warehouse

        return Warehouse.place()
