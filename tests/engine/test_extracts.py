"""Delivered files: every form that one delivery may take, and what makes a file be refused."""

from __future__ import annotations

import gzip
import os
import shutil
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lc_ibis.errors import ExtractError, LcIbisError
from tests.conftest import ALICE, SAVINGS, Lending

pytestmark = pytest.mark.usefixtures("of_few_rows")

HEADER = "CustomerID,Name,HasLoan\n"
ROWS = [("1", 'Ann "A" O\'Hara, Jr.', "Yes"), ("2", "Zoë\nLee", None)]
FIRST, SECOND = '1,"Ann ""A"" O\'Hara, Jr.",Yes\n', '2,"Zoë\nLee",\n'
CSV = HEADER + FIRST + SECOND


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Lending:
    """A place that was built once. Tests share it: none of them may change it."""
    place = Lending(tmp_path_factory.mktemp("built"))
    place.load(ROWS, [SAVINGS])
    return place


def put(place: Lending, files: dict[str, str | bytes | pa.Table]) -> None:
    """Have these files, and a sound accounts.csv, as the inputs; text is packed where its name ends in .gz."""
    shutil.rmtree(place.inputs, ignore_errors=True)
    place.deliver(accounts=[SAVINGS])
    for name, content in files.items():
        path = place.inputs / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, pa.Table):
            pq.write_table(content, path)
        else:
            raw = content.encode() if isinstance(content, str) else content
            path.write_bytes(gzip.compress(raw) if name.endswith(".gz") and isinstance(content, str) else raw)


def received(place: Lending, **options: Any) -> list[Any]:
    """Read the extracts; return the customers as received."""
    place.build(select="source", **options)
    return place.rows("src_customer", "customer_id", "name", "has_loan")


def parquet(customer_id: Any, name: Any = "A", has_loan: Any = "y", **more: Any) -> pa.Table:
    columns = {"CustomerID": customer_id, "Name": name, "HasLoan": has_loan, **more}
    return pa.table({c: v if isinstance(v, pa.Array) else pa.array([v]) for c, v in columns.items()})


# What is read ---------------------------------------------------------------------------------

IN_PARQUET = pa.table(dict(zip(("CustomerID", "Name", "HasLoan"), map(list, zip(*ROWS, strict=True)), strict=True)))


IN_CRLF = CSV.replace("Loan\n", "Loan\r\n").replace("Yes\n", "Yes\r\n").replace(",\n", ",\r\n")
IN_MEMBERS = gzip.compress((HEADER + FIRST).encode()) + gzip.compress(SECOND.encode())
FORMS: dict[str, dict[str, Any]] = {
    "plain": {"Customer.csv": CSV},
    "byte order mark": {"Customer.csv": "\ufeff" + CSV},
    "CRLF": {"Customer.csv": IN_CRLF},
    "no last newline": {"Customer.csv": CSV.removesuffix("\n")},
    "blank lines": {"Customer.csv": HEADER + "\n" + FIRST + "\n" + SECOND + "\n\n"},
    "header in other case and space": {"Customer.csv": ' customer id ,NAME,"Has  Loan"\n' + FIRST + SECOND},
    "rows in another order": {"Customer.csv": HEADER + SECOND + FIRST},
    "gzip": {"Customer.csv.gz": CSV},
    "gzip in two members": {"Customer.csv.gz": IN_MEMBERS},
    "Parquet": {"Customer.parquet": IN_PARQUET},
    "directory": {"Customer/1.csv": HEADER + FIRST, "Customer/2.csv": "\ufeff" + HEADER + SECOND, "Customer/.crc": "x"},
    "directory of all kinds": {
        "Customer/1.csv.gz": HEADER + FIRST, "Customer/2.PARQUET": IN_PARQUET[1:], "Customer/3.csv": HEADER
    },
    "each file its newlines": {
        "Customer/1.csv": (HEADER + FIRST).replace("\n", "\r\n"), "Customer/2.csv": HEADER + SECOND
    },
    "second file in another order": {
        "Customer/1.csv": HEADER + FIRST, "Customer/2.csv": 'Name,HasLoan,CustomerID\n"Zoë\nLee",,2\n'
    },
    "columns in another order": {
        "Customer.csv": 'HasLoan,CustomerID,Name\nYes,1,"Ann ""A"" O\'Hara, Jr."\n,2,"Zoë\nLee"\n'
    },
    "Parquet columns in another order": {"Customer.parquet": IN_PARQUET.select([2, 0, 1])},
}  # fmt: skip


