"""Checks of random models: rules about a row, with windows, aggregates and other tables, as dice say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import ibis
import ibis.expr.types as ir

from lc_ibis.declare.check_kinds import relationships, same_rows, unique
from lc_ibis.declare.checks import Check, repeating

KINDS = ["row", "row", "window", "whole", "crowded", "crowded", "grouped", "unique", "related", "below", "same"]


def rule(
    name: str, what: str, dice: tuple[int, ...], schema: ibis.Schema, others: Mapping[str, ibis.Schema]
) -> tuple[Check | None, str]:
    """Return a check of a table, and how it is said; none where the table has no columns for it."""
    check, said = getattr(_Rules(schema, others, dice), what)()
    if check is None:
        return None, ""
    check = check.but(name=name, severity="warn")
    if dice[5] % 4 == 0:
        by, column = _of(list(schema), dice[4]), _of(list(schema), dice[3])
        if dice[5] % 8:
            check, said = check.but(where=lambda t: t[column].notnull()), f"{said}, where {column}.notnull()"
        else:
            check = check.but(where=lambda t: t.count().over(group_by=by) < 3)
            said = f"{said}, where count over {by} < 3"
    return check, f"{name}: {said}"


def _of(names: list[str], die: int) -> str:
    return names[die % len(names)]


class _Rules:
    """Rules that many tables keep, so that they are looked at where rows changed."""

    def __init__(self, schema: ibis.Schema, others: Mapping[str, ibis.Schema], dice: tuple[int, ...]):
        self._dice, self._schema, self._others = dice, schema, others
        self._one, self._two = (_of(list(schema), die) for die in dice[:2])
        self._number = next((n for n, type_ in schema.items() if type_.is_numeric()), self._one)

    def _rule(self, **rules: Any) -> Check:
        return Check("", (), "Something holds.", repeating, **rules)

    def row(self) -> tuple[Check | None, str]:
        number, bound, other = self._number, self._dice[2] % 3 + 4, self._two
        if not self._schema[number].is_numeric():
            return self._rule(breaks=lambda t: t[number] == t[other]), f"not {number} == {other}"
        return self._rule(breaks=lambda t: t[number] > bound), f"not {number} > {bound}"

    def window(self) -> tuple[Check | None, str]:
        by, bound = self._one, self._dice[2] % 3 + 2
        return self._rule(breaks=lambda t: t.count().over(group_by=by) > bound), f"not count over {by} > {bound}"

    def whole(self) -> tuple[Check | None, str]:
        one, two = self._number, self._two
        if self._dice[2] % 2:
            return self._rule(breaks=lambda t: t[one] == t[one].max()), f"not {one} == max({one})"
        return self._rule(breaks=lambda t: t[two].nunique() > 3), f"not nunique({two}) > 3"

    def crowded(self) -> tuple[Check | None, str]:
        """Rows of a window, run by what it is over, or by another column."""
        over, by, bound = self._one, self._two if self._dice[4] % 3 == 0 else self._one, self._dice[2] % 3 + 2

        def failing(table: ir.Table, _: Any) -> ir.Table:
            return table.mutate(crowd=table.count().over(group_by=over)).filter(lambda t: t.crowd > bound).drop("crowd")

        return self._rule(failing=failing, by=(by,)), f"no row with count over {over} > {bound}, by {by}"

    def grouped(self) -> tuple[Check | None, str]:
        group, by, number = self._one, self._two if self._dice[4] % 3 == 0 else self._one, self._number

        def failing(table: ir.Table, _: Any) -> ir.Table:
            made = table.group_by([group]).aggregate(most=table[number].nunique(), rows=table.count())
            return made.filter(made.most < made.rows - 1)

        return self._rule(failing=failing, by=(by,)), f"no {group} with nunique({number}) < count - 1, by {by}"

    def unique(self) -> tuple[Check | None, str]:
        names = tuple(dict.fromkeys((self._one, *((self._two,) if self._dice[2] % 2 else ()))))
        return unique(*names), f"unique{names}"

    def _other(self) -> tuple[str, list[str]]:
        """Return another table, and its columns that this one has too, of the same type."""
        name = _of(list(self._others), self._dice[0])
        return name, [n for n, type_ in self._others[name].items() if self._schema.get(n) == type_]

    def related(self) -> tuple[Check | None, str]:
        to, shared = self._other()
        if not shared:
            return None, ""
        column = _of(shared, self._dice[1])
        return relationships(column, to), f"relationships({column}, {to})"

    def below(self) -> tuple[Check | None, str]:
        """Rows that another table has a greater one for: of another key, whatever `by` says."""
        to, shared = self._other()
        if not shared:
            return None, ""
        column, by = _of(shared, self._dice[1]), self._one

        def failing(table: ir.Table, tables: Mapping[str, ir.Table]) -> ir.Table:
            greater = tables[to].select(greater=tables[to][column])
            return table.semi_join(greater, table[column] < greater.greater - 5)

        if not self._schema[column].is_numeric():
            return None, ""
        return self._rule(failing=failing, needs=(to,), by=(by,)), f"no {column} < {to}.{column} - 5, by {by}"

    def same(self) -> tuple[Check | None, str]:
        other, shared = self._other()
        if not shared:
            return None, ""
        column = _of(shared, self._dice[1])
        return same_rows("", "The same.", (column,), other, lambda t: t), f"same_rows({column}, {other})"
