"""A disk that is full, not ours to write to, or gone: an error of ours, the old state, and a build once it is mended."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import lc_ibis
from lc_ibis.errors import DatabaseError, LcIbisError, OutputError
from lc_ibis.outputs import pending
from tests.conftest import ALICE, SAVINGS, Lending
from tests.torture.cases import Killer

pytestmark = pytest.mark.usefixtures("of_few_rows")

CHANGED = ("A1", "1", "7000.00", "Savings")
NOBODY = 65534


# A disk of its own -------------------------------------------------------------------------------


def _mount(*words: str) -> bool:
    return subprocess.run(["mount", *words], capture_output=True, check=False).returncode == 0


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 16 MB."""
    place = tmp_path / "disk"
    place.mkdir()
    if not shutil.which("mount") or not _mount("-t", "tmpfs", "-o", "size=16m", "tmpfs", str(place)):
        pytest.skip("no disk can be mounted here")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def test_a_full_disk_is_said_and_nothing_is_lost(disk: Path) -> None:
    place = Lending(disk / "place")
    place.load([ALICE], [SAVINGS])
    before, files = place.contents(), {path.name for path in place.outputs.iterdir()}
    place.deliver(accounts=[(f"A{n}", "1", "1.00", "Savings") for n in range(20_000)])
    filler = disk / "filler"
    for left in (0, 100_000, 500_000, 2_000_000):
        filler.write_bytes(b"0" * (shutil.disk_usage(disk).free - left))
        with pytest.raises(LcIbisError, match=r"No space left|out of memory or disk|cannot write"):
            place.build(allow_mass_delete=True)
        assert place.contents() == before
        assert {path.name for path in place.outputs.iterdir()} == files
        filler.unlink()
    assert place.build(allow_mass_delete=True).status == "built"
    assert all(found.status == "identical" for found in lc_ibis.verify(database=place.database))


def test_a_disk_that_is_only_read_is_said_and_read(disk: Path) -> None:
    place = Lending(disk / "place")
    place.load([ALICE], [SAVINGS])
    before = place.contents()
    assert _mount("-o", "remount,ro", str(disk))
    with pytest.raises(LcIbisError, match="Read-only file system|read-only"):
        place.build()
    assert place.contents() == before
    with pytest.raises(OutputError, match="Read-only file system"):
        lc_ibis.export("account_summary", place.root / "marts.csv", database=place.database)
    with pytest.raises(LcIbisError):
        lc_ibis.compact(database=place.database)
    assert _mount("-o", "remount,rw", str(disk))
    place.deliver(accounts=[CHANGED])
    assert place.build().status == "built"


# Leave that is not given -------------------------------------------------------------------------


@pytest.fixture
def open_place() -> Iterator[Lending]:
    """A place to which all may come."""
    root = Path(tempfile.mkdtemp())
    root.chmod(0o755)
    yield Lending(root / "place")
    shutil.rmtree(root)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root becomes another user")
@pytest.mark.parametrize("closed", ["lc.duckdb", ".", "outputs", "reports", "inputs/accounts.csv"])
def test_where_leave_is_not_given_it_is_said(closed: str, killer: Killer, open_place: Lending) -> None:
    place = open_place
    place.load([ALICE], [SAVINGS])
    place.deliver(accounts=[CHANGED])
    before = place.files()
    for path in (place.root, *place.root.rglob("*")):
        os.chown(path, NOBODY, NOBODY)
    target = place.root / closed
    os.chown(target, 0, 0)
    target.chmod(0o555 if target.is_dir() else 0o400)
    done = killer.run(place, "by key", user=NOBODY)
    if closed == ".":
        # The file itself may be written to, and its log needs the directory.
        assert done["ended"] in (0, 1), done["steps"][-30:]
    else:
        assert done["ended"] == 1, done["steps"][-30:]
        [said] = [step for step in done["steps"] if step.startswith("error ")]
        assert Path(closed).name in said
        assert "Permission denied" in said or "cannot" in said
    if done["ended"] == 1:
        assert place.files() == before
    for path in (place.root, *place.root.rglob("*")):
        os.chown(path, NOBODY, NOBODY)
    target.chmod(0o755 if target.is_dir() else 0o644)
    assert killer.run(place, "by key", user=NOBODY)["ended"] == 0


# What is gone ------------------------------------------------------------------------------------


def test_outputs_that_vanish_before_they_are_put_in_place_follow_with_the_next_build(
    lending: Lending, monkeypatch: pytest.MonkeyPatch
) -> None:
    lending.load([ALICE], [SAVINGS])
    publish = pending.PendingFiles.publish

    def vanished(self: pending.PendingFiles) -> list[Path]:
        shutil.rmtree(lending.outputs)
        return publish(self)

    with monkeypatch.context() as patch:
        patch.setattr(pending.PendingFiles, "publish", vanished)
        with pytest.raises(OutputError, match="the tables are published, but this file cannot be replaced"):
            lending.load(accounts=[CHANGED])
    assert lending.rows("stg_account", "balance_amount") == [7000]
    assert {path.name for path in lending.build().outputs} == {path.name for path in lending.outputs.iterdir()}


@pytest.mark.parametrize("how", ["removed", "replaced"])
def test_a_database_that_vanishes_under_a_build_is_not_called_published(
    lending: Lending, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    lending.load([ALICE], [SAVINGS])
    kept = lending.root / "kept.duckdb"
    shutil.copy(lending.database, kept)
    write = pending.PendingFiles.write

    def vanished(*given: object) -> None:
        lending.database.unlink() if how == "removed" else shutil.copy(kept, f"{kept}.2") and os.replace(
            f"{kept}.2", lending.database
        )
        write(*given)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(pending.PendingFiles, "write", vanished)
        with pytest.raises(DatabaseError, match="removed or replaced during the build"):
            lending.load(accounts=[CHANGED])
    assert b"5000.00" in (lending.outputs / "account_summary.csv").read_bytes()
    shutil.copy(kept, lending.database)
    assert lending.build().status == "built"
    assert lending.rows("stg_account", "balance_amount") == [7000]


def test_reports_that_vanish_are_made_again(lending: Lending, monkeypatch: pytest.MonkeyPatch) -> None:
    lending.load([ALICE], [SAVINGS])
    write = pending.PendingFiles.write

    def vanished(*given: object) -> None:
        shutil.rmtree(lending.reports)
        write(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(pending.PendingFiles, "write", vanished)
    run = lending.load(accounts=[CHANGED])
    assert run.report
    assert run.report.exists()


def test_a_report_that_cannot_be_written_does_not_hide_why_the_build_failed(
    lending: Lending, monkeypatch: pytest.MonkeyPatch
) -> None:
    lending.load([ALICE], [SAVINGS])

    def full(*_: object) -> None:
        raise OutputError("no room")

    monkeypatch.setattr("lc_ibis.reporting.report.write_text", full)
    lending.deliver(accounts=[("A1", "1", "none", "Savings")])
    with pytest.raises(LcIbisError, match="few_refused") as failed:
        lending.build(max_refused_share=0.5)
    assert failed.value.report is None
    lending.deliver(accounts=[CHANGED])
    with pytest.raises(OutputError, match="The tables are published, but the report cannot be written: no room"):
        lending.build()
    assert lending.rows("stg_account", "balance_amount") == [7000]
