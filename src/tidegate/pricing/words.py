"""Amounts, rates and times as merchants write them, each with its unit named.

Always exact: a word becomes whole fen, whole basis points or whole milliseconds, or it is refused
with how to write it. A number without a unit is never guessed at: 0.8 may be 8 折 or 80 % off, and
300 may be yuan or fen, and a slip of unit is the commonest way to a very bad night.
"""

import re
import unicodedata
from collections.abc import Callable

from tidegate.pricing.effects import BP, MONEY_FEN_MAX

Zone = Callable[[int], int]  # milliseconds of a wall clock, as if it were UTC -> UTC milliseconds

NUMBER = r"([0-9]{1,12}(?:\.[0-9]{1,6})?)"
YUAN = ("yuan", "元", "块", "rmb", "cny", "圆")
FEN = ("fen", "分")
MONEY = re.compile(rf"^[\u00a5]?\s*{NUMBER}\s*(yuan|元|块|rmb|cny|圆|fen|分)?$")
RATE_MEND = "write 8折, 20% off, or pay 80%"


class Unclear(ValueError):
    """A word that does not say what it must; `why` and how to `mend` it."""

    def __init__(self, why: str, mend: str) -> None:
        self.why, self.mend = why, mend
        super().__init__(f"{why}; {mend}")


def plain(text: str) -> str:
    """The word in one width and case, without spaces around it."""
    return unicodedata.normalize("NFKC", text).strip().casefold()


def scaled(number: str, places: int) -> int | None:
    """A decimal number times 10^places, or None where it is finer than that."""
    whole, _, fraction = number.partition(".")
    fraction = fraction.rstrip("0")
    if len(fraction) > places:
        return None
    scale: int = 10**places
    return int(whole) * scale + int(fraction.ljust(places, "0") or "0")


def money_fen(text: str, unit: str = "") -> int:
    """An amount of money in fen. `unit` (yuan or fen) is the file's, for amounts without one."""
    word = plain(text)
    found = MONEY.match(word)
    if not found:
        raise Unclear(f"{text!r} is no amount of money", "write 50 yuan, 50元 or 5000 fen")
    named = found[2] or ("yuan" if word.startswith("\u00a5") else unit)
    if named in YUAN:
        amount = scaled(found[1], 2)
    elif named in FEN:
        amount = scaled(found[1], 0)
    else:
        raise Unclear(
            f"the unit of {text!r} is unclear",
            "write 50 yuan or 5000 fen, or money_unit: yuan once",
        )
    if amount is None:
        raise Unclear(f"{text!r} is finer than a fen", "give whole fen")
    if amount > MONEY_FEN_MAX:
        raise Unclear(f"{text!r} is too large", f"at most {MONEY_FEN_MAX // 100} yuan")
    return amount


RATES: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), meaning)
    for pattern, meaning in (
        (rf"^(?:打\s*)?{NUMBER}\s*折$", "zhe"),
        (rf"^{NUMBER}\s*%\s*off$", "percent_off"),
        (rf"^(?:减|优惠|立减|off)\s*{NUMBER}\s*%$", "percent_off"),
        (rf"^(?:pay|付|实付)\s*{NUMBER}\s*%$", "percent_to_pay"),
        (rf"^{NUMBER}\s*%\s*of (?:the )?price$", "percent_to_pay"),
        (rf"^(?:pay|付|实付)\s*{NUMBER}$", "ratio_to_pay"),
        (rf"^{NUMBER}\s*of (?:the )?price$", "ratio_to_pay"),
        (rf"^(?:pay|付)\s*{NUMBER}\s*(?:of|/)\s*1000$", "per_mille_to_pay"),
        (rf"^{NUMBER}\s*(?:of|/)\s*1000 off$", "per_mille_off"),
    )
)
# unit -> (places from the number to basis points, whether it says what is paid)
RATE_UNITS: dict[str, tuple[int, bool]] = {
    "zhe": (3, True),
    "percent_off": (2, False),
    "percent_to_pay": (2, True),
    "ratio_off": (4, False),
    "ratio_to_pay": (4, True),
    "per_mille_off": (1, False),
    "per_mille_to_pay": (1, True),
    "basis_points_off": (0, False),
    "basis_points_to_pay": (0, True),
}


def pay_bp(text: str) -> int:
    """The rate that is paid, in basis points, from a word that says which way round it goes."""
    word = plain(text)
    for pattern, unit in RATES:
        found = pattern.match(word)
        if found:
            return pay_bp_in(found[1], unit)
    if re.match(rf"^{NUMBER}\s*%?$|^{NUMBER}\s*(?:of|/)\s*1000$", word):
        raise Unclear(f"{text!r} may be what is paid or what is taken off", RATE_MEND)
    raise Unclear(f"{text!r} is no discount", RATE_MEND)


