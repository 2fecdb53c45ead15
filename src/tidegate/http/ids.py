"""Which texts may name something: orders, commands, SKUs, channels.

An id that passes fits into a URL, a log line and JSON, and holds no personal data as far as the
filter can tell. Nothing is changed on the way: an id is taken as it is or refused.
"""

import re

from tidegate.http.errors import PERSONAL_DATA, UNPROCESSABLE, Problem
from tidegate.people.filter import find, find_in_id

PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@+=-]{0,63}").fullmatch
_UNSAFE = re.compile(r"[\s/\\?#%]").search
_DOTS = (".", "..")


def check_id(text: str, field: str) -> None:
    """Raise Problem unless the text may be an id; its length was bounded before."""
    if not PLAIN(text) and (not text.isprintable() or _UNSAFE(text) or text in _DOTS):
        raise Problem(
            UNPROCESSABLE,
            f"{field}: printable characters without spaces, / \\ ? # %",
            f"{field}：只能使用可见字符，不含空格和 / \\ ? # %",
        )
    found = find_in_id(text)
    if found is not None:
        raise personal_data(field, found.kind)


def check_note(text: str, field: str) -> None:
    """Raise Problem if free text holds control characters or looks like personal data."""
    if not text.isprintable():
        raise Problem(
            UNPROCESSABLE, f"{field}: printable characters only", f"{field}：只能使用可见字符"
        )
    for found in find(text):
        raise personal_data(field, found.kind)


def personal_data(field: str, kind: str) -> Problem:
    """The problem of a text that looks like personal data; the text itself is not repeated."""
    return Problem(
        PERSONAL_DATA,
        f"{field} looks like it holds {kind}; records keep no personal data, use a code of yours",
        f"{field} 疑似包含个人信息（{kind}）；记录中不保存个人信息，请使用自有编号",
        figures={"field": field, "kind": kind},
    )
