"""What a build says of itself: the scope of its checks, verify, plan and runs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import duckdb
import pytest
from click.testing import CliRunner

import lc_ibis
from lc_ibis.api.build import run_pipeline
from lc_ibis.backends.duckdb.text import DIALECT
from lc_ibis.cli import main
from lc_ibis.compiled.program import Program, program
from lc_ibis.declare.check_kinds import no_rows
from lc_ibis.declare.models import Incremental, Model
from lc_ibis.declare.pipeline import Pipeline
from lc_ibis.engine.refresh.touched import Keys, Touched
from lc_ibis.errors import SettingsError, VerificationFailed
from lc_ibis.layers import marts, pipeline
from lc_ibis.settings import Settings
from tests.conftest import WIDELY, Lending
from tests.engine.test_incremental import ACCOUNTS, ANN, BEN


def test_checks_look_at_what_changed_and_say_so(lending: Lending) -> None:
    """Law 8 (docs/laws.md): the cost of checks follows change too."""
    first = lending.load([ANN, BEN], ACCOUNTS)
    assert {result.scope for result in first.checks} == {"all rows"}
    run = lending.load(accounts=[("A1", "1", "1.00", "Savings"), *ACCOUNTS[1:]])
    scopes = {(result.table, result.check.name): result.scope for result in run.checks}
    assert scopes["stg_customer", "unique_customer_id"] == "nothing"
    assert scopes["stg_account", "positive_value_balance_amount"] == "changed rows"
    assert scopes["account_summary", "unique_account_id"] == "touched keys"
    assert {result.scope for result in lending.build(full_refresh=True).checks} == {"all rows"}


def test_a_warning_is_repeated_while_its_rows_are_there(lending: Lending) -> None:
    lending.load([ANN], ACCOUNTS)
    again = lending.build()
    assert [(r.table, r.failing_count) for r in again.checks if r.status == "warn"] == [
        ("int_account_without_customer", 4)
    ]


def test_new_checks_are_run_on_all_rows(lending: Lending) -> None:
    lending.load([ANN, BEN], ACCOUNTS)
    strict = Model(
        marts.account_summary.function, Incremental(), marts.AccountSummary, "marts",
        [*marts.account_summary.checks, no_rows("none", "There are no rows.").but(severity="warn")],
    )  # fmt: skip
    models = [strict if m.name == "account_summary" else m for m in pipeline]
    run = run_pipeline(Pipeline(models, pipeline.outputs), Settings.load(**lending.places()))
    scopes = {result.scope for result in run.checks if result.table == "account_summary"}
    assert scopes == {"all rows"}
    assert [r.failing_count for r in run.checks if r.check.name == "none"] == [8]


def tampered(lending: Lending, sql: str) -> None:
    with duckdb.connect(str(lending.database)) as con:
        con.execute(sql)


def test_verify_names_the_keys_that_differ(lending: Lending) -> None:
    lending.load([ANN, BEN], ACCOUNTS)
    assert {result.status for result in lc_ibis.verify(database=lending.database)} == {"identical"}
    tampered(lending, "UPDATE marts.account_summary SET annual_interest_amount = 0 WHERE account_id = 'A3'")
    tampered(lending, "DELETE FROM snapshots.snap_account WHERE account_id = 'A5'")
    differing = {r.table: r.keys for r in lc_ibis.verify(database=lending.database) if r.status == "differs"}
    assert differing["account_summary"] == ({"account_id": "A3"}, {"account_id": "A5"})
    assert differing["snap_account"] == ({"account_id": "A5"},)


def test_build_verify_publishes_nothing_that_differs(lending: Lending) -> None:
    lending.load([ANN, BEN], ACCOUNTS, verify=True)
    tampered(lending, "DELETE FROM marts.account_summary WHERE account_id = 'A4'")
    before = lending.files()
    with pytest.raises(VerificationFailed, match="account_summary: 1 key differs"):
        lending.load([("1", "Ann", "Yes"), BEN], verify=True)
    assert lending.files() == before


def test_verify_skips_what_a_partial_build_left_behind(lending: Lending) -> None:
    lending.load([ANN, BEN], ACCOUNTS)
    lending.load(accounts=ACCOUNTS[1:], select=("source",))
    results = {r.table: r for r in lc_ibis.verify(database=lending.database)}
    assert results["stg_account"].reason == "stg_account is older than src_account"
    assert results["stg_customer"].status == "identical"
    assert results["customer_profile"].status == "skipped"


def test_a_change_of_code_that_a_partial_build_did_not_reach_is_not_forgotten(
    lending: Lending, monkeypatch: pytest.MonkeyPatch
) -> None:
    lending.load([ANN, BEN], ACCOUNTS)
    new = program(pipeline, DIALECT).fingerprints
    other = replace(new, models={**new.models, "account_summary": "of other code"})
    monkeypatch.setattr(Program, "fingerprints", other)
    lending.build(select=("staging",))
    reasons = {table.table: table.reason for table in lending.build().tables}
    assert reasons["account_summary"] == "code or contract changed"
    assert lending.build().status == "unchanged"


def test_a_partial_build_is_not_verified(lending: Lending, monkeypatch: pytest.MonkeyPatch) -> None:
    lending.load([ANN, BEN], ACCOUNTS)
    lending.load(accounts=ACCOUNTS[1:], select=("source",))
    ended = CliRunner().invoke(main, ["verify", "--database", str(lending.database)])
    assert ended.exit_code == 1
    assert "9 of 12 tables were not verified" in ended.output


def test_a_plan_says_what_the_build_does_and_writes_nothing(lending: Lending) -> None:
    lending.deliver([ANN, BEN], ACCOUNTS)
    planned = lc_ibis.plan(**lending.places())
    assert not lending.database.exists()
    assert _facts(planned) == _facts(lending.build().tables)
    lending.deliver(accounts=[("A1", "2", "1.00", "Savings"), *ACCOUNTS[2:]])
    before = lending.files()
    planned = lc_ibis.plan(**lending.places())
    assert lending.files() == before
    assert _facts(planned) == _facts(lending.build().tables)


def _facts(tables: list[Any]) -> list[Any]:
    return [(t.table, t.action, t.reason, t.row_count, t.written, t.key_count) for t in tables]


def test_runs_are_listed_with_what_they_did_and_why(lending: Lending) -> None:
    lending.load([ANN, BEN], ACCOUNTS)
    lending.build()
    lending.load(accounts=ACCOUNTS[1:])
    last, first = lc_ibis.runs(database=lending.database)
    assert (last.run_id, first.run_id) == (2, 1)
    done = {table.table_name: table for table in last.tables}
    assert "src_customer" in done or "stg_customer" not in done
    assert (done["snap_account"].removed_count, done["snap_account"].key_count) == (1, 1)
    assert done["stg_account"].reason == "changed: src_account"


@pytest.mark.parametrize("backend", WIDELY)
def test_a_sample_of_keys_finds_what_a_build_by_key_left_out(lending: Lending, monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the keys that a change touches were found wrongly: nothing is published, and the remedy works."""
    lending.load([ANN, BEN], ACCOUNTS)
    before = lending.contents()
    lending.deliver([("1", "Anna", "No"), BEN])  # no check looks at names
    keys = Touched.keys

    def without(self: Touched, model: Model) -> Keys:
        found = keys(self, model)
        return replace(found, count=0) if model.name == "customer_profile" else found

    with monkeypatch.context() as patched:
        patched.setattr(Touched, "keys", without)
        with pytest.raises(VerificationFailed, match=r"customer_profile: 1 key differs: customer_id 1\n") as refused:
            lending.build(verify_sample=100)
        assert "Build with --full-refresh" in str(refused.value)
        assert lending.contents() == before
        assert lending.build(verify_sample=100, full_refresh=True).status == "built"
    assert lending.build(verify_sample=1).status == "unchanged"
    assert {result.status for result in lc_ibis.verify(**lending.options)} == {"identical"}


@pytest.mark.parametrize("number", [-1, "many"])
def test_a_sample_is_a_number_of_keys(lending: Lending, number: object) -> None:
    with pytest.raises(SettingsError, match="verify_sample"):
        lending.build(verify_sample=number)
