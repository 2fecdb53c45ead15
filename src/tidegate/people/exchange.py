"""The doors' way to the identity table: many requests at once, one durable exchange for them all.

A request whose keys are all in memory is answered on the spot; the others wait together for the
next group, and an answer means that its tokens are durable.
This module never blocks the event loop, and never lets more wait than it has room for.
"""

import asyncio
import threading
from collections.abc import Sequence
from queue import SimpleQueue
from typing import NamedTuple

from tidegate.people.identity import IdentityTable, IdentityUnavailable

GROUP_KEYS_MAX = 4096  # about 10 ms of new persons; the next group starts right after it
WAITING_KEYS_MAX = 65_536
UPKEEP_INTERVAL_S = 0.5
UPKEEP_PAUSE_S = 0.002  # between two slices: as long as one takes, so that exchanges get in
STOP_POLL_S = 0.002

Keys = Sequence[tuple[int, str]]
_Hashed = list[tuple[int, bytes]]


class ExchangeBusy(Exception):
    """As many keys wait as there is room for; the request may be repeated a little later."""


class _Waiting(NamedTuple):
    answer: "asyncio.Future[list[int]]"
    keys: _Hashed


class IdentityExchange:
    """Groups the keys of concurrent requests; lives on one event loop, works on two threads.

    `start` on the loop before the first `resolve`, `stop` before the table is closed.
    """

    def __init__(self, table: IdentityTable) -> None:
        self._table = table
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiting: list[_Waiting] = []
        self._waiting_keys = 0
        self._is_flying = False
        self._groups: SimpleQueue[list[_Waiting] | None] = SimpleQueue()
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []
        self.groups_count = 0
        self.upkeep_fault = ""

    def start(self) -> None:
        """Start the two threads; on the event loop that will call `resolve`."""
        self._loop = asyncio.get_running_loop()
        for name, work in (("identity", self._exchange), ("identity-upkeep", self._keep_up)):
            thread = threading.Thread(target=work, name=name, daemon=True)
            thread.start()
            self._threads.append(thread)

    async def stop(self) -> None:
        """Answer everybody who waits, then end the threads. `resolve` is not called any more."""
        while self._waiting or self._is_flying:  # noqa: ASYNC110 - an event a group would cost more
            await asyncio.sleep(STOP_POLL_S)
        self._stopping.set()
        self._groups.put(None)
        for thread in self._threads:
            await asyncio.to_thread(thread.join)

    def resolve(self, keys: Keys) -> "list[int] | asyncio.Future[list[int]]":
        """The tokens of (kind, value) pairs, in order: at once, or when the next group is durable.

        Raises IdentityMalformed and ExchangeBusy at once; the future may raise
        IdentityUnavailable, and then nothing was handed out.
        """
        table = self._table
        hashed = [(kind, table.keyed_hash(kind, value)) for kind, value in keys]
        tokens = [table.lookup_cached(pair[1]) for pair in hashed]
        if 0 not in tokens:
            return tokens
        return self.join(hashed)

    def join(self, keys: _Hashed) -> "asyncio.Future[list[int]]":
        """Wait with the next group for keys that are hashed already."""
        loop = self._loop
        assert loop is not None, "start() comes first"
        if self._waiting_keys + len(keys) > WAITING_KEYS_MAX:
            raise ExchangeBusy("too many new buyers wait for their tokens; repeat the same order")
        answer: asyncio.Future[list[int]] = loop.create_future()
        if not self._waiting and not self._is_flying:
            # At the end of this turn of the loop: its other requests come along. (Sending off half
            # of them earlier was tried: the threads then fight over the interpreter, and it lost.)
            loop.call_soon(self._launch)
        self._waiting.append(_Waiting(answer, keys))
        self._waiting_keys += len(keys)
        return answer

    # -- on the loop ---------------------------------------------------------------------------

    def _launch(self) -> None:
        if self._is_flying or not self._waiting:
            return
        group, keys_count = self._waiting, self._waiting_keys
        if keys_count > GROUP_KEYS_MAX:
            group, keys_count = [], 0
            for request in self._waiting:
                if group and keys_count + len(request.keys) > GROUP_KEYS_MAX:
                    break
                group.append(request)
                keys_count += len(request.keys)
        self._waiting = self._waiting[len(group) :]
        self._waiting_keys -= keys_count
        self._is_flying = True
        self._groups.put(group)

    def _land(self, group: list[_Waiting], tokens: list[int], fault: BaseException | None) -> None:
        self._is_flying = False
        self.groups_count += 1
        self._launch()  # first the next group, then the answers: its wait overlaps with their work
        at = 0
        for answer, keys in group:
            end = at + len(keys)
            if answer.cancelled():
                pass
            elif fault is not None:
                answer.set_exception(fault)
            else:
                answer.set_result(tokens[at:end])
            at = end

    # -- on the threads ------------------------------------------------------------------------

    def _exchange(self) -> None:
        loop = self._loop
        assert loop is not None
        while (group := self._groups.get()) is not None:
            tokens: list[int] = []
            fault: BaseException | None = None
            try:
                tokens = self._table.tokens([key for request in group for key in request.keys])
            except IdentityUnavailable as error:
                fault = error
            except Exception as error:  # noqa: BLE001 - whoever waits must hear of any fault
                fault = IdentityUnavailable(f"identity exchange: {type(error).__name__}; restart")
                fault.__cause__ = error
            loop.call_soon_threadsafe(self._land, group, tokens, fault)

    def _keep_up(self) -> None:
        while not self._stopping.wait(UPKEEP_INTERVAL_S):
            try:
                while self._table.upkeep() and not self._stopping.wait(UPKEEP_PAUSE_S):
                    pass
                self.upkeep_fault = ""
            except IdentityUnavailable as error:
                self.upkeep_fault = str(error)  # tried again; the exchange itself may still work