def pay_bp_in(number: str, unit: str) -> int:
    """The rate that is paid, from a number in a named unit (a key of RATE_UNITS)."""
    if unit not in RATE_UNITS:
        raise Unclear(f"unknown unit {unit!r}", f"use one of {', '.join(RATE_UNITS)}")
    if not re.fullmatch(NUMBER, number):
        raise Unclear(f"{number!r} is no number", "write digits, with a point where needed")
    places, is_paid = RATE_UNITS[unit]
    if unit == "zhe":
        number = in_tenths(number)
    rate = scaled(number, places)
    if rate is None:
        raise Unclear(f"{number!r} is finer than 0.01 %", "round it")
    if rate > BP:
        raise Unclear(f"{number} is over 100 %", "check the number and its unit")
    paid = rate if is_paid else BP - rate
    if paid == BP:
        raise Unclear("the discount is nothing", RATE_MEND)
    return paid


def in_tenths(number: str) -> str:
    """折 as a number below ten: 9.5 折, and 95 折, which people write for the same."""
    if re.fullmatch(r"[1-9][0-9]", number):
        if number == "10":
            raise Unclear("10折 may be no discount or 1折", "write 1折, or leave it out")
        return f"{number[0]}.{number[1]}"
    whole = int(number.partition(".")[0])
    if whole >= 10 or not number.strip("0."):
        raise Unclear(f"{number}折 is no discount", "write 9.5折 for 95 % of the price")
    return number


def share_bp(text: str) -> int:
    """A share in basis points, from a word with a percent sign."""
    found = re.match(rf"^{NUMBER}\s*%$", plain(text))
    if not found:
        raise Unclear(f"the unit of {text!r} is unclear", "write a percentage, as in 70%")
    rate = scaled(found[1], 2)
    if rate is None or rate > BP:
        raise Unclear(f"{text!r} is no share", "a share is 0% to 100%, to two places")
    return rate


MOMENT = re.compile(
    r"^([0-9]{4})-([0-9]{2})-([0-9]{2})"
    r"(?:[t ]([0-9]{2}):([0-9]{2})(?::([0-9]{2}))?)?"
    r"\s*(z|[+-][0-9]{2}:[0-9]{2})?$"
)


def moment_ms(text: str, zone: Zone | None) -> int:
    """A moment in UTC milliseconds; `zone` is the shop's, for times that do not name an offset."""
    found = MOMENT.match(plain(text))
    if not found:
        raise Unclear(f"{text!r} is no time", "write 2026-10-26 00:00")
    year, month, day = (int(part) for part in found.groups()[:3])
    hour, minute, second = (int(part or 0) for part in found.groups()[3:6])
    if year < 1970 or not 1 <= month <= 12 or not 1 <= day <= days_in(year, month):
        raise Unclear(f"there is no day {text!r}", "check the date")
    if hour > 23 or minute > 59 or second > 59:
        raise Unclear(f"there is no time {text!r}", "midnight is 00:00 of the next day")
    wall_ms = (days_before(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second) * 1000
    if found[7]:
        return max(0, wall_ms - offset_min(found[7]) * 60_000)
    if zone is None:
        raise Unclear(f"the zone of {text!r} is unknown", "write +08:00 behind it, or utc_offset")
    return zone(wall_ms)


def days_in(year: int, month: int) -> int:
    """Days of a month in the Gregorian calendar."""
    if month == 2:
        return 29 if year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) else 28
    return 30 if month in {4, 6, 9, 11} else 31


def days_before(year: int, month: int, day: int) -> int:
    """Days from 1970-01-01 to a day, with years that begin in March (Howard Hinnant)."""
    shifted = year - (month <= 2)
    era, of_era = divmod(shifted, 400)
    of_year = (153 * (month + (-3 if month > 2 else 9)) + 2) // 5 + day - 1
    return era * 146_097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719_468


def offset_min(text: str) -> int:
    """Minutes east of UTC, from Z or +08:00."""
    word = plain(text)
    if word == "z":
        return 0
    found = re.fullmatch(r"([+-])([0-9][0-9]):([0-9][0-9])", word)
    if not found or int(found[2]) > 14 or int(found[3]) > 59:
        raise Unclear(f"{text!r} is no offset from UTC", "write +08:00")
    minutes = int(found[2]) * 60 + int(found[3])
    return -minutes if found[1] == "-" else minutes


def fixed_zone(minutes_east: int) -> Zone:
    """A zone that never changes its offset, such as China's (480 minutes)."""
    return lambda wall_ms: max(0, wall_ms - minutes_east * 60_000)