@pytest.mark.parametrize("files", FORMS.values(), ids=FORMS)
def test_the_same_delivery_in_another_form_changes_nothing(built: Lending, files: dict[str, Any]) -> None:
    before = built.files()
    put(built, files)
    assert built.build().status == "unchanged"
    assert built.files() == before


@pytest.mark.parametrize(
    ("line", "row"),
    [
        ("1,A,y", ("1", "A", "y")),
        ('1,"",""', ("1", None, None)),
        (",,", (None, None, None)),
        (" 1 ,NA,NULL", (" 1 ", "NA", "NULL")),
        ('1,"A\r\nB\rC",y', ("1", "A\r\nB\rC", "y")),
        ("1,A \"x\" B,'y'", ("1", 'A "x" B', "'y'")),
        ("1,A\\,#", ("1", "A\\", "#")),
        ('1,"A\rŵ",y', ("1", "A\rŵ", "y")),
        ("1,A\x00B,y", ("1", "A\x00B", "y")),
        ("\ufeff007,1e3,1_000", ("\ufeff007", "1e3", "1_000")),
    ],
)
def test_fields_are_text_as_received_and_empty_ones_null(lending: Lending, line: str, row: Any) -> None:
    put(lending, {"Customer.csv": f"{HEADER}{line}\n"})
    assert received(lending) == [row]


NAMES = [
    "a b",
    "it's",
    'q"q',
    "[1]",
    "*",
    "?",
    "**",
    "[a-z]",
    "[!a]",
    "]",
    "a{b,c}",
    "é",
    "~",
    "a\\b",
    "a;b",
    "%s",
    "$x",
]


def test_a_file_may_have_any_name(lending: Lending) -> None:
    put(lending, {f"Customer/{name}.csv": f"{HEADER}{i},A,y\n" for i, name in enumerate(NAMES)})
    assert sorted(int(row[0]) for row in received(lending)) == list(range(len(NAMES)))


@pytest.mark.parametrize(
    ("pattern", "numbers"),
    [("c/*.csv", ["1", "2"]), ("c/2.csv", ["2"]), ("c/[13]*", ["1"]), ("**/1.csv", ["1", "3"]), ("*/*.csv", ["1", "2", "3"])],
)  # fmt: skip
def test_a_source_can_be_a_pattern(lending: Lending, pattern: str, numbers: list[str]) -> None:
    put(
        lending,
        {name: f"{HEADER}{i},A,y\n" for i, name in enumerate(["Customer.csv", "c/1.csv", "c/2.csv", "d/1.csv"])},
    )
    assert [row[0] for row in received(lending, source=(f"src_customer={pattern}",))] == numbers


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (2**63 - 1, "9223372036854775807"), (-7, "-7"), (Decimal("7.10"), "7.10"), (True, "true"), (" 7 ", " 7 "),
        ("", None), (None, None), (pa.array([2**64 - 1], pa.uint64()), "18446744073709551615"),
        (pa.array(["7"], pa.large_string()), "7"),
    ],
)  # fmt: skip
def test_parquet_columns_are_read_exactly(lending: Lending, value: Any, text: str | None) -> None:
    put(lending, {"Customer.parquet": parquet(value)})
    assert received(lending) == [(text, "A", "y")]


@pytest.mark.parametrize("file", ["customer_id=9/c.csv", "CustomerID=9/c.parquet"])
def test_a_directory_that_looks_like_a_partition_adds_nothing(lending: Lending, file: str) -> None:
    put(lending, {file: f"{HEADER}1,A,y\n" if file.endswith("csv") else parquet("1")})
    assert received(lending, source={"src_customer": file}) == [("1", "A", "y")]


