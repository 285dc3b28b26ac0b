"""Backups: what is restored is what was there, byte for byte, or nothing is changed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest
from click.testing import CliRunner
from hypothesis import given, settings

import lc_ibis
from lc_ibis.api import backup as backups
from lc_ibis.backends.duckdb import copies
from lc_ibis.cli import main
from lc_ibis.errors import BackupError, DatabaseError, DatabaseInUse, LcIbisError, OutputError
from lc_ibis.files import backup as contents
from lc_ibis.files import places, whole
from tests.conftest import ALICE, SAVINGS, Lending
from tests.laws.test_laws import loads

pytestmark = pytest.mark.usefixtures("of_few_rows")

CHANGED = ("A1", "1", "7000.00", "Savings")
ADDED = ("A2", "1", "1.00", "Savings")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A place where one load was built and backed up, and the next one built."""
    lending = Lending(tmp_path_factory.mktemp("made"))
    lending.load([ALICE], [SAVINGS])
    back_up(lending, lending.root / "backup")
    shutil.copytree(lending.outputs, lending.root / "first_outputs")
    lending.load(accounts=[CHANGED, ADDED])
    return lending.root


@pytest.fixture
def two_loads(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lending:
    """A place of the second load, with a backup of the first in `backup`."""
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return Lending(tmp_path)


def paths_of(lending: Lending) -> dict[str, Any]:
    return {**lending.options, "database": lending.database, "outputs": lending.outputs}


def back_up(lending: Lending, to: Path | None = None) -> Path:
    return lc_ibis.backup(to, **paths_of(lending))


def restore(lending: Lending, backup: Path | None = None) -> list[places.Kept]:
    done: list[places.Kept] = []
    lc_ibis.restore(backup or lending.root / "backup", progress=done.append, **paths_of(lending))
    return done


def balances(lending: Lending) -> list[str]:
    with duckdb.connect() as con:
        con.execute(f"ATTACH '{str(lending.database).replace(chr(39), chr(39) * 2)}' AS lc_ibis (READ_ONLY)")
        rows = con.execute("SELECT original_balance_amount FROM lc_ibis.marts.account_summary ORDER BY account_id")
        return [str(amount) for (amount,) in rows.fetchall()]


def everything(root: Path) -> dict[str, bytes]:
    """Return the bytes of all files below a directory, those of the backup aside."""
    files = (path for path in root.rglob("*") if path.is_file() and "backup" not in path.parts)
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in files}


# There and back -------------------------------------------------------------------------------


def test_tables_and_files_come_back_and_the_next_load_is_built_on_them(two_loads: Lending) -> None:
    second = {name: [without_stamps(row) for row in rows] for name, rows in two_loads.contents().items()}
    restore(two_loads)
    assert balances(two_loads) == ["5000.00"]
    for file in (two_loads.root / "first_outputs").iterdir():
        assert (two_loads.outputs / file.name).read_bytes() == file.read_bytes()
    assert {result.status for result in lc_ibis.verify(database=two_loads.database)} == {"identical"}
    assert [run.run_id for run in lc_ibis.runs(database=two_loads.database)] == [1]

    run = two_loads.build()
    assert run.run_id == 2
    assert len(run.outputs) == 5
    assert {n: [without_stamps(row) for row in rows] for n, rows in two_loads.contents().items()} == second
    assert two_loads.build().status == "unchanged"


def without_stamps(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if not name.endswith("_at") and not name.startswith("dbt_")}


def test_what_is_replaced_is_kept(two_loads: Lending) -> None:
    before = two_loads.files()
    done = restore(two_loads)
    assert {kept.place.name: kept.kept.read_bytes() for kept in done if kept.kept} == before
    two_loads.database = next(kept.kept for kept in done if kept.place == two_loads.database and kept.kept)
    assert balances(two_loads) == ["7000.00", "1.00"]
    assert {kept.kept.name.split(".before-restore-")[0] for kept in done if kept.kept} == set(before) - {
        "lc.duckdb"
    } | {"lc.duckdb"}


