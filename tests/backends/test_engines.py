"""The versions of DuckDB and sqlglot that may be installed: what Ibis offers on them, their files, where they differ."""

from __future__ import annotations

import base64
import gzip
from pathlib import Path
from typing import Any

import duckdb
import ibis
import pyarrow as pa
import pytest

import lc_ibis
from lc_ibis.backends.duckdb.file import CONFIG
from lc_ibis.backends.duckdb.ibis_backend import backend
from lc_ibis.backends.duckdb.text import first_line
from lc_ibis.errors import BackupError, DatabaseError
from tests.conftest import ALICE, ON_SPARK, SAVINGS, Engine, Lending

IS_2 = int(duckdb.__version__.split(".")[0]) >= 2
# An empty database as DuckDB 2.0.1 makes it unless it is told otherwise.
OF_DUCKDB_2 = (
    "H4sIAAAAAAACA+3XsQpBARQG4FsMHsJsc3OlXDOiZDTIer2CDJ7AYFCSkqewegIvYDEZPAA7w01KkUUZvm/5O53TGc521vvOtX1ezRq9euec"
    "Cb4yKoelMHrfj5NqHEWVYa30eU+/lUwLp+NuOb8UJ9vFJgAAAAB+4lAdj/ODRvdR3148J7Np5NJoOh0AAAD4/wEAAIC/cQcGqcV3ADAAAA=="
)
THAT_ALL_READ = 64  # the version of the file, which DuckDB writes behind its magic word
NUMBERS = pa.table({"a": pa.array([7], pa.int64()), "zero": pa.array([0], pa.int64()), "below": [-1.0]})


def _version(database: Path) -> int:
    header = database.read_bytes()[:20]
    assert header[8:12] == b"DUCK"
    return int.from_bytes(header[12:], "little")


def _put(database: Path) -> None:
    database.write_bytes(gzip.decompress(base64.b64decode(OF_DUCKDB_2)))


# What Ibis offers ----------------------------------------------------------------------------------------


@pytest.fixture
def con() -> Any:
    """Our connection of Ibis, with a table of one row."""
    made = backend(duckdb.connect(config=CONFIG))
    made.raw_sql("CREATE SCHEMA side; CREATE TABLE side.small AS SELECT 1 AS a; CREATE TABLE small AS SELECT 1 AS a")
    return made


def test_sql_of_ones_own_is_a_table(con: Any) -> None:
    assert con.sql("SELECT a + 1 AS b FROM side.small").to_pyarrow().to_pylist() == [{"b": 2}]
    assert con.table("small").sql("SELECT a + 2 AS b FROM small").to_pyarrow().to_pylist() == [{"b": 3}]


def test_names_are_listed(con: Any) -> None:
    assert con.list_tables() == ["small"]
    assert con.list_tables(database="side", like="^sm") == ["small"]
    assert con.list_tables(database="side", like="other") == []
    assert {"main", "side"} <= set(con.list_databases())
    assert "memory" in con.list_catalogs()


@pytest.mark.filterwarnings("ignore:fetch_record_batch:DeprecationWarning")
def test_rows_come_as_a_stream(con: Any) -> None:
    rows = con.sql("SELECT range AS n FROM range(5)")
    batches = list(con.to_pyarrow_batches(rows, chunk_size=2))
    assert sum(batch.num_rows for batch in batches) == 5
    assert con.to_pyarrow_batches(rows, limit=3).read_all().num_rows == 3


def test_a_table_is_replaced_also_by_its_own_rows(con: Any) -> None:
    small = con.table("small")
    con.create_table("small", small.mutate(b=small.a + 1), overwrite=True)
    assert con.table("small").to_pyarrow().to_pylist() == [{"a": 1, "b": 2}]


@pytest.mark.parametrize("function", ["x -> x + 1", "lambda x : x + 1"])
def test_functions_of_a_lists_values_may_be_written_either_way(con: Any, function: str) -> None:
    """Ibis writes them as its sqlglot does."""
    assert con.raw_sql(f"SELECT list_transform([1, 2], {function})").fetchall() == [([2, 3],)]


def test_what_fails_can_be_tried_and_times_be_formatted(con: Any) -> None:
    """As sqlglot writes it for DuckDB by name; for a dialect that is made of it, it would not."""
    told = ibis.timestamp("2026-01-02 03:04:05").strftime("%-m/%-d %y")
    assert con.to_pyarrow(told).as_py() == "1/2 26"
    tried = ibis.udf.scalar.builtin(lambda value: ..., name="try", signature=(("int64",), "int64"))
    assert con.to_pyarrow(tried(ibis.literal("x").cast("int64"))).as_py() is None


def test_tables_views_and_schemas_are_dropped(con: Any) -> None:
    con.create_view("seen", con.table("small"))
    con.drop_view("seen")
    con.drop_table("small")
    con.drop_table("small", force=True)
    con.drop_table("small", database="side")
    con.drop_database("side")
    assert con.list_tables() == []
    assert "side" not in con.list_databases()


