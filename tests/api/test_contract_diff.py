"""What changed since a database was built: what the state remembers of contracts, and what the command says."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Annotated

import duckdb
import ibis.expr.datatypes as dt
import pytest
from click.testing import CliRunner

import lc_ibis
from lc_ibis import contracts
from lc_ibis.cli import main
from lc_ibis.declare.contracts import column
from lc_ibis.errors import BreakingChangeError
from tests.conftest import ALICE, SAVINGS, Lending
from tests.things import Things, contract, table

pytestmark = pytest.mark.usefixtures("as_if_large")


@pytest.fixture
def things(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Things:
    monkeypatch.chdir(tmp_path)
    return Things(tmp_path, monkeypatch)


def _forget_contracts(things: Things) -> None:
    """Make the state one of before contracts were kept in it: version 1."""
    for name in ("contracts", "schema"):
        things.sql(f"DROP TABLE state.{name}")


def test_a_database_of_before_there_was_such_a_table_is_taken_as_it_is(things: Things) -> None:
    things.build(table(contract(fact="string")))
    _forget_contracts(things)
    assert things.statuses() == {"src_thing": "new", "thing": "new"}
    assert things.command().exit_code == 0
    assert "thing: not recorded yet. The next build records its contract." in things.command().output
    changed = table(contract())
    things.build(changed)
    assert things.statuses() == {"src_thing": "unchanged", "thing": "unchanged"}
    assert things.build(changed).status == "unchanged"

    _forget_contracts(things)
    run = things.build(changed)
    assert (run.status, {done.action for done in run.tables}) == ("built", {"skipped"})
    files = things.files()
    assert things.build(changed).status == "unchanged"
    assert things.files() == files
    things.sql("DROP TABLE state.checks")
    with pytest.raises(lc_ibis.LcIbisError, match="checks: dropped from the database"):
        things.build(changed)


def test_the_command_says_what_changed_and_what_to_do(things: Things) -> None:
    things.build(table(contract(fact="string", price="decimal(18,2)")))
    assert (things.command().exit_code, things.command().output) == (0, "2 contracts: 2 unchanged.\n")

    things.has(table(contract(fact="string", price="decimal(10,2)", label="string")))
    result = things.command()
    assert result.exit_code == 1
    assert result.output == (
        "thing (tests/things.py), version 1:\n"
        "  breaks  price: narrower type, decimal(18, 2) to decimal(10, 2)\n"
        "  fine    label: new column, string\n"
        "  Revert the change, or declare it: set version = 2 in Thing.\n"
        "2 contracts: 1 unchanged, 1 breaking.\n"
    )
    assert things.command("src_thing").exit_code == 0

    things.has(table(contract(version=2, price="decimal(10,2)")))
    result = things.command("thing")
    assert result.exit_code == 0
    assert result.output.startswith("thing (tests/things.py), version 1 to 2:\n  breaks  fact: removed")
    assert result.output.endswith("1 contract: 1 changed and declared.\n")


def test_the_command_as_json(things: Things) -> None:
    things.build(table(contract(fact="string")))
    things.has(table(contract()))
    result = things.command("thing", "--json")
    assert result.exit_code == 1
    assert json.loads(result.output) == [
        {
            "table": "thing", "layer": "things", "contract": "Thing",
            "file": "tests/things.py", "status": "breaking", "is_refused": True,
            "must_be_altered": False, "version": 1, "stored_version": 1,
            "changes": [
                {"kind": "removed column", "column": "fact", "before": "string", "after": "", "is_breaking": True}
            ],
        }
    ]  # fmt: skip


def test_a_refused_build_says_it_in_a_message_and_in_its_report(things: Things) -> None:
    things.build(table(contract(fact="string")))
    things.has(table(contract()))
    places = [word for name, place in things.options.items() for word in (f"--{name}", str(place))]
    result = CliRunner().invoke(main, ["build", *places])
    assert result.exit_code == 1
    assert "Error: 1 contract has breaking changes. Nothing was written:" in result.stderr
    report = json.loads(sorted((things.root / "r").glob("*.json"))[-1].read_text())
    assert (report["status"], "fact: removed column" in report["error"]) == ("failed", True)


def test_without_a_database_the_command_says_how_to_make_one(things: Things) -> None:
    things.has(table(contract()))
    result = things.command()
    assert (result.exit_code, "no database found. Create it with lc-ibis build." in result.output) == (1, True)
    assert not Path(things.options["database"]).exists()


def test_the_state_knows_every_column_of_the_pipeline(lending: Lending) -> None:
    lending.load([ALICE], [SAVINGS])
    assert {diff.status for diff in contracts.diff(database=lending.database)} == {"unchanged"}
    with duckdb.connect(str(lending.database)) as con:
        rows = con.execute("FROM state.contracts WHERE table_name = 'snap_account' ORDER BY position").fetchall()
    assert rows[0] == ("snap_account", "account_id", 1, "string", False, True, 1)
    assert rows[2] == ("snap_account", "balance_amount", 3, "decimal(18, 2)", False, False, 1)
    assert rows[-1] == ("snap_account", "dbt_valid_to", 9, "timestamp(6)", True, False, 1)


def test_money_made_narrower_in_the_pipeline_is_refused(lending: Lending, monkeypatch: pytest.MonkeyPatch) -> None:
    from lc_ibis.layers import pipeline
    from lc_ibis.layers.marts import AccountSummary

    class Narrower(AccountSummary):
        new_balance_amount: Annotated[Decimal, dt.Decimal(10, 2)] = column("Balance and interest, US dollars.")

    lending.load([ALICE], [SAVINGS])
    files = lending.files()
    monkeypatch.setattr(pipeline["account_summary"], "contract", Narrower)
    with pytest.raises(
        BreakingChangeError, match=r"account_summary \(layers/marts\.py\):\n    new_balance_amount: narro"
    ):
        lending.build()
    assert lending.files() == files
