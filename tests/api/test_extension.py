"""Packages of others: their sources, tables, checks and outputs join ours. On Spark: tests/backends/test_spark.py."""

from __future__ import annotations

import csv
import json
import re
import shutil
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import lc_ibis
from lc_ibis import project as pipelines
from lc_ibis.api import quarantine
from lc_ibis.api.parity import parity
from lc_ibis.cli import main
from lc_ibis.errors import LcIbisError, ModelError, SettingsError
from lc_ibis.layers import pipeline as ours
from lc_ibis.settings import Settings
from tests import ROOT
from tests.conftest import ON_DELTA, Lending

pytestmark = pytest.mark.usefixtures("of_few_rows")

LOANS = ROOT / "examples/loans"
DAYS = {"inputs": LOANS / "data/inputs", "then": (LOANS / "data/inputs_day2",)}
THEIRS = [
    "src_loan", "stg_loan", "quarantine_stg_loan", "snap_loan", "snap_loan_refusal", "customer_exposure",
]  # fmt: skip


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The example of loans in a place of its own, which is the current directory."""
    place = Path(shutil.copytree(LOANS, tmp_path / "loans", ignore=shutil.ignore_patterns("__pycache__")))
    monkeypatch.chdir(place)
    _forget_modules(monkeypatch)
    return place


def _forget_modules(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have packages imported from the current directory, whatever others were before."""
    pipelines._with.cache_clear()
    monkeypatch.setattr(sys, "path", list(sys.path))
    for name in [name for name in sys.modules if name.split(".")[0] in ("our_models", "mine", "extra")]:
        monkeypatch.delitem(sys.modules, name)


def run(*words: str, exit_code: int = 0) -> Result:
    result = CliRunner().invoke(main, words)
    assert result.exit_code == exit_code, result.output
    return result


def rows(place: Path) -> list[dict[str, str]]:
    with place.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_third_source_goes_through_all_layers(project: Path) -> None:
    built = json.loads(run("build", "--json").output)
    assert [t["table"] for t in built["tables"] if t["table"] not in ours.models] == THEIRS
    assert {row["source"]: row["refused_count"] for row in built["ledger"]} == {
        "customer": 11,
        "account": 15,
        "loan": 1,
    }
    exposure = rows(project / "data/outputs/customer_exposure.csv")
    assert [(row["customer_id"], row["loan_count"], row["total_principal_amount"]) for row in exposure] == [
        ("1", "2", "15500.50"), ("3", "1", "250000.00"), ("4", "1", "800.00"),
    ]  # fmt: skip
    assert exposure[0]["total_yearly_interest_amount"] == "913.79"  # 660.00 + 253.79
    assert exposure[0]["total_savings_amount"] == "14999.99"


def test_its_second_day_is_as_a_full_refresh_makes_it(project: Path) -> None:
    lc_ibis.build()
    lc_ibis.build(inputs=project / "data/inputs_day2")
    assert {each.status for each in lc_ibis.verify()} == {"identical"}
    exposure = {row["customer_id"]: row for row in rows(project / "data/outputs/customer_exposure.csv")}
    assert set(exposure) == {"1", "2", "3", "5"}  # the loan of 4 is gone, those of 2 and 5 are new
    assert exposure["1"]["total_principal_amount"] == "15000.50"
    run("build", "--inputs", "data/inputs_day2", "--verify", "--full-refresh")


def test_the_commands_know_its_tables(project: Path) -> None:
    lc_ibis.build()
    lc_ibis.build(inputs=project / "data/inputs_day2")
    [refusal] = quarantine.quarantine("loan")
    assert (refusal["received_id"], refusal["resolved_at"] is None) == ("L005", False)
    assert [event.what for event in lc_ibis.history("loan", "L001")] == ["first seen", "changed"]
    assert {step.table for step in lc_ibis.explain("customer_exposure", 5)} >= {"src_loan", "src_customer"}
    assert "customer_exposure" in run("ls", "--select", "+customer_exposure").output
    assert "snap_loan" in run("compile", "--select", "snap_loan").output
    assert "yearly_rate_pct" in run("contract", "show", "stg_loan").output
    assert run("lint").output == "All names follow the conventions.\n"
    assert json.loads(run("test", "--mutate", "--json", "--select", "stg_loan").output)
    assert {one.topic: one.status for one in lc_ibis.doctor()}["src_loan"] == "pass"


NAMES = {"src_loan": "loans_received", "snap_loan": "loan_versions", "snap_loan_refusal": "refused_loans"}


