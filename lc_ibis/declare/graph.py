"""The graph of models: what is known of a pipeline without its functions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from lc_ibis.declare.models import Model, Source
from lc_ibis.declare.ordering import in_order, named
from lc_ibis.errors import ModelError, SelectionError, hint

LEDGER = "ledger"
# Of output files.
FORMATS = ("csv", "parquet")


@dataclass(frozen=True)
class Output:
    """A table that is also written to files, ordered by key. Raises ModelError for an unknown format."""

    table: str
    formats: tuple[str, ...] = FORMATS

    def __post_init__(self) -> None:
        for format in self.formats:
            if format not in FORMATS:
                raise ModelError(f"{self.table}: an output has no format {format!r}. It has {' or '.join(FORMATS)}.")


class Graph:
    """The models by name, each after its inputs, and the tables written to files.

    The models of the layer `ledger` account for every row received.
    """

    def __init__(self, models: Iterable[Model], outputs: Iterable[Output] = ()):
        self.models = in_order(named(models))
        self.outputs = tuple(outputs)

    def __getitem__(self, name: str) -> Model:
        try:
            return self.models[name]
        except KeyError:
            raise SelectionError(f"No table named {name!r}.{hint(name, self.models)}") from None

    def __iter__(self) -> Iterator[Model]:
        return iter(self.models.values())

    @cached_property
    def layers(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(m.layer for m in self))

    @cached_property
    def ledgers(self) -> tuple[Model, ...]:
        return tuple(m for m in self if m.layer == LEDGER)

    @cached_property
    def stored_inputs(self) -> dict[str, tuple[str, ...]]:
        """By model: the stored tables that it reads, looking through ephemeral models."""
        stored: dict[str, tuple[str, ...]] = {}
        for model in self:
            names = (
                (name,) if self.models[name].is_stored else stored[name] for name in model.inputs
            )  # fmt: skip
            stored[model.name] = tuple(dict.fromkeys(n for group in names for n in group))
        return stored

    def grounds(self, model: Model) -> set[str]:
        """Return the names of all models that a model is made from, near and far."""
        return set(model.inputs).union(*(self.grounds(self[name]) for name in model.inputs))

    def source_of(self, model: Model) -> Model | None:
        """Return the source whose received key is the key of a model that is made from it, if there is one."""
        grounds = self.grounds(model)
        sources = (m for m in self if m.name in grounds)
        keyed = (s for s in sources if isinstance(s.kind, Source) and s.contract.received_key() == model.business_key)
        return next(keyed, None)

    @cached_property
    def children(self) -> dict[str, tuple[str, ...]]:
        """By model: the models that read it directly."""
        return {name: tuple(m.name for m in self if name in m.inputs) for name in self.models}

    @cached_property
    def lineage(self) -> list[dict[str, Any]]:
        """The stored tables, each with its layer and the stored tables that it is made from."""
        return [
            {"table": model.name, "layer": model.layer, "inputs": list(self.stored_inputs[model.name])}
            for model in self
            if model.is_stored
        ]
