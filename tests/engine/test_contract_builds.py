"""A contract that breaks those who read its table is refused before anything is written, unless it declares that."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import lc_ibis
from lc_ibis.declare.history import Versions
from lc_ibis.declare.models import CheckStrategy, Incremental, Model, Snapshot
from lc_ibis.errors import BreakingChangeError, ContractError
from tests.declare.test_contract_changes import Keyed, KeyedByBoth
from tests.things import Things, contract, table

pytestmark = pytest.mark.usefixtures("as_if_large")


@pytest.fixture
def things(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Things:
    monkeypatch.chdir(tmp_path)
    return Things(tmp_path, monkeypatch)


BREAKING = [
    ({"fact": "string"}, {}, "fact: removed column, string"),
    ({"fact": "decimal(18,2)"}, {"fact": "decimal(10,2)"}, "fact: narrower type, decimal(18, 2) to decimal(10, 2)"),
    ({"fact": "string"}, {"fact": "int64"}, "fact: other type, string to int64"),
    ({"fact": "string?"}, {"fact": "string"}, "fact: now not null, null to not null"),
    ({"fact": "string"}, {"fact": "string?"}, "fact: now may be null, not null to null"),
]


@pytest.mark.parametrize(("before", "after", "what"), BREAKING)
def test_an_undeclared_breaking_change_writes_nothing_and_declared_it_is_built(
    things: Things, before: Any, after: Any, what: str
) -> None:
    things.build(table(contract(**before)))
    files = things.files()
    (things.root / "things.csv").write_text("ThingID\n1\n2\n3\n")
    files[str(things.root / "things.csv")] = b"ThingID\n1\n2\n3\n"

    with pytest.raises(BreakingChangeError) as error:
        things.build(table(contract(**after)))
    assert str(error.value) == (
        "1 contract has breaking changes. Nothing was written:\n"
        "  thing (tests/things.py):\n"
        f"    {what}\n"
        "  Revert the change, or declare it: set version = 2 in Thing."
    )
    assert things.files() == files
    assert things.files() == files
    assert things.statuses() == {"src_thing": "unchanged", "thing": "breaking"}

    declared = table(contract(version=2, **after))
    things.has(declared)
    assert things.statuses()["thing"] == "declared"
    assert things.build(declared).status == "built"
    assert things.statuses()["thing"] == "unchanged"
    assert things.sql("SELECT count(*) FROM things.thing") == [(3,)]
    assert things.build(declared).status == "unchanged"


def test_a_changed_key_is_refused(things: Things) -> None:
    by = Incremental(by=("thing_id",))
    things.build(table(Keyed, by))
    with pytest.raises(BreakingChangeError, match="changed key: thing_id to thing_id, part_id"):
        things.build(table(KeyedByBoth, by))


def test_neither_a_plan_nor_a_full_refresh_gets_past_it(things: Things) -> None:
    things.build(table(contract(fact="string")))
    files = things.files()
    with pytest.raises(BreakingChangeError):
        things.build(table(contract()), full_refresh=True, allow_mass_delete=True)
    with pytest.raises(BreakingChangeError):
        lc_ibis.plan(database=things.options["database"], inputs=things.root)
    things.has(table(contract(version=2)))
    planned = lc_ibis.plan(database=things.options["database"], inputs=things.root)
    assert [done.action for done in planned] == ["skipped", "created"]
    assert things.files() == files


HARMLESS = [
    ({}, {"fact": "string"}),
    ({"fact": "int32"}, {"fact": "int64"}),
    ({"fact": "decimal(18,2)"}, {"fact": "decimal(20,4)"}),
    ({"a": "string", "b": "string"}, {"b": "string", "a": "string"}),
]


@pytest.mark.parametrize(("before", "after"), HARMLESS)
def test_what_breaks_nobody_is_built_and_remembered(things: Things, before: Any, after: Any) -> None:
    things.build(table(contract(**before)))
    things.has(table(contract(**after)))
    assert things.statuses()["thing"] == "changed"
    assert things.build(table(contract(**after))).status == "built"
    assert things.statuses()["thing"] == "unchanged"


def test_what_came_without_a_word_goes_only_with_one(things: Things) -> None:
    things.build(table(contract()))
    things.build(table(contract(label="string")))
    with pytest.raises(BreakingChangeError, match="label: removed column"):
        things.build(table(contract()))


def test_a_version_that_is_lowered_is_refused(things: Things) -> None:
    things.build(table(contract(version=3, fact="string")))
    files = things.files()
    with pytest.raises(BreakingChangeError) as error:
        things.build(table(contract(version=2, fact="string")))
    assert str(error.value).endswith(
        "  Thing has version 2, but the table was built with 3. Versions only increase: set version = 3 in Thing."
    )
    with pytest.raises(BreakingChangeError, match="removed column(.|\n)*set version = 4 in Thing"):
        things.build(table(contract()))
    assert things.statuses()["thing"] == "lowered"
    assert things.files() == files
    assert things.build(table(contract(version=4))).status == "built"


def test_a_version_alone_is_remembered_and_computes_nothing(things: Things) -> None:
    things.build(table(contract()))
    run = things.build(table(contract(version=5)))
    assert (run.status, {done.action for done in run.tables}) == ("built", {"skipped"})
    assert things.sql("SELECT DISTINCT version FROM state.contracts WHERE table_name = 'thing'") == [(5,)]
    files = things.files()
    assert things.build(table(contract(version=5))).status == "unchanged"
    assert things.files() == files


def test_a_declared_change_covers_no_later_one(things: Things) -> None:
    things.build(table(contract(fact="string")))
    things.build(table(contract(version=2, fact="int64")))
    with pytest.raises(BreakingChangeError, match="version = 3 in Thing"):
        things.build(table(contract(version=2)))


def test_all_contracts_that_break_are_named_at_once(things: Things) -> None:
    things.build(table(contract(fact="string")), table(contract(fact="string"), name="other"))
    with pytest.raises(BreakingChangeError) as error:
        things.build(table(contract()), table(contract(version=2), name="other"), table(contract(), name="new"))
    assert "other" not in str(error.value)
    with pytest.raises(BreakingChangeError, match="2 contracts have breaking changes(.|\n)*  thing (.|\n)*  other"):
        things.build(table(contract()), table(contract(), name="other"))


def test_only_chosen_tables_are_compared_and_remembered(things: Things) -> None:
    models = table(contract(fact="string")), table(contract(fact="string"), name="other")
    things.build(*models)
    broken = table(contract()), table(contract(version=2), name="other")
    things.build(*broken, select=("src_thing", "other"))
    assert things.statuses() == {"src_thing": "unchanged", "thing": "breaking", "other": "unchanged"}
    with pytest.raises(BreakingChangeError):
        things.build(*broken, exclude=("other",))
    recorded = "SELECT DISTINCT table_name, version FROM state.contracts ORDER BY ALL"
    assert things.sql(recorded) == [("other", 2), ("src_thing", 1), ("thing", 1)]


def test_a_build_that_fails_remembers_no_contract(things: Things) -> None:
    things.build(table(contract(fact="string")))
    (things.root / "things.csv").write_text("ThingID\n")
    with pytest.raises(lc_ibis.LcIbisError, match="no rows"):
        things.build(table(contract(version=2)))
    assert things.sql("SELECT DISTINCT version FROM state.contracts") == [(1,)]
    things.has(table(contract()))
    assert things.statuses()["thing"] == "breaking"


# A history --------------------------------------------------------------------------------------


def history(version: int = 1, **columns: Any) -> Model:
    snap = type("SnapThing", (Versions, contract(version, **columns)), {"__doc__": "One row per version of a thing."})
    return table(snap, Snapshot(CheckStrategy()), "snap_thing")


def test_a_history_must_be_declared_and_altered(things: Things) -> None:
    things.build(history(fact="int64"))
    files = things.files()
    with pytest.raises(BreakingChangeError) as error:
        things.build(history(fact="string"))
    assert str(error.value).endswith(
        "    fact: other type, int64 to string\n"
        "  Revert the change, or declare it: set version = 2 in SnapThing. "
        "Histories are never rebuilt. Also alter the stored table to match the contract."
    )
    with pytest.raises(ContractError, match="Histories are never rebuilt. Alter the stored table to match"):
        things.build(history(version=2, fact="string"))
    things.has(history(version=2, fact="string"))
    output = things.command().output
    assert "Histories are never rebuilt. Also alter the stored table to match the contract." in output
    assert "declare it" not in output
    assert things.files() == files

    things.sql("ALTER TABLE things.snap_thing ALTER fact TYPE VARCHAR")
    with pytest.raises(BreakingChangeError):
        things.build(history(fact="string"))
    things.build(history(version=2, fact="string"))
    assert things.statuses()["snap_thing"] == "unchanged"
    assert things.sql("SELECT count(*) FROM things.snap_thing") == [(2,)]


def test_a_history_whose_shape_stays_need_only_be_declared(things: Things) -> None:
    things.build(history(fact="int64?"))
    with pytest.raises(BreakingChangeError) as error:
        things.build(history(fact="int64"))
    assert "alter the stored table" not in str(error.value)
    things.build(history(version=2, fact="int64"))
    assert things.statuses()["snap_thing"] == "unchanged"
