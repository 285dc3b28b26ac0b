"""Output files: values as they are unless formulas are to be neutralised, and no way out of the directory."""

from __future__ import annotations

import csv
import os
import tempfile
from pathlib import Path
from typing import Any

import ibis
import ibis.expr.types as ir
import pyarrow as pa
import pytest
from click.testing import CliRunner

import lc_ibis
from lc_ibis.api.build import run_pipeline
from lc_ibis.cli import main
from lc_ibis.compiled.outputs import neutralised
from lc_ibis.declare.contracts import Contract, from_extract
from lc_ibis.declare.models import Incremental, Source, model
from lc_ibis.declare.pipeline import Output, Pipeline
from lc_ibis.errors import OutputError
from lc_ibis.layers.columns import Text
from lc_ibis.outputs import splicing, steps
from lc_ibis.settings import Settings
from tests.conftest import ALICE, EVERYWHERE, SAVINGS, Engine, Lending
from tests.torture import cases

FORMULAS = ["=1+1", "+1", "-1", "@sum(a1)", "\t=1", "\r=1", "=cmd|' /c calc'!a0", '=hyperlink("http://x";"y")']
PLAIN = [
    "ann",
    "a=b",
    "'=1",
    " =1",
    "1-1",
    "é+1",
    "n@b",
    "",
    '"',
    "\n=1",
    "o'brien; drop table x; --",
    "\x1b[2j",
    "\u202ea",
]


def names(place: Path, name: str = "customer_name") -> list[str]:
    with place.open(newline="", encoding="utf-8") as file:
        return [row[name] for row in csv.DictReader(file)]


@pytest.mark.parametrize("backend", EVERYWHERE)
def test_what_a_spreadsheet_takes_for_a_formula_gets_an_apostrophe(engine: Engine) -> None:

    rows = engine.load(pa.table({"n": [-5], "text": ["=1"]}))
    texts = [*FORMULAS, *PLAIN]
    rows = ibis.union(*(rows.mutate(n=place, text=ibis.literal(text)) for place, text in enumerate(texts)))
    found = {row["n"]: row["text"] for row in engine.rows(neutralised(rows))}
    assert [found[place] for place in range(len(texts))] == [*(f"'{text}" for text in FORMULAS), *PLAIN]


@pytest.fixture
def dangerous(lending: Lending) -> Lending:
    """Customers and accounts with formulas and everything else for names."""
    texts = [text for text in (*FORMULAS, *PLAIN) if text.strip() == text and text]
    lending.load(
        [(str(n), text, "n") for n, text in enumerate(texts)],
        # An account's number that holds what cannot be seen is refused.
        [(f"{t}{n}" if t.isprintable() else f"A{n}", str(n), "5", "Savings") for n, t in enumerate(texts)],
    )
    return lending


def test_values_leave_as_they_came(dangerous: Lending) -> None:
    found = names(dangerous.outputs / "customer_profile.csv")
    assert found == [row["customer_name"] for row in dangerous.rows("customer_profile")]
    assert {"=1+1", "@sum(a1)", "'=1", "o'brien; drop table x; --", "\x1b[2j"} <= set(found)


def test_outputs_are_neutralised_on_request_and_as_they_are_again_without(dangerous: Lending) -> None:
    before = {place.name: place.read_bytes() for place in dangerous.outputs.iterdir()}
    plain = names(dangerous.outputs / "customer_profile.csv")
    assert dangerous.build(neutralise_formulas=True).status == "built"
    expected = [f"'{name}" if name.startswith(("=", "+", "-", "@", "\t", "\r")) else name for name in plain]
    assert names(dangerous.outputs / "customer_profile.csv") == expected != plain
    assert (dangerous.outputs / "customer_profile.parquet").read_bytes() == before["customer_profile.parquet"]
    files = dangerous.files()
    assert dangerous.build(neutralise_formulas=True).status == "unchanged"
    assert dangerous.files() == files
    dangerous.build()
    assert {place.name: place.read_bytes() for place in dangerous.outputs.iterdir()} == before


def test_export_and_the_list_of_refusals_neutralise_too(dangerous: Lending) -> None:
    to, tables = dangerous.root / "of.csv", {"database": dangerous.database}
    lc_ibis.export("stg_customer", to, **tables)
    plain = names(to)
    lc_ibis.export("stg_customer", to, neutralise_formulas=True, **tables)
    assert names(to) == [f"'{name}" if name[0] in "=+-@" else name for name in plain] != plain
    dangerous.load([("1", "=1", "=maybe"), ("=2", "b", "y")], allow_mass_delete=True)
    for flags, shown in (([], "=2"), (["--neutralise-formulas"], "'=2")):
        listed = CliRunner().invoke(
            main, ["quarantine", "customer", "--csv", *flags, f"--database={dangerous.database}"]
        )
        assert shown in [row["received_id"] for row in csv.DictReader(listed.stdout.splitlines())]


