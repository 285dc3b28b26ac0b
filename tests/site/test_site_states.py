"""What the pages of the tables say of builds: of those that were published, that failed, and whose report is spoilt."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lc_ibis import site
from lc_ibis.api import report
from lc_ibis.errors import DatabaseError, LcIbisError
from lc_ibis.layers import pipeline
from tests.conftest import ALICE, SAVINGS, Lending
from tests.engine.test_atomic import HUGE
from tests.site.test_site import Page


def _site(lending: Lending) -> Path:
    return site.build(lending.root / "docs", database=lending.database, reports=lending.reports).parent


@pytest.mark.usefixtures("any_amount")
def test_after_a_failed_build_tables_keep_their_states_and_a_banner_tells_of_it(lending: Lending) -> None:
    lending.load([ALICE], [SAVINGS])
    sound = Page(_site(lending) / "index.html").text
    with pytest.raises(LcIbisError):
        lending.load([ALICE], [SAVINGS, HUGE])
    built = _site(lending)
    text = Page(built / "index.html").text
    assert "The last build failed. Nothing was published. 20" in text
    assert "UTC: 3 checks failed, so nothing was published" in text
    assert "The latest is run 1," in text
    assert text.split("Lineage")[1] == sound.split("Lineage")[1], "states are those of the build that was published"
    table = Page(built / "tables/stg_account.html").text
    assert "The last build failed. Nothing was published." in table
    assert "Last build run 1, 20" in table
    assert "✗ failed" not in table
    lending.load([ALICE], [SAVINGS])
    assert "The last build failed" not in Page(_site(lending) / "index.html").text


def test_a_table_that_the_last_build_left_out_keeps_what_was_known_of_it(lending: Lending) -> None:
    lending.load([ALICE], [SAVINGS])
    lending.load([ALICE], [(*SAVINGS[:2], "7.00", "Savings")], select=("+stg_account",))
    built = _site(lending)
    assert "Last build run 2, 20" in Page(built / "tables/stg_account.html").text
    assert "Last build run 1, 20" in Page(built / "tables/account_summary.html").text
    assert "not in this build" not in Page(built / "index.html").text


@pytest.mark.usefixtures("any_amount")
def test_when_no_build_was_ever_published_the_banner_says_so(lending: Lending) -> None:
    with pytest.raises(LcIbisError):
        lending.load([ALICE], [HUGE])
    text = Page(_site(lending) / "index.html").text
    assert "No build has been published yet." in text
    assert "no build yet" in text


_SPOILT: list[dict[str, Any]] = [
    {"tables": [{"table": "stg_account"}]},
    {"tables": 5},
    {"checks": [{"table": "stg_account", "check": "x"}]},
    {"freshness": None},
    {"timestamp": 5},
    {"error": 5},
    {"lineage": [1]},
]


def test_a_spoilt_report_is_left_out_and_said_so(lending: Lending) -> None:
    run = lending.load([ALICE], [SAVINGS])
    assert run.report
    whole = json.loads(run.report.read_text(encoding="utf-8"))
    last = lending.reports / "quality_report_20990101T000000.000000Z.json"
    for spoilt in ({"schema_version": 3}, *(whole | part for part in _SPOILT)):
        last.write_text(json.dumps(spoilt), encoding="utf-8")
        known = report.known(lending.reports, pipeline.models)
        assert known.spoilt == last
        assert known.published == whole
        with pytest.raises(DatabaseError, match="not a report of this version"):
            report.report("html", reports=lending.reports)
    text = Page(_site(lending) / "index.html").text
    assert "The last report, quality_report_20990101T000000.000000Z.json, is not a report of this version" in text
    assert "The latest is run 1," in text
    artifacts = site.artifacts(lending.root / "target", reports=lending.reports)
    assert [path.name for path in artifacts] == ["manifest.json", "catalog.json"]
