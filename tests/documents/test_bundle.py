"""databricks.yml holds together, and its task is a command that exists; what only a workspace knows is not asked."""

from __future__ import annotations

import re
import sys
from importlib.metadata import entry_points
from typing import Any

import pytest
import yaml

from lc_ibis import cli
from tests import ROOT

TEXT = (ROOT / "databricks.yml").read_text(encoding="utf-8")
BUNDLE = yaml.safe_load(TEXT)
JOB = BUNDLE["resources"]["jobs"]["lc_ibis"]
[TASK] = JOB["tasks"]


def test_the_task_is_a_build_on_spark_with_all_its_places() -> None:
    wheel = TASK["python_wheel_task"]
    [entry] = entry_points(group="console_scripts", name=wheel["entry_point"])
    assert (entry.dist.name if entry.dist else "", entry.load()) == (wheel["package_name"], cli.run)
    command, *words = wheel["parameters"]
    given: dict[str, Any] = cli.main.commands[command].make_context(command, words).params
    assert given["backend"] == "spark"
    defaults = {parameter["name"]: "{{job.parameters." + parameter["name"] + "}}" for parameter in JOB["parameters"]}
    assert {name: str(given[name]) for name in defaults} == defaults
    assert JOB["max_concurrent_runs"] == 1


def test_every_variable_is_declared_and_used() -> None:
    assert set(re.findall(r"\$\{var\.(\w+)\}", TEXT)) == set(BUNDLE["variables"])


@pytest.mark.parametrize("target", BUNDLE["targets"])
def test_each_target_gives_the_task_compute_and_the_wheel_that_is_built(target: str) -> None:
    assert "--wheel-dir dist ." in BUNDLE["artifacts"]["wheel"]["build"]
    job = BUNDLE["targets"][target]["resources"]["jobs"]["lc_ibis"]
    [task] = job["tasks"]
    assert task["task_key"] == TASK["task_key"]
    if key := task.get("environment_key"):
        [environment] = job["environments"]
        assert (key, environment["spec"]["dependencies"]) == (environment["environment_key"], ["./dist/*.whl"])
    else:
        [cluster] = job["job_clusters"]
        assert (task["job_cluster_key"], task["libraries"]) == (cluster["job_cluster_key"], [{"whl": "./dist/*.whl"}])


def test_a_command_that_is_done_raises_nothing_for_a_task_counts_that_as_failed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["lc-ibis", "version"])
    cli.run()
    assert capsys.readouterr().out.startswith("lc-ibis ")
    monkeypatch.setattr(sys, "argv", ["lc-ibis", "build", "--no-such-option"])
    with pytest.raises(SystemExit) as ended:
        cli.run()
    assert ended.value.code == 2
