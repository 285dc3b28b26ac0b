"""Every command, as a user types it."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as xml

import click
import pytest
from click.testing import CliRunner, Result

import lc_ibis
from lc_ibis.cli import main
from lc_ibis.cli.options import word_of
from lc_ibis.reporting import report
from lc_ibis.setting_values import COMMAND_OPTIONS
from lc_ibis.settings import Settings
from tests.conftest import ALICE, SAVINGS, Lending

BLANK_BALANCE = ("A2", "1", "n/a", "Savings")


@pytest.fixture
def built(lending: Lending, monkeypatch: pytest.MonkeyPatch) -> Lending:
    """One customer, one account, one refused account; the places are in the environment."""
    for name, path in lending.places().items():
        monkeypatch.setenv(f"LC_IBIS_{name.upper()}", str(path))
    lending.load([ALICE], [SAVINGS, BLANK_BALANCE])
    return lending


def run(*arguments: str, exit_code: int = 0) -> Result:
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == exit_code, result.output + str(result.exception)
    return result


def printed(*arguments: str) -> Any:
    return json.loads(run(*arguments).stdout)


def test_build_prints_a_line_a_table_the_ledger_and_the_verdict(lending: Lending) -> None:
    lending.deliver([ALICE], [SAVINGS, BLANK_BALANCE])
    places = [word for name, path in lending.places().items() for word in (f"--{name}", str(path))]
    output = run("build", *places).output
    assert re.search(r"stg_account +created +1 rows +1 added; first build", output)
    assert re.search(r"source +received +accepted +refused +held +current +joined +without customer", output)
    assert re.search(r"account +2 +1 +1 +0 +1 +1 +0", output)
    assert re.search(r"Run 1 of \S+ is published", output)
    assert "Nothing changed. Tables and files are up to date" in run("build", *places).output


def test_build_as_json_is_the_report(built: Lending) -> None:
    built.deliver(accounts=[("A1", "1", "7000", "Savings")])
    document = printed("build", "--json")
    assert document["status"] == "built"
    assert {t["table"]: t["changed_count"] for t in document["tables"]}["account_summary"] == 1
    assert document["total_checks"] == document["passed"] == len(document["checks"]) > 90
    newest = sorted(built.reports.glob("quality_report_*.json"))[-1]
    assert json.loads(newest.read_text()) == document


def test_a_failed_build_says_that_all_is_as_it_was(built: Lending) -> None:
    built.deliver(accounts=[("A9", "1", "7000", "Savings")])
    before = built.files()
    result = run("build", exit_code=1)
    assert "updated" in result.stdout, "what was done, and undone"
    assert "\nNothing was published. Tables and files are unchanged.\nReport: " in result.stderr
    assert built.files() == before
    assert "Nothing was published" not in run("show", "nothing", exit_code=2).stderr


def _once(function: Any, then: Any) -> Any:
    """Return a function that is another from its second call on."""
    calls = []

    def called(*given: Any) -> Any:
        calls.append(given)
        return function(*given) if len(calls) == 1 else then()

    return called


@pytest.mark.parametrize("words", [(), ("--quiet",), ("--json",)])
@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_what_is_published_and_cannot_be_printed_is_said_to_be_published(
    built: Lending, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], error: BaseException
) -> None:
    def full(*_: object) -> None:
        raise error

    built.deliver(accounts=[("A1", "1", "7000", "Savings")])
    monkeypatch.setattr("lc_ibis.cli.printing.building.BuildPrinter.summary", full)
    if "--json" in words:
        monkeypatch.setattr("lc_ibis.reporting.report.document", _once(report.document, full))
    result = run("build", *words, exit_code=1)
    assert result.stderr.startswith("Error: The build is published, but its summary cannot be printed (")
    assert "Nothing was published" not in result.stderr
    assert lc_ibis.runs(database=built.database)[0].run_id == 2


def test_a_failing_build_exits_with_1_and_a_message_without_traceback(built: Lending) -> None:
    (built.inputs / "accounts.csv").write_text("AccountID,Balance\n1,2\n")
    result = run("build", exit_code=1)
    assert result.stderr.startswith("Error: ")
    assert "missing: CustomerID, AccountType" in result.stderr
    assert "Traceback" not in result.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("build", "--select", "stg_acount"), "Did you mean stg_account?"),
        (("build", "--backend", "oracle"), "backend: 'oracle' is not one of duckdb"),
        (("build", "--max-delete-share", "2"), "max_delete_share: 2.0 is no share"),
        (("show", "acount_summary"), "No table named 'acount_summary'. Did you mean account_summary?"),
        (("show", "account_summary", "--as-of", "yesterday"), "'yesterday' is not a moment. Use a time like"),
        (("compile", "--dialect", "mysql"), "dialect: 'mysql' is not one of duckdb, databricks, pyspark"),
        (("build", "--ful-refresh"), "No such option"),
        (("bild",), "No such command"),
    ],
)
def test_what_is_not_understood_exits_with_2(built: Lending, arguments: tuple[str, ...], message: str) -> None:
    assert message in run(*arguments, exit_code=2).output


def test_show_prints_whole_values(built: Lending) -> None:
    output = run("show", "snap_account").output
    assert re.search(r"A1 +1 +5000\.00 +savings +\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}", output)
    assert "n/a" in run("show", "quarantine_stg_account").output
    assert run("show", "int_account_without_customer").output == "int_account_without_customer has no rows.\n"


def test_show_as_json_is_an_array_of_objects_with_decimals_as_strings(built: Lending) -> None:
    [row] = printed("show", "account_summary", "--json")
    assert (row["account_id"], row["customer_id"]) == ("A1", 1)
    assert (row["interest_rate_pct"], row["annual_interest_amount"]) == ("0.0150", "75.00")
    assert len(printed("show", "account_summary", "--json", "--limit", "1")) == 1


def test_show_limits_rows_and_says_so(built: Lending) -> None:
    assert "The first row; more with --limit." in run("show", "src_account", "--limit", "1").output
    count = len(json.loads(run("show", "src_account", "--json", "--limit", "1000").output))
    assert "more with --limit" not in run("show", "src_account", "--limit", str(count)).output
    assert "0 is not in the range" in run("show", "src_account", "--limit", "0", exit_code=2).output


def test_show_without_a_database_says_how_to_make_one(lending: Lending) -> None:
    result = run("show", "account_summary", exit_code=1)
    assert "no database found. Create it with lc-ibis build." in result.output


def test_test_prints_the_verdict_and_as_json_the_report(built: Lending) -> None:
    assert re.search(r"\d+ checks: \d+ passed", run("test").output)
    document = printed("test", "--json")
    assert document["total_checks"] == document["passed"] + document["warned"] > 90
    assert set(document) >= {"timestamp", "by_layer", "by_severity", "failures", "ledger"}
    assert printed("test", "--json", "--select", "marts")["by_layer"].keys() == {"marts"}


def test_test_exits_with_1_when_a_table_is_broken(built: Lending) -> None:
    import duckdb

    with duckdb.connect(str(built.database)) as connection:
        connection.execute("UPDATE marts.account_summary SET new_balance_amount = 1")
    assert (
        "FAIL account_summary: 1 row fails new_balance_is_the_sum, by account_id: A1" in run("test", exit_code=1).output
    )


def test_ls_lists_tables_by_layer(lending: Lending) -> None:
    output = run("ls").output
    assert output.index("source") < output.index("stg_account") < output.index("account_summary")
    models = {model["name"]: model for model in printed("ls", "--json", "--select", "+account_summary")}
    assert models["account_summary"]["inputs"] == ["int_savings_account_only"]
    assert models["account_summary"]["grain"] == "One row per savings account, with a year's interest."
    assert "customer_profile" not in models


@pytest.mark.parametrize(("dialect", "quote"), [("duckdb", '"'), ("databricks", "`"), ("pyspark", "`")])
def test_compile_prints_sql_without_a_database(lending: Lending, dialect: str, quote: str) -> None:
    queries = printed("compile", "--dialect", dialect, "--json")
    assert len(queries) == len(lc_ibis.ls())
    assert f"FROM {quote}intermediate{quote}.{quote}int_savings_account_only{quote}" in queries["account_summary"]
    output = run("compile", "--select", "account_summary", "--dialect", dialect).output
    assert output.startswith("-- account_summary\nSELECT")
    assert output.rstrip().endswith(";")


def test_letters_that_the_terminal_does_not_know_are_escaped(lending: Lending) -> None:
    lending.load([("1", "Zoë [bold]", "Yes")], [SAVINGS])
    environment = {**os.environ, "PYTHONIOENCODING": "ascii", "LC_IBIS_DATABASE": str(lending.database)}
    command = [sys.executable, "-m", "lc_ibis", "show", "stg_customer"]
    ended = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    assert r"zo\xeb [bold]" in ended.stdout


@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "utf-16"])
@pytest.mark.parametrize(
    ("words", "read"),
    [
        (["quarantine", "--csv"], lambda text: str(list(csv.DictReader(io.StringIO(text))))),
        (["quarantine", "--json"], lambda text: str(json.loads(text))),
        (["report", "--format", "json"], lambda text: str(json.loads(text))),
        (["report", "--format", "html"], lambda text: text),
        (["report", "--format", "junit"], lambda text: "".join(xml.fromstring(text.encode()).itertext())),
    ],
)
def test_what_is_for_programs_is_utf8_whatever_standard_output_is(
    lending: Lending, encoding: str, words: list[str], read: Callable[[str], str]
) -> None:
    lending.load([("1", "Alice", "Yes"), ("2", "Bob", "李")], [SAVINGS])
    places = {"LC_IBIS_DATABASE": str(lending.database), "LC_IBIS_REPORTS": str(lending.reports)}
    ended = subprocess.run(
        [sys.executable, "-m", "lc_ibis", *words],
        capture_output=True, check=True, env={**os.environ, **places, "PYTHONIOENCODING": encoding},
    )  # fmt: skip
    assert "李" in read(ended.stdout.decode("utf-8"))


def test_the_xml_declares_what_it_is(lending: Lending) -> None:
    lending.load([ALICE], [SAVINGS])
    environment = {**os.environ, "LC_ALL": "en_US.ISO-8859-1", "LC_IBIS_REPORTS": str(lending.reports)}
    command = [sys.executable, "-m", "lc_ibis", "report", "--format", "junit"]
    ended = subprocess.run(command, capture_output=True, check=True, env=environment)
    assert ended.stdout.startswith(b"<?xml version='1.0' encoding='utf-8'?>")


def test_only_one_way_leads_to_standard_output() -> None:
    for path in Path(lc_ibis.__file__).parent.rglob("*.py"):
        found = re.findall(
            r"click\.s?echo\(|(?<!def )(?<![.\w])print\(|sys\.stdout\.write", path.read_text(encoding="utf-8")
        )
        assert not found or path.name == "escaping.py", path


def _options(command: click.Command) -> Iterator[click.Option]:
    for inner in command.commands.values() if isinstance(command, click.Group) else ():
        yield from _options(inner)
    yield from (option for option in command.params if isinstance(option, click.Option))


def test_every_option_has_its_variable() -> None:
    settings = {field.name for field in fields(Settings)}
    asked = {"help", "version"}
    assert {word_of(option) for option in _options(main)} - asked - settings == set(COMMAND_OPTIONS)
    for option in _options(main):
        if (name := word_of(option)) in COMMAND_OPTIONS:
            assert option.envvar == f"LC_IBIS_{name.upper()}"


def test_a_command_is_told_by_variables_too(built: Lending, monkeypatch: pytest.MonkeyPatch) -> None:
    loud = run("build").output
    monkeypatch.setenv("LC_IBIS_QUIET", "true")
    assert "  report " in loud
    assert "  report " not in run("build").output
    monkeypatch.setenv("LC_IBIS_JSON", "1")
    monkeypatch.setenv("LC_IBIS_LIMIT", "1")
    assert len(json.loads(run("show", "account_summary").output)) == 1
    monkeypatch.setenv("LC_IBIS_LIMITS", "1")
    assert "Did you mean LC_IBIS_LIMIT?" in run("show", "account_summary", exit_code=2).stderr


def test_a_variable_that_cannot_be_read_is_named(built: Lending, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_IBIS_LIMIT", "many")
    assert "Invalid value for LC_IBIS_LIMIT: 'many'" in run("show", "account_summary", exit_code=2).stderr
    assert "Invalid value for '--limit': 'few'" in run("show", "account_summary", "--limit", "few", exit_code=2).stderr


def test_a_wide_ledger_is_not_cut(built: Lending) -> None:
    many = [(f"B{i}", "1", "10", "Savings") for i in range(12_000)]
    output = run("build", "--inputs", str(built.inputs)).output
    assert "without customer" in output
    built.deliver(accounts=[SAVINGS, *many])
    assert re.search(r"account +12,001 +12,001 +0 +0 +12,001 +12,001 +0", run("build").output)


def test_version(lending: Lending) -> None:
    assert run("version").output == f"lc-ibis {lc_ibis.version()}\n"


def test_help_is_answered_without_loading_the_engine() -> None:
    code = (
        "import sys, click.testing; from lc_ibis.cli import main\n"
        "assert click.testing.CliRunner().invoke(main, ['--help']).exit_code == 0\n"
        "print([m for m in ('ibis', 'duckdb', 'pyarrow', 'pandas', 'rich') if m in sys.modules])"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "[]"


def test_settings_come_from_the_file_too(lending: Lending) -> None:
    lending.deliver([ALICE], [SAVINGS])
    lines = [f'{name} = "{Path(place).name}"' for name, place in lending.places().items()]
    (lending.root / "lc-ibis.toml").write_text("\n".join(lines))
    run("build")
    assert lending.database.exists()
    assert printed("show", "account_summary", "--json")[0]["account_id"] == "A1"


def test_a_limit_beyond_all_rows_is_none(built: Lending) -> None:
    assert run("show", "snap_account", "--limit", "9" * 30).output == run("show", "snap_account").output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["show", "snap_account", "--as-of", "0001-01-01T00:00+14:00"], "Use a time like"),
        (["build", "--threads", "99999999999"], "threads: 99999999999 is not from 1 to 1024"),
        (["build", "--memory-limit", "-1GB"], "'-1GB' is no size like 1GB"),
        (["build", "--inputs", "a" * 5000], "name too long"),
        (["ls", "--select", "src_*", "--exclude", "src_*"], "nothing"),
    ],
)
def test_what_cannot_be_is_said_in_a_line(built: Lending, arguments: list[str], said: str) -> None:
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code in (1, 2)
    assert isinstance(result.exception, SystemExit)
    assert said in result.output
