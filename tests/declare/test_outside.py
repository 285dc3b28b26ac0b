"""What a model reads besides its inputs: memtables and Python functions. What is refused, in whose words."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import Any

import duckdb
import ibis
import ibis.expr.types as ir
import pandas as pd
import pyarrow as pa
import pytest

from lc_ibis.api.build import run_pipeline
from lc_ibis.backends import opened
from lc_ibis.backends.duckdb.ibis_backend import backend
from lc_ibis.compiled.fingerprints import fingerprints
from lc_ibis.declare.failures import failed
from lc_ibis.declare.models import Incremental, Model, model
from lc_ibis.declare.pipeline import Pipeline
from lc_ibis.declare.rules.function_text import text, untold
from lc_ibis.declare.rules.functions import called, told, udfs
from lc_ibis.declare.rules.outside import MOST_ROWS, inlined, refusal
from lc_ibis.engine.state.run import Run, TableRun
from lc_ibis.errors import LcIbisError, ModelError
from lc_ibis.settings import Settings
from tests import ROOT
from tests.conftest import EVERYWHERE, ON_DELTA, ON_SPARK, WIDELY, Engine, Lending
from tests.things import contract, src_thing

pytestmark = pytest.mark.usefixtures("as_if_large")

THING = ibis.table({"thing_id": "int64", "name": "string", "at": "timestamp(6)"}, name="thing")

# Rows in memory -------------------------------------------------------------------------------------

TYPES = {
    "i": "int64", "text": "string", "is": "boolean", "amount": "decimal(22, 2)", "day": "date", "at": "timestamp(6)",
    "f": "float64", "small": "int8", 'a "name"': "int32",
}  # fmt: skip
ROWS = [
    (1, "it's \"q\" \\ back\\n\n\t é%", True, Decimal("1.10"), date(2024, 2, 29), datetime(2024, 1, 2, 3, 4, 5, 678901), 0.1 + 0.2, 3, 1),
    (None,) * 9,
    (-(2**63), "", False, Decimal("-99999999999999999999.12"), date(1, 1, 1), datetime(9999, 12, 31, 23, 59, 59, 999999), float("inf"), -128, 2),
    (2**63 - 1, "NULL", False, Decimal("0.05"), date(9999, 12, 31), datetime(1969, 12, 31, 23, 59, 59, 1), 1e-320, 127, 3),
]  # fmt: skip


def arrow(rows: list[Any], types: dict[str, str] = TYPES) -> pa.Table:
    schema = ibis.schema(types).to_pyarrow()
    return pa.table([pa.array([row[i] for row in rows], field.type) for i, field in enumerate(schema)], schema)


def plain(rows: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """Return rows in an order of their own, times without the zone that Spark gives them."""
    values = [[v.replace(tzinfo=None) if isinstance(v, datetime) else v for v in row.values()] for row in rows]
    return sorted(map(tuple, values), key=repr)


@pytest.mark.parametrize("backend", EVERYWHERE)
def test_rows_in_memory_are_literals_on_every_engine(engine: Engine) -> None:
    made = inlined(ibis.memtable(arrow(ROWS), schema=TYPES))
    assert plain(engine.rows(made)) == sorted(ROWS, key=repr)
    assert made.schema() == ibis.schema(TYPES)
    assert engine.rows(inlined(ibis.memtable(arrow([]), schema=TYPES))) == []


@pytest.mark.parametrize("backend", EVERYWHERE)
def test_a_lookup_in_memory_is_joined(engine: Engine) -> None:
    things = engine.load(pa.table({"kind": ["a", "b", None]}))
    names = ibis.memtable([("a", "first"), ("b", None)], columns=["kind", "name"])
    joined = inlined(things.left_join(names, "kind").select("kind", "name"))
    assert plain(engine.rows(joined)) == sorted([("a", "first"), ("b", None), (None, None)], key=repr)


@pytest.mark.parametrize("backend", EVERYWHERE)
def test_many_rows_are_few_words(engine: Engine) -> None:
    made = inlined(ibis.memtable(pa.table({"n": list(range(MOST_ROWS))})))
    assert engine.rows(made.aggregate(total=made.n.sum(), count=made.count())) == [
        {"total": 124750, "count": MOST_ROWS}
    ]


def test_a_frame_s_nulls_are_nulls(engine: Engine) -> None:
    types = {"amount": "decimal(18, 2)", "n": "int64", "name": "string", "is": "boolean"}
    rows = [(Decimal("1.10"), 1, "a", True), (None, None, None, None)]
    made = ibis.memtable([dict(zip(types, row, strict=True)) for row in rows], schema=types)
    assert refusal(made) is None
    assert plain(engine.rows(inlined(made))) == sorted(rows, key=repr)


def test_a_frame_s_columns_take_the_names_of_the_schema(engine: Engine) -> None:
    made = ibis.memtable(pd.DataFrame({"a": [1, None], "b": ["x", None]}), schema={"n": "int64", "name": "string"})
    assert plain(engine.rows(inlined(made))) == [(1, "x"), (None, None)]


def test_a_query_without_memtables_is_left_alone() -> None:
    assert inlined(THING) is THING
    assert refusal(THING.filter(THING.thing_id > 1)) is None


def test_rows_count_by_content_not_by_order_or_name() -> None:
    one, other, third = (
        ibis.to_sql(inlined(ibis.memtable({"n": ns})), dialect="duckdb") for ns in ([1, 2], [2, 1], [1, 3])
    )
    assert one == other != third


# What is refused ------------------------------------------------------------------------------------


def connected() -> ir.Table:
    con = backend(duckdb.connect())  # Ibis' own takes no SQL on DuckDB 2
    con.raw_sql("CREATE TABLE theirs AS SELECT 1 AS thing_id")
    return con.table("theirs")


@ibis.udf.scalar.pandas
def of_pandas(n: int) -> int:
    return n + 1


MADE: dict[str, Any] = {"ibis": ibis}
exec("@ibis.udf.scalar.python\ndef nowhere(n: int) -> int:\n    return n", MADE)
THINGS = object()


@ibis.udf.scalar.python
def of_an_object(n: int) -> int:
    return n + hash(THINGS)


@pytest.mark.parametrize(
    ("query", "told"),
    [
        (connected, "it reads theirs through its own connection. Deliver it as a source, or take a model as a parameter."),
        (lambda: THING.semi_join(connected(), "thing_id"), "it reads theirs through its own connection."),
        (lambda: connected()._find_backend().sql("SELECT 1 AS n"), "it reads the result of SQL through its own connection. Deliver it as a source."),
        (lambda: connected().alias("x").sql("SELECT * FROM x"), "it contains SQL text"),
        (lambda: ibis.memtable({"n": list(range(MOST_ROWS + 1))}), "its memtable has 501 rows, more than 500. Deliver it as a source."),
        (lambda: ibis.read_csv(ROOT / "data/inputs/Customer.csv"), "it reads ibis_read_csv_"),
        (lambda: ibis.memtable({"n": [[1], [2]]}), "its memtable has a column n of type array<int64>, for which not all engines have literals. Deliver it as a source."),
        (lambda: ibis.memtable({"n": ["x"]}, schema={"n": "int64"}), "its memtable does not fit its schema ('x' is not a number). Fix it."),
        (lambda: ibis.memtable([{"n": 2**62 + 1}, {"n": None}], schema={"n": "int64"}), "is not an integer, or was rounded; give the rows as a pyarrow table"),
        (lambda: THING.select(n=of_pandas(THING.thing_id)), "its function of_pandas is a pandas UDF, which not all engines support. Use ibis.udf.scalar.python."),
        (lambda: THING.select(n=MADE["nowhere"](THING.thing_id)), "its function nowhere has no readable source. Define it with def in a module, so a change there would not be noticed."),
        (lambda: THING.select(n=of_an_object(THING.thing_id)), "its function of_an_object names THINGS, a object, which has no text."),
    ],
)  # fmt: skip
def test_what_cannot_be_run_everywhere_is_refused(query: Callable[[], ir.Table], told: str) -> None:
    assert told in (refusal(query()) or "")


# Functions --------------------------------------------------------------------------------------------


FUNCTIONS = """
from __future__ import annotations
from datetime import datetime, timedelta
from decimal import Decimal
import ibis
from ibis import dtype

