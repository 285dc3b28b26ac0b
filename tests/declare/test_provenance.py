"""Incremental equals full for models of others: the key is followed to where its values come from, whatever its name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import ibis
import ibis.expr.types as ir
import pytest

from lc_ibis.backends.duckdb.tables import DuckDB
from lc_ibis.declare.contracts import Contract, Integer, Text, column, key
from lc_ibis.declare.models import Ephemeral, Incremental, Model, model
from lc_ibis.errors import ContractError, ModelError
from tests.small import Small, ground

pytestmark = pytest.mark.usefixtures("as_if_large")


class Person(Contract):
    """One row per person."""

    person_id: Integer = key("The person.")
    referrer_id: Integer | None = column("Who sent them.")
    city: Text | None = column("Where they live.")
    amount: Integer | None = column("What they have.")


class Visit(Contract):
    """One row per visit."""

    visit_id: Integer = key("The visit.")
    person_id: Integer | None = column("Who came; the name lies where a test says so.")
    amount: Integer | None = column("What they paid.")


class Of(Contract):
    """One row per person."""

    person_id: Integer | None = key("The person.")
    value: Integer | None = column("Something.")


class Pair(Contract):
    """One row per person and visit."""

    person_id: Integer | None = key("The person.")
    visit_id: Integer | None = key("The visit.")
    value: Integer | None = column("Something.")


PERSON, VISIT = ground("person", Person), ground("visit", Visit)
PEOPLE = [(n, n // 2, "a" if n % 2 else "b", n * 10) for n in (2, 3, 4, 5, 6, 8, 10, 11)]
VISITS = [(100 + n, n // 3 if n % 7 else None, n) for n in range(2, 24)]
DAYS = [
    (PEOPLE, VISITS),
    ([row for row in PEOPLE if row[0] != 5], VISITS),  # without 5
    ([(n, r, c, n + 1 if n == 6 else a) for n, r, c, a in PEOPLE if n != 5], VISITS),
    (
        [(n, 3 if n == 8 else r, c, a) for n, r, c, a in PEOPLE],
        [(v, p, a + 1 if v == 104 else a) for v, p, a in VISITS],
    ),
    ([*PEOPLE[1:], (12, None, None, None)], [(v, 6 if v == 110 else p, a) for v, p, a in VISITS[2:]]),
    ([], VISITS[:3]),
    (PEOPLE, VISITS),
]


def summed(amount: ir.IntegerColumn) -> ir.IntegerScalar:
    """Return a sum as int64: of DuckDB it is wider, and Ibis, which takes it for int64, leaves a mere cast out."""
    return amount.sum().cast("decimal(38, 0)").cast("int64")


def halved(person: ir.Table) -> ir.Table:
    moved = person.mutate(person_id=(person.person_id / 2).floor().cast("int64"))
    return moved.group_by("person_id").aggregate(value=moved.count())


def next_one(person: ir.Table) -> ir.Table:
    return person.select(person_id=person.person_id + 1, value=person.amount)


def with_neighbour(person: ir.Table) -> ir.Table:
    other = person.select(person_id=person.person_id + 1, k=person.person_id)
    return person.inner_join(other, "person_id").select("person_id", value="k")


def twice(person: ir.Table) -> ir.Table:
    far = person.select(person_id=person.person_id + 1_000_000, value=person.amount)
    return person.select("person_id", value="amount").union(far)


def by_referrer(person: ir.Table) -> ir.Table:
    """A person_id that means the referrer."""
    sent = person.select(person_id="referrer_id", amount="amount")
    return sent.group_by("person_id").aggregate(value=summed(sent.amount))


def visits_of_referrer(person: ir.Table, visit: ir.Table) -> ir.Table:
    """visit.person_id, as it is used here, means the referrer."""
    pairs = person.inner_join(visit, person.referrer_id == visit.person_id)
    return pairs.group_by(person_id=pairs.person_id).aggregate(value=pairs.count())


def left(person: ir.Table, visit: ir.Table) -> ir.Table:
    paid = visit.group_by("person_id").aggregate(paid=summed(visit.amount))
    return person.left_join(paid, "person_id").select("person_id", value="paid")


def right(person: ir.Table, visit: ir.Table) -> ir.Table:
    paid = visit.group_by("person_id").aggregate(paid=summed(visit.amount))
    both = paid.right_join(person, paid.person_id == person.person_id)
    return both.select(person_id="person_id_right", value="paid")


def outer(person: ir.Table, visit: ir.Table) -> ir.Table:
    paid = visit.group_by("person_id").aggregate(paid=summed(visit.amount))
    both = person.outer_join(paid, "person_id")
    both = both.mutate(person_id=ibis.coalesce(both.person_id, both.person_id_right))
    return both.filter(both.person_id.notnull()).select("person_id", value="paid")


def anti(person: ir.Table, visit: ir.Table) -> ir.Table:
    return person.anti_join(visit, "person_id").select("person_id", value="amount")


def semi_on_computed(person: ir.Table, visit: ir.Table) -> ir.Table:
    wanted = visit.mutate(twice=visit.person_id * 2)
    return person.semi_join(wanted, person.person_id == wanted.twice).select("person_id", value="amount")


def three(person: ir.Table, visit: ir.Table) -> ir.Table:
    """From visits over referrers to people: two steps."""
    referrer = person.select(r="person_id", city="city")
    seen = person.inner_join(referrer, person.referrer_id == referrer.r)
    all_three = seen.inner_join(visit, seen.r == visit.person_id)
    return all_three.group_by(person_id=all_three.person_id).aggregate(value=summed(all_three.amount))


def window(visit: ir.Table) -> ir.Table:
    known = visit.filter(visit.person_id.notnull())
    first = known.amount.min().over(group_by="person_id")
    return known.mutate(value=first).group_by("person_id").aggregate(value=known.mutate(value=first).value.max())


def filled(person: ir.Table) -> ir.Table:
    sent = person.fill_null({"referrer_id": 0})
    return sent.group_by(person_id=sent.referrer_id).aggregate(value=sent.count())


def distinct_minus(person: ir.Table, visit: ir.Table) -> ir.Table:
    came = visit.select(person_id="person_id").distinct()
    never = person.select("person_id").difference(came)
    return never.group_by("person_id").aggregate(value=never.count())


def nested(visit_sum: ir.Table, person: ir.Table) -> ir.Table:
    return person.left_join(visit_sum, person.referrer_id == visit_sum.visitor).select("person_id", value="paid")


def visit_sum(visit: ir.Table) -> ir.Table:
    """One row per visitor: what they paid."""
    return visit.group_by(visitor=visit.person_id).aggregate(paid=summed(visit.amount))


def self_pairs(person: ir.Table) -> ir.Table:
    """People of one city, counted; a change of one touches all of that city, before and after."""
    other = person.view()
    pairs = person.inner_join(other, person.city == other.city)
    return pairs.group_by(person_id=pairs.person_id).aggregate(value=pairs.count())


BY_KEY = [
    halved, next_one, with_neighbour, twice, by_referrer, visits_of_referrer, left, right, outer, anti,
    semi_on_computed, three, window, filled, distinct_minus, nested, self_pairs,
]  # fmt: skip


def small(path: Path, function: Callable[..., ir.Table], contract: type[Contract] = Of, **kind: Any) -> Small:
    models: list[Model] = [PERSON, VISIT, model(Ephemeral())(visit_sum)]
    return Small([*models, model(Incremental(**kind), contract)(function)], lambda: DuckDB(path / "x.duckdb"))


@pytest.mark.parametrize("function", BY_KEY, ids=lambda f: f.__name__)
def test_by_key_equals_full(tmp_path: Path, function: Callable[..., ir.Table]) -> None:
    tables = small(tmp_path, function)
    by_key = 0
    for people, visits in DAYS:
        done = tables.take({"person": people, "visit": visits})[function.__name__]
        by_key += done.key_count is not None
        assert tables.stored(function.__name__) == tables.expected(function.__name__)
    assert by_key > 2
    tables.store.close()


def test_only_the_keys_that_lead_there_are_computed(tmp_path: Path) -> None:
    """Of eight people one is gone: one parent's count is computed again, and the other seven are left alone."""
    tables = small(tmp_path, halved)
    tables.take({"person": PEOPLE, "visit": VISITS})
    done = tables.take({"person": [row for row in PEOPLE if row[0] != 5]})["halved"]
    assert (done.key_count, done.written.changed_count, done.written.removed_count) == (1, 1, 0)
    tables.store.close()


