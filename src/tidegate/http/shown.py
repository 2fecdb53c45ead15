"""What a shop is set to, as documents: SKUs, rules, pools, channels, promotions, groups, settings.

Read from the desk's own tables at the moment of the answer: as of the last decided batch, a glance
like `availability`. Nothing here judges or changes anything.
"""

from collections.abc import Callable, Mapping
from itertools import islice
from typing import Any, TypeVar

import msgspec

from tidegate.domain.reasons import REASON_TEXTS, Reason
from tidegate.http.errors import NOT_FOUND, UNPROCESSABLE, Problem
from tidegate.http.ports import Desk
from tidegate.http.rule_figures import BASES, NO_LIMIT, WINDOWS
from tidegate.record.lines import KEY_KINDS

PAGE_MAX = 1_000
PAGE = 200

# As the engine numbers them; a test compares.
FLAGS = ("paused", "alarm", "incident")
SETTINGS = {
    "hold_ttl_s": 18, "hold_ttl_max_s": 19, "hold_cap": 20, "late_payment_s": 21,
    "quantity_max_order": 22, "pricing_version": 17,
}  # fmt: skip
SHOP_FLAGS = 2


class SkuShown(msgspec.Struct, frozen=True):
    """A SKU as it is now; `cost_floor_fen` null = no cost known."""

    code: str
    list_price_fen: int
    cost_floor_fen: int | None
    red_line_fen: int
    quantity_max: int
    quantity_min: int
    safety_stock: int
    parts: dict[str, int]
    pricing_version: int
    flags: list[str]


class RuleShown(msgspec.Struct, frozen=True):
    """A rule; `used` is of the budget, in its window. One that was dropped is not `on`."""

    code: str
    on: bool
    scope: str
    target: str
    basis: str
    window: str
    limits: dict[str, int]
    budget: int | None
    used: int


class PoolShown(msgspec.Struct, frozen=True):
    """A pool of stock."""

    code: str


class ChannelShown(msgspec.Struct, frozen=True):
    """A channel and the pool it sells from."""

    code: str
    kind: str
    pool: str


class PromotionShown(msgspec.Struct, frozen=True):
    """A promotion."""

    code: str
    pricing_version: int
    flags: list[str]


class GroupShown(msgspec.Struct, frozen=True):
    """The SKUs of a group."""

    code: str
    skus: list[str]


class ExceptionShown(msgspec.Struct, frozen=True):
    """An approved exception; one that was ended is not `on`. No SKUs = every SKU."""

    code: str
    on: bool
    skus: list[str]
    floor_fen: int
    units_left: int
    expires_at: int
    exempt: list[str]


class PolicyShown(msgspec.Struct, frozen=True):
    """The shop's own settings."""

    zone: str
    hold_ttl_s: int
    hold_ttl_max_s: int
    hold_cap: int
    late_payment_s: int
    quantity_max_order: int
    pricing_version: int
    flags: list[str]


class StockCell(msgspec.Struct, frozen=True):
    """A SKU's units in one pool, and how many of them could be sold now."""

    pool: str
    available: int
    on_hand: int
    pre_held: int
    committed: int
    released: int
    debt: int
    recalling: int
    received: int
    shipped: int
    returned: int
    defective: int


class StockShown(msgspec.Struct, frozen=True):
    """A SKU's units in every pool."""

    sku: str
    pools: list[StockCell]


class Page(msgspec.Struct, frozen=True):
    """Some of a list, oldest first; `next` is where to go on (`after`), "" at the end."""

    items: list[Any]
    next: str


Shown = TypeVar("Shown")
Reader = Callable[[Desk, str, int], Shown]  # of a code and its number


def sku(desk: Desk, code: str, number: int) -> SkuShown:
    """One SKU."""
    row, cat = desk.machine.state.skus[number], desk.machine.catalogue
    floor_fen = int(row["cost_floor_fen"])
    return SkuShown(
        code,
        int(row["list_price_fen"]),
        None if floor_fen < 0 else floor_fen,
        int(row["red_line_fen"]),
        int(row["quantity_max"]),
        int(row["quantity_min"]),
        int(row["safety_stock"]),
        {cat.sku_codes[part]: each for part, each in cat.parts.get(number, [])},
        int(row["pricing_version"]),
        flags(int(row["flags"])),
    )


def rule(desk: Desk, code: str, number: int) -> RuleShown:
    """One rule."""
    row, cat = desk.machine.state.rules[number], desk.machine.catalogue
    scope, target = cat.rule_places.get(number, ("", 0))
    limits = [int(row[f"limit{kind}"]) for kind in range(len(KEY_KINDS))]
    budget = int(row["budget"])
    return RuleShown(
        code,
        bool(row["known"]),
        scope,
        target_code(cat, scope, target),
        BASES[int(row["basis"])],
        WINDOWS[int(row["window"])],
        {KEY_KINDS[kind]: limit for kind, limit in enumerate(limits) if limit != NO_LIMIT},
        None if budget == NO_LIMIT else budget,
        int(row["used"]),
    )


