"""A served shop's desk as presales, parcels and returns see it: orders line by line, totals.

Always: what is seen is as of a durable record; an order's block is read as `engine.blocks` lays it
out. Never: anything is changed here.
"""

from collections.abc import Sequence
from functools import partial

import numpy as np

from tidegate.bootstrap.channel_shop import ServedShop
from tidegate.channels.fulfilment.ports import LineNow, OrderNow, SkuTotals
from tidegate.channels.ports import Key
from tidegate.desk.order_states import REFUSED, UNKNOWN, order_states
from tidegate.engine import blocks as bk
from tidegate.engine import layout as lo
from tidegate.engine.index import NONE
from tidegate.engine.layout import State
from tidegate.engine.machine import Machine
from tidegate.engine.tables import find_id, hash_id
from tidegate.record.lines import NO_SKU

SIGN_BIT = 1 << 31
ORDERS_AT_ONCE = 64  # looked up between two batches of the desk


class DeskFulfilment(ServedShop):
    """See `channels.fulfilment.ports.FulfilmentShop`."""

    def orders(self, keys: Sequence[Key]) -> list[OrderNow | None]:
        """How orders stand, line by line, as of a durable record."""
        found: list[OrderNow | None] = []
        for at in range(0, len(keys), ORDERS_AT_ONCE):
            piece = tuple(keys[at : at + ORDERS_AT_ONCE])
            found += self.on_loop(self._durably(partial(self._orders_now, piece)))
        return found

    def states(self, keys: Sequence[Key]) -> list[str]:
        """How orders stand; a piece at a time, as above."""
        found: list[str] = []
        for at in range(0, len(keys), ORDERS_AT_ONCE):
            found += super().states(keys[at : at + ORDERS_AT_ONCE])
        return found

    def _orders_now(self, keys: Sequence[Key]) -> list[OrderNow | None]:
        return orders_now(self._desk.machine, keys)

    def floors(self, skus: Sequence[str]) -> dict[str, int]:
        """The floor of one unit in fen, -1 = no cost is known."""
        wanted = tuple(skus)
        return self.on_loop(self._durably(lambda: floors_now(self._desk.machine, wanted)))

    def hold_max_s(self) -> int:
        """How long a hold may last in all."""
        return int(self._desk.machine.state.scalars[lo.HOLD_TTL_MAX_S])

    def is_limited(self, sku: str, channel: str) -> bool:
        """Whether a rule counts by people what is sold of a SKU on a channel."""
        return self.on_loop(self._durably(lambda: is_limited(self._desk.machine, sku, channel)))

    def totals(self, skus: Sequence[str] | None = None) -> dict[str, SkuTotals]:
        """Figures of SKUs, of all where none are named."""
        wanted = None if skus is None else tuple(skus)
        return self.on_loop(self._durably(lambda: totals_now(self._desk.machine, wanted)))


def orders_now(machine: Machine, keys: Sequence[Key]) -> list[OrderNow | None]:
    """Orders of a machine; None = not recorded, or refused."""
    states = order_states(machine, keys)
    return [
        None if state in (UNKNOWN, REFUSED) else _order_now(machine, key, state)
        for key, state in zip(keys, states, strict=True)
    ]


def _order_now(machine: Machine, key: Key, state_name: str) -> OrderNow:
    state = machine.state
    high, low = np.uint64(key[0]), np.uint64(key[1])
    entry = int(find_id(state, high, low, np.uint64(hash_id(state, high, low))))
    assert entry != NONE, "it has a state"
    row = state.orders[entry]
    block = int(row["block"])
    decided_s = int(row["decided_at_s"])
    if not block or int(row["state"]) in (lo.CLOSED, lo.OPERATION_DONE):
        return OrderNow(state_name, is_fact=False, payable_fen=0, decided_s=decided_s, lines=())
    shape = int(state.blocks[block + 1])
    count, keys_held, flags = shape & 0xFF, (shape >> 8) & 7, (shape >> 11) & 0x1F
    place = block + 2 + (flags & bk.IS_FACT) + keys_held
    lines, payable_fen = [], 0
    for _ in range(count):
        line, charged_fen, words = _line_now(machine, place, flags)
        lines.append(line)
        left_fen = charged_fen - charged_fen * line.cancelled // max(1, line.ordered)
        payable_fen += left_fen
        place += words
    is_fact = bool(flags & bk.IS_FACT)
    return OrderNow(state_name, is_fact, payable_fen, decided_s, tuple(lines))


