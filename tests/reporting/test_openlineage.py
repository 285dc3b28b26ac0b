"""OpenLineage: what is told of a build, to a file and to an address, and that no build is lost for it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("openlineage.client")

import lc_ibis
from lc_ibis.errors import LcIbisError, SettingsError
from lc_ibis.layers import pipeline
from lc_ibis.reporting import dataset_names, openlineage
from lc_ibis.settings import Settings
from tests.conftest import ACCOUNT, ALICE, CUSTOMER, SAVINGS, Lending, write_csv
from tests.engine.test_atomic import HUGE
from tests.reporting.test_notify import Interrupting
from tests.servers import DRIPPING, answering


def events(lending: Lending, **options: Any) -> list[dict[str, Any]]:
    """Load the first day's rows, and return what was told."""
    target = lending.root / "events/lineage.jsonl"
    lending.load([ALICE], [SAVINGS], openlineage=str(target), **options)
    return [json.loads(line) for line in target.read_text(encoding="utf-8").splitlines()]


def test_a_build_is_a_run_and_each_of_its_tables_one_below_it(lending: Lending) -> None:
    told = events(lending)
    assert [(event["eventType"], event["job"]["name"]) for event in (told[0], told[-1])] == [
        ("START", "build"), ("COMPLETE", "build"),
    ]  # fmt: skip
    below = [event for event in told if event["job"]["name"] != "build" and event["eventType"] == "COMPLETE"]
    assert len(below) == 14
    assert {event["run"]["facets"]["parent"]["run"]["runId"] for event in below} == {told[0]["run"]["runId"]}
    [mart] = [event for event in below if event["job"]["name"] == "account_summary"]
    assert [dataset["name"] for dataset in mart["inputs"]] == ["lc.intermediate.int_savings_account_only"]
    [output] = mart["outputs"]
    assert (output["namespace"], output["name"]) == (f"duckdb://{lending.database}", "lc.marts.account_summary")
    assert output["outputFacets"]["outputStatistics"]["rowCount"] == 1
    fields = {field["name"]: field for field in output["facets"]["schema"]["fields"]}
    assert fields["interest_rate_pct"]["type"] == "decimal(5, 4)"
    columns = output["facets"]["columnLineage"]["fields"]
    assert "calculated_at" not in columns
    assert {field["field"] for field in columns["new_balance_amount"]["inputFields"]} == {
        "balance_amount",
        "has_loan_flag",
    }
    [copy] = columns["account_id"]["inputFields"]
    assert copy["transformations"][0]["subtype"] == "IDENTITY"
    checks = {found["assertion"]: found for found in output["facets"]["dataQualityAssertions"]["assertions"]}
    assert checks["interest_is_balance_times_rate"]["success"]


def source(told: list[dict[str, Any]], name: str) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """What a source was made of: the files that are its inputs, and those that its columns come from."""
    [event] = [e for e in told if e["job"]["name"] == name and e["eventType"] == "COMPLETE"]
    fields = event["outputs"][0]["facets"]["columnLineage"]["fields"].values()
    columns = {(one["namespace"], one["name"]) for field in fields for one in field["inputFields"]}
    return [(one["namespace"], one["name"]) for one in event["inputs"]], sorted(columns)


def test_a_source_is_made_of_the_files_that_were_taken(lending: Lending) -> None:
    """By their whole paths, wherever the build was begun."""
    parts = [lending.inputs / "accounts" / name for name in ("1.csv", "2.csv")]
    for number, part in enumerate(parts):
        write_csv(part, ACCOUNT, [(f"A{number}", *SAVINGS[1:])])
    lending.deliver([ALICE])
    lc_ibis.build(**{**lending.places(), "inputs": Path("inputs")}, openlineage="lineage.jsonl")
    told = [json.loads(line) for line in Path("lineage.jsonl").read_text(encoding="utf-8").splitlines()]
    files = [("file", str(part)) for part in parts]
    assert source(told, "src_account") == (files, files)
    assert source(told, "src_customer")[0] == [("file", str(lending.inputs / "Customer.csv"))]


def test_two_projects_share_no_name(lending: Lending, monkeypatch: pytest.MonkeyPatch) -> None:
    def names(project: str) -> set[tuple[str, str]]:
        (lending.root / project).mkdir()
        monkeypatch.chdir(lending.root / project)
        write_csv(Path("data/inputs/Customer.csv"), CUSTOMER, [ALICE])
        write_csv(Path("data/inputs/accounts.csv"), ACCOUNT, [SAVINGS])
        lc_ibis.build(openlineage="lineage.jsonl")
        told = [json.loads(line) for line in Path("lineage.jsonl").read_text(encoding="utf-8").splitlines()]
        things = [one for event in told for one in (event["job"], *event["inputs"], *event["outputs"])]
        return {(one["namespace"], one["name"]) for one in things}

    first, second = names("first"), names("second")
    assert len(first) == len(second) == 15 + 14 + 2  # jobs, tables, files
    assert not first & second


