"""Somebody is told when a build fails, and is told no value unless that is asked for."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from lc_ibis.engine.state.run import TableRun
from lc_ibis.errors import ChecksFailed, DatabaseError, LcIbisError, SettingsError
from lc_ibis.reporting import notify
from tests.conftest import ALICE, SAVINGS, Lending
from tests.engine.test_atomic import HUGE
from tests.patience import HANGING
from tests.servers import DRIPPING, answering


class Interrupting:
    """Interrupts a build at its third table, as Ctrl-C does."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error or KeyboardInterrupt()

    def begun(self, what: str) -> None:
        if what == "stg_customer":
            raise self.error

    def done(self, table: TableRun) -> None:
        """Say nothing."""


class Listener:
    """An address on loopback, and what was posted to it; it answers with `status`."""

    def __init__(self) -> None:
        self.heard: list[dict[str, Any]] = []
        self.status = 200
        listener = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                assert self.headers["Content-Type"] == "application/json"
                listener.heard.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(listener.status)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_port}/hook?token=secret"


@pytest.fixture
def listener() -> Iterator[Listener]:
    listener = Listener()
    thread = threading.Thread(target=listener.server.serve_forever)
    thread.start()
    yield listener
    listener.server.shutdown()
    listener.server.server_close()
    thread.join()


def test_a_build_that_succeeds_tells_nobody(lending: Lending, listener: Listener) -> None:
    lending.load([ALICE], [SAVINGS], notify=listener.address)
    assert listener.heard == []


@pytest.mark.usefixtures("any_amount")
def test_a_failed_check_is_told_without_values(lending: Lending, listener: Listener) -> None:
    with pytest.raises(ChecksFailed):
        lending.load([ALICE], [SAVINGS, HUGE], notify=listener.address)
    [told] = listener.heard
    assert (told["program"], told["status"], told["error"], told["run_id"]) == ("lc-ibis", "failed", "ChecksFailed", 1)
    assert told["meaning"].startswith("A check of severity error failed")
    failure = next(failure for failure in told["failures"] if failure["check"] == "not_null_new_balance_amount")
    assert (failure["table"], failure["severity"], failure["count"]) == ("account_summary", "error", 1)
    assert told["report"].endswith(".json")
    assert "A2" not in json.dumps(told)


@pytest.mark.usefixtures("any_amount")
def test_values_are_told_where_they_are_asked_for(lending: Lending, listener: Listener) -> None:
    with pytest.raises(ChecksFailed):
        lending.load([ALICE], [SAVINGS, HUGE], notify=listener.address, notify_values=True)
    [told] = listener.heard
    assert "account_summary: 1 row fails not_null_new_balance_amount" in told["message"]
    assert {"account_id": "A2", "new_balance_amount": None} in [e for f in told["failures"] for e in f["examples"]]


def test_an_error_before_the_first_table_is_told_too(lending: Lending, listener: Listener) -> None:
    lending.database.write_text("no database")
    lending.deliver([ALICE], [SAVINGS])
    with pytest.raises(DatabaseError):
        lending.build(notify=listener.address)
    assert listener.heard == [
        {"program": "lc-ibis", "status": "failed", "error": "DatabaseError", "meaning": DatabaseError.__doc__}
    ]


def test_a_command_gets_it_as_input(lending: Lending) -> None:
    heard = lending.root / "heard.json"
    command = f"{sys.executable} -c \"import sys; open('{heard}', 'w').write(sys.stdin.read())\""
    with pytest.raises(LcIbisError):
        lending.build(notify=command)
    assert json.loads(heard.read_text())["error"] == "ExtractError"


@pytest.mark.parametrize(
    "target", ["http://127.0.0.1:1/token-secret", "no-such-command token-secret", "false token-secret", "refused"]
)
def test_a_failure_to_tell_is_logged_without_secrets_and_hides_nothing(
    lending: Lending, listener: Listener, caplog: pytest.LogCaptureFixture, target: str
) -> None:
    listener.status = 500
    with pytest.raises(LcIbisError, match=r"Customer\.csv"):
        lending.build(notify=listener.address if target == "refused" else target)
    assert "could not be notified of the failure" in caplog.text
    assert "secret" not in caplog.text


@pytest.mark.parametrize("answer", [b"what?\r\n\r\n", b"HTTP/1.1 abc\r\n\r\n", b"\x16\x03\x01", b""])
def test_an_answer_that_is_none_hides_no_error(
    lending: Lending, caplog: pytest.LogCaptureFixture, answer: bytes
) -> None:
    with answering(answer) as address, pytest.raises(LcIbisError, match=r"Customer\.csv"):
        lending.build(notify=address)
    assert "could not be notified of the failure" in caplog.text


def test_an_address_with_a_blank_hides_no_error(lending: Lending, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(LcIbisError, match=r"Customer\.csv"):
        lending.build(notify="http://127.0.0.1:1/a b")
    assert "could not be notified of the failure" in caplog.text


def test_a_server_that_never_ends_its_answer_is_left(
    lending: Lending, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notify, "SECONDS", 0.2)
    with answering(*DRIPPING) as address, pytest.raises(LcIbisError, match=r"Customer\.csv"):
        lending.build(notify=address)
    assert "could not be notified of the failure (TimeoutError)" in caplog.text


def test_what_takes_too_long_keeps_no_process_from_ending() -> None:
    program = (
        "from threading import Event; from lc_ibis.reporting.addresses import within\n"
        "try: within(0.01, Event().wait)\nexcept TimeoutError: print('left')"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=HANGING, check=True)
    assert ended.stdout == "left\n"


def test_an_interruption_is_told_and_reported(lending: Lending, listener: Listener) -> None:
    lending.deliver([ALICE], [SAVINGS])
    with pytest.raises(KeyboardInterrupt):
        lending.build(notify=listener.address, progress=Interrupting())
    [told] = listener.heard
    assert (told["error"], told["meaning"]) == ("KeyboardInterrupt", "The build was interrupted.")
    [report] = lending.reports.glob("*.json")
    written = json.loads(report.read_text(encoding="utf-8"))
    assert (written["status"], written["error"]) == ("failed", "interrupted")
    assert not lending.database.exists()


def test_an_interruption_within_a_query_is_one(lending: Lending) -> None:
    """DuckDB tells of it as an error of its own."""
    lending.deliver([ALICE], [SAVINGS])
    with pytest.raises(KeyboardInterrupt):
        lending.build(progress=Interrupting(RuntimeError("Query interrupted")))
    [report] = lending.reports.glob("*.json")
    assert json.loads(report.read_text(encoding="utf-8"))["error"] == "interrupted"


@pytest.mark.parametrize("target", ["http://", "http://127.0.0.1:abc/", "http://127.0.0.1:99999/", "'", "  "])
def test_a_target_that_is_none_is_refused_before_anything_is_done(lending: Lending, target: str) -> None:
    lending.deliver([ALICE], [SAVINGS])
    with pytest.raises(SettingsError, match="notify: this is neither an address"):
        lending.build(notify=target)
    assert not lending.database.exists()
