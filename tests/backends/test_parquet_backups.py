"""Backups of Spark's tables: parts come beside those that are there, and the manifest is replaced last."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import ibis
import pytest

import lc_ibis
from lc_ibis.backends.spark import copies
from lc_ibis.backends.spark.manifest import NAME, Manifest, Stored, locked
from lc_ibis.errors import BackupError, DatabaseError, DatabaseInUse
from lc_ibis.files.backup import listed
from lc_ibis.files.places import Kept
from tests import ROOT
from tests.conftest import ALICE, SAVINGS, WIDELY, Lending

SCHEMA = ibis.schema({"id": "int64"})
PLACE = ("marts", "profile")
MARK = "before-restore-now"


def build(root: Path, text: str) -> None:
    """Publish one table of one part, as a build does; what was before the last build goes."""
    manifest = Manifest(root)
    with locked(root):
        manifest.begin()
        manifest.sweep()
        part = manifest.new_part(*PLACE)
        part.mkdir(parents=True)
        (part / "rows.parquet").write_text(text)
        (part / ".rows.parquet.crc").write_text(f"crc of {text}")
        manifest.replace({PLACE: Stored(SCHEMA, (part,))})


def rows(root: Path) -> str:
    """Read the table that a directory holds."""
    [table] = Manifest(root).read().values()
    return "".join((part / "rows.parquet").read_text() for part in table.parts)


def put_back(root: Path, backup: Path, mark: str = MARK) -> Kept | None:
    files = {file.path: file.sha256 for file in listed(backup)}
    with copies.replaced(backup, files, root, mark) as kept:
        with pytest.raises(DatabaseInUse):
            locked(root)
        return kept


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A directory of the second build, with a backup of the first beside it."""
    root = tmp_path / "db"
    build(root, "first")
    copies.copy(root, tmp_path / "backup")
    build(root, "second")
    return root


def test_tables_come_back_and_what_they_were_is_kept(root: Path) -> None:
    kept = put_back(root, root.parent / "backup")
    assert kept == Kept(root, root.with_name(f"db.{MARK}"))
    assert rows(root) == "first"
    assert kept.kept
    assert rows(kept.kept) == "second"
    assert put_back(root, root.parent / "backup") is None
    build(root, "third")
    build(root, "fourth")
    assert rows(root) == "fourth"
    assert rows(kept.kept) == "second"


def test_a_reader_that_began_before_a_restore_reads_on(root: Path) -> None:
    [(_, table)] = Manifest(root).read().items()
    put_back(root, root.parent / "backup")
    build(root, "third")
    assert (table.parts[0] / "rows.parquet").read_text() == "second"


def test_tables_come_back_where_the_parts_are_gone(root: Path) -> None:
    build(root, "third")
    [layer] = [path for path in root.iterdir() if path.is_dir() and path.name != "scratch"]
    shutil.rmtree(layer)
    put_back(root, root.parent / "backup")
    assert rows(root) == "first"


@pytest.mark.parametrize("spoil", [Path.unlink, lambda path: path.write_text("{")])
def test_a_manifest_that_is_lost_or_damaged_comes_back(root: Path, spoil: object) -> None:
    spoil(root / NAME)  # type: ignore[operator]
    kept = put_back(root, root.parent / "backup")
    assert rows(root) == "first"
    assert kept
    assert kept.kept
    assert {path.read_text() for path in kept.kept.rglob("rows.parquet")} >= {"second"}
    build(root, "third")
    assert rows(root) == "third"


def test_a_part_that_was_damaged_since_is_replaced(root: Path) -> None:
    put_back(root, root.parent / "backup")
    [table] = Manifest(root).read().values()
    file = table.parts[0] / "rows.parquet"
    file.unlink()  # what was kept may be the same file by another name
    file.write_text("damaged")
    shutil.rmtree(root.with_name(f"db.{MARK}"))
    put_back(root, root.parent / "backup")
    assert rows(root) == "first"


