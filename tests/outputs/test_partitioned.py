"""Outputs as directories of Parquet files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

import lc_ibis
from lc_ibis.errors import OutputError
from lc_ibis.files import whole
from lc_ibis.outputs.manifest import OUTPUTS as MANIFEST
from tests.conftest import ALICE, ON_DELTA, SAVINGS, WIDELY, Lending

ACCOUNTS = [(f"A{number:04}", "1", "5000.00", "Savings") for number in range(100, 0, -1)]


def _read(directory: Path) -> tuple[Any, list[dict[str, Any]]]:
    """Return the types and the rows of the parts, by key."""
    parts = [pq.read_table(part) for part in sorted(directory.iterdir())]
    rows = [row for part in parts for row in part.to_pylist()]
    return parts[0].schema.remove_metadata(), sorted(rows, key=lambda row: next(iter(row.values())))


@pytest.mark.parametrize("backend", WIDELY)
def test_a_directory_holds_what_the_file_would(lending: Lending) -> None:
    lending.load([ALICE], ACCOUNTS)
    expected = {name: pq.read_table(lending.outputs / f"{name}.parquet") for name in _OUTPUTS}
    run = lending.build(partitioned=True)
    assert [place.name for place in run.outputs] == [*_OUTPUTS, MANIFEST]
    assert sorted(place.name for place in lending.outputs.iterdir()) == [*_OUTPUTS, MANIFEST]
    for name, table in expected.items():
        assert _read(lending.outputs / name) == (table.schema.remove_metadata(), table.to_pylist())
    assert lending.build(partitioned=True).status == "unchanged"

    lending.load([("1", "Alice", "No")], ACCOUNTS[:1], partitioned=True)
    assert [row["account_id"] for row in _read(lending.outputs / "account_summary")[1]] == ["A0100"]
    lending.load(accounts=[("A1", "1", "5", "Checking")], partitioned=True)
    types, rows = _read(lending.outputs / "account_summary")
    assert (types, rows) == (expected["account_summary"].schema.remove_metadata(), [])


_OUTPUTS = ["account_summary", "customer_profile"]


def test_large_tables_make_several_parts(lending: Lending, monkeypatch: pytest.MonkeyPatch) -> None:
    from lc_ibis.backends.duckdb import extracts

    accounts = [(f"A{number:06}", "1", "5000.00", "Savings") for number in range(300_000)]
    smaller = extracts._WRITING["parts"].replace("128MB", "100kB")
    monkeypatch.setitem(extracts._WRITING, "parts", smaller)
    lending.load([ALICE], accounts, partitioned=True)
    parts = sorted((lending.outputs / "account_summary").iterdir())
    assert [part.name for part in parts[:2]] == ["part-00000.parquet", "part-00001.parquet"]
    keys = [pq.read_table(part)["account_id"].to_pylist() for part in parts]
    assert sorted(key for part in keys for key in part) == [row[0] for row in accounts]


def test_files_come_back_and_directories_go(lending: Lending) -> None:
    lending.load([ALICE], [SAVINGS], partitioned=True)
    lending.build()
    assert {path.name for path in lending.outputs.iterdir()} == {
        *(f"{name}.{format}" for name in _OUTPUTS for format in ("csv", "parquet")), MANIFEST,
    }  # fmt: skip


def test_what_somebody_put_into_an_old_directory_stays(lending: Lending) -> None:
    lending.load([ALICE], [SAVINGS], partitioned=True)
    (lending.outputs / "account_summary/mine").mkdir()
    assert lending.build().status == "built"
    assert {path.name for path in (lending.outputs / "account_summary").iterdir()} == {"mine", "part-00000.parquet"}


@pytest.mark.parametrize("backend", ON_DELTA)
def test_parts_of_which_not_all_are_seen_are_no_output(lending: Lending, monkeypatch: pytest.MonkeyPatch) -> None:
    """As where an engine has another file system, or one of its machines has."""
    from lc_ibis.backends.spark.session import Session

    lending.load([ALICE], [SAVINGS])
    before = lending.files()
    monkeypatch.setattr(Session, "write_parts", lambda *_: None)
    with pytest.raises(OutputError, match="Spark wrote the files, but they are not visible here"):
        lending.load(accounts=[("A1", "1", "7", "Savings")], partitioned=True)
    assert lending.files() == before


def test_parts_that_were_edited_or_are_gone_are_mended(lending: Lending) -> None:
    lending.load([ALICE], [SAVINGS], partitioned=True)
    part = lending.outputs / "account_summary/part-00000.parquet"
    before = part.read_bytes()
    for spoil in (
        lambda: part.write_bytes(b"edited"),
        part.unlink,
        lambda: part.rename(part.with_name("part-7.parquet")),
    ):
        spoil()
        assert [place.name for place in lending.build(partitioned=True).outputs] == ["account_summary"]
        assert part.read_bytes() == before
        assert [path.name for path in part.parent.iterdir()] == [part.name]


@pytest.mark.parametrize("what", ["a file", "a directory with more"])
def test_what_no_build_wrote_is_not_removed(lending: Lending, what: str) -> None:
    lending.load([ALICE], [SAVINGS])
    before = lending.files()
    place = lending.outputs / "account_summary"
    if what == "a file":
        place.write_text("mine")
    else:
        place.mkdir()
        (place / "mine.txt").write_text("mine")
    with pytest.raises(OutputError, match="account_summary: something is in the way of an output directory"):
        lending.load(accounts=[("A1", "1", "7", "Savings")], partitioned=True)
    assert {name: lending.files()[name] for name in before} == before
    assert not list(lending.outputs.glob(".*"))


def test_a_directory_that_cannot_be_put_in_its_place_leaves_the_old_one(
    lending: Lending, monkeypatch: pytest.MonkeyPatch
) -> None:
    lending.load([ALICE], [SAVINGS], partitioned=True)
    before = _read(lending.outputs / "account_summary")
    rename = whole.os.rename

    def spoilt(old: Path, new: Path) -> None:
        if old.name.endswith(".tmp") and not old.name.endswith(".before.tmp"):
            raise PermissionError(13, "Permission denied", str(old), None, str(new))
        rename(old, new)

    monkeypatch.setattr(whole.os, "rename", spoilt)
    with pytest.raises(OutputError, match="the tables are published, but this file cannot be replaced"):
        lending.load(accounts=[("A1", "1", "7", "Savings")], partitioned=True)
    assert _read(lending.outputs / "account_summary") == before
    monkeypatch.undo()
    lending.build(partitioned=True)
    assert [str(row["original_balance_amount"]) for row in _read(lending.outputs / "account_summary")[1]] == ["7.00"]
    assert not list(lending.outputs.glob(".*"))


def test_a_directory_that_no_build_of_this_database_wrote_is_refused(lending: Lending) -> None:
    mine = lending.outputs / "account_summary/part-7.parquet"
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    notes = lending.outputs / ".account_summary.notes.tmp"
    notes.write_text("mine")
    with pytest.raises(OutputError, match="account_summary: something is in the way of an output directory"):
        lending.load([ALICE], [SAVINGS], partitioned=True)
    assert mine.read_text() == notes.read_text() == "mine"
    mine.unlink()
    assert lending.load([ALICE], [SAVINGS], partitioned=True).status == "built"
    assert notes.read_text() == "mine"


def test_older_files_of_another_directory_go_too(lending: Lending) -> None:
    lending.load([ALICE], [SAVINGS])
    lending.deliver(accounts=[("A1", "1", "7", "Savings")])
    lc_ibis.build(**{**lending.places(), "outputs": lending.root / "elsewhere"})
    lending.build(partitioned=True)
    assert sorted(place.name for place in lending.outputs.iterdir()) == [*_OUTPUTS, MANIFEST]


def test_a_link_in_the_place_of_a_directory_is_replaced(lending: Lending) -> None:
    lending.load([ALICE], [SAVINGS], partitioned=True)
    place, real = lending.outputs / "account_summary", lending.outputs / "real"
    place.rename(real)
    place.symlink_to(real, target_is_directory=True)
    lending.load(accounts=[("A1", "1", "7", "Savings")], partitioned=True)
    assert not place.is_symlink()
    assert [str(row["original_balance_amount"]) for row in _read(place)[1]] == ["7.00"]
    assert [str(row["original_balance_amount"]) for row in _read(real)[1]] == ["5000.00"]
    assert not list(lending.outputs.glob(".*"))


def test_a_link_to_nowhere_is_refused_before_anything_is_published(lending: Lending) -> None:
    lending.load([ALICE], [SAVINGS])
    before = lending.files()
    (lending.outputs / "account_summary").symlink_to(lending.root / "nowhere")
    with pytest.raises(OutputError, match="account_summary: something is in the way of an output directory"):
        lending.load(accounts=[("A1", "1", "7", "Savings")], partitioned=True)
    assert lending.files() == before
