"""What is told of the output files of builds is true, whatever builds there were."""

from __future__ import annotations

import csv
import hashlib
import json
from typing import Any

import pyarrow.parquet as pq
import pytest

import lc_ibis
from lc_ibis.errors import OutputError
from lc_ibis.outputs.manifest import OUTPUTS
from tests.conftest import ALICE, SAVINGS, Lending

BOB, HIS = ("2", "Bob", "no"), ("B1", "2", "20000", "Savings")


def told(lending: Lending) -> dict[str, dict[str, Any]]:
    """Return what the manifest says of each file, after looking whether it is so."""
    manifest = json.loads((lending.outputs / OUTPUTS).read_text(encoding="utf-8"))
    assert manifest["schema_version"] == 1
    files = {file["file"]: file for file in manifest["files"]}
    for name, file in files.items():
        place = lending.outputs / name
        parts = sorted(place.iterdir()) if place.is_dir() else [place]
        sums = [hashlib.sha256(part.read_bytes()).hexdigest() for part in parts]
        lines = "".join(f"{part.name} {sha256}\n" for part, sha256 in zip(parts, sums, strict=True))
        assert file["sha256"] == (hashlib.sha256(lines.encode()).hexdigest() if place.is_dir() else sums[0])
        assert file["bytes"] == sum(part.stat().st_size for part in parts)
        if place.suffix == ".csv":
            with place.open(encoding="utf-8", newline="") as opened:
                rows = list(csv.DictReader(opened))
            assert (file["row_count"], file["columns"]) == (len(rows), list(rows[0]))
        else:
            assert file["row_count"] == sum(pq.read_metadata(part).num_rows for part in parts)
    return files


def runs(lending: Lending) -> dict[str, int]:
    return {name: file["run_id"] for name, file in told(lending).items()}


def test_each_file_is_told_with_the_run_that_changed_it(lending: Lending) -> None:
    first = lending.load([ALICE, BOB], [SAVINGS, HIS])
    assert first.outputs[-1].name == OUTPUTS, "last: who finds its checksums true has files of one run"
    files = ["account_summary.csv", "account_summary.parquet", "customer_profile.csv", "customer_profile.parquet"]
    assert runs(lending) == dict.fromkeys(files, 1)
    lending.load([("1", "Alicia", "Yes"), BOB], None)
    assert runs(lending) == {name: 1 if "account" in name else 2 for name in files}
    assert told(lending)[files[0]]["run_at"] == f"{first.run_at.isoformat()}Z"


def test_the_same_again_leaves_it_and_a_lost_one_is_told_again_without_a_new_run(lending: Lending) -> None:
    lending.load([ALICE], [SAVINGS])
    before = lending.files()
    assert lending.build().status == "unchanged"
    (lending.outputs / OUTPUTS).write_text("{}")
    assert [place.name for place in lending.build().outputs] == [OUTPUTS]
    (lending.outputs / OUTPUTS).unlink()
    lending.build()
    assert lending.files() == before, "the database too"


def test_a_partial_build_tells_of_the_files_of_others_too(lending: Lending) -> None:
    lending.load([ALICE], [SAVINGS])
    lending.load(None, [SAVINGS, ("A2", "1", "7", "Savings")], exclude=["customer_profile"])
    assert runs(lending) == {
        "account_summary.csv": 2, "account_summary.parquet": 2, "customer_profile.csv": 1,
        "customer_profile.parquet": 1,
    }  # fmt: skip
    (lending.outputs / "customer_profile.csv").write_text("of somebody else")
    lending.build(full_refresh=True, exclude=["customer_profile"])
    assert set(runs(lending)) == {"account_summary.csv", "account_summary.parquet", "customer_profile.parquet"}


def test_directories_and_neutralised_files_are_told_as_they_are(lending: Lending) -> None:
    lending.load([("1", "=1", "no")], [SAVINGS], neutralise_formulas=True)
    assert len(runs(lending)) == 4
    lending.build(partitioned=True)
    assert runs(lending) == {"account_summary": 1, "customer_profile": 1}
    lending.build()
    assert len(runs(lending)) == 4


def test_a_directory_in_its_place_is_refused_and_nothing_changes(lending: Lending) -> None:
    lending.load([ALICE], [SAVINGS])
    (lending.outputs / OUTPUTS).unlink()
    (lending.outputs / OUTPUTS).mkdir()
    before = lending.files()
    with pytest.raises(OutputError, match="a directory is in the way of an output file"):
        lending.load([ALICE, BOB], None)
    assert lending.files() == before


def test_a_backup_has_it_and_a_restored_place_is_as_it_was(lending: Lending) -> None:
    lending.load([ALICE], [SAVINGS])
    before = lending.files()
    backup = lc_ibis.backup(**lending.places())
    lending.load([ALICE, BOB], [SAVINGS, HIS])
    lc_ibis.restore(backup, **lending.places())
    assert {name: lending.files()[name] for name in before} == before
    assert len(runs(lending)) == 4


def test_a_build_of_no_output_says_nothing_of_files(lending: Lending) -> None:
    lending.load([ALICE], [SAVINGS])
    files = lending.files()
    places = {**lending.places(), "outputs": lending.root / "elsewhere"}
    assert lc_ibis.build(**places, select=["src_customer"]).status == "unchanged"
    assert not list((lending.root / "elsewhere").glob("*"))
    assert lending.build().status == "unchanged"
    assert lending.files() == files
