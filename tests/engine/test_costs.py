"""What a build asks of the engine, counted: a change of these figures fails the test. No machine is too slow for them."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import pytest

from lc_ibis.backends.duckdb.tables import DuckDB
from lc_ibis.compiled.making import Maker
from lc_ibis.layers import pipeline
from tests.conftest import Lending, change_rules
from tests.torture import cases

_STORED = re.compile("|".join(rf'"{m.layer}"\."{m.name}"' for m in pipeline if m.is_stored))
# By way of refreshing: statements, and how often a stored table is named in them; both of a build with all checks.
COSTS = {
    "first build": (129, 112),
    "nothing changed": (34, 20),
    "day 2, by key": (146, 101),
    "day 2, whole": (144, 101),
    "full refresh": (72, 109),
    "delta": (156, 99),
}


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The statements of all builds, as they run."""
    ran: list[str] = []
    run = DuckDB._run

    def running(self: DuckDB, sql: str, *aside: Any) -> Any:
        ran.append(sql)
        return run(self, sql, *aside)

    monkeypatch.setattr(DuckDB, "_run", running)
    return ran


def test_no_way_of_refreshing_asks_more_of_the_engine(
    lending: Lending, statements: list[str], request: pytest.FixtureRequest
) -> None:
    found: dict[str, tuple[int, int]] = {}

    def counted(way: str, **options: Any) -> None:
        statements.clear()
        lending.build(allow_mass_delete=True, allow_replay=True, **options)
        # Types are asked for once a version of the code, not in each build.
        ran = [sql for sql in statements if not sql.startswith("DESCRIBE")]
        found[way] = len(ran), sum(len(_STORED.findall(sql)) for sql in ran)

    def deliver(day: int) -> None:
        lending.deliver(cases.customers(day), cases.accounts(day))

    deliver(1)
    counted("first build")
    counted("nothing changed")
    deliver(2)
    counted("day 2, whole")
    counted("full refresh", full_refresh=True)
    request.getfixturevalue("of_few_rows")
    deliver(1)
    counted("day 2, by key")
    cases.delta(lending)
    counted("delta", delivery="delta")
    assert found == COSTS, "where they fell, note the new figures here; where they rose, say why"


def test_what_is_compiled_is_compiled_once(lending: Lending, monkeypatch: pytest.MonkeyPatch) -> None:
    lending.load(cases.customers(1), cases.accounts(1))
    lending.load(cases.customers(2), cases.accounts(2))
    made: list[str] = []
    make = Maker.make
    monkeypatch.setattr(Maker, "make", lambda self, what, *more: made.append(what) or make(self, what, *more))
    lending.load(cases.customers(1), cases.accounts(1), allow_replay=True)
    lending.build(full_refresh=True)
    assert made == []


def test_types_are_asked_for_again_where_an_input_was_made_by_other_code(
    lending: Lending, statements: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A result's types are remembered for inputs of this code alone."""

    def built(**options: Any) -> bool:
        statements.clear()
        lending.load(full_refresh=True, **options)
        return any(sql.startswith("DESCRIBE") for sql in statements)

    lending.load(cases.customers(1), cases.accounts(1))
    assert not built()
    with monkeypatch.context() as patch:
        change_rules(patch, LARGEST_AMOUNT=Decimal("5000.00"))
        lending.build(select=("source", "staging"))
    assert built(select=("snap_account",))
    lending.build()
    assert not built()
