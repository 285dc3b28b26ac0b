"""What a build says while it runs: much, little, or all."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator

import pytest
from click.testing import CliRunner

import lc_ibis
from lc_ibis.cli import main
from lc_ibis.cli.printing.building import BuildPrinter
from lc_ibis.engine.state.run import TableRun
from tests.conftest import ALICE, SAVINGS, Lending


@pytest.fixture(autouse=True)
def no_debugging_afterwards() -> Iterator[None]:
    yield
    log = logging.getLogger("lc_ibis")
    log.handlers, log.level = [], logging.NOTSET
    log.manager._clear_cache()  # type: ignore[attr-defined]


def words(place: Lending) -> list[str]:
    return [word for name, path in place.places().items() for word in (f"--{name}", str(path))]


def test_a_build_tells_what_it_begins_and_what_is_done(lending: Lending) -> None:
    told: list[str] = []

    class Progress:
        def begun(self, what: str) -> None:
            told.append(what)

        def done(self, table: TableRun) -> None:
            told.append(f"{table.table} done")

    lending.deliver([ALICE], [SAVINGS])
    lending.build(progress=Progress())
    assert told[:2] == ["src_customer", "src_customer done"]
    assert told[-2:] == ["checks", "outputs"]
    assert len(told) == 2 * 14 + 2


def test_where_it_is_no_terminal_nothing_turns(lending: Lending) -> None:
    lending.deliver([ALICE], [SAVINGS])
    said = CliRunner().invoke(main, ["build", *words(lending)]).output
    assert "\x1b" not in said
    assert "\r" not in said
    assert said.count("src_customer") == 1


def test_on_a_terminal_it_shows_what_is_being_done(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    with BuildPrinter() as printer:
        printer.begun("stg_\x1b[31mred")
        printer._now.refresh()
    said = capsys.readouterr().out
    assert r"stg_\x1b[31mred" in said
    assert re.search(r"\d:\d\d:\d\d", said)


def test_a_table_that_took_long_has_its_pace(capsys: pytest.CaptureFixture[str]) -> None:
    printer = BuildPrinter()
    for seconds in (0.9, 2.0):
        printer.done(
            TableRun("stg_account", "staging", "incremental", "created", "first build", 1_000_000, seconds=seconds)
        )
    quick, slow = capsys.readouterr().out.splitlines()[1:]
    assert "rows a second" not in quick
    assert "2.0 s, 500,000 rows a second" in slow


def test_quiet_is_quiet_unless_there_is_something_to_say(lending: Lending) -> None:
    lending.deliver([ALICE], [SAVINGS])
    assert CliRunner().invoke(main, ["build", "--quiet", *words(lending)]).output == ""
    lending.deliver(accounts=[SAVINGS, ("A2", "1", "none", "Savings")])
    said = CliRunner().invoke(main, ["build", "-q", *words(lending)]).output
    assert said.startswith("WARN quarantine_stg_account: 1 of 2 rows")
    assert len(said.splitlines()) == 1
    lending.deliver(accounts=[("A1", "1", "none", "Savings")])
    failed = CliRunner().invoke(main, ["build", "-q", *words(lending), "--max-refused-share", "0.5"])
    assert failed.exit_code == 1
    assert failed.stdout == ""
    assert "few_refused" in failed.stderr


def test_debug_tells_each_statement_and_the_plan_of_the_slowest(
    lending: Lending, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_TOKEN", "hunter22hunter22")
    lending.deliver([ALICE], [SAVINGS])
    (lending.inputs / "accounts.csv").rename(lending.inputs / "hunter22hunter22\x1b[31m.csv")
    run = CliRunner().invoke(main, ["build", "--debug", "--source", "src_account=hunter*", *words(lending)])
    assert run.exit_code == 0
    assert "BEGIN TRANSACTION" in run.stderr or "ATTACH" in run.stderr
    assert " s  INSERT INTO" in run.stderr
    assert "statements in " in run.stderr
    assert "Total Time" in run.stderr
    assert "stg_account: created, first build, 1 rows" in run.stderr
    assert "hunter22" not in run.stderr
    assert "\x1b" not in run.stderr
    assert "Run 1 of" in run.stdout


def test_without_debug_no_statement_is_kept(lending: Lending) -> None:
    lending.load([ALICE], [SAVINGS])
    with lc_ibis.connect(lending.database) as warehouse:
        assert warehouse.store._statements._taken == []  # type: ignore[attr-defined]


@pytest.mark.parametrize("way", ["--no-color", "NO_COLOR"])
def test_plain_lines_on_request(lending: Lending, monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    """Even on a terminal: no colours, nothing that turns."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    lending.deliver([ALICE], [SAVINGS])
    assert "\x1b" in CliRunner().invoke(main, ["build", *words(lending)], color=True).output
    if way == "NO_COLOR":
        monkeypatch.setenv("NO_COLOR", "1")
    plain = ["--no-color"] if way == "--no-color" else []
    for command in (["build", *plain, *words(lending)], ["tables", *plain, "--database", str(lending.database)]):
        result = CliRunner().invoke(main, command, color=True)
        assert result.exit_code == 0, result.output
        assert "\x1b" not in result.output
