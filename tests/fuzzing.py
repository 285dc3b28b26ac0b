"""Random models over random tables: what they are made of, said so that a person can read it, and made smaller."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

import ibis
import ibis.expr.types as ir

from lc_ibis.engine.contracts import Contract, Integer, Text, column, key
from lc_ibis.engine.model import Ephemeral, Incremental, Model, model
from tests.small import Rows, ground

HOWS = ("inner", "left", "right", "outer", "semi", "anti")


class Alpha(Contract):
    """One row per a."""

    a: Integer = key("The key.")
    b: Integer | None = column("One of beta, or none.")
    x: Integer | None = column("A number.")
    s: Text | None = column("A word.")


class Beta(Contract):
    """One row per b."""

    b: Integer = key("The key.")
    a: Integer | None = column("One of alpha, or none; or something else.")
    y: Integer | None = column("A number.")
    s: Text | None = column("A word.")


GROUND = [ground("alpha", Alpha), ground("beta", Beta)]
Step = tuple[str, tuple[int, ...]]


@dataclass(frozen=True)
class Recipe:
    """Stages, each a model made of steps; `days` are the rows of both ground tables, and which models are built."""

    stages: tuple[tuple[Step, ...], ...]
    kinds: tuple[int, ...]
    days: tuple[tuple[Rows, Rows, tuple[bool, ...]], ...]

    @classmethod
    def of(cls, seed: int) -> Recipe:
        """Return the recipe of a number."""
        rng = Random(seed)
        stages = tuple(
            tuple((rng.choice(STEPS), tuple(rng.randrange(60) for _ in range(6))) for _ in range(rng.randint(1, 4)))
            for _ in range(rng.choice((1, 1, 2, 2, 3)))
        )
        return cls(stages, tuple(rng.randrange(60) for _ in stages), tuple(_days(rng, len(stages))))

    def smaller(self) -> Iterator[Recipe]:
        """Yield recipes with something left out."""
        for i in range(len(self.days)):
            yield replace(self, days=self.days[:i] + self.days[i + 1 :])
        if len(self.stages) > 1:
            days = tuple((a, b, built[1:]) for a, b, built in self.days)
            yield Recipe(self.stages[1:], self.kinds[1:], days)
        for i, steps in enumerate(self.stages):
            for j in range(len(steps)):
                less = steps[:j] + steps[j + 1 :]
                yield replace(self, stages=(*self.stages[:i], less, *self.stages[i + 1 :]))
        for i, day in enumerate(self.days):
            for t in (0, 1):
                for j in range(len(day[t])):
                    rows = list(day[t])
                    del rows[j]
                    changed = (rows, day[1], day[2]) if t == 0 else (day[0], rows, day[2])
                    yield replace(self, days=(*self.days[:i], changed, *self.days[i + 1 :]))


def _days(rng: Random, stages: int) -> Iterator[tuple[Rows, Rows, tuple[bool, ...]]]:
    def word() -> Any:
        return rng.choice(("p", "q", "r", None))

    def number() -> Any:
        return rng.choice((*range(-2, 7), None))

    alpha = {n: (n, number(), number(), word()) for n in rng.sample(range(-1, 9), rng.randint(0, 7))}
    beta = {n: (n, number(), number(), word()) for n in rng.sample(range(-1, 7), rng.randint(0, 5))}
    for day in range(rng.randint(3, 6)):
        for table in (alpha, beta):
            for n in rng.sample(range(-1, 9), rng.choice((0, 1, 1, 2))) if day else ():
                if n in table and rng.random() < 0.5:
                    del table[n]
                else:
                    table[n] = (n, number(), number(), word())
        is_partial = day and rng.random() < 0.15
        yield (
            list(alpha.values()),
            list(beta.values()),
            tuple(not is_partial or rng.random() < 0.5 for _ in range(stages)),
        )


@dataclass
class Cook:
    """Makes the models of a recipe; `said` are the lines of each function."""

    recipe: Recipe
    said: list[str] = field(default_factory=list)

    def models(self) -> list[Model]:
        """Return the ground tables and the stages, the last one stored."""
        made = list(GROUND)
        names, schemas = ["alpha", "beta"], {"alpha": Alpha.schema(), "beta": Beta.schema()}
        for number, (steps, kind) in enumerate(zip(self.recipe.stages, self.recipe.kinds, strict=True)):
            name, is_last = f"stage_{number}", number == len(self.recipe.stages) - 1
            function = self._function(name, steps, tuple(names))
            lines = len(self.said)
            result = function(**{n: ibis.table(schemas[n], name=n) for n in names})
            del self.said[lines:]
            by = result.columns[kind % len(result.columns)]
            if kind % 3 == 0 and not is_last:
                made.append(model(Ephemeral())(function))
                self.said.append(f"{name} is ephemeral")
            else:
                made.append(model(Incremental(by=(by,)), _contract(result))(function))
                self.said.append(f"{name} is computed by {by}")
            names.append(name)
            schemas[name] = result.schema()
        return made

    def _function(self, name: str, steps: tuple[Step, ...], inputs: tuple[str, ...]) -> Callable[..., ir.Table]:
        def function(**tables: ir.Table) -> ir.Table:
            pantry = [tables[n] for n in inputs]
            table, told = pantry[-1], [f"{name}: {inputs[-1]}"]
            for what, dice in steps:
                made, said = getattr(_Steps(pantry, list(inputs)), what)(table, dice)
                table, told = (made, [*told, said]) if made is not None else (table, told)
            self.said.append("\n  .".join(told))
            return table

        function.__name__, function.__module__ = name, "tests.marts"
        function.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
            [inspect.Parameter(n, inspect.Parameter.KEYWORD_ONLY) for n in inputs]
        )
        return function


def _contract(table: ir.Table) -> type[Contract]:
    types = {n: (Integer if t.is_integer() else Text) for n, t in table.schema().items()}
    fields: dict[str, Any] = {n: column("Something.") for n in types}
    return type("Made", (Contract,), {**fields, "__annotations__": {n: t | None for n, t in types.items()}})


class _Steps:
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

    def _joined(self, t: ir.Table, other: ir.Table, named: str, dice: tuple[int, ...]) -> Any:
        other = other.rename({f"{c}_{len(t.columns)}": c for c in other.columns})
        left, right = _column(t, dice[1]), _column(other, dice[2], _of_type(t, dice[1]))
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
        measured = _number(t, dice[3])
        if measured is None:
            return None, ""
        metrics = {"m": t.count(), f"m{dice[4] % 3}": _metric(t[measured], dice[5])}
        metrics = {n: v for n, v in metrics.items() if n not in by}
        return t.group_by(by).aggregate(**metrics), f"group_by({by}).aggregate(count, {measured})"

    def window(self, t: ir.Table, dice: tuple[int, ...]) -> Any:
        by, measured = _column(t, dice[0]), _number(t, dice[1])
        if measured is None or len(t.columns) > 9:
            return None, ""
        groups = [by] if dice[2] % 5 else []
        name = f"w{dice[3] % 3}"
        value = _metric(t[measured], dice[4]).over(group_by=groups)
        return t.mutate(**{name: value}), f"mutate({name}={measured} over {groups})"

    def fewer(self, t: ir.Table, dice: tuple[int, ...]) -> Any:
        names = list(dict.fromkeys(_column(t, die) for die in dice[:3]))
        return t.select(names).distinct(), f"select({names}).distinct()"

    def fill(self, t: ir.Table, dice: tuple[int, ...]) -> Any:
        name = _number(t, dice[0])
        return (None, "") if name is None else (t.fill_null({name: dice[1] % 4}), f"fill_null({name}: {dice[1] % 4})")


STEPS = ["compute", "swap", "sift", "join", "join", "join_self", "merge", "group", "group", "window", "fewer", "fill"]


def _column(t: ir.Table, die: int, like: Any = None) -> str | None:
    names = [n for n, type_ in t.schema().items() if like is None or type_.is_integer() == like.is_integer()]
    return names[die % len(names)] if names else None


def _of_type(t: ir.Table, die: int) -> Any:
    return t.schema()[_column(t, die)]


def _number(t: ir.Table, die: int) -> str | None:
    names = [n for n, type_ in t.schema().items() if type_.is_integer()]
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


def _metric(value: ir.IntegerColumn, die: int) -> ir.Value:
    return (value.max(), value.min(), value.count(), value.nunique())[die % 4]
