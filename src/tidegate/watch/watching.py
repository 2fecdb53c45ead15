"""The watch of one shop: entries of the journal in, alarms out.

Always in the journal's order and in event time; what it knows can be saved and loaded, and goes on
as if nothing had been. Never reads a clock, never asks the desk: the breaker does.
"""

from collections.abc import Callable
from itertools import pairwise

import msgspec
import numpy as np

from tidegate.record import entry as codec
from tidegate.record import facts as f
from tidegate.record.lines import CONTINUES, FACT, Array
from tidegate.watch import layout as lo
from tidegate.watch.alarms import Alarm, alarm_of
from tidegate.watch.calendar import Window, announce
from tidegate.watch.extremes import set_limit
from tidegate.watch.scoring import STANDING, score_orders
from tidegate.watch.settings import CAPS_SHARES, USUAL, Settings
from tidegate.watch.silence import silent_channels
from tidegate.watch.slow import close_day

DAY_MS = 86_400_000
CHUNK = 4096  # orders between two looks at the alarms, so that none is lost


class Names(msgspec.Struct):
    """Codes by number, the shop's zone, and what is published, as the journal's facts gave them."""

    skus: dict[int, str] = {}
    promotions: dict[int, str] = {}
    channels: dict[int, str] = {}
    zone: str = "Asia/Shanghai"
    planned: dict[int, list[Window]] = {}  # by promotion: what its publication announces

    def code(self, scope: int, number: int) -> str:
        """The code, or the number where none is known."""
        tables = (self.skus, self.promotions, self.channels)
        if scope == lo.REFUSALS:
            return str(number)
        return tables[scope].get(number, f"#{number}")


Planner = Callable[[f.PromotionPublished, "Watch"], list[Window]]


def no_plans(_fact: f.PromotionPublished, _watch: "Watch") -> list[Window]:
    """A publication announces nothing."""
    return []


