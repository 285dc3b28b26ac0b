"""Taking a migration back: what was there before a phase is there again, whatever happened in between."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lc_ibis import migrations
from lc_ibis.errors import BackupError, DatabaseError, MigrationError
from tests.conftest import ALICE, SAVINGS, Lending
from tests.migrating import Moving, Templates
from tests.old_databases import CUSTOMERS, DIRTY_ACCOUNTS, DIRTY_CUSTOMERS, five_layers, three_layers

pytestmark = pytest.mark.usefixtures("of_few_rows")

MINE = b"of the pipeline that went before"


@pytest.fixture
def applied(lending: Lending, templates: Templates) -> Moving:
    """Three layers, clean, all phases applied."""
    return templates.copy(lending, "three", three_layers)


def test_each_phase_alone_leaves_exactly_what_was_there_before_it(lending: Lending) -> None:
    moving = Moving(lending, three_layers(lending.root / "before/old.duckdb", DIRTY_CUSTOMERS, DIRTY_ACCOUNTS))
    before = []
    for number in range(1, 8):
        before.append(moving.contents())
        moving.apply(phases=(number,))
    for number in range(7, 0, -1):
        [done] = moving.rollback(number)
        assert (done.phase, done.action) == (number, "rolled back")
        assert moving.contents() == before[number - 1], number
        assert moving.statuses() == ["applied"] * (number - 1) + ["not applied"] * (8 - number)


def test_later_phases_go_with_an_earlier_one(applied: Moving) -> None:
    assert applied.call("going", (5,)) == [7, 6, 5]
    assert [phase.phase for phase in applied.rollback(5)] == [7, 6, 5]
    applied.apply()
    assert applied.statuses() == ["applied"] * 7


def test_all_is_taken_back_to_no_database_and_the_old_pipelines_files(lending: Lending) -> None:
    moving = Moving(lending, three_layers(lending.root / "before/old.duckdb"))
    lending.outputs.mkdir()
    (lending.outputs / "account_summary.csv").write_bytes(MINE)
    (lending.outputs / "notes.txt").write_bytes(MINE)
    before = moving.contents()
    moving.apply()
    assert moving.contents()["file account_summary.csv"] != MINE
    moving.rollback()
    assert moving.contents() == before
    [kept] = lending.root.glob("lc.duckdb.before-rollback-*")
    with duckdb.connect(str(kept), read_only=True) as con:
        assert con.execute("SELECT count(*) FROM marts.account_summary").fetchall() == [(3,)]
    assert moving.rollback() == []
    assert moving.apply()[-1].action == "applied"


def test_builds_since_are_not_thrown_away_unless_forced(applied: Moving) -> None:
    applied.lending.load([ALICE], [SAVINGS], allow_mass_delete=True)
    before = applied.contents()
    with pytest.raises(MigrationError, match=r"1 builds have run since phase 3 began \(from run 5\)"):
        applied.rollback(3)
    assert applied.contents() == before
    assert applied.rollback(3, force=True)
    assert applied.statuses() == ["applied"] * 2 + ["not applied"] * 5


def test_a_build_between_two_phases_is_noticed_too(lending: Lending) -> None:
    moving = Moving(lending, three_layers(lending.root / "before/old.duckdb"))
    moving.apply(phases=(1, 2))
    lending.load([("1", "Alice", "Yes")], [SAVINGS], allow_mass_delete=True)
    moving.apply(phases=(3,), allow_mass_delete=True)
    assert moving.rollback(3)
    with pytest.raises(MigrationError, match="1 builds have run since phase"):
        moving.rollback(2)


def test_a_checkpoint_that_is_gone_or_damaged_changes_nothing(applied: Moving) -> None:
    kept = applied.lending.root / "lc.duckdb.migration"
    before = applied.contents()
    [database] = (kept / "before_phase_4" / "backup" / "database").iterdir()
    database.write_bytes(database.read_bytes()[:-1])
    with pytest.raises(BackupError, match="the backup is damaged"):
        applied.rollback(4)
    (kept / "before_phase_4" / "checkpoint.json").write_text("{")
    with pytest.raises(MigrationError, match="cannot read it"):
        applied.rollback(4)
    shutil.rmtree(kept / "before_phase_4")
    with pytest.raises(MigrationError, match="the checkpoint before phase 4 is missing"):
        applied.rollback(4)
    assert applied.contents() == before
    assert applied.rollback(3)


def test_a_checkpoint_of_another_database_is_not_put_in_its_place(applied: Moving) -> None:
    applied.lending.database.unlink()
    applied.lending.load([ALICE], [SAVINGS])
    before = applied.contents()
    with pytest.raises(MigrationError, match="builds have run since phase"):
        applied.rollback(2)
    assert applied.contents() == before


def test_a_database_in_use_is_not_rolled_back(applied: Moving) -> None:
    before = applied.contents()
    holder = subprocess.Popen(
        [sys.executable, "-c", f"import duckdb; c = duckdb.connect({str(applied.lending.database)!r}); print(1, flush=True); input()"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert holder.stdout
        holder.stdout.readline()
        with pytest.raises(DatabaseError, match="in use"):
            applied.rollback(2)
    finally:
        holder.communicate("\n")
    assert applied.contents() == before


_KILLED = """
import os, signal
from lc_ibis import migrations
from lc_ibis.migrations import {module}
whole, count = {target}, 0
def die(*given, **named):
    global count
    count += 1
    if count < {time}:
        return whole(*given, **named)
    {first}
    os.kill(os.getpid(), signal.SIGKILL)
{target} = die
migrations.{command}
"""


def _killed(moving: Moving, target: str, command: str, first: str = "", time: int = 1) -> None:
    """Have another process run a command, and die where it would call a function for the n-th time."""
    places = ", ".join(f"{name}={str(place)!r}" for name, place in moving.places.items())
    module = target.split(".")[0]
    code = _KILLED.format(
        module=module, target=target, time=time, first=first, command=command.replace("PLACES", places)
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False, cwd=moving.lending.root)
    assert ended.returncode == -signal.SIGKILL, ended.stderr


# By phase: a function that its deed calls, and at which call it is killed.
_DEEDS = {
    1: ("running.State.write", 1), 2: ("running.State.write", 1), 3: ("running.State.write", 1),
    4: ("running.State.write", 1), 5: ("phases.verify_contract", 3), 6: ("names.view", 3), 7: ("phases.report.write", 1),
}  # fmt: skip
_QUICK = {("record", 2), ("record", 6), ("deed", 2), ("deed", 6), ("checkpoint", 4)}
_MOMENTS = [
    pytest.param(moment, number, marks=[] if (moment, number) in _QUICK else [pytest.mark.long])
    for moment in ("record", "deed", "checkpoint")
    for number in range(1, 8)
]


@pytest.mark.parametrize(("moment", "number"), _MOMENTS)
def test_killed_in_a_phase_it_goes_on_or_is_taken_back(
    lending: Lending, templates: Templates, moment: str, number: int
) -> None:
    moving = templates.copy(lending, "three", three_layers)
    moving.rollback(number)
    before = moving.contents()
    target, time = {
        "record": ("running._record", 1),
        "deed": _DEEDS[number],
        "checkpoint": ("checkpoints.json.dumps", 1),
    }[moment]
    _killed(moving, target, f"apply({str(moving.old)!r}, PLACES, phases=({number},))", time=time)
    assert moving.statuses()[number - 1] == ("not applied" if moment == "checkpoint" else "interrupted")
    if moment != "record":
        assert moving.contents() == before
    again = Lending(lending.root / "again")
    shutil.copytree(lending.root, again.root, dirs_exist_ok=True, ignore=lambda *_: ["again"])
    moving.rollback(number)
    assert moving.contents() == before
    on = Moving(again, again.root / "before" / "old.duckdb")
    assert [done.action for done in on.apply(phases=(number,))] == ["applied"]
    on.rollback(number)
    assert on.contents() == before


@pytest.mark.parametrize(("target", "time"), [("checkpoints.forget", 1), ("checkpoints.PendingOutputs.stage", 3)])
def test_killed_while_rolling_back_it_is_rolled_back_again(applied: Moving, target: str, time: int) -> None:
    """The database is what it was already; output files, or checkpoints that are done with, are not."""
    kept = applied.lending.root / "kept"
    shutil.copytree(applied.lending.root, kept)
    other = Moving(Lending(kept), kept / "before" / "old.duckdb")
    other.rollback(4)
    _killed(applied, target, "rollback((4,), PLACES)", time=time)
    assert applied.statuses()[3] == "interrupted"
    assert applied.rollback(4)
    assert applied.contents() == other.contents()
    assert applied.statuses() == other.statuses()


def test_killed_after_the_first_database_was_put_aside_it_is_rolled_back_again(applied: Moving) -> None:
    _killed(applied, "checkpoints._aside", "rollback(PLACES)", first="whole(*given, **named)")
    assert not applied.lending.database.exists()
    applied.rollback()
    assert applied.contents() == {"database": None}


_ROW = st.tuples(st.integers(1, 4), st.sampled_from(["Ann", "", " bob"]), st.sampled_from(["Yes", "No", None, "maybe"]))
_ACCOUNT = st.tuples(
    st.sampled_from(["A1", "A2", "A3", None]), st.integers(1, 5),
    st.one_of(st.none(), st.floats(allow_infinity=True, allow_nan=True), st.sampled_from([10.0, 100.005, 20000.0])),
    st.sampled_from(["Savings", "checking", ""]),
)  # fmt: skip


@settings(max_examples=2)
@given(st.data())
def test_rollback_restores_every_byte_of_data(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    root = tmp_path_factory.mktemp("rollback")
    lending = Lending(root)
    customers = [*CUSTOMERS, *data.draw(st.lists(_ROW, max_size=4))]
    accounts = [("A0", 1, 1.0, "Savings"), *data.draw(st.lists(_ACCOUNT, max_size=6))]
    moving = Moving(lending, three_layers(root / "before" / "old.duckdb", customers, accounts))
    if data.draw(st.booleans()):
        lending.load([ALICE], [SAVINGS])
    before = moving.contents()
    last = data.draw(st.integers(1, 7))
    moving.apply(phases=range(1, last + 1), allow_mass_delete=True)
    moving.rollback(data.draw(st.integers(1, last)))
    moving.apply(phases=range(1, last + 1), allow_mass_delete=True)
    moving.rollback()
    assert moving.contents() == before


def test_an_adopted_history_is_taken_back_too(lending: Lending) -> None:
    moving = Moving(lending, five_layers(lending.root / "before/old.duckdb"))
    moving.apply(phases=(1,))
    before = moving.contents()
    _killed(moving, "phases._build", f"apply({str(moving.old)!r}, PLACES, phases=(2,), adopt_snapshots=True)")
    assert moving.statuses()[1] == "interrupted"
    assert moving.query("SELECT count(*) FROM snapshots.snap_customer") == [(3,)]
    moving.rollback(2)
    assert moving.contents() == before
    _killed(moving, "phases._build", f"apply({str(moving.old)!r}, PLACES, phases=(2,), adopt_snapshots=True)")
    moving.apply(adopt_snapshots=True)
    assert moving.query("SELECT count(*) FROM snapshots.snap_customer") == [(3,)]
    moving.rollback()
    assert moving.contents() == {"database": None}


def test_what_is_put_back_does_not_depend_on_where_it_is_called_from(
    applied: Moving, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(applied.lending.root)
    elsewhere = {"database": "lc.duckdb", "outputs": "outputs", "reports": "reports"}
    assert [p.status for p in migrations.status(**elsewhere)] == ["applied"] * 7
    migrations.rollback(**elsewhere)
    assert applied.contents() == {"database": None}
