"""The other end of the bridge protocol: models of a marketplace and a warehouse behind real HTTP.

Always: every signature is checked anew, from the words of docs/reference/channel-bridge.md alone.
Never: a request that is not signed is answered with anything but 401.
"""

import hashlib
import hmac
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec

from tidegate.channels.ports import RefusedOutside, StockChange, Unanswered
from tidegate.testing.outside import Marketplace, Stores


class Peer:
    """What a bridge would do in front of a marketplace and a warehouse."""

    def __init__(self, market: Marketplace, stores: Stores, key: bytes) -> None:
        self.market, self.stores, self.key = market, stores, key
        self.unsigned = 0

    def is_signed(self, method: str, path: str, headers: Any, body: bytes) -> bool:  # noqa: ANN401  a mapping of any server
        """HMAC-SHA256 over time, nonce, method, path and the body's digest, a line each."""
        digest = hashlib.sha256(body).hexdigest()
        told = (headers.get("X-Tidegate-Time"), headers.get("X-Tidegate-Nonce"), method, path)
        text = "\n".join([*map(str, told), digest])
        wanted = "v1=" + hmac.new(self.key, text.encode(), "sha256").hexdigest()
        return hmac.compare_digest(wanted, headers.get("X-Tidegate-Signature", ""))

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, bytes]:
        """The status and body of an answer."""
        where = urlsplit(path)
        asked = json.loads(body or b"{}")
        try:
            if method == "GET":
                return 200, self._orders(parse_qs(where.query))
            return 200, msgspec.json.encode(self._posted(where.path, asked))
        except RefusedOutside as why:
            return 409, json.dumps({"why": str(why)}).encode()
        except Unanswered:
            return 504, b""
        except KeyError:
            return 404, b'{"why": "no such path"}'

    def _orders(self, query: dict[str, list[str]]) -> bytes:
        page = self.market.fetch(
            int(query["since"][0]), int(query["until"][0]), query.get("page", [""])[0]
        )
        return msgspec.json.encode(
            {"orders": page.orders, "next_page": page.next_page, "now": page.server_now_ms}
        )

    def _posted(self, path: str, asked: Any) -> object:  # noqa: ANN401 -- JSON
        market, stores = self.market, self.stores
        work: dict[str, Any] = {
            "/stock": lambda: {"results": market.push([_change(c) for c in asked["changes"]])},
            "/stock/read": lambda: {
                "items": [
                    {"item": item, "quantity": shown.quantity, "listed": shown.listed}
                    for item, shown in market.read(asked["numbers"]).items()
                ]
            },
            "/prices/read": lambda: {
                "items": [
                    {"item": item, "price_fen": fen}
                    for item, fen in market.read_prices(asked["numbers"], 0).items()
                ]
            },
            "/orders/close": lambda: {"results": market.close_orders(asked["numbers"])},
            "/shelf": lambda: _done(market.set_listed, asked["item"], listed=asked["listed"]),
            "/activity/end": lambda: _done(market.end_activity),
            "/warehouse/release": lambda: {"results": stores.push(asked["numbers"])},
            "/warehouse/hold": lambda: {"results": stores.intercept(asked["numbers"])},
            "/warehouse/read": lambda: {"results": stores.read(asked["numbers"])},
            "/warehouse/audit": lambda: _done(stores.switch_audit, on=asked["on"]),
        }
        return work[path]()


def _done(work: Callable[..., None], *what: object, **how: object) -> dict[str, str]:
    work(*what, **how)
    return {}


def _change(asked: dict[str, Any]) -> StockChange:
    adds = asked.get("add") is not None
    return StockChange(
        asked["item"], asked["item"], asked["add"] if adds else asked["set"], adds, asked["id"]
    )


@contextmanager
def served(peer: Peer) -> Iterator[str]:
    """The peer on a port of this machine: its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._do("GET")

        def do_POST(self) -> None:
            self._do("POST")

        def _do(self, method: str) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, answer = 401, b""
            if peer.is_signed(method, self.path, self.headers, body):
                status, answer = peer.answer(method, self.path, body)
            else:
                peer.unsigned += 1
            self.send_response(status)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
