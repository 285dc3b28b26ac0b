"""Times in the future: a clock that was ahead is told of, costs nothing, and is undone by one command."""

from __future__ import annotations

import json
import logging
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from click.testing import CliRunner
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

import lc_ibis
from lc_ibis.api import redate
from lc_ibis.cli import main
from lc_ibis.engine.refresh.redating import RedatedRun, redated_runs
from lc_ibis.engine.state import state
from lc_ibis.engine.state.run import SKEW
from lc_ibis.errors import ChecksFailed, DatabaseError, RedateRefused, StaleSource
from tests.conftest import ALICE, LONG, Lending
from tests.laws.test_laws import loads

pytestmark = pytest.mark.usefixtures("of_few_rows")

AHEAD = datetime(2062, 5, 17, 12)
STEP = timedelta(microseconds=1)
BOB = ("2", "Bob", "No")


@contextmanager
def clock(at: datetime) -> Iterator[None]:
    """Have the clock stand at a moment."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(state, "utc_now", lambda: at)
        yield


def _loads(place: Lending, number: int) -> None:
    """Deliver one of five extracts: A1 moves each time, A2 is in the first two alone, Bob is renamed in the fourth."""
    accounts = [("A1", "1", f"{number}000.00", "Savings"), ("A3", "2", "7.00", "Savings")]
    place.deliver([ALICE, BOB if number < 4 else ("2", "Rob", "No")], accounts)
    if number < 3:
        place.deliver(accounts=[*accounts, ("A2", "1", "5.00", "Savings")])


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A place with a true run, one of a clock that was ahead, and three true ones."""
    place = Lending(tmp_path_factory.mktemp("built"))
    for number in range(1, 6):
        _loads(place, number)
        if number == 2:
            with clock(AHEAD):
                place.build()
        else:
            place.build()
    return place.root


@pytest.fixture
def ahead(built: Path, lending: Lending) -> Lending:
    """A copy of that place."""
    shutil.copytree(built, lending.root, dirs_exist_ok=True)
    return lending


def _ends(place: Lending) -> dict[int, datetime]:
    """Return when each run ended, as the log has it."""
    return {run.run_id: run.finished_at for run in lc_ibis.runs(database=place.database)}


def _times(place: Lending) -> dict[int, datetime]:
    return {run.run_id: run.run_at for run in lc_ibis.runs(database=place.database)}


def _inputs(place: Lending) -> dict[str, Any]:
    return {name: value for name, value in place.places().items() if name in ("database", "inputs")}


def _verified(place: Lending) -> set[str]:
    return {found.status for found in lc_ibis.verify(**place.options)}


def _redate(place: Lending, **options: Any) -> redate.Redated:
    return redate.redate(**{**place.options, "outputs": place.outputs}, **options)


# What is said ------------------------------------------------------------------------------------


def test_a_run_that_is_dated_after_one_in_the_future_says_so(ahead: Lending, caplog: pytest.LogCaptureFixture) -> None:
    ahead.deliver(accounts=[("A1", "1", "9.00", "Savings")])
    places = [word for name, place in ahead.places().items() for word in (f"--{name}", str(place))]
    with caplog.at_level(logging.WARNING):
        lc_ibis.plan(**_inputs(ahead), allow_mass_delete=True)
    said = (
        r"run 5 is dated 2062-05-17 12:00:00, and the clock says 20.* \(UTC\)\. This run is dated 2062-05-17 12:00:00"
    )
    [planned] = [record.getMessage() for record in caplog.records]
    assert re.match(said, planned)
    before = ahead.files()
    with pytest.raises(ChecksFailed, match="run 5 is dated 2062"):
        ahead.build(warn_error=True, allow_mass_delete=True)
    assert ahead.files() == before
    result = CliRunner().invoke(main, ["build", *places, "--allow-mass-delete"])
    assert result.exit_code == 0, result.output
    assert "WARN run 5 is dated 2062-05-17 12:00:00" in result.output
    assert "lc-ibis redate" in result.output
    report = json.loads(lc_ibis.report(reports=ahead.reports))
    [warning] = report["warnings"]
    assert warning.startswith("run 5 is dated 2062")
    assert report["run_id"] == 6
    assert report["timestamp"] < "2062"
    assert "run 5 is dated 2062" in lc_ibis.report("html", reports=ahead.reports)


