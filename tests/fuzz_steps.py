"""Steps of random models: what dice make of a table, and how that is said."""

from __future__ import annotations

from typing import Any

import ibis
import ibis.expr.types as ir

HOWS = ("inner", "left", "right", "outer", "semi", "anti")
# Rows in memory: dense, with a hole, with a key twice, with a null, and none.
MEMORIES: list[list[tuple[int | None, int | None]]] = [
    [(0, 1), (1, 2), (2, 3), (3, 4), (4, 5)],
    [(1, 0), (2, None), (5, 1)],
    [(2, 1), (2, 2), (3, 0)],
    [(None, 7), (0, 1), (4, 2)],
    [],
]


class Steps:
    """What a step does with a table, as dice say: another table, and how it is said; none where it cannot."""

    def __init__(self, pantry: list[ir.Table], names: list[str]):
        self._pantry, self._names = pantry, names

    def _other(self, die: int) -> tuple[ir.Table, str]:
        i = die % len(self._pantry)
        return self._pantry[i], self._names[i]

    def compute(self, t: ir.Table, dice: tuple[int, ...]) -> Any:
        """A number is replaced, so that its name lies, or joined by a new one."""
        name = _number(t, dice[0])
        if name is None:
            return None, ""
        value, said = _computed(t, name, dice[1], dice[2])
        target = name if dice[3] % 2 else f"n{dice[4] % 5}"
        return t.mutate(**{target: value}), f"mutate({target}={said})"

    def swap(self, t: ir.Table, dice: tuple[int, ...]) -> Any:
        """Two numbers change names."""
        one, other = _number(t, dice[0]), _number(t, dice[1])
        if one is None or other is None or one == other:
            return None, ""
        return t.mutate(**{one: t[other], other: t[one]}), f"mutate({one}={other}, {other}={one})"

    def sift(self, t: ir.Table, dice: tuple[int, ...]) -> Any:
        name, other = _number(t, dice[0]), _number(t, dice[1])
        if name is None:
            return None, ""
        which = dice[2] % 4
        bound = dice[3] % 6
        if which == 0:
            return t.filter(t[name] > bound), f"filter({name} > {bound})"
        if which == 1:
            return t.filter(t[name].notnull()), f"filter({name}.notnull())"
        if which == 2:
            return t.filter(t[name] == t[other]), f"filter({name} == {other})"
        return t.drop_null(name), f"drop_null({name})"

    def join(self, t: ir.Table, dice: tuple[int, ...]) -> Any:
        other, named = self._other(dice[0])
        return self._joined(t, other.select(other.columns[:4]), named, dice)

    def join_self(self, t: ir.Table, dice: tuple[int, ...]) -> Any:
        kept = t.select(t.columns[:4])
        name = _number(kept, dice[5])
        if name is None:
            return None, ""
        value, said = _computed(kept, name, dice[1] + dice[2], dice[2])
        return self._joined(t, kept.mutate(**{name: value}), f"self.mutate({name}={said})", dice)

    def _joined(self, t: ir.Table, other: ir.Table, named: str, dice: tuple[int, ...], on: str | None = None) -> Any:
        other = other.rename({f"{c}_{len(t.columns)}": c for c in other.columns})
        left = on or _column(t, dice[1])
        right = _column(other, dice[2], t.schema()[left])
        if right is None or len(t.columns) > 9:
            return None, ""
        how = HOWS[dice[3] % len(HOWS)]
        mine, theirs = _number(t, 0), _number(other, 0)
        also = [t[mine] < other[theirs]] if dice[4] % 7 == 0 and mine and theirs and how in HOWS[:2] else []
        made = t.join(other, [(left, right), *also], how=how)
        said = f"join({named}, {left} == {right}{' and <' if also else ''}, how={how!r})"
        if how == "outer" and dice[4] % 2:
            made = made.mutate(**{left: ibis.coalesce(made[left], made[right])})
            said += f".mutate({left}=coalesce({left}, {right}))"
        if dice[5] % 3 == 0 and (name := _number(made.select(made.columns), dice[0])):
            # Computed among the columns of the join itself, which so stays one.
            value, computed = _computed(made, name, dice[1], 0)
            columns = {c: value if c == name else made[c] for c in made.columns}
            return made.select(**columns), f"{said}.select({name}={computed}, ...)"
        return made.select(made.columns), said

    def merge(self, t: ir.Table, dice: tuple[int, ...]) -> Any:
        """Rows of the same columns, some computed, come to these, or are taken from them."""
        name = _number(t, dice[0])
        if name is None:
            return None, ""
        value, said = _computed(t, name, dice[1], dice[2])
        other = t.mutate(**{name: value}).select(t.columns)
        how = ("union", "union", "difference", "intersect")[dice[3] % 4]
        is_distinct = how != "union" or bool(dice[4] % 2)
        return getattr(t, how)(
            other, distinct=is_distinct
        ), f"{how}(self.mutate({name}={said}), distinct={is_distinct})"

    def group(self, t: ir.Table, dice: tuple[int, ...]) -> Any:
        by = list(dict.fromkeys([_column(t, dice[0]), *([_column(t, dice[1])] if dice[2] % 3 == 0 else [])]))
        measured = _measured(t, dice[3])
        if measured is None:
            return None, ""
        metric, said = _metric(t[measured], dice[5])
        metrics = {"m": t.count(), f"m{dice[4] % 3}": metric}
        metrics = {n: v for n, v in metrics.items() if n not in by}
        return t.group_by(by).aggregate(**metrics), f"group_by({by}).aggregate(count, {said}({measured}))"

    def window(self, t: ir.Table, dice: tuple[int, ...]) -> Any:
        by, measured = _column(t, dice[0]), _measured(t, dice[1])
        if measured is None or len(t.columns) > 9:
            return None, ""
        groups = [by] if dice[2] % 5 else []
        name = f"w{dice[3] % 3}"
        metric, said = _metric(t[measured], dice[4])
        return t.mutate(**{name: metric.over(group_by=groups)}), f"mutate({name}={said}({measured}) over {groups})"

    def fewer(self, t: ir.Table, dice: tuple[int, ...]) -> Any:
        names = list(dict.fromkeys(_column(t, die) for die in dice[:3]))
        return t.select(names).distinct(), f"select({names}).distinct()"

    def fill(self, t: ir.Table, dice: tuple[int, ...]) -> Any:
        name = _number(t, dice[0])
        return (None, "") if name is None else (t.fill_null({name: dice[1] % 4}), f"fill_null({name}: {dice[1] % 4})")

    def real(self, t: ir.Table, dice: tuple[int, ...]) -> Any:
        """A number becomes a float, or one is added: of halves, of tenths, not a number, or below zero and yet zero."""
        name = _number(t, dice[0])
        if name is None or len(t.columns) > 9:
            return None, ""
        value: ir.FloatingColumn = t[name].cast("float64")
        made = [
            (value / 2, f"{name} / 2.0"),
            (value * 0.1, f"{name} * 0.1"),
            (ibis.ifelse(t[name] == dice[1] % 5, float("nan"), value), f"NaN if {name} == {dice[1] % 5} else {name}"),
            (value * -0.0, f"{name} * -0.0"),
        ]
        value, said = made[dice[2] % len(made)]
        target = name if dice[3] % 4 == 0 else f"f{dice[4] % 2}"
        return t.mutate(**{target: value.cast("float64")}), f"mutate({target}=float({said}))"

    def memory(self, t: ir.Table, dice: tuple[int, ...]) -> Any:
        """Rows in memory are joined, come to these, or say which of these stay."""
        name, rows = _number(t, dice[0]), MEMORIES[dice[1] % len(MEMORIES)]
        if name is None:
            return None, ""
        held = ibis.memtable(
            {"k": [k for k, _ in rows], "v": [v for _, v in rows]}, schema={"k": "int64", "v": "int64"}
        )
        told = f"memtable({rows})"
        if dice[2] % 5 == 0:
            kept = [k for k, _ in rows if k is not None]
            return t.filter(t[name].isin(kept)), f"filter({name}.isin({kept}))"
        if dice[2] % 5 == 1:
            return t.filter(t[name].isin(held.k)), f"filter({name}.isin({told}.k))"
        if dice[2] % 5 == 2 and {type_.is_integer() for type_ in t.schema().values()} == {True}:
            row = held.select(**{n: held.k if n == name else held.v for n in t.columns})
            return t.union(row), f"union({told})"
        return self._joined(t, held, told, (*dice[:2], 0, *dice[3:]), name)


