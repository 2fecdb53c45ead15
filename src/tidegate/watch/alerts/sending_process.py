"""The process that sends: letters in by standard input, a line each; an answer a letter out.

Always ends by itself: when its input ends, or ALONE_S after a letter that nothing came of. Never
follows a redirect, reads more than ANSWER_BYTES_MAX of an answer, takes a 200 that says "error" for
a delivery, or repeats an address in what it says.
"""

import contextlib
import json
import logging
import signal
import sys
from collections.abc import Mapping
from typing import Any, BinaryIO

import msgspec

ALONE_S = 30  # whoever waits for us has given up long before
CONNECT_S, READ_S = 4.0, 10.0
ANSWER_BYTES_MAX = 64 * 1024
PIECE_BYTES = 4096
SUCCESS, REDIRECT, CLIENT_ERROR = 200, 300, 400
REFUSED_STATUS = 502  # what apprise is told where the body says that it was no delivery
KEY_HEADER = "X-Tidegate-Alert-Key"
IDEMPOTENCY_HEADER = "Idempotency-Key"
KEY_FIELD, LEVEL_FIELD = "alert_key", "alert_level"
_CODES = ("errcode", "code", "StatusCode")
_FINE: tuple[object, ...] = (0, "0", SUCCESS, str(SUCCESS), "OK", "ok", "success", None)


class Asked(msgspec.Struct, frozen=True):
    """One letter. An empty key: only look whether the address is one."""

    number: int
    address: str
    title: str
    body: str
    key: str
    level: int


class Said(msgspec.Struct, frozen=True):
    """What came of it."""

    number: int
    delivered: bool
    fault: str = ""


def fault_in_body(body: bytes) -> str:
    """What an answer says went wrong although its status is 200; "" for nothing.

    DingTalk and WeCom say `errcode`, Feishu `code` or `StatusCode`; SMS gateways one of these.
    """
    try:
        found = json.loads(body)
    except ValueError:
        return ""
    if not isinstance(found, dict):
        return ""
    for name in _CODES:
        value = found.get(name)
        if name in found and value not in _FINE:
            return f"the receiver answered {name} {str(value)[:20]}"
    return ""


class Heard:
    """What the last request over HTTP came to, as far as a person needs it."""

    fault = ""


def checked_session(heard: Heard) -> type[Any]:
    """A `requests.Session` that ends where this module says."""
    import requests

    class CheckedSession(requests.Session):
        """See the module."""

        def request(self, method: str, url: str, **given: Any) -> requests.Response:  # type: ignore[override]  # noqa: ANN401 -- as requests has them
            """One request: no redirect, a bounded answer, and an error in its body is one."""
            given.update(allow_redirects=False, stream=True, timeout=(CONNECT_S, READ_S))
            heard.fault = "no connection"
            try:
                answer = super().request(method, url, **given)
                heard.fault = "the answer broke off"
                body = b""
                for piece in answer.iter_content(PIECE_BYTES):
                    body += piece
                    if len(body) > ANSWER_BYTES_MAX:
                        break
                answer.close()
            except requests.Timeout:
                heard.fault = "no answer in time"
                raise
            answer._content = body[:ANSWER_BYTES_MAX]  # noqa: SLF001 -- requests has no public way
            heard.fault = _fault_of(answer.status_code, body)
            if heard.fault and SUCCESS <= answer.status_code < REDIRECT:
                answer.status_code = REFUSED_STATUS
            return answer

    return CheckedSession


def _fault_of(status: int, body: bytes) -> str:
    if status >= CLIENT_ERROR or status < SUCCESS:
        return f"the receiver answered {status}"
    if status >= REDIRECT:
        return f"the receiver redirects ({status}): write its new address"
    return fault_in_body(body)


def set_up() -> Heard:
    """Let apprise send through the checked session, and keep it from logging."""
    import requests.sessions

    heard = Heard()
    requests.sessions.Session = checked_session(heard)  # type: ignore[misc]
    logging.disable(logging.CRITICAL)  # apprise logs addresses when it is told to
    return heard


def sent(asked: Asked, heard: Heard) -> Said:
    """Send one letter by apprise."""
    import apprise

    asset = apprise.AppriseAsset(
        app_id="Tidegate", app_desc="Tidegate", http_redirects=False, async_mode=False,
        secure_logging=True,
    )  # fmt: skip
    heard.fault = "not delivered"
    found = apprise.Apprise.instantiate(asked.address, asset=asset)
    if found is None:
        return Said(asked.number, False, "apprise does not understand this address")
    if not asked.key:
        return Said(asked.number, True)
    body = mark(found, asked)
    kind = apprise.NotifyType.INFO if asked.level == 0 else apprise.NotifyType.WARNING
    try:
        delivered = bool(found.notify(body=body, title=asked.title, notify_type=kind))
    except Exception as error:  # noqa: BLE001 -- a plugin's bug is a fault of this way alone
        return Said(asked.number, False, type(error).__name__)
    return Said(asked.number, delivered, "" if delivered else heard.fault or "not delivered")


def mark(way: Any, asked: Asked) -> str:  # noqa: ANN401 -- any plugin of apprise's
    """Put the key where this way has room for it: headers and fields, else the text's last line."""
    headers, fields = getattr(way, "headers", None), getattr(way, "payload_extras", None)
    if isinstance(headers, dict):
        headers.update({KEY_HEADER: asked.key, IDEMPOTENCY_HEADER: asked.key})
    if isinstance(fields, dict):
        fields.update(_fields(asked))
        return asked.body
    return f"{asked.body}\n({asked.key})"


def _fields(asked: Asked) -> Mapping[str, str]:
    return {KEY_FIELD: asked.key, LEVEL_FIELD: str(asked.level)}


def serve(lines: BinaryIO, answers: BinaryIO) -> None:
    """Letters until there are no more."""
    heard = set_up()
    for line in lines:
        asked = msgspec.json.decode(line, type=Asked)
        signal.alarm(ALONE_S)
        said = sent(asked, heard)
        signal.alarm(0)
        answers.write(msgspec.json.encode(said) + b"\n")
        answers.flush()


def main() -> int:
    """The process."""
    answers = sys.stdout.buffer
    with contextlib.redirect_stdout(sys.stderr):  # a plugin that prints must not answer for us
        serve(sys.stdin.buffer, answers)
    return 0


if __name__ == "__main__":
    sys.exit(main())
