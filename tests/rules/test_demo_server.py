"""What the demo says when the server does not come up or does not do what was asked."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from tidegate.demo.fleet import Fleet, LoadFailed
from tidegate.demo.job import Job
from tidegate.demo.server import Server, ServerFailed, free_port
from tidegate.demo.shop_api import CallRefused, ShopApi, command_line


class Talkative(BaseHTTPRequestHandler):
    """Answers every GET with an object and refuses every POST."""

    def answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        self.answer(200, b'{"key": "%b"}' % self.headers["Authorization"].encode())

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.answer(409, b'{"reason": "stock_short"}')

    def log_message(self, *_: object) -> None:
        """A test is not a terminal."""


@pytest.fixture
def port() -> Iterator[int]:
    server = HTTPServer(("127.0.0.1", 0), Talkative)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_server_that_ends_at_once_is_quoted(tmp_path: Path) -> None:
    store = tmp_path / "no-store"
    server = Server(("serve", "--store", str(store)), free_port(), tmp_path / "server.log")
    with pytest.raises(ServerFailed, match="there is no store at"):
        server.start()
    server.stop()
    assert not store.exists()


def test_nobody_there_has_no_status(tmp_path: Path) -> None:
    assert Server((), free_port(), tmp_path / "log").status("/ready") == 0


def test_a_call_carries_the_key_and_a_refusal_the_server_s_words(port: int) -> None:
    api = ShopApi(port, "tg_1")
    assert api.call("GET", "/x") == {"key": "Bearer tg_1"}
    with pytest.raises(CallRefused, match=r'POST /y: 409 {"reason": "stock_short"}'):
        api.call("POST", "/y", {"id": "1"})


def test_a_command_that_fails_is_quoted(tmp_path: Path) -> None:
    with pytest.raises(CallRefused, match="tidegate shop list --store"):
        command_line("shop", "list", "--store", str(tmp_path / "none"))


def test_a_load_process_that_fails_is_quoted(tmp_path: Path) -> None:
    job = Job(
        kind="orders",
        host="127.0.0.1",
        port=1,
        shop="own",
        key="k",
        crowd_file=str(tmp_path / "missing.npz"),
        answers_file="",
        progress_file="",
        channel="web",
        midnight_ms=0,
    )
    with pytest.raises(LoadFailed, match=r"missing\.npz"):
        Fleet(tmp_path, job, "broken").run(lambda _: None)