RATE = 3
KINDS = {"b", "a", "c"}
LATER = timedelta(days=1)


def times(n, rate):
    return n * rate


@ibis.udf.scalar.python(signature=((dtype("int64"),), dtype("int64")))
def thrice(n):
    return times(n, RATE) if KINDS else 0


@ibis.udf.scalar.python(signature=((dtype("int64"),), dtype("decimal(18, 2)")))
def share(n):
    return Decimal(n) / 8 if n != 3 else None


@ibis.udf.scalar.python(signature=((dtype("timestamp(6)"),), dtype("timestamp(6)")))
def next_day(at):
    assert at.tzinfo is None
    return at + LATER


@ibis.udf.scalar.python(signature=((dtype("int64"),), dtype("float64")))
def doubled(n):
    return 2 * n


@ibis.udf.scalar.python(signature=((dtype("int64"),), dtype("string")), null_handling="special")
def said(n):
    return "none" if n is None else f"{n:03}"


@ibis.udf.scalar.python(signature=((dtype("int64"),), dtype("int64")))
def inverse(n):
    return 6 // (n - 2)


@ibis.udf.scalar.pyarrow
def plus(n: int) -> int:
    import pyarrow.compute as pc

    return pc.add(n, 1)
"""
AT = datetime(2024, 3, 30, 1, 30, 0, 5)
Thing = contract(n="int64?", share="decimal(18, 2)?", day="timestamp(6)?", doubled="float64?", said="string?")
Few = contract(n="int64?")


@pytest.fixture
def functions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., ModuleType]:
    """Return the module of functions, its text changed in places."""
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "our_functions", raising=False)

    def load(**replaced: str) -> ModuleType:
        source = FUNCTIONS
        for old, new in replaced.items():
            assert old in source
            source = source.replace(old, new)
        (tmp_path / "our_functions.py").write_text(source)
        importlib.invalidate_caches()
        sys.modules.pop("our_functions", None)
        return importlib.import_module("our_functions")

    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    return load


def with_functions(our: ModuleType) -> Model:
    @model(Incremental(), Thing)
    def thing(src_thing: ir.Table) -> ir.Table:
        number = src_thing.thing_id.try_cast("int64")
        known = number.nullif(4)
        at = ibis.literal(str(AT)).cast("timestamp(6)")
        return src_thing.select(
            thing_id=number, n=our.thrice(known), share=our.share(known), day=our.next_day((number != 4).ifelse(at, None)),
            doubled=our.doubled(known), said=our.said(known),
        )  # fmt: skip

    return thing


def of(function: Callable[[ir.Value], ir.Value]) -> Model:
    @model(Incremental(), Few)
    def thing(src_thing: ir.Table) -> ir.Table:
        number = src_thing.thing_id.try_cast("int64")
        return src_thing.select(thing_id=number, n=function(number))

    return thing


class Company:
    """Things that are delivered and built, with one model or more."""

    def __init__(self, lending: Lending):
        self.lending = lending
        self.settings = Settings.load(**lending.places())

    def build(self, *models: Model, ids: str = "1234") -> Run:
        (self.lending.inputs / "things.csv").write_text("\n".join(["ThingID", *ids, ""]))
        return run_pipeline(
            Pipeline([src_thing, *models]), Settings.load(**self.lending.places(), allow_mass_delete=True)
        )

    def thing(self, *models: Model, ids: str = "1234") -> TableRun:
        return next(table for table in self.build(*models, ids=ids).tables if table.table == "thing")

    def rows(self) -> list[tuple[Any, ...]]:
        with opened(self.settings) as store:
            return plain(store.rows(store.table("test_outside", "thing")))


@pytest.fixture
def company(lending: Lending) -> Company:
    return Company(lending)


def expected(n: int) -> tuple[Any, ...]:
    """Return a row, its values made by hand: halves of a cent go up, a null is not given to a function."""
    shares = {1: Decimal("0.13"), 2: Decimal("0.25"), 5: Decimal("0.63")}
    if n == 4:
        return 4, None, None, None, None, "none"
    return n, 3 * n, shares.get(n), AT.replace(day=31), 2.0 * n, f"00{n}"


@pytest.mark.parametrize("backend", EVERYWHERE)
def test_functions_give_the_same_on_every_engine(company: Company, functions: Callable[..., ModuleType]) -> None:
    thing = with_functions(functions())
    assert company.thing(thing).action == "created"
    assert company.rows() == [expected(n) for n in (1, 2, 3, 4)]
    changed = company.thing(thing, ids="2345")
    assert changed.action == "updated"
    assert company.rows() == [expected(n) for n in (2, 3, 4, 5)]


def test_times_are_utc_wherever_spark_is(functions: Callable[..., ModuleType]) -> None:
    [udf] = udfs(THING.select(day=functions().next_day(THING.at)))
    given = AT.replace(tzinfo=timezone(timedelta(hours=9)))
    assert called(udf, local_times=True)(given) == (given + timedelta(days=1))
    assert called(udf)(AT) == AT.replace(day=31)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({}, "inputs unchanged"),
        ({"RATE = 3": "RATE = 4"}, "code or contract changed"),
        ({"return n * rate": "return rate * n"}, "code or contract changed"),
        ({"if KINDS else 0": "if KINDS else 1"}, "code or contract changed"),
        ({'{"b", "a", "c"}': '{"b", "c", "a"}'}, "inputs unchanged"),
        ({"LATER = timedelta(days=1)": "LATER = timedelta(days=2)"}, "inputs unchanged"),
    ],
)
def test_a_function_is_code(
    company: Company, functions: Callable[..., ModuleType], changed: dict[str, str], reason: str
) -> None:
    company.build(of(functions().thrice))
    assert company.thing(of(functions(**changed).thrice)).reason == reason


def test_a_change_recomputes_the_rows(company: Company, functions: Callable[..., ModuleType]) -> None:
    company.build(of(functions().thrice))
    company.build(of(functions(**{"RATE = 3": "RATE = 4"}).thrice))
    assert company.rows() == [(1, 4), (2, 8), (3, 12), (4, 16)]


def test_the_numbers_that_ibis_gives_to_functions_do_not_count(functions: Callable[..., ModuleType]) -> None:
    first, second = (Pipeline([src_thing, of(functions().thrice)]) for _ in range(2))
    assert fingerprints(first)[0] == fingerprints(second)[0]
    sql = ibis.to_sql(first.steps["thing"], dialect="duckdb")
    assert sql != ibis.to_sql(second.steps["thing"], dialect="duckdb")
    assert "thrice:" in told(first.steps["thing"], sql)
    assert told(THING, sql) is sql


def test_builtin_functions_are_the_engine_s(company: Company) -> None:
    @ibis.udf.scalar.builtin
    def greatest(n: int, m: int) -> int: ...

    assert udfs(of(lambda n: greatest(n, n))(ibis.table({"thing_id": "string"}, name="t"))) == []
    company.build(of(lambda n: greatest(n, 2)))
    assert company.rows() == [(1, 2), (2, 2), (3, 3), (4, 4)]


def test_functions_of_arrays_are_run_by_duckdb(company: Company, functions: Callable[..., ModuleType]) -> None:
    company.build(of(lambda n: functions().plus(n.nullif(2))))
    assert company.rows() == [(1, 2), (2, None), (3, 4), (4, 5)]


def test_a_function_outlives_a_transaction_that_is_taken_back(
    company: Company, functions: Callable[..., ModuleType]
) -> None:
    company.build(of(lambda n: n))
    our = functions()
    with opened(company.settings) as store:
        table = store.table("test_outside", "thing")
        first = table.aggregate(n=our.thrice(table.n).sum())
        for _ in range(3):
            with store.transaction():
                assert store.rows(first) == [{"n": 30}]
                store.append("test_outside", "thing", [(9, 9)])
                store.rollback()
            assert store.rows(first) == [{"n": 30}]
    with opened(company.settings) as store:  # no cursor keeps the file
        assert store.count(store.table("test_outside", "thing")) == 4


@pytest.mark.parametrize("backend", [*ON_DELTA, *ON_SPARK])
def test_functions_of_arrays_are_refused_on_spark(company: Company, functions: Callable[..., ModuleType]) -> None:
    with pytest.raises(ModelError, match="plus: Spark cannot run pyarrow functions. Declare it with ibis.udf"):
        company.build(of(functions().plus))


def test_functions_are_refused_on_a_warehouse(functions: Callable[..., ModuleType]) -> None:
    databricks = pytest.importorskip("lc_ibis.backends.spark.databricks")
    [udf] = udfs(THING.select(n=functions().thrice(THING.thing_id)))
    with pytest.raises(ModelError, match="thrice: a SQL warehouse cannot run Python functions"):
        databricks.Warehouse.define(object(), udf)


def test_a_function_that_fails_is_told(company: Company, functions: Callable[..., ModuleType]) -> None:
    with pytest.raises(
        LcIbisError,
        match=r"the function inverse \(our_functions.py, line \d+\) fails: ZeroDivisionError: integer division or modulo by zero. Fix it,",
    ):
        company.build(of(functions().inverse))


@pytest.mark.parametrize("backend", [*ON_DELTA, *ON_SPARK])
def test_how_a_function_failed_is_found_in_what_an_engine_says(
    company: Company, functions: Callable[..., ModuleType]
) -> None:
    with pytest.raises(Exception, match="inverse") as raised:
        company.build(of(functions().inverse))
    assert "fails: ZeroDivisionError: integer division or modulo by zero. Fix it" in (failed(raised.value) or "")


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("    return 1.5", "fails: TypeError: 'float' object cannot be interpreted as an integer"),
        ("    return '2'", "fails: TypeError: 'str' object cannot be interpreted as an integer"),
    ],
)
def test_a_result_of_another_type_is_no_result(
    company: Company, functions: Callable[..., ModuleType], body: str, told: str
) -> None:
    with pytest.raises(LcIbisError, match=told):
        company.build(of(functions(**{"    return 6 // (n - 2)": body}).inverse))


NAMING = """
import enum
import math
import ibis
import our_rates
from our_rates import Kind, Rate, of_rate