def test_a_result_that_is_not_read_to_its_end_is_in_nobodys_way(con: Any) -> None:
    assert con.raw_sql("SELECT * FROM range(10)").fetchone() == (0,)
    assert con.table("small").to_pyarrow().num_rows == 1
    con.raw_sql("SELECT * FROM range(10)").fetchone()
    assert con.table("small").schema() == ibis.schema({"a": "int32"})


# Files ---------------------------------------------------------------------------------------------------


def test_every_version_makes_a_file_that_every_version_reads(lending: Lending) -> None:
    lending.load([ALICE], [SAVINGS])
    assert _version(lending.database) == THAT_ALL_READ
    lc_ibis.compact(database=lending.database)
    assert _version(lending.database) == THAT_ALL_READ


@pytest.mark.skipif(IS_2, reason="DuckDB 2 reads it")
def test_a_file_of_a_later_version_is_refused_in_our_words(lending: Lending) -> None:
    _put(lending.database)
    was = lending.database.read_bytes()
    with pytest.raises(DatabaseError, match=r"lc\.duckdb: written by a newer version of DuckDB, 1\..* compact"):
        lending.load([ALICE], [SAVINGS])
    assert lending.database.read_bytes() == was


@pytest.mark.skipif(IS_2, reason="DuckDB 2 reads it")
def test_a_file_of_a_later_version_is_not_replaced_by_a_backup(lending: Lending) -> None:
    lending.load([ALICE], [SAVINGS])
    made = lc_ibis.backup(lending.root / "backup", **lending.places())
    _put(lending.database)
    with pytest.raises((DatabaseError, BackupError), match="written by a newer version of DuckDB"):
        lc_ibis.restore(made, **lending.places())


@pytest.mark.skipif(not IS_2, reason="DuckDB 1 does not read it")
def test_compacting_makes_a_file_of_version_2_one_that_all_read(lending: Lending) -> None:
    _put(lending.database)
    lending.load([ALICE], [SAVINGS])
    assert _version(lending.database) != THAT_ALL_READ
    lc_ibis.compact(database=lending.database)
    assert _version(lending.database) == THAT_ALL_READ
    assert {result.status for result in lc_ibis.verify(database=lending.database)} == {"identical"}


def test_an_error_within_an_error_is_said_by_itself() -> None:
    """A full disk, as DuckDB 2.0.1 tells of it."""
    told = first_line(
        duckdb.IOException(
            'IO Error: Async write failed for range [offset=0, size=120]: {"exception_type":"IO",'
            '"exception_message":"Could not write file \\"out.csv\\": No space left on device","errno":"28"}'
        )
    )
    assert told == 'Could not write file "out.csv": No space left on device'


# Where engines differ, as docs/backends.md has it --------------------------------------------------------


def _value(engine: Engine, value: Any) -> Any:
    [row] = engine.rows(engine.load(NUMBERS).select(value=value))
    return row["value"]


@pytest.mark.parametrize("backend", ["duckdb", *ON_SPARK])
def test_a_divisor_of_zero(engine: Engine, backend: str) -> None:
    with pytest.raises(Exception, match=r"(?i)division by zero|inf can't be cast"):
        _value(engine, ibis._.a // ibis._.zero)
    if backend == "duckdb":
        assert _value(engine, ibis._.a / ibis._.zero) == float("inf")
    else:
        with pytest.raises(Exception, match="DIVIDE_BY_ZERO"):
            _value(engine, ibis._.a / ibis._.zero)
    if backend == "duckdb" and not IS_2:
        assert _value(engine, ibis._.a % ibis._.zero) is None
    else:
        with pytest.raises(Exception, match=r"(?i)(division|remainder) by zero"):
            _value(engine, ibis._.a % ibis._.zero)


@pytest.mark.parametrize("backend", ["duckdb", *ON_SPARK])
def test_a_divisor_that_is_null_in_place_of_zero_gives_null_everywhere(engine: Engine) -> None:
    divisor = ibis._.zero.nullif(0)
    for value in (ibis._.a // divisor, ibis._.a / divisor, ibis._.a % divisor):
        assert _value(engine, value) is None


@pytest.mark.parametrize("backend", ["duckdb", *ON_SPARK])
def test_roots_and_logarithms_beyond_their_range(engine: Engine, backend: str) -> None:
    values = (ibis._.below.sqrt(), ibis._.zero.ln(), ibis._.below.ln())
    if backend == "duckdb" and not IS_2:
        for value in values:
            with pytest.raises(duckdb.OutOfRangeException):
                _value(engine, value)
    else:
        logarithms = ["-inf", "nan"] if backend == "duckdb" else ["None", "None"]
        assert [str(_value(engine, value)) for value in values] == ["nan", *logarithms]
