"""One shop as the watch's process looks after it: follow, keep, ask the desk, read back, say so.

Always: an alarm and what it opens are durable before the memory moves on, so that a process that
dies meanwhile finds them again and asks again; a pause is asked for while the disk still works.
Never waits for a desk longer than a call takes, and goes on watching whatever the desk says.
"""

import os
import threading
from collections.abc import Callable
from typing import NamedTuple

import structlog

from tidegate.followers.announced import Announcements
from tidegate.followers.watch import WatchFollower
from tidegate.journal.follow import JournalReader
from tidegate.store_paths import ShopPaths
from tidegate.watch.acting import DeskPort, NothingToStop, carry_out, look_again
from tidegate.watch.alarm_store import AlarmStore
from tidegate.watch.breaker import CLOSED, PAUSE, Action
from tidegate.watch.heartbeat import BEAT_EVERY_S, FAULTS_MAX, Beat, write_beat
from tidegate.watch.latch import Latch
from tidegate.watch.settings import USUAL, Settings
from tidegate.watch.watch_file import WatchFile

IDLE_S = 0.1  # between two looks at a journal whose files say that nothing was written
CALENDAR_S = 0.25
LOOK_AGAIN_S = 10.0  # whether what stands open is still in force
TIDY_S = 60.0
NOTE_OPEN_MS = 86_400_000  # a note is over after a day

log = structlog.get_logger("tidegate.watch")


class Clock(NamedTuple):
    """Time as it is injected."""

    now_ms: Callable[[], int]
    monotonic_s: Callable[[], float]


class WatchShop:
    """See the module. Takes turns like every follower (`turns.Work`)."""

    def __init__(
        self,
        paths: ShopPaths,
        open_journal: Callable[[], JournalReader],
        clock: Clock,
        desks: tuple[DeskPort, DeskPort],
        settings: Settings = USUAL,
        written: Callable[[], object] = lambda: None,
    ) -> None:
        """`desks`: two ways to the desk, one for what is urgent. `written` changes with the
        journal's files, and costs nothing. Raises WatchUnavailable where watch.db cannot be opened.
        """
        self._folder = paths.folder
        self._clock = clock
        self._desk, self._urgent = desks
        self._written = written
        self._seen: object = None
        self._asking: list[threading.Thread] = []
        self._file = WatchFile(paths.watch)
        self._latch = Latch(self._file)
        self._alarms = AlarmStore(paths.watch, self._file)
        self._announced = Announcements(self._file)
        self.follower = WatchFollower(
            paths.folder, open_journal, clock.now_ms, self._latch, settings,
            self._announced.windows_of,
        )  # fmt: skip
        self.follower.at_once = self._ask_at_once
        self._announced.refresh(self.follower.watch, clock.now_ms())  # before anything is judged
        self._entries = 0
        self._next_s = 0.0
        self._next_beat_s = self._next_tidy_s = self._next_calendar_s = 0.0
        self._next_look_s = clock.monotonic_s() + LOOK_AGAIN_S
        self._faults: dict[str, str] = {}

    @property
    def seq(self) -> int:
        """The newest entry taken in."""
        return self.follower.seq

    def lag(self) -> int:
        """More than none while a step was full: the next one comes at once."""
        return self._entries

    def step(self) -> object:
        """Take in what is new and act on it. Raises what the journal and the files raise."""
        now_s = self._clock.monotonic_s()
        written = self._written()
        if now_s < self._next_s and written == self._seen and not self._entries:
            return None
        self._seen, self._next_s = written, now_s + IDLE_S
        if self._entries or now_s >= self._next_calendar_s:  # codes may have been learnt just now
            self._next_calendar_s = now_s + CALENDAR_S
            self._announced.refresh(self.follower.watch, self._clock.now_ms())
        watched = self.follower.step()
        self._entries = watched.entries if watched.is_full else 0
        self._act(watched.actions, now_s)
        if now_s >= self._next_tidy_s:
            self._next_tidy_s = now_s + TIDY_S
            now_ms = self._clock.now_ms()
            self._alarms.close_notes(now_ms - NOTE_OPEN_MS, now_ms)
        if now_s >= self._next_beat_s:
            self._next_beat_s = now_s + BEAT_EVERY_S
            self._beat()
        return watched

    def close(self) -> None:
        """Let go of everything."""
        self.follower.close()
        self._file.close()

    def _ask_at_once(self, actions: list[Action]) -> None:
        """Ask for pauses on a thread; `_act` asks again under the same id, and reads back."""
        urgent = sorted((one for one in actions if one.kind == PAUSE), key=lambda one: one.code)
        if urgent:
            thread = threading.Thread(target=self._ask, args=(urgent,), name="urgent", daemon=True)
            self._asking = [*self._asking, thread]
            thread.start()

    def _ask(self, actions: list[Action]) -> None:
        for action in actions:
            try:
                self._urgent.act(action)
            except (OSError, NothingToStop) as error:
                log.warning("not_at_once", action=action.id, error=str(error))

    def _act(self, fresh: list[Action], now_s: float) -> None:
        """Ask for what is new, what was not seen in force, and what was lifted."""
        for thread in self._asking:
            thread.join()
        self._asking = []
        now_ms = self._clock.now_ms()
        actions = tuple(fresh)
        if now_s >= self._next_beat_s:
            known = {action.id for action in actions}
            due = self._latch.change(lambda breaker: breaker.due(now_ms))
            actions += tuple(action for action in due if action.id not in known)
        if actions:
            faults = carry_out(self._latch, self._desk, actions, now_ms)
            self._faults = {**self._faults, "breaker": "; ".join(faults)}
        if now_s >= self._next_look_s:
            self._next_look_s = now_s + LOOK_AGAIN_S
            self._look_again(now_ms)

    def _look_again(self, now_ms: int) -> None:
        try:
            lifted = look_again(self._latch, self._desk, now_ms)
        except OSError as error:
            self._faults = {**self._faults, "desk": f"the desk cannot be asked: {error}"}
            return
        self._faults = {**self._faults, "desk": ""}
        if lifted:
            log.warning("breaker_lifted", actions=[action.id for action in lifted])
            carry_out(self._latch, self._desk, lifted, now_ms)

    def _beat(self) -> None:
        """Say that it lives. A beat that cannot be written is a watch that is taken for dead."""
        behind = max(0, self.follower.lag())
        now_ms = self._clock.now_ms()
        switches = self._latch.breaker().switches.values()
        newest = self._alarms.newest()
        write_beat(
            self._folder,
            Beat(
                now_ms,
                self._clock.monotonic_s(),
                os.getpid(),
                self.follower.seq,
                behind,
                max(0, now_ms - self.follower.taken_ms) if behind and self.follower.taken_ms else 0,
                newest,
                sum(1 for switch in switches if switch.phase != CLOSED),
                self._announced.count,
                tuple(fault for fault in self._faults.values() if fault)[:FAULTS_MAX],
            ),
        )
