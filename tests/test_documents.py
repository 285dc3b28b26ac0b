"""The guides are true: what they tell a reader to run, runs."""

from __future__ import annotations

import re
import shlex
import shutil
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
