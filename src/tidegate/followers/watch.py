"""The follower that watches: entries in, alarms onto a file, its memory beside it.

Always an alarm is durable before the memory that has forgotten what raised it; after a crash the
same entries raise the same alarms under the same keys, and each stands on the file once. Never
asks the desk for anything, never slows it: who falls behind shows it as lag.
"""

import json
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import structlog

from tidegate.journal.follow import BATCH, GENESIS, Follower, Head, JournalReader, RolledBack
from tidegate.watch.alarms import Alarm
from tidegate.watch.settings import USUAL, Settings
from tidegate.watch.storing import StateUnreadable, load, save
from tidegate.watch.watching import Watch

STATE_FILE, ALARMS_FILE, HEARTBEAT_FILE = "watch.state", "watch.alarms", "watch.heartbeat"
STEP_BYTES = 2 << 20
SAVE_EVERY_MS, BEAT_EVERY_MS = 10_000, 1_000
HOUR_MS = 3_600_000

log = structlog.get_logger("tidegate.followers")


class WatchFollower:
    """Watches one shop. Its files lie in the shop's folder."""

    def __init__(
        self,
        folder: Path,
        open_journal: Callable[[], JournalReader],
        now_ms: Callable[[], int],
        settings: Settings = USUAL,
    ) -> None:
        """Goes on from the saved memory; without one, or with a damaged one, from the start."""
        self._folder = folder
        self._now_ms = now_ms
        self.watch, cursor = _restored(folder / STATE_FILE, settings)
        self._follower = Follower(open_journal, cursor)
        self._known = set(read_alarms(folder))
        self._saved_ms = self._beat_ms = 0
        self._zone_ms = -HOUR_MS
        self._is_changed = False

    @property
    def seq(self) -> int:
        """The newest entry taken in."""
        return self._follower.cursor.seq

    def lag(self) -> int:
        """Entries not taken in yet."""
        return self._follower.lag()

    def step(self) -> list[Alarm]:
        """Take in what is new, a few megabytes at most; the alarms that are new on the file.

        Raises RolledBack when the journal is another one: the memory is of no use and is removed.
        """
        try:
            entries = self._follower.poll(STEP_BYTES)
        except RolledBack:
            (self._folder / STATE_FILE).unlink(missing_ok=True)
            raise
        found: list[Alarm] = []
        for entry in entries:
            if entry.kind == BATCH:
                self._set_zone(self.watch.now_ms)
                found += self.watch.take_entry(entry.payload)
        self._is_changed = self._is_changed or bool(entries)
        now_ms = self._now_ms()
        if not entries:
            found += self.watch.tick(now_ms)
        new = [alarm for alarm in found if alarm.key not in self._known]
        self._append(new)
        if self._is_changed and abs(now_ms - self._saved_ms) >= SAVE_EVERY_MS:
            self.save()
            self._saved_ms = now_ms
        if abs(now_ms - self._beat_ms) >= BEAT_EVERY_MS:
            beat = {"at_ms": now_ms, "seq": self.seq, "lag_entries": self.lag()}
            _replace(self._folder / HEARTBEAT_FILE, json.dumps(beat).encode())
            self._beat_ms = now_ms
        return new

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

    def _append(self, alarms: list[Alarm]) -> None:
        if not alarms:
            return
        lines = "".join(json.dumps(alarm._asdict(), ensure_ascii=False) + "\n" for alarm in alarms)
        path = self._folder / ALARMS_FILE
        with path.open("ab") as file:
            if file.tell() and not _ends_a_line(path):
                file.write(b"\n")  # a line that a crash cut short stays behind as no alarm
            file.write(lines.encode())
            file.flush()
            os.fsync(file.fileno())
        self._known |= {alarm.key for alarm in alarms}
        for alarm in alarms:
            log.warning("alarm", key=alarm.key, level=alarm.level, sentence=alarm.english)

    def _set_zone(self, at_ms: int) -> None:
        """Weekdays and hours are the shop's; its zone may move with the season."""
        if abs(at_ms - self._zone_ms) < HOUR_MS:
            return
        self._zone_ms = at_ms
        at = datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(ZoneInfo(self.watch.names.zone))
        self.watch.local_time(int((at.utcoffset() or timedelta()).total_seconds() * 1000))


def read_alarms(folder: Path) -> dict[str, Alarm]:
    """Every alarm of a shop by its key, oldest first."""
    try:
        lines = (folder / ALARMS_FILE).read_bytes().splitlines()
    except FileNotFoundError:
        return {}
    found = {}
    for line in lines:
        try:
            alarm = Alarm(**json.loads(line))
        except (ValueError, TypeError):
            continue  # cut short by a crash: its entries raise it again
        found[alarm.key] = alarm
    return found


def heartbeat_age_ms(folder: Path, now_ms: int) -> int | None:
    """How long ago the watch last lived; None when it never did, or says what cannot be read."""
    try:
        beat = json.loads((folder / HEARTBEAT_FILE).read_bytes())
        return max(0, now_ms - int(beat["at_ms"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


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


def _ends_a_line(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"
