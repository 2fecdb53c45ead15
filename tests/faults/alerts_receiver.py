"""A receiver of alerts on the loopback, that behaves as its path says; and a sender to be killed.

Always counts what it was sent by key. Run as a program it tells people of one shop's alarms until
it is killed: `alerts_receiver.py FOLDER`.
"""

import json
import sys
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

ENOUGH_S = 20.0


class Receiver:
    """See the module. `kept`: by path, how often each key came."""

    def __init__(self) -> None:
        self.kept: dict[str, Counter[str]] = {}
        self.bodies: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.ended = threading.Event()
        self._lock = threading.Lock()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                receiver.take(self)

            def log_message(self, format: str, *args: object) -> None:
                """Nothing: the test says what it saw."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        self.ended.set()
        self.server.shutdown()
        self.server.server_close()

    def way(self, path: str) -> str:
        return f"json://127.0.0.1:{self.port}/{path}"

    def keys(self, path: str) -> Counter[str]:
        with self._lock:
            return Counter(self.kept.get(f"/{path}", Counter()))

    def take(self, asked: BaseHTTPRequestHandler) -> None:
        body = json.loads(asked.rfile.read(int(asked.headers["Content-Length"])))
        key = asked.headers["X-Tidegate-Alert-Key"]
        with self._lock:
            self.kept.setdefault(asked.path, Counter())[key] += 1
            self.bodies.append(body)
            self.headers.append(dict(asked.headers))
            times = self.kept[asked.path][key]
        getattr(self, "_" + asked.path.strip("/").split("/")[0])(asked, times)

    def _ok(self, asked: BaseHTTPRequestHandler, _times: int) -> None:
        self._answer(asked, 200, b'{"errcode": 0, "errmsg": "ok"}')

    def _slow(self, asked: BaseHTTPRequestHandler, _times: int) -> None:
        self.ended.wait(0.7)
        self._answer(asked, 200, b"ok")

    def _broken(self, asked: BaseHTTPRequestHandler, _times: int) -> None:
        self._answer(asked, 500, b"sorry")

    def _hang(self, _asked: BaseHTTPRequestHandler, _times: int) -> None:
        self.ended.wait(ENOUGH_S)

    def _drip(self, asked: BaseHTTPRequestHandler, _times: int) -> None:
        asked.send_response(200)
        asked.send_header("Content-Length", "1000")
        asked.end_headers()
        for _ in range(1000):
            if self.ended.wait(0.1):
                return
            try:
                asked.wfile.write(b".")
            except OSError:
                return

    def _redirect(self, asked: BaseHTTPRequestHandler, _times: int) -> None:
        asked.send_response(307)
        asked.send_header("Location", f"http://127.0.0.1:{self.port}/stolen")
        asked.send_header("Content-Length", "0")
        asked.end_headers()

    def _lies(self, asked: BaseHTTPRequestHandler, times: int) -> None:
        """200, and dead before the answer is whole; the second time it is well."""
        if times > 1:
            self._answer(asked, 200, b"ok")
            return
        asked.send_response(200)
        asked.send_header("Content-Length", "50")
        asked.end_headers()
        asked.wfile.write(b"o")
        asked.close_connection = True

    def _refuses(self, asked: BaseHTTPRequestHandler, _times: int) -> None:
        self._answer(asked, 200, b'{"errcode": 310000, "errmsg": "keywords not in content"}')

    def _huge(self, asked: BaseHTTPRequestHandler, _times: int) -> None:
        self._answer(asked, 200, b"x" * (1 << 20))

    @staticmethod
    def _answer(asked: BaseHTTPRequestHandler, status: int, body: bytes) -> None:
        asked.send_response(status)
        asked.send_header("Content-Length", str(len(body)))
        asked.end_headers()
        try:
            asked.wfile.write(body)
        except OSError:
            return


def tell_until_killed(folder: Path) -> None:
    """The sender as the followers' process has it, for one shop."""
    from tidegate.bootstrap.alerting import open_alerting
    from tidegate.store_paths import ShopPaths

    alerting = open_alerting("own", ShopPaths(folder))
    print("ready", flush=True)
    while True:
        alerting.turn()
        time.sleep(0.02)


if __name__ == "__main__":
    tell_until_killed(Path(sys.argv[1]))
