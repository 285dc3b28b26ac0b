"""The language of --select and --exclude, over a small pipeline:

    src_a   src_b          source
      |       |
    stg_a   stg_b          staging
       \\     /
        joined             intermediate
       /     \\
    total   summary        marts
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

import ibis.expr.types as ir
import pytest

from lc_ibis.declare.models import Ephemeral, model
from lc_ibis.declare.pipeline import Pipeline
from lc_ibis.declare.selection import select
from lc_ibis.errors import SelectionError

ALL = "src_a src_b stg_a stg_b joined total summary"


def _models() -> Pipeline:
    def src_a() -> ir.Table: ...
    def src_b() -> ir.Table: ...
    def stg_a(src_a: ir.Table) -> ir.Table: ...
    def stg_b(src_b: ir.Table) -> ir.Table: ...
    def joined(stg_a: ir.Table, stg_b: ir.Table) -> ir.Table: ...
    def total(joined: ir.Table) -> ir.Table: ...
    def summary(joined: ir.Table) -> ir.Table: ...

    layers = {
        "source": (src_a, src_b), "staging": (stg_a, stg_b), "intermediate": (joined,), "marts": (total, summary)
    }  # fmt: skip
    modules = []
    for layer, functions in layers.items():
        module = ModuleType(layer)
        for function in functions:
            function.__module__ = f"tests.{layer}"
            setattr(module, function.__name__, model(Ephemeral())(function))
        modules.append(module)
    return Pipeline.of(*modules)


PIPELINE = _models()


def names(*include: str, exclude: Any = ()) -> str:
    return " ".join(select(PIPELINE, include, exclude))


@pytest.mark.parametrize(
    ("term", "chosen"),
    [
        # A table, a layer, a pattern.
        ("joined", "joined"),
        ("marts", "total summary"),
        ("stg_*", "stg_a stg_b"),
        ("*_a", "src_a stg_a"),
        ("s??_[ab]", ALL.split(" joined")[0]),
        ("*", ALL),
        ("layer:staging", "stg_a stg_b"),
        ("tag:staging", "stg_a stg_b"),
        ("name:src_*", "src_a src_b"),
        # What it is made from, what is made from it, and how far.
        ("+stg_a", "src_a stg_a"),
        ("+joined", "src_a src_b stg_a stg_b joined"),
        ("1+joined", "stg_a stg_b joined"),
        ("2+total", "stg_a stg_b joined total"),
        ("9+total", "src_a src_b stg_a stg_b joined total"),
        ("0+total", "total"),
        ("stg_a+", "stg_a joined total summary"),
        ("stg_a+1", "stg_a joined"),
        ("src_b+2", "src_b stg_b joined"),
        ("total+", "total"),
        ("+joined+", ALL),
        ("1+joined+1", "stg_a stg_b joined total summary"),
        ("+marts", ALL),
        ("1+layer:marts", "joined total summary"),
        ("stg_*+1", "stg_a stg_b joined"),
        # Either, and both.
        ("stg_a total", "stg_a total"),
        ("total stg_a", "stg_a total"),
        ("marts  total\tsrc_a", "src_a total summary"),
        ("staging,*_a", "stg_a"),
        ("+total,stg_a+", "stg_a joined total"),
        ("src_a+1,1+joined", "stg_a"),
        ("*_a,staging marts", "stg_a total summary"),
    ],
)
def test_a_term_selects(term: str, chosen: str) -> None:
    assert names(term) == chosen


@pytest.mark.parametrize("include", [(), ("",), (" ", "")])
def test_no_term_selects_everything(include: tuple[str, ...]) -> None:
    assert names(*include) == ALL


def test_terms_may_come_one_by_one_and_keep_the_order_of_a_build() -> None:
    assert names("summary", "stg_a", "src_b") == names("summary stg_a src_b") == "src_b stg_a summary"


@pytest.mark.parametrize(
    ("include", "exclude", "chosen"),
    [
        ("", ["marts"], "src_a src_b stg_a stg_b joined"),
        ("", ["src_a+"], "src_b stg_b"),
        ("+joined", ["source"], "stg_a stg_b joined"),
        ("+joined", ["source", "*_b"], "stg_a joined"),
        ("+joined", ["source *_b"], "stg_a joined"),
        ("+joined", ["source,*_b"], "src_a stg_a stg_b joined"),
        ("marts", ["staging"], "total summary"),
        ("marts", [""], "total summary"),
    ],
)
def test_excluded_terms_are_left_out(include: str, exclude: list[str], chosen: str) -> None:
    assert names(include, exclude=exclude) == chosen


@pytest.mark.parametrize(("include", "exclude"), [("staging,marts", ""), ("marts", "marts"), ("", "*")])
def test_a_selection_of_nothing_is_refused(include: str, exclude: str) -> None:
    with pytest.raises(SelectionError, match="nothing is selected"):
        names(include, exclude=[exclude])


EVERY_NAME = ", ".join(sorted([*ALL.split(), "source", "staging", "intermediate", "marts"]))


@pytest.mark.parametrize(
    ("term", "said"),
    [
        ("sumary", "--select sumary: no table or layer has this name. Did you mean summary?"),
        ("stagin", "--select stagin: no table or layer has this name. Did you mean staging?"),
        ("+totl+2", "--select +totl+2: no table or layer has this name. Did you mean total?"),
        ("xyz", f"--select xyz: no table or layer has this name. Known: {EVERY_NAME}."),
        ("zzz_*", f"--select zzz_*: no table or layer has this name. Known: {EVERY_NAME}."),
        ("layer:total", "--select layer:total: no table or layer has this name."),
        ("name:marts", "--select name:marts: no table or layer has this name."),
        ("layers:marts", "--select layers:marts: layers: is not a selection method. Did you mean layer?"),
        ("path:x", "--select path:x: path: is not a selection method. Known: layer, name, tag."),
        *((bad, f"--select {bad}: use a table or a layer, with + before or after it.")
          for bad in ("+", "++", "+a+b", "total++", "++total", "-1+total", "total+x")),
    ],
)  # fmt: skip
def test_a_term_that_cannot_be_understood_is_refused_with_a_hint(term: str, said: str) -> None:
    with pytest.raises(SelectionError) as error:
        names("marts", term)
    assert str(error.value).startswith(said)
    assert error.value.exit_code == 2


@pytest.mark.parametrize("term", ["staging,", ",staging", "staging,,marts"])
def test_a_comma_without_a_term_is_shown_with_its_neighbours(term: str) -> None:
    with pytest.raises(SelectionError) as error:
        names(term)
    assert term in str(error.value)


def test_an_excluded_name_that_does_not_exist_is_said_to_be_excluded() -> None:
    with pytest.raises(SelectionError, match="--exclude sumary: .* Did you mean summary"):
        names(exclude=["sumary"])


def test_a_hint_names_nothing_twice() -> None:
    from lc_ibis.layers import pipeline

    with pytest.raises(SelectionError) as error:
        select(pipeline, ["xyz"])
    known = str(error.value).partition("Known: ")[2].rstrip(".").split(", ")
    assert len(known) == len(set(known))


def test_a_table_that_does_not_exist_is_refused_with_a_hint() -> None:
    with pytest.raises(SelectionError, match=r"No table named 'sumary'\. Did you mean summary\?"):
        PIPELINE["sumary"]
