"""A platform's own promotion sheet, as cells, to the promotions that it sets up there.

Always every column and every unit named, by its header, by its cell or by whoever imports it; what
is named nowhere is refused with its line. A sheet is taken whole or not at all. Nothing here opens
a file, and nothing of a column without a role is looked at.
"""

import hashlib
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from tidegate.pricing.problems import Problem, PromotionsRefused
from tidegate.pricing.promotion import Promotion
from tidegate.pricing.sheet_cells import CellReader, SheetUnits, offer_of, wrong_units
from tidegate.pricing.words import Unclear, Zone

ROWS_MAX = 20_000
SHOP_WIDE = ("*", "all", "全部", "全店", "全部商品")

# Role -> the names that columns have for it, folded. The first that the header has is taken.
COLUMNS: dict[str, tuple[str, ...]] = {
    "promotion": ("活动id", "活动编号", "促销编号", "活动编码", "promotionid", "promotion"),
    "name": ("活动名称", "促销名称", "优惠名称", "活动标题", "promotionname", "name"),
    "sku": ("商家编码", "sku编码", "货号", "skuid", "商家sku", "外部编码", "sku"),
    "start": ("开始时间", "活动开始时间", "生效时间", "start", "starttime"),
    "end": ("结束时间", "活动结束时间", "失效时间", "end", "endtime"),
    "discount": ("折扣", "折扣率", "优惠折扣", "打折", "discount"),
    "price": ("活动价", "促销价", "一口价", "活动价格", "秒杀价", "promotionprice", "price"),
    "off": ("直降", "立减", "直降金额", "立减金额", "优惠金额", "减价", "off"),
    "deal": ("满减", "优惠规则", "满减规则", "优惠内容", "deal"),
    "level": ("层级", "优惠层级", "活动层级", "level"),
    "shop_share": ("商家承担", "商家承担比例", "商家出资比例", "shopshare"),
    "order_units": ("每单限购", "单笔限购", "orderunits"),
    "buyer_units": ("每人限购", "限购", "限购件数", "buyerunits"),
    "budget_units": ("活动库存", "促销库存", "活动数量", "budgetunits"),
}  # fmt: skip
OFFERS = ("discount", "price", "off", "deal")
REQUIRED = ("sku", "start", "end")
# What stands in brackets behind a column's name, and the unit that it names.
HEADER_UNITS = {
    "折": "zhe", "元": "yuan", "yuan": "yuan", "分": "fen", "fen": "fen",
    "%off": "percent_off", "减%": "percent_off", "付%": "percent_to_pay", "pay%": "percent_to_pay",
}  # fmt: skip
_BRACKETS = re.compile(r"\(([^()]*)\)$")


class Sheet(msgspec.Struct, frozen=True):
    """Cells as text, and the line of the file that each row stood in."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    lines: tuple[int, ...] = ()  # none: one after the other, from 2 on

    def line_of(self, row: int) -> int:
        """Where a row stood."""
        return self.lines[row] if row < len(self.lines) else row + 2


class Columns(msgspec.Struct, frozen=True):
    """Which column has which role, and the unit that its name says."""

    place: dict[str, int]
    unit: dict[str, str]


class Refusals:
    """What is wrong with a sheet, all of it."""

    def __init__(self) -> None:
        self.found: list[Problem] = []

    def add(self, line: int, role: str, why: str, mend: str) -> None:
        """One more."""
        self.found.append(Problem("", (role,) if role else (), why, mend, line))


def promotions_of(
    sheet: Sheet,
    zone: Zone | None,
    units: SheetUnits = SheetUnits(),  # noqa: B008 -- it cannot be changed
    named: Mapping[str, str] | None = None,
) -> tuple[Promotion, ...]:
    """The promotions of a sheet. `named`: role -> the column's own name, before any known one.

    Rows of one promotion, window and offer are one; prices of one promotion are one. Raises
    PromotionsRefused with everything that is wrong. Not checked: whether SKUs exist (`PriceBook`).
    """
    refused = Refusals()
    if why := wrong_units(units):
        refused.add(0, "", why, "name a unit that is read")
    columns = columns_of(sheet.header, named or {}, refused)
    if not refused.found and len(sheet.rows) > ROWS_MAX:
        refused.add(0, "", f"{len(sheet.rows):,} rows, at most {ROWS_MAX:,}", "split the sheet")
    if refused.found:
        raise PromotionsRefused(refused.found)
    reader = CellReader(columns.place, columns.unit, units, zone)
    groups: dict[tuple[Any, ...], Group] = {}
    for number, row in enumerate(sheet.rows):
        take_row(groups, reader, row, sheet.line_of(number), refused)
    if not groups and not refused.found:
        refused.add(0, "", "the sheet has no rows", "export it again, or name the sheet")
    made = list(promotions_in(groups, refused)) if not refused.found else []
    if refused.found:
        raise PromotionsRefused(refused.found)
    return tuple(made)


def folded(name: str) -> tuple[str, str]:
    """A column's name in one width and case without spaces, and what stands in brackets behind."""
    text = "".join(unicodedata.normalize("NFKC", name).casefold().replace("_", "").split())
    text = text.replace("\ufeff", "")
    found = _BRACKETS.search(text)
    return (text[: found.start()], found[1]) if found else (text, "")


