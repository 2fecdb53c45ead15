"""The HTTP API as the commands call it: one server, one key, one request at a time.

Always holds: what is sent again is the same request with the same id, so it counts once. Never
here: a key from an argument, or a key in a URL, a message or a log.
"""

import http.client
import json
import os
import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit

from tidegate import __version__
from tidegate.access.keys import key_id

DEFAULT_SERVER = "http://127.0.0.1:8080"
KEY_VARIABLE = "TIDEGATE_KEY"
JSON = "application/json"
PROBLEM = "application/problem+json"
EVENT_STREAM = "text/event-stream"

ANSWER_S = 30.0  # for one answer
PATIENCE_S = 20.0  # for asking again
RETRY_S = 1.0
RETRY_MAX_S = 5.0
SILENCE_S = 45.0  # a stream of events has a beat every 15 s
KEY_FILE_BYTES_MAX = 4_096
UNAVAILABLE = 503
SERVER_FAULT = 500
CLIENT_FAULT = 400

# No digits, so that an id never looks like a telephone number; no vowels, so that it is no word.
_ID_SIGNS = "bcdfghjkmnpqrstvwxz"
_ID_SIGNS_COUNT = 16


class WrongUsage(Exception):
    """The command cannot be given like that; the message says what to write instead."""


class Unanswered(Exception):
    """No answer that says what was decided; `was_sent` = the server may have decided."""

    def __init__(self, message: str, *, was_sent: bool) -> None:
        self.was_sent = was_sent
        super().__init__(message)


class Refused(Exception):
    """The server said no: the RFC 9457 problem that it gave."""

    def __init__(self, problem: dict[str, Any]) -> None:
        self.problem = problem
        super().__init__(str(problem.get("reason", "")))


class NotReached(Exception):
    """There was no connection: nothing was sent this time."""


class Address(NamedTuple):
    """Where the server listens."""

    scheme: str
    host: str
    port: int | None

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}" + (f":{self.port}" if self.port else "")


class Request(NamedTuple):
    """One request. `is_repeatable`: it reads, or carries an id that makes it count once."""

    method: str
    path: str
    body: bytes | None = None
    media_type: str = JSON
    idempotency_key: str = ""
    is_repeatable: bool = True


class Answer(NamedTuple):
    """What came back."""

    status: int
    media_type: str
    body: bytes
    retry_after_s: float = RETRY_S

    def document(self) -> Any:  # noqa: ANN401  JSON
        """The body as JSON. Raises Unanswered where it is none: then it is no Tidegate."""
        try:
            return json.loads(self.body)
        except ValueError:
            raise self.not_ours() from None

    def not_ours(self) -> Unanswered:
        """To be raised where the answer cannot come from Tidegate."""
        return Unanswered(
            f"the answer ({self.status}, {self.media_type}) is not one of Tidegate's:"
            " look whether TIDEGATE_SERVER is right",
            was_sent=True,
        )


def address_of(text: str) -> Address:
    """A server's address as it is written. Raises WrongUsage."""
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    host = parts.hostname or ""
    is_bare = not (parts.username or parts.password or parts.query or parts.fragment)
    is_host = bool(host) and host.isprintable() and " " not in host
    if parts.scheme in {"http", "https"} and parts.path in {"", "/"} and is_bare and is_host:
        return Address(parts.scheme, host, port)
    raise WrongUsage(f"TIDEGATE_SERVER or --server: write an address such as {DEFAULT_SERVER}")


def read_key(file: Path | None) -> str:
    """The key from a file, or else from TIDEGATE_KEY. Raises WrongUsage, which never quotes it."""
    if file is None:
        key, source = os.environ.get(KEY_VARIABLE, "").strip(), KEY_VARIABLE
        if not key:
            raise WrongUsage("no key: set TIDEGATE_KEY, or name a file that holds it: --key-file")
    else:
        key, source = _key_in(file), "--key-file"
    if not (key_id(key) and key.isascii() and key.replace("_", "").isalnum()):
        raise WrongUsage(f"{source}: that is no key of Tidegate (`tidegate key issue` makes one)")
    return key


