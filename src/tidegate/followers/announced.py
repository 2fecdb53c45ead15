"""The calendar: what publications and people announce, as the windows that the watch knows.

Always only raises what is expected. A publication that was proved announces its price, down to
PRICE_LEAST and no further; one that people forced through announces no price at all: a deeper cut
is a person's to announce. Never judges a promotion.
"""

import msgspec

from tidegate.pricing.effects import FixedPrice, MemberPrice, PercentOff
from tidegate.pricing.promotion import Promotion
from tidegate.record import facts as f
from tidegate.watch import layout as lo
from tidegate.watch.announcements import KEPT_MS, AnnouncementStore, Kept
from tidegate.watch.calendar import Window
from tidegate.watch.watch_file import WatchFile
from tidegate.watch.watching import Names, Watch

RATE = 10.0  # times the usual orders of what a promotion names
SHOP_RATE = 3.0  # and of the shop, where it names some SKUs only
UNITS = 2.0
PRICE_USUAL = 0.5  # of kinds whose price depends on the basket
PRICE_LEAST = 0.2
SKUS_EACH = 4  # so many SKUs get windows of their own; more are every SKU
ANY = int(lo.ANY)
AHEAD_MS = 7 * 86_400_000


class Announcements:
    """See the module."""

    def __init__(self, file: WatchFile) -> None:
        self._store = AnnouncementStore(file)
        self._windows: tuple[Window, ...] = ()

    @property
    def count(self) -> int:
        """Windows that the watch was told of."""
        return len(self._windows)

    def refresh(self, watch: Watch, now_ms: int) -> None:
        """Tell the watch what is announced now and soon; the soonest first, as many as it takes."""
        planned = [one for windows in watch.names.planned.values() for one in windows]
        wanted = [*_by_number(self._store.current(now_ms), watch.names), *planned]
        near = [one for one in wanted if now_ms - KEPT_MS < one.until_ms
                and one.from_ms < now_ms + AHEAD_MS]  # fmt: skip
        windows = tuple(sorted(near, key=lambda one: one.from_ms)[: lo.CALENDAR_MAX])
        if windows != self._windows or watch.state.counts[lo.CALENDAR_COUNT] != len(windows):
            watch.announce(windows)
            self._windows = windows

    def windows_of(self, fact: f.PromotionPublished, watch: Watch) -> list[Window]:
        """What a publication announces; nothing for one that was withdrawn or cannot be read."""
        try:
            promotion = msgspec.json.decode(fact.document, type=Promotion)
        except msgspec.MsgspecError:
            return []
        from_ms, until_ms = promotion.start_ms, promotion.end_ms
        price = price_of(promotion, watch) if fact.verdict == "proved" else 1.0
        spent_fen = promotion.budget.money_fen or 0
        plan = spent_fen * 3_600_000.0 / (until_ms - from_ms)
        named = _numbers(promotion, watch.names)
        rate = SHOP_RATE if named else RATE
        return [
            Window(lo.PROMOTION, fact.number, from_ms, until_ms, RATE, price, UNITS, plan),
            *(Window(lo.SKU, one, from_ms, until_ms, RATE, 1.0, UNITS) for one in named or [ANY]),
            Window(lo.CHANNEL, ANY, from_ms, until_ms, rate),
        ]


def price_of(promotion: Promotion, watch: Watch) -> float:
    """The lowest price that a promotion announces by itself, of the usual price."""
    effect = promotion.effect
    found = PRICE_USUAL
    if isinstance(effect, PercentOff):
        found = effect.pay_bp / 10_000
    elif isinstance(effect, FixedPrice | MemberPrice):
        numbers = {code: number for number, code in watch.names.skus.items()}
        shares = [
            price_fen / watch.state.list_fen[numbers[code]]
            for code, price_fen in effect.prices_fen.items()
            if numbers.get(code, len(watch.state.list_fen)) < len(watch.state.list_fen)
            and watch.state.list_fen[numbers[code]] > 0
        ]
        found = float(min(shares, default=PRICE_USUAL))
    return min(1.0, max(PRICE_LEAST, found))


def _numbers(promotion: Promotion, names: Names) -> list[int]:
    """The SKUs that a promotion names, where they are few; none = it may be any."""
    scope = promotion.scope
    if scope.all or scope.categories or not 0 < len(scope.skus) <= SKUS_EACH:
        return []
    by_code = {code: number for number, code in names.skus.items()}
    return [by_code[code] for code in scope.skus if code in by_code]


def _by_number(kept: list[Kept], names: Names) -> list[Window]:
    """What people announced, where the shop has such a code."""
    tables = {"sku": names.skus, "promotion": names.promotions, "channel": names.channels}
    windows = []
    for one in kept:
        entry = one.entry
        if not entry.subject:
            windows.append(entry.window(ANY))
            continue
        found = [n for n, code in tables[entry.scope].items() if code == entry.subject]
        windows += [entry.window(number) for number in found[:1]]
    return windows
