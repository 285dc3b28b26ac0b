"""Contracts as documents: what is shown of them, and what is exported as the Open Data Contract Standard has it."""

from __future__ import annotations

import json
import sys
from importlib.resources import files
from pathlib import Path
from typing import Any

import ibis.expr.types as ir
import jsonschema
import pytest
import yaml
from click.testing import CliRunner, Result
from open_data_contract_standard.model import OpenDataContractStandard

from lc_ibis import contracts
from lc_ibis.cli import main
from lc_ibis.declare.check_kinds import accepted_values, not_null, positive_value, row_count, unique
from lc_ibis.declare.checks import Check
from lc_ibis.declare.contracts import Contract, Flag, Integer, Text, column, key
from lc_ibis.declare.models import Incremental, Model, model
from lc_ibis.errors import OutputError, SelectionError, SettingsError
from lc_ibis.layers import pipeline
from lc_ibis.layers.columns import Money
from lc_ibis.reporting import odcs

STORED = [model.name for model in pipeline if model.is_stored]
# The standard's own schema, as its package carries it.
SCHEMA = files("open_data_contract_standard").joinpath("schema.json").read_text(encoding="utf-8")
VALIDATOR = jsonschema.Draft201909Validator(json.loads(SCHEMA))


def run(*arguments: str, exit_code: int = 0) -> Result:
    result = CliRunner().invoke(main, ["contract", *arguments])
    assert result.exit_code == exit_code, result.output + str(result.exception)
    return result


@pytest.fixture(autouse=True)
def nothing_built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


class Thing(Contract):
    """One row per thing.

    It is priced in
    US dollars.
    """

    version = 2
    thing_id: Integer = key("Its number.")
    kind: Text | None = column("'Its' \"kind\": a # b\n- ünï ☃ {x} | y")
    price_amount: Money = column("Its price.")
    sold_flag: Flag = column("Whether it is sold.")


def of_thing(*checks: Check) -> Model:
    @model(Incremental(), Thing)
    def thing(src_thing: ir.Table) -> ir.Table:
        return src_thing

    thing.check(*checks)
    return thing


def exported(*checks: Check) -> dict[str, Any]:
    document = yaml.safe_load(odcs.to_yaml(of_thing(*checks)))
    VALIDATOR.validate(document)
    return document