def test_clocks_may_differ_a_little_without_a_word(lending: Lending) -> None:
    _loads(lending, 1)
    with clock(datetime.utcnow() + SKEW / 2):
        first = lending.build()
    _loads(lending, 2)
    run = lending.build()
    assert run.warnings == []
    assert run.run_at == first.run_at + STEP
    assert "times" not in {found.topic for found in lc_ibis.doctor(**lending.places())}


def test_doctor_names_times_in_the_future(ahead: Lending) -> None:
    [found] = [found for found in lc_ibis.doctor(**ahead.places()) if found.topic == "times"]
    assert found.status == "fail"
    latest = "the latest 2062-05-17 12:00:00.000003"
    assert f"state.runs (run_at 4; {latest})" in found.found
    assert f"snap_account (loaded_at 4, dbt_updated_at 4, dbt_valid_from 4, dbt_valid_to 5; {latest})" in found.found
    assert "lc-ibis redate" in found.mend
    _redate(ahead)
    assert "times" not in {found.topic for found in lc_ibis.doctor(**ahead.places())}


def test_after_the_last_moment_there_is_no_run(ahead: Lending) -> None:
    with duckdb.connect(str(ahead.database)) as con:
        con.execute("UPDATE state.runs SET run_at = TIMESTAMP '9999-12-31 23:59:59.999999' WHERE run_id = 5")
    with pytest.raises(DatabaseError, match=r"Run 5 is dated 9999-12-31 .* lc-ibis redate"):
        ahead.build()


# Ages, durations, retention ----------------------------------------------------------------------


def test_no_duration_is_below_zero(ahead: Lending) -> None:
    seconds = {run.run_id: run.seconds for run in lc_ibis.runs(database=ahead.database)}
    assert all(seconds[number] >= 0 for number in (1, 2))
    assert [seconds[number] for number in (3, 4, 5)] == [None] * 3
    result = CliRunner().invoke(main, ["runs", "--database", str(ahead.database)])
    assert result.exit_code == 0
    assert "-" not in result.output.split("2062-05-17 12:00:00", 1)[1].splitlines()[0]


@pytest.mark.parametrize(("most", "is_stale"), [(2.0, True), (4.0, False)])
def test_files_are_as_old_as_the_clock_says(ahead: Lending, most: float, is_stale: bool) -> None:
    three_hours_ago = datetime.now().timestamp() - 3 * 3600
    for file in ahead.inputs.iterdir():
        os.utime(file, (three_hours_ago, three_hours_ago))
    if is_stale:
        with pytest.raises(StaleSource, match=r"files 3\.0 h old, rows unchanged for 0\.. h"):
            ahead.build(max_file_age=most)
    else:
        for found in ahead.build(max_file_age=most).freshness:
            assert 3 <= found.file_hours < 3.5
            assert 0 <= found.data_hours < 0.5


def test_no_period_is_counted_from_a_run_in_the_future(ahead: Lending) -> None:
    versions = len(ahead.rows("snap_account"))
    _loads(ahead, 6)
    ahead.build(keep_history="90d")
    assert len(ahead.rows("snap_account")) == versions + 1


def test_one_clock_that_is_ahead_lets_nothing_go(lending: Lending) -> None:
    for number in (1, 2):
        _loads(lending, number)
        lending.build(keep_history="90d")
    with clock(AHEAD):
        _loads(lending, 3)
        lending.build(keep_history="90d")
    assert [row["balance_amount"] for row in lending.rows("snap_account") if row["account_id"] == "A1"] == [
        1000, 2000, 3000
    ]  # fmt: skip


def test_the_last_report_is_the_one_that_was_written_last(ahead: Lending) -> None:
    assert json.loads(lc_ibis.report(reports=ahead.reports))["run_id"] == 5
    names = sorted(path.name for path in ahead.reports.glob("*.json"))
    assert sum(name.startswith("quality_report_2062") for name in names) == 1


# The way back ------------------------------------------------------------------------------------


def test_a_dry_run_says_all_and_changes_nothing(ahead: Lending) -> None:
    before, ends = ahead.files(), _ends(ahead)
    found = _redate(ahead, dry_run=True)
    times = _times(ahead)
    assert found.runs == (
        RedatedRun(2, AHEAD, times[1] + STEP), *(RedatedRun(n, AHEAD + (n - 2) * STEP, ends[n]) for n in (3, 4, 5))
    )  # fmt: skip
    ours = [(c.column, c.before, c.after) for c in found.changes if (c.table, c.key) == ("snap_account", "A2")]
    assert ours == [("dbt_valid_to", AHEAD + STEP, ends[3])]
    assert {c.table for c in found.changes} >= {"src_account", "stg_account", "snap_customer", "account_summary"}
    assert (found.backup, found.outdated) == (None, ())
    assert ahead.files() == before
    assert not (ahead.root / "backups").exists()


