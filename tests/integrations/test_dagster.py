"""Dagster: an asset a table, its checks as asset checks, a job, a schedule, and a sensor on new files."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests import ROOT

pytest.importorskip("dagster")
import dagster as dg

import lc_ibis
import lc_ibis.api.build
from lc_ibis.engine.state.run import Run
from lc_ibis.errors import SettingsError
from lc_ibis.integrations.dagster import definitions
from lc_ibis.layers import pipeline
from tests.api.test_extension import project  # noqa: F401
from tests.conftest import ALICE, SAVINGS, Lending
from tests.layers.test_sample import DAYS
from tests.patience import HANGING

pytestmark = pytest.mark.usefixtures("of_few_rows")

TABLES = {model.name for model in pipeline if model.is_stored}
OTHERS = {"account_summary_files", "customer_profile_files", "quality_report"}


def defined(lending: Lending, **options: Any) -> dg.Definitions:
    return definitions(**{**lending.places(), "inputs": DAYS["day1"], **options})


def execute(
    defs: dg.Definitions, select: list[str] | None = None, instance: dg.DagsterInstance | None = None, **config: bool
) -> dg.ExecuteInProcessResult:
    return defs.resolve_implicit_global_asset_job_def().execute_in_process(
        asset_selection=[dg.AssetKey(name) for name in select] if select else None,
        run_config={"ops": {"lc_ibis": {"config": config}}} if config else None,
        raise_on_error=False,
        instance=instance,
    )


def made(result: dg.ExecuteInProcessResult) -> dict[str, dict[str, Any]]:
    """By asset: what is told of its materialization."""
    events = result.get_asset_materialization_events()
    return {
        event.asset_key.to_user_string(): {name: each.value for name, each in event.materialization.metadata.items()}
        for event in events
    }


def test_each_table_is_an_asset_that_says_what_it_is(lending: Lending) -> None:
    defs = defined(lending, owners=["team:lending"])
    specs = {spec.key.to_user_string(): spec for spec in defs.resolve_all_asset_specs()}
    assert set(specs) == TABLES | OTHERS
    mart = specs["account_summary"]
    assert (mart.group_name, mart.kinds, mart.owners) == ("marts", {"ibis", "duckdb"}, ["team:lending"])
    assert "with a year's interest" in str(mart.description)
    assert {dep.asset_key.to_user_string() for dep in mart.deps} == {"int_savings_account_only"}
    columns = {column.name: column for column in mart.metadata["dagster/column_schema"].columns}
    assert columns["account_id"].constraints.unique
    assert not columns["annual_interest_amount"].constraints.nullable
    assert columns["interest_rate_pct"].type == "decimal(5, 4)"
    assert columns["interest_rate_pct"].description.startswith("Yearly rate")
    lineage = mart.metadata["dagster/column_lineage"].deps_by_column["new_balance_amount"]
    assert {(dep.asset_key.to_user_string(), dep.column_name) for dep in lineage} == {
        ("int_savings_account_only", "balance_amount"), ("int_savings_account_only", "has_loan_flag"),
    }  # fmt: skip
    assert "SELECT" in mart.metadata["sql"].value


def test_each_check_is_an_asset_check(lending: Lending) -> None:
    keys = defined(lending).resolve_asset_graph().asset_check_keys
    assert len(keys) == sum(len(model.checks) for model in pipeline)
    assert dg.AssetCheckKey(dg.AssetKey("account_summary"), "interest_is_balance_times_rate") in keys
    assert dg.AssetCheckKey(dg.AssetKey("quality_report"), "ledger_received_is_accepted_and_refused") in keys


def test_a_run_builds_all_and_tells_what_it_did(lending: Lending) -> None:
    result = execute(defined(lending))
    assert result.success
    told = made(result)
    assert set(told) == TABLES | OTHERS
    summary = told["account_summary"]
    assert (summary["dagster/row_count"], summary["added_count"], summary["action"]) == (13, 13, "created")
    assert Path(summary["report"].removeprefix("file://")).read_text(encoding="utf-8").startswith("<!doctype html>")
    assert told["quality_report"]["warned"] == 3
    assert "| customer | 25 |" in told["quality_report"]["ledger"]
    assert Path(told["account_summary_files"]["account_summary.csv"]).is_file()
    checks = {(e.asset_key.to_user_string(), e.check_name): e for e in result.get_asset_check_evaluations()}
    assert len(checks) == sum(len(model.checks) for model in pipeline)
    warned = checks["int_account_without_customer", "every_customer_is_current"]
    assert (warned.passed, warned.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert warned.metadata["failing_rows"].value == 3
    assert [row["account_id"] for row in warned.metadata["examples"].value] == ["A015", "A016", "A017"]
    assert sum(not check.passed for check in checks.values()) == 3

    second = made(execute(defined(lending)))
    assert second["account_summary"]["action"] == "skipped"
    third = made(execute(defined(lending), full_refresh=True))
    assert "full refresh" in third["account_summary"]["reason"]


def test_some_assets_alone_are_built_from_what_is_stored(lending: Lending) -> None:
    assert execute(defined(lending), ["src_account"]).success
    assert set(made(execute(defined(lending), ["src_customer", "stg_customer"]))) == {"src_customer", "stg_customer"}
    assert execute(defined(lending)).success
    alone = execute(defined(lending), ["account_summary_files"])
    assert set(made(alone)) == {"account_summary_files"}


def test_the_report_alone_runs_the_checks_on_what_is_stored(lending: Lending) -> None:
    execute(defined(lending))
    result = execute(defined(lending), ["quality_report"])
    assert result.success
    assert made(result)["quality_report"]["status"] == "passed"
    assert {e.asset_key.to_user_string() for e in result.get_asset_check_evaluations()} == {"quality_report"}


def test_a_failed_check_fails_the_run_and_nothing_is_published(lending: Lending) -> None:
    lending.deliver([ALICE], [SAVINGS])
    places = {**lending.places(), "max_refused_share": 0.1}
    assert execute(definitions(**places)).success
    lending.deliver([ALICE], [SAVINGS, ("A2", "1", "abc", "Savings")])
    before = lc_ibis.show("account_summary", **lending.places())
    result = execute(definitions(**places))
    assert not result.success
    assert made(result) == {}
    failed = [e for e in result.get_asset_check_evaluations() if not e.passed]
    assert [(e.asset_key.to_user_string(), e.check_name, e.severity) for e in failed] == [
        ("quarantine_stg_account", "few_refused", dg.AssetCheckSeverity.ERROR)
    ]
    [step] = result.filter_events(lambda event: event.is_step_failure)
    assert "nothing was published" in step.step_failure_data.user_failure_data.description
    assert lc_ibis.show("account_summary", **lending.places()) == before


def test_a_second_day_that_fails_leaves_the_first_as_it_was(lending: Lending) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        first = execute(defined(lending), instance=instance)
        assert first.success
        before = lending.contents(), lending.files()
        strict = {"inputs": DAYS["day2"], "warn_error": True}
        second = execute(defined(lending, **strict), instance=instance)
        assert not second.success
        assert made(second) == {}
        assert (lending.contents(), lending.files()) == before
        latest = instance.get_latest_materialization_event(dg.AssetKey("account_summary"))
        assert latest is not None
        assert latest.run_id == first.run_id
    failed = [check for check in second.get_asset_check_evaluations() if not check.passed]
    assert {check.severity for check in failed} == {dg.AssetCheckSeverity.ERROR}
    assert all(check.metadata["examples"].value for check in failed)


def test_a_table_links_its_own_run_s_report(lending: Lending, monkeypatch: pytest.MonkeyPatch) -> None:
    def build(**options: Any) -> Run:
        run = lc_ibis.api.build.build(**options)
        (lending.reports / "quality_report_99991231T000000.000000Z.json").write_text("{}")  # another's, meanwhile
        return run

    defs = defined(lending)
    monkeypatch.setattr(lc_ibis, "build", build)
    told = made(execute(defs))
    [own] = [path for path in lending.reports.glob("*.json") if "99991231" not in path.name]
    assert told["account_summary"]["report"] == own.with_suffix(".html").resolve().as_uri()


def test_an_error_of_ours_fails_the_run_in_its_own_words(lending: Lending) -> None:
    result = execute(defined(lending, inputs=lending.root / "nowhere"))
    [step] = result.filter_events(lambda event: event.is_step_failure)
    assert "nowhere" in step.step_failure_data.user_failure_data.description


def test_wrong_settings_are_told_at_once(lending: Lending) -> None:
    with pytest.raises(SettingsError):
        definitions(backend="oracle")


def sensor_of(lending: Lending) -> tuple[dg.SensorDefinition, dg.SensorEvaluationContext]:
    lending.deliver([ALICE], [SAVINGS])
    return definitions(**lending.places()).resolve_sensor_def("lc_ibis_new_files"), dg.build_sensor_context()


def asked(sensor: dg.SensorDefinition, context: dg.SensorEvaluationContext) -> bool:
    """Look at the files once; whether a run is asked for, which nothing keeps Dagster from starting."""
    found = sensor(context)
    assert isinstance(found, dg.RunRequest | dg.SkipReason)
    # A key that was there before would be dropped in silence.
    return isinstance(found, dg.RunRequest) and found.run_key is None


def test_the_sensor_asks_for_a_run_when_an_extract_changed(lending: Lending) -> None:
    sensor, context = sensor_of(lending)
    assert sensor.default_status == dg.DefaultSensorStatus.STOPPED
    assert [asked(sensor, context) for _ in range(4)] == [False, True, False, False]
    lending.deliver([ALICE], [SAVINGS, ("A2", "1", "7.00", "Savings")])
    assert [asked(sensor, context) for _ in range(3)] == [False, True, False]
    shutil.rmtree(lending.root / "inputs")
    gone = sensor(context)
    assert isinstance(gone, dg.SkipReason)
    assert "inputs" in str(gone.skip_message)


def test_the_sensor_waits_for_a_file_that_is_still_copied(lending: Lending) -> None:
    sensor, context = sensor_of(lending)
    for size in range(3):
        lending.deliver(None, [SAVINGS] * (size + 1))
        assert not asked(sensor, context)
    assert [asked(sensor, context) for _ in range(2)] == [True, False]


def test_the_sensor_asks_again_for_a_file_that_is_put_back(lending: Lending) -> None:
    sensor, context = sensor_of(lending)
    place = lending.inputs / "accounts.csv"
    first, old = place.stat(), place.read_text(encoding="utf-8")
    for text, moment in ((old, 0), (old + "\n", 1), (old, 0), (old + "\n", 1)):
        place.write_text(text, encoding="utf-8")
        os.utime(place, ns=(first.st_atime_ns, first.st_mtime_ns + moment * 10**9))
        assert [asked(sensor, context) for _ in range(3)] == [False, True, False]


def test_a_change_that_was_taken_back_before_it_was_asked_for_needs_no_run(lending: Lending) -> None:
    sensor, context = sensor_of(lending)
    place = lending.inputs / "accounts.csv"
    first, old = place.stat(), place.read_text(encoding="utf-8")
    assert [asked(sensor, context) for _ in range(2)] == [False, True]
    place.write_text(old + "\n", encoding="utf-8")
    assert not asked(sensor, context)
    place.write_text(old, encoding="utf-8")
    os.utime(place, ns=(first.st_atime_ns, first.st_mtime_ns))
    assert [asked(sensor, context) for _ in range(2)] == [False, False]


def test_the_job_runs_daily_once_switched_on(lending: Lending) -> None:
    defs = defined(lending, cron_schedule="30 4 * * 1-5")
    schedule = defs.resolve_schedule_def("lc_ibis_daily")
    assert (schedule.cron_schedule, schedule.job_name) == ("30 4 * * 1-5", "lc_ibis_build")
    assert defs.resolve_job_def("lc_ibis_build").execute_in_process().success


def test_packages_of_others_are_assets_too(project: Path) -> None:  # noqa: F811
    result = execute(definitions())
    assert result.success
    assert {"src_loan", "customer_exposure", "customer_exposure_files"} <= set(made(result))


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project, with a place for what Dagster keeps; the current directory."""
    place = lc_ibis.init(tmp_path / "mine")
    (place / "dagster").mkdir()
    monkeypatch.chdir(place)
    monkeypatch.setenv("DAGSTER_HOME", str(place / "dagster"))
    monkeypatch.setenv("DAGSTER_DISABLE_TELEMETRY", "1")
    return place


