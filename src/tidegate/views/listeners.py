"""Those who listen to what is decided: one thread follows the journal while somebody does.

Always: what is kept for all listeners together has a bound, and one who reads too slowly is told
which entries it missed. Never: the desk waits for a listener, or more than a fifth of a core is
spent on telling.
"""

import asyncio
import contextlib
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import NamedTuple

import structlog

from tidegate.journal.follow import BATCH, Entry, Follower, JournalError, JournalReader, Pruned
from tidegate.record.entry import EntryCorrupt, EntryTooNew
from tidegate.views.events import Code, Event, events_in_entry, skipped
from tidegate.views.names import keys_of_fact
from tidegate.views.parts import Opened, Told, opened

EVENTS_KEPT = 16_384  # for all listeners together, and at least one entry
CATCH_UP_ENTRIES = 10_000  # how far back a listener may start
LAG_ENTRIES_MAX = 1_000  # from here on the teller itself skips to the newest entry
READ_BYTES = 1 << 20
IDLE_S = 0.02
FAULT_S = 1.0
REST_SHARE = 4  # rest four times as long as was worked

log = structlog.get_logger("tidegate.views")

Open = Callable[[], JournalReader]


class Decoded(NamedTuple):
    """One entry's events."""

    seq: int
    events: list[Event]


class Listener:
    """One who listens, on its own event loop."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._news = asyncio.Event()

    def wake(self) -> None:
        """There is something new; called from the teller's thread."""
        with contextlib.suppress(RuntimeError):  # its loop has ended, and it with it
            self._loop.call_soon_threadsafe(self._news.set)

    async def wait(self) -> None:
        """Until there is something new."""
        await self._news.wait()
        self._news.clear()


class Coder:
    """Codes by number, remembered; what passing entries say is taken in."""

    def __init__(self, look_up: Code) -> None:
        self._look_up = look_up
        self._known: dict[tuple[str, int], str] = {}
        self._unknown: dict[tuple[str, int], str] = {}  # asked again with the next entry

    def __call__(self, scope: str, number: int) -> str:
        """The code of a number; "#12" while none is known."""
        key = (scope, number)
        known = self._known.get(key) or self._unknown.get(key)
        if known is None:
            known = self._look_up(scope, number)
            (self._unknown if known.startswith("#") else self._known)[key] = known
        return known

    def learn(self, entry: Opened) -> None:
        """Take in the codes that an entry gives."""
        self._unknown.clear()
        for part in entry.parts:
            fact = part.envelope.fact if isinstance(part, Told) else None
            key = keys_of_fact(fact) if fact is not None else None
            code = getattr(fact, "code", "")
            if key is not None and code:
                self._known[key] = code


class Teller:
    """Follows from the newest entry on in a thread, until its last listener has gone."""

    def __init__(self, open_journal: Open, code: Coder) -> None:
        self.listeners: set[Listener] = set()
        self._code = code
        self._reader = open_journal()
        self._follower = Follower(lambda: self._reader, self._reader.head())
        self._lock = threading.Lock()
        self._kept: deque[Decoded] = deque()
        self._kept_events = 0
        self._told_seq = self._follower.cursor.seq
        self._stop = threading.Event()

    def start(self) -> None:
        """Begin to tell."""
        threading.Thread(target=self._run, name="teller", daemon=True).start()

    def stop(self) -> None:
        """End soon."""
        self._stop.set()

    @property
    def told_seq(self) -> int:
        """The newest entry that was told."""
        return self._told_seq

    def news(self, cursor: int) -> tuple[int, list[Decoded]]:
        """The last entry that is not kept any more (0 = none is missing), and those after it."""
        with self._lock:
            first_kept = self._kept[0].seq if self._kept else self._told_seq + 1
            missed_to = first_kept - 1 if cursor < first_kept - 1 else 0
            behind = max(cursor, missed_to)
            return missed_to, [decoded for decoded in self._kept if decoded.seq > behind]

    def decoded(self, entry: Entry) -> Decoded:
        """An entry's events."""
        if entry.kind != BATCH:
            return Decoded(entry.seq, [])
        batch = opened(entry.seq, entry.payload)
        self._code.learn(batch)
        return Decoded(entry.seq, list(events_in_entry(batch, self._code)))

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                began_s = time.monotonic()
                rest_s = IDLE_S
                try:
                    self._tell()
                except (JournalError, EntryCorrupt, EntryTooNew) as error:
                    log.warning("telling_failed", error=str(error))
                    rest_s = FAULT_S
                self._stop.wait(max(rest_s, REST_SHARE * (time.monotonic() - began_s)))
        finally:
            self._follower.close()

    def _tell(self) -> None:
        if self._follower.lag() > LAG_ENTRIES_MAX:
            self._follower.cursor = self._reader.head()
            with self._lock:
                self._kept.clear()
                self._kept_events = 0
                self._told_seq = self._follower.cursor.seq
            self._wake()
        for entry in self._follower.poll(READ_BYTES):
            decoded = self.decoded(entry)
            with self._lock:
                self._kept.append(decoded)
                self._kept_events += len(decoded.events)
                self._told_seq = decoded.seq
                while self._kept_events > EVENTS_KEPT and len(self._kept) > 1:
                    self._kept_events -= len(self._kept.popleft().events)
            self._wake()

    def _wake(self) -> None:
        for listener in tuple(self.listeners):
            listener.wake()


