"""The guides are true: what they tell a reader to run, runs."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from unittest.mock import Mock

import click
import duckdb
import pytest
from click.testing import CliRunner

import lc_ibis
from lc_ibis import migrations
from lc_ibis.backends.duckdb.text import cannot_open
from lc_ibis.backends.spark.life import Life
from lc_ibis.cli import main
from lc_ibis.errors import LcIbisError, SessionEnded
from lc_ibis.layers.marts import AccountSummary
from tests import ROOT
from tests.conftest import ALICE, SAVINGS, Lending, change_rules, write_csv
from tests.engine.test_waiting import held
from tests.old_databases import five_layers


@pytest.mark.parametrize("page", ["data-quality.md"])
def test_every_snippet_of_a_guide_runs(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(ROOT / "data/inputs", tmp_path / "data/inputs")
    monkeypatch.chdir(tmp_path)
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    snippets = re.findall(r"^    (\S.*)$|^```python\n((?:.*\n)*?)```$", text, re.MULTILINE)
    assert len(snippets) > 5
    names: dict[str, object] = {}
    said = ""
    for line, code in snippets:
        if code:
            exec(compile(code, page, "exec", dont_inherit=True), names)
        elif line.startswith("lc-ibis "):
            result = CliRunner().invoke(main, shlex.split(line)[1:])
            assert result.exit_code == 0, result.output
            said = result.output
        else:
            assert line.removesuffix("…") in said, "what a page quotes is what the command before it prints"


def test_the_readme_s_path_can_be_walked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Build, look, see history, open the report; then, where the start goes on, change a row, open pages, read Python."""
    for day in ("inputs", "inputs_day2"):
        shutil.copytree(ROOT / "data" / day, tmp_path / "data" / day)
    monkeypatch.chdir(tmp_path)
    opened: list[str] = []
    monkeypatch.setattr("click.launch", opened.append)
    path = _section(ROOT / "README.md", "How history works")
    lines = _indented(path)
    assert len(lines) > 7
    said = _walked([".venv/bin/lc-ibis build", *lines])
    assert len(opened) == 1
    [quoted] = re.findall(r"^```text\n((?:.*\n)*?)```$", path, re.MULTILINE)
    for line in quoted.splitlines():
        assert line.removeprefix("…") in said[lines.index(".venv/bin/lc-ibis history account A001") + 1], line
    lines = _indented(_section(ROOT / "docs/index.md", "Change a row yourself"))
    said = _walked(lines)
    assert "balance_amount 9999.99 → 12000.00" in said[lines.index("lc-ibis history account A002")]
    assert len(opened) == 2
    # Who reads on, reads Python: at the place where the path has led, and with a newcomer's settings.
    python = _section(ROOT / "docs/index.md", "In Python")
    [code] = re.findall(r"^```python\n((?:.*\n)*?)```$", python, re.MULTILINE)
    exec(compile(code, "index.md", "exec", dont_inherit=True), {})


def _section(page: Path, heading: str) -> str:
    """Return what stands under a heading of a page, to the next one."""
    return page.read_text(encoding="utf-8").split(f"\n## {heading}\n")[1].split("\n## ")[0]


def _indented(section: str) -> list[str]:
    return [line.strip() for line in re.findall(r"^    \S.*$", section, re.MULTILINE)]


def _walked(lines: list[str]) -> list[str]:
    """Run each line, and return what each prints."""
    said = []
    for line in lines:
        if line.removeprefix(".venv/bin/").startswith("lc-ibis "):
            result = CliRunner().invoke(main, shlex.split(line, comments=True)[1:])
            assert result.exit_code == 0, (line, result.output)
            said.append(result.output)
        else:
            subprocess.run(line, shell=True, check=True)
            said.append("")
    return said


