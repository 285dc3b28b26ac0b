"""Tell somebody that a build failed: a command, or an address to which JSON is posted."""

from __future__ import annotations

import shlex
import subprocess
import urllib.request
from http.client import HTTPException
from typing import Any
from urllib.parse import urlsplit

from lc_ibis.engine.state.run import Run
from lc_ibis.errors import LcIbisError, SettingsError
from lc_ibis.files.documents import to_json
from lc_ibis.redaction import logger, redacted
from lc_ibis.reporting.addresses import is_address, is_whole, within
from lc_ibis.reporting.report import document

log = logger(__name__)

SECONDS = 30
UNEXPECTED = "An unexpected error."
INTERRUPTED = "The build was interrupted."


def message(error: BaseException, run: Run | None, with_values: bool = False) -> dict[str, Any]:
    """Return what is told: which kind of error, which checks failed on how many rows, which sources are stale.

    No value of the data is in it, nor the error's own words, which may quote one, unless that is asked for
    by `with_values`. `run` is what the build did before it failed; None where it did not begin.
    """
    told: dict[str, Any] = {
        "program": "lc-ibis",
        "status": "failed",
        "error": type(error).__name__,
        "meaning": _meaning(error),
    }
    if run:
        facts = document(run)
        told |= {name: facts[name] for name in ("run_id", "timestamp", "failed", "warned")}
        told["failures"] = [
            {name: value for name, value in failure.items() if with_values or name != "examples"}
            for failure in facts["failures"]
        ]
        told["stale_sources"] = [found for found in facts["freshness"] if found["status"] != "pass"]
        told["report"] = str(run.report) if run.report else None
    return told | ({"message": redacted(str(error))} if with_values else {})


def _meaning(error: BaseException) -> str:
    if isinstance(error, LcIbisError):
        return (type(error).__doc__ or "").split("\n")[0]
    return INTERRUPTED if isinstance(error, KeyboardInterrupt) else UNEXPECTED


def tell(target: str, told: dict[str, Any]) -> None:
    """Post the message to an http(s) address, or run a command with it as its input; a failure is logged."""
    text = to_json(told).encode()
    try:
        if is_address(target):
            within(SECONDS, lambda: _post(target, text))
        else:
            subprocess.run(shlex.split(target), input=text, timeout=SECONDS, check=True, capture_output=True)
    except (OSError, ValueError, HTTPException, subprocess.SubprocessError) as error:
        reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or type(error).__name__
        log.warning("notify: %s could not be notified of the failure (%s).", _shown(target), reason)


def _post(address: str, text: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(address, data=text, headers=headers, method="POST")
    urllib.request.urlopen(request, timeout=SECONDS).close()


def verify(target: str) -> None:
    """Raise SettingsError where a target is neither an address nor a command."""
    try:
        if not shlex.split(target) or (is_address(target) and not is_whole(target)):
            raise ValueError
    except ValueError:
        raise SettingsError("notify: this is neither an address like https://host/path nor a command.") from None


def _shown(target: str) -> str:
    """Name a target without what may be a secret: an address by its host, a command by its program."""
    return f"{urlsplit(target).hostname}" if is_address(target) else shlex.split(target)[0]
