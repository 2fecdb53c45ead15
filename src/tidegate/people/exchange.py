"""The doors' way to the identity table: many requests at once, one durable exchange for them all.

A request whose keys are all in memory is answered on the spot; the others wait together for the
next group, and an answer means that its tokens are durable.
This module never blocks the event loop, and never lets more wait than it has room for.
"""

import asyncio
import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from tidegate.people.identity import IdentityTable, IdentityUnavailable

GROUP_KEYS_MAX = 4096  # about 10 ms of new persons; the next group starts right after it
WAITING_KEYS_MAX = 65_536
UPKEEP_INTERVAL_S = 0.5
UPKEEP_PAUSE_S = 0.002  # between two slices: as long as one takes, so that exchanges get in
STOP_POLL_S = 0.002

Keys = Sequence[tuple[int, str]]
Done = Callable[[list[int], BaseException | None], None]  # tokens, or none of them and why
_Hashed = list[tuple[int, bytes]]
_Waiting = tuple[_Hashed, Done]
Submit = Callable[[Callable[[], Any], Callable[[Any, BaseException | None], None]], None]


class ExchangeBusy(Exception):
    """As many keys wait as there is room for; the request may be repeated a little later."""


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
        self._submit: Submit | None = None
        self._stopping = threading.Event()
        self._upkeep = threading.Thread(target=self._keep_up, name="identity-upkeep", daemon=True)
        self.groups_count = 0
        self.upkeep_fault = ""

    def start(self, submit: Submit) -> None:
        """Begin, on the event loop that will call `resolve`.

        `submit(work, done)` has work done on the shop's storage thread, and tells `done` there.
        """
        self._loop = asyncio.get_running_loop()
        self._submit = submit
        self._upkeep.start()

    async def stop(self) -> None:
        """Answer everybody who waits, then end the upkeep. `resolve` is not called any more."""
        while self._waiting or self._is_flying:  # noqa: ASYNC110 - an event a group would cost more
            await asyncio.sleep(STOP_POLL_S)
        self._stopping.set()
        await asyncio.to_thread(self._upkeep.join)

    def resolve(self, keys: Keys, done: Done) -> list[int] | None:
        """The tokens of (kind, value) pairs, in order; None = `done` gets them when durable.

        Raises IdentityMalformed and ExchangeBusy at once; `done` may get IdentityUnavailable, and
        then nothing was handed out. A callback, because a future an order would cost 3 µs.
        """
        table = self._table
        hashed, tokens = [], []
        for kind, value in keys:
            one = table.keyed_hash(kind, value)
            hashed.append((kind, one))
            tokens.append(table.lookup_cached(one))
        if 0 not in tokens:
            return tokens
        if self._waiting_keys + len(keys) > WAITING_KEYS_MAX:
            raise ExchangeBusy("too many new buyers wait for their tokens; repeat the same order")
        if not self._waiting and not self._is_flying:
            # At the end of this turn of the loop: its other requests come along. (Sending off half
            # of them earlier was tried: the threads then fight over the interpreter, and it lost.)
            assert self._loop is not None, "start() comes first"
            self._loop.call_soon(self._launch)
        self._waiting.append((hashed, done))
        self._waiting_keys += len(keys)
        return None

    async def exchanged(self, keys: Keys) -> list[int]:
        """The same, awaited. Raises IdentityUnavailable too."""
        answer: asyncio.Future[list[int]] = asyncio.get_running_loop().create_future()

        def done(tokens: list[int], fault: BaseException | None) -> None:
            if answer.cancelled():
                return
            if fault is None:
                answer.set_result(tokens)
            else:
                answer.set_exception(fault)

        tokens = self.resolve(keys, done)
        return await answer if tokens is None else tokens

    # -- on the loop ---------------------------------------------------------------------------

    def _launch(self) -> None:
        if self._is_flying or not self._waiting:
            return
        group, keys_count = self._waiting, self._waiting_keys
        if keys_count > GROUP_KEYS_MAX:
            group, keys_count = [], 0
            for request in self._waiting:
                if group and keys_count + len(request[0]) > GROUP_KEYS_MAX:
                    break
                group.append(request)
                keys_count += len(request[0])
        self._waiting = self._waiting[len(group) :]
        self._waiting_keys -= keys_count
        self._is_flying = True
        assert self._submit is not None, "start() comes first"
        keys = [key for hashed, _ in group for key in hashed]
        self._submit(partial(self._table.tokens, keys), partial(self._stored, group))

    def _land(
        self, group: list[_Waiting], tokens: list[int] | None, error: BaseException | None
    ) -> None:
        self._is_flying = False
        self.groups_count += 1
        self._launch()  # first the next group, then the answers: its wait overlaps with their work
        if tokens is None:
            fault = as_fault(error)
            for _, done in group:
                done([], fault)
            return
        at = 0
        for keys, done in group:
            end = at + len(keys)
            done(tokens[at:end], None)
            at = end

    # -- on the threads ------------------------------------------------------------------------

    def _stored(
        self, group: list[_Waiting], tokens: list[int] | None, error: BaseException | None
    ) -> None:
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self._land, group, tokens, error)

    def _keep_up(self) -> None:
        while not self._stopping.wait(UPKEEP_INTERVAL_S):
            try:
                while self._table.upkeep() and not self._stopping.wait(UPKEEP_PAUSE_S):
                    pass
                self.upkeep_fault = ""
            except IdentityUnavailable as error:
                self.upkeep_fault = str(error)  # tried again; the exchange itself may still work


def as_fault(error: BaseException | None) -> IdentityUnavailable:
    """What whoever waits must hear of any fault."""
    if isinstance(error, IdentityUnavailable):
        return error
    fault = IdentityUnavailable(f"identity exchange: {type(error).__name__}; restart")
    fault.__cause__ = error
    return fault
