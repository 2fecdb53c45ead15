"""How a shop's channels stand, for people: from the ledger alone, beside whoever serves.

Always: counts and reasons. Never: an order's buyer, or anything that is not in the ledger.
"""

from typing import Any

from tidegate.channels.connection import connections
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
                "stopped": one.stopped, "feed": feed_text(feed, now_ms), "orders": states,
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