def rules(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the rules that no contract implies, by the column that they stand at, "" for the table."""
    [table] = document["schema"]
    by_place = {"": table.get("quality", [])} | {p["name"]: p.get("quality", []) for p in table["properties"]}
    implied = ("not_null_", "unique_thing_id")
    return {place: r for place, those in by_place.items() for r in those if not r["name"].startswith(implied)}


# Shown ------------------------------------------------------------------------------------------


def test_what_a_table_promises_is_printed_without_a_database() -> None:
    lines = run("show", "account_summary").output.splitlines()
    assert lines[:2] == ["marts", "  account_summary: One row per savings account, with a year's interest."]
    assert [" ".join(line.split()) for line in lines[2:9]] == [
        "account_id string not null, key The account's number.",
        "customer_id int64 not null The owner's number.",
        "original_balance_amount decimal(18, 2) not null The balance, US dollars.",
        "interest_rate_pct decimal(5, 4) not null Yearly rate as a fraction: 0.0150 is 1.5 %.",
        "annual_interest_amount decimal(18, 2) not null Balance × rate, US dollars.",
        "new_balance_amount decimal(18, 2) not null Balance and interest, US dollars.",
        "calculated_at timestamp(6) not null, stamp The run that last changed the row.",
    ]
    assert "error new_balance_is_the_sum The new balance is balance and interest." in [
        " ".join(t.split()) for t in lines
    ]
    assert "warn   every_customer_is_current" in run("show", "int_account_without_customer").output
    assert "valid_to_at     timestamp(6)    null           Until" in run("show", "int_account_with_customer").output


def test_all_stored_tables_are_shown_unless_some_are_named() -> None:
    found = json.loads(run("show", "--json").output)
    assert [contract["table"] for contract in found] == [*STORED, "ledger"]
    assert [c["table"] for c in contracts.show("snap_account", "src_account", "snap_account")] == [
        "snap_account", "src_account",
    ]  # fmt: skip
    output = run("show").output
    assert all(f"  {name}: " in output for name in STORED)


def test_a_contract_as_json() -> None:
    [found] = json.loads(run("show", "customer_profile", "--json").output)
    assert {name: found[name] for name in ("table", "layer", "contract", "version", "grain", "key")} == {
        "table": "customer_profile", "layer": "marts", "contract": "CustomerProfile", "version": 1,
        "grain": "One row per customer with a savings account.", "key": ["customer_id"],
    }  # fmt: skip
    assert found["columns"][-1] == {
        "name": "calculated_at", "type": "timestamp(6)", "is_nullable": False, "is_key": False, "is_stamp": True,
        "meaning": "The run that last changed the row.",
    }  # fmt: skip
    assert {check["name"]: check["severity"] for check in found["checks"]}["totals_agree_with_accounts"] == "error"


def test_a_later_version_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(pipeline.models, "account_summary", of_thing())
    assert "  thing (version 2): One row per thing.\n" in run("show", "account_summary").output


@pytest.mark.parametrize("command", ["show", "export"])
def test_a_table_that_does_not_exist_is_refused(command: str) -> None:
    assert (
        "No table named 'acount_summary'. Did you mean account_summary?"
        in run(command, "acount_summary", exit_code=2).output
    )


def test_a_step_that_is_not_stored_is_shown_and_not_exported() -> None:
    assert "ledger (ephemeral): One row per source" in run("show", "ledger").output
    said = run("export", "stg_account", "ledger", exit_code=2).output
    why = "the model is ephemeral, so nobody reads it. Choose a stored table."
    assert said == f"Error: ledger (layers/ledger.py): {why}\n"
    with pytest.raises(SelectionError):
        contracts.export("ledger")


def test_thresholds_are_shown() -> None:
    assert "(warn over 5%, error over 50%)" in run("show", "quarantine_stg_account").output
    assert positive_value("x").but(warn_if=3, error_if=0.125).thresholds == "warn over 3, error over 12.5%"
    assert positive_value("x").but(severity="warn", error_if=2).thresholds == ""


# Exported ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("table", STORED)
def test_every_contract_is_one_of_the_standard(table: str) -> None:
    text = contracts.export(table)[table]
    VALIDATOR.validate(yaml.safe_load(text))
    read = OpenDataContractStandard.from_string(text)
    assert read.to_yaml() == text
    contract = pipeline[table].contract
    [found] = read.schema_ or []
    assert [p.name for p in found.properties or []] == list(contract.schema().names)
    assert [p.required for p in found.properties or []] == [not c.is_nullable for c in contract.columns]
    written = [*(found.quality or []), *(rule for p in found.properties or [] for rule in p.quality or [])]
    assert sorted(rule.name or "" for rule in written) == sorted(check.name for check in pipeline[table].checks)
    assert {rule.name: rule.description for rule in written} == {c.name: c.meaning for c in pipeline[table].checks}


def test_the_standard_s_schema_is_awake() -> None:
    document = exported()
    for broken in ({"kind": "Contract"}, {"apiVersion": "v9"}, {"schema": [{"description": "no name"}]}, {"extra": 1}):
        with pytest.raises(jsonschema.ValidationError):
            VALIDATOR.validate(document | broken)
    with pytest.raises(jsonschema.ValidationError):
        VALIDATOR.validate({name: value for name, value in document.items() if name != "id"})


def test_a_document_says_what_the_contract_says() -> None:
    document = exported()
    [table] = document.pop("schema")
    assert document == {
        "version": "2.0.0", "kind": "DataContract", "apiVersion": "v3.1.0", "id": "lc-ibis.test_contract_documents.thing",
        "name": "thing", "tags": ["test_contract_documents"], "status": "active",
        "description": {"purpose": "One row per thing."},
    }  # fmt: skip
    assert table["physicalName"] == "thing"
    assert table["dataGranularityDescription"] == "One row per thing."
    assert table["description"] == "One row per thing.\n\nIt is priced in US dollars."
    assert table["tags"] == ["test_contract_documents"]
    number, kind, price, sold = table["properties"]
    assert (number["logicalType"], number["physicalType"], number["required"]) == ("integer", "BIGINT", True)
    assert (number["primaryKey"], number["primaryKeyPosition"], number["unique"]) == (True, 1, True)
    assert kind == {
        "name": "kind", "physicalType": "TEXT", "logicalType": "string", "required": False,
        "description": "'Its' \"kind\": a # b\n- ünï ☃ {x} | y",
    }  # fmt: skip
    assert (price["logicalType"], price["physicalType"]) == ("number", "DECIMAL(18, 2)")
    assert (sold["logicalType"], sold["physicalType"], "primaryKey" in sold) == ("boolean", "BOOLEAN", False)


def test_decimals_have_their_digits_where_datacontract_looks_for_them() -> None:
    [table] = exported()["schema"]
    number, _, price, _ = table["properties"]
    assert "customProperties" not in number
    assert {one["property"]: one["value"] for one in price["customProperties"]} == {
        "precision": 18, "scale": 2,
        "avroType": {"type": "bytes", "logicalType": "decimal", "precision": 18, "scale": 2},
    }  # fmt: skip


PARQUET = {"server": "parquet", "type": "local", "path": "o/account_summary.parquet", "format": "parquet"}


@pytest.mark.parametrize(
    ("options", "servers"),
    [
        ({"database": "d/x.duckdb"}, [{"server": "duckdb", "type": "duckdb", "database": "d/x.duckdb", "schema": "marts"}, PARQUET]),
        ({"database": "x.duckdb", "publish": "r.duckdb", "partitioned": True},
         [{"server": "duckdb", "type": "duckdb", "database": "x.duckdb", "schema": "marts"},
          {"server": "readers", "type": "duckdb", "database": "r.duckdb", "schema": "marts"},
          PARQUET | {"path": "o/account_summary/*.parquet"}]),
        ({"backend": "spark"}, [PARQUET]),
        ({"backend": "databricks", "database": "main.lending"},
         [{"server": "databricks", "type": "databricks", "catalog": "main", "schema": "lending_marts"}, PARQUET]),
    ],
)  # fmt: skip
def test_a_document_says_where_the_rows_are(options: dict[str, Any], servers: list[dict[str, str]]) -> None:
    texts = contracts.export("account_summary", "stg_account", outputs="o", **options)
    documents = {table: yaml.safe_load(text) for table, text in texts.items()}
    for document in documents.values():
        VALIDATOR.validate(document)
    assert documents["account_summary"]["servers"] == servers
    assert "parquet" not in {one["server"] for one in documents["stg_account"].get("servers", [])}


def test_a_key_of_two_columns_has_positions_and_neither_is_unique_alone() -> None:
    [table] = yaml.safe_load(contracts.export("snap_customer")["snap_customer"])["schema"]
    properties = {p["name"]: p for p in table["properties"]}
    positions = {name: p["primaryKeyPosition"] for name, p in properties.items() if p.get("primaryKey")}
    assert positions == {"customer_id": 1, "dbt_scd_id": 2}
    # A history has a check of its own for its versions' ids.
    assert {name for name, p in properties.items() if p.get("unique")} == {"dbt_scd_id"}
    [both] = [rule for rule in table["quality"] if rule["name"] == "unique_customer_id_dbt_scd_id"]
    assert (both["metric"], both["arguments"]) == ("duplicateValues", {"properties": ["customer_id", "dbt_scd_id"]})
    assert properties["dbt_valid_to"]["required"] is False


@pytest.mark.parametrize(
    ("check", "place", "rule"),
    [
        (not_null("kind"), "kind", {"metric": "nullValues", "mustBe": 0}),
        (unique("kind").but(severity="warn"), "kind", {"metric": "duplicateValues", "mustBe": 0, "severity": "warning"}),
        (unique("kind", "price_amount"), "",
         {"metric": "duplicateValues", "mustBe": 0, "arguments": {"properties": ["kind", "price_amount"]}}),
        (accepted_values("kind", ("a", "it's")), "kind",
         {"metric": "invalidValues", "mustBe": 0, "arguments": {"validValues": ["a", "it's"]}}),
        (row_count(7), "", {"metric": "rowCount", "mustBeGreaterOrEqualTo": 7}),
    ],
)  # fmt: skip
def test_what_the_standard_has_a_metric_for_is_said_by_it(check: Check, place: str, rule: dict[str, Any]) -> None:
    document = exported(check.but(name="a_rule", tags=("finance", "daily")))
    found = rules(document)[place]
    assert found == {
        "type": "library", "name": "a_rule", "description": check.meaning, "severity": "error",
        "tags": ["finance", "daily"],
    } | rule  # fmt: skip
    assert document["schema"][0]["properties"][1].get("unique") is None


OURS = {"type": "custom", "engine": "lc-ibis", "severity": "error", "name": "a_rule"}


@pytest.mark.parametrize(
    ("check", "place", "implementation"),
    [
        (positive_value("price_amount"), "price_amount", {"columns": ["price_amount"]}),
        # Of some rows alone, or with rows that may fail, it is another rule than the metric's.
        (not_null("kind").but(where=lambda t: t.sold_flag), "kind", {"columns": ["kind"]}),
        (unique("kind").but(where=lambda t: t.sold_flag), "kind", {"columns": ["kind"]}),
        (not_null("kind").but(warn_if=0.01, error_if=5), "kind", {"columns": ["kind"], "warn_if": 0.01, "error_if": 5}),
        # What is about another table, or a column that this has not, is about the table.
        (positive_value("price_amount").but(of="src_thing"), "", {"columns": ["price_amount"], "of": "src_thing"}),
        (positive_value("cost_amount"), "", {"columns": ["cost_amount"]}),
    ],
)  # fmt: skip
def test_any_other_check_is_said_to_be_ours(check: Check, place: str, implementation: dict[str, Any]) -> None:
    found = rules(exported(check.but(name="a_rule")))[place]
    ours = {"table": "thing", "check": "a_rule", **implementation}
    assert found == {**OURS, "description": check.meaning, "implementation": ours}


def test_documents_are_printed_as_one_stream() -> None:
    printed = list(yaml.safe_load_all(run("export", "account_summary", "src_account").output))
    assert [document["name"] for document in printed] == ["account_summary", "src_account"]
    assert len(list(yaml.safe_load_all(run("export").output))) == len(STORED)


def test_a_file_a_table_is_written(tmp_path: Path) -> None:
    place = tmp_path / "a b" / "contracts"
    place.mkdir(parents=True)
    (place / "account_summary.odcs.yaml").write_text("older, and longer than nothing")
    (place / "mine.txt").write_text("mine")
    output = run("export", "account_summary", "stg_account", "--to", str(place)).output
    assert output == f"wrote {place}/account_summary.odcs.yaml\nwrote {place}/stg_account.odcs.yaml\n"
    assert sorted(file.name for file in place.iterdir()) == [
        "account_summary.odcs.yaml", "mine.txt", "stg_account.odcs.yaml",
    ]  # fmt: skip
    for table, text in contracts.export("account_summary", "stg_account").items():
        assert (place / f"{table}.odcs.yaml").read_text(encoding="utf-8") == text
        assert OpenDataContractStandard.from_file(str(place / f"{table}.odcs.yaml")).name == table
    run("export", "--to", str(tmp_path / "all"))
    assert len(list((tmp_path / "all").glob("*.odcs.yaml"))) == len(STORED)


def test_a_file_where_the_directory_belongs_is_said(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("mine")
    with pytest.raises(OutputError, match="cannot write"):
        contracts.export("account_summary", to=tmp_path / "taken")
    assert (tmp_path / "taken").read_text() == "mine"


def test_without_the_package_the_error_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "lc_ibis.reporting.odcs")
    monkeypatch.delattr("lc_ibis.reporting.odcs")
    for name in ("open_data_contract_standard", "open_data_contract_standard.model"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(SettingsError, match=r"not installed\. Install it: pip install 'lc-ibis\[contracts\]'"):
        contracts.export(to=tmp_path / "all")
    assert not (tmp_path / "all").exists()
    assert run("show", "account_summary").output.startswith("marts")