class Watch:
    """See the module."""

    def __init__(
        self,
        settings: Settings = USUAL,
        capacity: lo.Capacity = lo.USUAL,
        state: lo.State | None = None,
        names: Names | None = None,
    ) -> None:
        """`state` and `names`: as they were saved; new ones when left out."""
        self.settings = settings
        self.state = lo.new_state(capacity) if state is None else state
        self.names = Names() if names is None else names
        self.planner: Planner = no_plans
        settings.into(self.state)

    @property
    def now_ms(self) -> int:
        """The newest moment on record."""
        return int(self.state.counts[lo.NOW_MS])

    def announce(self, windows: tuple[Window, ...]) -> None:
        """Set the calendar of announced promotions. Raises CalendarFull."""
        announce(self.state, windows)

    def local_time(self, offset_ms: int) -> None:
        """How far the shop's zone is ahead of UTC now; weekdays and hours are the shop's."""
        self.state.counts[lo.OFFSET_MS] = offset_ms

    def take_entry(self, payload: bytes | memoryview) -> list[Alarm]:
        """Take in one entry of the journal. Raises EntryCorrupt or EntryTooNew."""
        data = codec.aligned(payload)
        head = codec.read_head(data)
        found: list[Alarm] = []
        for frame in codec.read_frames(data):
            if frame.kind == codec.ORDERS:
                lines, outcomes = codec.read_orders(frame.body)
                found += self.take_orders(lines, outcomes, head.now_ms)
            elif frame.kind == codec.COMMAND:
                envelope = f.decode_envelope(frame.body.tobytes())
                if envelope.fact is not None:
                    self.take_fact(envelope.fact)
        return found

    def take_fact(self, fact: f.AnyFact) -> None:
        """Learn codes, list prices and the zone."""
        if isinstance(fact, f.SkuPut):
            self.names.skus[fact.number] = fact.code
            if fact.number < len(self.state.list_fen):
                self.state.list_fen[fact.number] = max(0, fact.list_price_fen)
        elif isinstance(fact, f.CodePut) and fact.scope == "promotion":
            self.names.promotions[fact.number] = fact.code
        elif isinstance(fact, f.CodePut) and fact.scope == "channel":
            self.names.channels[fact.number] = fact.code
        elif isinstance(fact, f.PromotionPublished):
            self.names.promotions[fact.number] = fact.code
            self.names.planned.pop(fact.number, None)
            if windows := self.planner(fact, self):
                self.names.planned[fact.number] = windows
        elif isinstance(fact, f.PolicySet):
            self.names.zone = fact.zone or self.names.zone

    def take_orders(self, lines: Array, outcomes: Array, now_ms: int) -> list[Alarm]:
        """Take in the orders of one batch, decided at `now_ms` (of the record: never back)."""
        starts = np.flatnonzero(lines["flags"] & CONTINUES == 0)
        first = lines[starts]
        placed = np.minimum(first["placed_at_ms"], now_ms)
        # An own order happens when it is decided; a marketplace's happened when it says so.
        at_ms = np.where(first["flags"] & FACT != 0, placed, now_ms)
        standing = STANDING if now_ms <= int(self.state.counts[lo.SEQ]) else 0
        flags = np.full(len(starts), standing, np.uint8)
        self.state.counts[lo.SEQ] = max(now_ms, int(self.state.counts[lo.SEQ]))
        return self.take_events(lines, outcomes, at_ms, flags)

    def take_events(self, lines: Array, outcomes: Array, at_ms: Array, flags: Array) -> list[Alarm]:
        """Take in decided orders with the time of each, and STANDING or PART."""
        starts = np.append(np.flatnonzero(lines["flags"] & CONTINUES == 0), len(lines))
        found: list[Alarm] = []
        days = (np.maximum.accumulate(at_ms) + int(self.state.counts[lo.OFFSET_MS])) // DAY_MS
        edges = np.flatnonzero(np.diff(days)) + 1
        bounds = np.unique(np.concatenate((np.arange(0, len(outcomes), CHUNK), edges)))
        for begin, end in pairwise([*bounds.tolist(), len(outcomes)]):
            found += [self._named(row) for row in close_day(self.state, int(days[begin]))]
            self._fit_sizes()
            score_orders(
                self.state,
                lines[starts[begin] : starts[end]],
                outcomes[begin:end],
                at_ms[begin:end],
                flags[begin:end],
            )
            found += self._alarms()
        return found

    def tick(self, now_ms: int) -> list[Alarm]:
        """What is to be seen from no order coming: silent channels. `now_ms` by the record."""
        rows = silent_channels(self.state, now_ms, self.settings.wrong_notes)
        return [self._named(row) for row in rows]

    def is_cold(self) -> bool:
        """Whether the shop's history is too short to act on; alarms are notes until then."""
        began = int(self.state.counts[lo.FIRST_SEEN_MS])
        return self.now_ms - began < self.settings.cold_days * DAY_MS

    def _alarms(self) -> list[Alarm]:
        count = int(self.state.counts[lo.ALARM_COUNT])
        found = [self._named(row) for row in self.state.alarms[:count]]
        self.state.counts[lo.ALARM_COUNT] = 0
        return found

    def _named(self, row: Array) -> Alarm:
        code = self.names.code(int(row["scope"]), int(row["number"]))
        return alarm_of(row, code, is_cold=self.is_cold())

    def _fit_sizes(self) -> None:
        """Fit the tail of units once a day: it changes slowly."""
        day = self.now_ms // DAY_MS
        if day == int(self.state.counts[lo.PEAKS_FITTED]):
            return
        self.state.counts[lo.PEAKS_FITTED] = day
        counts = self.state.counts
        days = max(7.0, (self.now_ms - int(counts[lo.FIRST_SEEN_MS])) / DAY_MS)
        lines = float(counts[lo.LINES_SEEN]) / days * 180.0
        set_limit(self.state, lines, self.settings.wrong_caps / CAPS_SHARES)
