"""A web server of a folder that is slow, fails, cuts and hangs as it is told."""

from __future__ import annotations

import http.server
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path


class Misfortune:
    """What goes wrong: set its attributes at any time.

    Attributes:
        delay: seconds before each answer.
        fails_every: each so-many-th request is answered by status 503; 0 for none.
        cut: paths that are sent to a half, of the whole length announced.
        hangs: {path: how many of the first requests for it are not answered}.
        asked: how often each path was.
    """

    def __init__(self) -> None:
        self.delay = 0.0
        self.fails_every = 0
        self.cut: set[str] = set()
        self.hangs: dict[str, int] = {}
        self.asked: Counter[str] = Counter()
        self.authorization: str | None = None
        self._requests = 0
        self._lock = threading.Lock()

    def count(self, path: str) -> int:
        with self._lock:
            self.asked[path] += 1
            self._requests += 1
            return self._requests


class Handler(http.server.SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, *args: object, misfortune: Misfortune, directory: str) -> None:
        self.misfortune = misfortune
        super().__init__(*args, directory=directory)  # type: ignore[arg-type]

    def log_message(self, *args: object) -> None:
        """Nobody reads it."""

    def do_GET(self) -> None:
        wrong = self.misfortune
        path = self.path.partition("?")[0]
        number = wrong.count(path)
        time.sleep(wrong.delay)
        if wrong.authorization is not None:
            given = self.headers.get("Authorization", "")
            if given != wrong.authorization:
                self.send_error(403, f"not with {given}")
                return
        if wrong.hangs.get(path, 0) >= wrong.asked[path]:
            time.sleep(5)
            self.close_connection = True
            return
        if wrong.fails_every and number % wrong.fails_every == 0:
            self.send_error(503)
            return
        if path in wrong.cut:
            data = Path(self.translate_path(path)).read_bytes()
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data[: len(data) // 2])
            self.close_connection = True
            return
        super().do_GET()


class _Server(http.server.ThreadingHTTPServer):
    # Many connect at once.
    request_queue_size = 128
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that went away are what is tested."""


@contextmanager
def serving(folder: Path) -> Iterator[tuple[str, Misfortune]]:
    """The address of a folder, and what goes wrong there."""
    misfortune = Misfortune()
    handler = partial(Handler, misfortune=misfortune, directory=str(folder))
    server = _Server(("127.0.0.1", 0), handler)  # type: ignore[arg-type]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", misfortune
    finally:
        server.shutdown()
        server.server_close()
