"""Contracts as YAML of the Open Data Contract Standard, by its own package."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import ibis.expr.datatypes as dt
from ibis.backends.sql.datatypes import DuckDBType
from open_data_contract_standard.model import (
    CustomProperty,
    DataQuality,
    Description,
    OpenDataContractStandard,
    SchemaObject,
    SchemaProperty,
    Server,
)

from lc_ibis.declare.checks import Check
from lc_ibis.declare.contracts import Column
from lc_ibis.declare.models import Model

# The oldest version of the standard that has all that is said here.
API_VERSION = "v3.1.0"
_SEVERITIES = {"error": "error", "warn": "warning"}


def to_yaml(model: Model, servers: Sequence[Mapping[str, Any]] = ()) -> str:
    """Return the contract of a model; `servers` are the places where its rows can be read, as the standard has them."""
    text: str = document(model, servers).to_yaml()
    return text


def document(model: Model, servers: Sequence[Mapping[str, Any]] = ()) -> OpenDataContractStandard:
    """Return the contract of a model, with its checks as rules of quality."""
    rules: dict[str, list[DataQuality]] = {name: [] for name in ("", *model.contract.schema().names)}
    for check in model.checks:
        is_of_column = len(check.columns) == 1 and check.columns[0] in rules and not check.of
        rules[check.columns[0] if is_of_column else ""].append(_rule(model, check))
    keys = model.contract.key()
    table = SchemaObject(
        name=model.name,
        physicalName=model.name,
        physicalType="table",
        logicalType="object",
        description="\n\n".join(part.replace("\n", " ") for part in model.description.split("\n\n")),
        dataGranularityDescription=model.grain,
        tags=[model.layer],
        properties=[_property(column, keys, rules[column.name]) for column in model.contract.columns],
        quality=rules[""] or None,
    )
    return OpenDataContractStandard(
        apiVersion=API_VERSION,
        kind="DataContract",
        id=f"lc-ibis.{model.layer}.{model.name}",
        name=model.name,
        version=f"{model.contract.major_version()}.0.0",
        status="active",
        description=Description(purpose=model.grain),
        tags=[model.layer],
        servers=[Server(**server) for server in servers] or None,
        schema=[table],
    )


def _property(column: Column, keys: tuple[str, ...], rules: list[DataQuality]) -> SchemaProperty:
    return SchemaProperty(
        name=column.name,
        logicalType=_logical_type(column.type),
        physicalType=DuckDBType.to_string(column.type),
        customProperties=_size(column.type) or None,
        description=column.description,
        required=not column.is_nullable,
        unique=any(rule.metric == "duplicateValues" and rule.severity == "error" for rule in rules) or None,
        primaryKey=column.is_key or None,
        primaryKeyPosition=keys.index(column.name) + 1 if column.is_key else None,
        quality=rules or None,
    )


def _size(type_: dt.DataType) -> list[CustomProperty]:
    """Return how many digits a decimal has, for which the standard has no words: as datacontract-cli reads it."""
    if not isinstance(type_, dt.Decimal):
        return []
    size = {"precision": type_.precision, "scale": type_.scale}
    told = size | {"avroType": {"type": "bytes", "logicalType": "decimal", **size}}
    return [CustomProperty(property=name, value=value) for name, value in told.items()]


def _logical_type(type_: dt.DataType) -> str | None:
    """Return the standard's word for a type; None where it has none."""
    words = {
        "string": type_.is_string(), "integer": type_.is_integer(), "boolean": type_.is_boolean(),
        "number": type_.is_decimal() or type_.is_floating(), "timestamp": type_.is_timestamp(),
        "date": type_.is_date(), "time": type_.is_time(), "array": type_.is_array(), "object": type_.is_struct(),
    }  # fmt: skip
    return next((word for word, fits in words.items() if fits), None)


def _rule(model: Model, check: Check) -> DataQuality:
    """Return a check in the standard's own words where no row may break it and they say the same; else as ours."""
    known: dict[str, Any] = {
        "name": check.name,
        "description": check.meaning,
        "severity": _SEVERITIES[check.severity],
        "tags": list(check.tags) or None,
    }
    if check.metric and not (check.warn_if or check.error_if):
        return DataQuality(type="library", **known, **check.metric)
    ours = {
        "table": model.name, "check": check.name, "columns": list(check.columns),
        "warn_if": check.warn_if, "error_if": check.error_if, "of": check.of,
    }  # fmt: skip
    said = {name: value for name, value in ours.items() if value}
    return DataQuality(type="custom", engine="lc-ibis", **known, implementation=said)
