"""The first minutes: a project, whether all is fine, and completion."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
from click.testing import CliRunner, Result

import lc_ibis
from lc_ibis.api import doctor
from lc_ibis.cli import main
from lc_ibis.errors import OutputError
from lc_ibis.settings import Settings
from tests import ROOT
from tests.conftest import ALICE, SAVINGS, WIDELY, Lending


def run(*words: str, exit_code: int = 0) -> Result:
    result = CliRunner().invoke(main, words)
    assert result.exit_code == exit_code, result.output
    return result


# init ----------------------------------------------------------------------------------------------


def test_a_new_project_builds_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    said = run("init", "mine").output
    monkeypatch.chdir(tmp_path / "mine")
    commands = [line.strip() for line in said.splitlines() if line.startswith("  lc-ibis ")]
    assert len(commands) == 4
    monkeypatch.setattr("click.launch", lambda _: 0)
    for command in commands:
        run(*command.split()[1:])
    assert Settings.load() == Settings()
    ignored = (tmp_path / "mine/.gitignore").read_text(encoding="utf-8").splitlines()
    made = {f"data/{path.name}/" for path in (tmp_path / "mine/data").iterdir()}
    assert made - {"data/inputs/", "data/inputs_day2/"} == set(ignored)


def test_every_line_of_its_settings_is_a_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = lc_ibis.init(tmp_path / "mine")
    monkeypatch.chdir(place)
    lines = (place / "lc-ibis.toml").read_text(encoding="utf-8").splitlines()
    settings = [line.removeprefix("# ") for line in lines if " = " in line]
    (place / "lc-ibis.toml").write_text("\n".join(settings), encoding="utf-8")
    assert len(settings) > 8
    assert Settings.load().keep_history == "7y"


@pytest.mark.parametrize("what", ["file", "full"])
def test_a_place_that_is_taken_is_refused(tmp_path: Path, what: str) -> None:
    place = tmp_path / "mine"
    if what == "file":
        place.write_text("mine", encoding="utf-8")
    else:
        place.mkdir()
        (place / "mine").touch()
    with pytest.raises(OutputError, match="the directory is not empty. Choose a new one"):
        lc_ibis.init(place)
    assert what == "file" or [path.name for path in place.iterdir()] == ["mine"]


def test_the_sample_is_part_of_what_is_installed() -> None:
    import tomllib

    built = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["hatch"]["build"]["targets"]
    assert len(built["wheel"]["force-include"]) == 3
    for source in built["wheel"]["force-include"]:
        assert (ROOT / source).exists()
        assert source in built["sdist"]["include"]


# doctor --------------------------------------------------------------------------------------------


def statuses(**options: object) -> dict[str, str]:
    return {one.topic: one.status for one in lc_ibis.doctor(**options)}


def test_all_is_fine(lending: Lending) -> None:
    lending.deliver([ALICE], [SAVINGS])
    assert set(statuses(**lending.places()).values()) == {"pass"}
    lending.build()
    found = {one.topic: one for one in lc_ibis.doctor(**lending.places())}
    assert {one.status for one in found.values()} == {"pass"}
    assert "run 1 of 20" in found["database"].found
    assert "accounts.csv" in found["src_account"].found


def test_what_is_wrong_is_said_with_how_to_mend_it(lending: Lending) -> None:
    lending.deliver([ALICE], [SAVINGS])
    (lending.inputs / "accounts.csv").write_text("nonsense\n1\n", encoding="utf-8")
    lending.database.write_bytes(b"no database")
    words = [word for name, path in lending.places().items() for word in (f"--{name}", str(path))]
    said = run("doctor", *words, exit_code=1).output
    assert "FAIL src_account" in said
    assert "If it is elsewhere, set --inputs" in said
    assert "FAIL database" in said
    assert "2 of " in said
    assert "checks failed." in said
    told = json.loads(run("doctor", *words, "--json", exit_code=1).output)
    assert [one["topic"] for one in told if one["status"] == "fail"] == ["src_account", "database"]
    assert not lending.outputs.exists()


def test_a_setting_that_cannot_be_used_is_a_finding(lending: Lending) -> None:
    assert statuses(threads=0)["settings"] == "fail"


def test_a_database_in_use_is_a_warning(lending: Lending) -> None:
    lending.load([ALICE], [SAVINGS])
    code = f"import duckdb; c = duckdb.connect({str(lending.database)!r}); print(1, flush=True); input()"
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout
        holder.stdout.readline()
        [found] = [one for one in lc_ibis.doctor(**lending.places()) if one.topic == "database"]
        holder.communicate("\n")
    assert found.status == "warn"
    assert f"process {holder.pid}" in found.found


def told_of_verify(lending: Lending) -> doctor.Finding:
    [found] = [one for one in lc_ibis.doctor(**lending.places()) if one.topic == "verify"]
    return found


@pytest.mark.parametrize("backend", WIDELY)
def test_the_last_verify_is_told(lending: Lending) -> None:
    lending.load([ALICE], [SAVINGS])
    assert told_of_verify(lending).found.startswith("no full verify yet")
    lc_ibis.verify(**lending.places())
    found = told_of_verify(lending)
    assert found.status == "pass"
    assert re.fullmatch(r"run 1, at 20.* UTC: 12 tables identical; no run since", found.found)
    lending.build()  # of the same, which is no run
    assert told_of_verify(lending) == found
    lending.load([("1", "Alicia", "Yes")], [SAVINGS])
    assert told_of_verify(lending).found.endswith("12 tables identical; 1 run since")
    lending.load([ALICE], [SAVINGS])
    assert told_of_verify(lending).found.endswith("; 2 runs since")
    lc_ibis.verify(**lending.places())
    assert told_of_verify(lending).found.startswith("run 3, at ")
    lending.load([("1", "Alicia", "Yes")], [SAVINGS], verify=True)
    assert told_of_verify(lending).found.startswith("run 4, at ")


def test_a_verify_that_found_a_difference_is_told_until_one_finds_none(lending: Lending) -> None:
    lending.load([ALICE], [SAVINGS])
    with duckdb.connect(str(lending.database)) as con:
        con.execute("DELETE FROM marts.customer_profile")
    words = [word for name, path in lending.places().items() for word in (f"--{name}", str(path))]
    named = ["--database", str(lending.database), "--reports", str(lending.reports)]
    run("verify", *named, exit_code=1)
    said = run("doctor", *words, exit_code=1).output
    assert "FAIL verify" in said
    assert "11 tables identical, 1 different (customer_profile); no run since" in " ".join(said.split())
    lending.build(full_refresh=True)
    assert told_of_verify(lending).status == "warn"
    assert run("verify", *named).exit_code == 0
    assert told_of_verify(lending).status == "pass"


def test_only_a_verify_of_all_tables_of_this_database_counts(lending: Lending) -> None:
    lending.load([ALICE], [SAVINGS])
    begun = lending.database.read_bytes()
    lending.load([("1", "Alicia", "Yes")], [SAVINGS], select=("source",))
    lc_ibis.verify(**lending.places())  # the other tables are older than the source
    assert told_of_verify(lending).found.startswith("no full verify yet")
    lending.build()
    lc_ibis.verify(**lending.places())
    copy = lending.database.with_name("copy.duckdb")
    shutil.copy(lending.database, copy)
    [of_copy] = [one for one in lc_ibis.doctor(**{**lending.places(), "database": copy}) if one.topic == "verify"]
    assert of_copy.found.startswith("run 3, ")
    lending.database.write_bytes(begun)  # as a backup is put back
    assert told_of_verify(lending).found.startswith("no full verify yet")


def test_a_verify_that_cannot_be_noted_is_one_all_the_same(lending: Lending, caplog: pytest.LogCaptureFixture) -> None:
    lending.load([ALICE], [SAVINGS])
    note = lending.reports / "last_verify.json"
    note.mkdir()
    assert {one.status for one in lc_ibis.verify(**lending.places())} == {"identical"}
    assert not [record for record in caplog.records if record.levelname == "WARNING"]
    note.rmdir()
    shutil.rmtree(lending.reports)
    assert {one.status for one in lc_ibis.verify(**lending.places())} == {"identical"}
    assert not lending.reports.exists()


@pytest.mark.parametrize(
    "content", ["", "[]", '{"schema_version": 1}', '{"schema_version": 2, "databases": {}}', "\xff"]
)
def test_a_note_of_a_verify_that_cannot_be_read_is_a_warning(lending: Lending, content: str) -> None:
    lending.load([ALICE], [SAVINGS])
    note = lending.reports / "last_verify.json"
    note.write_text(content, encoding="latin-1")
    assert told_of_verify(lending).status == "warn"
    lc_ibis.verify(**lending.places())
    assert told_of_verify(lending).status == "pass"
    told = json.loads(note.read_text(encoding="utf-8"))
    [found] = told["databases"].values()
    del found["run_at"]
    note.write_text(json.dumps(told), encoding="utf-8")
    assert told_of_verify(lending).status == "warn"


def test_java_and_credentials_are_looked_at_where_they_are_needed(
    lending: Lending, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    monkeypatch.setattr("lc_ibis.api.doctor._database", lambda _: [])
    assert statuses(backend="spark")["Java"] == "fail"
    old = tmp_path / "bin/java"
    old.parent.mkdir()
    old.write_text("#!/bin/sh\necho 'openjdk version \"1.8.0_392\"' >&2\n", encoding="utf-8")
    old.chmod(0o755)
    assert statuses(backend="spark")["Java"] == "fail"
    old.write_text("#!/bin/sh\necho 'openjdk version \"17.0.9\" 2023-10-17' >&2\n", encoding="utf-8")
    assert statuses(backend="spark")["Java"] == "pass"
    for name in ("HOST", "TOKEN", "HTTP_PATH"):
        monkeypatch.delenv(f"DATABRICKS_{name}", raising=False)
    assert statuses(backend="databricks")["credentials"] == "fail"


def test_a_package_that_is_too_old_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "requires", lambda _: ["click>=99", "no-such-thing>=1", "rich>=1", "x; extra == 'y'"])
    found = list(doctor._packages(Settings()))
    assert [one.status for one in found] == ["fail", "fail", "pass"]
    assert found[0].mend == "pip install 'click>=99'"
    assert "no-such-thing is not installed" in found[1].found
    assert found[2].found.startswith("1 with")


def test_a_directory_that_cannot_be_written_to(lending: Lending, monkeypatch: pytest.MonkeyPatch) -> None:
    lending.deliver([ALICE], [SAVINGS])
    monkeypatch.setattr(os, "access", lambda place, _: "out" not in str(place))
    lending.outputs.mkdir()
    assert statuses(**lending.places())["outputs directory"] == "fail"


# completion ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_learns_to_complete(shell: str) -> None:
    assert "_LC_IBIS_COMPLETE" in run("completion", shell).output


def test_commands_are_completed() -> None:
    environment = {**os.environ, "_LC_IBIS_COMPLETE": "bash_complete", "COMP_WORDS": "lc-ibis bui", "COMP_CWORD": "1"}
    code = "from lc_ibis.cli import run; run()"
    ended = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.argv = ['lc-ibis']; {code}"], env=environment, capture_output=True,
        text=True,
    )  # fmt: skip
    assert "plain,build" in ended.stdout