class Listeners:
    """Everybody who listens to one shop."""

    def __init__(self, open_journal: Open, look_up: Code) -> None:
        self._open_journal = open_journal
        self._code = Coder(look_up)
        self._lock = threading.Lock()
        self._teller: Teller | None = None

    async def decided(self, after_seq: int) -> AsyncIterator[Event]:
        """Everything decided after an entry, and then as it is decided; never ends by itself."""
        listener = Listener()
        teller, first_seq = await self._attached(listener)
        cursor = min(after_seq, first_seq)
        try:
            if first_seq - cursor > CATCH_UP_ENTRIES:
                yield skipped(cursor + 1, first_seq - CATCH_UP_ENTRIES)
                cursor = first_seq - CATCH_UP_ENTRIES
            while cursor < first_seq:
                past = await asyncio.to_thread(self._past, teller, cursor, first_seq)
                if not past:
                    break
                for decoded in past:
                    for event in decoded.events:
                        yield event
                    cursor = decoded.seq
            while True:
                missed_to, news = teller.news(cursor)
                if missed_to:
                    yield skipped(cursor + 1, missed_to)
                    cursor = missed_to
                for decoded in news:
                    for event in decoded.events:
                        yield event
                    cursor = decoded.seq
                if not news:
                    await listener.wait()
        finally:
            self._detach(teller, listener)

    def close(self) -> None:
        """Tell nobody any more."""
        with self._lock:
            if self._teller is not None:
                self._teller.stop()
                self._teller = None

    async def _attached(self, listener: Listener) -> tuple[Teller, int]:
        """Take a listener in; one that goes meanwhile is let go of all the same."""
        attaching = asyncio.ensure_future(asyncio.to_thread(self._attach, listener))

        def let_go(done: asyncio.Future[tuple[Teller, int]]) -> None:
            if not done.cancelled() and done.exception() is None:
                self._detach(done.result()[0], listener)

        try:
            return await asyncio.shield(attaching)
        except asyncio.CancelledError:
            attaching.add_done_callback(let_go)
            raise

    def _attach(self, listener: Listener) -> tuple[Teller, int]:
        """The first listener starts the teller; the entry behind which its news begin."""
        with self._lock:
            teller, self._teller = self._teller, None
            if teller is None:
                teller = Teller(self._open_journal, self._code)
                first_seq = teller.told_seq
                teller.listeners.add(listener)
                teller.start()
            else:
                teller.listeners.add(listener)
                first_seq = teller.told_seq
            self._teller = teller
            return teller, first_seq

    def _detach(self, teller: Teller, listener: Listener) -> None:
        with self._lock:
            teller.listeners.discard(listener)
            if not teller.listeners:
                teller.stop()
                if self._teller is teller:
                    self._teller = None

    def _past(self, teller: Teller, after_seq: int, last_seq: int) -> list[Decoded]:
        """Entries from before the listener came, read for it alone; none where they are gone."""
        reader = self._open_journal()
        try:
            entries = reader.read(after_seq + 1, READ_BYTES)
        except Pruned:
            return []
        finally:
            reader.close()
        return [teller.decoded(entry) for entry in entries if entry.seq <= last_seq]
