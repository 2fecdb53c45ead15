"""Finds advertising in what is to go out as a message about an order.

Width, spaces, invisible signs, case and signs between letters hide nothing that the list knows.
This module proves nothing: a text without a finding may still advertise, and a person reads it.
"""

import re
import unicodedata
from functools import lru_cache
from importlib import resources
from typing import NamedTuple

import msgspec
import yaml


class AdvertisingWords(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The pack's list."""

    pack: str
    date: str
    verified: bool
    article: str
    chinese: list[str]
    english: list[str]


class AdvertisingFound(ValueError):
    """A text that goes without consent carries advertising; the message names word and article."""


class _Patterns(NamedTuple):
    chinese: tuple[str, ...]
    english: re.Pattern[str]
    article: str


_LINK = re.compile(r"(?:https?://|www\.)", re.IGNORECASE)
_NOT_HAN = re.compile(r"[^\u4e00-\u9fff0-9]+")


@lru_cache(maxsize=1)
def _patterns() -> _Patterns:
    text = (
        resources.files("tidegate.people")
        .joinpath("packs", "advertising-cn.yaml")
        .read_text("utf-8")
    )
    words = msgspec.convert(yaml.safe_load(text), AdvertisingWords)
    english = "|".join(
        r"[\W_]*".join(re.escape(part) for part in word.split()) for word in words.english
    )
    return _Patterns(
        tuple(words.chinese), re.compile(rf"(?<![a-z])(?:{english})(?![a-z])"), words.article
    )


def advertising_in(text: str) -> list[str]:
    """The words in a text that advertise, and `link` for an address written into it."""
    patterns = _patterns()
    folded = "".join(
        sign for sign in unicodedata.normalize("NFKC", text).casefold()
        if unicodedata.category(sign) != "Cf"
    )  # fmt: skip
    han = _NOT_HAN.sub("", folded)
    found = [word for word in patterns.chinese if word in han]
    found += [match.group() for match in patterns.english.finditer(folded)]
    if _LINK.search(folded):
        found.append("link")
    return found


def require_no_advertising(text: str, place: str) -> None:
    """Raise AdvertisingFound for a text that may not advertise."""
    found = advertising_in(text)
    if found:
        raise AdvertisingFound(f"{place}: {found[0]!r} advertises ({_patterns().article})")
