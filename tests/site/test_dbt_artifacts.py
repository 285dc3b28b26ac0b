"""dbt's artifacts: of dbt's shapes, and true of the pipeline and its last build."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import duckdb
import pytest
from click.testing import CliRunner
from dbt_artifacts_parser import parser

from lc_ibis.cli import main
from lc_ibis.declare.models import Ephemeral, Snapshot, Source
from lc_ibis.errors import ChecksFailed, OutputError
from lc_ibis.layers import pipeline
from lc_ibis.site import artifacts
from tests.conftest import ALICE, SAVINGS, Lending
from tests.declare.test_contract_changes import KeyedByBoth
from tests.things import Things, table


def written(lending: Lending) -> tuple[dict[str, Any], ...]:
    """Return manifest, catalog and run results, after a reader of dbt's shapes has taken them, unknown fields refused."""
    options = {"database": lending.database, "reports": lending.reports}
    documents = [
        json.loads(place.read_text(encoding="utf-8")) for place in artifacts(lending.root / "target", **options)
    ]
    parser.parse_manifest_v12(documents[0])
    parser.parse_catalog_v1(documents[1])
    parser.parse_run_results_v6(documents[2])
    return tuple(documents)


def test_the_graph_is_the_pipeline_s(lending: Lending) -> None:
    lending.load([ALICE], [SAVINGS])
    manifest, _, _ = written(lending)
    ids = {node["name"]: name for name, node in (manifest["nodes"] | manifest["sources"]).items()}
    for model in pipeline:
        kind = {Source: "source", Snapshot: "snapshot"}.get(type(model.kind), "model")
        node = (manifest["nodes"] | manifest["sources"])[ids[model.name]]
        assert node["resource_type"] == kind
        assert [c["data_type"] for c in node["columns"].values()] == [
            str(c.type).removeprefix("!") for c in model.contract.columns
        ]
        assert manifest["parent_map"][ids[model.name]] == (
            [] if kind == "source" else [ids[name] for name in model.inputs]
        )
        for name in model.inputs:
            assert ids[model.name] in manifest["child_map"][ids[name]]
    assert manifest["nodes"][ids["account_summary"]]["relation_name"] == '"lc"."marts"."account_summary"'
    tests = [node for node in manifest["nodes"].values() if node["resource_type"] == "test"]
    assert len(tests) == sum(len(model.checks) for model in pipeline)
    [unique] = [node for node in tests if node["name"] == "unique_account_id_account_summary"]
    assert unique["test_metadata"]["name"] == "unique"
    assert unique["attached_node"] == ids["account_summary"]
    assert manifest["nodes"][ids["snap_customer"]]["config"]["updated_at"] == "loaded_at"
    assert set(manifest["exposures"]) == {"exposure.lc_ibis.account_summary", "exposure.lc_ibis.customer_profile"}
    assert all(name in manifest["parent_map"] for found in manifest["parent_map"].values() for name in found)


def test_results_are_those_of_the_last_build(lending: Lending) -> None:
    run = lending.load([ALICE], [SAVINGS, ("A2", "77", "1", "Savings")])
    manifest, _, found = written(lending)
    results = {result["unique_id"]: result for result in found["results"]}
    assert results.keys() <= manifest["nodes"].keys()
    stored = [m for m in pipeline if not isinstance(m.kind, Ephemeral | Source)]
    assert sum(not name.startswith("test.") for name in results) == len(stored)
    assert results["model.lc_ibis.account_summary"]["adapter_response"] == {"rows_affected": 1}
    assert results["model.lc_ibis.account_summary"]["status"] == "success"
    ended = Counter(result["status"] for name, result in results.items() if name.startswith("test."))
    assert ended == Counter(check.status for check in run.checks)
    assert ended["warn"] == 1
    assert found["metadata"]["generated_at"] == f"{run.run_at.isoformat()}Z"


def test_what_a_failed_build_did_not_publish_is_an_error(lending: Lending) -> None:
    lending.load([ALICE], [SAVINGS])
    with pytest.raises(ChecksFailed):
        lending.load([ALICE, ("2", "Secret", "maybe")], None, max_refused_share=0.1)
    *_, found = written(lending)
    ended = {result["unique_id"].split(".")[0]: set[str]() for result in found["results"]}
    for result in found["results"]:
        ended[result["unique_id"].split(".")[0]].add(result["status"])
    assert ended["model"] == ended["snapshot"] == {"error"}
    assert "fail" in ended["test"]
    assert {r["unique_id"] for r in found["results"]} >= {
        "model.lc_ibis.account_summary",
        "snapshot.lc_ibis.snap_refusal",
    }
    assert "secret" not in json.dumps(found).lower(), "no values are told"


