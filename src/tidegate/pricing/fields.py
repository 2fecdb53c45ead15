"""The words of a promotion file: which field each one is, in both languages, and how it is read.

Always one table, from which the reader, its messages and the page that lists the fields are made. A
word that is not in the table is refused. Nothing here knows a line number.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tidegate.domain.yaml_nodes import Node
from tidegate.pricing.deals import deal, every_deal
from tidegate.pricing.words import (
    Unclear,
    Zone,
    moment_ms,
    money_fen,
    pay_bp,
    pay_bp_in,
    plain,
    share_bp,
)


@dataclass(frozen=True)
class Context:
    """What a file says once for all its promotions."""

    money_unit: str = ""
    zone: Zone | None = None


Read = Callable[[Node, Context], Any]

LEVEL_WORDS = {"单品": "item", "店铺": "shop", "平台": "platform", "支付": "payment"}
KIND_WORDS = {
    "折扣": "percent_off", "打折": "percent_off", "直降": "amount_off", "立减": "amount_off",
    "一口价": "fixed_price", "会员价": "member_price", "N件折": "n_pieces",
    "第N件折": "nth_piece", "最低价免单": "cheapest_free", "满减": "spend", "每满减": "every",
    "套装价": "bundle_price", "赠品": "gift", "换购": "add_on", "包邮": "free_shipping",
}  # fmt: skip
BASIS_WORDS = {"当前价": "running", "层级起始价": "level_start", "原价": "list"}
STATE_WORDS = {"启用": "active", "停用": "suspended"}
YES, NO = ("true", "yes", "是"), ("false", "no", "否")


def text_of(node: Node, _context: Context) -> str:
    """A word."""
    if not node.text:
        raise Unclear("a word is missing", "write one, or remove the field")
    return node.text


def word_of(words: dict[str, str]) -> Read:
    """A word of a fixed list, in either language."""

    def read(node: Node, context: Context) -> str:
        text = text_of(node, context)
        word = words.get(text, text)
        if word not in words.values():
            raise Unclear(f"unknown word {text!r}", f"one of {', '.join(words.values())}")
        return word

    return read


def money(node: Node, context: Context) -> int:
    """An amount in fen."""
    return money_fen(text_of(node, context), context.money_unit)


def rate(node: Node, context: Context) -> int:
    """A rate that is paid: a word, or a value with its unit."""
    if node.fields is None:
        return pay_bp(text_of(node, context))
    if set(node.fields) != {"value", "unit"}:
        raise Unclear("a rate is a value and a unit", "write {value: 8, unit: zhe}")
    return pay_bp_in(*(text_of(node.fields[name], context) for name in ("value", "unit")))


def share(node: Node, context: Context) -> int | None:
    """Who pays, in percent; unknown is the shop."""
    text = text_of(node, context)
    return None if plain(text) in {"unknown", "未知"} else share_bp(text)


def moment(node: Node, context: Context) -> int:
    """A moment in UTC milliseconds."""
    try:
        return moment_ms(text_of(node, context), context.zone)
    except Unclear:
        raise
    except ValueError as error:  # a zone that has no such hour, or has it twice
        raise Unclear(str(error), "write the offset behind it, as in +08:00") from None


def count(node: Node, context: Context) -> int:
    """A whole number."""
    text = text_of(node, context)
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise Unclear(f"{text!r} is no whole number", "write digits only")
    return int(text)


def flag(node: Node, context: Context) -> bool:
    """Yes or no."""
    word = plain(text_of(node, context))
    if word not in (*YES, *NO):
        raise Unclear(f"{word!r} is neither yes nor no", "write true or false")
    return word in YES


def codes(node: Node, context: Context) -> tuple[str, ...]:
    """A list of codes, or one."""
    if node.items is None:
        return (text_of(node, context),)
    return tuple(text_of(item, context) for item in node.items)


def combining(node: Node, context: Context) -> tuple[str, ...] | None:
    """all, none, or a list of codes."""
    word = plain(node.text) if node.text else ""
    if word in {"all", "全部"}:
        return None
    return () if word in {"none", "无"} else codes(node, context)


def by_code(read: Read) -> Read:
    """A mapping from codes to something."""

    def read_all(node: Node, context: Context) -> dict[str, Any]:
        if not node.fields:
            raise Unclear("a list of code: value is missing", "write one SKU a line")
        return {code: read(value, context) for code, value in node.fields.items()}

    return read_all


def tiers(node: Node, context: Context) -> tuple[dict[str, Any], ...]:
    """A list of tiers, each a word or a mapping."""
    if not node.items:
        raise Unclear("the tiers are missing", "write one a line, each behind a -")
    return tuple(tier(item, context) for item in node.items)


def tier(node: Node, context: Context) -> dict[str, Any]:
    """One tier."""
    if node.fields is None:
        return deal(text_of(node, context), context.money_unit)
    return read_fields(node, TIER_FIELDS, context)


def one_deal(node: Node, context: Context) -> tuple[dict[str, Any], ...]:
    """One tier, for a spend that has no more."""
    return (tier(node, context),)


def repeating(node: Node, context: Context) -> dict[str, Any]:
    """A step that repeats, as several fields at once."""
    return every_deal(text_of(node, context), context.money_unit)


class FieldUnclear(Unclear):
    """An unclear word, with the line and the names of the field that it stands in."""

    line: int
    names: tuple[str, ...]

    def __init__(self, node_line: int, name: str, cause: Unclear) -> None:
        self.line, self.names = node_line, (name,)
        if isinstance(cause, FieldUnclear):
            self.line, self.names = cause.line, (name, *cause.names)
        super().__init__(cause.why, cause.mend)


Table = dict[str, tuple[str, Read]]  # a word of the file -> (field of the struct, how to read it)
SEVERAL = ""  # the value is a mapping of several fields


def read_fields(node: Node, table: Table, context: Context) -> dict[str, Any]:
    """The fields of a mapping. Raises FieldUnclear at the first that is not clear."""
    if node.fields is None:
        raise Unclear("fields are missing", "write name: value, one a line")
    found: dict[str, Any] = {}
    for name, value in node.fields.items():
        if name not in table:
            unknown = Unclear(f"unknown field {name!r}", f"one of {', '.join(table)}")
            raise FieldUnclear(node.key_lines[name], name, unknown)
        target, read = table[name]
        try:
            content = read(value, context)
        except Unclear as error:
            raise FieldUnclear(value.line, name, error) from None
        found.update(content if target == SEVERAL else {target: content})
    return found


def part(table: Table) -> Read:
    """A mapping of its own."""
    return lambda node, context: read_fields(node, table, context)


def scope(node: Node, context: Context) -> dict[str, Any]:
    """all, or a mapping."""
    if node.text is not None and plain(node.text) in {"all", "全部"}:
        return {"all": True}
    return read_fields(node, SCOPE_FIELDS, context)


def coupon(node: Node, context: Context) -> dict[str, Any]:
    """true, or a mapping."""
    if node.text is not None and plain(node.text) in YES:
        return {}
    return read_fields(node, COUPON_FIELDS, context)


TIER_FIELDS: Table = {
    "spend": ("spend_fen", money),
    "pieces": ("pieces", count),
    "off": ("off_fen", money),
    "discount": ("pay_bp", rate),
}
SCOPE_FIELDS: Table = {
    "all": ("all", flag),
    "skus": ("skus", codes),
    "categories": ("categories", codes),
    "except_skus": ("except_skus", codes),
    "except_categories": ("except_categories", codes),
}
COUPON_FIELDS: Table = {
    "code": ("code", text_of),
    "claims_max": ("claims_max", count),
    "claims_per_buyer_max": ("claims_per_buyer_max", count),
}
BUYER_FIELDS: Table = {
    "new": ("new", flag),
    "levels": ("levels", codes),
    "regions": ("regions", codes),
    "channels": ("channels", codes),
}
BUDGET_FIELDS: Table = {"units": ("units", count), "money": ("money_fen", money)}
LIMIT_FIELDS: Table = {
    "order_units": ("order_units", count),
    "order_discount": ("order_discount_fen", money),
    "buyer_orders": ("buyer_orders", count),
    "buyer_units": ("buyer_units", count),
    "buyer_discount": ("buyer_discount_fen", money),
}
SKU_FIELDS: Table = {
    "code": ("code", text_of),
    "list_price": ("list_price_fen", money),
    "cost": ("cost_fen", money),
    "categories": ("categories", codes),
}
COMMON_FIELDS: Table = {
    "code": ("code", text_of),
    "name": ("name", text_of),
    "level": ("level", word_of(LEVEL_WORDS)),
    "scope": ("scope", scope),
    "start": ("start_ms", moment),
    "end": ("end_ms", moment),
    "priority": ("priority", count),
    "opt_in": ("opt_in", flag),
    "coupon": ("coupon", coupon),
    "buyers": ("buyers", part(BUYER_FIELDS)),
    "measured_on": ("measured_on", word_of(BASIS_WORDS)),
    "exclusive_group": ("exclusive_group", text_of),
    "combines_with": ("combines_with", combining),
    "requires": ("requires", codes),
    "budget": ("budget", part(BUDGET_FIELDS)),
    "limits": ("limits", part(LIMIT_FIELDS)),
    "shop_share": ("shop_share_bp", share),
    "state": ("state", word_of(STATE_WORDS)),
}
CONDITION: Table = {"spend": ("spend_fen", money), "pieces": ("pieces", count)}
GROUPS: Table = {"mixed": ("mixed", flag), "times_max": ("times_max", count)}
REPEATS: Table = {"repeat": ("repeat", flag), "times_max": ("times_max", count)}
PRICES: Table = {"price": ("price_fen", money), "prices": ("prices_fen", by_code(money))}
KIND_FIELDS: dict[str, Table] = {
    "percent_off": {"discount": ("pay_bp", rate)},
    "amount_off": {"off": ("off_fen", money)},
    "fixed_price": PRICES,
    "member_price": PRICES,
    "n_pieces": {
        "tiers": ("tiers", tiers),
        "applies_to": ("applies_to", text_of),
        "mixed": ("mixed", flag),
    },
    "nth_piece": {"nth": ("nth", count), "discount": ("pay_bp", rate), **GROUPS},
    "cheapest_free": {"pieces": ("pieces", count), "free": ("free", count), **GROUPS},
    "spend": {"tiers": ("tiers", tiers), "deal": ("tiers", one_deal)},
    "every": {
        "deal": (SEVERAL, repeating),
        **CONDITION,
        "off": ("off_fen", money),
        "times_max": ("times_max", count),
    },
    "bundle_price": {
        "parts": ("parts", by_code(count)),
        "price": ("price_fen", money),
        "times_max": ("times_max", count),
    },
    "gift": {"sku": ("sku", text_of), "quantity": ("quantity", count), **CONDITION, **REPEATS},
    "add_on": {
        "prices": ("prices_fen", by_code(money)),
        "units_each": ("units_each", count),
        **CONDITION,
        **REPEATS,
    },
    "free_shipping": {**CONDITION, "up_to": ("up_to_fen", money)},
}
REQUIRED = ("code", "kind", "level", "start", "end")