STEPS = [
    "compute",
    "swap",
    "sift",
    "join",
    "join",
    "join_self",
    "merge",
    "group",
    "group",
    "window",
    "fewer",
    "fill",
    "real",
    "memory",
]


def _column(t: ir.Table, die: int, like: Any = None) -> str | None:
    names = [n for n, type_ in t.schema().items() if like is None or _kind(type_) == _kind(like)]
    return names[die % len(names)] if names else None


def _kind(type_: Any) -> tuple[bool, bool]:
    return type_.is_integer(), type_.is_floating()


def _number(t: ir.Table, die: int) -> str | None:
    names = [n for n, type_ in t.schema().items() if type_.is_integer()]
    return names[die % len(names)] if names else None


def _measured(t: ir.Table, die: int) -> str | None:
    names = [n for n, type_ in t.schema().items() if type_.is_numeric()]
    return names[die % len(names)] if names else None


def _computed(t: ir.Table, name: str, which: int, by: int) -> tuple[ir.Value, str]:
    value, by = t[name], by % 3 + 1
    made: list[tuple[ir.Value, str]] = [
        (value + by, f"{name} + {by}"),
        ((value / (by + 1)).floor().cast("int64"), f"floor({name} / {by + 1})"),
        (ibis.ifelse(value > by, value, by).cast("int64"), f"{name} if {name} > {by} else {by}"),
        (value.fill_null(by), f"coalesce({name}, {by})"),
        (value * -1, f"-{name}"),
    ]
    if (other := _number(t, which + by)) is not None:
        made += [
            (value + t[other], f"{name} + {other}"),
            (ibis.coalesce(value, t[other]), f"coalesce({name}, {other})"),
        ]
    return made[which % len(made)]


def _metric(value: ir.NumericColumn, die: int) -> tuple[ir.Value, str]:
    """Return what is made of many values; of floats, sums too, which are to be refused."""
    names = ("max", "min", "count", "nunique", *(("sum", "mean") if value.type().is_floating() else ()))
    name = names[die % len(names)]
    return getattr(value, name)(), name