def test_the_environment_names_the_jobs(lending: Lending, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENLINEAGE_NAMESPACE", "lending")
    told = events(lending)
    assert {event["job"]["namespace"] for event in told} == {"lending"}
    parents = [event["run"]["facets"]["parent"] for event in told if "parent" in event["run"].get("facets", {})]
    assert {parent["job"]["namespace"] for parent in parents} == {"lending"}


@pytest.mark.parametrize(
    ("options", "table", "jobs"),
    [
        ({"backend": "spark"}, ("file", "{here}/data/spark/marts/account_summary"), "lc_ibis:{here}/data/spark"),
        (
            {"backend": "spark", "remote": "sc://ann@lake:15002/;token=pa55", "database": Path("main.lending")},
            ("spark://lake:15002", "main.lending_marts.account_summary"),
            "lc_ibis:lake:15002/main.lending",
        ),
        (
            {"backend": "databricks", "database": Path("main.lending")},
            ("databricks://dbc.example", "main.lending_marts.account_summary"),
            "lc_ibis:dbc.example/main.lending",
        ),
    ],
)
def test_each_backend_has_names_of_its_own(
    lending: Lending, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any], table: tuple[str, str], jobs: str
) -> None:
    monkeypatch.setenv("DATABRICKS_HOST", "https://dbc.example/")
    monkeypatch.setattr(dataset_names, "keeps_delta", lambda settings: settings.database is not None)
    names, here = dataset_names.Names(Settings(**options)), str(lending.root)
    assert names.table(pipeline["account_summary"]) == tuple(part.format(here=here) for part in table)
    assert names.jobs == jobs.format(here=here)


def test_what_did_not_change_is_not_told_again(lending: Lending) -> None:
    first = events(lending)
    second = events(lending)[len(first) :]
    assert [(event["eventType"], event["job"]["name"]) for event in second] == [
        ("START", "build"),
        ("COMPLETE", "build"),
    ]


@pytest.mark.usefixtures("any_amount")
def test_a_failed_build_is_told_without_values(lending: Lending) -> None:
    target = lending.root / "lineage.jsonl"
    with pytest.raises(LcIbisError):
        lending.load([ALICE], [SAVINGS, HUGE], openlineage=str(target))
    *_, last = (json.loads(line) for line in target.read_text(encoding="utf-8").splitlines())
    assert last["eventType"] == "FAIL"
    assert last["run"]["facets"]["errorMessage"]["message"] == "ChecksFailed"
    assert HUGE[2] not in target.read_text(encoding="utf-8")


@pytest.fixture
def server() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """An address on loopback, and what is posted to it."""
    posted: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            posted.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(201)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    served = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=served.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{served.server_port}", posted
    served.shutdown()
    served.server_close()
    thread.join()


def test_an_address_is_told_the_same(lending: Lending, server: tuple[str, list[dict[str, Any]]]) -> None:
    address, posted = server
    lending.load([ALICE], [SAVINGS], openlineage=address)
    assert (posted[0]["eventType"], posted[-1]["eventType"]) == ("START", "COMPLETE")
    assert len(posted) == 30


def test_nobody_there_is_logged_and_the_build_goes_on(lending: Lending, caplog: pytest.LogCaptureFixture) -> None:
    run = lending.load([ALICE], [SAVINGS], openlineage="http://127.0.0.1:9/")
    assert run.status == "built"
    assert caplog.text.count("openlineage: no more events are sent for this build") == 1


def test_a_server_that_never_ends_its_answer_is_left(
    lending: Lending, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(openlineage, "SECONDS", 0.2)
    with answering(*DRIPPING) as address:
        assert lending.load([ALICE], [SAVINGS], openlineage=address).status == "built"
    assert caplog.text.count("openlineage: no more events are sent for this build (TimeoutError)") == 1


def test_an_interruption_is_told_as_a_failure(lending: Lending) -> None:
    target = lending.root / "lineage.jsonl"
    with pytest.raises(KeyboardInterrupt):
        lending.load([ALICE], [SAVINGS], openlineage=str(target), progress=Interrupting())
    told = [json.loads(line) for line in target.read_text(encoding="utf-8").splitlines()]
    assert [event["eventType"] for event in told] == ["START", "FAIL"]
    assert told[1]["run"]["facets"]["errorMessage"]["message"] == "KeyboardInterrupt"


@pytest.mark.parametrize(
    "target",
    [
        "http://",
        "http://:80",
        "http://127.0.0.1:abc",
        "http://127.0.0.1:99999",
        "https://[::1",
        "http://a b",
        "ftp://x/y",
    ],
)
def test_an_address_that_is_none_is_refused_first(lending: Lending, target: str) -> None:
    lending.deliver([ALICE], [SAVINGS])
    with pytest.raises(SettingsError, match=r"^openlineage: .* an address like https://host"):
        lending.build(openlineage=target)
    assert not lending.database.exists()
    assert not (lending.root / "ftp:").exists()


@pytest.mark.parametrize("where", ["", "file/below"])
def test_a_place_that_cannot_be_written_is_refused_first(lending: Lending, where: str) -> None:
    lending.deliver([ALICE], [SAVINGS])
    (lending.root / "file").write_text("", encoding="utf-8")
    with pytest.raises(SettingsError, match=r"^openlineage: "):
        lending.build(openlineage=str(lending.root / where))
    assert not lending.database.exists()


def test_without_its_package_it_is_refused(lending: Lending, monkeypatch: pytest.MonkeyPatch) -> None:
    lending.deliver([ALICE], [SAVINGS])
    for name in ("lc_ibis.reporting.openlineage", "openlineage.client"):
        monkeypatch.setitem(__import__("sys").modules, name, None)
    with pytest.raises(SettingsError, match=r"pip install 'lc-ibis\[openlineage\]'"):
        lending.build(openlineage="events.jsonl")