@pytest.fixture
def renamed(project: Path) -> Path:
    """The example with a source and histories of other names than the conventions have."""
    for file in (project / "our_models").glob("*.py"):
        text = file.read_text(encoding="utf-8")
        for name, other in NAMES.items():
            text = re.sub(rf"\b{name}\b", other, text)
        file.write_text(text, encoding="utf-8")
    return project


def test_a_source_and_a_history_are_known_by_kind_not_by_name(renamed: Path) -> None:
    lc_ibis.build()
    lc_ibis.build(inputs=renamed / "data/inputs_day2")
    assert [event.what for event in lc_ibis.history("loan_versions", "L001")] == ["first seen", "changed"]
    assert "refused" in [event.what for event in lc_ibis.history("loan_versions", "L005")]
    [refusal] = quarantine.quarantine("loans_received")
    assert refusal["received_id"] == "L005"
    assert quarantine.quarantine("loan") == [refusal]  # the source_name that is printed
    assert {row["source_name"] for row in quarantine.quarantine("customer")} == {"customer"}
    assert {step.table for step in lc_ibis.explain("customer_exposure", 5)} >= {"loans_received", "loan_versions"}
    assert "loan_versions: a stored table of snapshots begins with snap_" in run("lint", exit_code=1).output


def test_versions_that_any_history_closed_are_listed_as_closed(renamed: Path) -> None:
    lc_ibis.build()
    lc_ibis.build(inputs=renamed / "data/inputs_day2")
    removed = {table.table_name: table.removed_count for table in lc_ibis.runs(1)[0].tables}
    histories = {"snap_customer", "snap_account", "snap_refusal", "loan_versions", "refused_loans"}
    assert removed["loan_versions"] > 0
    lost = [sum(count for name, count in removed.items() if (name in histories) is closed) for closed in (False, True)]
    assert run("runs", "--limit", "1").output.split()[-2:] == [f"{count:,}" for count in lost]
    (renamed / "lc-ibis.toml").write_text("", encoding="utf-8")  # which histories there were is known without the code
    assert run("runs", "--limit", "1").output.split()[-2:] == [f"{count:,}" for count in lost]


def test_all_its_checks_are_awake(project: Path) -> None:
    lc_ibis.build()
    assert [result for result in lc_ibis.mutate() if not result.has_noticed] == []


def test_without_the_setting_its_tables_are_let_alone(project: Path) -> None:
    lc_ibis.build()
    (project / "lc-ibis.toml").write_text("", encoding="utf-8")
    assert lc_ibis.build().status == "unchanged"
    left = {table.name for table in lc_ibis.tables() if table.status == "leftover"}
    assert left == set(THEIRS)
    assert lc_ibis.build(models=["our_models"]).status == "unchanged"


@pytest.mark.long
@pytest.mark.parametrize("backend", ON_DELTA)
def test_it_is_the_same_on_delta(lending: Lending, project: Path) -> None:
    compared = parity("spark", remote=lending.options["remote"], **DAYS)
    assert {result.status for result in compared} == {"identical"}


# What cannot be -------------------------------------------------------------------------------------