# What is refused ------------------------------------------------------------------------------


def broken(name: str, content: Any, said: str, file: str = "Customer.csv") -> Any:
    """A file, and what the message says after its path."""
    return pytest.param(file, content, said, id=name)


def wrong(header: str, problems: str, **more: str) -> Any:
    said = f": the columns are {header}; SrcCustomer expects CustomerID, Name, HasLoan ({problems}). Fix the file"
    return broken(problems, header.replace(", ", ",") + "\n1,2,3,4\n", said, **more)


GZ, PARQUET, PART = "Customer.csv.gz", "Customer.parquet", "Customer/2.csv"
ARCHIVE = gzip.compress("".join([HEADER, *(f"{i},A{i},y\n" for i in range(1000))]).encode())
DAMAGED = bytearray(pq.write_table(IN_PARQUET, sink := pa.BufferOutputStream()) or sink.getvalue())
WITH_BYTES = bytes(DAMAGED)
DAMAGED[8:40] = b"\xff" * 32
NOT_UTF8, CUT_OFF = ": the file is not UTF-8", ": the gzip archive is damaged or truncated"
NEWLINES, NO_PARQUET = ": not valid CSV. The usual cause is mixed line endings", ": not a valid Parquet file"
MANY = HEADER + "1,A,y\n" * 50_000


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        broken("empty", "", ": the file is empty. A header and rows were expected."),
        broken("blank first line", "\n" + CSV, ", line 1: the line is blank. The first line must be the header."),
        wrong("CustomerID, Name", "missing: HasLoan"),
        wrong("CustomerID, Name, HasLoan, Age", "unexpected: Age"),
        wrong("ID, Name, HasLoan", "missing: CustomerID; unexpected: ID"),
        wrong("CustomerID, Name, HasLoan, name", "twice: Name, name"),
        wrong("Name;HasLoan", "missing: CustomerID, Name, HasLoan; unexpected: Name;HasLoan"),
        broken("header with trailing comma", HEADER[:-1] + ",\n1,A,y,\n", ": the columns"),
        broken(
            "header of two lines",
            HEADER.replace("HasLoan", '"Has\rLoan"') + "1,A,y\n",
            ", line 1: a column name contains a line",
        ),
        broken(
            "header of other lines",
            HEADER.replace("HasLoan\n", '"Has\nLoan"\r\n') + "1,A,y\r\n",
            ", line 1: a column name contains",
        ),
        broken("header not closed", 'CustomerID,"Name,HasLoan\n1,A,y\n', ", line 1: cannot read the header"),
        broken("header alone", HEADER, ": "),
        broken("short row", HEADER + "1,A,y\n2,B\n", ", line 3: 2 fields where 3 were expected. Fix the row."),
        broken("long row", HEADER + "1,A,y\n2,B,n,x\n", ", line 3: 4 fields where 3 were expected. Fix the row."),
        broken("trailing comma", HEADER + "1,A,y\n2,Lee,Yes,\n", ", line 3: 4 fields"),
        broken("space before a quote", HEADER + '1,A,y\n2, "Lee",n\n', ", line 3: spaces before a quoted field."),
        broken("late short row", MANY + "2,B\n", ", line 50002: 2 fields where 3 were expected."),
        broken("short after quoted newline", HEADER + '1,"\n",y\n2,C\n', ", line 4: 2 fields"),
        broken("spaces alone", HEADER + "1,A,y\n  \n", ", line 3: 1 fields where 3 were expected."),
        broken("quote not closed", HEADER + '1,A,y\n2,"B,n\n3,C,n\n', ", line 3: a quoted field is not closed"),
        broken("text after quote", HEADER + '1,"A"x,y\n', ", line 2: a quoted field is not closed, or text follows"),
        broken("mixed newlines", HEADER + "1,A,y\r\n2,B,n\n", NEWLINES),
        broken("late other newline", MANY + "2,B,n\r\n", NEWLINES),
        broken("lone carriage return", HEADER + "1,A\rB,y\n", NEWLINES),
        broken("Latin-1 header", "Näme\n".encode("latin-1"), f", line 1{NOT_UTF8}"),
        broken("Latin-1 row", (HEADER + "2,Zoë,n\n").encode("latin-1"), f", line 2{NOT_UTF8}"),
        broken("late Latin-1 row", (MANY + "2,Zoë,n\n").encode("latin-1"), f", line 50002{NOT_UTF8}"),
        broken("UTF-16", CSV.encode("utf-16"), f", line 1{NOT_UTF8}"),
        broken("UTF-16 without mark", HEADER.encode("utf-16-le"), f", line 1{NOT_UTF8}"),
        broken("gzip named CSV", ARCHIVE, f", line 1{NOT_UTF8}"),
        broken("gzip cut off", ARCHIVE[:-200], CUT_OFF, GZ),
        broken("gzip without its sum", ARCHIVE[:-4], CUT_OFF, GZ),
        broken("gzip with a wrong sum", ARCHIVE[:-8] + b"\0" * 8, CUT_OFF, GZ),
        broken("CSV named gzip", CSV.encode(), CUT_OFF, GZ),
        broken("empty gzip", b"", ": the file is empty", GZ),
        broken("CSV named Parquet", CSV, NO_PARQUET, PARQUET),
        broken("empty Parquet", "", NO_PARQUET, PARQUET),
        broken("Parquet column missing", parquet("1").drop(["Name"]), ": the columns are CustomerID, HasLoan", PARQUET),
        broken("Parquet float", parquet(7.0), ": column CustomerID is double; only text, integers, decimals", PARQUET),
        broken(
            "Parquet wide decimal",
            parquet(pa.array([Decimal(7)], pa.decimal256(60, 10))),
            ": column CustomerID is decimal256",
            PARQUET,
        ),
        broken("archive in capitals", CSV, ": the extension .gz must be lower case", "Customer/1.CSV.GZ"),
        broken("Parquet list", parquet(["7"]), ": column CustomerID is list<", PARQUET),
        broken("Parquet not UTF-8", parquet(pa.array([b"\xff"]).view(pa.string())), ": ", PARQUET),
        broken("Parquet names not UTF-8", WITH_BYTES.replace(b"HasLoan", b"Has\xffoan"), NO_PARQUET, PARQUET),
        broken("Parquet damaged inside", bytes(DAMAGED), ": ", PARQUET),
        broken("empty part", "", ": the file is empty", PART),
        broken("broken part", HEADER + "1,A\n", ", line 2: 2 fields where 3 were expected.", PART),
        broken("part of no kind", "hi", ": extracts must be one of .csv, .csv.gz, .parquet.", "Customer/notes.txt"),
    ],
)
def test_a_broken_file_is_named_and_changes_nothing(
    lending: Lending, built: Lending, name: str, content: Any, said: str
) -> None:
    parts = {"Customer/1.csv": CSV} if name.startswith("Customer/") else {}
    for place in (lending, built):
        before = place.files()
        put(place, {**parts, name: content})
        with pytest.raises(ExtractError) as error:
            place.build()
        assert f"{place.inputs / name}{said}" in str(error.value)
        assert place.files() == before
    assert not lending.database.exists()


