"""A channel's feed: polled by windows that overlap, with a watermark, a lag and a silence.

Always: the watermark moves over what is recorded or parked, never before; what a crash cut off is
asked for again. Never: a feed whose clock is wrong, or that is silent, counts as up to date.
"""

from dataclasses import dataclass
from typing import NamedTuple

from tidegate.channels.intake import Intake, Taken
from tidegate.channels.ledger import Ledger
from tidegate.channels.ports import OrderSource, Unanswered

SKEW_MAX_MS = 300_000  # the engine's own bound for a clock ahead
PAGES_MAX = 50  # of one turn: other work of the channel gets its turn in between


@dataclass(frozen=True)
class FeedTerms:
    """How a feed is asked, in milliseconds."""

    every_ms: int = 60_000
    overlap_ms: int = 600_000  # changes that show up late on the channel's side
    window_ms: int = 3_600_000  # at most so much of the past in one question
    back_ms: int = 86_400_000  # how far a first poll looks back
    sweep_every_ms: int = 1_800_000  # a long look back for what was lost and came back
    sweep_back_ms: int = 86_400_000
    silent_ms: int = 600_000  # nothing heard for so long: the feed is silent


class FeedState(NamedTuple):
    """How a feed is, as of a moment."""

    lag_ms: int  # how far behind now what is known of the channel ends
    silent_ms: int
    is_current: bool  # may be relied on for a refill
    why: str  # why not, "" = it may
    is_heard: bool = True  # at least once


class Feed:
    """One channel's poll. `turn` is called by the channel's thread."""

    def __init__(
        self, intake: Intake, ledger: Ledger, source: OrderSource | None, terms: FeedTerms
    ) -> None:
        """`source` None: orders are pushed only."""
        self._intake = intake
        self._ledger = ledger
        self._source = source
        self.terms = terms
        self.channel = intake.channel
        with ledger.writing() as connection:
            connection.execute("INSERT OR IGNORE INTO feed (channel) VALUES (?)", (self.channel,))

    def turn(self, now_ms: int) -> Taken:
        """Poll if it is due. Raises what the desk raises; a channel's silence is only noted."""
        if self._source is None:
            return Taken()
        row = self._row()
        if not row.page and now_ms - row.heard_ms < self.terms.every_ms and not row.fault:
            return Taken()
        total = Taken()
        try:
            if not row.page and row.watermark_ms and self._sweep_is_due(row, now_ms):
                total = self._sweep(now_ms)
            return total.plus(self._poll(now_ms))
        except Unanswered as silence:
            self._set(fault=str(silence)[:200] or "no answer")
            return total

    def pushed(self, now_ms: int) -> None:
        """Something came by push, an order or a heartbeat: the channel is not silent."""
        if self._source is None:  # else the poll says what is known
            self._set(heard_ms=now_ms, watermark_ms=now_ms, fault="")

    def state(self, now_ms: int) -> FeedState:
        """Lag, silence, and whether it may be relied on."""
        row = self._row()
        lag_ms = now_ms - (row.watermark_ms - row.skew_ms) if row.watermark_ms else now_ms
        silent_ms = now_ms - row.heard_ms if row.heard_ms else now_ms
        if abs(row.skew_ms) > SKEW_MAX_MS:
            why = f"the channel's clock is {row.skew_ms // 1000:+} s off"
        elif not row.heard_ms:
            why = "nothing was heard yet"
        elif silent_ms > self.terms.silent_ms:
            why = f"silent for {silent_ms // 1000} s" + (f" ({row.fault})" if row.fault else "")
        elif lag_ms > self.terms.silent_ms:
            why = f"{lag_ms // 1000} s behind"
        else:
            why = ""
        return FeedState(max(0, lag_ms), max(0, silent_ms), not why, why, bool(row.heard_ms))

    # -- windows ---------------------------------------------------------------------------------

    def _poll(self, now_ms: int) -> Taken:
        """Window after window until the present, at most PAGES_MAX pages."""
        assert self._source is not None
        total = Taken()
        for _ in range(PAGES_MAX):
            row = self._row()
            there_ms = now_ms + row.skew_ms  # what the channel's own clock shows, as last known
            since_ms = row.watermark_ms - self.terms.overlap_ms
            if not row.watermark_ms:
                since_ms = there_ms - self.terms.back_ms
            until_ms = row.window_ms or min(there_ms, since_ms + self.terms.window_ms
                                            + self.terms.overlap_ms)  # fmt: skip
            page = self._source.fetch(since_ms, until_ms, row.page)
            skew_ms = page.server_now_ms - now_ms if page.server_now_ms else 0
            self._set(skew_ms=skew_ms)  # first: sales of this page are placed by it
            total = total.plus(self._intake.take(page.orders, page.malformed))
            if page.next_page:
                self._set(window_ms=until_ms, page=page.next_page, heard_ms=now_ms,
                          skew_ms=skew_ms, fault="")  # fmt: skip
                continue
            known_ms = until_ms if page.known_until_ms is None else page.known_until_ms
            reached_ms = max(row.watermark_ms, min(until_ms, known_ms, now_ms + skew_ms))
            self._set(watermark_ms=reached_ms, window_ms=0, page="", heard_ms=now_ms,
                      skew_ms=skew_ms, fault="")  # fmt: skip
            if until_ms >= there_ms or page.known_until_ms is not None:
                break
        return total

    def _sweep_is_due(self, row: "FeedRow", now_ms: int) -> bool:
        return now_ms - row.swept_ms >= self.terms.sweep_every_ms

    def _sweep(self, now_ms: int) -> Taken:
        """Ask for the last day once more: what a channel lost and found again stands there."""
        assert self._source is not None
        row = self._row()
        since_ms = now_ms + row.skew_ms - self.terms.sweep_back_ms
        total, page_name = Taken(), ""
        for _ in range(PAGES_MAX):
            page = self._source.fetch(since_ms, row.watermark_ms, page_name)
            total = total.plus(self._intake.take(page.orders, page.malformed))
            page_name = page.next_page
            if not page_name:
                self._set(swept_ms=now_ms)
                break
        return total

    def _row(self) -> "FeedRow":
        row = self._ledger.one(
            "SELECT watermark_ms, window_ms, page, heard_ms, swept_ms, skew_ms, fault FROM feed"
            " WHERE channel = ?",
            (self.channel,),
        )
        assert row is not None
        return FeedRow(*row)

    def _set(self, **fields: object) -> None:
        names = ", ".join(f"{name} = ?" for name in fields)
        with self._ledger.writing() as connection:
            connection.execute(
                f"UPDATE feed SET {names} WHERE channel = ?",  # noqa: S608 -- our own names
                (*fields.values(), self.channel),
            )


class FeedRow(NamedTuple):
    """A feed as the ledger holds it."""

    watermark_ms: int
    window_ms: int
    page: str
    heard_ms: int
    swept_ms: int
    skew_ms: int
    fault: str