def test_every_time_of_a_run_becomes_the_true_one(ahead: Lending) -> None:
    ends, first, files = _ends(ahead), _times(ahead)[1], ahead.files()
    ids = ahead.rows("snap_account", "dbt_scd_id")
    reports = sorted(ahead.reports.iterdir())
    before_them = datetime.utcnow()
    found = _redate(ahead)
    assert found.backup
    assert found.backup.parent == ahead.root / "backups"
    true = {1: first, 2: first + STEP, **{number: ends[number] for number in (3, 4, 5)}}
    assert _times(ahead) == true
    assert _ends(ahead) == {**ends, 2: true[2]}
    assert ahead.rows(
        "snap_account", "account_id", "balance_amount", "dbt_valid_from", "dbt_valid_to", "loaded_at"
    ) == [
        ("A1", 1000, true[1], true[2], true[1]),
        ("A1", 2000, true[2], true[3], true[2]),
        ("A1", 3000, true[3], true[4], true[3]),
        ("A1", 4000, true[4], true[5], true[4]),
        ("A1", 5000, true[5], None, true[5]),
        ("A2", 5, true[1], true[3], true[1]),
        ("A3", 7, true[1], None, true[1]),
    ]
    assert ahead.rows("snap_customer", "customer_name", "dbt_updated_at", "dbt_valid_from", "dbt_valid_to") == [
        ("alice", true[1], true[1], None), ("bob", true[1], true[1], true[4]), ("rob", true[4], true[4], None),
    ]  # fmt: skip
    assert ahead.rows("snap_account", "dbt_scd_id") == ids
    assert ahead.rows("account_summary", "account_id", "calculated_at") == [("A1", true[5]), ("A3", true[1])]
    assert ahead.rows("snap_account", "balance_amount", as_of=2) == [1000, 2000, 5, 7]
    assert _verified(ahead) == {"identical"}
    assert sorted(ahead.reports.iterdir()) == reports
    assert {n: b for n, b in ahead.files().items() if n != "lc.duckdb"} == {
        n: b for n, b in files.items() if n != "lc.duckdb"
    }
    run = ahead.build()
    assert run.warnings == []
    assert before_them < run.run_at <= datetime.utcnow()
    assert {path.name for path in run.outputs} >= {"account_summary.csv", "account_summary.parquet"}
    assert all(result.status == "pass" for result in run.checks)
    assert f"{true[5]:%Y-%m-%d %H:%M:%S}" in (ahead.outputs / "account_summary.csv").read_text()
    assert _verified(ahead) == {"identical"}


def test_again_there_is_nothing_to_do(ahead: Lending) -> None:
    _redate(ahead)
    before = ahead.files()
    assert _redate(ahead) == redate.Redated()
    assert ahead.files() == before
    assert len(list((ahead.root / "backups").iterdir())) == 1


def test_the_backup_holds_what_was(ahead: Lending) -> None:
    before = ahead.rows("snap_account")
    backup = _redate(ahead).backup
    lc_ibis.restore(backup, database=ahead.database, outputs=ahead.outputs)
    assert ahead.rows("snap_account") == before


def test_a_build_between_backup_and_redating_is_noticed(ahead: Lending, monkeypatch: pytest.MonkeyPatch) -> None:
    make: Callable[..., Path] = redate.back_up

    def and_build(**options: Any) -> Path:
        made = make(**options)
        _loads(ahead, 6)
        ahead.build()
        return made

    monkeypatch.setattr(redate, "back_up", and_build)
    with pytest.raises(DatabaseError, match="a build has run since the backup"):
        _redate(ahead)
    assert _times(ahead)[5] > AHEAD