def test_tables_come_to_a_new_place(root: Path) -> None:
    assert put_back(root.parent / "new/db", root.parent / "backup") == Kept(root.parent / "new/db", None)
    assert rows(root.parent / "new/db") == "first"


def test_a_directory_that_a_build_writes_to_is_let_alone(root: Path) -> None:
    files = {file.path: file.sha256 for file in listed(root.parent / "backup")}
    lock = locked(root)
    with pytest.raises(DatabaseInUse), copies.replaced(root.parent / "backup", files, root, MARK):
        pass
    lock.release()
    assert rows(root) == "second"


def test_a_backup_without_its_manifest_or_with_another_s_paths_is_refused(root: Path) -> None:
    backup = root.parent / "backup"
    text = (backup / NAME).read_text()
    (backup / NAME).write_text(text.replace("marts/profile/", "../../../"))
    with pytest.raises(DatabaseError, match="cannot read it"):
        put_back(root, backup)
    (backup / NAME).unlink()
    with pytest.raises(BackupError, match=r"the backup contains no tables\.json"):
        put_back(root, backup)
    assert rows(root) == "second"
    with pytest.raises(DatabaseError, match="no database found"):
        copies.copy(root.parent, root.parent / "nothing")


_KILLED = """
import itertools, os, shutil, signal
from pathlib import Path
from lc_ibis.backends.spark import copies
from lc_ibis.files import places
from tests.backends.test_parquet_backups import put_back

def killed_at(calls):
    def counted(original):
        def call(*given, **named):
            nonlocal calls
            calls -= 1
            if not calls:
                os.kill(os.getpid(), signal.SIGKILL)
            return original(*given, **named)
        return call
    for owner, name in ((os, "link"), (os, "replace"), (os, "rename"), (os, "mkdir"), (places, "copied")):
        setattr(owner, name, counted(getattr(owner, name)))
    put_back(Path("db"), Path("backup"))
    os._exit(0)

for calls in itertools.count(1):
    shutil.copytree("whole", f"killed/{calls}")
    if not (child := os.fork()):
        os.chdir(f"killed/{calls}")
        killed_at(calls)
    _, ended = os.waitpid(child, 0)
    assert ended in (0, signal.SIGKILL)
    if not ended:
        break
"""


def test_killed_at_any_step_the_tables_are_the_old_or_the_new_ones(root: Path) -> None:
    home = root.parent
    shutil.copytree(home, home / "whole")
    path = os.pathsep.join([str(ROOT), *sys.path])
    subprocess.run([sys.executable, "-c", _KILLED], check=True, cwd=home, env={**os.environ, "PYTHONPATH": path})
    steps = sorted(int(step.name) for step in (home / "killed").iterdir())
    found = []
    for step in steps[:-1]:
        place = home / f"killed/{step}"
        found.append(rows(place / "db"))
        put_back(place / "db", place / "backup", f"{MARK}-again")
        assert rows(place / "db") == "first"
        build(place / "db", "third")
        assert not list((place / "db").glob("scratch/*/*"))
    assert len(found) > 8
    assert found == sorted(found, reverse=True)
    assert "second" in found


@pytest.mark.parametrize("backend", WIDELY[2:])
def test_spark_s_tables_and_files_come_back(lending: Lending) -> None:
    places = {**lending.options, "outputs": lending.outputs}
    lending.load([ALICE], [SAVINGS])
    before, files = lending.contents(), lending.files()
    backup = lc_ibis.backup(**places)
    lending.load(accounts=[("A1", "1", "7000.00", "Savings")])
    done: list[Kept] = []
    assert lc_ibis.restore(backup, progress=done.append, **places) == lending.database
    assert len(done) == 5
    assert lending.contents() == before
    after = {name: data for name, data in lending.files().items() if "before-restore" not in name}
    assert {**after, NAME: b""} == {**files, NAME: b""}
    assert {result.status for result in lc_ibis.verify(**lending.options)} == {"identical"}
    assert lending.load(accounts=[("A1", "1", "7000.00", "Savings")]).run_id == 2
