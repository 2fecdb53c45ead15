"""Finds personal data in ids, notes and reasons before they reach the journal, a log or a URL.

What it finds it names by kind and place, so that a refusal can say what to leave out. An id is
refused (`find_in_id`); free text is cleaned (`clean`) or refused (`find`).
This module never returns, logs or raises the personal data itself, and it proves nothing: names and
whatever it does not know pass.
"""

import re
import unicodedata
from collections.abc import Iterator
from typing import NamedTuple

TEXT_LENGTH_MAX = 200  # what is longer is a letter, and letters tell about people
ID_LENGTH_MAX = 64


class Finding(NamedTuple):
    """A kind of personal data and where it stands in the folded text."""

    kind: str
    start: int
    end: int


class PersonalDataFound(ValueError):
    """The text holds personal data; the message says which kind and where, and never what."""


# A text without any of this holds nothing that we look for: most ids end here.
_SUSPECT = re.compile(r"[@＠+＋]|(?:\d\W?){7}|[〇零一二三四五六七八九幺]{7}|[^\x00-\x7f]{6}")
_SUSPECT_ID = re.compile(r"[@+]|(?:\d[ .\-_/()]{0,2}){10}|[^ -~]")
_UUID = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")
_MOBILE_LENGTHS = {11, 13, 15}  # alone, with 86, with 0086
_ID_CARD_LENGTH = 18
_HAN_DIGITS = str.maketrans("〇零一二三四五六七八九幺", "001234567891")
_GAP = r"[ .\-_/()]{0,2}"

_EMAIL = re.compile(r"[\w.+\-]{1,64}@[\w\-]{1,63}(?:\.[\w\-]{2,63}){1,4}")
_ID_CARD = re.compile(r"(?<!\d)[1-9]\d{16}[\dXx](?![\dXx])")
_MOBILE = re.compile(rf"(?<!\d)(?:(?:\+|00)?86{_GAP})?1[3-9]\d(?:{_GAP}\d){{8}}(?!\d)")
_ABROAD = re.compile(rf"(?<![\w+])(?:\+|00(?=[1-9]))[1-9](?:{_GAP}\d){{7,14}}(?!\d)")
_LANDLINE = re.compile(r"(?<!\d)\(?0(?:10|2\d|[3-9]\d{2})\)?[ \-]{1,2}[2-9]\d{6,7}(?!\d)")
_CARD = re.compile(
    r"(?<!\d)(?:3[47]\d{2}[ \-]?\d{6}[ \-]?\d{5}"
    r"|[3-6]\d{3}(?:[ \-]?\d{4}){2}[ \-]?\d{3,4}(?:[ \-]?\d{1,3})?)(?!\d)"
)
_ADDRESS = re.compile(
    r"(?:[省市区县镇乡州][^\s,，。;；]{1,20}?[路街道巷弄村][^\s,，。;；]{0,16}?\d+\s*[号弄栋幢座室楼]"
    r"|\d+\s*[号弄栋幢座][^\s,，。;；]{0,8}?\d+\s*[室房户])"
)

_ID_CARD_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_ID_CARD_SIGNS = "10X98765432"
_LUHN_DOUBLED = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)


def find(text: str) -> list[Finding]:
    """Everything in a note or reason that looks personal; places are those of `folded(text)`."""
    if len(text) > TEXT_LENGTH_MAX:
        return [Finding("long_text", TEXT_LENGTH_MAX, len(text)), *find(text[:TEXT_LENGTH_MAX])]
    if not _SUSPECT.search(text):
        return []
    return _without_overlaps(_all_findings(folded(text)))


def find_in_id(text: str) -> Finding | None:
    """The first personal thing in an order's, command's or channel's id.

    Narrower than `find`: order numbers of marketplaces are long runs of digits, and one in ten
    passes the card's check sum, so an unbroken run counts as a card only with an issuer's prefix
    and length, and addresses are not looked for.
    """
    if text.isascii():
        if text.isdigit():
            return _in_digits(text)
        if not _SUSPECT_ID.search(text) or _UUID.fullmatch(text):
            return None
    elif not _SUSPECT.search(text):
        return None
    together = folded(text)
    found = _without_overlaps(
        finding
        for finding in _all_findings(together)
        if finding.kind != "address"
        and (finding.kind != "bank_card" or _is_issued(together[finding.start : finding.end]))
    )
    return found[0] if found else None


