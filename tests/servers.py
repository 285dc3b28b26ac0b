"""Addresses on loopback that answer as no server should."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def answering(first: bytes, then: bytes = b"") -> Iterator[str]:
    """Answer whoever comes with `first`, and with `then` again and again for as long as the test goes on."""
    ended = threading.Event()
    threads: list[threading.Thread] = []

    def answer(caller: socket.socket) -> None:
        with caller:
            try:
                caller.recv(1 << 16)
                caller.sendall(first)
                while then and not ended.wait(0.02):
                    caller.sendall(then)
            except OSError:
                pass  # the caller has gone

    def serve(place: socket.socket) -> None:
        while True:
            try:
                caller, _ = place.accept()
            except TimeoutError:
                if ended.is_set():
                    return
                continue
            threads.append(threading.Thread(target=answer, args=(caller,)))
            threads[-1].start()

    with socket.create_server(("127.0.0.1", 0)) as place:
        place.settimeout(0.05)
        server = threading.Thread(target=serve, args=(place,))
        server.start()
        try:
            yield f"http://127.0.0.1:{place.getsockname()[1]}/"
        finally:
            ended.set()
            for thread in (server, *threads):
                thread.join()


# The head of an answer, one of whose lines has no end.
DRIPPING = (b"HTTP/1.1 200 OK\r\nX-More: ", b"x")