AMONG = {"x": [1, (2, Kind.HIGH)]}


def made(step):
    def function(n):
        return max(of_rate(n), Rate().value) + our_rates.RATE + math.floor(1.5) + step + len(AMONG) + int(Kind.HIGH.value)

    return ibis.udf.scalar.python(signature=((ibis.dtype("int64"),), ibis.dtype("int64")))(function)
"""
RATES = """
import enum

RATE = 1


class Kind(enum.Enum):
    HIGH = 2


class Rate:
    value = 3


def of_rate(n):
    return n * deeper(n)


def deeper(n):
    return sorted((n, 4), key=lambda m: m % RATE)[0]
"""


@pytest.mark.parametrize(
    "changed", ["RATE = 1", "HIGH = 2", "value = 3", "n * deeper(n)", "(n, 4)", '"x": [1', "floor(1.5)", "step=5"]
)
def test_all_that_a_function_names_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changed: str) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)

    def told_of(old: str, new: str) -> str:
        for name, source in (("our_rates", RATES), ("our_naming", NAMING)):
            (tmp_path / f"{name}.py").write_text(source.replace(old, new))
            monkeypatch.delitem(sys.modules, name, raising=False)
        importlib.invalidate_caches()
        step = 6 if old == "step=5" and new != old else 5
        [udf] = udfs(THING.select(n=importlib.import_module("our_naming").made(step)(THING.thing_id)))
        return text(udf)

    before = told_of(changed, changed)
    assert told_of(changed, changed) == before
    assert told_of(changed, changed.translate(str.maketrans("12345", "23456")).replace("n * d", "n + d")) != before


REACHED = {
    "limits": "FACTOR = 3\nKINDS = {'a': 1}\n",
    "scores": "from ours.limits import FACTOR\nimport ours.limits\nREST = 8\n\n\ndef score(n):\n    return n * FACTOR\n",
    "shared": """
