"""What a build refuses or warns of though every row is sound: files played again, and sudden jumps."""

from __future__ import annotations

import json
import shutil
from datetime import datetime, timedelta

import pytest
from click.testing import CliRunner

from lc_ibis.cli import main
from lc_ibis.engine.state import state
from lc_ibis.errors import ChecksFailed, ReplayedExtract, SettingsError
from tests.conftest import ALICE, SAVINGS, Lending

LATER = ("A1", "1", "7000.00", "Savings")


@pytest.fixture
def loads_may_come_again() -> None:
    """Not here."""


# A file that was taken before --------------------------------------------------------------------


def test_a_replayed_file_is_refused_and_changes_nothing(lending: Lending) -> None:
    lending.load([ALICE], [SAVINGS])
    lending.load(accounts=[LATER])
    before = lending.files()
    lending.deliver(accounts=[SAVINGS])
    with pytest.raises(ReplayedExtract, match=r"src_account: accounts.csv was already loaded by run 1.*--allow-replay"):
        lending.build()
    assert lending.files() == before
    assert lending.rows("stg_account", "balance_amount") == [7000]


def test_a_replayed_file_is_known_by_its_content_whatever_its_name(lending: Lending) -> None:
    lending.load([ALICE], [SAVINGS])
    (lending.inputs / "accounts.csv").rename(lending.inputs / "first.csv")
    lending.load(accounts=[LATER])
    with pytest.raises(ReplayedExtract, match=r"first.csv was already loaded by run 1"):
        lending.build(source={"src_account": "first.csv"})


def test_a_replayed_file_is_taken_where_that_is_allowed(lending: Lending) -> None:
    lending.load([ALICE], [SAVINGS])
    lending.load(accounts=[LATER])
    lending.load(accounts=[SAVINGS], allow_replay=True)
    assert lending.rows("stg_account", "balance_amount") == [5000]
    assert lending.build().status == "unchanged"
    # Now the other is the one of before.
    lending.deliver(accounts=[LATER])
    with pytest.raises(ReplayedExtract, match=r"accounts.csv was already loaded by run 2"):
        lending.build()


def test_files_that_stay_among_several_are_no_replay(lending: Lending) -> None:
    source = {"src_account": "accounts-*.csv"}
    lending.load([ALICE], [SAVINGS])
    shutil.move(lending.inputs / "accounts.csv", lending.inputs / "accounts-1.csv")
    lending.deliver(accounts=[("A2", "1", "1.00", "Savings")])
    shutil.move(lending.inputs / "accounts.csv", lending.inputs / "accounts-2.csv")
    assert lending.build(source=source).status == "built"
    (lending.inputs / "accounts-2.csv").unlink()
    assert lending.build(source=source, allow_mass_delete=True).status == "built"
    lending.deliver(accounts=[("A2", "1", "1.00", "Savings")])
    shutil.move(lending.inputs / "accounts.csv", lending.inputs / "accounts-3.csv")
    with pytest.raises(ReplayedExtract, match="accounts-3.csv"):
        lending.build(source=source)


def test_a_delta_that_comes_again_is_no_replay(lending: Lending) -> None:
    lending.load([ALICE], [SAVINGS])
    lending.load(accounts=[LATER])
    (lending.inputs / "accounts.csv").write_text(
        "AccountID,CustomerID,Balance,AccountType,_op\nA2,1,1.00,Savings,\n", encoding="utf-8"
    )
    (lending.inputs / "Customer.csv").write_text("CustomerID,Name,HasLoan,_op\n2,Bob,No,\n", encoding="utf-8")
    assert lending.build(delivery="delta").status == "built"
    assert lending.build(delivery="delta").status == "unchanged"


def test_a_plan_refuses_a_replayed_file_too(lending: Lending) -> None:
    lending.load([ALICE], [SAVINGS])
    lending.load(accounts=[LATER])
    lending.deliver(accounts=[SAVINGS])
    places = ["--database", str(lending.database), "--inputs", str(lending.inputs)]
    result = CliRunner().invoke(main, ["plan", *places])
    assert result.exit_code == 1
    assert "was already loaded by run" in result.stderr
    assert CliRunner().invoke(main, ["plan", *places, "--allow-replay"]).exit_code == 0


