"""The names of models, and their order: each after those that it reads."""

from __future__ import annotations

from collections.abc import Iterable
from graphlib import CycleError, TopologicalSorter

from lc_ibis.declare.models import Model
from lc_ibis.errors import ModelError, hint

# Schemas of the engine: its state, and the rows that break checks; and those that DuckDB keeps for itself.
_TAKEN, _RESERVED = ("state", "quality"), ("information_schema", "pg_catalog", "temp")


def named(models: Iterable[Model]) -> dict[str, Model]:
    """Return models by name. Raises ModelError where databases would not tell two apart, or have such a schema."""
    found: dict[str, Model] = {}
    for model in models:
        if model.layer.lower() in (*_TAKEN, *_RESERVED):
            raise ModelError(
                f"{model.name} ({model.where}): the layer name {model.layer} is reserved. Rename the module."
            )
        # Databases do not tell names apart by their case.
        if known := found.get(model.name.lower()):
            raise ModelError(f"{model.name} ({model.where}): {known.where} also declares {known.name}. Rename one.")
        found[model.name.lower()] = model
    return {model.name: model for model in found.values()}


def in_order(models: dict[str, Model]) -> dict[str, Model]:
    """Return models, each after its inputs. Raises ModelError where an input is no model, or in a circle."""
    for model in models.values():
        for name in model.inputs:
            if name not in models:
                raise ModelError(f"{model.name} ({model.where}): parameter {name} is not a model.{hint(name, models)}")
    graph = TopologicalSorter({m.name: m.inputs for m in models.values()})
    try:
        graph.prepare()
    except CycleError as cycle:
        raise ModelError(f"The models form a cycle: {' → '.join(cycle.args[1])}.") from None
    # Layer by layer where the graph leaves a choice, so that a listing reads as the data flows.
    layers = list(dict.fromkeys(m.layer for m in models.values()))
    order, ready = list[str](), list[str]()
    while graph.is_active():
        ready += graph.get_ready()
        name = min(ready, key=lambda name: layers.index(models[name].layer))
        ready.remove(name)
        graph.done(name)
        order.append(name)
    return {name: models[name] for name in order}
