"""What changed between the contract of a table and the one that it was last built with, and whom that breaks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

from lc_ibis.declare.contracts import Contract
from lc_ibis.declare.models import Model, Snapshot
from lc_ibis.errors import BreakingChangeError

if TYPE_CHECKING:
    import ibis.expr.datatypes as dt

Kind = Literal[
    "removed column", "narrower type", "other type", "now not null", "now may be null", "changed key",
    "new column", "wider type", "changed order",
]  # fmt: skip
Status = Literal["new", "unchanged", "changed", "declared", "breaking", "lowered"]
# What those who read the table need not follow.
_HARMLESS: tuple[Kind, ...] = ("new column", "wider type", "changed order")
# What changes of the rows' shape, which a history keeps for ever.
_OF_SHAPE: tuple[Kind, ...] = (*_HARMLESS, "removed column", "narrower type", "other type")


@dataclass(frozen=True)
class StoredColumn:
    """A column as a contract had it."""

    name: str
    type: str
    is_nullable: bool
    is_key: bool


@dataclass(frozen=True)
class StoredContract:
    """A contract as it was when its table was last built."""

    version: int
    columns: tuple[StoredColumn, ...]

    @classmethod
    def of(cls, contract: type[Contract]) -> StoredContract:
        """Return what is to be stored of a contract."""
        columns = (StoredColumn(c.name, c.type_name, c.is_nullable, c.is_key) for c in contract.columns)
        return cls(contract.major_version(), tuple(columns))

    @property
    def key(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns if column.is_key)

    @property
    def is_history(self) -> bool:
        """Say whether the table was a history: what its model was is not stored, and that may be gone."""
        return any(column.name == "dbt_valid_from" for column in self.columns)


@dataclass(frozen=True)
class ContractChange:
    """One change of a contract: of a column, or, where that is empty, of the whole table."""

    kind: Kind
    column: str
    before: str
    after: str

    @property
    def is_breaking(self) -> bool:
        """Say whether those who read the table must follow."""
        return self.kind not in _HARMLESS


@dataclass(frozen=True)
class ContractDiff:
    """How a table's contract differs from the one that it was last built with: `stored`, None where none is known."""

    model: Model
    stored: StoredContract | None
    changes: tuple[ContractChange, ...]

    @property
    def version(self) -> int:
        return self.model.contract.major_version()

    @property
    def status(self) -> Status:
        """Say what the changes amount to."""
        if self.stored is None:
            return "new"
        if self.version < self.stored.version:
            return "lowered"
        if any(change.is_breaking for change in self.changes):
            return "declared" if self.version > self.stored.version else "breaking"
        return "changed" if self.changes else "unchanged"

    @property
    def is_refused(self) -> bool:
        """Say whether a build refuses the contract."""
        return self.status in ("breaking", "lowered")

    @property
    def must_be_altered(self) -> bool:
        """Say whether the stored table must be altered by hand: a history is never made anew."""
        return isinstance(self.model.kind, Snapshot) and any(change.kind in _OF_SHAPE for change in self.changes)

    def document(self) -> dict[str, Any]:
        """Return all of it, for JSON."""
        return {
            "table": self.model.name,
            "layer": self.model.layer,
            "contract": self.model.contract.__name__,
            "file": self.model.where,
            "status": self.status,
            "is_refused": self.is_refused,
            "must_be_altered": self.must_be_altered,
            "version": self.version,
            "stored_version": self.stored.version if self.stored else None,
            "changes": [{**asdict(change), "is_breaking": change.is_breaking} for change in self.changes],
        }


def compared(models: Iterable[Model], stored: Mapping[str, StoredContract]) -> list[ContractDiff]:
    """Compare the contracts of stored tables with those that they were last built with, by table."""
    diffs = []
    for model in models:
        before = stored.get(model.name)
        found = changes(before, StoredContract.of(model.contract)) if before else ()
        diffs.append(ContractDiff(model, before, found))
    return diffs


def refuse_breaking(diffs: Iterable[ContractDiff]) -> None:
    """Raise BreakingChangeError where a contract breaks those who read its table, and does not declare it."""
    refused = [diff for diff in diffs if diff.is_refused]
    if refused:
        contracts = "1 contract has" if len(refused) == 1 else f"{len(refused)} contracts have"
        listed = "\n".join(line for diff in refused for line in (*_lines(diff), f"  {mend(diff)}"))
        raise BreakingChangeError(f"{contracts} breaking changes. Nothing was written:\n{listed}")


