"""Joins that look alike: sides that may be missing, predicates that hold for nulls, rows in memory, and what they touch."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import ibis
import ibis.expr.types as ir
import pytest

from lc_ibis.backends.duckdb.tables import DuckDB
from lc_ibis.compiled.queries import Dialect
from lc_ibis.declare.contracts import Contract, Integer, Moment, column, key, stamp
from lc_ibis.declare.models import Ephemeral, Incremental, model
from lc_ibis.errors import ModelError
from tests.backends.test_engines import IS_2
from tests.fuzzing import GROUND
from tests.small import Small, ground

pytestmark = pytest.mark.usefixtures("as_if_large")


class Of(Contract):
    """One row per k."""

    k: Integer | None = key("The key.")
    v: Integer | None = column("Something.")


class Gamma(Contract):
    """One row per b."""

    b: Integer = key("The key.")
    z: Integer | None = column("A number.")


GAMMA = ground("gamma", Gamma)
ALPHA = [(n, n % 4 or None, n * 2, "p" if n % 2 else str(n)) for n in range(8)]
BETA = [(n, n % 3 or None, n * 3, None) for n in range(5)]
GAMMAS = [(n, n * 10) for n in range(6)]
DAYS = [
    (ALPHA, BETA, GAMMAS),
    (ALPHA[1:], BETA, GAMMAS),
    (ALPHA[1:], BETA[:2], GAMMAS),
    (ALPHA, BETA[1:], [(b, 7 if b == 0 else z) for b, z in GAMMAS]),
    ([(a, 2, x + 1, s) for a, b, x, s in ALPHA], BETA, [(b, 9 if b == 2 else z) for b, z in GAMMAS[:4]]),
    ([], BETA, GAMMAS),
    (ALPHA, [], GAMMAS[2:]),
    (ALPHA, [(b, None, y, s) for b, a, y, s in BETA], [(b, None) for b, z in GAMMAS]),
]
Function = Callable[..., ir.Table]


def small(path: Path, function: Function, **kind: tuple[str, ...]) -> Small:
    models = [*GROUND, GAMMA, model(Incremental(**kind), Of)(function)]
    return Small(models, lambda: DuckDB(path / "x.duckdb"))


def in_memory_first(beta: ir.Table) -> ir.Table:
    every = ibis.memtable({"k": list(range(12))})
    counted = beta.group_by("a").aggregate(v=beta.count())
    return every.left_join(counted, every.k == counted.a).select("k", "v")


def in_memory_without(beta: ir.Table) -> ir.Table:
    every = ibis.memtable({"k": list(range(12))})
    return every.anti_join(beta, every.k == beta.a).mutate(v=every.k)


def in_memory_last(alpha: ir.Table) -> ir.Table:
    names = ibis.memtable({"b": [1, 2], "v": [10, 20]})
    return alpha.left_join(names, "b").select(k="a", v="v")


def spine(beta: ir.Table) -> ir.Table:
    every = ibis.range(0, 12).unnest().name("k").as_table().mutate(k=lambda t: t.k.cast("int16").cast("int64"))
    counted = beta.group_by("a").aggregate(v=beta.count())
    return every.left_join(counted, every.k == counted.a).select("k", "v")


def two_predicates(alpha: ir.Table, beta: ir.Table) -> ir.Table:
    return alpha.left_join(beta, [alpha.a == beta.b, alpha.b == beta.b]).select(k=alpha.a, v=beta.y)


def either_side(alpha: ir.Table, beta: ir.Table) -> ir.Table:
    both = alpha.left_join(beta, alpha.a == beta.b)
    return both.select(k=ibis.coalesce(alpha.a, beta.b), v=beta.y)


def chain(alpha: ir.Table, beta: ir.Table, gamma: ir.Table) -> ir.Table:
    both = alpha.left_join(beta, alpha.b == beta.b).left_join(gamma, beta.a == gamma.b)
    return both.select(k=alpha.a, v=gamma.z)


def chain_of_one_key(alpha: ir.Table, beta: ir.Table, gamma: ir.Table) -> ir.Table:
    both = alpha.left_join(beta, alpha.a == beta.b).left_join(gamma, alpha.a == gamma.b)
    return both.select(k=alpha.a, v=ibis.coalesce(beta.y, gamma.z))


def cast_after_filter(alpha: ir.Table) -> ir.Table:
    """The rows that cannot be cast are left out before they are."""
    numbers = alpha.filter(alpha.s.re_search("^[0-9]+$"))
    return numbers.group_by(k=numbers.s.cast("int64")).aggregate(v=numbers.count())


def computed_inner(alpha: ir.Table, beta: ir.Table) -> ir.Table:
    both = alpha.inner_join(beta.select("b", "y"), "b")
    return both.select(k=both.a + 1, v=both.y)


def computed_left(alpha: ir.Table, beta: ir.Table) -> ir.Table:
    both = alpha.left_join(beta, alpha.a == beta.b)
    return both.select(k=alpha.a + 1, v=beta.y)


def computed_outer(alpha: ir.Table, beta: ir.Table) -> ir.Table:
    counted = beta.group_by("a").aggregate(m=beta.count())
    both = alpha.select("a", "x").outer_join(counted, "a")
    return both.select(k=ibis.coalesce(both.a, both.a_right), v=both.x.fill_null(0) + both.m.fill_null(0))


def computed_with_memory(alpha: ir.Table) -> ir.Table:
    both = alpha.select("a", "x").outer_join(ibis.memtable({"a": [1, 2, 40], "m": [1, 2, 3]}), "a")
    return both.select(k=ibis.coalesce(both.a, both.a_right), v=both.m)


def computed_semi(alpha: ir.Table, beta: ir.Table) -> ir.Table:
    return alpha.semi_join(beta, alpha.a == beta.a).select(k=alpha.a + 1, v=alpha.x)


def reached_by_a_computed_key(alpha: ir.Table, beta: ir.Table, gamma: ir.Table) -> ir.Table:
    """A hop through rows that are joined, to a key that is computed of them."""
    both = beta.inner_join(gamma, "b").select(j=beta.b + 1, k=beta.b + 2)
    linked = alpha.inner_join(both, alpha.b == both.j).select("x", "k")
    return linked.group_by("k").aggregate(v=linked.count())


def said_otherwise(alpha: ir.Table) -> ir.Table:
    """The key fails on rows that are left out before it is computed."""
    dates = alpha.filter(alpha.s.re_search("^[0-9]+$")).mutate(day=("2024-02-1" + ibis._.s).as_date("%Y-%m-%d"))
    return dates.group_by(k=dates.day.day().cast("int64")).aggregate(v=dates.count())


@ibis.udf.scalar.python
def _number(text: str) -> int:
    return int(text)


def by_a_function(alpha: ir.Table) -> ir.Table:
    numbers = alpha.filter(alpha.s.re_search("^[0-9]+$"))
    return numbers.group_by(k=_number(numbers.s)).aggregate(v=numbers.count())


def by_a_function_of_the_other(alpha: ir.Table, beta: ir.Table) -> ir.Table:
    """The rows that lead to a key are left out after the join."""
    both = beta.inner_join(alpha, beta.b == alpha.b).select("y", "s")
    kept = both.filter(both.s.re_search("^[0-9]+$"))
    return kept.group_by(k=_number(kept.s)).aggregate(v=kept.y.max())


def without_the_missing(alpha: ir.Table, beta: ir.Table) -> ir.Table:
    both = alpha.left_join(beta, alpha.b == beta.b)
    kept = both.select(k=beta.b, v=alpha.x).filter(ibis._.k.notnull())
    return kept.group_by("k").aggregate(v=kept.v.max())


BY_KEY = [
    in_memory_first, in_memory_without, in_memory_last, spine, two_predicates, either_side, chain, chain_of_one_key,
    cast_after_filter, computed_inner, computed_left, computed_outer, computed_with_memory, computed_semi,
    without_the_missing, reached_by_a_computed_key, said_otherwise, by_a_function, by_a_function_of_the_other,
]  # fmt: skip


@pytest.mark.parametrize("function", BY_KEY, ids=lambda f: f.__name__)
def test_by_key_equals_full(tmp_path: Path, function: Function) -> None:
    tables, by_key = small(tmp_path, function), 0
    with tables.store:
        for alpha, beta, gamma in DAYS:
            done = tables.take({"alpha": alpha, "beta": beta, "gamma": gamma})[function.__name__]
            by_key += done.key_count is not None
            assert tables.stored(function.__name__) == tables.expected(function.__name__)
    assert by_key > 2


def test_where_failing_is_no_null_what_may_fail_is_computed_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Dialect, "attempts", False)
    for function, is_by_key in ((by_a_function, False), (said_otherwise, False), (computed_inner, True)):
        tables = small(tmp_path / function.__name__, function)
        with tables.store:
            tables.take({"alpha": ALPHA, "beta": BETA, "gamma": GAMMAS})
            done = tables.take({"alpha": ALPHA[1:]})[function.__name__]
            assert (done.key_count is not None) == is_by_key
            assert tables.stored(function.__name__) == tables.expected(function.__name__)


def test_a_computed_key_of_a_join_goes_on(tmp_path: Path) -> None:
    def shifted(step: ir.Table, gamma: ir.Table) -> ir.Table:
        both = step.left_join(gamma, step.k == gamma.b)
        return both.select(k=both.k * 2, v=both.z)

    def step(alpha: ir.Table, beta: ir.Table) -> ir.Table:
        return computed_outer(alpha, beta)

    models = [model(Ephemeral())(step), model(Incremental(), Of)(shifted)]
    tables = Small([*GROUND, GAMMA, *models], lambda: DuckDB(tmp_path / "x.duckdb"))
    with tables.store:
        for alpha, beta, gamma in DAYS:
            tables.take({"alpha": alpha, "beta": beta, "gamma": gamma})
            assert tables.stored("shifted") == tables.expected("shifted")


def default_then_join(alpha: ir.Table, beta: ir.Table, gamma: ir.Table) -> ir.Table:
    """Where beta has no row, 0 is looked up in gamma: no row of beta leads from there to alpha."""
    both = alpha.left_join(beta, alpha.b == beta.b).left_join(gamma, beta.a.fill_null(0) == gamma.b)
    return both.select(k=alpha.a, v=gamma.z)


def default_then_key(alpha: ir.Table, beta: ir.Table, gamma: ir.Table) -> ir.Table:
    both = alpha.left_join(beta, alpha.b == beta.b).inner_join(gamma, beta.a.fill_null(0) == gamma.b)
    return both.select(k=gamma.b, v=alpha.x).group_by("k").aggregate(v=lambda t: t.v.max())


def linked_by_a_third(alpha: ir.Table, beta: ir.Table, gamma: ir.Table) -> ir.Table:
    both = alpha.inner_join(beta, alpha.x < beta.y).left_join(gamma, [beta.a == gamma.b, alpha.b == gamma.b])
    return both.select(k=alpha.a, v=beta.y).group_by("k").aggregate(v=lambda t: t.v.max())


def null_meets_null(alpha: ir.Table, beta: ir.Table, gamma: ir.Table) -> ir.Table:
    most = gamma.group_by(m=gamma.z).aggregate(w=gamma.b.max())
    both = alpha.left_join(beta, alpha.a == beta.b).left_join(most, beta.b.identical_to(most.m))
    return both.select(k=alpha.a, v=most.w)


def window_in_a_join(alpha: ir.Table, beta: ir.Table) -> ir.Table:
    both = alpha.inner_join(beta, alpha.b == beta.b)
    return both.select(k=alpha.a, v=beta.y.max().over())


def scalar_in_a_join(alpha: ir.Table, beta: ir.Table, gamma: ir.Table) -> ir.Table:
    both = alpha.inner_join(beta, alpha.b == beta.b)
    return both.select(k=alpha.a, v=beta.y + gamma.z.max().as_scalar())


def total_row(alpha: ir.Table, beta: ir.Table) -> ir.Table:
    total = beta.y.max().as_scalar().name("v").as_table().mutate(k=ibis.literal(1000).cast("int16").cast("int64"))
    return alpha.select(k="a", v="x").union(total.select("k", "v"))


def unnested(alpha: ir.Table) -> ir.Table:
    return alpha.select(k=ibis.array([alpha.a, alpha.x]).unnest(), v="x")


@pytest.mark.parametrize(
    ("function", "what"),
    [
        (default_then_join, "for a changed row of gamma it is unknown which a it belongs to"),
        (default_then_key, "for a changed row of (alpha|beta) it is unknown which b it belongs to"),
        (linked_by_a_third, "for a changed row of beta it is unknown which a it belongs to"),
        (null_meets_null, "for a changed row of gamma it is unknown which a it belongs to"),
        (window_in_a_join, "a window by nothing makes rows of one a depend on those of others"),
        (scalar_in_a_join, "a subquery"),
        (total_row, "a subquery|an aggregation by nothing|it is not known how rows of beta matter"),
        (unnested, "comes of an unnest, so a row has several"),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_what_only_looks_like_a_way_is_refused(tmp_path: Path, function: Function, what: str) -> None:
    with pytest.raises(ModelError, match=what):
        small(tmp_path, function)


def _named_like(alpha: ir.Table) -> ir.IntegerColumn:
    return alpha.a.count().over(group_by=alpha.s)


def window_in_a_condition(alpha: ir.Table, beta: ir.Table) -> ir.Table:
    return alpha.inner_join(beta, _named_like(alpha) == beta.b).select(k=alpha.a, v=beta.y)


def window_in_another_condition(alpha: ir.Table, beta: ir.Table) -> ir.Table:
    both = alpha.left_join(beta, [alpha.b == beta.b, beta.y.max().over(group_by=beta.b) > 1])
    return both.select(k=alpha.a, v=beta.y)


def window_in_a_semi_join(alpha: ir.Table, beta: ir.Table) -> ir.Table:
    return alpha.semi_join(beta, [alpha.b == beta.b, _named_like(alpha) > 1]).select(k="a", v="x")


def aggregate_in_a_condition(alpha: ir.Table, beta: ir.Table) -> ir.Table:
    return alpha.inner_join(beta, alpha.x.max() == beta.b).select(k=alpha.a, v=beta.y)


def window_among_groups(alpha: ir.Table) -> ir.Table:
    return alpha.group_by(k=alpha.a, v=alpha.x.max().over(group_by=alpha.a)).aggregate()


def aggregate_among_groups(alpha: ir.Table) -> ir.Table:
    return alpha.group_by(k=alpha.a, v=alpha.x.max()).aggregate()


def unnest_among_groups(alpha: ir.Table) -> ir.Table:
    return alpha.group_by(k=ibis.array([alpha.a, alpha.x]).unnest()).aggregate(v=alpha.count())


def window_in_an_aggregate(alpha: ir.Table) -> ir.Table:
    return alpha.group_by(k=alpha.a).aggregate(v=_named_like(alpha).max())


def window_in_a_window(alpha: ir.Table) -> ir.Table:
    return alpha.select(k=alpha.a, v=_named_like(alpha).max().over(group_by=alpha.a))


MISPLACED = {
    window_in_a_condition: "a window in the condition of a join",
    window_in_another_condition: "a window in the condition of a join",
    window_in_a_semi_join: "a window in the condition of a join",
    aggregate_in_a_condition: "an aggregate in the condition of a join",
    window_among_groups: "a window among the columns of an aggregation",
    aggregate_among_groups: "an aggregate among the columns of an aggregation",
    unnest_among_groups: "an unnest among the columns of an aggregation",
    window_in_an_aggregate: "a window in what is aggregated",
    window_in_a_window: "a window inside a window",
}


@pytest.mark.parametrize("kind", [{}, {"by": ()}], ids=["by key", "whole"])
@pytest.mark.parametrize("function", MISPLACED, ids=lambda function: function.__name__)
def test_what_engines_refuse_is_refused_when_it_is_declared(
    tmp_path: Path, function: Function, kind: dict[str, tuple[str, ...]]
) -> None:
    with pytest.raises(ModelError, match=rf"{function.__name__} .*: it has {MISPLACED[function]}.* Compute it"):
        small(tmp_path, function, **kind)


@pytest.mark.parametrize("function", MISPLACED, ids=lambda function: function.__name__)
def test_engines_refuse_what_is_refused(function: Function, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("lc_ibis.declare.pipeline.misplaced", lambda _: None)
    made = small(tmp_path, function, by=())
    if IS_2 and function is unnest_among_groups:
        pytest.skip("DuckDB 2 takes it; DuckDB 1 does not")
    with pytest.raises(Exception, match=r"UNNEST|aggregates|window function"), made.store:
        made.take({"alpha": ALPHA, "beta": BETA, "gamma": GAMMAS})


def owned(alpha: ir.Table, beta: ir.Table) -> ir.Table:
    return beta.semi_join(alpha, beta.b == alpha.b)


def joined_to_a_join(owned: ir.Table, alpha: ir.Table) -> ir.Table:
    both = owned.left_join(alpha, [owned.b == alpha.a, owned.y < alpha.x])
    return both.select(k=owned.b, v=alpha.x)


def test_a_step_that_ends_in_a_join_is_a_table_like_others(tmp_path: Path) -> None:
    """Its own join is not continued, in which names of its sides would be ambiguous."""
    models = [*GROUND, model(Ephemeral())(owned), model(Incremental(), Of)(joined_to_a_join)]
    made = Small(models, lambda: DuckDB(tmp_path / "x.duckdb"))
    with made.store:
        for alpha, beta, _ in DAYS:
            made.take({"alpha": alpha, "beta": beta})
            assert made.stored("joined_to_a_join") == made.expected("joined_to_a_join")


class Stamped(Contract):
    """One row per k."""

    k: Integer = key("The key.")
    at: Moment = stamp("When it was computed.")


def stamped(alpha: ir.Table, run_at: ir.TimestampScalar) -> ir.Table:
    return alpha.select(k="a", at=run_at)


def by_day(stamped: ir.Table) -> ir.Table:
    return stamped.group_by(k=stamped["at"].day().cast("int64")).aggregate(v=stamped.count())


def test_a_key_made_of_a_stamp_is_refused(tmp_path: Path) -> None:
    models = [*GROUND, model(Incremental(), Stamped)(stamped), model(Incremental(), Of)(by_day)]
    with pytest.raises(ModelError, match="k depends on stamped.at, a stamp: it says which run wrote a row"):
        Small(models, lambda: DuckDB(tmp_path / "x.duckdb"))


class Line(Contract):
    """One row per line; a line may come twice."""

    a: Integer = column("A number.")
    b: Integer = column("Another.")


def both_ends(line: ir.Table) -> ir.Table:
    ends = line.select(k="a").union(line.select(k="b"))
    return ends.group_by("k").aggregate(v=ends.count())


def test_rows_that_come_twice_count_twice_however_they_lead_to_a_key(tmp_path: Path) -> None:
    tables = Small([ground("line", Line), model(Incremental(), Of)(both_ends)], lambda: DuckDB(tmp_path / "x.duckdb"))
    with tables.store:
        for lines in ([(1, 2), (1, 2), (3, 4)], [(1, 2), (1, 2), (3, 4), (2, 3)], [(1, 2), (2, 3), (2, 3)]):
            tables.take({"line": lines})
            assert tables.stored("both_ends") == tables.expected("both_ends")
