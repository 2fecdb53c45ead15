"""SMS and whatever else a provider's bridge sends, by a signed request over HTTP.

The request carries the message's key; the bridge takes each key once, so a lost answer is asked for
again without a second message. Signed as in docs/reference/messages.md.
This module never follows a redirect: what is signed for one server goes to no other.
"""

import http.client
import secrets
from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import urlsplit

import msgspec

from tidegate.domain.signed_requests import signed
from tidegate.people.messages.transports import Handed, Message, Outcome

OK_BELOW, REFUSED_FROM, LATER_FROM = 300, 400, 500
TRY_AGAIN = frozenset((408, 425, 429))
NONCE_BYTES = 12


class WebhookSettings(NamedTuple):
    """Where the bridge listens."""

    url: str
    timeout_s: float = 10.0


class WebhookTransport:
    """See `transports.Transport`."""

    counts_once = True

    def __init__(
        self,
        settings: WebhookSettings,
        key: bytes,
        now_ms: Callable[[], int],
        nonce: Callable[[], str] = lambda: secrets.token_hex(NONCE_BYTES),
    ) -> None:
        parts = urlsplit(settings.url)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username:
            raise ValueError("a webhook's address is http(s)://host/path")
        self._parts = parts
        self._timeout_s = settings.timeout_s
        self._key = key
        self._now_ms = now_ms
        self._nonce = nonce
        self._connection: http.client.HTTPConnection | None = None

    def hand_over(self, message: Message) -> Handed:
        """Try once."""
        body = msgspec.json.encode(
            {"id": message.key, "to": message.to, "sender": message.sender, "text": message.body}
        )
        path = self._parts.path or "/"
        headers = {"content-type": "application/json", "idempotency-key": message.key} | signed(
            self._key, self._now_ms(), self._nonce(), "POST", path, body
        )
        try:
            connection = self._connected()
            connection.request("POST", path, body, headers)
            answer = connection.getresponse()
            answer.read(65_536)
            status = answer.status
        except (OSError, http.client.HTTPException) as error:
            self.rest()
            return Handed(Outcome.LATER, type(error).__name__)
        if answer.will_close:
            self.rest()
        if status < OK_BELOW:
            return Handed(Outcome.SENT, str(status))
        if REFUSED_FROM <= status < LATER_FROM and status not in TRY_AGAIN:
            return Handed(Outcome.REFUSED, str(status))
        return Handed(Outcome.LATER, str(status))

    def rest(self) -> None:
        """Let go of the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _connected(self) -> http.client.HTTPConnection:
        if self._connection is None:
            make = (
                http.client.HTTPSConnection
                if self._parts.scheme == "https"
                else http.client.HTTPConnection
            )
            assert self._parts.hostname is not None
            self._connection = make(self._parts.hostname, self._parts.port, timeout=self._timeout_s)
        return self._connection
