"""Answers as the bytes that go out on HTTP/1.1, and the headers that every answer carries.

The same for the order path and, by the server's default headers, for the application. Never writes
to a socket.
"""

from http import HTTPStatus

from tidegate.http.errors import JSON_MEDIA_TYPE, PROBLEM_MEDIA_TYPE, Answer

# No page of ours runs in a browser from these routes, so nothing is allowed to.
SECURITY_HEADERS: tuple[tuple[str, str], ...] = (
    ("x-content-type-options", "nosniff"),
    ("cache-control", "no-store"),
    ("referrer-policy", "no-referrer"),
    ("x-frame-options", "DENY"),
    ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
)

Headers = list[tuple[bytes, bytes]]

ERROR_STATUS = 400


def _start(status: int, media_type: bytes) -> bytes:
    phrase = HTTPStatus(status).phrase.encode()
    return b"HTTP/1.1 %d %b\r\ncontent-type: %b\r\n" % (status, phrase, media_type)


_STARTS = {
    int(status): _start(
        int(status), PROBLEM_MEDIA_TYPE if status >= ERROR_STATUS else JSON_MEDIA_TYPE
    )
    for status in HTTPStatus
}


class DefaultHeaders:
    """The server's default headers as one block; made anew when the server makes a new list."""

    def __init__(self) -> None:
        self._made_of: Headers = []
        self._block = b""

    def block(self, headers: Headers) -> bytes:
        """The lines of these headers."""
        if headers is not self._made_of:
            self._made_of = headers
            self._block = lines(headers)
        return self._block


def lines(headers: Headers | tuple[tuple[bytes, bytes], ...]) -> bytes:
    """Header lines, each with its end."""
    return b"".join([b"%b: %b\r\n" % header for header in headers])


def rendered(answer: Answer, defaults: bytes, *, stays_open: bool) -> bytes:
    """The whole answer; `defaults` are lines."""
    status, body, headers = answer
    more = lines(headers) if headers else b""
    if not stays_open:
        more += b"connection: close\r\n"
    return b"%b%b%bcontent-length: %d\r\n\r\n%b" % (
        _STARTS[status], defaults, more, len(body), body,
    )  # fmt: skip
