"""One spelling for each account, phone number, address and device, so that one buyer is one key.

Two spellings that a person would read as the same value come out equal, and every result is at most
VALUE_LENGTH_MAX characters.
This module never guesses: a masked or empty value identifies nobody, and is refused by name.
"""

import re
import unicodedata
from collections.abc import Callable

VALUE_LENGTH_MAX = 512
HOME_COUNTRY = "86"

_MOBILE_LENGTH = 11
_E164_HOME_LENGTH = len("+86") + _MOBILE_LENGTH
_PHONE_DIGITS_MIN = 5
_PHONE_DIGITS_MAX = 18
_NOT_DIGITS = re.compile(r"[^0-9]+")
_EXTENSION = re.compile(r"(?:ext\.?|x|#|转|分机)\s*[0-9]+\s*$", re.IGNORECASE)
# Marketplaces hand out masked values (138****1234, 张**). Counting them as a key would make one
# buyer of everybody who shares the mask. A single star may be part of an account's name.
_ANY_STAR = re.compile(r"[*＊●•]")


class IdentityMalformed(ValueError):
    """The value cannot identify anybody; the message names the kind and never the value."""


def account(value: str) -> str:
    """Stripped, case kept: `Ann` and `ann` may be two accounts."""
    return _checked("account", value.strip())


def device(value: str) -> str:
    """Stripped, case kept."""
    return _checked("device", value.strip())


def phone(value: str) -> str:
    """Country code and number in ASCII digits; a number without a country code is Chinese.

    Extensions are dropped: one desk is one buyer. It does not check that the number is in service.
    """
    if len(value) == _MOBILE_LENGTH and value[0] == "1" and value.isascii() and value.isdigit():
        return HOME_COUNTRY + value  # the two ordinary cases, and nothing else to do
    if (
        len(value) == _E164_HOME_LENGTH
        and value.startswith("+861")
        and value.isascii()
        and value[1:].isdigit()
    ):
        return value[1:]
    if len(value) > VALUE_LENGTH_MAX or _ANY_STAR.search(value):
        raise IdentityMalformed(
            "phone is masked or too long; send the whole number or leave it out"
        )
    folded = unicodedata.normalize("NFKC", value).strip()
    digits = _NOT_DIGITS.sub("", _EXTENSION.sub("", folded))
    if folded.startswith(("+", "(+")):
        number = digits
    elif digits.startswith("00"):
        number = digits[2:]
    elif len(digits) == len(HOME_COUNTRY) + _MOBILE_LENGTH and digits.startswith("861"):
        number = digits
    else:
        number = HOME_COUNTRY + digits.removeprefix("0")
    if number.startswith(HOME_COUNTRY + "0"):  # +86 (0)21 ...: the trunk prefix is not dialled
        number = HOME_COUNTRY + number[len(HOME_COUNTRY) + 1 :]
    if not _PHONE_DIGITS_MIN <= len(digits) <= _PHONE_DIGITS_MAX:
        raise IdentityMalformed(
            f"phone has {len(digits)} digits; "
            f"{_PHONE_DIGITS_MIN} to {_PHONE_DIGITS_MAX} are a telephone number"
        )
    return number


def address(value: str) -> str:
    """Width and compatibility forms (NFKC) and case folded, spaces and invisible signs dropped."""
    if len(value) > VALUE_LENGTH_MAX:
        raise IdentityMalformed(f"address is longer than {VALUE_LENGTH_MAX} characters")
    folded = "".join(unicodedata.normalize("NFKC", value).casefold().split())
    if not folded.isprintable():
        folded = "".join(sign for sign in folded if sign.isprintable())
    return _checked("address", folded)


def _checked(kind: str, value: str) -> str:
    if not value:
        raise IdentityMalformed(f"{kind} is empty; leave the field out if there is none")
    if len(value) > VALUE_LENGTH_MAX:
        raise IdentityMalformed(f"{kind} is longer than {VALUE_LENGTH_MAX} characters")
    if "**" in value or "＊＊" in value or "●●" in value:
        raise IdentityMalformed(f"{kind} is masked; send the whole value or leave it out")
    return value


# In the order of record.lines.KEY_KINDS; a test compares both.
KIND_NAMES = ("account", "phone", "address", "device")
NORMALISERS: tuple[Callable[[str], str], ...] = (account, phone, address, device)


def normalise(kind: int, value: str) -> str:
    """The one spelling of a value of that kind. Raises IdentityMalformed."""
    return NORMALISERS[kind](value)
