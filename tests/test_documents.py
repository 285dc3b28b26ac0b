"""The guides are true: what they tell a reader to run, runs."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from lc_ibis.cli import main

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("page", ["data-quality.md"])
def test_every_snippet_of_a_guide_runs(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(ROOT / "data/inputs", tmp_path / "data/inputs")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LC_IBIS_MAX_REFUSED_SHARE")
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
    """Build, look, change a row, build again, see history, open the pages: each command from the first heading on."""
    for day in ("inputs", "inputs_day2"):
        shutil.copytree(ROOT / "data" / day, tmp_path / "data" / day)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LC_IBIS_MAX_REFUSED_SHARE")
    monkeypatch.delenv("LC_IBIS_ALLOW_REPLAY")
    opened: list[str] = []
    monkeypatch.setattr("click.launch", opened.append)
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    path = text.split("## See history being made")[1].split("## Commands")[0]
    lines = ["    .venv/bin/lc-ibis build", *re.findall(r"^    \S.*$", path, re.MULTILINE)]
    assert len(lines) > 7
    said = []
    for line in (line.strip() for line in lines):
        if line.startswith(".venv/bin/lc-ibis "):
            result = CliRunner().invoke(main, shlex.split(line, comments=True)[1:])
            assert result.exit_code == 0, (line, result.output)
            said.append(result.output)
        else:
            subprocess.run(line, shell=True, check=True)
    assert "balance_amount 9999.99 → 12000.00" in said[-1]
    assert len(opened) == 1