import enum
import functools
from collections import defaultdict, namedtuple
from dataclasses import dataclass
from ours.limits import FACTOR

BASE = 3


class Rater:
    scale = BASE

    def rate(self, n):
        return n * BASE


class Sub(Rater):
    pass


class Kind(enum.Enum):
    HIGH = 1

    def weight(self):
        return BASE


class Point(namedtuple("Point", "a")):
    def weight(self):
        return BASE


@dataclass(frozen=True)
class Limits:
    most: int = BASE

    @property
    def least(self):
        return self.most - BASE

    @staticmethod
    def of(n):
        return n * BASE


def times(k):
    def wrap(function):
        @functools.wraps(function)
        def inner(n):
            return function(n) * k * BASE
        return inner
    return wrap


@times(FACTOR)
def helped(n):
    return n + 1


def convert(n, factor):
    return n * factor


@functools.cache
def kept(n):
    return n * BASE


@functools.singledispatch
def dispatched(n):
    return n


@dispatched.register
def _(n: int):
    return n * BASE


def tagged(n):
    return n * tagged.rate


tagged.rate = BASE
PART = functools.partial(convert, factor=BASE)
LIMITS, HIGH, POINT = Limits(), Kind.HIGH, Point(1)
MADE = defaultdict(lambda: BASE)
first, second = (lambda n: n + 1), (lambda n: n + 2)
ONE, TWO, THREE = first, second, first
BOUND = Limits.of
""",
}
# What a function may do, and a change far away from it that makes it another; then one that does not.
REACHING = {
    "an attribute of a module": ("return scores.score(n)", "FACTOR = 3", ""),
    "a module in a package": ("return ours.scores.score(n)", "FACTOR = 3", "KINDS = {"),
    "a module's module": ("return scores.ours.limits.KINDS['a']", "'a': 1", ""),
    "a module that is handed on": ("return (lambda m: m.score(n))(scores)", "FACTOR = 3", ""),
    "an attribute by its text": ("return getattr(scores, 'score')(n)", "FACTOR = 3", ""),
    "a method": ("return Rater().rate(n)", "BASE = 3", "FACTOR = 3"),
    "a method of a base": ("return Sub().rate(n)", "BASE = 3", "FACTOR = 3"),
    "a method of an enum": ("return HIGH.weight()", "BASE = 3", "FACTOR = 3"),
    "a method of a tuple": ("return POINT.weight()", "BASE = 3", "FACTOR = 3"),
    "a constant with methods": ("return LIMITS.least", "BASE = 3", "FACTOR = 3"),
    "a method without a self": ("return BOUND(n)", "BASE = 3", "FACTOR = 3"),
    "a decorator's wrapper": ("return helped(n)", "* k * BASE", "REST = 8"),
    "what a wrapper names": ("return helped(n)", "BASE = 3", "REST = 8"),
    "what a decorator was given": ("return helped(n)", "FACTOR = 3", "REST = 8"),
    "what is wrapped": ("return helped(n)", "return n + 1\n\n\ndef convert", "REST = 8"),
    "a part's value": ("return PART(n)", "BASE = 3", "FACTOR = 3"),
    "a part's function": ("return PART(n)", "return n * factor", "FACTOR = 3"),
    "a cached function": ("return kept(n)", "BASE = 3", "FACTOR = 3"),
    "a function by kind": ("return dispatched(n)", "BASE = 3", "FACTOR = 3"),
    "an attribute of a function": ("return tagged(n)", "tagged.rate = BASE", "FACTOR = 3"),
    "what a dict makes": ("return MADE[n]", "BASE = 3", "FACTOR = 3"),
    "which of two functions": ("return ONE(n) + TWO(n) + THREE(n)", "second, first\n", ""),
    "an import inside": ("from ours.limits import FACTOR\n    return n * FACTOR", "FACTOR = 3", "KINDS = {"),
    "a module imported inside": ("from ours import scores as s\n    return s.score(n)", "FACTOR = 3", ""),
    "a near import inside": ("from .limits import FACTOR\n    return n * FACTOR", "FACTOR = 3", "KINDS = {"),
    "an import deeper inside": ("return (lambda: __import_it())()", "FACTOR = 3", "KINDS = {"),
}
TOP = """
import importlib
import ibis
import ours.scores
from ours import scores
from ours.shared import *
from ours.shared import Rater, dispatched

