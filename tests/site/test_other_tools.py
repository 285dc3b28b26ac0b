"""What others' tools make of our contracts and artifacts, with --long.

They and we need not agree on versions, so each has an environment of its own. LC_IBIS_TEST_TOOLS names the directories of their
executables, separated as in PATH: `pip install "datacontract-cli[duckdb]==1.2.8"` in one, and
`pip install dbterd==1.32.0 dbt-coverage==0.5.0 dbt-score==0.19.0 dbt-bouncer==4.3.0` in another.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

import lc_ibis
from lc_ibis import contracts
from lc_ibis.layers import pipeline
from lc_ibis.site import artifacts
from tests import ROOT

TOOLS = os.environ.get("LC_IBIS_TEST_TOOLS", "")
WIDE = {"COLUMNS": "200", "NO_COLOR": "1"}

pytestmark = [
    pytest.mark.skipif("not config.getoption('--long')", reason="each call takes seconds: --long"),
    pytest.mark.skipif(not TOOLS, reason="name the directories of the tools by LC_IBIS_TEST_TOOLS"),
]


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with the sample's tables, its contracts and its artifacts."""
    place = tmp_path_factory.mktemp("sample")
    shutil.copytree(ROOT / "data/inputs", place / "data/inputs")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        lc_ibis.build(max_refused_share=1)
        contracts.export(to="contracts")
        artifacts()
    return place


def run(sample: Path, tool: str, *arguments: str) -> str:
    """Run a tool in the project, and return what it prints."""
    found = shutil.which(tool, path=TOOLS)
    if not found:
        pytest.skip(f"{tool} is not in LC_IBIS_TEST_TOOLS")
    # Its own Python must not find our packages.
    variables = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | WIDE
    done = subprocess.run([found, *arguments], cwd=sample, env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("table", [model.name for model in pipeline if model.is_stored])
def test_datacontract_finds_each_table_as_its_contract_says(sample: Path, table: str) -> None:
    said = run(sample, "datacontract", "test", "--server", "duckdb", f"contracts/{table}.odcs.yaml")
    ran = re.search(r"Data contract is valid\. Ran (\d+) checks", said)
    assert ran is not None, said
    assert int(ran[1]) > len(pipeline[table].contract.columns)


def test_datacontract_notices_a_contract_that_is_not_kept(sample: Path) -> None:
    contract = yaml.safe_load((sample / "contracts/account_summary.odcs.yaml").read_text(encoding="utf-8"))
    contract["schema"][0]["properties"][0]["name"] = "account_number"
    (sample / "broken.odcs.yaml").write_text(yaml.safe_dump(contract), encoding="utf-8")
    with pytest.raises(AssertionError, match="account_number"):
        run(sample, "datacontract", "test", "--server", "duckdb", "broken.odcs.yaml")


def test_datacontract_reads_the_parquet_file(sample: Path) -> None:
    said = run(sample, "datacontract", "test", "--server", "parquet", "contracts/account_summary.odcs.yaml")
    assert "failed" not in said
    assert said.count("passed") > len(pipeline["account_summary"].contract.columns)


def test_datacontract_keeps_the_digits_of_decimals(sample: Path) -> None:
    contract = "contracts/account_summary.odcs.yaml"
    fields = {
        f["name"]: f["type"] for f in json.loads(run(sample, "datacontract", "export", "avro", contract))["fields"]
    }
    assert fields["interest_rate_pct"] == {"type": "bytes", "logicalType": "decimal", "precision": 5, "scale": 4}
    for dialect in ("postgres", "snowflake", "databricks"):
        sql = run(sample, "datacontract", "export", "sql", "--dialect", dialect, contract)
        assert re.search(r"interest_rate_pct \w+\(5, ?4\)", sql), sql


def test_dbterd_draws_the_arrows_to_the_keys_with_the_types_of_columns(sample: Path) -> None:
    kinds = [word for kind in ("model", "snapshot", "source") for word in ("-rt", kind)]
    run(sample, "dbterd", "run", "-ad", "target", "-o", ".", "-t", "dbml", "-enf", "table", *kinds)
    drawn = (sample / "output.dbml").read_text(encoding="utf-8")
    assert set(re.findall(r"^Ref: (.*?)\s*$", drawn, re.MULTILINE)) == {
        '"int_account_with_customer"."account_id" > "snap_account"."account_id"',
        '"int_account_with_customer"."customer_id" > "snap_customer"."customer_id"',
        '"customer_profile"."customer_id" > "snap_customer"."customer_id"',
    }
    assert '"interest_rate_pct" "decimal(5, 4)"' in drawn


@pytest.mark.parametrize(("kind", "covered"), [("doc", 1.0), ("test", 0.5)])
def test_dbt_coverage_finds_the_columns(sample: Path, kind: str, covered: float) -> None:
    run(sample, "dbt-coverage", "compute", kind, "--run-artifacts-dir", "target", "--cov-report", f"{kind}.json")
    found: dict[str, Any] = json.loads((sample / f"{kind}.json").read_text(encoding="utf-8"))
    assert found["total"] == sum(len(model.contract.columns) for model in pipeline if model.is_stored)
    assert found["coverage"] >= covered


def test_dbt_score_scores_every_model(sample: Path) -> None:
    found = json.loads(run(sample, "dbt-score", "lint", "--manifest", "target/manifest.json", "--format", "json"))
    scored = {name.split(".")[-1] for name in found["evaluables"]}
    assert {model.name for model in pipeline} <= scored
    keyed = found["evaluables"]["model.lc_ibis.account_summary"]["results"]
    for rule in ("columns_have_description", "single_pk_defined_at_column_level", "has_uniqueness_test"):
        assert keyed[f"dbt_score.rules.generic.{rule}"]["result"] == "OK"


def test_dbt_bouncer_is_content(sample: Path) -> None:
    asked = {
        "dbt_artifacts_dir": "target",
        "manifest_checks": [
            {"name": name}
            for name in ("check_model_description_populated", "check_model_columns_have_types",
                         "check_exposure_based_on_non_public_models", "check_source_description_populated")
        ],
        "catalog_checks": [{"name": "check_columns_are_all_documented"}],
        "run_results_checks": [{"name": "check_run_results_max_execution_time", "max_execution_time_seconds": 600}],
    }  # fmt: skip
    (sample / "dbt-bouncer.yml").write_text(yaml.safe_dump(asked), encoding="utf-8")
    said = run(sample, "dbt-bouncer", "run", "--config-file", "dbt-bouncer.yml")
    done = re.search(r"SUCCESS=(\d+) WARN=0 ERROR=0", said)
    assert done is not None, said
    assert int(done[1]) > len(pipeline.models)