def test_restoring_twice_does_nothing_more(two_loads: Lending) -> None:
    assert len(restore(two_loads)) == 6
    before = everything(two_loads.root)
    assert restore(two_loads) == []
    assert everything(two_loads.root) == before


def test_a_backup_can_be_restored_to_another_place(two_loads: Lending) -> None:
    before = everything(two_loads.root)
    other = Lending(two_loads.root / "elsewhere/é 'quoted'")
    other.database = other.root / "other name.duckdb"
    assert {kept.kept for kept in restore(other, two_loads.root / "backup")} == {None}
    assert balances(other) == ["5000.00"]
    assert other.files().keys() == {"other name.duckdb", *(f.name for f in two_loads.outputs.iterdir())}
    assert {path: data for path, data in everything(two_loads.root).items() if "elsewhere" not in path} == before


def test_a_backup_of_a_backup_s_database_is_the_same(two_loads: Lending) -> None:
    restore(two_loads)
    again = back_up(two_loads, two_loads.root / "again")
    one, other = (contents.read(backup) for backup in (two_loads.root / "backup", again))
    assert one.files == other.files
    assert (one.run_id, one.run_at) == (other.run_id, other.run_at)


def test_the_default_place_is_beside_the_database_and_new_each_time(two_loads: Lending) -> None:
    one, other = back_up(two_loads), back_up(two_loads)
    assert one != other
    assert one.parent == other.parent == two_loads.root / "backups"
    with pytest.raises(BackupError, match="the directory already exists"):
        back_up(two_loads, one)


@settings(max_examples=2)
@given(loads, loads)
def test_whatever_was_built_since_a_restore_brings_back_every_byte(before: list[Any], after: list[Any]) -> None:
    with tempfile.TemporaryDirectory() as root:
        lending = Lending(Path(root))
        for rows in before[:2]:
            lending.load(*rows)
        tables, files = lending.contents(), lending.files()
        backup = back_up(lending)
        for number, rows in enumerate(after[:2]):
            lending.load(*rows, partitioned=number == 1)
        restore(lending, backup)
        assert lending.contents() == tables
        assert {name: data for name, data in lending.files().items() if "before-restore" not in name} == files


# Outputs --------------------------------------------------------------------------------------


def test_outputs_of_another_form_are_kept_aside(two_loads: Lending) -> None:
    two_loads.build(partitioned=True)
    parted = ["account_summary", "customer_profile", "outputs.manifest.json"]
    assert sorted(path.name for path in two_loads.outputs.iterdir()) == parted
    parts = back_up(two_loads, two_loads.root / "parts")
    restore(two_loads)
    left = {path.name for path in two_loads.outputs.iterdir() if "before-restore" not in path.name}
    assert left == {path.name for path in (two_loads.root / "first_outputs").iterdir()}
    restore(two_loads, parts)
    left = {path.name for path in two_loads.outputs.iterdir() if "before-restore" not in path.name}
    assert left == set(parted)
    assert two_loads.build(partitioned=True).status == "unchanged"


def test_other_files_among_the_outputs_are_let_alone(two_loads: Lending) -> None:
    (two_loads.outputs / "notes.txt").write_text("mine")
    (two_loads.outputs / "customer_profile").mkdir()
    (two_loads.outputs / "customer_profile/notes.txt").write_text("mine")
    backup = back_up(two_loads)
    assert not list(backup.rglob("notes.txt"))
    restore(two_loads)
    assert (two_loads.outputs / "notes.txt").read_text() == "mine"
    assert (two_loads.outputs / "customer_profile/notes.txt").read_text() == "mine"


def test_an_output_that_is_missing_is_named(two_loads: Lending) -> None:
    (two_loads.outputs / "customer_profile.csv").unlink()
    backup = back_up(two_loads)
    assert contents.read(backup).missing == ("customer_profile.csv",)
    restore(two_loads, backup)
    assert [path.name for path in two_loads.build().outputs] == ["customer_profile.csv"]