def _in_digits(text: str) -> Finding | None:
    """`find_in_id` for the commonest ids, nothing but digits, without a search."""
    length = len(text)
    kind = ""
    if length in _MOBILE_LENGTHS and _MOBILE.fullmatch(text):
        kind = "phone"
    elif length == _ID_CARD_LENGTH and text[0] != "0" and is_id_card(text):
        kind = "id_card"
    elif _is_issued(text) and is_luhn(text):
        kind = "bank_card"
    return Finding(kind, 0, length) if kind else None


def require_clean_id(text: str) -> str:
    """The id itself, or PersonalDataFound."""
    finding = find_in_id(text)
    if finding is not None:
        raise PersonalDataFound(
            f"the id looks like personal data ({finding.kind} at character {finding.start + 1}); "
            "send an id that says nothing about a person, for example with a prefix of letters "
            "and a number of your own"
        )
    return text


def require_clean_text(text: str) -> str:
    """The note or reason itself, or PersonalDataFound."""
    for finding in find(text):
        raise PersonalDataFound(
            f"the text looks like it holds personal data ({finding.kind} at character "
            f"{finding.start + 1}); say it without, in at most {TEXT_LENGTH_MAX} characters"
        )
    return text


def clean(text: str) -> str:
    """The text with everything personal replaced by its kind in brackets, cut to its bound.

    A clean text comes back as it was; one that is not comes back folded (NFKC).
    """
    findings = find(text)
    if not findings:
        return text
    together, parts, at = folded(text[:TEXT_LENGTH_MAX]), [], 0
    for kind, start, end in findings:
        if kind == "long_text":
            continue
        parts += [together[at:start], f"[{kind}]"]
        at = end
    parts.append(together[at:])
    ending = "[...]" if len(text) > TEXT_LENGTH_MAX else ""
    return "".join(parts) + ending


def folded(text: str) -> str:
    """Full-width forms narrowed, invisible signs dropped: what `Finding` places refer to."""
    together = text if text.isascii() else unicodedata.normalize("NFKC", text)
    if together.isprintable():
        return together
    return "".join(sign if sign.isprintable() else _space_or_nothing(sign) for sign in together)


def _space_or_nothing(sign: str) -> str:
    return " " if sign.isspace() else ""


def _all_findings(text: str) -> Iterator[Finding]:
    if "@" in text:
        for match in _EMAIL.finditer(text):
            yield Finding("email", *match.span())
    digits = text if text.isascii() else text.translate(_HAN_DIGITS)  # one for one: places stay
    for match in _ID_CARD.finditer(digits):
        if is_id_card(match.group()):
            yield Finding("id_card", *match.span())
    for sign, pattern in (("1", _MOBILE), ("+", _ABROAD), ("00", _ABROAD), ("0", _LANDLINE)):
        for match in pattern.finditer(digits) if sign in digits else ():
            yield Finding("phone", *match.span())
    for match in _CARD.finditer(digits):
        if is_luhn(match.group()):
            yield Finding("bank_card", *match.span())
    for match in _ADDRESS.finditer(text) if not text.isascii() else ():
        yield Finding("address", *match.span())


def _without_overlaps(findings: Iterator[Finding]) -> list[Finding]:
    kept: list[Finding] = []
    for finding in sorted(findings, key=lambda each: (each.start, -each.end)):
        if not kept or finding.start >= kept[-1].end:
            kept.append(finding)
    return kept


def is_id_card(number: str) -> bool:
    """18 digits of a resident's identity card: a date of birth and the check sign (GB 11643)."""
    year, month, day = int(number[6:10]), int(number[10:12]), int(number[12:14])
    if not (1900 <= year <= 2100 and 1 <= month <= 12 and 1 <= day <= 31):
        return False
    total = sum(int(d) * w for d, w in zip(number[:17], _ID_CARD_WEIGHTS, strict=True))
    return _ID_CARD_SIGNS[total % 11] == number[17].upper()


def is_luhn(number: str) -> bool:
    """A card number's check sum (ISO/IEC 7812-1), other signs than digits left out."""
    digits = [int(sign) for sign in number if sign.isdigit()]
    doubled = (_LUHN_DOUBLED[digit] for digit in digits[-2::-2])
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def _is_issued(number: str) -> bool:
    if not number.isdigit():
        return True  # written in groups of four, as no order number is
    length = len(number)
    if number.startswith("62"):
        return length in {16, 19}
    if length == len("4111111111111111"):
        return number[0] == "4" or "51" <= number[:2] <= "55" or number.startswith("35")
    return length == len("371449635398431") and number[:2] in {"34", "37"}