def test_what_is_no_longer_known_is_not_known_from_the_true_time_on(ahead: Lending) -> None:
    with duckdb.connect(str(ahead.database)) as con:
        con.execute(f"INSERT INTO state.retention VALUES ('snap_account', TIMESTAMP '{AHEAD + STEP / 2}')")
        con.execute(f"UPDATE state.retention SET known_since = TIMESTAMP '{AHEAD}' - INTERVAL 90 DAY")
    _redate(ahead)
    with lc_ibis.connect(ahead.database) as warehouse:
        assert warehouse.state.known_since == {"snap_account": _times(ahead)[2]}


def test_the_command_asks_and_prints_row_by_row(ahead: Lending) -> None:
    where = ["--database", str(ahead.database), "--outputs", str(ahead.outputs)]

    def said(*words: str, exit_code: int = 0) -> str:
        result = CliRunner().invoke(main, ["redate", *where, *words])
        assert result.exit_code == exit_code, result.output
        return result.output

    assert "Confirm with --yes" in said(exit_code=2)
    dry = said("--dry-run")
    assert f"run 3: {AHEAD + STEP} → {_ends(ahead)[3]}\n" in dry
    assert f"snap_account A2: dbt_valid_to {AHEAD + STEP} → {_ends(ahead)[3]}\n" in dry
    assert "would change. Nothing was written." in dry
    told = json.loads(said("--dry-run", "--json"))
    assert (told["is_dry_run"], told["backup"], [run["run_id"] for run in told["runs"]]) == (True, None, [2, 3, 4, 5])
    done = said("--yes")
    assert "backed up to " in done
    assert "Reports keep the times in their names" in done
    assert said("--dry-run").startswith("Nothing to do")
    assert said("--yes").startswith("Nothing to do")


def test_a_clock_that_is_behind_all_runs_is_not_taken_for_right(ahead: Lending) -> None:
    with clock(datetime(2001, 1, 1)), pytest.MonkeyPatch.context() as patched:
        patched.setattr(redate, "utc_now", state.utc_now)
        with pytest.raises(RedateRefused, match="every run ended later"):
            _redate(ahead)


def test_tables_of_models_that_are_not_here_are_not_left_behind(ahead: Lending) -> None:
    with duckdb.connect(str(ahead.database)) as con:
        con.execute("CREATE TABLE marts.lost AS SELECT max(run_at) AS calculated_at FROM state.runs")
        con.execute("INSERT INTO state.tables VALUES ('lost', 5, 'x', 1)")
    with pytest.raises(RedateRefused, match=r"(?s)models that are not loaded.*marts\.lost.*--models"):
        _redate(ahead)


def test_where_there_is_nothing_it_says_so(lending: Lending) -> None:
    with pytest.raises(DatabaseError, match="no database found"):
        _redate(lending)
    assert not lending.database.exists()


@pytest.mark.parametrize("backend", LONG[1:2])
def test_delta_tables_have_no_backup_to_make(lending: Lending) -> None:
    _loads(lending, 1)
    with clock(AHEAD):
        lending.build()
    assert len(redate.redate(dry_run=True, **lending.options).runs) == 1
    with pytest.raises(lc_ibis.LcIbisError, match="RESTORE TABLE"):
        _redate(lending)


@pytest.mark.parametrize("backend", LONG[2:])
def test_tables_of_parquet_are_redated_too(lending: Lending) -> None:
    for number in range(1, 4):
        _loads(lending, number)
        if number == 2:
            with clock(AHEAD):
                lending.build()
        else:
            lending.build()
    _redate(lending)
    assert _verified(lending) == {"identical"}
    true = {run.run_id: run.run_at for run in lc_ibis.runs(**lending.options)}
    assert max(true.values()) < datetime.utcnow()
    assert lending.rows("snap_account", "account_id", "dbt_valid_from", "dbt_valid_to") == [
        ("A1", true[1], true[2]), ("A1", true[2], true[3]), ("A1", true[3], None), ("A2", true[1], true[3]),
        ("A3", true[1], None),
    ]  # fmt: skip
    assert lending.build().warnings == []


# A far end that was taken for a time -------------------------------------------------------------

FAR = datetime(9999, 12, 31)