def _lines(diff: ContractDiff) -> list[str]:
    """Say of which table and file, and what breaks."""
    breaking = [f"    {sentence(change)}" for change in diff.changes if change.is_breaking]
    return [f"  {diff.model.name} ({diff.model.where}):", *breaking]


def sentence(change: ContractChange) -> str:
    """Say what changed."""
    values = " to ".join(value for value in (change.before, change.after) if value)
    return f"{change.column}: {change.kind}, {values}" if change.column else f"{change.kind}: {values}"


def mend(diff: ContractDiff) -> str:
    """Say what is to be done about a contract that a build refuses, or a history that it cannot make anew."""
    name, said = diff.model.contract.__name__, []
    assert diff.stored is not None
    before = diff.stored.version
    if diff.status == "lowered":
        is_breaking = any(change.is_breaking for change in diff.changes)
        wanted = before + 1 if is_breaking else before
        said.append(
            f"{name} has version {diff.version}, but the table was built with {before}. Versions only increase: "
            f"set version = {wanted} in {name}."
        )
    elif diff.status == "breaking":
        said.append(f"Revert the change, or declare it: set version = {before + 1} in {name}.")
    if diff.must_be_altered:
        said.append("Histories are never rebuilt. Also alter the stored table to match the contract.")
    return " ".join(said)


def changes(before: StoredContract, after: StoredContract) -> tuple[ContractChange, ...]:
    """Return how a contract changed: columns that are gone, each that is there in its order, key and order."""
    old, new = ({column.name: column for column in contract.columns} for contract in (before, after))
    found = [ContractChange("removed column", name, old[name].type, "") for name in old if name not in new]
    for name, column in new.items():
        if name in old:
            found += _column_changes(old[name], column)
        else:
            found.append(ContractChange("new column", name, "", column.type))
    if set(before.key) != set(after.key):
        found.append(ContractChange("changed key", "", _listed(before.key), _listed(after.key)))
    was, now = [name for name in old if name in new], [name for name in new if name in old]
    if was != now:
        found.append(ContractChange("changed order", "", _listed(was), _listed(now)))
    return tuple(found)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names) or "none"


def _column_changes(before: StoredColumn, after: StoredColumn) -> list[ContractChange]:
    found = []
    if kind := _type_change(before.type, after.type):
        found.append(ContractChange(kind, after.name, before.type, after.type))
    if before.is_nullable and not after.is_nullable:
        found.append(ContractChange("now not null", after.name, "null", "not null"))
    if after.is_nullable and not before.is_nullable:
        found.append(ContractChange("now may be null", after.name, "not null", "null"))
    return found


def type_name(type_: dt.DataType) -> str:
    """Return a type as it is written in the state: decimal(18, 2), nullability aside."""
    return str(type_.copy(nullable=True))


def _type_change(before: str, after: str) -> Kind | None:
    if before == after:
        return None
    import ibis.expr.datatypes as dt

    try:
        old, new = dt.dtype(before), dt.dtype(after)
    except Exception:  # what another version of Ibis wrote, this one need not know
        return "other type"
    if old == new:
        return None
    holds = _holds(new, old)
    return "other type" if holds is None else "wider type" if holds else "narrower type"


def _holds(one: dt.DataType, other: dt.DataType) -> bool | None:
    """Say whether a type has room for each value of another of its family; None where it is of another family."""
    if one.is_integer() and other.is_integer():
        return bool(one.bounds.lower <= other.bounds.lower and other.bounds.upper <= one.bounds.upper)
    if one.is_floating() and other.is_floating():
        return bool(one.nbytes >= other.nbytes)
    if one.is_decimal() and other.is_decimal() and None not in (one.precision, other.precision):
        digits, others = one.precision - one.scale, other.precision - other.scale
        return bool(digits >= others and one.scale >= other.scale)
    if one.is_string() and other.is_string():
        return one.length is None or (other.length is not None and one.length >= other.length)
    if one.is_timestamp() and other.is_timestamp() and None not in (one.scale, other.scale):
        return one.scale >= other.scale if one.timezone == other.timezone else None
    return None
