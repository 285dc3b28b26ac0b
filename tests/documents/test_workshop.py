"""What runs elsewhere, and cannot be run here, names what is there: workflow, hooks, image."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests import ROOT
from tests.patience import HANGING


def workflow() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text(encoding="utf-8"))
    return found


def runs() -> list[str]:
    return [step["run"] for job in workflow()["jobs"].values() for step in job["steps"] if "run" in step]


def test_the_workflow_tests_every_supported_python() -> None:
    declared = re.findall(r"Python :: (3\.\d+)\"", (ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert workflow()["jobs"]["tests"]["strategy"]["matrix"]["python"] == declared


def test_the_workflow_runs_the_readme_s_test_command() -> None:
    [command] = re.findall(r"(python -m pytest .*)$", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE)[
        :1
    ]
    assert any(run.startswith(command) for run in runs())


def test_the_workflow_s_sessions_and_scripts_are_there() -> None:
    noxfile = (ROOT / "noxfile.py").read_text(encoding="utf-8")
    sessions = set(
        re.findall(r"@nox\.session\n(?:@.*\n(?:.*\n)*?\))?def (\w+)|^def (\w+)\(session", noxfile, re.MULTILINE)
    )
    names = {name for pair in sessions for name in pair if name}
    wanted = {*workflow()["jobs"]["long"]["strategy"]["matrix"]["session"], "benchmarks"}
    assert wanted <= names
    for run in runs():
        for word in shlex.split(run):
            if word.endswith(".py"):
                assert (ROOT / word).is_file(), run


def test_the_hooks_are_those_of_the_checks() -> None:
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))["repos"]
    known = {hook["id"] for repository in hooks for hook in repository["hooks"]}
    assert {"ruff", "ruff-format", "mypy", "generated-docs", "check-added-large-files"} <= known


def test_the_image_runs_as_nobody_special_and_copies_what_is_there() -> None:
    lines = (ROOT / "Dockerfile").read_text(encoding="utf-8").splitlines()
    assert "USER 10001" in lines
    assert lines.index("USER 10001") < lines.index('ENTRYPOINT ["lc-ibis"]')
    kept = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    for line in lines:
        if line.startswith("COPY"):
            for source in line.split()[1:-1]:
                assert (ROOT / source).exists(), line
                assert f"!{source}" in kept, line


@pytest.mark.long
def test_the_image_s_wheel_holds_all_that_a_build_needs(tmp_path: Path) -> None:
    """The steps of the Dockerfile, in a virtual environment: the wheel alone makes a project and builds it."""
    wheel = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--wheel-dir", str(tmp_path), str(ROOT)]
    subprocess.run(wheel, check=True, timeout=HANGING)
    [made] = tmp_path.glob("*.whl")
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "venv")], check=True)
    subprocess.run([tmp_path / "venv/bin/pip", "install", "-q", str(made)], check=True, timeout=HANGING)
    command = tmp_path / "venv/bin/lc-ibis"
    subprocess.run([command, "init", "mine"], cwd=tmp_path, check=True)
    for words in (["build"], ["docs", "build"], ["report", "--format", "html"]):
        subprocess.run([command, *words], cwd=tmp_path / "mine", check=True, capture_output=True, timeout=HANGING)
    assert (tmp_path / "mine/site/tables/account_summary.html").is_file()