MART = """
import ibis.expr.types as ir
from lc_ibis.declare.contracts import Contract, Integer, key
from lc_ibis.declare.models import Ephemeral, Incremental, model

class Mine(Contract):
    \"\"\"One row per customer.\"\"\"
    customer_id: Integer = key("The customer's number.")

@model(Incremental(), Mine)
def {name}(customer_profile: ir.Table) -> ir.Table:
    return customer_profile.select("customer_id")
"""


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A module in the current directory, named mine."""
    monkeypatch.chdir(tmp_path)
    _forget_modules(monkeypatch)
    return tmp_path / "mine.py"


def test_a_module_alone_is_a_layer_of_its_own(mine: Path) -> None:
    mine.write_text(MART.format(name="my_customer"), encoding="utf-8")
    pipeline = pipelines.load(Settings.load(models=["mine"]))
    assert pipeline["my_customer"].layer == "mine"
    assert list(pipeline.models)[-1] == "my_customer"
    assert pipelines.load(Settings.load(models=["mine"])) is pipeline
    assert pipelines.load(Settings.load()) is ours


@pytest.mark.parametrize(
    ("text", "error", "told"),
    [
        (None, SettingsError, "models: no module 'mine' in "),
        ("import nothing_of_that_name", ModelError, "mine: it cannot be imported: ModuleNotFoundError: No module named"),
        ("1 / 0", ModelError, r"mine: it cannot be imported: ZeroDivisionError: division by zero \(.*mine.py, line 1\)"),
        ("x = (", ModelError, r"mine: it cannot be imported: SyntaxError"),
        (MART.format(name="account_summary"), ModelError, r"account_summary \(mine.py\): layers/marts.py also declares account_summary"),
        (MART.replace("customer_profile", "customer_profil").format(name="x"), ModelError, "parameter customer_profil is not a model. Did you mean"),
        ("outputs = ('account_summary',)", ModelError, "mine: outputs contains 'account_summary', which is not an Output"),
        ("from lc_ibis.declare.graph import Output\noutputs = [Output('held_account')]", ModelError, "held_account: the model is"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(mine: Path, text: str | None, error: type[LcIbisError], told: str) -> None:
    if text is not None:
        mine.write_text(text, encoding="utf-8")
    with pytest.raises(error, match=told):
        lc_ibis.build(models=["mine"])
    assert {path.name for path in mine.parent.iterdir()} <= {"mine.py", "__pycache__"}
    assert run("ls", "--models", "mine", exit_code=error.exit_code).output.startswith("Error: ")
    assert "models" in {one.topic for one in lc_ibis.doctor(models=["mine"]) if one.status == "fail"}


@pytest.mark.parametrize("layer", ["state", "quality"])
def test_the_engine_s_own_schemas_are_no_layers(mine: Path, layer: str) -> None:
    (mine.parent / "mine").mkdir()
    (mine.parent / "mine/__init__.py").write_text("", encoding="utf-8")
    (mine.parent / f"mine/{layer}.py").write_text(MART.format(name="my_customer"), encoding="utf-8")
    with pytest.raises(ModelError, match=f"the layer name {layer} is reserved"):
        lc_ibis.build(models=["mine"])


def test_a_layer_may_come_between_ours(mine: Path) -> None:
    """A table that ours do not know may be read by one in a layer of ours."""
    (mine.parent / "mine").mkdir()
    (mine.parent / "mine/__init__.py").write_text("", encoding="utf-8")
    (mine.parent / "mine/reference.py").write_text(MART.format(name="my_customer"), encoding="utf-8")
    above = MART.replace("customer_profile", "my_customer").format(name="my_mart")
    (mine.parent / "mine/marts.py").write_text(above, encoding="utf-8")
    order = list(pipelines.load(Settings.load(models=["mine"])).models)
    assert order.index("my_customer") < order.index("my_mart")


def test_a_package_that_another_hides_is_named(project: Path) -> None:
    Path("statistics").mkdir()
    Path("statistics/marts.py").write_text("from lc_ibis.declare.models import Incremental")
    result = run("ls", "--models", "statistics", exit_code=2)
    assert "statistics.py) contains no models. It hides" in result.stderr
    assert "give that another name" in result.stderr
    assert "Choose a package that declares models" in run("ls", "--models", "json", exit_code=2).stderr


def test_a_package_that_only_checks_our_tables_is_one(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("mine.py").write_text("from lc_ibis.layers import marts\n")
    run("ls", "--models", "mine")


def test_a_package_that_ends_the_program_is_an_error(project: Path) -> None:
    Path("mine.py").write_text("import sys\nsys.exit(0)\n")
    result = run("build", "--models", "mine", exit_code=1)
    assert "mine: it cannot be imported: SystemExit: 0" in result.stderr
    assert "mine.py, line 2" in result.stderr


@pytest.mark.parametrize(
    ("module", "name", "told"),
    [
        ("temp", "mart", "the layer name temp is reserved. Rename the module."),
        ("Information_Schema", "mart", "the layer name Information_Schema is reserved"),
        ("mine", "Account_Summary", "layers/marts.py also declares account_summary"),
    ],
)
def test_a_name_that_a_database_does_not_tell_apart_is_refused(
    project: Path, module: str, name: str, told: str
) -> None:
    Path("extra").mkdir()
    Path("extra/__init__.py").touch()
    Path(f"extra/{module}.py").write_text(
        "from lc_ibis.declare.models import Incremental, model\n"
        "from lc_ibis.layers.marts import AccountSummary\n\n\n"
        "@model(Incremental(), AccountSummary)\n"
        f"def {name}(account_summary):\n    return account_summary\n"
    )
    assert told in run("ls", "--models", "extra", exit_code=1).stderr


def test_a_history_is_precious_when_its_package_is_gone(project: Path) -> None:
    run("build")
    Path("lc-ibis.toml").write_text("")
    assert "snap_loan: it is a history" in run("drop", "snap_loan", "--yes", exit_code=1).stderr
    dropped = run("drop", "snap_loan", "--yes", "--force")
    assert "backup" in dropped.output
    run("drop", "customer_exposure", "--yes")
