"""wrk sends what the script says, every id once, and failures are counted."""

import http.server
import json
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tidegate.bench import echo, http_load

needs_wrk = pytest.mark.skipif(shutil.which("wrk") is None, reason="wrk is not installed")
ORDER: dict[str, object] = {
    "channel": "web",
    "paid": True,
    "lines": [{"sku": 'A"\\', "quantity": 1}],
}


class Recorder(http.server.BaseHTTPRequestHandler):
    """Keeps each body; answers every tenth with 409."""

    protocol_version = "HTTP/1.1"
    seen: list[tuple[str, str, bytes]]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.seen.append((self.path, self.headers["Authorization"], body))
        self.send_response(409 if len(self.seen) % 10 == 0 else 201)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def recorder() -> Iterator[tuple[str, list[tuple[str, str, bytes]]]]:
    seen: list[tuple[str, str, bytes]] = []
    handler = type("Handler", (Recorder,), {"seen": seen})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/", seen
        server.shutdown()
        thread.join()


@needs_wrk
def test_every_request_is_one_order_with_its_own_id_and_buyer(
    tmp_path: Path, recorder: tuple[str, list[tuple[str, str, bytes]]]
) -> None:
    url, seen = recorder
    script = http_load.order_script("/v1/shops/own/orders", "tg_key", ORDER, 1_792_944_000_000)
    load = http_load.load(url, script, tmp_path, 1, connections=4, threads=2)
    orders = [json.loads(body) for _, _, body in seen]
    assert {path for path, _, _ in seen} == {"/v1/shops/own/orders"}
    assert {key for _, key, _ in seen} == {"Bearer tg_key"}
    assert len({order["id"] for order in orders}) == len(orders)
    assert {order["id"].split("-")[1] for order in orders} == {"0", "1"}  # both threads
    for order in orders:
        assert order.pop("buyer") == {"account": "u" + order.pop("id")}
        assert order.pop("placed_at") == 1_792_944_000_000
        assert order == ORDER
    assert load.socket_errors == 0
    # Requests still in flight when the time is up were answered but not counted.
    assert load.status_errors <= len(orders) // 10
    assert len(orders) - 4 <= load.requests <= len(orders)


@needs_wrk
@pytest.mark.parametrize("server", echo.SERVERS)
def test_the_bare_echo_answers_every_request(tmp_path: Path, server: str) -> None:
    load = echo.measure(server, tmp_path, 1.0, connections=4)
    assert load.failed == 0
    assert load.requests_per_s > 100


def test_a_result_of_wrk_is_read_exactly() -> None:
    text = (
        "Running 1s test\n"
        'TIDEGATE {"requests": 3000, "duration_us": 2000000, "bytes": 9, "p50_us": 500, '
        '"p99_us": 1500, "max_us": 2500, "status": 7, "connect": 1, "read": 2, "write": 3, '
        '"timeout": 4}\n'
    )
    assert http_load.parse(text) == http_load.Load(3000, 1500.0, 0.5, 1.5, 2.5, 7, 10)


def test_output_without_a_result_is_an_error_that_shows_it() -> None:
    with pytest.raises(RuntimeError, match="unable to connect"):
        http_load.parse("unable to connect to 127.0.0.1\n")


def test_a_missing_wrk_that_cannot_be_installed_is_a_skip_that_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(http_load.shutil, "which", lambda _: None)
    with pytest.raises(http_load.BenchSkipped, match="apt-get install wrk"):
        http_load.wrk_program()