def target_code(catalogue: Any, scope: str, target: int) -> str:  # noqa: ANN401  the engine's
    """The code of what a rule hangs on; "" for the shop."""
    if scope == "sku":
        return str(catalogue.sku_codes[target])
    return "" if scope in {"", "shop"} else str(catalogue.code_of(f"{scope}s", target))


def pool(_: Desk, code: str, __: int) -> PoolShown:
    """One pool."""
    return PoolShown(code)


def channel(desk: Desk, code: str, number: int) -> ChannelShown:
    """One channel."""
    machine = desk.machine
    own_pool = int(machine.state.channels[number]["pool"])
    cat = machine.catalogue
    return ChannelShown(code, cat.channel_kinds[code], cat.code_of("pools", own_pool))


def promotion(desk: Desk, code: str, number: int) -> PromotionShown:
    """One promotion."""
    row = desk.machine.state.promotions[number]
    return PromotionShown(code, int(row["pricing_version"]), flags(int(row["flags"])))


def group(desk: Desk, code: str, number: int) -> GroupShown:
    """One group."""
    cat = desk.machine.catalogue
    return GroupShown(code, [cat.sku_codes[one] for one in cat.group_skus.get(number, [])])


def exception(desk: Desk, code: str, number: int) -> ExceptionShown:
    """One exception."""
    state, cat = desk.machine.state, desk.machine.catalogue
    row = state.exceptions[number]
    start, exempt = int(row["skus_start"]), int(row["exempt"])
    numbers = state.recipes[start + 1 : start + 1 + int(state.recipes[start])] if start else []
    return ExceptionShown(
        code,
        bool(row["known"]),
        [cat.sku_codes[int(one)] for one in numbers],
        int(row["floor_fen"]),
        int(row["units_left"]),
        int(row["expires_ms"]),
        [text.name for reason, text in REASON_TEXTS.items() if is_exempt(exempt, reason)],
    )


def is_exempt(mask: int, reason: Reason) -> bool:
    """Whether the mask of an exception names a reason; it has room for those of guards."""
    return reason != Reason.ACCEPTED and reason < 32 and bool(mask >> reason & 1)


def policy(desk: Desk) -> PolicyShown:
    """The shop's settings."""
    scalars = desk.machine.state.scalars
    values = {name: int(scalars[place]) for name, place in SETTINGS.items()}
    shop = flags(int(scalars[SHOP_FLAGS]))
    return PolicyShown(zone=desk.machine.catalogue.zone, flags=shop, **values)


def stock(desk: Desk, code: str, number: int) -> StockShown:
    """A SKU's units, pool by pool."""
    machine = desk.machine
    cells = []
    for own_pool, place in machine.catalogue.pools.items():
        row = machine.state.cells[place, number]
        units = {name: int(row[name]) for name in row.dtype.names}
        cells.append(StockCell(own_pool, int(machine.available(number, place)), **units))
    return StockShown(code, cells)


def flags(bits: int) -> list[str]:
    """The names of flags that are set."""
    return [name for bit, name in enumerate(FLAGS) if bits >> bit & 1]


def one_of(desk: Desk, table: str, code: str, read: Reader[Shown]) -> Shown:
    """What stands under a code. Raises Problem 404."""
    number = getattr(desk.machine.catalogue, table).get(code)
    if number is None:
        raise Problem(NOT_FOUND, "this shop has no such code", "该店铺没有此编码")
    return read(desk, code, number)


def page_of(desk: Desk, table: str, query: Mapping[str, str], read: Reader[Shown]) -> Page:
    """Some of a table, in the order in which codes were first put. Raises Problem.

    Numbers are dense and given in that order, so the place of a code needs no search.
    """
    names: dict[str, int] = getattr(desk.machine.catalogue, table)
    limit = limit_of(query.get("limit", ""))
    after, start = query.get("after", ""), 0
    if after:
        if after not in names:
            raise Problem(UNPROCESSABLE, "after: a code of this list", "after：应为此列表中的编码")
        start = names[after] - next(iter(names.values())) + 1
    some = list(islice(names.items(), start, start + limit))
    more = some[-1][0] if some and start + limit < len(names) else ""
    return Page([read(desk, code, number) for code, number in some], more)


def limit_of(text: str) -> int:
    """How many at a time. Raises Problem."""
    if not text:
        return PAGE
    if text.isascii() and text.isdigit() and len(text) <= 4 and 1 <= int(text) <= PAGE_MAX:
        return int(text)
    raise Problem(UNPROCESSABLE, f"limit: 1 to {PAGE_MAX}", f"limit：1 至 {PAGE_MAX}")