@pytest.fixture
def adopted(lending: Lending) -> Lending:
    """A place whose open versions end in 9999, as dbt's dbt_valid_to_current has it, and that builds went on from."""
    _loads(lending, 1)
    first = lending.build().run_at
    with duckdb.connect(str(lending.database)) as con:
        for table in ("snap_customer", "snap_account"):
            con.execute(f"UPDATE snapshots.{table} SET dbt_valid_to = TIMESTAMP '{FAR}'")
        for table in ("source.src_customer", "staging.stg_customer"):
            con.execute(f"UPDATE {table} SET loaded_at = TIMESTAMP '{FAR + STEP}'")
        now = first + timedelta(milliseconds=1)
        con.execute(f"INSERT INTO state.runs VALUES (2, TIMESTAMP '{FAR + STEP}', TIMESTAMP '{now}')")
    # A1 and A3 as they were, A2 gone; every key gets a second version.
    lending.deliver(accounts=[("A1", "1", "1000.00", "Savings"), ("A3", "2", "7.00", "Savings")])
    lending.build(full_refresh=True)
    lending.deliver(accounts=[("A1", "1", "2000.00", "Savings"), ("A3", "2", "7.00", "Savings")])
    lending.build()
    assert len(lending.rows("snap_account")) == 6
    return lending


def test_a_far_end_becomes_none_and_versions_that_say_the_same_become_one(adopted: Lending) -> None:
    ends, first = _ends(adopted), _times(adopted)[1]
    ids = adopted.rows("snap_account", "account_id", "dbt_scd_id", "dbt_valid_to")
    found = _redate(adopted)
    true = {1: first, **{number: ends[number] for number in (2, 3, 4)}}
    assert _times(adopted) == true
    assert adopted.rows("snap_account", "account_id", "balance_amount", "dbt_valid_from", "dbt_valid_to") == [
        ("A1", 1000, first, true[4]), ("A1", 2000, true[4], None), ("A2", 5, first, None), ("A3", 7, first, None),
    ]  # fmt: skip
    firsts = {key: scd_id for key, scd_id, end in ids if end == FAR}
    kept = {
        (key, scd_id) for key, scd_id, _ in adopted.rows("snap_account", "account_id", "dbt_scd_id", "dbt_valid_to")
    }
    assert set(firsts.items()) < kept
    columns = ("customer_name", "dbt_updated_at", "loaded_at", "dbt_valid_from", "dbt_valid_to")
    assert adopted.rows("snap_customer", *columns) == [
        ("alice", first, first, first, None), ("bob", first, first, first, None)
    ]  # fmt: skip
    assert adopted.rows("stg_customer", "loaded_at") == [first, first]
    gone = [(change.table, change.key) for change in found.changes if change.column is None]
    assert gone == [("snap_customer", "1"), ("snap_customer", "2"), ("snap_account", "A1"), ("snap_account", "A3")]
    # A2 is open again, and is gone from the extract: the next build closes it.
    assert set(found.outdated) >= {"snap_account", "int_account_with_customer"}
    assert _verified(adopted) == {"identical", "skipped"}
    run = adopted.build()
    assert run.warnings == []
    assert [(key, end) for key, end in adopted.rows("snap_account", "account_id", "dbt_valid_to") if key == "A2"] == [
        ("A2", run.run_at)
    ]
    assert len(adopted.rows("snap_account")) == 4
    assert len(adopted.rows("snap_customer")) == 2
    assert adopted.rows("int_account_with_customer", "valid_from_at") == [true[4], first]
    assert _verified(adopted) == {"identical"}
    assert adopted.build().status == "unchanged"
    assert _redate(adopted) == redate.Redated()


def test_a_time_that_no_run_has_left_is_refused(ahead: Lending) -> None:
    with duckdb.connect(str(ahead.database)) as con:
        con.execute("UPDATE snapshots.snap_account SET dbt_valid_from = '2070-01-01' WHERE account_id = 'A3'")
    before = ahead.files()
    for is_dry in (True, False):
        with pytest.raises(RedateRefused, match="snap_account A3: dbt_valid_from 2070-01-01 00:00:00"):
            _redate(ahead, dry_run=is_dry)
    assert ahead.files() == before


