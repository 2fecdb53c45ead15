"""How a shop's channels stand, for people: from the ledger alone, beside whoever serves.

Always: counts and reasons. Never: an order's buyer, or anything that is not in the ledger.
"""

from typing import Any, NamedTuple

from tidegate.channels.alarms import Alarms
from tidegate.channels.connection import connections
from tidegate.channels.debts import owed
from tidegate.channels.ledger import Ledger
from tidegate.channels.stop_ladder import rungs

LATE_MS = 600_000


def status_of(ledger: Ledger, now_ms: int) -> list[dict[str, Any]]:
    """Each connected channel, ready for JSON."""
    found = []
    for one in connections(ledger):
        name = (one.channel,)
        states = dict(
            ledger.ask("SELECT state, count(*) FROM orders WHERE channel = ? GROUP BY state", name)
        )
        feed = ledger.one(
            "SELECT watermark_ms, heard_ms, skew_ms, fault FROM feed WHERE channel = ?", name
        )
        counts = {
            "parked": "SELECT count(*) FROM parked WHERE channel = ?",
            "faults": "SELECT count(*) FROM offer WHERE channel = ? AND fault <> ''",
            "unknown": "SELECT count(*) FROM offer WHERE channel = ? AND pushing IS NOT NULL",
            "flagged": "SELECT count(*) FROM orders WHERE channel = ? AND flags <> ''",
        }
        found.append(
            {
                "channel": one.channel, "kind": one.kind, "adapter": one.adapter,
                "stopped": one.stopped, "why": one.stop_reason,
                "feed": feed_text(feed, now_ms), "orders": states,
                **{word: (ledger.one(query, name) or (0,))[0] for word, query in counts.items()},
                "ladder": [rung._asdict() for rung in rungs(ledger, one.channel)],
            }
        )  # fmt: skip
    return found


def feed_text(feed: tuple[Any, ...] | None, now_ms: int) -> str:
    """What is wrong with a feed; "" = nothing."""
    if feed is None or not feed[1]:
        return "nothing was heard yet"
    watermark_ms, heard_ms, skew_ms, fault = feed
    lag_ms = now_ms - (watermark_ms - skew_ms)
    if abs(skew_ms) > LATE_MS // 2:
        return f"its clock is {skew_ms // 1000:+} s off"
    if max(lag_ms, now_ms - heard_ms) > LATE_MS:
        return f"{max(lag_ms, now_ms - heard_ms) // 1000} s late" + (f" ({fault})" if fault else "")
    return str(fault)


class ChannelFigures(NamedTuple):
    """One channel, counted."""

    channel: str
    lag_s: float
    parked: int
    flagged: int
    offers_at_fault: int
    pushes_unknown: int
    is_stopped: bool
    orders: dict[str, int]


class ShopFigures(NamedTuple):
    """A shop's channels, counted. `faults`: what does not work now, in a sentence each."""

    channels: list[ChannelFigures]
    faults: list[str]
    alarms_open: int
    debts: dict[str, int]


def figures_of(ledger: Ledger, faults: list[str], now_ms: int) -> ShopFigures:
    """What is counted of every connected channel."""
    channels = []
    for row in status_of(ledger, now_ms):
        feed = ledger.one(
            "SELECT watermark_ms, skew_ms FROM feed WHERE channel = ?", (row["channel"],)
        )
        lag_ms = max(0, now_ms - (feed[0] - feed[1])) if feed and feed[0] else 0
        channels.append(
            ChannelFigures(
                row["channel"], lag_ms / 1000, row["parked"], row["flagged"], row["faults"],
                row["unknown"], row["stopped"], row["orders"],
            )
        )  # fmt: skip
    return ShopFigures(channels, faults, Alarms(ledger).open_count(), owed(ledger, now_ms))
