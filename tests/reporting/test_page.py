"""The quality report as a page: what it says, and how it looks in a browser."""

from __future__ import annotations

import json
import os
import re
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import lc_ibis
from lc_ibis.cli import main
from lc_ibis.errors import DatabaseError, LcIbisError, OutputError
from lc_ibis.reporting.drawing import HEIGHT, WIDTH, layout
from lc_ibis.reporting.page import page
from tests.conftest import ALICE, SAVINGS, Lending, change_rules
from tests.engine.test_atomic import HUGE
from tests.layers.test_sample import DAYS

pytestmark = pytest.mark.usefixtures("of_few_rows")

HOSTILE = "A<script>document.title='taken'</script>&"
UNSEEN = "A\x01\u202eB\xa0"


def _page(lending: Lending) -> str:
    return lc_ibis.report("html", reports=lending.reports)


def _words(html: str) -> str:
    """Return a page's text, without tags and style."""
    return re.sub(r"\s+", " ", re.sub(r"<style>.*?</style>|<[^>]+>", " ", html, flags=re.DOTALL))


def _title(html: str) -> str:
    [title] = re.findall("<title>(.*)</title>", html)
    return str(title)


@pytest.mark.usefixtures("any_amount")
def test_the_verdict_is_at_the_top(lending: Lending) -> None:
    lending.load([ALICE], [SAVINGS])
    assert _title(_page(lending)) == "✓ Published · run 1 · lc-ibis"
    lending.build()
    assert _title(_page(lending)) == "✓ Nothing changed · run 2 · lc-ibis"
    lending.load([ALICE], [SAVINGS, ("A2", "77", "1", "Savings")])
    assert _title(_page(lending)) == "! Published, with 1 warning · run 2 · lc-ibis"
    with pytest.raises(LcIbisError):
        lending.load([ALICE], [SAVINGS, HUGE])
    page = _words(_page(lending))
    assert page.index("Nothing was published") < page.index("Failures and warnings") < page.index("Checks by")
    assert "Why 3 checks failed, so nothing was published" in page


def test_an_old_source_is_a_warning_at_the_top(lending: Lending) -> None:
    lending.deliver([ALICE], [SAVINGS])
    lending.build(warn_file_age=0)
    assert "Published, with 2 warnings" in _title(_page(lending))
    assert "! warned" in _words(_page(lending)).split("Source freshness")[1]


def test_what_changed_is_told_beside_the_run_before(lending: Lending) -> None:
    lending.load([ALICE], [SAVINGS, ("A2", "1", "5", "Savings")])
    lending.load([ALICE], [SAVINGS, ("A2", "1", "oops", "Savings")])
    page = _words(_page(lending))
    assert "snap_account unchanged" in page, "A2 is held"
    assert "account 2 1 (−1) 1 (+1) 1 (+1) 2 2 0" in page
    assert "The last 2 reports" in page


def test_a_build_that_ended_early_has_a_page(lending: Lending) -> None:
    lending.deliver([ALICE], [])
    (lending.inputs / "accounts.csv").write_text("AccountID,CustomerID,Balance,AccountType\n")
    with pytest.raises(LcIbisError):
        lending.build()
    page = _words(_page(lending))
    assert "The build ended with an error" in page
    assert "the extract has no rows" in page
    assert "stg_account" in page, "the lineage is known"
    assert "not in this build" in page
    assert "by severity" not in page, "no checks run, and a table of none says nothing"


@pytest.mark.usefixtures("any_amount")
def test_values_are_shown_and_never_obeyed(lending: Lending) -> None:
    with pytest.raises(LcIbisError):
        lending.load([ALICE], [(HOSTILE, *HUGE[1:]), ("B" * 5000, *HUGE[1:])])
    page = _page(lending)
    assert "<script" not in page
    assert "A&lt;script&gt;document.title=&#39;taken&#39;&lt;/script&gt;&amp;" in page
    assert "B" * 200 + "… (5,000 characters)" in page
    assert "B" * 201 not in page


def test_what_cannot_be_seen_is_written_out(lending: Lending) -> None:
    lending.load([ALICE], [SAVINGS, (UNSEEN, *SAVINGS[1:3], "gold\u200b")])
    page = _page(lending)
    assert r"A\x01\u202eB\xa0" in page
    assert r"account_id holds \x01, which cannot be seen" in page
    assert not set("\x01\u202e\xa0\u200b") & set(page)


def test_a_page_needs_nothing_from_elsewhere(lending: Lending) -> None:
    lending.load([ALICE], [SAVINGS])
    assert not re.findall(r"https?://|\bsrc=|@import|url\(|<link|<script", _page(lending))


def test_reports_of_other_versions_are_left_out_of_the_trend(lending: Lending) -> None:
    lending.load([ALICE], [SAVINGS])
    first = min(lending.reports.glob("*.json"))
    for number, text in enumerate(("", "[]", '{"schema_version": 1}', "\udcff")):
        spoilt = first.with_name(f"quality_report_2020010{number + 1}T000000.000000Z.json")
        spoilt.write_bytes(text.encode("utf-8", "surrogateescape"))
    assert "This is the first report" in _words(_page(lending))
    first.write_text(json.dumps(json.loads(first.read_text()) | {"schema_version": 1}))
    with pytest.raises(DatabaseError, match="not a report of this version"):
        _page(lending)


