"""A session with Vendure's Admin API: who asks, GraphQL over HTTP, and what its silence means.

Always: a session that has expired is opened again once and the question repeated, since Vendure
did nothing with it. Never: the password stands in a URL, a log or an error, or an answer's body is
repeated in one.
"""

import http.client
import ipaddress
import stat
import threading
import time
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, NamedTuple, TypeVar
from urllib.parse import SplitResult, quote, urlsplit

import msgspec

from tidegate.channels.ports import RefusedOutside, Unanswered

TIMEOUT_S = 10.0
ANSWER_BYTES_MAX = 16 << 20
ADMIN_API = "/admin-api"
OK, BAD_REQUEST = 200, 400
REFUSED_LOGIN_S = 60.0  # a wrong password is not tried again and again: Vendure may lock the user
PASSWORD_CHARS_MAX = 1_000
OTHERS = stat.S_IRWXG | stat.S_IRWXO
PERMISSIONS = "ReadOrder, UpdateOrder, ReadCatalog, UpdateCatalog, ReadSettings"
LOGIN = """mutation ($user: String!, $password: String!) {
  login(username: $user, password: $password) { __typename }
}"""

T = TypeVar("T")


class NotAllowed(Unanswered):
    """This user's role lacks a permission: whoever may give it reads what is needed."""


class Credentials(NamedTuple):
    """Who asks. Printing it shows no password."""

    user: str
    password: str

    def __repr__(self) -> str:
        return f"Credentials({self.user!r}, ...)"


def credentials_of(user: str, password_file: Path) -> Credentials:
    """The user and the first line of a private file. Raises OSError, ValueError."""
    with password_file.open(encoding="utf-8") as file:
        if stat.S_IMODE(password_file.stat().st_mode) & OTHERS:
            raise ValueError(f"{password_file} may be read by others: chmod 600 {password_file}")
        password = file.readline(PASSWORD_CHARS_MAX).rstrip("\r\n")
    if not password:
        raise ValueError(f"{password_file} has no password in its first line")
    return Credentials(user, password)


class Fault(msgspec.Struct, frozen=True):
    """A GraphQL error: only its code is used, its text may hold anything."""

    extensions: dict[str, Any] = {}

    @property
    def code(self) -> str:
        """Vendure's word for what is wrong."""
        found = self.extensions.get("code", "")
        return found if isinstance(found, str) and found.isascii() else ""


class Answer(msgspec.Struct, frozen=True):
    """What GraphQL answers."""

    data: msgspec.Raw = msgspec.Raw(b"null")
    errors: list[Fault] = []


class LoggedIn(msgspec.Struct, frozen=True):
    """What became of a login."""

    kind: str = msgspec.field(name="__typename")


class LoginAnswer(msgspec.Struct, frozen=True):
    """The answer to LOGIN."""

    login: LoggedIn


class Received(NamedTuple):
    """One HTTP answer."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes


def admin_address(address: str) -> SplitResult:
    """The parts of Vendure's address. Raises ValueError where the password would be overheard."""
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
        raise ValueError("Vendure's address is http(s)://host[:port], without a user")
    if parts.scheme == "http" and not is_near(parts.hostname):
        raise ValueError("use https: over http the password would travel in plain text")
    return parts


def is_near(host: str) -> bool:
    """Whether a host is this machine, a private address, or a name without a dot."""
    try:
        found = ipaddress.ip_address(host)
    except ValueError:
        return "." not in host
    return found.is_loopback or found.is_private