# Sudden jumps ------------------------------------------------------------------------------------


def accounts(count: int, refused: int = 0) -> list[tuple[str, str, str, str]]:
    good = [(f"A{n}", "1", "5.00", "Savings") for n in range(count)]
    return good + [(f"R{n}", "1", "none", "Savings") for n in range(refused)]


def test_many_new_keys_at_once_are_a_warning(lending: Lending) -> None:
    lending.load([ALICE], accounts(100))
    for count in (102, 103, 105):
        assert lending.load(accounts=accounts(count)).jumps == []
    run = lending.load(accounts=accounts(126))
    [jump] = run.jumps
    assert (jump.table, jump.added_count, jump.usual_count, jump.factor) == ("stg_account", 21, 2, 10)
    assert run.status == "built"
    assert run.report
    assert json.loads(run.report.read_text(encoding="utf-8"))["jumps"] == [
        {"table": "stg_account", "added_count": 21, "usual_count": 2, "factor": 10}
    ]


def test_twenty_times_as_many_are_none_where_the_factor_says_so(lending: Lending) -> None:
    lending.load([ALICE], accounts(100))
    for count in (102, 103, 105):
        lending.load(accounts=accounts(count))
    assert lending.load(accounts=accounts(126), warn_jump_factor=30).jumps == []


def test_many_refused_rows_at_once_are_a_warning(lending: Lending) -> None:
    lending.load([ALICE], accounts(100, 1))
    for refused in (2, 3, 4):
        lending.load(accounts=accounts(100, refused))
    [jump] = lending.load(accounts=accounts(100, 24)).jumps
    assert (jump.table, jump.added_count, jump.usual_count) == ("quarantine_stg_account", 20, 1)


def test_after_two_loads_nothing_is_usual_yet(lending: Lending) -> None:
    lending.load([ALICE], accounts(100))
    for count in (101, 102):
        lending.load(accounts=accounts(count))
    assert lending.load(accounts=accounts(190)).jumps == []


def test_less_than_a_hundredth_of_the_rows_is_no_jump(lending: Lending) -> None:
    lending.load([ALICE], accounts(2000))
    for count in (2001, 2002, 2003):
        lending.load(accounts=accounts(count))
    assert lending.load(accounts=accounts(2023)).jumps == []


def test_with_warn_error_a_jump_stops_the_build(lending: Lending) -> None:
    lending.load([ALICE], accounts(100))
    for count in (101, 102, 103):
        lending.load(accounts=accounts(count))
    before = lending.files()
    with pytest.raises(ChecksFailed, match="stg_account: 47 rows added, usually 1"):
        lending.load(accounts=accounts(150), warn_error=True)
    assert lending.files() == before


def test_the_command_says_what_jumped(lending: Lending) -> None:
    lending.load([ALICE], accounts(100))
    for count in (101, 102, 103):
        lending.load(accounts=accounts(count))
    lending.deliver(accounts=accounts(150))
    places = [word for name, path in lending.places().items() for word in (f"--{name}", str(path))]
    said = CliRunner().invoke(main, ["build", *places]).output
    assert "WARN stg_account: 47 rows added, usually 1 (more than 10 times)" in said


@pytest.mark.parametrize("factor", [0.5, float("nan"), float("inf")])
def test_a_factor_is_one_or_more(lending: Lending, factor: float) -> None:
    with pytest.raises(SettingsError, match="warn_jump_factor"):
        lending.build(warn_jump_factor=factor)


# The clock ---------------------------------------------------------------------------------------


def test_a_clock_that_was_turned_back_makes_no_version_end_before_it_began(
    lending: Lending, monkeypatch: pytest.MonkeyPatch
) -> None:
    lending.load([ALICE], [SAVINGS])
    first = datetime.fromisoformat(lending.rows("snap_account", "dbt_valid_from")[0].isoformat())
    monkeypatch.setattr(state, "utc_now", lambda: first - timedelta(days=400))
    run = lending.load(accounts=[LATER])
    assert run.run_at == first + timedelta(microseconds=1)
    ends = sorted(lending.rows("snap_account", "dbt_valid_from", "dbt_valid_to"))
    assert ends == [(first, run.run_at), (run.run_at, None)]
