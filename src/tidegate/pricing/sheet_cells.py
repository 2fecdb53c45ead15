"""The cells of one row of a platform's promotion sheet, each read with its unit or refused.

Always exact: text comes in as it stood in the file, a spreadsheet's number as its shortest decimal.
A bare number has a unit only where the column's name or the importer gives it one. Nothing here
knows which promotion a row belongs to.
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from tidegate.pricing.deals import deal, every_deal
from tidegate.pricing.words import (
    FEN,
    RATE_UNITS,
    YUAN,
    Unclear,
    Zone,
    moment_ms,
    money_fen,
    pay_bp,
    pay_bp_in,
    plain,
    share_bp,
)

CELL_CHARS_MAX = 1_000
CODE_CHARS_MAX = 56  # of a promotion's number: what tells several of one number apart must fit
LEVELS = {
    "单品": "item", "商品": "item", "item": "item", "店铺": "shop", "shop": "shop",
    "平台": "platform", "platform": "platform", "支付": "payment", "payment": "payment",
}  # fmt: skip
NUMBER = re.compile(r"^[0-9]{1,12}(?:\.[0-9]{1,6})?$")
_DATE = re.compile(r"^([0-9]{4})[-/.年]([0-9]{1,2})[-/.月]([0-9]{1,2})日?(.*)$")
_CLOCK = re.compile(r"^[\st]*([0-9]{1,2})[:时点]([0-9]{1,2})(?:[:分]([0-9]{1,2})秒?|分?)(.*)$")


class SheetUnits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The units of bare numbers, where no column's name says them; "" = they are refused."""

    discount: str = ""  # a key of words.RATE_UNITS
    money: str = ""  # yuan or fen


def wrong_units(units: SheetUnits) -> str:
    """Why units are none that anybody reads; "" where they are."""
    if units.discount and units.discount not in RATE_UNITS:
        return f"discount unit {units.discount!r}: one of {', '.join(RATE_UNITS)}"
    if units.money and units.money not in (*YUAN, *FEN):
        return f"money unit {units.money!r}: yuan or fen"
    return ""