def test_open_writes_the_page_beside_the_report_and_opens_it(lending: Lending, monkeypatch: pytest.MonkeyPatch) -> None:
    lending.load([ALICE], [SAVINGS])
    opened: list[str] = []
    monkeypatch.setattr("click.launch", opened.append)
    result = CliRunner().invoke(main, ["report", "--open", "--reports", str(lending.reports)])
    [page] = lending.reports.glob("*.html")
    assert result.output == f"wrote {page}\n"
    assert opened == [page.resolve().as_uri()]
    assert page.read_text(encoding="utf-8") == _page(lending)
    assert page.with_suffix(".json").exists()


def test_a_page_that_cannot_be_written_is_named(lending: Lending) -> None:
    lending.load([ALICE], [SAVINGS])
    [report] = lending.reports.glob("*.json")
    report.with_suffix(".html").mkdir()
    with pytest.raises(OutputError, match=r"\.html: the path is a directory"):
        lc_ibis.report_page(reports=lending.reports)


def test_tables_stand_below_what_they_are_made_from() -> None:
    lineage: list[dict[str, Any]] = [
        {"table": "a", "layer": "one", "inputs": []},
        {"table": "b", "layer": "one", "inputs": []},
        {"table": "of_b", "layer": "two", "inputs": ["b"]},
        {"table": "of_a", "layer": "two", "inputs": ["a"]},
        {"table": "of_both", "layer": "two", "inputs": ["of_a", "of_b"]},
    ]
    drawn = layout(lineage)
    at = {node.table: (node.x, node.y) for node in drawn.nodes}
    for entry in lineage:
        assert all(at[name][1] + HEIGHT < at[entry["table"]][1] for name in entry["inputs"])
    assert at["of_a"][0] < at["of_b"][0], "each is below its own, so that no lines cross"
    assert list(drawn.labels) == ["one", "two"]
    assert len(drawn.lines) == 4
    boxes = sorted(at.values(), key=lambda place: (place[1], place[0]))
    assert all(y < next_y or x + WIDTH < next_x for (x, y), (next_x, next_y) in pairwise(boxes))
    assert layout([]).nodes == []


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return the page of a build with warnings, and that of a failed one with hostile values."""
    lending = Lending(tmp_path_factory.mktemp("pages"))
    for lending.inputs in DAYS.values():
        lending.build()
    found = {"published": lc_ibis.report_page(reports=lending.reports)}
    lending.inputs = lending.database.parent / "bad"
    with pytest.MonkeyPatch.context() as patch:
        change_rules(patch, LARGEST_AMOUNT=Decimal(HUGE[2]))
        with pytest.raises(LcIbisError):
            lending.load([ALICE], [SAVINGS, (HOSTILE, *HUGE[1:])], allow_mass_delete=True)
    return found | {"failed": lc_ibis.report_page(reports=lending.reports)}


def cut_off(page: Any) -> list[str]:
    """Return the names of a page's tables that are wider than their place, a part of them being unseen."""
    wide = "one => one.scrollWidth > one.clientWidth"
    found: list[str] = page.evaluate(
        f"[...document.querySelectorAll('.scroll')].filter({wide}).map(one => one.ariaLabel)"
    )
    return found


@pytest.mark.parametrize(
    ("name", "width", "scheme"),
    [("published", 1280, "light"), ("published", 390, "dark"), ("failed", 1280, "dark"), ("failed", 390, "light")],
)
def test_the_page_is_readable_in_a_browser(
    browser: Any, pages: dict[str, Path], name: str, width: int, scheme: str
) -> None:
    from axe_playwright_python.sync_playwright import Axe

    page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    asked: list[str] = []
    complaints: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: complaints.append(message.text))
    page.goto(pages[name].resolve().as_uri())
    assert page.title().startswith("✗" if name == "failed" else "!")
    assert page.get_by_role("heading", level=1).bounding_box()["y"] < 200, "the verdict is what is seen first"
    assert page.evaluate("document.documentElement.scrollWidth") <= width, "nothing stands over the edge"
    assert page.locator("svg").is_visible() == (width > 720)
    assert (page.locator(".list").bounding_box()["width"] > 300) == (width <= 720)
    page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
    assert cut_off(page) == []
    for badge in page.locator(".badge").all_inner_texts():
        assert badge in ("✓ passed", "! warned", "✗ failed", "– skipped"), "a state is told without colour"
    found = Axe().run(page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21aa"]})
    assert found.violations_count == 0, found.generate_report()
    assert asked == [pages[name].resolve().as_uri()]
    assert complaints == []
    page.close()


def test_a_file_that_could_not_be_put_in_its_place_is_the_verdict(
    lending: Lending, monkeypatch: pytest.MonkeyPatch
) -> None:
    lending.load([ALICE], [SAVINGS])
    replace = os.replace

    def refuse(written: Path, place: Path) -> None:
        if Path(place).name == "account_summary.csv":
            raise PermissionError(13, "Permission denied")
        replace(written, place)

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(OutputError):
        lending.load([ALICE], [("A1", "1", "7", "Savings")])
    assert "Published, but some files are missing" in _page(lending)
    assert "Tables and files are up to date" not in _page(lending)


def test_skipped_checks_did_not_pass(lending: Lending) -> None:
    lending.load([ALICE], [SAVINGS])
    report = json.loads(lc_ibis.report(reports=lending.reports))
    assert "All checks passed." in page(report)
    assert "120 checks passed, 2 skipped." in page({**report, "passed": 120, "skipped": 2})
    assert "No checks were run." in page({**report, "passed": 0, "skipped": 2})
