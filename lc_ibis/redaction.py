"""Secrets stay out of errors, logs and reports: passwords in addresses, tokens, headers of authorization.

A secret is known by its value, where an environment variable or a setting holds it, or by the name before it.
"""

from __future__ import annotations

import logging
import os
import re
import sys
import traceback
from types import TracebackType

HIDDEN = "***"
# No pattern begins with what may be repeated: values that are megabytes long come by.
_NAME = (
    r"(?:token|passw(?:or)?d|pwd|passphrase|secret|credentials?|(?:api|acc[a-z]{2,4}|shared)[_-]?key|signature|\bsig)"
)
_VALUE = r"\"[^\"]*\"|'[^']*'|[^\s\"'&;,)\]}]+"
_PATTERNS = [
    # https://user:password@host
    (re.compile(r"://[^/\s'\"]+@"), f"://{HIDDEN}@"),
    # Authorization: Bearer abc
    (
        re.compile(r"(authorization['\"]?\s*[:=]\s*)['\"]?(?:(?:bearer|basic|token)\s+)?[^\s'\",;]+", re.IGNORECASE),
        rf"\1{HIDDEN}",
    ),
    (re.compile(r"\b(bearer\s+)[\w.~+/=-]{8,}", re.IGNORECASE), rf"\1{HIDDEN}"),
    # token=abc, "password": "abc"
    (re.compile(rf"({_NAME})(['\"]?\s*[=:]\s*)(?:{_VALUE})", re.IGNORECASE), rf"\1\2{HIDDEN}"),
    # Databricks' personal tokens, wherever they stand
    (re.compile(r"\bdapi[0-9a-f]{32}(?:-\d+)?\b"), HIDDEN),
]
# PWD and OLDPWD name directories.
_SECRET_VARIABLE = re.compile(rf"^(?!(?:old)?pwd$).*(?:{_NAME})$", re.IGNORECASE)
# What is shorter would be found in words that have nothing to do with it.
_SHORTEST = 8
_kept: set[str] = set()


def keep(secret: str) -> None:
    """Remember a text that is not to be shown."""
    if len(secret) >= _SHORTEST:
        _kept.add(secret)


def redacted(text: str) -> str:
    """Return a text without what is secret in it."""
    held = {value for name, value in os.environ.items() if len(value) >= _SHORTEST and _SECRET_VARIABLE.search(name)}
    for secret in sorted(held | _kept, key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    for pattern, shown in _PATTERNS:
        text = pattern.sub(shown, text)
    return text


class _Redacting(logging.Filter):
    """Takes secrets out of what is logged, tracebacks included."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = redacted(record.getMessage()), ()
        if record.exc_info:
            record.exc_text = redacted(logging.Formatter().formatException(record.exc_info))
        return True


_REDACTING = _Redacting()


def logger(name: str) -> logging.Logger:
    """Return the logger of a module; what it logs has no secrets."""
    log = logging.getLogger(name)
    log.addFilter(_REDACTING)
    return log


def excepthook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Print the traceback of a bug without secrets; for sys.excepthook."""
    sys.stderr.write(redacted("".join(traceback.format_exception(kind, error, trace))))