class Session:
    """Any thread may ask."""

    def __init__(
        self,
        address: str,
        credentials: Callable[[], Credentials],
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        """`credentials` reads them anew at each login, so that a changed password is found."""
        self._parts = admin_address(address)
        self._path = quote(self._parts.path.rstrip("/"), safe="/%") + ADMIN_API
        self._credentials = credentials
        self._timeout_s = timeout_s
        self._lock = threading.Lock()
        self._identity: dict[str, str] = {}  # headers of the session, empty = none
        self._not_before_s = 0.0
        self._answers_since_s: float | None = None
        self.server_now_ms = 0  # what Vendure's clock showed with the last answer

    def ask(self, question: str, kind: type[T], **variables: object) -> T:
        """The answer's data. Raises Unanswered, or RefusedOutside where Vendure said no."""
        identity = self._opened()
        answer = self._graphql(question, variables, identity)
        if _is_forbidden(answer):
            answer = self._graphql(question, variables, self._opened(instead_of=identity))
        if _is_forbidden(answer):
            raise NotAllowed(f"Vendure: this user may not; its role needs {PERMISSIONS}")
        if answer.errors:
            code = answer.errors[0].code or "no code"
            raise RefusedOutside(f"Vendure refused ({code})")
        return _decoded(answer.data, kind)

    def answered_for_s(self) -> float:
        """How long it has answered every question: what it was asked before that is over by then.

        A question that we gave up, also before we were started, may still be at work over there.
        """
        since_s = self._answers_since_s
        return 0.0 if since_s is None else time.monotonic() - since_s

    # -- the session -----------------------------------------------------------------------------

    def _opened(self, instead_of: Mapping[str, str] | None = None) -> dict[str, str]:
        """Headers of a session; a new one where there is none, or that one has expired."""
        with self._lock:
            if self._identity and self._identity is not instead_of:
                return self._identity
            if time.monotonic() < self._not_before_s:
                raise Unanswered("Vendure refused the user name or password; set it right")
            self._identity = self._log_in()
            return self._identity

    def _log_in(self) -> dict[str, str]:
        try:
            user, password = self._credentials()
        except OSError as error:
            raise Unanswered(f"the password file cannot be read: {type(error).__name__}") from None
        except ValueError as why:
            raise Unanswered(str(why)) from None
        variables = {"user": user, "password": password}
        received = self._post(LOGIN, variables, {})
        answer = _graphql_answer(received)
        if answer.errors or _decoded(answer.data, LoginAnswer).login.kind != "CurrentUser":
            self._not_before_s = time.monotonic() + REFUSED_LOGIN_S
            raise Unanswered("Vendure refused the user name or password; set it right")
        token = received.headers.get("vendure-auth-token")
        if token:
            return {"Authorization": f"Bearer {token}"}
        cookies = received.headers.get_all("Set-Cookie") or []
        return {"Cookie": "; ".join(cookie.partition(";")[0] for cookie in cookies)}

    # -- HTTP ------------------------------------------------------------------------------------

    def _graphql(
        self, question: str, variables: Mapping[str, object], identity: Mapping[str, str]
    ) -> Answer:
        return _graphql_answer(self._post(question, variables, identity))

    def _post(
        self, question: str, variables: Mapping[str, object], identity: Mapping[str, str]
    ) -> Received:
        body = msgspec.json.encode({"query": question, "variables": variables})
        headers = {"Content-Type": "application/json", **identity}
        connection = self._connection()
        try:
            connection.request("POST", self._path, body, headers)
            found = connection.getresponse()
            answer = found.read(ANSWER_BYTES_MAX + 1)
        except TimeoutError:
            self._answers_since_s = None
            raise Unanswered(f"Vendure did not answer within {self._timeout_s:g} s") from None
        except (OSError, http.client.HTTPException) as error:
            self._answers_since_s = None
            raise Unanswered(f"Vendure: {type(error).__name__}") from None
        finally:
            connection.close()
        if found.status not in (OK, BAD_REQUEST) or len(answer) > ANSWER_BYTES_MAX:
            self._answers_since_s = None
            raise Unanswered(f"Vendure answered {found.status}")
        if self._answers_since_s is None:
            self._answers_since_s = time.monotonic()
        self.server_now_ms = _moment_ms(found.headers.get("Date"))
        return Received(found.status, found.headers, answer)

    def _connection(self) -> http.client.HTTPConnection:
        secure = self._parts.scheme == "https"
        kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
        assert self._parts.hostname
        return kind(self._parts.hostname, self._parts.port, timeout=self._timeout_s)


def _graphql_answer(received: Received) -> Answer:
    answer = _decoded(received.body, Answer)
    if received.status != OK and not answer.errors:
        raise Unanswered(f"Vendure answered {received.status}")
    return answer


def _decoded(body: bytes | msgspec.Raw, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Unanswered("Vendure's answer cannot be read: is it Vendure 3?") from None


def _is_forbidden(answer: Answer) -> bool:
    return any(fault.code in ("FORBIDDEN", "UNAUTHORIZED") for fault in answer.errors)


def _moment_ms(date: str | None) -> int:
    try:
        return int(parsedate_to_datetime(date or "").timestamp() * 1000)
    except ValueError:
        return 0
