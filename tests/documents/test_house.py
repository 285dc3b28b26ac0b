"""The house keeps its shape: imports point one way, documents say what is true."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
from pathlib import Path

import click

import lc_ibis
from lc_ibis import contracts, declare, migrations, site
from lc_ibis.cli import main
from lc_ibis.declare.models import Source
from lc_ibis.layers import pipeline
from tests import ROOT
from tests.conftest import ALICE, SAVINGS, Lending

PACKAGE = ROOT / "lc_ibis"

# What the README and the guides name as lc_ibis.…
MODULES = {"contracts", "declare", "errors", "migrations", "site"}


def _part(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def test_only_the_layers_know_of_customers_and_accounts() -> None:
    for path in PACKAGE.rglob("*.py"):
        # A migration knows the tables that it comes from.
        if _part(path) not in ("layers", "migrations"):
            code = ast.unparse(ast.parse(path.read_text(encoding="utf-8")))
            without_docs = re.sub(r'""".*?"""|help=.*', "", code, flags=re.DOTALL)
            assert not re.search(r"customer|account", without_docs, re.IGNORECASE), path


def test_a_plain_import_pulls_no_spark_and_no_engine() -> None:
    code = "import sys, lc_ibis; print([m for m in ('pyspark', 'ibis', 'duckdb') if m in sys.modules])"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "[]"


def test_every_command_is_a_public_function() -> None:
    groups = {name: command for name, command in main.commands.items() if isinstance(command, click.Group)}
    modules = {"contract": contracts, "docs": site, "migrate": migrations}
    assert set(groups) == set(modules)
    for name, group in groups.items():
        assert set(group.commands) <= set(modules[name].__all__)
        assert all(callable(getattr(modules[name], inner)) for inner in group.commands)
    shells = {"completion"}
    assert set(main.commands) - set(groups) - shells <= set(lc_ibis.__all__)
    for name in lc_ibis.__all__:
        assert callable(getattr(lc_ibis, name)) is (name not in MODULES), name


def test_names_are_seen_before_they_are_used() -> None:
    code = "import lc_ibis, lc_ibis.declare as d; print(len(dir(lc_ibis)), len(dir(d)), *dir(lc_ibis))"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert {"build", "connect", "history", *MODULES} <= set(ended.stdout.split())
    assert ended.stdout.split()[:2] == [str(len(lc_ibis.__all__)), str(len(declare.__all__))]
    for name in declare.__all__:
        assert getattr(declare, name) is not None, name


def test_the_ledger_accounts_for_every_source(lending: Lending) -> None:
    lending.load([ALICE], [SAVINGS])
    sources = {model.name.removeprefix("src_") for model in pipeline if isinstance(model.kind, Source)}
    assert {row["source"] for row in lending.rows("ledger")} == sources


def test_generated_pages_are_up_to_date() -> None:
    ended = subprocess.run([sys.executable, "docs/generate.py", "--check"], cwd=ROOT, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr


def test_the_documents_make_a_site(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "docs", tmp_path / "docs")
    shutil.copy(ROOT / "zensical.toml", tmp_path)
    ended = subprocess.run(
        [sys.executable, "-m", "zensical", "build", "--strict"], cwd=tmp_path, capture_output=True, text=True
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    made = tmp_path / "build/documents"
    pages = {path.stem for path in (ROOT / "docs").glob("*.md")} - {"index"}
    assert {path.parent.name for path in made.glob("*/index.html")} >= pages
    assert not (tmp_path / "site").exists(), "where lc-ibis docs build writes"
    assert not list(made.rglob("*.py")), "tools are no documents"
    named = set(re.findall(r'"([\w/-]+)\.md"', (ROOT / "zensical.toml").read_text(encoding="utf-8")))
    assert named == {
        path.relative_to(ROOT / "docs").with_suffix("").as_posix() for path in (ROOT / "docs").rglob("*.md")
    }


def test_each_law_names_tests_and_one_of_them_cites_it() -> None:
    page = (ROOT / "docs/laws.md").read_text(encoding="utf-8")
    laws = re.findall(r"^## (\d)\. .*\n((?:(?!## ).*\n)*)", page, re.MULTILINE)
    assert [number for number, _ in laws] == list("12345678")
    for number, law in laws:
        tests = [ROOT / path for path in re.findall(r"`(tests/\S+?\.py)`", law.split("Held by")[1])]
        assert tests, number
        assert all(test.is_file() for test in tests), number
        cited = rf"\bLaws? (?:\d and )?{number}\b"
        assert any(re.search(cited, test.read_text(encoding="utf-8")) for test in tests), number


def test_continuous_integration_calls_the_command_of_the_readme() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    [command] = re.findall(r"^    (python3 -m venv .*pytest.*)$", readme, re.MULTILINE)
    assert command in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


def test_links_in_the_documents_lead_somewhere() -> None:
    for page in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
            if not target.startswith("http"):
                assert (page.parent / target).exists(), f"{page.name}: {target}"