def without_order(person: ir.Table) -> ir.Table:
    return person.select("person_id", value=person.amount.max().over())


def in_city(person: ir.Table) -> ir.Table:
    return person.select("person_id", value=person.count().over(group_by="city"))


def by_city_then_person(person: ir.Table) -> ir.Table:
    cities = person.group_by("city").aggregate(person_id=person.person_id.max(), value=person.count())
    return cities.select("person_id", "value")


def key_of_a_window(person: ir.Table) -> ir.Table:
    return person.select(person_id=person.person_id.max().over(group_by="city"), value="amount")


def key_from_the_missing_side(person: ir.Table, visit: ir.Table) -> ir.Table:
    both = visit.left_join(person, visit.person_id == person.person_id)
    return both.select(person_id="person_id_right", value="amount")


def crossed(person: ir.Table, visit: ir.Table) -> ir.Table:
    return person.cross_join(visit).select("person_id", value="visit_id")


def unequal(person: ir.Table, visit: ir.Table) -> ir.Table:
    return person.inner_join(visit, person.amount < visit.amount).select("person_id", value="visit_id")


def of_floats(person: ir.Table, visit: ir.Table) -> ir.Table:
    """Whole numbers as floats: two of them may be equal there and not here."""
    paid = visit.mutate(near=visit.person_id.cast("float64"))
    return person.left_join(paid, person.person_id == paid.near).select("person_id", value="visit_id")