class CellReader:
    """Reads the cells of row after row; `role` is the one that was read last."""

    def __init__(
        self,
        place: Mapping[str, int],
        unit: Mapping[str, str],
        units: SheetUnits,
        zone: Zone | None,
    ) -> None:
        self.role = ""
        self._place = place
        self._unit = unit
        self._units = units
        self._zone = zone
        self._row: Sequence[str] = ()

    def begin(self, row: Sequence[str]) -> None:
        """The next row."""
        self._row = row

    def text(self, role: str) -> str:
        """A cell's text; "" where it is empty or there is no such column. Raises Unclear."""
        self.role = role
        at = self._place.get(role)
        word = self._row[at].strip() if at is not None and at < len(self._row) else ""
        if len(word) > CELL_CHARS_MAX:
            raise Unclear(f"a cell of over {CELL_CHARS_MAX} characters", "shorten it")
        return word

    def needed(self, role: str) -> str:
        """A cell's text, which must be there."""
        word = self.text(role)
        if not word:
            raise Unclear("the cell is empty", "fill it in")
        return word

    def code(self, role: str) -> str:
        """A code, in one width, without a spreadsheet's quoting."""
        word = unicodedata.normalize("NFKC", self.needed(role)).strip()
        word = word.removeprefix("'").removeprefix('="').removesuffix('"').strip()
        bound = CODE_CHARS_MAX if role == "promotion" else 64
        if not word or len(word) > bound or not word.isprintable() or " " in word:
            raise Unclear(f"{word[:40]!r} is no code", f"at most {bound} signs without spaces")
        if re.fullmatch(r"[0-9]+(?:\.[0-9]+)?[eE]\+[0-9]+", word):
            raise Unclear(
                f"{word!r} lost its last digits", "format the column as text, then export"
            )
        return word

    def common(self) -> dict[str, Any]:
        """What every offer has: window, name, caps, who pays."""
        found: dict[str, Any] = {"start_ms": self.moment("start"), "end_ms": self.moment("end")}
        if name := self.text("name"):
            found["name"] = name[:200]
        if share := self.text("shop_share"):
            found["shop_share_bp"] = share_bp(share)
        limits = {role: self.count(role) for role in ("order_units", "buyer_units")}
        limits = {role: count for role, count in limits.items() if count}
        if limits:
            found["limits"] = limits
        if units := self.count("budget_units"):
            found["budget"] = {"units": units}
        return found

    def level(self, otherwise: str) -> str:
        """The level, where a column says it."""
        word = plain(self.text("level"))
        if not word:
            return otherwise
        if word not in LEVELS:
            raise Unclear(f"unknown level {word!r}", "单品, 店铺, 平台 or 支付")
        return LEVELS[word]

    def count(self, role: str) -> int:
        """A whole number; 0 where there is none."""
        word = plain(self.text(role)).removesuffix("件")
        if word in {"", "不限", "-", "/", "unlimited"}:
            return 0
        if not (word.isascii() and word.isdigit() and len(word) <= 9 and int(word)):
            raise Unclear(f"{word!r} is no whole number from 1 on", "write digits, or 不限")
        return int(word)

    def money(self, role: str) -> int:
        """An amount in fen, with the cell's unit, the column's or the importer's."""
        return money_fen(self.needed(role), self._unit.get(role) or self._units.money)

    def money_unit(self, role: str) -> str:
        """The unit of bare amounts in a column."""
        return self._unit.get(role) or self._units.money

    def rate(self) -> int:
        """A rate that is paid. A bare number is refused unless somebody named its unit."""
        word = plain(self.needed("discount"))
        unit = self._unit.get("discount") or self._units.discount
        if NUMBER.match(word) and unit:
            return pay_bp_in(word, unit)
        if unit.startswith("percent") and NUMBER.match(word.removesuffix("%")):
            return pay_bp_in(word.removesuffix("%"), unit)
        return pay_bp(word)

    def moment(self, role: str) -> int:
        """A moment. An end at the 59th second means that whole second."""
        word = plain(self.needed(role))
        found = _DATE.match(word)
        if not found:
            raise Unclear(f"{word!r} is no time", "write 2026-10-26 00:00:00")
        text = f"{found[1]}-{int(found[2]):02}-{int(found[3]):02}"
        clock = _CLOCK.match(found[4])
        rest = found[4].strip()
        if clock:
            second = int(clock[3] or 0)
            text += f" {int(clock[1]):02}:{int(clock[2]):02}:{second:02}"
            rest = clock[4].strip()
        try:
            at_ms = moment_ms(f"{text}{rest}", self._zone)
        except Unclear:
            raise
        except ValueError as error:  # a zone that has no such hour, or has it twice
            raise Unclear(str(error), "write the offset behind it, as in +08:00") from None
        if role == "end" and clock and int(clock[3] or 0) == 59:
            at_ms += 1_000
        return at_ms


def offer_of(reader: CellReader) -> dict[str, Any]:
    """What a row offers, as an effect's fields (a price as `price_fen`).

    Exactly one of discount, price, off and deal must be filled in. Raises Unclear.
    """
    said = [role for role in ("discount", "price", "off", "deal") if reader.text(role)]
    if len(said) != 1:
        reader.role = said[1] if said else "discount"
        why = f"it says {' and '.join(said)}" if said else "nothing is offered"
        raise Unclear(why, "fill in one of 折扣, 活动价, 直降, 满减")
    (role,) = said
    if role == "price":
        return {"kind": "fixed_price", "price_fen": positive(reader.money("price"))}
    if role == "off":
        return {"kind": "amount_off", "off_fen": positive(reader.money("off"))}
    if role == "deal":
        return dealt(reader)
    return {"kind": "percent_off", "pay_bp": reader.rate()}


def positive(amount_fen: int) -> int:
    """An amount that is not nothing."""
    if not amount_fen:
        raise Unclear("the amount is nothing", "write what it is, or leave the row out")
    return amount_fen


def dealt(reader: CellReader) -> dict[str, Any]:
    """满减: tiers, or a step that repeats (每满)."""
    word = reader.needed("deal")
    unit = reader.money_unit("deal")
    if plain(word).startswith("每"):
        return {"kind": "every"} | every_deal(word, unit)
    parts = [part for part in re.split(r"[;；,，、\n]", word) if part.strip()]
    return {"kind": "spend", "tiers": [deal(part, unit) for part in parts]}