RATER = Rater()


def __import_it():
    from ours.limits import FACTOR
    return FACTOR


@ibis.udf.scalar.python(signature=((ibis.dtype("int64"),), ibis.dtype("int64")))
def reaching(n):
    {body}
"""
CHANGED = {"FACTOR = 3": "FACTOR = 4", "'a': 1": "'a': 2", "BASE = 3": "BASE = 4", "* k * BASE": "* k + BASE",
           "return n * factor": "return n + factor", "tagged.rate = BASE": "tagged.rate = 9",
           "second, first\n": "second, second\n", "KINDS = {": "KINDS = {'b': 1, ", "REST = 8": "REST = 9",
           "return n + 1\n\n\ndef convert": "return n + 2\n\n\ndef convert"}  # fmt: skip


@pytest.fixture
def reaching(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Return a function's operation: what it does, and what is changed of the modules that it reaches."""
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    (tmp_path / "ours").mkdir()

    def load(body: str, changed: str = "") -> Any:
        files = {**REACHED, "top": TOP.format(body=body), "__init__": ""}
        for name, source in files.items():
            old = source.replace(changed, CHANGED[changed]) if changed and name != "top" else source
            (tmp_path / "ours" / f"{name}.py").write_text(old)
        for name in [name for name in sys.modules if name.split(".")[0] == "ours"]:
            monkeypatch.delitem(sys.modules, name)
        importlib.invalidate_caches()
        [udf] = udfs(THING.select(n=importlib.import_module("ours.top").reaching(THING.thing_id)))
        return udf

    return load