def pipeline_of(name: str) -> Pipeline:
    """A source, and a table of that name which leaves as a file."""

    class Received(Contract):
        """One row per row."""

        word: Text | None = from_extract("Word", "A word.")

    def src(received: ir.Table, run_at: Any) -> ir.Table:
        return received

    def out(src_word: ir.Table) -> ir.Table:
        return src_word

    src.__name__, out.__name__ = "src_word", name
    source = model(Source("words"), Received)(src)
    return Pipeline([source, model(Incremental(by=()), Received)(out)], [Output(name, ("csv",))])


def settings(place: Lending) -> Settings:
    (place.inputs / "words.csv").write_text("Word\na\n")
    return Settings.load(database=place.database, inputs=place.inputs, outputs=place.outputs, reports=place.reports)


@pytest.mark.parametrize("name", ["../x", "/tmp/x", "a/b", "..\\x"])
def test_a_table_whose_name_would_lead_out_of_the_outputs_is_refused(lending: Lending, name: str) -> None:
    with pytest.raises(OutputError, match="the output name is not a valid file name. Rename the table."):
        run_pipeline(pipeline_of(name), settings(lending))
    assert not lending.database.exists()
    assert not list(lending.outputs.iterdir())


@pytest.mark.parametrize(
    "name", ['q"u"ote', "it's; DROP TABLE x; --", "naïve Σ", "a b", "%s{0}", "[*?]", "$1", "--", "select"]
)
def test_any_other_name_is_a_name(lending: Lending, name: str) -> None:
    pipeline, options = pipeline_of(name), settings(lending)
    assert run_pipeline(pipeline, options).status == "built"
    assert run_pipeline(pipeline, options).status == "unchanged"
    (lending.inputs / "words.csv").write_text("Word\na\nb\n")
    assert run_pipeline(pipeline, options).status == "built"
    assert names(lending.outputs / f"{name}.csv", "word") == ["a", "b"]


def test_a_link_that_leads_out_of_the_outputs_is_refused_and_its_target_untouched(lending: Lending) -> None:
    lending.load([ALICE], [SAVINGS])
    secret, place = lending.root / "secret.txt", lending.outputs / "account_summary.csv"
    secret.write_text("mine")
    place.unlink()
    place.symlink_to(secret)
    before = lending.files()
    with pytest.raises(
        OutputError, match=r"account_summary.csv: a link points out of the outputs, to .*secret.txt. Remove"
    ):
        lending.load(accounts=[("A1", "1", "7", "Savings")])
    assert lending.files() == before
    assert (secret.read_text(), os.readlink(place)) == ("mine", str(secret))


def test_the_directory_of_outputs_may_itself_be_a_link(lending: Lending) -> None:
    far = lending.root / "far"
    far.mkdir()
    lending.outputs.symlink_to(far, target_is_directory=True)
    lending.load([ALICE], [SAVINGS])
    assert (far / "account_summary.csv").is_file()


def test_two_backends_are_compared_wherever_scratch_space_is(lending: Lending, monkeypatch: pytest.MonkeyPatch) -> None:
    scratch = lending.root / 'it\'s; [1] * "x"'
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    lending.deliver([ALICE], [SAVINGS])
    results = lc_ibis.parity("duckdb", inputs=lending.inputs)
    assert {result.status for result in results} == {"identical"}


def test_a_file_that_follows_by_a_step_is_to_the_byte_as_if_written_whole(
    lending: Lending, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Days of changes; on one of them somebody has edited a file."""
    monkeypatch.setattr(splicing, "LARGEST_SHARE", 1.0)
    monkeypatch.setattr(steps, "LEAST_ROWS", 0)
    spliced, taken = steps.spliced, list[bool]()

    def noted(*given: Any) -> str | None:
        made = spliced(*given)
        taken.append(made is not None)
        return made

    monkeypatch.setattr(steps, "spliced", noted)
    files = [lending.outputs / name for name in ("account_summary.csv", "customer_profile.csv")]
    for day in range(8):
        lending.load(cases.customers(1 + day % 3), cases.accounts(1 + day % 3), allow_replay=True)
        assert lending.build().status == "unchanged"
        by_steps = [file.read_bytes() for file in files]
        for file in files:
            file.unlink()
        assert lending.build().status == "built"
        assert [file.read_bytes() for file in files] == by_steps
        if day == 4:
            files[0].write_bytes(b"edited\n")
        assert not list(lending.outputs.glob(".*"))
    assert taken.count(True) > 4
    assert False in taken
