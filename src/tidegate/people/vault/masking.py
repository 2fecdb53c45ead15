"""What is shown of a value when its whole is not needed: enough to recognise, too little to use.

A mask of a value never holds more than it says below, whatever the value looks like.
This module never unmasks and keeps nothing.
"""

from collections.abc import Callable

STARS = "****"
_PHONE_DIGITS_MIN = 7
_ADDRESS_SHOWN = 6
_REGION_ENDS = "省市区县州旗"


def _all(value: str) -> str:  # noqa: ARG001  nothing of it is shown
    return STARS


def _name(value: str) -> str:
    return value[:1] + "*" * min(max(len(value) - 1, 1), 3)


def _phone(value: str) -> str:
    digits = "".join(sign for sign in value if sign.isdigit())
    if len(digits) < _PHONE_DIGITS_MIN:
        return STARS
    head = digits[-11:-8] if len(digits) >= 11 else ""
    return f"{head}{STARS}{digits[-4:]}"


def _email(value: str) -> str:
    name, at, host = value.rpartition("@")
    return f"{name[:1]}{STARS}{at}{host}" if at else STARS


def _address(value: str) -> str:
    """Province, city and district at most."""
    shown = value[:_ADDRESS_SHOWN]
    ends = [place for place, sign in enumerate(shown) if sign in _REGION_ENDS]
    return (shown[: ends[-1] + 1] if ends else shown[:2]) + STARS


def _account(value: str) -> str:
    return f"{value[:1]}{STARS}{value[-1:]}" if len(value) > 4 else STARS


MASKS: dict[str, Callable[[str], str]] = {
    "all": _all,
    "name": _name,
    "phone": _phone,
    "email": _email,
    "address": _address,
    "account": _account,
}


def masked(mask: str, value: str) -> str:
    """The value under that mask."""
    return MASKS[mask](value)
