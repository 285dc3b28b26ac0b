"""What a table promises: its columns, their order, types, nullability and meaning."""

from __future__ import annotations

import types
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from lc_ibis.declare.marks import RUN_AT, mark
from lc_ibis.errors import ContractError, ModelError

if TYPE_CHECKING:
    import ibis
    import ibis.expr.datatypes as dt
    import ibis.expr.types as ir


class TypeName(str):
    """The name of a type, as Ibis writes it: a build whose SQL is known already needs no more of Ibis."""


Text = Annotated[str, TypeName("string")]
Integer = Annotated[int, TypeName("int64")]
Flag = Annotated[bool, TypeName("boolean")]
# UTC, microseconds, stored without a zone, as dbt's histories are.
Moment = Annotated[datetime, TypeName("timestamp(6)")]


# The run's time in SQL that people are shown.
NO_RUN = datetime(1970, 1, 1)


@dataclass(frozen=True)
class Column:
    """One column of a contract.

    `stamp` marks a time that follows the row's content: it is set from the run when the row changes, and is never a
    change itself. `header` is the column's name in an extract. `read_as` makes the key from a received column's text.
    `declared` is the type, Ibis' or its name.
    """

    description: str
    is_key: bool = False
    is_stamp: bool = False
    header: str | None = None
    read_as: Callable[[Any], Any] | None = None
    name: str = ""
    declared: Any = "null"
    is_nullable: bool = False

    @property
    def type(self) -> dt.DataType:
        """The type, as Ibis knows it."""
        import ibis.expr.datatypes as dt

        return dt.dtype(self.declared)

    @property
    def type_name(self) -> str:
        """The type as it is written in the state: decimal(18, 2), nullability aside."""
        if isinstance(self.declared, TypeName):
            return str(self.declared)
        return str(self.type.copy(nullable=True))


def column(description: str) -> Any:
    """Declare a column."""
    return Column(description)


def key(description: str) -> Any:
    """Declare a key column. Together, the key columns identify a row."""
    return Column(description, is_key=True)


def stamp(description: str) -> Any:
    """Declare a time that changes only when another column of the row does."""
    return Column(description, is_stamp=True)


def from_extract(header: str, description: str) -> Any:
    """Declare a text column that is read from the extract's column `header`."""
    return Column(description, header=header)


def received_key(header: str, description: str, read_as: Callable[[Any], Any]) -> Any:
    """Declare a received column that identifies the key a row is about.

    `read_as` turns its text into that key as later layers know it, or into null if it cannot be read.
    """
    return Column(description, header=header, read_as=read_as)


class Contract:
    """Base class of all contracts. A subclass declares its columns in order, as annotated attributes.

    A higher `version` declares a breaking change. It is inherited, as the columns are. A contract with a column named
    version states its version in a subclass.
    """

    columns: ClassVar[tuple[Column, ...]] = ()
    version: int = 1

    def __init_subclass__(cls) -> None:
        cls.columns = tuple(_declared(cls).values())
        cls.major_version()

    @classmethod
    def major_version(cls) -> int:
        """Return the version, which a column of that name is not. Raises ModelError where it is no whole number."""
        stated = [vars(base)["version"] for base in cls.__mro__ if "version" in vars(base)]
        version = next(value for value in stated if not isinstance(value, Column))
        if type(version) is not int or not 1 <= version < 2**31:
            where = "/".join(cls.__module__.split(".")[-2:]) + ".py"
            raise ModelError(
                f"{cls.__name__} ({where}): version = {version!r} is not an integer from 1 to {2**31 - 1}."
            )
        return version

    @classmethod
    def schema(cls) -> ibis.Schema:
        """Return the columns as an Ibis schema."""
        import ibis

        return ibis.schema({c.name: c.type for c in cls.columns})

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """Return the names of the columns."""
        return tuple(c.name for c in cls.columns)

    @classmethod
    def types(cls) -> dict[str, str]:
        """Return the names of the columns' types, by column."""
        return {c.name: c.type_name for c in cls.columns}

    @classmethod
    def key(cls) -> tuple[str, ...]:
        """Return the names of the key columns; empty if rows have no key."""
        return tuple(c.name for c in cls.columns if c.is_key)

    @classmethod
    def stamps(cls) -> tuple[str, ...]:
        """Return the names of the stamps, which never count as a change."""
        return tuple(c.name for c in cls.columns if c.is_stamp)

    @classmethod
    def content(cls) -> tuple[str, ...]:
        """Return the names of all columns but the stamps."""
        return tuple(c.name for c in cls.columns if not c.is_stamp)

    @classmethod
    def received_key(cls) -> tuple[str, ...]:
        """Return the names of the received columns that say which key a row is about."""
        return tuple(c.name for c in cls.columns if c.read_as)

    @classmethod
    def headers(cls) -> dict[str, str]:
        """Return the extract's header of each received column, by column name."""
        return {c.name: c.header for c in cls.columns if c.header}


