"""Ways: how rows of tables lead to the keys of a model."""

from __future__ import annotations

from dataclasses import dataclass

import ibis.expr.operations as ops

from lc_ibis.declare.rules.values import fields

Values = tuple[ops.Value, ...]


class Untraceable(Exception):
    """What stands in the way of following a key, in words."""


@dataclass(frozen=True)
class Hop:
    """From values to others: those of the rows of a relation that have them in `match` are in `give`."""

    relation: ops.Relation
    match: Values
    give: Values


@dataclass(frozen=True)
class Path:
    """How rows of a stored table lead to keys: by values of theirs, straight, or through rows of other tables."""

    table: str
    values: Values  # over the unbound table
    hops: tuple[Hop, ...] = ()


@dataclass(frozen=True)
class Ways:
    """All paths that lead to the keys of a model; `has_constants`: rows may also come from none."""

    paths: frozenset[Path]
    has_constants: bool = False

    def straight(self, table: str) -> tuple[Values, ...]:
        """Return what tells the keys of a table's rows; nothing where all of its rows may be needed for any."""
        found = [path for path in self.paths if path.table == table]
        return () if any(path.hops for path in found) else tuple(dict.fromkeys(path.values for path in found))

    @property
    def gives_others(self) -> bool:
        """Say whether rows of other keys, computed from a part of what they need, come along with those asked for."""
        several = any(
            len({path.values for path in self.paths if path.table == one.table}) > 1 or not self.straight(one.table)
            for one in self.paths
            if not one.hops
        )
        return several or self.has_constants


def said(key: Values) -> str:
    """Return the columns that a key is made of, for a message."""
    return " and ".join(dict.fromkeys(column.name for value in key for column in fields(value))) or "key"