def test_without_a_build_there_is_the_graph_alone(tmp_path: Path) -> None:
    command = ["docs", "artifacts", str(tmp_path / "target"), "--reports", str(tmp_path)]
    result = CliRunner().invoke(main, command)
    assert result.output == f"wrote {tmp_path}/target/manifest.json\nwrote {tmp_path}/target/catalog.json\n"
    assert {place.name for place in (tmp_path / "target").iterdir()} == {"manifest.json", "catalog.json"}
    assert CliRunner().invoke(main, command).exit_code == 0, "what was ours is replaced"


@pytest.mark.parametrize("there", ["{}", "no JSON", '{"metadata": {"project_name": "jaffle_shop"}}'])
def test_the_manifest_of_a_dbt_project_is_not_replaced(tmp_path: Path, there: str) -> None:
    (tmp_path / "manifest.json").write_text(there)
    with pytest.raises(OutputError, match="the file was not written by lc_ibis. Choose another directory"):
        artifacts(tmp_path, reports=tmp_path)
    assert (tmp_path / "manifest.json").read_text() == there


def test_on_databricks_relations_have_their_catalog(tmp_path: Path) -> None:
    place, catalog = artifacts(tmp_path, backend="databricks", database="main.lending", reports=tmp_path)
    known = json.loads(catalog.read_text(encoding="utf-8"))["nodes"]["model.lc_ibis.account_summary"]
    assert (known["metadata"]["database"], known["metadata"]["schema"]) == ("main", "lending_marts")
    assert known["columns"]["account_id"]["type"] == "STRING"
    nodes = json.loads(place.read_text(encoding="utf-8"))["nodes"]
    assert nodes["model.lc_ibis.account_summary"]["relation_name"] == '"main"."lending_marts"."account_summary"'


def test_the_catalog_has_the_stored_tables_with_the_database_s_types(lending: Lending) -> None:
    lending.load([ALICE], [SAVINGS])
    manifest, catalog, _ = written(lending)
    there = catalog["nodes"] | catalog["sources"]
    assert {node["metadata"]["name"] for node in there.values()} == {m.name for m in pipeline if m.is_stored}
    assert all(
        list(node["columns"]) == list((manifest["nodes"] | manifest["sources"])[name]["columns"])
        for name, node in there.items()
    )
    with duckdb.connect(str(lending.database), read_only=True) as con:
        for node in there.values():
            place = f"{node['metadata']['schema']}.{node['metadata']['name']}"
            stored = {name: type_ for name, type_, *_ in con.execute(f"DESCRIBE {place}").fetchall()}
            said = {
                name: con.execute(f"SELECT typeof(NULL::{c['type']})").fetchall() for name, c in node["columns"].items()
            }
            assert {name: [(type_,)] for name, type_ in stored.items()} == said


def test_a_relationship_names_the_table_with_the_keys_first(lending: Lending) -> None:
    lending.load([ALICE], [SAVINGS])
    manifest, _, _ = written(lending)
    tests = {
        node["attached_node"]: node
        for node in manifest["nodes"].values()
        if node["resource_type"] == "test" and node["test_metadata"]["name"] == "relationships"
    }
    found = tests["model.lc_ibis.customer_profile"]
    assert found["depends_on"]["nodes"] == ["snapshot.lc_ibis.snap_customer", "model.lc_ibis.customer_profile"]
    asked = found["test_metadata"]["kwargs"]
    assert (asked["to"], asked["field"], asked["column_name"]) == ("ref('snap_customer')", "customer_id", "customer_id")


def test_constraints_are_what_contracts_promise(lending: Lending) -> None:
    lending.load([ALICE], [SAVINGS])
    manifest, _, _ = written(lending)

    def promised(node: str) -> dict[str, list[str]]:
        return {n: [one["type"] for one in c["constraints"]] for n, c in manifest["nodes"][node]["columns"].items()}

    assert promised("model.lc_ibis.account_summary")["account_id"] == ["not_null", "primary_key"]
    assert promised("model.lc_ibis.int_account_with_customer")["valid_to_at"] == []
    access = {name: node["access"] for name, node in manifest["nodes"].items() if node["resource_type"] == "model"}
    assert {name for name, said in access.items() if said == "public"} == {
        "model.lc_ibis.account_summary", "model.lc_ibis.customer_profile",
    }  # fmt: skip
    assert manifest["nodes"]["model.lc_ibis.account_summary"]["constraints"] == []


def test_a_key_of_two_columns_is_a_constraint_of_the_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Things(tmp_path, monkeypatch).has(table(KeyedByBoth))
    manifest = json.loads(artifacts(tmp_path / "target", reports=tmp_path)[0].read_text(encoding="utf-8"))
    node = manifest["nodes"]["model.lc_ibis.thing"]
    [keys] = node["constraints"]
    assert (keys["type"], keys["columns"]) == ("primary_key", list(KeyedByBoth.key()))
    assert {one["type"] for column in node["columns"].values() for one in column["constraints"]} == {"not_null"}