def columns_of(header: Sequence[str], named: Mapping[str, str], refused: Refusals) -> Columns:
    """The columns by role."""
    names = [folded(name) for name in header]
    place: dict[str, int] = {}
    unit: dict[str, str] = {}
    for role, wanted in COLUMNS.items():
        own = named.get(role)
        words = (folded(own)[0],) if own is not None else wanted
        at = next((k for word in words for k, (name, _) in enumerate(names) if name == word), None)
        if at is None:
            if own is not None:
                refused.add(1, role, f"no column {own!r}", f"one of {', '.join(header[:40])}")
            continue
        if [name for name, _ in names].count(names[at][0]) > 1:
            refused.add(1, role, f"{header[at]!r} stands twice", "keep one of these columns")
        place[role] = at
        if names[at][1] in HEADER_UNITS:
            unit[role] = HEADER_UNITS[names[at][1]]
    unknown = sorted(set(named) - set(COLUMNS))
    if unknown:
        refused.add(1, unknown[0], "there is no such role", f"one of {', '.join(COLUMNS)}")
    for role in REQUIRED:
        if role not in place:
            refused.add(1, role, "no column has it", f"name one of {', '.join(COLUMNS[role][:4])}")
    if not any(role in place for role in ("promotion", "name")):
        refused.add(1, "promotion", "no column names the promotion", "add 活动编号 or 活动名称")
    if not any(role in place for role in OFFERS):
        mend = "name one of 折扣, 活动价, 直降, 满减"
        refused.add(1, "discount", "no column says what is offered", mend)
    return Columns(place, unit)


class Group:
    """Rows that are one promotion."""

    def __init__(self, base: str, common: dict[str, Any], offer: dict[str, Any]) -> None:
        self.base = base
        self.common = common
        self.offer = offer
        self.prices: dict[str, tuple[int, int]] = {}  # SKU -> (fen, line)
        self.skus: dict[str, int] = {}  # -> line


def take_row(
    groups: dict[tuple[Any, ...], Group],
    reader: CellReader,
    row: Sequence[str],
    line: int,
    refused: Refusals,
) -> None:
    """Read one row into its group, or say what is wrong with it."""
    if not any(cell.strip() for cell in row):
        return
    try:
        reader.begin(row)
        common = reader.common()
        offer = offer_of(reader)
        common["level"] = reader.level("shop" if offer["kind"] in {"spend", "every"} else "item")
        sku, base = reader.code("sku"), base_of(reader)
    except Unclear as error:
        refused.add(line, reader.role, error.why, error.mend)
        return
    price_fen = offer.pop("price_fen", None)
    key = (base, str(sorted(common.items())), str(offer))
    group = groups.setdefault(key, Group(base, common, offer))
    if sku in group.skus:
        before = group.prices.get(sku, (price_fen, 0))[0]
        if before != price_fen:
            why = f"another price for {sku} than in line {group.skus[sku]}"
            refused.add(line, "price", why, "keep one of them")
        return
    group.skus[sku] = line
    if price_fen is not None:
        group.prices[sku] = (price_fen, line)


def base_of(reader: CellReader) -> str:
    """What a promotion's code begins with: its number at the platform, or one made of its name."""
    number = reader.text("promotion")
    if number:
        return reader.code("promotion")
    name = reader.needed("name")
    return f"S{hashlib.sha256(name.encode()).hexdigest()[:10]}"


def promotions_in(
    groups: Mapping[tuple[Any, ...], Group], refused: Refusals
) -> Iterator[Promotion]:
    """The groups as promotions; of several with one number each has its own code."""
    count: dict[str, int] = {}
    for group in groups.values():
        count[group.base] = count.get(group.base, 0) + 1
        suffix = f".{count[group.base]}" if count[group.base] > 1 else ""
        effect = dict(group.offer)
        if group.prices:
            effect["prices_fen"] = {sku: fen for sku, (fen, _) in sorted(group.prices.items())}
        everything = any(sku in SHOP_WIDE for sku in group.skus)
        scope = {"all": True} if everything else {"skus": sorted(group.skus)}
        fields = group.common | {"code": group.base + suffix, "effect": effect, "scope": scope}
        line = min(group.skus.values())
        if everything and (len(group.skus) > 1 or group.prices):
            why = "it says all goods beside others, or with a price for all"
            refused.add(line, "sku", why, "write all goods in a row of its own, with a discount")
            continue
        try:
            yield msgspec.convert(fields, Promotion)
        except msgspec.ValidationError as error:
            refused.add(line, "", str(error), "write a value within these bounds")