def commands() -> list[str]:
    """The commands of the guide that build: all tables, and a mart with all that it is made of."""
    guide = ROOT / "docs" / "dagster.md"
    return re.findall(r"^    (dagster asset materialize .*)$", guide.read_text(encoding="utf-8"), re.MULTILINE)


def ancestors(name: str) -> set[str]:
    """A stored table, and all that it is made of, step by step."""
    return {name}.union(*(ancestors(one) for one in pipeline.stored_inputs[name]))


def materialized(command: str) -> set[str]:
    """Run a command in the current project; the assets that it made, as Dagster remembers them."""
    words = [sys.executable, "-m", *shlex.split(command)]
    ended = subprocess.run(words, capture_output=True, text=True, timeout=HANGING)
    assert ended.returncode == 0, ended.stderr[-3000:]
    with dg.DagsterInstance.get() as instance:
        return {key.to_user_string() for key in instance.all_asset_keys()}


def test_the_guide_s_first_command_builds_all(home: Path) -> None:
    every, _ = commands()
    assert materialized(every) == TABLES | OTHERS
    assert len(lc_ibis.show("account_summary")) == 13


def test_the_guide_s_second_command_builds_all_that_a_mart_is_made_of(home: Path) -> None:
    _, mart = commands()
    assert materialized(mart) == ancestors("account_summary")
    assert len(ancestors("account_summary")) == 11