def _declared(cls: type) -> dict[str, Column]:
    """Return the columns of a class and its bases by name; one declared again keeps its place."""
    found: dict[str, Column] = {}
    for base in reversed(cls.__mro__):
        hints = typing.get_type_hints(base, include_extras=True)
        for name in vars(base).get("__annotations__", {}):
            field = vars(base).get(name)
            if isinstance(field, Column):
                type_, is_nullable = _ibis_type(hints[name])
                found[name] = replace(field, name=name, declared=type_, is_nullable=is_nullable)
    return found


def _ibis_type(annotation: Any) -> tuple[Any, bool]:
    nullable = False
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        (annotation,) = (a for a in typing.get_args(annotation) if a is not type(None))
        nullable = True
    return typing.get_args(annotation)[1], nullable


def moment(value: datetime) -> ir.TimestampScalar:
    """Return a time as a literal of type Moment."""
    return _moment(value.isoformat(" "))


def any_moment() -> ir.TimestampScalar:
    """Return what stands for the run's time in an expression that no run computes."""
    return _moment(mark(RUN_AT))


def _moment(text: str) -> ir.TimestampScalar:
    import ibis

    return ibis.literal(text).cast("timestamp(6)")


def verify(
    table: str,
    where: str,
    contract: type[Contract],
    actual: ibis.Schema,
    assumed: Mapping[str, dt.DataType] | None = None,
) -> None:
    """Raise ContractError unless `actual` has the contract's columns, in order, with its types.

    `actual` is what the database says of the result: Ibis' own idea of a decimal's precision, `assumed`,
    is not always the engine's. Nullability is checked on the rows, by not_null checks.
    """
    verify_columns(table, where, contract, actual.names)
    for name, wanted in contract.schema().items():
        if same_type(actual[name], wanted):
            continue
        remedy = "Cast it there"
        if assumed is not None and same_type(assumed[name], wanted):
            ways = ".".join(f'cast("{type_.copy(nullable=True)}")' for type_ in (actual[name], wanted))
            remedy = f"Ibis already infers {wanted} and drops the cast. Cast through another type: {ways}"
        raise ContractError(
            f"{table}.{name}: contract says {wanted}, {where} gives {actual[name]}. "
            f"{remedy}, or change {contract.__name__}."
        )


_BUT_STAMPS = ", leaving out stamps, which the engine fills"


def verify_columns(table: str, where: str, contract: type[Contract], given: Sequence[str]) -> None:
    """Raise ContractError unless the columns are the contract's, in order. The engine fills the stamps that lack."""
    expected = contract.names()
    if tuple(given) != expected:
        missing = [n for n in contract.content() if n not in given]
        extra = [n for n in given if n not in expected]
        raise ContractError(
            f"{table}: contract {contract.__name__} has the columns {', '.join(expected)}; "
            f"{where} gives {', '.join(given)} "
            f"(missing: {', '.join(missing) or 'none'}; unexpected: {', '.join(extra) or 'none'}). "
            f"Select the contract's columns in its order{_BUT_STAMPS if contract.stamps() else ''}, "
            f"or change {contract.__name__}."
        )


def same_type(left: dt.DataType, right: dt.DataType) -> bool:
    """Say whether two types are the same, nullability aside."""
    return bool(left.copy(nullable=True) == right.copy(nullable=True))
