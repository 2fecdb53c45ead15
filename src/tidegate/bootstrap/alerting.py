"""Real alerts: the files, the sending processes and the sources of a shop's alarms.

Always: made for whoever tells people (the followers' process) or asks how it goes. Never: opens
anything when it is imported.
"""

import json
from pathlib import Path

from tidegate.bootstrap.stores import NoSuchStore, existing_store
from tidegate.channels.alarms import OFF_SHELF, RATIOS, UNREADABLE, Alarms, ChannelAlarm
from tidegate.channels.ledger import Ledger
from tidegate.desk.clock import SystemClock
from tidegate.people.filter import clean
from tidegate.store_paths import ShopPaths
from tidegate.watch.alarm_store import AlarmStore
from tidegate.watch.alarms import CAP, NOTE, PAUSE_PROMOTION, PAUSE_SKU
from tidegate.watch.alerts.alerting import Alerting
from tidegate.watch.alerts.courier import ProcessCourier
from tidegate.watch.alerts.outbox import Outbox
from tidegate.watch.alerts.ports import UNKNOWN_MS, Told, WatchAlarms
from tidegate.watch.heartbeat import read_beat, why_unwatched

HARMLESS = (UNREADABLE, OFF_SHELF, RATIOS)  # to be looked at, but nobody buys at a wrong price


class ChannelAlarms:
    """What channels raised, as a source of alerts."""

    name = "channels"

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._alarms = Alarms(ledger)

    def after(self, cursor: int, limit: int) -> list[Told]:
        """See ports.AlarmSource."""
        return [told_of_channel(alarm) for alarm in self._alarms.after(cursor, limit)]

    def newest(self) -> int:
        """See ports.AlarmSource."""
        row = self._ledger.one("SELECT coalesce(max(id), 0) FROM alarm")
        return int(row[0]) if row else 0

    def closed_ms(self, alarm_id: int) -> int:
        """See ports.AlarmSource."""
        row = self._ledger.one("SELECT settled_ms FROM alarm WHERE id = ?", (alarm_id,))
        return int(row[0]) if row else UNKNOWN_MS

    def close(self) -> None:
        """See ports.AlarmSource."""
        self._ledger.close()


def told_of_channel(alarm: ChannelAlarm) -> Told:
    """A channel's alarm as it is told: what the desk holds because of it says how bad it is."""
    level = {"sku": PAUSE_SKU, "promotion": PAUSE_PROMOTION}.get(alarm.scope, CAP)
    if not alarm.scope and alarm.kind in HARMLESS:
        level = NOTE
    what = alarm.sku or alarm.promotion or "all"
    return Told(
        alarm.id, f"{alarm.kind}-{alarm.channel}-{what}-{alarm.at_ms}", alarm.at_ms, level,
        alarm.english, alarm.chinese, json.dumps({**alarm.figures, "channel": alarm.channel}), "",
        0, "", alarm.settled_ms,
    )  # fmt: skip


def open_alerting(name: str, paths: ShopPaths) -> Alerting:
    """A shop's alerts, for the one process that tells people."""
    sources = (WatchAlarms(AlarmStore(paths.watch)), ChannelAlarms(Ledger(paths.channels)))
    clock = SystemClock()

    def unwatched() -> str:
        beat = read_beat(paths.folder)  # None: this shop never had a watch
        return "" if beat is None else why_unwatched(beat, clock.monotonic_s())

    return Alerting(
        name, paths.alerts, paths.secrets, sources, ProcessCourier(), clock, clean, unwatched
    )


def open_outbox(root: Path, shop: str) -> tuple[ShopPaths, Outbox]:
    """A shop's alerts, for the command line beside whoever serves. Raises NoSuchStore."""
    paths = shop_paths(root, shop)
    return paths, Outbox(paths.alerts)


def shop_paths(root: Path, shop: str) -> ShopPaths:
    """Where a shop that is there lies. Raises NoSuchStore, ValueError."""
    paths = existing_store(root).shop(shop)
    if not paths.folder.is_dir():
        raise NoSuchStore(f"there is no shop {shop} in {root}")
    return paths