def test_one_wrong_time_of_an_adopted_version_can_be_that_of_the_run_that_took_it_over(lending: Lending) -> None:
    _loads(lending, 1)
    first = lending.build().run_at
    with duckdb.connect(str(lending.database)) as con:
        wrong = f"TIMESTAMP '{AHEAD}'"
        con.execute(
            f"UPDATE snapshots.snap_customer SET loaded_at = {wrong}, dbt_updated_at = {wrong}, dbt_valid_from = {wrong} "
            "WHERE customer_id = 1"
        )
        con.execute(f"UPDATE staging.stg_customer SET loaded_at = {wrong} WHERE customer_id = 1")
        con.execute(f"UPDATE source.src_customer SET loaded_at = {wrong} WHERE customer_id = '1'")
        adopted_at = first + timedelta(seconds=1)
        con.execute(f"INSERT INTO state.runs VALUES (2, TIMESTAMP '{AHEAD + STEP}', TIMESTAMP '{adopted_at}')")
    _loads(lending, 2)
    assert lending.build().run_at == AHEAD + 2 * STEP
    with pytest.raises(RedateRefused, match=r"(?s)snap_customer 1: loaded_at 2062.*--first-known"):
        _redate(lending)
    _redate(lending, first_known=True)
    assert lending.rows("snap_customer", "customer_id", "dbt_updated_at", "dbt_valid_from", "dbt_valid_to") == [
        (1, adopted_at, adopted_at, None), (2, first, first, None)
    ]  # fmt: skip
    # The customer's accounts are valid from then on too.
    assert lending.build().warnings == []
    assert _verified(lending) == {"identical"}
    assert _redate(lending) == redate.Redated()


# Any runs ----------------------------------------------------------------------------------------


def test_runs_keep_their_order_whatever_the_log_says() -> None:
    now = datetime(2026, 1, 10)
    day = timedelta(days=1)

    def redated(*runs: tuple[datetime, datetime]) -> list[datetime]:
        found = redated_runs([(n, at, end) for n, (at, end) in enumerate(runs, 1)], now, now + SKEW)
        return [run.after for run in found]

    assert redated((now - day, now - day)) == []
    assert redated((now - day, now - day), (AHEAD, AHEAD)) == [now - day + STEP]
    # Nothing is known of the first but that it was before the others.
    assert redated((AHEAD, AHEAD), (AHEAD + STEP, AHEAD)) == [now - 2 * STEP, now - STEP]
    assert redated((AHEAD, AHEAD), (AHEAD + STEP, now - day)) == [now - day - STEP, now - day]
    # Ends that a clock which was turned back has left.
    assert redated((AHEAD, now - day), (AHEAD + STEP, now - 2 * day)) == [now - day, now - day + STEP]


def _by_run(place: Lending, times: list[datetime]) -> dict[str, list[Any]]:
    """Return the rows of all tables, each time as the number of its run, ids of versions aside."""
    number: dict[Any, Any] = {time: place for place, time in enumerate(times)}
    return {
        name: sorted(
            (
                {c: number[v] if isinstance(v, datetime) else v for c, v in row.items() if c != "dbt_scd_id"}
                for row in rows
            ),
            key=repr,
        )
        for name, rows in place.contents().items()
    }


@settings(max_examples=settings.default.max_examples // 2, phases=[Phase.generate])
@given(loads, st.lists(st.sampled_from([0, 0, 1, 40, 7000]), min_size=4, max_size=4))
def test_after_any_runs_all_is_as_if_no_clock_had_been_ahead(sequence: list[Any], years: list[int]) -> None:
    with tempfile.TemporaryDirectory() as root:
        one, other = Lending(Path(root, "one")), Lending(Path(root, "other"))
        accepted: dict[int, list[Any]] = {}
        # The last by a true clock: else nothing would tell that it is not the present one which is behind.
        last = ([ALICE], [("Z", "1", "1.00", "Savings")])
        for (customers, accounts), ahead in [*zip(sequence, years, strict=False), (last, 0)]:
            with clock(datetime.utcnow() + timedelta(days=365 * ahead)):
                run = one.load(customers, accounts)
            other.load(customers, accounts)
            if run.status == "built":
                accepted[run.run_id] = _current(one)
        _redate(one)
        times = [sorted(_times(place).values()) for place in (one, other)]
        assert [sorted(_times(place)) for place in (one, other)] == [sorted(accepted)] * 2
        assert max(times[0]) <= datetime.utcnow() + SKEW
        assert [_times(one)[number] for number in sorted(accepted)] == times[0]
        assert _by_run(one, times[0]) == _by_run(other, times[1])
        assert {number: _current(one, as_of=number) for number in accepted} == accepted
        assert _verified(one) == {"identical"}
        assert one.build().warnings == []


def _current(place: Lending, **options: Any) -> list[Any]:
    columns = ("account_id", "customer_id", "balance_amount", "account_type", "dbt_valid_to")
    return [row for row in place.rows("snap_account", *columns, **options) if row[-1] is None]