def test_each_message_on_the_page_on_trouble_is_said(lending: Lending, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LC_IBIS_ALLOW_REPLAY")
    text = (ROOT / "docs/troubleshooting.md").read_text(encoding="utf-8")
    messages = [m for m in re.findall(r"^\| `(.*?)` \|", text, re.MULTILINE) if not m.startswith("lc-ibis")]
    said = list(_troubles(lending, monkeypatch))
    assert len(messages) == len(said)
    for message, found in zip(messages, said, strict=True):
        pattern = ".*".join(re.escape(part) for part in message.split("…"))
        assert re.search(pattern, found, re.DOTALL), (message, found)


def _troubles(lending: Lending, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Meet each trouble of the page, in its order, and yield what is said."""

    def said(doing: Callable[[], object]) -> str:
        with pytest.raises(LcIbisError) as error:
            doing()
        return str(error.value)

    first = [SAVINGS, ("A2", "1", "1", "Savings"), ("A3", "1", "1", "Savings")]
    lending.load([ALICE], first)
    with monkeypatch.context() as changed:
        change_rules(changed, LARGEST_AMOUNT=Decimal("9999999999999999.99"))
        yield said(lambda: lending.load(accounts=[*first, ("A4", "1", "9" * 16, "Savings")]))
    lending.deliver(accounts=[SAVINGS])
    yield said(lending.build)
    lending.load(accounts=first[:2])
    lending.deliver(accounts=first)
    yield said(lending.build)
    lending.deliver(accounts=first[:2])
    with held(lending.database):
        yield said(lending.build)
    with lc_ibis.connect(lending.database):
        yield said(lending.build)
    with monkeypatch.context() as changed:
        changed.setenv("LC_IBIS_DATABSE", "x")
        yield said(lending.build)
    settings = Path("lc-ibis.toml")
    settings.write_text("wait = 1", encoding="utf-16")
    yield said(lending.build)
    settings.unlink()
    yield str(cannot_open(lending.database, duckdb.IOException("IO Error: … a database file with version number 69")))
    lending.deliver(accounts=[])
    yield said(lending.build)
    write_csv(lending.inputs / "accounts.csv", ("AccountID", "Balance"), [("A1", "1")])
    yield said(lending.build)
    lending.deliver(accounts=first[:2])
    with monkeypatch.context() as changed:
        wide = AccountSummary.columns
        changed.setattr(AccountSummary, "columns", tuple(replace(c, is_nullable=True) for c in wide))
        yield said(lending.build)
    with duckdb.connect(str(lending.database)) as con:
        con.execute("DROP TABLE marts.account_summary")
    yield said(lending.build)

    def asking() -> None:
        with Life(object(), None).watched():
            raise RuntimeError("Cannot call methods on a stopped SparkContext.")

    yield said(asking)
    torn = SessionEnded("the Spark session has ended")
    torn.is_torn = True
    with monkeypatch.context() as changed:
        changed.setattr("lc_ibis.api.build.build", Mock(side_effect=torn))
        yield CliRunner().invoke(main, ["build"]).output
    other = lending.another(lending.root / "other")
    with monkeypatch.context() as changed:
        changed.setattr("lc_ibis.engine.state.state.utc_now", lambda: datetime(2062, 1, 1))
        other.load([ALICE], [SAVINGS])
    [warning] = other.load(accounts=[SAVINGS, ("A2", "1", "1", "Savings")]).warnings
    yield warning
    with duckdb.connect(str(other.database)) as con:
        con.execute("UPDATE snapshots.snap_account SET dbt_valid_from = '2070-01-01'")
    yield said(lambda: lc_ibis.redate(database=other.database))
    old = five_layers(lending.root / "old.duckdb")
    with duckdb.connect(str(old)) as con:
        con.execute("UPDATE snapshots.snap_account SET dbt_valid_to = '2062-01-01' WHERE account_id = 'A1'")
    new = lending.another(lending.root / "new").database
    yield said(lambda: migrations.apply(old, (1, 2), adopt_snapshots=True, database=new))


def _commands(text: str) -> Iterator[list[str]]:
    """Yield the words of each command of ours that a text names, in a block or within a line."""
    blocks = re.findall(r"^(?:    |\$ )(?:.*?[ /])?lc-ibis( .*)$", text, re.MULTILINE)
    within = re.findall(r"`(?:\.venv/bin/)?lc-ibis( [^`]*)`", text)
    for words in [*blocks, *within]:
        yield shlex.split(re.split(r"\s(?:\||>|&&|#|\\)", words)[0].replace("…", "X"), comments=True)


@pytest.mark.parametrize(
    "page", [ROOT / "README.md", *sorted(ROOT.glob("docs/*.md")), *sorted(ROOT.glob("docs/decisions/*.md"))],
    ids=lambda page: page.name,
)  # fmt: skip
def test_each_command_that_a_page_names_is_one_with_these_options(page: Path) -> None:
    for words in _commands(page.read_text(encoding="utf-8")):
        command: click.Command = main
        left = list(words)
        while isinstance(command, click.Group) and left and not left[0].startswith("-"):
            if left[0] not in command.commands and left[0].strip(",") == left[0]:
                assert left[0] in command.commands, (page.name, words)
            command = command.commands[left.pop(0).strip(",")]
        known = {opt for option in command.params for opt in option.opts} | {"--help", "-h"}
        unknown = [word.split("=")[0] for word in left if re.fullmatch(r"--?[a-z][\w-]*(=.*)?", word)]
        assert set(unknown) <= known, (page.name, words)
