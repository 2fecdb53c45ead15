"""Which of our two languages an answer is in, by `Accept-Language`.

The same header always gives the same language, English where neither is asked for. Never guesses
from an address, a key or a shop.
"""

from functools import lru_cache
from typing import Literal

Language = Literal["en", "zh-CN"]
ENGLISH: Language = "en"
CHINESE: Language = "zh-CN"

_HEADER_BYTES_MAX = 256


def language_of(header: bytes) -> Language:
    """The language that an `Accept-Language` header (empty = none) prefers."""
    return _preferred(header[:_HEADER_BYTES_MAX]) if header else ENGLISH


@lru_cache(maxsize=256)
def _preferred(header: bytes) -> Language:
    best, best_weight = ENGLISH, 0.0
    for part in header.decode("latin-1").lower().split(","):
        tag, _, parameters = part.strip().partition(";")
        weight = _weight(parameters)
        primary = tag.strip().split("-")[0]
        if primary in {"en", "zh"} and weight > best_weight:
            best, best_weight = (CHINESE if primary == "zh" else ENGLISH), weight
    return best


def _weight(parameters: str) -> float:
    name, _, value = parameters.strip().partition("=")
    if name.strip() != "q":
        return 1.0
    try:
        return float(value)
    except ValueError:
        return 0.0
