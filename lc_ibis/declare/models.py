"""A model: a plain function from Ibis tables to one Ibis table, and how the engine keeps it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from lc_ibis.declare.checks import Check
from lc_ibis.declare.contracts import Contract
from lc_ibis.declare.marks import RUN_AT
from lc_ibis.errors import ModelError

if TYPE_CHECKING:
    import ibis.expr.types as ir

RECEIVED = "received"
VERSION_ID = "dbt_scd_id"


@dataclass(frozen=True)
class Source:
    """The rows of an extract as received. `file` is its name in the inputs directory, without extension.

    The function's parameter `received` has the delivered rows, all text, under the contract's column names.
    """

    file: str


@dataclass(frozen=True)
class Incremental:
    """A stored table that always equals the full result of its function. Only differences are written.

    If inputs change, the rows of the affected keys are recomputed. `by` names the columns of those keys, if they differ
    from the contract's key, for example the partition of a window. With by=(), the whole result is recomputed, for a
    function whose rows depend on rows of other keys. With each_run=True as well, every build recomputes it, for a
    function that depends on run_at.
    """

    by: tuple[str, ...] | None = None
    each_run: bool = field(default=False, repr=False)  # no part of the fingerprint, which repr makes

    def __post_init__(self) -> None:
        if self.each_run and self.by != ():
            raise ModelError(
                "Incremental(each_run=True): a model that depends on the clock is always computed in full. Add by=()."
            )


@dataclass(frozen=True)
class Ephemeral:
    """A step shared by other models. It is computed within a build and not stored."""


@dataclass(frozen=True)
class CheckStrategy:
    """A new version when any business column changes: all but the key and the columns in `ignore`."""

    ignore: tuple[str, ...] = ()


@dataclass(frozen=True)
class TimestampStrategy:
    """A new version when `updated_at` is later than in the current version. Equal or earlier times are ignored.

    If `ignore` names `updated_at`, the other columns decide, and it only dates the version. This suits a load time that
    changes with the text: text that reads as the same values makes no version, text that now reads differently does.
    Changes in other ignored columns are not seen.
    """

    updated_at: str
    ignore: tuple[str, ...] = ()

    @property
    def is_by_value(self) -> bool:
        return self.updated_at in self.ignore


@dataclass(frozen=True)
class Snapshot:
    """A slowly changing dimension of type 2 (SCD2) of the function's rows.

    A missing key is closed, unless it is in the model `held`: those keys were delivered but refused, so their last
    good version stays current. If most keys are missing at once, the extract is taken to be truncated, unless
    `may_shrink` is set.
    """

    strategy: CheckStrategy | TimestampStrategy
    held: str | None = None
    may_shrink: bool = False


Kind = Source | Incremental | Ephemeral | Snapshot
# What people leave out of a name. A model of another name is of its kind all the same.
_LEFT_OUT: dict[type[Kind], str] = {Source: "src_", Snapshot: "snap_"}


@dataclass(eq=False)
class Model:
    """A named table of the pipeline. It stays callable, so that tests can call it with tables."""

    function: Callable[..., ir.Table]
    kind: Kind
    contract: type[Contract]
    layer: str
    checks: list[Check] = field(default_factory=list)

    def __call__(self, *args: Any, **kwargs: Any) -> ir.Table:
        return self.function(*args, **kwargs)

    @property
    def name(self) -> str:
        return self.function.__name__

    @property
    def short_name(self) -> str:
        """The name as people say it: account for src_account and snap_account."""
        return shortened(self.name, type(self.kind))

    @property
    def is_stored(self) -> bool:
        return not isinstance(self.kind, Ephemeral)

    @property
    def kind_name(self) -> str:
        return type(self.kind).__name__.lower()

    @property
    def looks_at_clock(self) -> bool:
        """Say whether the rows depend on the run's time, so that each build computes them."""
        return isinstance(self.kind, Incremental) and self.kind.each_run

    @property
    def description(self) -> str:
        return inspect.getdoc(self.function) or inspect.getdoc(self.contract) or ""

    @property
    def grain(self) -> str:
        """What a row is: the first paragraph of the description, on one line."""
        return self.description.split("\n\n")[0].replace("\n", " ")

    @property
    def where(self) -> str:
        """The file of the function, for messages: layers/staging.py."""
        return "/".join(self.function.__module__.split(".")[-2:]) + ".py"

    @cached_property
    def parameters(self) -> tuple[str, ...]:
        return tuple(inspect.signature(self.function).parameters)

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the models this one reads: its parameters, and the held keys of a snapshot."""
        names = [p for p in self.parameters if p not in (RUN_AT, RECEIVED)]
        if isinstance(self.kind, Snapshot) and self.kind.held:
            names.append(self.kind.held)
        return tuple(names)

    @property
    def business_key(self) -> tuple[str, ...]:
        """The contract's key; of a history, the key of the rows that it follows."""
        history = isinstance(self.kind, Snapshot)
        return tuple(name for name in self.contract.key() if not (history and name == VERSION_ID))

    @property
    def by(self) -> tuple[str, ...]:
        """The columns by whose values the rows are computed anew; empty: only all at once."""
        if isinstance(self.kind, Incremental) and self.kind.by is not None:
            return self.kind.by
        return self.business_key or self.contract.received_key()

    def ordered(self, rows: ir.Table) -> ir.Table:
        """Order rows of this model by key, and a history's versions by time; by all columns where there is no key."""
        import ibis

        history = isinstance(self.kind, Snapshot)
        keys = (*self.business_key, "dbt_valid_from") if history else self.contract.key()
        return rows.order_by([ibis.asc(rows[name]) for name in keys or rows.columns])

    def check(self, *checks: Check) -> None:
        """Add checks to those that the contract implies (not null, unique key)."""
        for check in checks:
            if any(check.name == known.name for known in self.checks):
                raise ModelError(
                    f"{self.name} ({self.where}): check {check.name} is declared twice. Rename or remove one."
                )
            self.checks.append(check)