def test_a_header_alone_would_close_every_key(built: Lending) -> None:
    before = built.files()
    put(built, {"Customer.csv": HEADER})
    with pytest.raises(ExtractError, match="the extract has no rows, which would close every key"):
        built.build()
    assert built.files() == before


def test_the_message_on_a_line_beyond_all_measure_is_short(lending: Lending) -> None:
    put(lending, {"Customer.csv": f"{HEADER}1,{'A' * 3_000_000},y\n"})
    with pytest.raises(ExtractError) as error:
        lending.build()
    assert len(str(error.value)) < 1000


@pytest.mark.parametrize(
    "name", ["A" * 100_000, ",".join(map(str, range(10_000))), "," * 1_000_000], ids=["long", "many", "blank"]
)
def test_the_message_on_columns_beyond_all_measure_is_short(lending: Lending, name: str) -> None:
    put(lending, {"Customer.csv": f"CustomerID,{name}\n"})
    with pytest.raises(ExtractError, match="missing: Name, HasLoan; unexpected:") as error:
        lending.build()
    assert len(str(error.value)) < 1000


def test_a_message_that_ends_within_a_letter_is_told_all_the_same(lending: Lending) -> None:
    """DuckDB cuts the line that it quotes after so many bytes, and Python refuses what is left of the letter."""
    said = [broken("shift", HEADER + f'1,"{"A" * shift}{"é" * 66_000}\n', "").values for shift in (0, 1)]
    for _, content, _ in said:
        put(lending, {"Customer.csv": content})
        with pytest.raises(ExtractError, match=r"Customer\.csv, line 2: a quoted field is not closed"):
            lending.build()


