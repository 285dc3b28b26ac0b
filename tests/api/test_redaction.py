"""Secrets are in no error, log, report or message."""

from __future__ import annotations

import io
import json
import logging
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import lc_ibis
from lc_ibis.api import build
from lc_ibis.cli import main
from lc_ibis.errors import DatabaseError, LcIbisError
from lc_ibis.redaction import excepthook, logger, redacted
from lc_ibis.reporting import notify
from tests.conftest import ALICE, SAVINGS, Lending

TOKEN = "dapi" + "0123456789abcdef" * 2


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("at https://ann:pa55@host/x", "at https://***@host/x"),
        ("jdbc:postgresql://ann:p@ss@host:1/x", "jdbc:postgresql://***@host:1/x"),
        ("https://token@host", "https://***@host"),
        ("sc://host:443/;token=abc;user_id=1", "sc://host:443/;token=***;user_id=1"),
        ("https://h/p?sig=a%2Fb&x=1", "https://h/p?sig=***&x=1"),
        ("https://h/?access_token=abc&x=1", "https://h/?access_token=***&x=1"),
        ("Authorization: Bearer abc.def", "Authorization: ***"),
        ("{'Authorization': 'Basic YTpi'}", "{'Authorization': ***'}"),
        ("bearer abcdefgh12", "bearer ***"),
        ('{"password": "two words", "n": 1}', '{"password": ***, "n": 1}'),
        ("DATABRICKS_TOKEN=abc", "DATABRICKS_TOKEN=***"),
        ("client_secret = 'x y'", "client_secret = ***"),
        ("api-key: abc, b", "api-key: ***, b"),
        ("AccountKey=abc==;Suffix=x", "AccountKey=***;Suffix=x"),
        (f"invalid access {TOKEN}-2!", "invalid access ***!"),
    ],
)
def test_secrets_are_known_by_what_stands_before_them(text: str, shown: str) -> None:
    assert redacted(text) == shown
    assert str(LcIbisError(text)) == shown


@pytest.mark.parametrize(
    "text",
    [
        "stg_account.balance_amount: contract says decimal(18,2), the model gives float64 (layers/staging.py).",
        "snap_account: 6 of 10 current keys (account_id) are gone", "sc://host:15002", "mail ann@example.org: 5 rows",
        "backend: databricks needs the environment variables DATABRICKS_HOST, DATABRICKS_TOKEN, DATABRICKS_HTTP_PATH.",
        "design: x", "https://host/a@b", "keys=3", "account_id: A1", "the bearer of A1", "a=b",
    ],
)  # fmt: skip
def test_what_is_no_secret_is_told(text: str) -> None:
    assert redacted(text) == text


@pytest.mark.parametrize(
    "text", ["x" * 1_000_000, "token" * 200_000, "://" * 300_000, "bearer " * 100_000, " " * 500_000]
)
def test_what_is_long_is_looked_through_once(text: str) -> None:
    assert redacted(f"{text}, token=abc").endswith(", token=***")


def test_what_a_variable_holds_is_hidden_wherever_it_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABRICKS_TOKEN", "hunter2-hunter2")
    monkeypatch.setenv("MY_PASSWORD", "1")
    assert str(DatabaseError("refused (no hunter2-hunter2 here, nor 1).")) == "refused (no *** here, nor 1)."


def test_what_is_logged_has_no_secrets() -> None:
    written = io.StringIO()
    log, handler = logger("lc_ibis.tests"), logging.StreamHandler(written)
    log.addHandler(handler)
    try:
        raise ValueError("token=abc")
    except ValueError:
        log.exception("at %s", "https://ann:pa55@host")
    log.removeHandler(handler)
    assert "https://***@host" in written.getvalue()
    assert "token=***" in written.getvalue()
    assert not re.search("pa55|abc", written.getvalue())


def test_every_module_logs_through_the_filter() -> None:
    for path in Path(lc_ibis.__file__).parent.rglob("*.py"):
        if path.stem != "redaction":
            assert "logging.getLogger" not in path.read_text(encoding="utf-8"), path


def test_the_traceback_of_a_bug_has_no_secrets(capsys: pytest.CaptureFixture[str]) -> None:
    try:
        raise RuntimeError("https://ann:pa55@host")
    except RuntimeError:
        excepthook(*sys.exc_info())  # type: ignore[arg-type]
    printed = capsys.readouterr().err
    assert "RuntimeError: https://***@host" in printed
    # The line of the program that is shown is a line of it, not of what it was given.
    assert printed.count("pa55") <= 1


HOOK = "https://ann:pa55@127.0.0.1:9/services/T0/B0/hushhush?token=abc123"


@pytest.mark.parametrize("error", [DatabaseError, RuntimeError])
def test_a_failed_build_tells_secrets_to_nobody(
    lending: Lending, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, error: type[Exception]
) -> None:
    """Not to the report, not to who is told, not to the log, whoever's error it is."""
    told: list[Any] = []
    tell = notify.tell
    monkeypatch.setattr(notify, "tell", lambda target, message: (told.append(message), tell(target, message)))

    def failing(*_: object) -> None:
        raise error(f"cannot post to {HOOK} with Authorization: Bearer abc123; /services/T0/B0/hushhush?token=abc123")

    monkeypatch.setattr(build._Build, "refresh", failing)
    lending.deliver([ALICE], [SAVINGS])
    with pytest.raises(error):
        lending.build(notify=HOOK, notify_values=True)
    [report] = lending.reports.glob("*.json")
    everything = report.read_text() + json.dumps(told) + caplog.text
    assert "could not be notified" in caplog.text
    assert "cannot post to https://***" in report.read_text()
    assert not re.search("pa55|abc123|hushhush", everything)


def test_the_command_line_prints_no_secrets(lending: Lending) -> None:
    where = ["--backend=spark", "--master=spark://x:1", "--remote=sc://h;token=abc123"]
    for command in (["show", "x", *where], ["build", "--remote=http://ann:abc123@h"], ["token=abc123"]):
        ended = CliRunner().invoke(main, command)
        assert ended.exit_code == 2
        assert "abc123" not in ended.output
