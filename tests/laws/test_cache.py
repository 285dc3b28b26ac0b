"""The cache of compiled SQL: a hit runs, to the letter, what a fresh compilation runs, and needs no Ibis."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import fields
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NoReturn
from unittest.mock import patch

import pytest
from hypothesis import given

import lc_ibis
from lc_ibis.api.build import run_program
from lc_ibis.backends.duckdb.tables import DuckDB
from lc_ibis.backends.duckdb.text import DIALECT
from lc_ibis.compiled import cache, graphs
from lc_ibis.compiled.graphs import from_values, to_values
from lc_ibis.compiled.program import Program
from lc_ibis.declare.checks import Check
from lc_ibis.declare.contracts import Column
from lc_ibis.layers import pipeline
from lc_ibis.settings import Settings
from tests.conftest import Lending
from tests.laws.test_laws import loads
from tests.torture import cases

pytestmark = pytest.mark.usefixtures("of_few_rows")
START = datetime(2030, 1, 1)


def refuse() -> NoReturn:
    raise AssertionError("a hit asked for the pipeline itself")


@pytest.fixture(scope="module")
def hit() -> Program:
    """The program as a file of the cache has it, once all of it is made."""
    made = Program(pipeline, DIALECT, lambda: pipeline)
    made.complete()
    assert made.fingerprints.models
    kept = json.loads(json.dumps({"graph": to_values(made.graph), "made": cache._encoded(made.made)}))
    return Program(from_values(kept["graph"], refuse), DIALECT, refuse, cache._decoded(kept["made"]))


def _built(place: Lending, made: Program, day: int, **options: Any) -> list[str]:
    """Build a day, and return the statements that ran, the place left out.

    What asks for types is left out too: the cache has them, or a fresh compilation has asked before.
    """
    statements: list[str] = []
    run = DuckDB._run

    def running(self: DuckDB, sql: str, *aside: Any) -> Any:
        # Verify has a time of its own.
        statements.append(re.sub(r"CAST\('20(?!30)[^']*'", "CAST('now'", sql.replace(str(place.root), "")))
        return run(self, sql, *aside)

    settings = Settings.load(**{**place.places(), "allow_mass_delete": True, **options})
    with patch.object(DuckDB, "_run", running):
        run_program(made, settings, now=START + timedelta(days=day))
    # The log has the time at which a run ended.
    return [sql for sql in statements if not sql.startswith(("DESCRIBE", 'INSERT INTO "state"."runs"'))]


@given(loads)
def test_every_statement_of_a_hit_is_that_of_a_fresh_compilation(hit: Program, sequence: list[Any]) -> None:
    fresh = Program(pipeline, DIALECT, lambda: pipeline)
    with tempfile.TemporaryDirectory() as root:
        one, other = Lending(Path(root, "one")), Lending(Path(root, "two"))
        for day, (customers, accounts) in enumerate(sequence):
            for place in (one, other):
                place.deliver(customers, accounts)
            try:
                expected = _built(one, fresh, day)
            except lc_ibis.LcIbisError as error:
                with pytest.raises(type(error)):
                    _built(other, hit, day)
                continue
            assert _built(other, hit, day) == expected


def test_deltas_full_refreshes_and_verifies_are_the_same_too(hit: Program, tmp_path: Path) -> None:
    fresh = Program(pipeline, DIALECT, lambda: pipeline)
    one, other = Lending(tmp_path / "one"), Lending(tmp_path / "two")
    delta = [
        ("A1", "1", "7.00", "Savings", "upsert"),
        ("\xa0", "1", "8.00", "Savings", ""),
        ("A2", "1", "1", "", "delete"),
    ]
    for day, options in enumerate(
        (
            {},
            {"verify": True},
            {"full_refresh": True},
            {"delivery": "delta", "verify_sample": 2},
            {"keep_history": "1d"},
        )
    ):
        for place in (one, other):
            place.deliver(cases.customers(1 + day % 2), cases.accounts(1 + day % 2))
            if "delivery" in options:
                (place.inputs / "Customer.csv").write_text("CustomerID,Name,HasLoan,_op\n1,Ann,no,upsert\n")
                rows = "".join(",".join(row) + "\n" for row in delta)
                (place.inputs / "accounts.csv").write_text(f"AccountID,CustomerID,Balance,AccountType,_op\n{rows}")
        assert _built(other, hit, day, **options) == _built(one, fresh, day, **options)


_BUILD = """
import sys
from lc_ibis.cli import main
try:
    main([{words}])
