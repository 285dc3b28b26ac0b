"""What is told to an address: whether it is one, and a limit on the time that it may take."""

from __future__ import annotations

from collections.abc import Callable
from threading import Thread
from urllib.parse import urlsplit


def is_address(target: str) -> bool:
    """Say whether a target is meant as an http(s) address."""
    return target.lower().startswith(("http://", "https://"))


def is_whole(address: str) -> bool:
    """Say whether an address has a host, and no port or one that can be."""
    try:
        parts = urlsplit(address)
        return bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def within(seconds: float, tell: Callable[[], object]) -> None:
    """Do what tells; raise what it raises, and TimeoutError where it takes longer than so many seconds.

    A limit of the client's own counts only the silence between two bytes. What takes too long goes on
    in a thread that keeps no process from ending.
    """
    failed: list[Exception] = []

    def run() -> None:
        try:
            tell()
        except Exception as error:  # to be raised by who waits
            failed.append(error)

    thread = Thread(target=run, name="telling", daemon=True)
    thread.start()
    thread.join(max(seconds, 0))
    if thread.is_alive():
        raise TimeoutError
    if failed:
        raise failed[0]
