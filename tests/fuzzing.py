"""Random models over random tables: what they are made of, said so that a person can read it, and made smaller."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from random import Random
from typing import Annotated, Any

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir

from lc_ibis.declare.contracts import Contract, Integer, Text, column, key
from lc_ibis.declare.models import Ephemeral, Incremental, Model, model
from tests.fuzz_checks import KINDS, rule
from tests.fuzz_steps import STEPS, Steps
from tests.small import Rows, ground

Real = Annotated[float, dt.float64]


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
    """Stages, each a model made of steps; `days` are the rows of both ground tables, and which models are built.

    `checks` are those of the last stage.
    """

    stages: tuple[tuple[Step, ...], ...]
    kinds: tuple[int, ...]
    days: tuple[tuple[Rows, Rows, tuple[bool, ...]], ...]
    checks: tuple[Step, ...] = ()

    @classmethod
    def of(cls, seed: int) -> Recipe:
        """Return the recipe of a number."""
        rng = Random(seed)
        stages = tuple(
            tuple(_thrown(rng, STEPS) for _ in range(rng.randint(1, 4))) for _ in range(rng.choice((1, 1, 2, 2, 3)))
        )
        kinds, days = tuple(rng.randrange(60) for _ in stages), tuple(_days(rng, len(stages)))
        return cls(stages, kinds, days, tuple(_thrown(rng, KINDS) for _ in range(rng.choice((0, 1, 1, 2)))))

    def smaller(self) -> Iterator[Recipe]:
        """Yield recipes with something left out."""
        for i in range(len(self.days)):
            yield replace(self, days=self.days[:i] + self.days[i + 1 :])
        for i in range(len(self.checks)):
            yield replace(self, checks=self.checks[:i] + self.checks[i + 1 :])
        if len(self.stages) > 1:
            days = tuple((a, b, built[1:]) for a, b, built in self.days)
            yield replace(self, stages=self.stages[1:], kinds=self.kinds[1:], days=days)
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


def _thrown(rng: Random, names: list[str]) -> Step:
    return rng.choice(names), tuple(rng.randrange(60) for _ in range(6))


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
        # Of what is stored: a check may read it.
        others = {m.name: schemas[m.name] for m in made[:-1] if m.is_stored}
        for number, (what, dice) in enumerate(self.recipe.checks):
            check, said = rule(f"check_{number}", what, dice, schemas[names[-1]], others)
            if check is not None:
                made[-1].check(check)
                self.said.append(said)
        return made

    def _function(self, name: str, steps: tuple[Step, ...], inputs: tuple[str, ...]) -> Callable[..., ir.Table]:
        def function(**tables: ir.Table) -> ir.Table:
            pantry = [tables[n] for n in inputs]
            table, told = pantry[-1], [f"{name}: {inputs[-1]}"]
            for what, dice in steps:
                made, said = getattr(Steps(pantry, list(inputs)), what)(table, dice)
                table, told = (made, [*told, said]) if made is not None else (table, told)
            self.said.append("\n  .".join(told))
            return table

        function.__name__, function.__module__ = name, "tests.marts"
        function.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
            [inspect.Parameter(n, inspect.Parameter.KEYWORD_ONLY) for n in inputs]
        )
        return function


def _contract(table: ir.Table) -> type[Contract]:
    types = {n: (Integer if t.is_integer() else Real if t.is_floating() else Text) for n, t in table.schema().items()}
    fields: dict[str, Any] = {n: column("Something.") for n in types}
    return type("Made", (Contract,), {**fields, "__annotations__": {n: t | None for n, t in types.items()}})
