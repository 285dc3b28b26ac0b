"""A graph of models as plain values, and back: without their functions, which are fetched where they are called."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import fields
from typing import TYPE_CHECKING, Any, cast

from lc_ibis.declare.checks import Check
from lc_ibis.declare.contracts import Column, Contract, TypeName
from lc_ibis.declare.graph import Graph, Output
from lc_ibis.declare.models import (
    CheckStrategy,
    Ephemeral,
    Incremental,
    Model,
    Snapshot,
    Source,
    TimestampStrategy,
)

if TYPE_CHECKING:
    from lc_ibis.declare.pipeline import Pipeline

_KINDS: dict[str, type[Any]] = {
    kind.__name__: kind for kind in (Source, Incremental, Ephemeral, Snapshot, CheckStrategy, TimestampStrategy)
}
_OF_CHECKS = ("name", "columns", "meaning", "needs", "by", "severity", "warn_if", "error_if", "of", "tags")
_OF_COLUMNS = ("name", "description", "is_key", "is_stamp", "header", "is_nullable")


def to_values(graph: Graph) -> dict[str, Any]:
    """Return a graph as plain values, for JSON."""
    return {
        "models": [_values_of_model(model) for model in graph],
        "outputs": [[output.table, list(output.formats)] for output in graph.outputs],
    }


def from_values(values: dict[str, Any], pipeline: Callable[[], Pipeline]) -> Graph:
    """Return the graph of such values; `pipeline` gives the one whose functions are there, if one is called."""
    outputs = [Output(table, tuple(formats)) for table, formats in values["outputs"]]
    return Graph([_model(model, pipeline) for model in values["models"]], outputs)


def _values_of_model(model: Model) -> dict[str, Any]:
    contract = model.contract
    return {
        "name": model.name,
        "module": model.function.__module__,
        "doc": inspect.getdoc(model.function),
        "parameters": list(model.parameters),
        "layer": model.layer,
        "kind": _values_of_kind(model.kind),
        "contract": {
            "name": contract.__name__,
            "module": contract.__module__,
            "doc": inspect.getdoc(contract),
            "version": contract.major_version(),
            "columns": [_values_of_column(column) for column in contract.columns],
        },
        "checks": [{name: getattr(check, name) for name in _OF_CHECKS} for check in model.checks],
    }


def _values_of_column(column: Column) -> dict[str, Any]:
    facts = {name: getattr(column, name) for name in _OF_COLUMNS}
    return facts | {"type": column.type_name, "is_read": column.read_as is not None}


def _values_of_kind(kind: Any) -> Any:
    if type(kind).__name__ not in _KINDS:
        return kind
    return {"kind": type(kind).__name__, **{f.name: _values_of_kind(getattr(kind, f.name)) for f in fields(kind)}}


def _model(values: dict[str, Any], pipeline: Callable[[], Pipeline]) -> Model:
    name = values["name"]

    def function(*args: Any, **kwargs: Any) -> Any:
        return pipeline()[name](*args, **kwargs)

    function.__name__, function.__module__, function.__doc__ = name, values["module"], values["doc"]
    parameters = (inspect.Parameter(each, inspect.Parameter.POSITIONAL_OR_KEYWORD) for each in values["parameters"])
    vars(function)["__signature__"] = inspect.Signature(list(parameters))
    contract, checks = _contract(values["contract"]), [_check(check) for check in values["checks"]]
    return Model(function, _kind(values["kind"]), contract, values["layer"], checks)


def _contract(values: dict[str, Any]) -> type[Contract]:
    version = values["version"]
    facts = {"__doc__": values["doc"], "__module__": values["module"], "major_version": classmethod(lambda _: version)}
    made: Any = type(values["name"], (Contract,), facts)
    made.columns = tuple(_column(column) for column in values["columns"])
    return cast(type[Contract], made)


def _column(values: dict[str, Any]) -> Column:
    facts = {name: values[name] for name in _OF_COLUMNS}
    return Column(**facts, declared=TypeName(values["type"]), read_as=_absent if values["is_read"] else None)


def _check(values: dict[str, Any]) -> Check:
    facts: dict[str, Any] = {n: tuple(value) if isinstance(value, list) else value for n, value in values.items()}
    return Check(**facts, spoil=_absent, failing=_absent)


def _kind(values: Any) -> Any:
    if isinstance(values, list):
        return tuple(values)
    if not isinstance(values, dict):
        return values
    return _KINDS[values["kind"]](**{name: _kind(value) for name, value in values.items() if name != "kind"})


def _absent(*_: Any) -> Any:
    """What stands for a function that only the pipeline itself has."""
    raise NotImplementedError("only the pipeline itself has this function")