@pytest.mark.parametrize("name", ["Customer.csv", "Customer", "Customer/1.csv"])
def test_what_is_no_file_is_named_and_not_waited_for(lending: Lending, name: str) -> None:
    lending.deliver(accounts=[SAVINGS])
    place = lending.inputs / name
    place.parent.mkdir(exist_ok=True)
    os.mkfifo(place)
    with pytest.raises(ExtractError) as error:
        lending.build()
    assert str(error.value) == f"{place}: not a regular file. Deliver the extract as a file."


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ([], ": found no Customer.csv, .csv.gz, .parquet or a directory Customer. Known: accounts.csv."),
        (["Customers.csv"], ": found no Customer.csv, .csv.gz, .parquet or a directory Customer. Did you mean Cust"),
        (["customer.CSV"], "Did you mean customer.CSV?"),
        (
            ["Customer.csv", "Customer.csv.gz"],
            ": Customer.csv, Customer.csv.gz all match the extract Customer. K",
        ),
        (
            ["Customer/1.csv", "Customer.csv"],
            ": Customer, Customer.csv all match the extract Customer. Keep one",
        ),
        (["Customer/.hidden"], "/Customer: the directory is empty. Deliver the extract again."),
    ],
)
def test_files_that_cannot_be_told_are_named(lending: Lending, files: list[str], said: str) -> None:
    put(lending, dict.fromkeys(files, CSV))
    with pytest.raises(ExtractError) as error:
        lending.build()
    assert str(error.value).startswith(str(lending.inputs))
    assert said in str(error.value)
    assert lending.files() == {}


def test_an_ending_may_be_in_any_case(lending: Lending) -> None:
    lending.deliver([ALICE], [SAVINGS])
    (lending.inputs / "accounts.csv").rename(lending.inputs / "accounts.CSV")
    (lending.inputs / "Customer.csv").rename(lending.inputs / "Customer.Csv")
    assert lending.build().status == "built"
    assert lending.rows("account_summary", "account_id") == ["A1"]


@pytest.mark.parametrize("make", [lambda path: None, Path.touch], ids=["nothing", "a file"])
def test_inputs_that_are_no_directory_are_named(lending: Lending, make: Callable[[Path], None]) -> None:
    lending.inputs.rmdir()
    make(lending.inputs)
    with pytest.raises(ExtractError, match="the directory of extracts does not exist. Set it with --inputs"):
        lending.build()
    assert lending.files() == {}


@pytest.mark.parametrize("pattern", ["nothing*.csv", "c", "[", "/abs/*.csv", "c/a**", "."])
def test_a_pattern_that_matches_no_file_is_named(lending: Lending, pattern: str) -> None:
    put(lending, {"Customer.csv": CSV, "c/1.csv": CSV})
    with pytest.raises(ExtractError) as error:
        lending.build(source={"src_customer": pattern})
    assert (
        str(error.value)
        == f"{lending.inputs}: no file matches {pattern}, the pattern of source Customer. Check --source."
    )


@pytest.mark.parametrize(("name", "nearest"), [("src_custmer", "src_customer"), ("stg_account", "src_account")])
def test_a_pattern_for_an_unknown_source_is_refused_with_a_hint(lending: Lending, name: str, nearest: str) -> None:
    lending.deliver([ALICE], [SAVINGS])
    with pytest.raises(LcIbisError, match=rf"{name}.*Did you mean {nearest}\?"):
        lending.build(source={name: "*.csv"})