def _key_in(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            return opened.read(KEY_FILE_BYTES_MAX).decode("utf-8", "replace").strip()
    except OSError as error:
        # Without the name: somebody may have typed the key itself there.
        raise WrongUsage(f"--key-file: {(error.strerror or 'cannot be read').lower()}") from None


def why_not_now(answer: Answer) -> str:
    """What a server says that takes nothing at the moment; something before it may answer too."""
    try:
        return str(json.loads(answer.body)["detail"])
    except (ValueError, KeyError, TypeError):
        return "the server is busy"


def new_id() -> str:
    """An id that nobody had: about 68 random bits."""
    return "cli-" + "".join(secrets.choice(_ID_SIGNS) for _ in range(_ID_SIGNS_COUNT))


def path_of(*segments: str) -> str:
    """A path from its segments, each quoted."""
    return "/" + "/".join(quote(segment, safe=":", errors="replace") for segment in segments)


@dataclass
class Client:
    """Asks one server. `say` tells a person why it takes longer."""

    address: Address
    key: str
    language: str
    say: Callable[[str], None]
    sleep: Callable[[float], None] = time.sleep
    monotonic_s: Callable[[], float] = time.monotonic

    def call(self, request: Request) -> Any:  # noqa: ANN401  JSON
        """The JSON of a success. Raises Refused (4xx) or Unanswered (no answer, 5xx)."""
        return self.checked(self.ask(request)).document()

    def checked(self, answer: Answer) -> Answer:
        """An answer that is a success; else raises as `call` does."""
        if answer.status < CLIENT_FAULT:
            return answer
        problem = answer.document()
        if answer.status >= SERVER_FAULT or answer.media_type != PROBLEM:
            if not isinstance(problem, dict):
                raise answer.not_ours()
            name, detail = problem.get("reason", answer.status), problem.get("detail", "")
            raise Unanswered(f"{name}: {detail}", was_sent=True)
        raise Refused(problem)

    def ask(self, request: Request, patience_s: float = PATIENCE_S) -> Answer:
        """The answer, whatever it is; busy servers and lost connections are asked again, with the
        same id, until patience ends. Raises Unanswered where there is no answer at all.
        """
        end_s, was_sent = self.monotonic_s() + patience_s, False
        while True:
            answer, wait_s, why = None, RETRY_S, "the connection was lost"
            try:
                answer = self._once(request)
            except NotReached as error:
                why = str(error)
                if not was_sent:
                    raise Unanswered(why, was_sent=False) from None
            except (OSError, http.client.HTTPException):
                was_sent = True
                if not request.is_repeatable:
                    raise Unanswered(f"{why} before the answer", was_sent=True) from None
            else:
                if answer.status != UNAVAILABLE:
                    return answer
                was_sent, wait_s, why = True, answer.retry_after_s, why_not_now(answer)
            if self.monotonic_s() + wait_s > end_s:
                if answer is not None:
                    return answer
                raise Unanswered(why, was_sent=True)
            self.say(f"{why}: asking again in {wait_s:g} s")
            self.sleep(wait_s)

    def lines(self, request: Request) -> Iterator[bytes]:
        """A stream's lines as they come; ends, or raises OSError or HTTPException, with the stream.

        Raises NotReached, and Refused or Unanswered where there is no stream.
        """
        connection = self._connection(SILENCE_S)
        try:
            found = self._sent(connection, request)
            if found.status >= CLIENT_FAULT:
                self.checked(_answer(found))
            while line := found.readline():
                yield line
        finally:
            connection.close()

    def _once(self, request: Request) -> Answer:
        connection = self._connection(ANSWER_S)
        try:
            return _answer(self._sent(connection, request))
        finally:
            connection.close()

    def _connection(self, timeout_s: float) -> http.client.HTTPConnection:
        scheme, host, port = self.address
        kind = http.client.HTTPSConnection if scheme == "https" else http.client.HTTPConnection
        return kind(host, port, timeout=timeout_s)

    def _sent(
        self, connection: http.client.HTTPConnection, request: Request
    ) -> http.client.HTTPResponse:
        try:
            connection.connect()
        except (OSError, UnicodeError) as error:
            why = (getattr(error, "strerror", None) or type(error).__name__).lower()
            raise NotReached(f"no server at {self.address} ({why})") from None
        connection.request(request.method, request.path, request.body, self._headers(request))
        return connection.getresponse()

    def _headers(self, request: Request) -> dict[str, str]:
        headers = {"Accept-Language": self.language, "User-Agent": f"tidegate/{__version__}"}
        if self.key:
            headers["Authorization"] = f"Bearer {self.key}"
        if request.body is not None:
            headers["Content-Type"] = request.media_type
        if request.idempotency_key.isascii() and request.idempotency_key.isprintable():
            headers["Idempotency-Key"] = request.idempotency_key
        return headers


def _answer(found: http.client.HTTPResponse) -> Answer:
    media_type = found.headers.get_content_type()
    if media_type == EVENT_STREAM:
        raise WrongUsage("that never ends: use `tidegate events`")
    given = found.headers.get("Retry-After", "")
    wait_s = RETRY_S
    if given.isascii() and given.isdigit():
        wait_s = min(max(float(given), RETRY_S), RETRY_MAX_S)
    return Answer(found.status, media_type, found.read(), wait_s)
