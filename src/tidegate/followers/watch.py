"""The follower that watches: entries in, alarms and what they open into watch.db, memory beside it.

Always an alarm is durable before the memory that has forgotten what raised it; after a crash the
same entries raise the same alarms under the same keys, and each is kept once. What is older than
ACT_MS opens nothing any more. Never slows the desk: who falls behind shows it as lag.
"""

import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

import structlog

from tidegate.journal.follow import BATCH, GENESIS, Follower, Head, JournalReader, RolledBack
from tidegate.record import entry as codec
from tidegate.watch.alarms import LEVEL_NAMES, NOTE, Alarm
from tidegate.watch.breaker import Action
from tidegate.watch.latch import AtOnce, Latch
from tidegate.watch.settings import USUAL, Settings
from tidegate.watch.storing import StateUnreadable, load, save
from tidegate.watch.watching import Planner, Watch, no_plans

STATE_FILE = "watch.state"
STEP_BYTES = 2 << 20
SAVE_EVERY_MS, TICK_EVERY_MS = 10_000, 1_000
HOUR_MS = 3_600_000
ACT_MS = HOUR_MS  # what was decided longer ago is told, and stops nothing now

log = structlog.get_logger("tidegate.followers")


class Watched(NamedTuple):
    """What a step brought: new alarms, what they ask of the desk, entries taken in."""

    alarms: list[Alarm]
    actions: list[Action]
    entries: int
    is_full: bool  # there may be more at once


class WatchFollower:
    """Watches one shop. Its memory lies in the shop's folder."""

    def __init__(
        self,
        folder: Path,
        open_journal: Callable[[], JournalReader],
        now_ms: Callable[[], int],
        latch: Latch,
        settings: Settings = USUAL,
        planner: Planner = no_plans,
    ) -> None:
        """Goes on from the saved memory; without one, or with a damaged one, from the start."""
        self._folder = folder
        self._now_ms = now_ms
        self._latch = latch
        self.watch, cursor = _restored(folder / STATE_FILE, settings)
        self.watch.planner = planner
        self._follower = Follower(open_journal, cursor)
        self._saved_ms = self._ticked_ms = 0
        self._zone_ms = -HOUR_MS
        self._is_changed = False
        self.at_once: AtOnce = lambda _: None  # what to ask of the desk, while it is being kept
        self.taken_ms = 0  # when the newest entry that was taken in was decided

    @property
    def seq(self) -> int:
        """The newest entry taken in."""
        return self._follower.cursor.seq

    def lag(self) -> int:
        """Entries not taken in yet."""
        return self._follower.lag()

    def step(self) -> Watched:
        """Take in what is new, a few megabytes at most; keep the alarms and what they open.

        Raises RolledBack when the journal is another one: the memory is of no use and is removed.
        """
        try:
            entries = self._follower.poll(STEP_BYTES)
        except RolledBack:
            (self._folder / STATE_FILE).unlink(missing_ok=True)
            raise
        now_ms = self._now_ms()
        found: list[Alarm] = []
        for entry in entries:
            if entry.kind == BATCH:
                found += self._taken(entry.payload, now_ms)
        self._is_changed = self._is_changed or bool(entries)
        if not entries and abs(now_ms - self._ticked_ms) >= TICK_EVERY_MS:
            self._ticked_ms = now_ms
            found += self.watch.tick(now_ms)
        new, actions = self._latch.take(found, now_ms, self.at_once) if found else ([], [])
        for alarm in new:
            log.warning("alarm", key=alarm.key, level=LEVEL_NAMES[alarm.level],
                        sentence=alarm.english)  # fmt: skip
        if self._is_changed and abs(now_ms - self._saved_ms) >= SAVE_EVERY_MS:
            self.save()
            self._saved_ms = now_ms
        is_full = sum(len(entry.payload) for entry in entries) >= STEP_BYTES
        return Watched(new, actions, len(entries), is_full)

    def save(self) -> None:
        """Store the memory as of the cursor."""
        head = self._follower.cursor
        text = f"{head.epoch}:{head.hash.hex()}"
        data = save(self.watch.state, self.watch.names, head.seq, text)
        _replace(self._folder / STATE_FILE, data)
        self._is_changed = False

    def close(self) -> None:
        """Let go of the journal; what was not saved is taken in again."""
        self._follower.close()

    def _taken(self, payload: bytes, now_ms: int) -> list[Alarm]:
        """One entry's alarms; those of long ago are only told."""
        self._set_zone(self.watch.now_ms)
        alarms = self.watch.take_entry(payload)
        self.taken_ms = codec.read_head(codec.aligned(payload)).now_ms
        if now_ms - self.taken_ms <= ACT_MS:
            return alarms
        return [alarm._replace(level=NOTE) for alarm in alarms]

    def _set_zone(self, at_ms: int) -> None:
        """Weekdays and hours are the shop's; its zone may move with the season."""
        if abs(at_ms - self._zone_ms) < HOUR_MS:
            return
        self._zone_ms = at_ms
        at = datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(ZoneInfo(self.watch.names.zone))
        self.watch.local_time(int((at.utcoffset() or timedelta()).total_seconds() * 1000))


def _restored(path: Path, settings: Settings) -> tuple[Watch, Head]:
    try:
        state, saved = load(path.read_bytes())
        epoch, _, digest = saved.head_hash.partition(":")
        head = Head(saved.seq, int(epoch), bytes.fromhex(digest))
    except FileNotFoundError:
        return Watch(settings), GENESIS
    except (StateUnreadable, ValueError) as error:
        log.warning("watch_begins_anew", path=str(path), error=str(error))
        return Watch(settings), GENESIS
    return Watch(settings, state=state, names=saved.names), head


def _replace(path: Path, data: bytes) -> None:
    partial = path.with_name(path.name + ".partial")
    with partial.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
