"""A migration in a temporary directory: the old database, the new one, and what is in both."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb

from lc_ibis import migrations
from lc_ibis.migrations.comparing import Comparison
from tests.conftest import Lending


class Moving:
    """Moves an old database into a lending company's place; after every step the old one is seen to be untouched."""

    def __init__(self, lending: Lending, old: Path):
        self.lending, self.old = lending, old
        self._before = self._fingerprint()

    def _fingerprint(self) -> tuple[str, int, list[str]]:
        beside = sorted(path.name for path in self.old.parent.iterdir() if path.name.startswith(self.old.name))
        return hashlib.sha256(self.old.read_bytes()).hexdigest(), self.old.stat().st_mtime_ns, beside

    @property
    def places(self) -> dict[str, Any]:
        return {name: place for name, place in self.lending.places().items() if name != "inputs"}

    def call(self, name: str, *arguments: Any, **options: Any) -> Any:
        """Call a function of lc_ibis.migrations."""
        try:
            return getattr(migrations, name)(*arguments, **self.places, **options)
        finally:
            assert self._fingerprint() == self._before, "the old database was touched"

    def apply(self, **options: Any) -> Any:
        return self.call("apply", self.old, **options)

    def rollback(self, *phases: int, **options: Any) -> Any:
        return self.call("rollback", phases, **options)

    def statuses(self) -> list[str]:
        return [phase.status for phase in self.call("status")]

    def marts(self) -> list[Comparison]:
        return list(self.call("validate").tables)

    def query(self, sql: str) -> list[Any]:
        with closing(duckdb.connect(str(self.lending.database), read_only=True)) as con:
            return con.execute(sql).fetchall()

    def contents(self) -> dict[str, Any]:
        """Return a hash of the rows of every table, the text of every view, and the bytes of every output file."""
        found: dict[str, Any] = {
            f"file {path.name}": path.read_bytes()
            for path in sorted(self.lending.outputs.glob("*"))
            if "before-" not in path.name and path.is_file()
        }
        if not self.lending.database.exists():
            return found | {"database": None}
        for schema, name in self.query("SELECT schema_name, table_name FROM duckdb_tables() ORDER BY ALL"):
            [row] = self.query(
                f'SELECT count(*), bit_xor(md5_number_lower(t::VARCHAR)), sum(hash(t)) FROM "{schema}"."{name}" AS t'
            )
            found[f"{schema}.{name}"] = row
        for schema, name, sql in self.query(
            "SELECT schema_name, view_name, sql FROM duckdb_views() WHERE NOT internal"
        ):
            found[f"view {schema}.{name}"] = sql
        found["schemas"] = sorted(self.query("SELECT schema_name FROM duckdb_schemas()"))
        return found


class Templates:
    """Migrations that were applied once, to be copied: a phase takes most of a second."""

    def __init__(self, root: Path):
        self._root, self._made = root, set[str]()

    def copy(self, lending: Lending, name: str, make: Callable[[Path], Path], **options: Any) -> Moving:
        """Return a migration, all phases applied, of the old database that `make` makes at a path."""
        template = self._root / name
        if name not in self._made:
            self._made.add(name)
            template.mkdir()
            first = Lending(template)
            Moving(first, make(template / "before" / "old.duckdb")).apply(max_refused_share=1.0, **options)
        shutil.copytree(template, lending.root, dirs_exist_ok=True)
        return Moving(lending, lending.root / "before" / "old.duckdb")


def reasons(table: Comparison) -> dict[tuple[str, str | None], str | None]:
    """Return why each key, and column where both rows are there, differs."""
    return {(d.key, d.column): d.reason for d in table.differences}
