"""The desk as the watch asks it: over HTTP on this machine, with a key of the watch's own.

Always one request with an id that counts once, and an answer that says it is durable; where the
server listens is read anew for every connection. Never: a key in a log, a message or an address.
"""

import http.client
import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec

from tidegate.watch.acting import InForce, NothingToStop
from tidegate.watch.breaker import Action

ANSWER_S = 2.0
REFUSED = 409
SERVING_BYTES_MAX = 4096
ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104 -- what it means


class Serving(msgspec.Struct, frozen=True):
    """Where the desk's process listens."""

    host: str
    port: int
    process_id: int = 0


def read_serving(path: Path) -> Serving:
    """Where the server listens. Raises OSError where nobody says so."""
    try:
        with path.open("rb") as file:
            return msgspec.json.decode(file.read(SERVING_BYTES_MAX), type=Serving)
    except msgspec.MsgspecError as error:
        raise OSError(f"{path.name} cannot be read: {error}") from error


def write_serving(path: Path, serving: Serving) -> None:
    """Say where the server listens. Raises OSError."""
    partial = path.with_name(path.name + ".partial")
    partial.write_bytes(msgspec.json.encode(serving))
    partial.replace(path)


class DeskCalls:
    """See `watch.acting.DeskPort`."""

    def __init__(self, serving: Path, key_file: Path, shop: str) -> None:
        """Nothing is opened yet; `key_file` holds the key."""
        self._serving = serving
        self._key_file = key_file
        self._path = f"/v1/shops/{shop}/breaker"
        self._connection: http.client.HTTPConnection | None = None
        self._headers: dict[str, str] = {}

    def act(self, action: Action) -> None:
        """Ask for a pause or a cap. Raises OSError, NothingToStop."""
        body = {
            "id": action.id, "scope": action.target, "kind": action.kind, "subject": action.code,
            "note": action.note,
        }  # fmt: skip
        self._asked("POST", f"{self._path}/open", json.dumps(body).encode())

    def in_force(self, target: str, code: str) -> InForce:
        """How a target is now. Raises OSError, NothingToStop."""
        query = f"scope={target}&subject={quote(code, safe='')}"
        found = self._asked("GET", f"{self._path}/in-force?{query}")
        names = ("known", "paused", "quantity_min", "quantity_max", "trickles")
        return InForce(*(found[name] for name in names))

    def close(self) -> None:
        """Let go of the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _asked(self, method: str, path: str, body: bytes | None = None) -> Any:  # noqa: ANN401  JSON
        was_open = self._connection is not None
        try:
            status, text = self._once(method, path, body)
        except (OSError, http.client.HTTPException) as error:
            self.close()
            if not was_open:
                raise OSError(f"the server did not answer ({type(error).__name__})") from error
            return self._asked(method, path, body)  # a kept connection that the server had closed
        if status == REFUSED:
            raise NothingToStop(_detail(text))
        if status >= http.HTTPStatus.BAD_REQUEST:
            self.close()  # the key is read anew
            raise OSError(f"{status}: {_detail(text)}")
        return json.loads(text)

    def _once(self, method: str, path: str, body: bytes | None) -> tuple[int, bytes]:
        if self._connection is None:
            serving = read_serving(self._serving)
            host = ANYWHERE.get(serving.host, serving.host)
            key = self._key_file.read_text("ascii").strip()
            self._headers = {
                "Authorization": f"Bearer {key}", "Content-Type": "application/json",
                "Accept-Language": "en",
            }  # fmt: skip
            self._connection = http.client.HTTPConnection(host, serving.port, timeout=ANSWER_S)
        self._connection.request(method, path, body, self._headers)
        answer = self._connection.getresponse()
        return answer.status, answer.read()


def _detail(text: bytes) -> str:
    try:
        return str(json.loads(text)["detail"])
    except (ValueError, KeyError, TypeError):
        return "no reason was given"