def _line_now(machine: Machine, place: int, flags: int) -> tuple[LineNow, int, int]:
    """A line, what the buyer pays for it, and how many words it takes."""
    state, catalogue = machine.state, machine.catalogue
    words = state.blocks
    high = int(words[place + bk.L_MONEY_HIGH])
    money_fen = int(words[place + bk.L_MONEY]) | ((high & 0x1FF) << 32)
    units = words[place + bk.L_UNITS :]
    wide = [int(units[n]) if flags & bk.WIDE else (int(units[0]) >> (8 * n)) & 0xFF
            for n in range(4)]  # fmt: skip
    ordered, cancelled, shipped, returned = wide
    share = int(words[bk.platform_place(place, flags)]) if flags & bk.HAS_PLATFORM else 0
    share -= (share & SIGN_BIT) << 1
    short = int(words[bk.short_place(place, flags)]) if flags & bk.IS_FACT else 0
    recipe = int(words[bk.recipe_place(place, flags)]) if flags & bk.HAS_RECIPE else 0
    sku = int(words[place + bk.L_SKU])
    code = _code(machine, sku)
    pool = catalogue.code_of("pools", (high >> 21) & 0xF)
    parts = _recipe(machine, recipe) or ((code, 1),)
    line = LineNow(
        code, pool, money_fen, floor_fen(state, sku), high >> 25, ordered, cancelled, shipped,
        returned, short, parts,
    )  # fmt: skip
    return line, max(0, money_fen - share), int(bk.line_stride(flags)) + ((high >> 9) & 0xFFF)


def _code(machine: Machine, sku: int) -> str:
    codes = machine.catalogue.sku_codes
    return codes[sku] if sku < len(codes) else ""


def _recipe(machine: Machine, recipe: int) -> tuple[tuple[str, int], ...]:
    if not recipe:
        return ()
    recipes = machine.state.recipes
    places = range(recipe + 1, recipe + 1 + 2 * int(recipes[recipe]), 2)
    return tuple((_code(machine, int(recipes[at])), int(recipes[at + 1])) for at in places)


def floor_fen(state: State, sku: int) -> int:
    """The floor of one unit as the guard has it: cost or red line; -1 = no cost is known."""
    if sku >= len(state.skus) or not state.skus[sku]["known"]:
        return -1
    row = state.skus[sku]
    cost, recipe = int(row["cost_floor_fen"]), int(row["recipe"])
    if cost < 0 and recipe:
        parts = range(recipe + 1, recipe + 1 + 2 * int(state.recipes[recipe]), 2)
        floors = [(floor_fen(state, int(state.recipes[at])), int(state.recipes[at + 1]))
                  for at in parts]  # fmt: skip
        cost = -1 if any(floor < 0 for floor, _ in floors) else sum(f * n for f, n in floors)
    return -1 if cost < 0 else max(cost, int(row["red_line_fen"]))


def floors_now(machine: Machine, skus: Sequence[str]) -> dict[str, int]:
    """Floors of SKUs; those that do not exist are left out."""
    known = machine.catalogue.skus
    return {code: floor_fen(machine.state, known[code]) for code in skus if code in known}


def totals_now(machine: Machine, skus: Sequence[str] | None) -> dict[str, SkuTotals]:
    """Figures of SKUs over all pools, in columns; without names, of those that have any."""
    state, catalogue = machine.state, machine.catalogue
    if skus is None:
        numbers = np.arange(len(catalogue.sku_codes))
    else:
        numbers = np.array([catalogue.skus[c] for c in skus if c in catalogue.skus], np.int64)
    cells = state.cells[: len(catalogue.pools), numbers]
    columns = np.stack([cells[name].sum(axis=0) for name in SkuTotals._fields])
    some = np.flatnonzero(columns.any(axis=0)) if skus is None else np.arange(len(numbers))
    return {
        catalogue.sku_codes[numbers[at]]: SkuTotals(*columns[:, at].tolist())
        for at in some.tolist()
    }


def is_limited(machine: Machine, sku: str, channel: str) -> bool:
    """Whether a rule with keys reaches a SKU, its parts, the channel or the whole shop."""
    state, catalogue = machine.state, machine.catalogue
    number, at = catalogue.sku_number(sku), catalogue.channel_number(channel)
    plans = [(int(state.scalars[lo.SHOP_PLAN_START]), int(state.scalars[lo.SHOP_PLAN_COUNT]))]
    rows = [] if at is None else [state.channels[at]]
    if number != NO_SKU:
        rows += [state.skus[n] for n in (number, *(p for p, _ in catalogue.parts.get(number, [])))]
    plans += [(int(row["plan_start"]), int(row["plan_count"])) for row in rows]
    rules = {int(rule) for start, count in plans for rule in state.plans[start : start + count]}
    return any(state.rules[rule]["known"] and state.rules[rule]["keyed"] for rule in rules)
