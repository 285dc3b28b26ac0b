"""What is stored, and what becomes of tables that are dropped: the next build makes them again, and no law is broken."""

from __future__ import annotations

import json
import os
import pty
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import duckdb
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

import lc_ibis
from lc_ibis.api.drop import Dropped
from lc_ibis.api.tables import Stored
from lc_ibis.cli import main
from lc_ibis.declare.models import Snapshot, TimestampStrategy
from lc_ibis.engine.state.state import State
from lc_ibis.errors import BackupError, DatabaseError, DropRefused, ExtractError, LcIbisError, SelectionError
from lc_ibis.layers import pipeline
from tests.conftest import ALICE, LONG, SAVINGS, Lending
from tests.engine.test_deltas import DELTAS, take
from tests.laws.test_laws import loads

pytestmark = pytest.mark.usefixtures("of_few_rows")

CHANGED = ("A1", "1", "7000.00", "Savings")
BOB = ("2", "Bob", "No")
PRECIOUS = {"snap_customer", "snap_account", "snap_refusal"}
DROPPABLE = [model.name for model in pipeline if model.is_stored and model.name not in PRECIOUS]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A place where one load was built."""
    lending = Lending(tmp_path_factory.mktemp("made"))
    lending.load([ALICE], [SAVINGS])
    return lending.root


@pytest.fixture
def built(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lending:
    """A place where one load was built: a customer and her account."""
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return Lending(tmp_path)


def drop(lending: Lending, *names: str, **options: Any) -> Dropped:
    return lc_ibis.drop(
        names, **{**lending.options, "database": lending.database, "outputs": lending.outputs}, **options
    )


def stored(lending: Lending) -> dict[str, Stored]:
    """Return what is stored by layer and name."""
    found = lc_ibis.tables(**{**lending.options, "database": lending.database})
    return {f"{table.layer}.{table.name}": table for table in found}


def verified(lending: Lending) -> set[str]:
    return {result.status for result in lc_ibis.verify(**{**lending.options, "database": lending.database})}


def run_sql(lending: Lending, *statements: str) -> list[Any]:
    """Run statements of something else on the database, and return the rows of the last."""
    with duckdb.connect(str(lending.database)) as con:
        for statement in statements:
            result = con.execute(statement)
        return result.fetchall()


# What is stored -------------------------------------------------------------------------------


def test_tables_are_listed_with_the_run_that_last_changed_them(lending: Lending) -> None:
    first = lending.load([ALICE], [SAVINGS])
    second = lending.load(accounts=[CHANGED])
    found = stored(lending)
    assert list(found) == [f"{model.layer}.{model.name}" for model in pipeline if model.is_stored]
    assert found["marts.account_summary"] == Stored(
        "marts", "account_summary", "incremental", row_count=1, version=2, changed_at=second.run_at, status="built"
    )
    assert found["source.src_customer"].changed_at == first.run_at
    assert (found["snapshots.snap_account"].kind, found["snapshots.snap_account"].row_count) == ("snapshot", 2)


def test_tables_and_views_of_others_are_marked(built: Lending) -> None:
    run_sql(
        built, "CREATE TABLE mine AS SELECT * FROM range(3)", "CREATE SCHEMA aliases",
        "CREATE VIEW aliases.old AS FROM marts.account_summary",
        "CREATE TABLE broken_soon AS SELECT 1 AS x", "CREATE VIEW broken AS FROM broken_soon", "DROP TABLE broken_soon",
        "CREATE TYPE mood AS ENUM ('ok'); CREATE TABLE odd AS SELECT 'ok'::mood AS m, '101'::BIT AS b, {'x': 1} AS s",
    )  # fmt: skip
    found = stored(built)
    assert list(found)[-4:] == ["aliases.old", "main.broken", "main.mine", "main.odd"]
    others = {name: (table.kind, table.row_count) for name, table in found.items() if table.status == "other"}
    assert others == {
        "aliases.old": ("view", None), "main.broken": ("view", None), "main.mine": ("table", 3), "main.odd": ("table", 1),
    }  # fmt: skip
    printed = CliRunner().invoke(main, ["tables", "--database", "lc.duckdb"]).output
    [line] = [line for line in printed.splitlines() if " mine " in line]
    assert line.split() == ["main", "mine", "table", "3", "-", "-", "not", "in", "the", "pipeline"]


def test_a_database_of_something_else_can_be_listed(lending: Lending) -> None:
    run_sql(lending, "CREATE TABLE mine AS SELECT 1 AS x")
    assert [table.status for table in stored(lending).values()] == ["other"]
    with pytest.raises(DatabaseError, match="no database found"):
        lc_ibis.tables(database=lending.root / "none.duckdb")


def test_the_command_prints_a_line_a_table_and_json(built: Lending) -> None:
    printed = CliRunner().invoke(main, ["tables", "--database", "lc.duckdb"])
    assert printed.exit_code == 0
    assert printed.output.splitlines()[0].split() == ["layer", "table", "kind", "rows", "run", "changed", "at", "(UTC)"]
    assert len(printed.output.splitlines()) == 15
    document = json.loads(CliRunner().invoke(main, ["tables", "--database", "lc.duckdb", "--json"]).output)
    assert {table["name"]: table["row_count"] for table in document}["src_account"] == 1


# Dropping what can be made again --------------------------------------------------------------


@pytest.mark.parametrize("backend", LONG)
def test_a_dropped_table_is_made_again(lending: Lending) -> None:
    lending.load([ALICE], [SAVINGS])
    done = drop(lending, "account_summary", "staging.stg_customer")
    assert [table.full_name for table in done.tables] == ["marts.account_summary", "staging.stg_customer"]
    assert done.backup is None
    assert not {"marts.account_summary", "staging.stg_customer"} & stored(lending).keys()
    assert verified(lending) == {"skipped", "identical"}

    run = lending.build()
    actions = {table.table: table.action for table in run.tables if table.action not in ("skipped", "unchanged")}
    assert actions == {"account_summary": "created", "stg_customer": "created"}
    assert verified(lending) == {"identical"}
    assert len(lending.rows("snap_customer")) == 1


def test_dropping_leaves_all_other_tables_as_they_are(built: Lending) -> None:
    before, files = built.contents(), built.files()
    drop(built, "customer_profile")
    with duckdb.connect(str(built.database), read_only=True) as con:
        for model in pipeline:
            if model.is_stored and model.name != "customer_profile":
                rows = con.execute(f"FROM {model.layer}.{model.name}").to_arrow_table().to_pylist()
                assert sorted(rows, key=repr) == before[model.name]
    assert {**built.files(), "lc.duckdb": b""} == {**files, "lc.duckdb": b""}


def test_output_files_of_a_dropped_table_stay_until_it_is_made_again(lending: Lending) -> None:
    lending.load([ALICE], [SAVINGS], partitioned=True)
    drop(lending, "customer_profile")
    assert (lending.outputs / "customer_profile/part-00000.parquet").exists()
    run = lending.load(accounts=[CHANGED], partitioned=True)
    assert {path.name for path in run.outputs} == {"account_summary", "customer_profile", "outputs.manifest.json"}
    assert lending.build(partitioned=True).status == "unchanged"


def test_all_that_can_be_made_again_can_be_dropped_at_once(lending: Lending) -> None:
    rows = [SAVINGS, ("A2", "1", "abc", "Savings"), ("A3", "9", "1", "Checking")]
    lending.load([ALICE, BOB, ("x", "Eve", "")], rows)
    before = {name: content(rows) for name, rows in lending.contents().items()}
    drop(lending, *DROPPABLE)
    assert lending.build().status == "built"
    assert {name: content(rows) for name, rows in lending.contents().items()} == before
    assert verified(lending) == {"identical"}


def content(rows: list[dict[str, Any]]) -> Counter[tuple[Any, ...]]:
    """Return what rows say, stamps aside."""
    return Counter(tuple(value for name, value in row.items() if not name.endswith("_at")) for row in rows)


def test_a_build_of_some_tables_does_not_stumble_over_one_that_is_gone(built: Lending) -> None:
    drop(built, "stg_account")
    assert built.build(select=("snapshots",)).status == "unchanged"
    with pytest.raises(DatabaseError, match="stg_account is not built yet, but snap_account reads it"):
        built.build(select=("snapshots",), full_refresh=True)
    built.deliver(accounts=[("A1", "1", "abc", "Savings")])
    before = built.files()
    with pytest.raises(DatabaseError, match="stg_account is not built yet"):
        built.build(exclude=("stg_account",))  # the refusal alone would look like a deletion
    assert built.files() == before
    built.load(accounts=[CHANGED])
    assert [str(amount) for amount in built.rows("account_summary", "original_balance_amount")] == ["7000.00"]
    assert len(built.rows("snap_account")) == 2


def test_a_first_build_of_histories_alone_says_what_is_missing(lending: Lending) -> None:
    lending.deliver([ALICE], [SAVINGS])
    with pytest.raises(DatabaseError, match="stg_customer is not built yet, but snap_customer reads it"):
        lending.build(select=("snapshots",))


def test_checks_ledger_and_past_moments_know_that_a_table_is_gone(lending: Lending) -> None:
    run = lending.load([ALICE], [SAVINGS])
    drop(lending, "stg_account")
    tested = lc_ibis.test(database=lending.database)
    assert tested.status == "passed"
    assert tested.ledger == []
    assert {
        r.reason for r in tested.checks if r.check.name == "not_null_balance_amount" and r.table == "stg_account"
    } == {"stg_account is not built yet"}
    with pytest.raises(DatabaseError, match="stg_account is not built yet"):
        lending.rows("stg_account")
    assert len(lending.rows("account_summary", as_of=run.run_at)) == 1


def test_checks_of_a_dropped_table_are_run_anew(built: Lending) -> None:
    drop(built, "account_summary")
    run = built.build()
    scopes = {result.scope for result in run.checks if result.table == "account_summary"}
    assert scopes == {"all rows"}


@settings(max_examples=2)
@given(loads, st.lists(st.sets(st.sampled_from(DROPPABLE), min_size=1), min_size=4, max_size=4))
def test_dropping_whatever_between_loads_changes_nothing(sequence: list[Any], dropped: list[set[str]]) -> None:
    """All tables, and every version of every history, are those of a place where nothing was dropped."""
    with tempfile.TemporaryDirectory() as root:
        one, other = Lending(Path(root, "one")), Lending(Path(root, "other"))
        times: list[list[Any]] = [[], []]
        for rows, names in zip(sequence[:3], dropped, strict=False):
            for place, runs in zip((one, other), times, strict=True):
                runs.append(place.load(*rows).run_at)
            drop(one, *names)
        times[0].append(one.build().run_at)
        assert verified(one) == {"identical"}
        assert _by_load(one, times[0]) == _by_load(other, times[1])


def _by_load(lending: Lending, times: list[Any]) -> dict[str, Counter[Any]]:
    """Return the tables without stamps, and the versions of histories with the loads that began and ended them."""
    number = {time: place for place, time in enumerate(times)} | {None: None}
    kept = ("dbt_valid_from", "dbt_valid_to")
    return {
        name: Counter(
            tuple(
                number[value] if column in kept else value
                for column, value in row.items()
                if column in kept or not (column.endswith("_at") or column.startswith("dbt_"))
            )
            for row in rows
        )
        for name, rows in lending.contents().items()
    }


# What cannot be made again --------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(PRECIOUS))
def test_what_cannot_be_made_again_is_refused(built: Lending, name: str) -> None:
    before = built.files()
    with pytest.raises(DropRefused, match=rf"nothing was dropped:\n  {name}: .*\n.*--force"):
        drop(built, "stg_account", name)
    assert built.files() == before
    assert not (built.root / "backups").exists()


def test_a_history_is_dropped_by_force_after_a_backup(built: Lending) -> None:
    built.load(accounts=[CHANGED])
    before, files = built.contents(), built.files()
    done = drop(built, "snap_account", force=True)
    assert done.backup
    assert done.backup.parent == built.root / "backups"
    built.build()
    assert len(built.rows("snap_account")) == 1
    assert verified(built) == {"identical"}
    lc_ibis.restore(done.backup, database=built.database, outputs=built.outputs)
    assert built.contents() == before
    assert {name: data for name, data in built.files().items() if "before" not in name} == files


def test_force_makes_no_backup_where_none_is_needed(built: Lending) -> None:
    assert drop(built, "account_summary", force=True).backup is None
    assert not (built.root / "backups").exists()


def test_a_build_between_backup_and_drop_is_noticed(built: Lending, monkeypatch: pytest.MonkeyPatch) -> None:

    def and_build(**options: Any) -> Path:
        backup = lc_ibis.backup(**options)
        built.load(accounts=[CHANGED])
        return backup

    monkeypatch.setattr("lc_ibis.api.drop.back_up", and_build)
    with pytest.raises(DatabaseError, match="a build has run since the backup"):
        drop(built, "snap_account", force=True)
    assert len(built.rows("snap_account")) == 2


def test_a_source_that_deltas_made_is_precious(built: Lending) -> None:
    take(built, "1", [(*CHANGED, "upsert")])
    with pytest.raises(DropRefused, match="src_account: it was built from deltas, and no extract contains them all"):
        drop(built, "src_account")
    drop(built, "src_account", force=True)
    with pytest.raises(ExtractError, match="Build once from the whole extract"):
        built.build(delivery="delta", source=DELTAS)


def test_a_source_is_precious_whose_stamp_alone_makes_versions(built: Lending, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline["snap_customer"], "kind", Snapshot(TimestampStrategy("loaded_at")))
    with pytest.raises(DropRefused, match="only it stores each row's loaded_at; with new ones, snap_customer gets"):
        drop(built, "src_customer")


def test_a_source_dropped_and_received_again_makes_no_version(built: Lending) -> None:
    before = built.rows("snap_customer"), built.rows("snap_account"), built.rows("account_summary")
    drop(built, "src_customer", "src_account")
    built.build()
    assert (built.rows("snap_customer"), built.rows("snap_account"), built.rows("account_summary")) == before


def test_a_source_dropped_by_force_keeps_the_laws(lending: Lending) -> None:
    lending.load([ALICE, BOB], [SAVINGS])
    drop(lending, "src_customer", force=True)
    lending.build()
    assert verified(lending) == {"identical"}
    current = [row for row in lending.rows("snap_customer") if row["dbt_valid_to"] is None]
    assert [row["customer_id"] for row in current] == [1, 2]


# What the pipeline does not know --------------------------------------------------------------

ODD = ["with space", 'quo"te', "dot.ted", "semi;colon", "it's", "Ünïcode 表", "--", "select", "new\nline", "a" * 200]


@pytest.mark.parametrize("kind", ["TABLE", "VIEW"])
@pytest.mark.parametrize("name", ODD)
def test_a_stranger_of_any_name_can_be_dropped(lending: Lending, kind: str, name: str) -> None:
    quoted = '"' + name.replace('"', '""') + '"'
    run_sql(
        lending,
        f"CREATE SCHEMA {quoted}",
        f"CREATE {kind} {quoted}.{quoted} AS SELECT 1 AS x",
        "CREATE TABLE stays (x int)",
    )
    assert set(stored(lending)) == {f"{name}.{name}", "main.stays"}
    drop(lending, name)
    assert set(stored(lending)) == {"main.stays"}
    run_sql(lending, f"CREATE {kind} {quoted}.{quoted} AS SELECT 1 AS x")
    drop(lending, f"{name}.{name}")
    assert set(stored(lending)) == {"main.stays"}


def test_a_stranger_beside_the_pipeline_s_tables_can_be_dropped(built: Lending) -> None:
    run_sql(built, "CREATE VIEW marts.alias AS FROM marts.account_summary", "CREATE TABLE marts.old AS SELECT 1 AS x")
    before = built.contents()
    assert [table.status for table in drop(built, "alias", "marts.old").tables] == ["other", "other"]
    assert built.contents() == before
    assert built.build().status == "unchanged"


def test_a_view_of_a_dropped_table_shows_the_new_one(built: Lending) -> None:
    run_sql(built, "CREATE VIEW alias AS SELECT account_id FROM marts.account_summary")
    drop(built, "account_summary")
    built.build()
    assert run_sql(built, "FROM alias") == [("A1",)]


def test_a_bare_name_is_the_pipeline_s_and_an_ambiguous_one_is_refused(built: Lending) -> None:
    run_sql(
        built, "CREATE TABLE main.account_summary AS SELECT 1 AS x", "CREATE TABLE main.twin AS SELECT 1 AS x",
        "CREATE TABLE marts.twin AS SELECT 1 AS x",
    )  # fmt: skip
    with pytest.raises(SelectionError, match=r"""'twin' matches 2 tables. Write "main"."twin" or "marts"."twin"."""):
        drop(built, "twin")
    assert [t.full_name for t in drop(built, "account_summary", "main.twin").tables] == [
        "marts.account_summary",
        "main.twin",
    ]
    assert "main.account_summary" in stored(built)
    assert [t.full_name for t in drop(built, "main.account_summary").tables] == ["main.account_summary"]


def test_names_that_are_the_same_with_their_dots_are_told_apart_by_quotes(lending: Lending) -> None:
    run_sql(
        lending,
        'CREATE SCHEMA "main.a"',
        'CREATE TABLE "main.a".b AS SELECT 1 AS x',
        'CREATE TABLE "a.b" AS SELECT 1 AS x',
    )
    with pytest.raises(SelectionError, match=r'matches 2 tables. Write "main"."a.b" or "main.a"."b"'):
        drop(lending, "main.a.b")
    assert drop(lending, '"main.a"."b"').tables[0].layer == "main.a"


@pytest.mark.parametrize("name", ["state.tables", "tables", "runs", "state.runs", "state.journal", "state.mine"])
def test_the_state_is_not_dropped(built: Lending, name: str) -> None:
    run_sql(built, "CREATE TABLE state.mine AS SELECT 1 AS x")
    before = built.files()
    with pytest.raises(DropRefused, match="cannot be dropped"):
        drop(built, name, force=True)
    assert built.files() == before


@pytest.mark.parametrize(
    "name", ["nope", "", ".", "marts.nope", "ledger", "account_cleaned", "system.main.duckdb_tables", "duckdb_tables",
             "information_schema.tables", "temp.x", "marts.account_summary; DROP TABLE marts.customer_profile", "ACCOUNT_SUMMARY"],
)  # fmt: skip
def test_what_is_not_there_is_refused_with_a_hint(built: Lending, name: str) -> None:
    before = built.files()
    with pytest.raises(SelectionError, match="No table named"):
        drop(built, name, force=True)
    assert built.files() == before


def test_what_something_else_holds_on_to_is_refused_with_the_reason(lending: Lending) -> None:
    run_sql(
        lending, "CREATE TABLE held (id int PRIMARY KEY)", "CREATE TABLE holder (id int REFERENCES held (id))",
        "CREATE TABLE free (x int)",
    )  # fmt: skip
    with pytest.raises(DatabaseError, match=r"main\.held: DuckDB cannot drop it"):
        drop(lending, "free", "held")
    assert set(stored(lending)) == {"main.free", "main.held", "main.holder"}


def leave_over(lending: Lending) -> None:
    """Have the state know a table and its file that the code no longer has."""
    (lending.outputs / "old_mart.csv").write_text("x")
    run_sql(
        lending, "CREATE TABLE marts.old_mart AS SELECT 1 AS x", "CREATE TABLE main.old_mart AS SELECT 1 AS x",
        "INSERT INTO state.tables VALUES ('old_mart', 1, 'f', 1)", "INSERT INTO state.inputs VALUES ('old_mart', 'stg_account', 1)",
        "INSERT INTO state.checks VALUES ('old_mart', 'unique', 1, 'f', 0)", "INSERT INTO state.files VALUES ('old_mart.csv', 1, 'f')",
    )  # fmt: skip


def test_a_leftover_of_older_code_is_forgotten_with_all_that_was_known_of_it(built: Lending) -> None:
    leave_over(built)
    assert stored(built)["marts.old_mart"].status == "leftover"
    assert stored(built)["main.old_mart"].status == "other"
    [dropped] = drop(built, "old_mart").tables
    assert (dropped.full_name, dropped.status, dropped.version) == ("marts.old_mart", "leftover", 1)
    with lc_ibis.connect(built.database) as warehouse:
        state = State.read(warehouse.store)
    assert "old_mart" not in state.tables
    assert not [name for name, _ in state.checks if name == "old_mart"]
    assert "old_mart.csv" not in state.files
    assert run_sql(built, "SELECT count(*) FROM state.inputs WHERE table_name = 'old_mart'") == [(0,)]
    assert (built.outputs / "old_mart.csv").exists()
    assert built.build().status in ("built", "unchanged")


def test_a_table_that_something_else_dropped_can_be_forgotten_and_made_again(lending: Lending) -> None:
    lending.load([ALICE], [SAVINGS])
    leave_over(lending)
    run_sql(lending, "DROP TABLE marts.account_summary", "DROP TABLE marts.old_mart", "DROP TABLE main.old_mart")
    with pytest.raises(DatabaseError, match=r"account_summary, old_mart: dropped .* \(lc-ibis drop\) and build"):
        lending.build()
    found = stored(lending)
    assert (found["marts.account_summary"].status, found[".old_mart"].status) == ("lost", "lost")
    assert {table.status for table in drop(lending, "account_summary", "old_mart").tables} == {"lost"}
    lending.build()
    assert verified(lending) == {"identical"}

    run_sql(lending, "DROP TABLE snapshots.snap_account")
    with pytest.raises(DropRefused):
        drop(lending, "snap_account")


# All or nothing -------------------------------------------------------------------------------


def test_a_drop_that_fails_drops_nothing(built: Lending, monkeypatch: pytest.MonkeyPatch) -> None:
    before = built.contents()

    def fail(*_: object) -> None:
        raise DatabaseError("no")

    monkeypatch.setattr(State, "save", fail)
    with pytest.raises(DatabaseError):
        drop(built, "account_summary", "stg_account")
    assert built.contents() == before


def test_a_drop_that_was_killed_dropped_nothing(built: Lending) -> None:
    before = built.contents()
    code = (
        "import os, signal; import lc_ibis; from lc_ibis.engine.state.state import State; save = State.save\n"
        "def die(*given): save(*given); os.kill(os.getpid(), signal.SIGKILL)\n"
        f"State.save = die; lc_ibis.drop('account_summary', database={str(built.database)!r})"
    )
    ended = subprocess.run([sys.executable, "-c", code], check=False, cwd=built.root)
    assert ended.returncode == -9
    assert built.contents() == before
    assert built.build().status == "unchanged"


# The command ----------------------------------------------------------------------------------


def command(*words: str) -> Any:
    return CliRunner().invoke(main, [*words, "--database", "lc.duckdb", "--outputs", "outputs"])


def test_without_a_terminal_nothing_is_dropped_unless_confirmed(built: Lending) -> None:
    before = built.files()
    asked = command("drop", "account_summary")
    assert asked.exit_code == 2
    assert "Cannot ask for confirmation without a terminal. Confirm with --yes." in asked.stderr
    assert built.files() == before
    done = command("drop", "account_summary", "--yes")
    assert done.output == (
        "dropped marts.account_summary (incremental, 1 row)\nThe next build rebuilds the pipeline's tables.\n"
    )


def test_a_history_is_refused_with_exit_code_one_and_forced_with_a_backup(built: Lending) -> None:
    refused = command("drop", "snap_account", "--yes")
    assert refused.exit_code == 1
    assert "snap_account: it is a history" in refused.stderr
    forced = json.loads(command("drop", "snap_account", "--yes", "--force", "--json").stdout)
    assert Path(forced["backup"], "backup.json").exists()
    assert [table["name"] for table in forced["tables"]] == ["snap_account"]
    run_sql(built, "CREATE VIEW mine AS SELECT 1 AS x")
    assert command("drop", "mine", "--yes").output == "dropped main.mine (view, not in the pipeline)\n"
    assert command("drop", "snap_customer", "--yes", "--force").output.startswith("backed up to ")
    assert command("drop").exit_code == 2


@pytest.mark.parametrize(("answer", "is_dropped"), [("y", True), ("n", False), ("", False)])
def test_on_a_terminal_it_is_asked(built: Lending, answer: str, is_dropped: bool) -> None:
    ours, theirs = pty.openpty()
    words = [sys.executable, "-m", "lc_ibis", "drop", "account_summary", "--database", "lc.duckdb"]
    asked = subprocess.Popen(words, stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=built.root)
    os.write(ours, f"{answer}\n".encode())
    out, err = asked.communicate()
    os.close(ours)
    os.close(theirs)
    assert b"  marts.account_summary (incremental, 1 row)\nDrop? [y/N]" in err
    assert asked.returncode == (0 if is_dropped else 1)
    assert (b"dropped marts.account_summary" in out) == is_dropped
    assert ("marts.account_summary" in stored(built)) != is_dropped


def test_errors_of_dropping_are_ours() -> None:
    assert issubclass(DropRefused, LcIbisError)
    assert issubclass(BackupError, LcIbisError)
