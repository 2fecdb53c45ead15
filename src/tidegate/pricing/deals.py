"""Tiers as merchants write them: 满300减50元, 300-50 yuan, 满300打9折, 2件7.5折, 每满300减50元.

Always one threshold and one discount, each with its unit: written behind it, named once for the
whole file, or written behind the last amount, which then holds for both. Nothing here compares.
"""

import re
from typing import Any

from tidegate.pricing.words import FEN, YUAN, Unclear, money_fen, pay_bp, plain

DEAL_MEND = "write 满300减50元, 300-50 yuan, 满300元打9折, 2件7.5折"
EVERY = re.compile(r"^(?:每满?|every\s+)")
PIECES = re.compile(r"^(?:满\s*)?([0-9]{1,7})\s*(?:件|pieces?)\s*[:,]?\s*(.+)$")
SPEND = re.compile(r"^(?:满\s*|spend\s+)?(.+?)\s*(减|-|打|享|,)\s*(.+)$")
RATE_WORDS = ("打", "享")  # a rate follows: 打8 is a slip for 打8折, not 8 yuan off


def deal(text: str, unit: str) -> dict[str, Any]:
    """A tier as fields of `effects.Tier`: spend_fen or pieces, off_fen or pay_bp."""
    word = plain(text)
    if EVERY.match(word):
        raise Unclear(f"{text!r} repeats", "use kind: every for every X get Y off")
    return threshold_and_discount(word, text, unit)


def every_deal(text: str, unit: str) -> dict[str, Any]:
    """A step that repeats, as fields of `effects.Every`."""
    word = EVERY.sub("", plain(text))
    found = threshold_and_discount(word, text, unit)
    if "off_fen" not in found:
        raise Unclear(f"{text!r} gives a percentage", "every X gives an amount off")
    return found


def threshold_and_discount(word: str, text: str, unit: str) -> dict[str, Any]:
    """Both halves of a deal."""
    counted = PIECES.match(word)
    if counted:
        if counted[2].startswith(RATE_WORDS):
            require_rate(counted[2], text)
        given = re.sub(r"^(?:减|打|享|off)\s*(?=[0-9])", "", counted[2])
        return {"pieces": int(counted[1])} | discount(given, unit, text)
    found = SPEND.match(word)
    if not found:
        raise Unclear(f"{text!r} is no tier", DEAL_MEND)
    asked, given = found[1], found[3]
    if found[2] in RATE_WORDS:
        require_rate(given, text)
    if has_unit(given) and not has_unit(asked):
        unit = unit_of(given) or unit  # 满300减50元: the unit behind the last one holds for both
    return {"spend_fen": money_fen(asked, unit)} | discount(given, unit, text)


def require_rate(word: str, text: str) -> None:
    """Raise Unclear where a word that promises a rate is followed by none."""
    if "折" not in word and "%" not in word:
        raise Unclear(f"{text!r} does not say how much 折 it is", DEAL_MEND)


def discount(word: str, unit: str, text: str) -> dict[str, Any]:
    """What a deal gives: a rate where it names one, otherwise money."""
    if "折" in word or "%" in word:
        return {"pay_bp": pay_bp(word)}
    try:
        return {"off_fen": money_fen(word, unit)}
    except Unclear as error:
        raise Unclear(f"{text!r}: {error.why}", error.mend) from None


def has_unit(word: str) -> bool:
    """Whether an amount names yuan or fen."""
    return bool(unit_of(word))


def unit_of(word: str) -> str:
    """The unit that an amount names, or nothing."""
    if word.startswith("\u00a5") or word.endswith(YUAN):
        return "yuan"
    return "fen" if word.endswith(FEN) else ""
