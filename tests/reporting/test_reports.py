"""Quality reports: their schema, and the same as JUnit XML."""

from __future__ import annotations

import json
import re
from typing import Any
from xml.etree import ElementTree as xml

import pytest
from click.testing import CliRunner
from jsonschema import Draft202012Validator

import lc_ibis
from lc_ibis.cli import main
from lc_ibis.errors import DatabaseError, ExtractError, LcIbisError, SettingsError
from lc_ibis.files.documents import to_json
from lc_ibis.reporting.report import document
from tests import ROOT
from tests.conftest import ALICE, SAVINGS, Lending
from tests.engine.test_atomic import HUGE
from tests.layers.test_sample import DAYS

SCHEMA = json.loads((ROOT / "docs/quality_report.schema.json").read_text(encoding="utf-8"))


def _report(lending: Lending) -> dict[str, Any]:
    """Return the last report, which must be of the schema."""
    found = json.loads(lc_ibis.report(reports=lending.reports))
    Draft202012Validator(SCHEMA).validate(found)
    return found


def _suites(lending: Lending) -> dict[str, xml.Element]:
    tree = xml.fromstring(lc_ibis.report("junit", reports=lending.reports))
    return {suite.attrib["name"]: suite for suite in tree}


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(SCHEMA)


def test_every_report_is_of_the_schema(lending: Lending) -> None:
    for lending.inputs in DAYS.values():
        lending.build()
        assert _report(lending)["status"] == "built"
    lending.build()
    assert _report(lending)["status"] == "unchanged"
    with pytest.raises(LcIbisError):
        lending.build(max_file_age=0)
    assert _report(lending)["error"].startswith("Sources are stale")
    lending.build(select=("stg_account",))
    _report(lending)
    Draft202012Validator(SCHEMA).validate(json.loads(to_json(document(lc_ibis.test(**lending.options)))))


def test_checks_are_cases_of_a_suite_by_table(lending: Lending) -> None:
    lending.load([ALICE], [SAVINGS, ("A2", "77", "1", "Savings")])
    suites = _suites(lending)
    cases = [(suite, case.attrib["name"]) for suite in suites for case in suites[suite]]
    assert cases == [(check["table"], check["check"]) for check in _report(lending)["checks"]]
    assert {suite.attrib["failures"] for suite in suites.values()} == {"0"}
    [warning] = xml.fromstring(lc_ibis.report("junit", reports=lending.reports)).iter("system-out")
    assert warning.text == "warning: 1 rows: Every account's customer is current.\naccount_id=A2"


@pytest.mark.usefixtures("any_amount")
def test_a_failed_check_is_a_failure(lending: Lending) -> None:
    with pytest.raises(LcIbisError):
        lending.load([ALICE], [SAVINGS, HUGE])
    assert _report(lending)["failed"] > 0
    suite = _suites(lending)["account_summary"]
    assert int(suite.attrib["failures"]) == len(list(suite.iter("failure"))) > 0
    [case] = [case for case in suite if case.attrib["name"] == "not_null_new_balance_amount"]
    assert case[0].attrib["message"] == "1 rows: new_balance_amount is always known."
    assert case[0].text == "account_id=A2, new_balance_amount=None"
    assert "build" not in _suites(lending)


def test_a_build_that_ends_before_its_checks_is_an_error(lending: Lending) -> None:
    lending.deliver([ALICE], [])
    (lending.inputs / "accounts.csv").write_text("AccountID,CustomerID,Balance,AccountType\n")
    with pytest.raises(ExtractError):
        lending.build()
    suite = _suites(lending)["build"]
    assert suite.attrib["errors"] == "1"
    assert "the extract has no rows" in suite[0][0].attrib["message"]


@pytest.mark.usefixtures("any_amount")
def test_what_xml_cannot_hold_is_replaced(lending: Lending) -> None:
    with pytest.raises(LcIbisError):
        lending.load([ALICE], [("A\uffff<&\N{PILE OF POO}", *HUGE[1:])])
    assert "account_id=A\ufffd<&\N{PILE OF POO}" in lc_ibis.report("junit", reports=lending.reports).replace(
        "&lt;", "<"
    ).replace("&amp;", "&")
    _suites(lending)


def test_the_command_prints_the_last_report(lending: Lending) -> None:
    def said(*words: str, code: int = 0) -> str:
        result = CliRunner().invoke(main, ["report", "--reports", str(lending.reports), *words])
        assert result.exit_code == code, result.output
        return result.output

    assert "no report found. Create one with lc-ibis build." in said(code=1)
    lending.load([ALICE], [SAVINGS])
    run = lending.load([ALICE], [("A1", "1", "7", "Savings")])
    assert json.loads(said())["run_id"] == run.run_id == 2
    assert said("--format", "junit").startswith("<?xml")


@pytest.mark.parametrize("content", ["", "{}", "[]", "null", "7"])
def test_a_report_that_is_none_is_named(lending: Lending, content: str) -> None:
    lending.reports.mkdir()
    (lending.reports / "quality_report_20260101T000000.000000Z.json").write_text(content)
    with pytest.raises(DatabaseError, match=r"quality_report_20260101T000000\.000000Z\.json: not a report"):
        lc_ibis.report("junit", reports=lending.reports)


def test_a_format_that_is_none_is_refused(lending: Lending) -> None:
    with pytest.raises(SettingsError, match="format: 'xml' is not one of json, html, junit"):
        lc_ibis.report("xml", reports=lending.reports)  # type: ignore[arg-type]


def test_on_a_terminal_a_summary_is_printed(lending: Lending, monkeypatch: pytest.MonkeyPatch) -> None:
    lending.load([ALICE], [SAVINGS, ("A2", "77", "1", "Savings")])
    runner = CliRunner()
    words = ["report", "--reports", str(lending.reports)]
    assert json.loads(runner.invoke(main, words).output)["status"] == "built", "a program gets JSON"
    monkeypatch.setattr("click.testing._NamedTextIOWrapper.isatty", lambda _: True, raising=False)
    said = runner.invoke(main, words).output
    assert "published." in said
    assert "WARN int_account_without_customer: 1 row fails every_customer_is_current. Every account's" in said
    assert re.search(r"account +2 +2 +0", said)
    assert json.loads(runner.invoke(main, [*words, "--format", "json"]).output)["status"] == "built"