except SystemExit as ended:
    assert not ended.code, ended.code
print(sorted({{"ibis", "sqlglot", "pandas", "pyarrow"}} & set(sys.modules)))
"""


def _imported(place: Lending, *words: str) -> str:
    """Build in a process of its own; return which heavy libraries it imported."""
    flags = [word for name, path in place.places().items() if name != "backend" for word in (f"--{name}", str(path))]
    code = _BUILD.format(words=", ".join(map(repr, ["build", *flags, *words])))
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=place.root)
    assert not ended.returncode, ended.stdout + ended.stderr
    return ended.stdout.splitlines()[-1]


def test_only_a_miss_imports_ibis_and_what_is_damaged_is_made_again(
    lending: Lending, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    lending.deliver(cases.customers(1), cases.accounts(1))
    assert "ibis" in _imported(lending)
    [kept] = (tmp_path / "cache").rglob("*.json")
    whole = kept.read_bytes()
    assert _imported(lending) == "[]"
    lending.deliver(cases.customers(2), cases.accounts(2))
    assert _imported(lending) == "[]"
    empty = '{"made": {}, "files": {}, "dialect": "duckdb", "graph": {"models": [], "outputs": []}}'
    foreign = [cache._sha256([text]).encode() + b"\n" + text + b"\n" for text in (b"{}", empty.encode())]
    for damage in (whole[:-200], whole.replace(b"SELECT", b"SELEKT", 1), b"", b"\xff\xfe", *foreign):
        kept.write_bytes(damage)
        assert "ibis" in _imported(lending)
        assert _imported(lending) == "[]"
    kept.unlink()
    assert "ibis" in _imported(lending, "--no-cache")
    assert not kept.exists()
    assert all(found.status == "identical" for found in lc_ibis.verify(database=lending.database))


@pytest.mark.parametrize("in_the_way", ["lc-ibis", "lc-ibis/sql", "the file"])
def test_a_build_works_where_nothing_can_be_kept(
    lending: Lending, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, in_the_way: str
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    place = tmp_path / in_the_way
    if in_the_way == "the file":
        lending.deliver(cases.customers(1), cases.accounts(1))
        _imported(lending)
        [place] = (tmp_path / "lc-ibis").rglob("*.json")
        place.unlink()
        place.mkdir()
    else:
        place.parent.mkdir(exist_ok=True)
        place.write_text("a file, not a directory")
    lending.deliver(cases.customers(2), cases.accounts(2))
    for _ in range(2):
        assert "ibis" in _imported(lending)


_CHANGED = """
import lc_ibis
from pathlib import Path
before = {places}
{first}
file = Path(lc_ibis.__file__).parent / "layers/marts.py"
file.write_text(file.read_text().replace('LOAN_SURCHARGE = Decimal("0.005")', 'LOAN_SURCHARGE = Decimal("0.006")'))
{then}
"""


@pytest.mark.parametrize(
    ("first", "then"),
    [
        ("from lc_ibis.layers import pipeline", "lc_ibis.build(**before)"),
        ("lc_ibis.build(**before)", "lc_ibis.ls(); lc_ibis.build(**before, neutralise_formulas=True)"),
    ],
)
def test_what_a_process_imported_before_its_files_changed_is_not_kept_as_theirs(
    lending: Lending, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: str, then: str
) -> None:
    package = shutil.copytree(Path(lc_ibis.__file__).parent, tmp_path / "copy/lc_ibis")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PYTHONPATH", str(package.parent))
    lending.deliver([("1", "Ann", "yes")], [("A1", "1", "10000", "Savings")])
    places = {name: str(path) for name, path in lending.places().items()}

    def run(code: str) -> None:
        ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
        assert not ended.returncode, ended.stderr

    run(f"import lc_ibis; lc_ibis.build(**{places}); assert str({str(package)!r}) in lc_ibis.__file__")
    run(_CHANGED.format(places=places, first=first, then=then))
    run(f"import lc_ibis; lc_ibis.build(**{places})")
    assert [str(rate) for rate in lending.rows("account_summary", "interest_rate_pct")] == ["0.0210"]


_MODELS = '''
import ibis.expr.types as ir
from lc_ibis.declare import Contract, Incremental, Integer, Output, column, key, model
from their_rules import FACTOR

class Doubled(Contract):
    """One row per customer with a savings account."""
    customer_id: Integer = key("The customer's number.")
    doubled_count: Integer = column("Twice their accounts.")

@model(Incremental(), Doubled)
def doubled(customer_profile: ir.Table) -> ir.Table:
    return customer_profile.select("customer_id", doubled_count=customer_profile.total_accounts_count * FACTOR)

outputs = (Output("doubled"),)
'''


def test_models_of_ones_own_are_kept_until_a_file_that_they_are_made_of_changes(
    lending: Lending, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    package, rules = lending.root / "theirs", lending.root / "their_rules.py"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "marts.py").write_text(_MODELS)
    rules.write_text("FACTOR = 2\n")
    lending.deliver(cases.customers(1), cases.accounts(1))
    build = ("--models", "theirs")

    def sums() -> int:
        lines = (lending.outputs / "doubled.csv").read_text().splitlines()[1:]
        return sum(int(line.split(",")[1]) for line in lines)

    assert "ibis" in _imported(lending, *build)
    assert _imported(lending, *build) == "[]"
    twice = sums()
    rules.write_text("FACTOR = 3\n")
    assert "ibis" in _imported(lending, *build)
    assert sums() == twice // 2 * 3
    assert _imported(lending, *build) == "[]"
    (package / "extra.py").write_text("")
    assert "ibis" in _imported(lending, *build)


@pytest.mark.parametrize(
    "text",
    [
        "import os\nFACTOR = int(os.environ.get('FACTOR', '4'))\n",
        "FACTOR = int(open('factor.txt').read())\n",
        "from datetime import date\nFACTOR = 4 + (date.today().year < 2000)\n",
        "from random import randint\nFACTOR = randint(4, 4)\n",
        "from importlib import import_module\nFACTOR = import_module('math').floor(4.5)\n",
        "import time\nFACTOR = 4 + int(time.time() < 0)\n",
    ],
)
def test_what_depends_on_more_than_its_text_is_not_kept(
    lending: Lending, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (lending.root / "theirs.py").write_text(_MODELS)
    (lending.root / "factor.txt").write_text("4")
    (lending.root / "their_rules.py").write_text(text)
    lending.deliver(cases.customers(1), cases.accounts(1))
    _imported(lending, "--models", "theirs")
    assert not list((tmp_path / "cache").rglob("*.json"))


def test_what_is_kept_of_checks_and_columns_is_all_that_a_build_needs() -> None:
    """A new field must be kept, or be known to be of no use to a build."""
    of_checks = {"spoil", "breaks", "failing", "where", "metric"}  # functions, and what contracts are exported with
    assert {field.name for field in fields(Check)} == {*graphs._OF_CHECKS, *of_checks}
    assert {field.name for field in fields(Column)} == {*graphs._OF_COLUMNS, "declared", "read_as"}
    again = from_values(json.loads(json.dumps(to_values(pipeline))), refuse)
    assert to_values(again) == to_values(pipeline)
    for model in pipeline:
        known = again[model.name]
        facts = ("name", "layer", "kind", "inputs", "where", "by", "business_key", "description", "is_stored")
        assert [getattr(known, fact) for fact in facts] == [getattr(model, fact) for fact in facts]
        assert known.contract.types() == model.contract.types()