@pytest.mark.long
def test_its_pages_show_the_tables(home: Path) -> None:
    """Dagster's own web page, in Chromium: the lineage, and a table's checks."""
    chromium = shutil.which("chromium")
    if not chromium:
        pytest.skip("there is no Chromium")
    from playwright.sync_api import sync_playwright

    with dg.DagsterInstance.get() as instance:
        job = definitions().resolve_implicit_global_asset_job_def()
        assert job.execute_in_process(instance=instance).success
    with _served() as address, sync_playwright() as started:
        browser = started.chromium.launch(executable_path=chromium, args=["--no-sandbox"], timeout=HANGING * 1000)
        view = browser.new_page(viewport={"width": 1400, "height": 1000})
        view.set_default_timeout(HANGING * 1000)
        view.goto(f"{address}/asset-groups")
        view.get_by_text("Skip", exact=True).click()  # what it asks of newcomers
        for name, page, told in (
            ("lineage", "asset-groups", ("staging", "snapshots", "marts", "quality")),
            ("table", "assets/account_summary?view=overview", ("Yearly rate as a fraction: 0.0150 is 1.5 %.", "13")),
            (
                "checks",
                "assets/int_account_without_customer?view=checks",
                ("every_customer_is_current", "failing_rows"),
            ),
        ):
            view.goto(f"{address}/{page}")
            for text in told:
                view.get_by_text(text).first.wait_for()
            if pictures := os.environ.get("LC_IBIS_TEST_PICTURES"):
                view.screenshot(path=Path(pictures) / f"dagster_{name}.png")
        browser.close()


@contextmanager
def _served() -> Iterator[str]:
    """Serve Dagster's pages on loopback; the address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = ["-h", "127.0.0.1", "-p", str(port), "-m", "lc_ibis.integrations.dagster"]
    server = subprocess.Popen([sys.executable, "-m", "dagster_webserver", *words], stderr=subprocess.DEVNULL)
    address = f"http://127.0.0.1:{port}"
    try:
        while server.poll() is None:
            try:
                urllib.request.urlopen(f"{address}/server_info", timeout=HANGING)
                break
            except OSError:
                time.sleep(0.5)
        yield address
    finally:
        server.terminate()
        server.wait()
