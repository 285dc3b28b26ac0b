"""The documentation of the tables: what its pages say, that its links lead somewhere, and how it looks."""

from __future__ import annotations

import json
import re
import threading
import urllib.request
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from lc_ibis import site
from lc_ibis.cli import main
from lc_ibis.errors import DatabaseError, OutputError, SettingsError
from lc_ibis.layers import pipeline
from tests.api.test_extension import project  # noqa: F401
from tests.conftest import Lending
from tests.layers.test_sample import DAYS
from tests.patience import HANGING
from tests.reporting.test_page import HOSTILE, cut_off

pytestmark = pytest.mark.usefixtures("of_few_rows")


class Page(HTMLParser):
    """The links, ids and words of a page."""

    def __init__(self, path: Path):
        super().__init__()
        self.path, self.links, self.ids, self.words = path, list[str](), set[str](), list[str]()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag not in ("wbr", "a", "span"):
            self.words.append(" ")
        self.links += [value for name in ("href", "src") if (value := given.get(name))]
        if given.get("id"):
            self.ids.add(str(given["id"]))

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", "".join(self.words))


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site of the sample after its second day, with rows; its directory."""
    lending = Lending(tmp_path_factory.mktemp("site"))
    for lending.inputs in DAYS.values():
        lending.build()
    return site.build(lending.root / "docs", sample_rows=3, **lending.options, reports=lending.reports).parent


def test_there_is_a_page_a_table_with_all_that_is_known(built: Path) -> None:
    assert {path.stem for path in (built / "tables").iterdir()} == set(pipeline.models)
    text = Page(built / "tables/account_summary.html").text
    assert "One row per savings account, with a year's interest." in text
    assert "Key account_id" in text
    assert "Upstream int_savings_account_only" in text
    assert "Downstream customer_profile; written to account_summary.csv, account_summary.parquet" in text
    assert "decimal(5, 4), fraction Yearly rate as a fraction" in text
    assert "annual_interest_amount decimal(18, 2), US dollars Balance × rate, US dollars." in text
    assert "int_savings_account_only.balance_amount computed" in text
    assert "interest_is_balance_times_rate The interest is the balance times the rate, to the cent." in text
    assert "def account_summary(" in text
    for dialect in ("DuckDB", "Databricks", "Spark"):
        assert f"SQL for {dialect}" in text
    assert "15, last changed by the run at 20" in text
    assert "A001 1 5500.00" in text
    source = Page(built / "tables/src_account.html").text
    assert "accounts, column AccountID copied" in source
    assert "Freshness" in source
    assert "Upstream the extract accounts" in source
    assert "not stored" in Page(built / "tables/account_cleaned.html").text


def test_every_link_leads_somewhere(built: Path) -> None:
    pages = {path: Page(path) for path in built.rglob("*.html")}
    looked = 0
    for path, page in pages.items():
        for link in page.links:
            assert "://" not in link, "no network"
            target, _, anchor = link.partition("#")
            place = (path.parent / target).resolve() if target else path
            assert place.is_file(), (path, link)
            assert not anchor or anchor in pages[place].ids, (path, link)
            looked += 1
    assert looked > 500
    for entry in _entries(built):
        target, _, anchor = entry["page"].partition("#")
        assert not anchor or anchor in pages[(built / target).resolve()].ids


def _entries(built: Path) -> list[dict[str, str]]:
    [found] = re.findall(r"^const entries = (.*);$", (built / "search.js").read_text(encoding="utf-8"), re.MULTILINE)
    entries: list[dict[str, str]] = json.loads(found)
    return entries


def test_tables_columns_and_checks_can_be_searched_for(built: Path) -> None:
    names = {entry["name"] for entry in _entries(built)}
    assert {"account_summary", "account_summary.interest_rate_pct", "account_summary: new_balance_is_the_sum"} <= names


def test_before_the_first_build_there_is_all_but_states_and_rows(lending: Lending) -> None:
    first = site.build(lending.root / "docs", database=lending.database, reports=lending.reports)
    text = Page(first).text
    assert "No build has been published yet" in text
    assert "no build yet" in text
    assert not lending.database.exists()
    with pytest.raises(DatabaseError, match="no database found to show rows from"):
        site.build(lending.root / "docs", sample_rows=1, database=lending.database, reports=lending.reports)


def test_rows_are_shown_on_request_alone_and_values_are_never_obeyed(lending: Lending) -> None:
    lending.load([("1", HOSTILE, "Yes")], [("A1", "1", "5.00", "Savings")])
    places: dict[str, Any] = {"database": lending.database, "reports": lending.reports}
    site.build(lending.root / "docs", **places)
    page = lending.root / "docs/tables/src_customer.html"
    assert "taken" not in page.read_text(encoding="utf-8")
    site.build(lending.root / "docs", sample_rows=2, **places)
    html = page.read_text(encoding="utf-8")
    assert "document.title=&#39;taken&#39;" in html
    assert "<script>" not in html


def test_a_site_is_replaced_and_nothing_else_is(lending: Lending) -> None:
    place = lending.root / "docs"
    site.build(place)
    (place / "tables/of_old_code.html").write_text("old", encoding="utf-8")
    with (place / ".lc-ibis-docs").open("a", encoding="utf-8") as mark:
        mark.write("tables/of_old_code.html\n")
    site.build(place)
    assert not (place / "tables/of_old_code.html").exists()
    mine = lending.root / "mine"
    mine.mkdir()
    (mine / "thesis.txt").write_text("years of work", encoding="utf-8")
    with pytest.raises(OutputError, match="it contains files that lc-ibis did not write"):
        site.build(mine)
    (lending.root / "file").write_text("", encoding="utf-8")
    with pytest.raises(OutputError):
        site.build(lending.root / "file")
    with pytest.raises(OutputError, match="cannot write"):
        site.build(lending.root / "file/below")
    assert {path.name for path in lending.root.iterdir() if path.name.startswith(".")} == set()
    assert (mine / "thesis.txt").read_text(encoding="utf-8") == "years of work"


@pytest.mark.parametrize("name", ["CNAME", "tables/notes.html", "assets/of/another.css"])
def test_a_site_with_a_file_of_another_in_it_is_refused(lending: Lending, name: str) -> None:
    place = lending.root / "docs"
    site.build(place)
    mine = place / name
    mine.parent.mkdir(parents=True, exist_ok=True)
    mine.write_text("mine", encoding="utf-8")
    with pytest.raises(OutputError, match=f"docs: it contains files that lc-ibis did not write: {name}. Move them"):
        site.build(place)
    assert mine.read_text(encoding="utf-8") == "mine"
    mine.unlink()
    site.build(place)


def test_a_site_whose_files_are_not_known_is_refused(lending: Lending) -> None:
    place = lending.root / "docs"
    site.build(place)
    (place / ".lc-ibis-docs").write_text("", encoding="utf-8")
    with pytest.raises(OutputError, match="does not list the files of the site, so there may be other files. Remove"):
        site.build(place)
    assert (place / "index.html").is_file()


def test_the_command_writes_it_and_opens_it(lending: Lending, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr("click.launch", opened.append)
    result = CliRunner().invoke(main, ["docs", "build", "--open"])
    assert result.output == "wrote site/index.html\n", result.output
    assert opened == [Path("site/index.html").resolve().as_uri()]


def test_it_is_served_to_this_machine_alone(lending: Lending) -> None:
    with site.served(0, database=lending.database, reports=lending.reports) as server:
        host, port = server.server_address[:2]
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            assert host == "127.0.0.1"
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/tables/ledger.html", timeout=HANGING) as answer:
                assert b"every row of it accounted for" in answer.read()
            with pytest.raises(SettingsError, match=f"port: cannot use {port}"), site.served(int(port)):
                pass
        finally:
            server.shutdown()
            thread.join()


def test_packages_of_others_have_pages(project: Path) -> None:  # noqa: F811
    first = site.build()
    assert "our_models" not in first.read_text(encoding="utf-8")
    text = Page(first.parent / "tables/customer_exposure.html").text
    assert "snap_loan.principal_amount computed" in text
    assert "total_principal_amount decimal(18, 2), US dollars" in text


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
@pytest.mark.parametrize("name", ["index", "tables/account_summary", "tables/snap_account"])
def test_its_pages_are_readable_in_a_browser(browser: Any, built: Path, name: str, width: int, scheme: str) -> None:
    from axe_playwright_python.sync_playwright import Axe

    page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.goto((built / f"{name}.html").resolve().as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") <= width, "nothing stands over the edge"
    assert complaints == []
    assert page.locator("nav h2").first.is_visible() == (width > 900)
    page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
    assert cut_off(page) == []
    found = Axe().run(page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21aa"]})
    assert found.violations_count == 0, found.generate_report()
    page.close()


def test_search_works_by_keyboard(browser: Any, built: Path) -> None:
    page = browser.new_page()
    page.goto((built / "tables/ledger.html").resolve().as_uri())
    page.keyboard.press("/")
    page.keyboard.type("yearly RATE")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_url("**/account_summary.html#column-interest_rate_pct")
    page.keyboard.press("/")
    page.keyboard.type("zzz")
    assert page.locator("#found").inner_text() == "no matches"
    page.keyboard.press("Escape")
    assert not page.locator("#found").is_visible()
    page.close()