@pytest.mark.parametrize(
    ("body", "changed", "other"), [pytest.param(*case, id=name) for name, case in REACHING.items()]
)
def test_all_that_a_function_reaches_counts(reaching: Callable[..., Any], body: str, changed: str, other: str) -> None:
    before = text(reaching(body))
    assert text(reaching(body)) == before
    assert text(reaching(body, changed)) != before
    if other:
        assert text(reaching(body, other)) == before


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (
            "return importlib.import_module('ours.limits').FACTOR",
            "calls import_module, which imports code by name.",
        ),
        ("return __import__('ours.limits').limits.FACTOR", "calls __import__"),
        ("return eval('n')", "calls eval"),
        ("return RATER.rate(n)", "names RATER, a Rater, which has no text. Make it a plain constant"),
        ("import nowhere\n    return nowhere.n", "imports nowhere, which cannot be found"),
    ],
)
def test_what_of_a_function_cannot_be_seen_is_refused(reaching: Callable[..., Any], body: str, why: str) -> None:
    assert why in (untold(reaching(body)) or "")


def test_libraries_count_by_name_and_version(reaching: Callable[..., Any]) -> None:
    told = text(reaching("import math\n    import pyarrow.compute as pc\n    return pc.add(math.floor(n), 1)"))
    assert f"pyarrow.compute {pa.__version__}" in told
    assert "math " in told


