"""Server-sent events: what is decided, to whoever listens, with a beat so that silence is noticed.

The id of an event is the number of its journal entry, so that a listener who comes back misses
nothing. A listener who does not read is not waited for: the source holds nothing for anybody.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator

import msgspec

from tidegate.http.calls import Doors
from tidegate.views.events import Event

LISTENERS_MAX = 64
BEAT_S = 15.0
BEAT = b": beat\n\n"


async def event_stream(doors: Doors, source: AsyncIterator[Event]) -> AsyncIterator[bytes]:
    """The events as they go out; ends when the listener goes or the source ends."""
    doors.events_listening += 1
    waiting: asyncio.Task[Event | None] | None = None
    try:
        yield b": tidegate\n\n"
        while True:
            waiting = waiting or asyncio.create_task(_next(source))
            done, _ = await asyncio.wait((waiting,), timeout=BEAT_S)
            if not done:
                yield BEAT
                continue
            event, waiting = waiting.result(), None
            if event is None:
                return
            yield event_text(event)
    finally:
        doors.events_listening -= 1
        if waiting is not None:
            waiting.cancel()
            await asyncio.wait((waiting,))
        if isinstance(source, AsyncGenerator):
            await source.aclose()


async def _next(source: AsyncIterator[Event]) -> Event | None:
    return await anext(source, None)


def event_text(event: Event) -> bytes:
    """One event as it stands on the wire."""
    data = msgspec.json.encode(event.data)
    return b"id: %d\nevent: %b\ndata: %b\n\n" % (event.seq, event.name.encode(), data)