def test_a_file_that_cannot_be_put_in_its_place_is_said_and_the_database_restored(
    two_loads: Lending, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied", "profile")

    monkeypatch.setattr(places, "_replaced", refuse)
    with pytest.raises(OutputError, match=r"profile: the database is restored, but this file cannot be replaced"):
        restore(two_loads)
    assert balances(two_loads) == ["5000.00"]
    assert not list(two_loads.root.rglob(".*"))
    monkeypatch.undo()
    assert len(restore(two_loads)) == 5


# What is no whole backup ----------------------------------------------------------------------


def refused(lending: Lending, match: str) -> None:
    """Restoring is refused, and changes nothing."""
    before = everything(lending.root)
    with pytest.raises(BackupError, match=match):
        restore(lending)
    assert everything(lending.root) == before


@pytest.mark.parametrize(
    "name", ["database/lc.duckdb", "outputs/account_summary.csv", "outputs/customer_profile.parquet"]
)
def test_a_flipped_bit_a_cut_or_a_missing_file_is_named(two_loads: Lending, name: str) -> None:
    file = two_loads.root / "backup" / name
    whole = file.read_bytes()
    file.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    refused(two_loads, f"{name} does not match its checksum")
    file.write_bytes(whole[:-1])
    refused(two_loads, rf"{name} has [\d,]+ bytes instead of")
    file.unlink()
    refused(two_loads, f"{name} is missing")


def rewritten(lending: Lending, change: Callable[[dict[str, Any]], None]) -> None:
    path = lending.root / "backup" / contents.NAME
    manifest = json.loads(path.read_text())
    change(manifest)
    path.write_text(json.dumps(manifest))


def test_a_newer_format_says_which_program_made_it(two_loads: Lending) -> None:
    rewritten(two_loads, lambda found: found.update(format_version=2, program_version="9.9", novelty=True))
    refused(two_loads, r"format 2, of lc-ibis 9\.9,.* \(maximum 1\)")


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", "7", '{"format_version": 1}', '{"format_version": "new"}', "[" * 5000, "\0", '"\\ud800"'],
)
def test_a_manifest_that_cannot_be_read_is_refused(two_loads: Lending, text: str) -> None:
    (two_loads.root / "backup" / contents.NAME).write_text(text)
    refused(two_loads, r"backup\.json: cannot read it")


@pytest.mark.parametrize(
    ("name", "value"),
    [("run_id", "1"), ("run_id", True), ("backend", None), ("files", None), ("files", [1]), ("files", [{"path": "x"}]),
     ("missing", 3), ("files", [{"path": "database/x", "size": "3", "sha256": "x"}]), ("unknown", 1)],
)  # fmt: skip
def test_a_manifest_with_values_of_other_types_is_refused(two_loads: Lending, name: str, value: object) -> None:
    rewritten(two_loads, lambda found: found.update({name: value}))
    refused(two_loads, r"backup\.json: cannot read it")


@pytest.mark.parametrize(
    "path",
    ["../stolen.csv", "outputs/../../stolen.csv", "/etc/hostname", "outputs//etc/hostname", "outputs/./x", "outputs/", "outputs",
     "elsewhere/x", "", "outputs/a\\b", "outputs/C:x", "outputs/\0", "database/lc.duckdb"],
)  # fmt: skip
def test_a_path_that_leaves_the_backup_is_refused(two_loads: Lending, path: str) -> None:
    (two_loads.root / "stolen.csv").write_text("x")
    entry = {"path": path, "size": 1, "sha256": "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"}
    rewritten(two_loads, lambda found: found["files"].append(entry))
    refused(two_loads, "invalid or repeated file name")


def test_a_link_in_place_of_a_file_is_refused(two_loads: Lending) -> None:
    file = two_loads.root / "backup/outputs/account_summary.csv"
    shutil.move(file, two_loads.root / "same.csv")
    file.symlink_to(two_loads.root / "same.csv")
    refused(two_loads, r"account_summary\.csv: a file of the backup is a link")
    shutil.move(file.parent, two_loads.root / "linked")
    (two_loads.root / "backup/outputs").symlink_to(two_loads.root / "linked")
    refused(two_loads, "outputs: a file of the backup is a link")


def test_a_backup_of_no_database_or_of_two_is_refused(two_loads: Lending) -> None:
    rewritten(
        two_loads, lambda found: found.update(files=[f for f in found["files"] if f["path"].startswith("outputs")])
    )
    refused(two_loads, "a DuckDB backup has exactly one file there")


def test_a_file_that_is_no_database_is_not_put_in_its_place(two_loads: Lending) -> None:
    file = two_loads.root / "backup/database/lc.duckdb"
    file.write_bytes(b"no database")
    [entry] = [found for found in contents.listed(two_loads.root / "backup") if found.path == "database/lc.duckdb"]
    rewritten(two_loads, lambda found: found["files"][0].update(size=entry.size, sha256=entry.sha256))
    refused(two_loads, r"database/lc\.duckdb: this version of DuckDB cannot open it")


def test_a_directory_without_manifest_is_no_backup(two_loads: Lending) -> None:
    (two_loads.root / "backup" / contents.NAME).unlink()
    refused(two_loads, r"there is no backup\.json, so this is not a backup, or an incomplete one")
    shutil.rmtree(two_loads.root / "backup")
    refused(two_loads, r"there is no backup\.json")
    (two_loads.root / "backup").write_text("a file")
    refused(two_loads, r"there is no backup\.json")


def test_a_backup_of_another_backend_names_it(two_loads: Lending) -> None:
    rewritten(two_loads, lambda found: found.update(backend="spark"))
    refused(two_loads, "Restore it with --backend spark")


@pytest.mark.parametrize("options", [{"backend": "databricks"}, {"backend": "spark", "remote": "sc://127.0.0.1:1"}])
def test_delta_tables_have_versions_of_their_own(lending: Lending, options: dict[str, Any]) -> None:
    for command in (lc_ibis.backup, lambda **given: lc_ibis.restore(lending.root, **given)):
        with pytest.raises(BackupError, match="RESTORE TABLE"):
            command(**options)
    assert not list(lending.root.glob("*/*"))


def test_without_a_database_there_is_nothing_to_back_up(lending: Lending) -> None:
    with pytest.raises(DatabaseError, match="no database found"):
        back_up(lending)
    assert not (lending.root / "backups").exists()


def test_a_database_of_something_else_can_be_backed_up(lending: Lending) -> None:
    with duckdb.connect(str(lending.database)) as con:
        con.execute("CREATE TABLE mine AS SELECT 1 AS x")
    found = contents.read(back_up(lending))
    assert (found.run_id, found.run_at, [file.path for file in found.files]) == (None, None, ["database/lc.duckdb"])


# Other processes ------------------------------------------------------------------------------

_WRITE = """
import duckdb, sys
con = duckdb.connect()
try:
    con.execute(f"ATTACH '{sys.argv[1]}' AS other")
    print("open")
except duckdb.IOException as error:
    print("in use" if "lock" in str(error) else error)
"""


def can_write(database: Path) -> str:
    """Say what another process that would write to a database meets."""
    ended = subprocess.run([sys.executable, "-c", _WRITE, str(database)], capture_output=True, text=True, check=True)
    return ended.stdout.strip()


def test_no_build_runs_while_a_backup_is_made(two_loads: Lending, monkeypatch: pytest.MonkeyPatch) -> None:
    met, copied = [], whole.copied

    def asked(source: Any, target: Path) -> str:
        done = copied(source, target)
        if target.suffix in (".csv", ".duckdb"):
            met.append((target.name, can_write(two_loads.database)))
        return done

    monkeypatch.setattr(backups, "copied", asked)
    monkeypatch.setattr(copies, "copied", asked)
    back_up(two_loads)
    assert len(met) == 3
    assert {answer for _, answer in met} == {"in use"}
    assert can_write(two_loads.database) == "open"


@pytest.mark.parametrize("is_there", [True, False])
def test_no_build_runs_while_a_backup_is_restored(
    two_loads: Lending, monkeypatch: pytest.MonkeyPatch, is_there: bool
) -> None:
    """Neither on the old database, before it is replaced, nor on the new one, while its files follow."""
    met = []
    for module, name in ((places, "keep"), (places, "_replaced"), (copies, "keep"), (copies, "settle")):
        original = getattr(module, name)

        def asked(*given: Any, original: Any = original) -> Any:
            met.append(can_write(two_loads.database))
            return original(*given)

        monkeypatch.setattr(module, name, asked)
    if not is_there:
        two_loads.database.unlink()
    restore(two_loads)
    assert len(met) >= 5
    assert set(met) == {"in use"}
    assert can_write(two_loads.database) == "open"


@pytest.mark.parametrize("command", [back_up, restore])
def test_a_database_that_another_process_writes_to_is_let_alone(
    two_loads: Lending, command: Callable[[Lending], object]
) -> None:
    code = f"import duckdb; c = duckdb.connect({str(two_loads.database)!r}); print(1, flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout
        holder.stdout.readline()
        before = everything(two_loads.root)
        with pytest.raises(DatabaseInUse, match=f"in use by process {holder.pid}"):
            command(two_loads)
        assert everything(two_loads.root) == before
        assert not (two_loads.root / "backups").exists()
        holder.communicate("\n")


def test_a_database_that_comes_meanwhile_is_let_alone(two_loads: Lending, monkeypatch: pytest.MonkeyPatch) -> None:
    two_loads.database.unlink()
    stage = places.stage

    def coming(source: Path, sha256: str, staged: Path) -> None:
        stage(source, sha256, staged)
        two_loads.database.write_text("another's")

    monkeypatch.setattr(copies, "stage", coming)
    with pytest.raises(DatabaseInUse, match="another process created it meanwhile"):
        restore(two_loads)
    assert two_loads.database.read_text() == "another's"
    assert not list(two_loads.root.rglob(".*"))


def with_log(database: Path) -> Path:
    """Have a process commit to a database and be killed, so that the commit is in the log alone; return the log."""
    code = (
        "import duckdb, os, signal; con = duckdb.connect(); "
        f"con.execute(\"ATTACH '{database}' AS lc_ibis; CREATE TABLE lc_ibis.main.last_words AS SELECT 42 AS x\"); "
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", code], check=False)
    # Beside a link before DuckDB 1.5, beside the file since.
    [log] = (log for place in {database.parent, database.resolve().parent} for log in place.glob("*.wal"))
    return log


def late(database: Path) -> list[Any]:
    with duckdb.connect(str(database), read_only=True) as con:
        return con.execute("FROM main.last_words").fetchall()


@pytest.mark.parametrize("is_linked", [False, True])
def test_what_is_in_the_log_alone_is_in_the_backup(two_loads: Lending, is_linked: bool) -> None:
    if is_linked:
        (two_loads.root / "far").mkdir()
        shutil.move(two_loads.database, two_loads.root / "far/real.duckdb")
        two_loads.database.symlink_to("far/real.duckdb")
    log = with_log(two_loads.database)
    before = log.read_bytes(), two_loads.database.read_bytes()
    backup = back_up(two_loads)
    assert (log.read_bytes(), two_loads.database.read_bytes()) == before
    assert [path.name for path in (backup / "database").iterdir()] == ["lc.duckdb"]
    two_loads.load(accounts=[SAVINGS])
    restore(two_loads, backup)
    assert late(two_loads.database) == [(42,)]
    assert two_loads.database.is_symlink() == is_linked


def test_the_log_of_the_old_database_is_not_taken_for_one_of_the_new(two_loads: Lending) -> None:
    log = with_log(two_loads.database)
    done = restore(two_loads)
    assert not log.exists()
    assert balances(two_loads) == ["5000.00"]
    with pytest.raises(duckdb.CatalogException):
        late(two_loads.database)
    [kept] = [kept.kept for kept in done if kept.place == two_loads.database]
    assert kept
    assert late(kept) == [(42,)]


def test_a_damaged_database_is_replaced_and_kept_with_its_log(two_loads: Lending) -> None:
    log = with_log(two_loads.database)
    written = log.read_bytes()
    two_loads.database.write_bytes(b"damaged")
    done = restore(two_loads)
    assert balances(two_loads) == ["5000.00"]
    [kept] = [kept.kept for kept in done if kept.place == two_loads.database]
    assert kept
    assert kept.read_bytes() == b"damaged"
    assert kept.with_name(f"{kept.name}.wal").read_bytes() == written
    assert {result.status for result in lc_ibis.verify(database=two_loads.database)} == {"identical"}


def test_a_directory_in_the_database_s_place_is_refused(two_loads: Lending) -> None:
    two_loads.database.unlink()
    two_loads.database.mkdir()
    with pytest.raises(DatabaseError, match="the path is a directory"):
        restore(two_loads)


# What goes wrong ------------------------------------------------------------------------------


@pytest.mark.parametrize("command", [back_up, restore])
def test_a_full_disk_changes_nothing(
    two_loads: Lending, monkeypatch: pytest.MonkeyPatch, command: Callable[[Lending], object]
) -> None:
    before, copied = everything(two_loads.root), whole.copied

    def full(source: Any, target: Path) -> str:
        copied(source, target)
        raise OSError(28, "No space left on device", str(target))

    for module in (copies, places):
        monkeypatch.setattr(module, "copied", full)
    with pytest.raises(BackupError, match="No space left on device"):
        command(two_loads)
    assert everything(two_loads.root) == before
    assert not list(two_loads.root.glob("backups/*"))


def test_a_file_system_without_second_names_does(two_loads: Lending, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(os, "link", refuse)
    before = two_loads.files()
    assert {kept.place.name: kept.kept.read_bytes() for kept in restore(two_loads) if kept.kept} == before
    two_loads.database.unlink()
    restore(two_loads)
    assert balances(two_loads) == ["5000.00"]


def test_a_swap_that_fails_is_undone(two_loads: Lending, monkeypatch: pytest.MonkeyPatch) -> None:
    with_log(two_loads.database)
    two_loads.database.write_bytes(b"damaged")
    before, replace = everything(two_loads.root), os.replace

    def refuse(source: Path, target: Path) -> None:
        if Path(target) == two_loads.database:
            raise PermissionError(13, "Permission denied", str(source), None, str(target))
        replace(source, target)

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(BackupError, match=r"lc\.duckdb: cannot write it \(Permission denied\), so nothing"):
        restore(two_loads)
    assert everything(two_loads.root) == before


_KILLED_AT = """
import itertools, os, shutil, signal
import lc_ibis
from lc_ibis import layers
from lc_ibis.api import backup
from lc_ibis.backends.duckdb import copies
from lc_ibis.files import backup as contents, places

def killed_at(calls):
    def counted(original):
        def call(*given, **named):
            nonlocal calls
            calls -= 1
            if not calls:
                os.kill(os.getpid(), signal.SIGKILL)
            return original(*given, **named)
        return call
    for owner, name in {targets}:
        setattr(owner, name, counted(getattr(owner, name)))
    lc_ibis.{command}
    os._exit(0)

for calls in itertools.count(1):
    shutil.copytree("whole", f"killed/{{calls}}")
    if not (child := os.fork()):
        os.chdir(f"killed/{{calls}}")
        killed_at(calls)
    _, ended = os.waitpid(child, 0)
    assert ended in (0, signal.SIGKILL)
    if not ended:
        break
"""


def killed(lending: Lending, command: str, targets: str) -> list[Lending]:
    """Kill a command at each of some calls; return the copies of the place where it was, in the order of the calls."""
    shutil.copytree(lending.root, lending.root / "whole")
    code = _KILLED_AT.format(command=command, targets=targets)
    subprocess.run([sys.executable, "-c", code], check=True, cwd=lending.root)
    steps = sorted(int(path.name) for path in (lending.root / "killed").iterdir())
    assert len(steps) > 8
    return [Lending(lending.root / f"killed/{step}") for step in steps[:-1]]


_COPIES = "((backup, 'copied'), (copies, 'copied'), (contents, 'settle'), (os, 'replace'))"


def test_a_backup_that_was_killed_is_none(two_loads: Lending) -> None:
    """In the order of its steps: outputs, database, directories, and last the manifest."""
    for place in killed(two_loads, "backup('cut_off', database='lc.duckdb', outputs='outputs')", _COPIES):
        done = place.root / "cut_off"
        if (done / "backup.json").exists():
            # Only what comes after the manifest is left to do.
            assert len(restore(place, done)) == 0
            continue
        with pytest.raises(BackupError, match=r"there is no backup\.json"):
            restore(place, done)
        assert place.files() == two_loads.files()
        shutil.rmtree(done)
        back_up(place, done)


_MOVES = "((os, 'link'), (os, 'replace'), (os, 'rename'), (os, 'unlink'), (places, 'copied'), (copies, '_opened'))"


@pytest.mark.parametrize("before", ["sound", "damaged", "none"])
def test_killed_at_any_step_the_database_is_the_old_or_the_new_one(two_loads: Lending, before: str) -> None:
    """Every call that changes a name or writes a file is a step."""
    first, second = ["5000.00"], ["7000.00", "1.00"]
    files = {path.name: path.read_bytes() for path in (two_loads.root / "first_outputs").iterdir()}
    if before == "none":
        two_loads.database.unlink()
    if before == "damaged":
        with_log(two_loads.database)
        two_loads.database.write_bytes(b"damaged")
    found = []
    for place in killed(two_loads, "restore('backup', database='lc.duckdb', outputs='outputs')", _MOVES):
        if before != "sound" and (not place.database.exists() or place.database.read_bytes() == b"damaged"):
            found.append(second)
        else:
            found.append(balances(place))
        restore(place)
        assert balances(place) == first
        assert {p.name: p.read_bytes() for p in place.outputs.iterdir() if ".before-restore-" not in p.name} == files
        assert not list(place.root.rglob(".*"))
    assert found == sorted(found, reverse=True)
    assert [first in found, second in found] == [True, True]


# The command ----------------------------------------------------------------------------------


def test_the_commands_say_what_they_did(two_loads: Lending) -> None:
    def run(*words: str) -> Any:
        places = ["--database", "lc.duckdb", "--outputs", "outputs"]
        return CliRunner().invoke(main, [*words, *places])

    made = run("backup", "--to", "mine")
    assert made.exit_code == 0
    assert made.output.startswith("backed up run 2 of 20")
    assert ": 6 files, " in made.output
    assert made.output.endswith("\n  mine\n")
    again = run("backup", "--to", "mine")
    assert again.exit_code == 1
    assert again.stderr == "Error: mine: the directory already exists. Choose a new one with --to.\n"

    done = run("restore", "backup")
    assert done.exit_code == 0
    assert "  lc.duckdb, the previous one kept as lc.duckdb.before-restore-20" in done.output
    assert "Restored tables and files of run 1 of 20" in done.output
    assert run("restore", "backup").output.startswith(
        "Nothing to do: tables and files are already those of run 1 of 20"
    )

    document = json.loads(run("restore", "mine", "--json").stdout)
    assert document["database"] == "lc.duckdb"
    filled = [Path(one["place"]).name for one in document["places"]]
    assert filled == ["lc.duckdb", *sorted(path.name for path in (two_loads.root / "first_outputs").iterdir())]
    document = json.loads(run("backup", "--json").stdout)
    assert (document["run_id"], len(document["files"]), document["missing"]) == (2, 6, [])
    assert Path(document["directory"], "backup.json").exists()


def test_a_failed_restore_exits_with_one(two_loads: Lending) -> None:
    ended = CliRunner().invoke(main, ["restore", "nowhere"])
    assert ended.exit_code == 1
    assert "no backup" in ended.stderr
    assert ended.stdout == ""
    assert issubclass(BackupError, LcIbisError)
    assert backups.DIRECTORY == "backups"