# Rows in memory, kept by the engine ----------------------------------------------------------------


def looking_up(**names: str) -> Model:
    rows = pa.table({"letter": list(names), "n": [int(value) for value in names.values()]})

    @model(Incremental(), Few)
    def thing(src_thing: ir.Table) -> ir.Table:
        things = src_thing.select(
            thing_id=src_thing.thing_id.try_cast("int64"), letter=ibis.literal("x") + src_thing.thing_id
        )
        return things.left_join(ibis.memtable(rows), "letter").select("thing_id", "n")

    return thing


@pytest.mark.parametrize("backend", WIDELY)
def test_a_lookup_is_code(company: Company) -> None:
    assert company.thing(looking_up(x1="10", x2="20")).action == "created"
    assert company.rows() == [(1, 10), (2, 20), (3, None), (4, None)]
    assert company.thing(looking_up(x2="20", x1="10")).action == "skipped"
    assert company.thing(looking_up(x1="10", x2="20"), ids="2345").action == "updated"
    assert company.rows() == [(2, 20), (3, None), (4, None), (5, None)]
    assert company.thing(looking_up(x1="10", x2="21"), ids="2345").reason == "code or contract changed"
    assert company.rows() == [(2, 21), (3, None), (4, None), (5, None)]


def test_rows_of_a_model_s_own_are_there_once(company: Company) -> None:
    @model(Incremental(), Few)
    def thing(src_thing: ir.Table) -> ir.Table:
        number = src_thing.thing_id.try_cast("int64")
        own = ibis.memtable({"thing_id": [0], "n": [0]})
        return src_thing.select(thing_id=number, n=number).union(own)

    company.build(thing)
    company.build(thing, ids="2345")
    assert company.rows() == [(0, 0), (2, 2), (3, 3), (4, 4), (5, 5)]


def test_a_frame_in_a_model_is_read_whole(company: Company) -> None:
    company.build(looking_up(**{f"x{i}": str(i) for i in range(MOST_ROWS)}))
    assert company.rows() == [(n, n) for n in (1, 2, 3, 4)]
