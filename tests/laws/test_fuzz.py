"""Law 3 (docs/laws.md) for random models: each is refused when it is declared, or is by key what it is from all rows.

Checks of theirs find on what changed as many failing rows as on all rows.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import ibis
import ibis.expr.types as ir
import pytest

from lc_ibis.backends import opened
from lc_ibis.backends.duckdb.tables import DuckDB
from lc_ibis.declare.contracts import Contract, Integer, column
from lc_ibis.declare.models import Incremental, model
from lc_ibis.engine.store import Store
from lc_ibis.errors import ModelError
from lc_ibis.settings import Settings
from tests.conftest import ON_DELTA, Lending
from tests.fuzzing import GROUND, Cook, Real, Recipe
from tests.small import Small

pytestmark = pytest.mark.usefixtures("as_if_large")

IN_SHORT, LONG = 120, 2000


def run(recipe: Recipe, told: Counter[str], open_store: Callable[[], Store] | None = None) -> str | None:
    """Keep a recipe's models for its days; return how they differ from what they should be, if they do."""
    with tempfile.TemporaryDirectory() as directory:
        try:
            small = Small(Cook(recipe).models(), open_store or (lambda: DuckDB(Path(directory, "x.duckdb"))))
        except ModelError:
            told["refused"] += 1
            return None
        last = f"stage_{len(recipe.stages) - 1}"
        told["accepted"] += 1
        by_key = False
        with small.store:
            for number, (alpha, beta, built) in enumerate(recipe.days):
                first = number == 0
                names = [f"stage_{i}" for i, is_built in enumerate(built) if is_built or first]
                done = small.take({"alpha": alpha, "beta": beta}, names)
                by_key |= any(one.key_count is not None for one in done.values())
                told["transitions"] += 1
                for name, (scope, part, every) in small.checked.items():
                    told[f"checks on {scope}"] += 1
                    if part != every:
                        return f"day {number}: {name} finds {part} on {scope}, {every} on all rows"
                is_whole = all(built) or first
                if is_whole and (found := small.stored(last)) != (expected := small.expected(last)):
                    return f"day {number}: too many {found - expected}, missing {expected - found}"
        told["by key" if by_key else "never by key"] += 1
        return None


def smallest(recipe: Recipe) -> Recipe:
    """Return a recipe of which nothing can be left out without its being right."""
    found = True
    while found:
        found = False
        for less in recipe.smaller():
            try:
                wrong = run(less, Counter())
            except Exception:
                continue
            if wrong:
                recipe, found = less, True
                break
    return recipe


def said(recipe: Recipe) -> str:
    """Say a recipe so that a person can try it."""
    cook = Cook(recipe)
    models = cook.models()
    lines = list(cook.said)
    tables = {m.name: ibis.table(m.contract.schema(), name=m.name) for m in models[:2]}
    for made in models[2:]:
        tables[made.name] = made(**{name: tables[name] for name in made.parameters})
        tables[made.name] = ibis.table(tables[made.name].schema(), name=made.name)
    days = [f"day {i}: alpha {a}, beta {b}, built {c}" for i, (a, b, c) in enumerate(recipe.days)]
    return "\n".join([*dict.fromkeys([*lines, *cook.said]), *days])


def check(seeds: range, told: Counter[str], open_store: Callable[[], Store] | None = None) -> None:
    for seed in seeds:
        recipe = Recipe.of(seed)
        if wrong := run(recipe, told, open_store):
            small = smallest(recipe)
            pytest.fail(f"seed {seed}: {wrong}\n{run(small, Counter())}\n{said(small)}")


@pytest.mark.parametrize("part", range(4))
def test_random_models_are_refused_or_right(part: int) -> None:
    told: Counter[str] = Counter()
    check(range(part * IN_SHORT // 4, (part + 1) * IN_SHORT // 4), told)
    assert told["by key"] >= told["accepted"] // 2 > 4, told


@pytest.mark.long
@pytest.mark.parametrize("part", range(10))
def test_many_random_models_are_refused_or_right(part: int) -> None:
    told: Counter[str] = Counter()
    check(range(10_000 + part * LONG // 10, 10_000 + (part + 1) * LONG // 10), told)
    assert min(told[f"checks on {scope}"] for scope in ("changed rows", "touched keys", "nothing")) > 4, told
    print(dict(told))


@pytest.mark.long
@pytest.mark.parametrize("backend", ON_DELTA)
@pytest.mark.parametrize("part", range(3))
def test_random_models_are_refused_or_right_on_delta(lending: Lending, part: int) -> None:
    told: Counter[str] = Counter()

    def open_store() -> Store:
        return opened(Settings.load(**{**lending.options, "database": f"fuzz_{uuid4().hex}"}))

    check(range(30_000 + part * 20, 30_000 + (part + 1) * 20), told, open_store)
    assert told["by key"] > 3, told


class Reals(Contract):
    """One row per f."""

    f: Real | None = column("A float, or none; not a number, too.")
    least: Real | None = column("The least other float.")
    row_count: Integer | None = column("How many rows there are.")


def reals(alpha: ir.Table) -> ir.Table:
    f = ibis.ifelse(alpha.x == 2, float("nan"), alpha.x * 0.1).cast("float64")
    rows = alpha.select(f=f, other=alpha.b.cast("float64") * -0.0)
    return rows.group_by("f").aggregate(least=rows.other.min(), row_count=rows.count())


def summed(alpha: ir.Table) -> ir.Table:
    rows = alpha.select(f=alpha.x * 0.1, other=alpha.b * 0.1)
    return rows.group_by("f").aggregate(least=rows.other.sum(), row_count=rows.count())


def test_floats_are_keys_as_they_are(tmp_path: Path) -> None:
    """Not a number is one value, and equal to itself; so are zero and what is below it and yet zero."""
    alpha: list[tuple[int, int | None, int | None, str | None]] = [(n, n - 4, n % 5, None) for n in range(20)]
    small = Small([*GROUND, model(Incremental(by=("f",)), Reals)(reals)], lambda: DuckDB(tmp_path / "x.duckdb"))
    days = [
        alpha,
        alpha[:-1],
        [(0, 1, 2, "p"), *alpha[1:]],
        [(0, None, None, None), *alpha[3:]],
        [*alpha, (30, 1, 2, None)],
    ]
    with small.store:
        for rows in days:
            done = small.take({"alpha": rows, "beta": []})
            assert small.stored("reals") == small.expected("reals")
    assert done["reals"].key_count


@pytest.mark.parametrize("by", [("f",), ()])
def test_sums_of_floats_are_refused(tmp_path: Path, by: tuple[str, ...]) -> None:
    with pytest.raises(ModelError, match="sum of other: add decimals"):
        Small([*GROUND, model(Incremental(by=by), Reals)(summed)], lambda: DuckDB(tmp_path / "x.duckdb"))