def model(kind: Kind, contract: type[Contract] = Contract) -> Callable[[Callable[..., ir.Table]], Model]:
    """Declare the decorated function as a model. Its layer is the name of its module."""

    from lc_ibis.declare.check_kinds import contract_checks

    def declare(function: Callable[..., ir.Table]) -> Model:
        if not isinstance(kind, Ephemeral) and not contract.columns:
            raise ModelError(f"{function.__name__}: a stored table needs a contract with columns.")
        layer = function.__module__.rsplit(".", 1)[-1]
        return Model(function, kind, contract, layer, contract_checks(contract))

    return declare


def shortened(name: str, kind: type[Kind]) -> str:
    """Return the name of a model of a kind as people say it."""
    return name.removeprefix(_LEFT_OUT.get(kind, ""))


def called(models: Iterable[Model], kind: type[Kind], name: str) -> Model | None:
    """Return the model of a kind that has a name, whole or else short; None if there is none."""
    of_kind = [model for model in models if isinstance(model.kind, kind)]
    by_name = {model.short_name: model for model in of_kind} | {model.name: model for model in of_kind}
    return by_name.get(name) or by_name.get(shortened(name, kind))


def key_values(model: Model, table: ir.Table, by: tuple[str, ...]) -> dict[str, ir.Value]:
    """Return the values of the key columns in rows of a model, as expressions by name."""
    read_as = {c.name: c.read_as for c in model.contract.columns if c.read_as}
    return {name: read_as[name](table[name]) if name in read_as else table[name] for name in by}


def among_rows(model: Model, table: ir.Table, keys: ir.Table, by: tuple[str, ...]) -> ir.Table:
    """Return the rows of a model whose key is in `keys`, null being a value."""
    from lc_ibis.declare.rules.values import having

    return having(table, lambda rows: key_values(model, rows, by).values(), keys.select(*by))