def of_two_types(person: ir.Table, visit: ir.Table) -> ir.Table:
    small = visit.select(person_id=visit.person_id.cast("int32"), amount="amount")
    both = person.left_join(small, person.person_id == small.person_id).select("person_id", value=small.amount)
    return both.group_by("person_id").aggregate(value=both.value.max())


def either_of_two(person: ir.Table, visit: ir.Table) -> ir.Table:
    either = (person.person_id == visit.person_id) | (person.referrer_id == visit.person_id)
    both = person.left_join(visit, either).select(person.person_id, value=visit.amount)
    return both.group_by("person_id").aggregate(value=both.value.max())


def highest(person: ir.Table) -> ir.Table:
    return person.order_by("person_id").limit(3).select("person_id", value="amount")


def above_all(person: ir.Table) -> ir.Table:
    return person.filter(person.amount >= person.amount.max()).select("person_id", value="amount")


def among(person: ir.Table, visit: ir.Table) -> ir.Table:
    return person.filter(person.person_id.isin(visit.person_id)).select("person_id", value="amount")


@pytest.mark.parametrize(
    ("function", "what"),
    [
        (without_order, "a window by nothing makes rows of one person_id depend on those of others"),
        (in_city, "a window by city makes rows of one person_id depend on those of others"),
        (by_city_then_person, "an aggregation by city makes rows of one person_id depend on those of others"),
        (key_of_a_window, "a window by city makes rows of one person_id|is computed from several rows"),
        (key_from_the_missing_side, "person_id is null where a row of its side of the join is missing"),
        (
            crossed,
            "for a changed row of visit it is unknown which person_id it belongs to, because they are joined on nothing",
        ),
        (unequal, "for a changed row of visit .* joined on amount .amount and amount need not be equal: join by an eq"),
        (of_floats, "joined on near, person_id .* are equal as floats, of which others may be equal too: join whole"),
        (of_two_types, "joined on person_id .*are equal as int64 and int32, of which others .*cast one to the other"),
        (either_of_two, "stand in an or, so that neither is sure: union a join for each"),
        (highest, "a limit takes rows whatever their person_id is"),
        (above_all, "a window by nothing|a subquery|an aggregation by nothing"),
        (among, r"a subquery \(InSubquery\) reads rows whatever their key is; join instead"),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_what_cannot_be_followed_is_refused_or_computed_whole(
    tmp_path: Path, function: Callable[..., ir.Table], what: str
) -> None:
    with pytest.raises(ModelError, match=what) as refused:
        small(tmp_path, function)
    assert "so it cannot be computed by person_id. Declare Incremental(by=...)" in str(refused.value)
    tables = small(tmp_path, function, by=())
    if function in (by_city_then_person, key_of_a_window, key_from_the_missing_side, crossed, unequal, of_floats):
        return  # their person_id is no key
    for people, visits in DAYS[:5]:
        assert tables.take({"person": people, "visit": visits})[function.__name__].key_count is None
        assert tables.stored(function.__name__) == tables.expected(function.__name__)
    tables.store.close()


def without_value(person: ir.Table) -> ir.Table:
    return person.select("person_id", "city")


def without_key(person: ir.Table) -> ir.Table:
    return person.select(value="amount")


def test_columns_that_are_not_the_contract_s_are_told_when_it_is_declared(tmp_path: Path) -> None:
    told = "contract Of has the columns person_id, value; .* gives person_id, city .missing: value; unexpected: city.."
    with pytest.raises(ContractError, match=told):
        small(tmp_path, without_value)
    with pytest.raises(ContractError, match="missing: person_id; unexpected: none"):
        small(tmp_path, without_key)


def test_a_cast_that_ibis_leaves_out_is_told_as_such(tmp_path: Path) -> None:
    def uncast(person: ir.Table) -> ir.Table:
        return person.group_by("person_id").aggregate(value=person.amount.sum().cast("int64"))

    tables = small(tmp_path, uncast)
    told = (
        "contract says int64, .* gives decimal.38, 0.. Ibis already infers int64 and drops the cast. "
        r"Cast through another type: cast\(\"decimal\(38, 0\)\"\).cast\(\"int64\"\), or change Of."
    )
    with tables.store, pytest.raises(ContractError, match=told):
        tables.take({"person": PEOPLE, "visit": VISITS})


def pairs(person: ir.Table, visit: ir.Table) -> ir.Table:
    both = person.inner_join(visit, person.referrer_id == visit.person_id)
    return both.select(person_id="person_id", visit_id="visit_id", value=both.amount + both.amount_right)


def test_a_key_of_two_tables_is_computed_by_the_part_that_one_has(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="for a changed row of person it is unknown which person_id and visit_id"):
        small(tmp_path, pairs, Pair)
    tables = small(tmp_path, pairs, Pair, by=("visit_id",))
    for people, visits in DAYS:
        tables.take({"person": people, "visit": visits})
        assert tables.stored("pairs") == tables.expected("pairs")
    tables.store.close()


@pytest.mark.parametrize("skipped", [1, 2, 3])
def test_a_model_left_out_of_some_builds_is_computed_whole_then(tmp_path: Path, skipped: int) -> None:
    tables = small(tmp_path, visits_of_referrer)
    for day, (people, visits) in enumerate(DAYS):
        tables.take({"person": people, "visit": visits}, only=() if day == skipped else None)
    assert tables.stored("visits_of_referrer") == tables.expected("visits_of_referrer")
    tables.store.close()
