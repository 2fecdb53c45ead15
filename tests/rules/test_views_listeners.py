"""Who listens hears everything once and in order, or is told what was left out.

Waiting is for a thread of the views' own, so each wait has a deadline; nothing sleeps.
"""

import asyncio
import importlib.util
import sys
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from tidegate.journal.memory import MemoryJournal
from tidegate.record import facts as f
from tidegate.testing.scene import Scene
from tidegate.views import listeners
from tidegate.views.events import Event

DEADLINE_S = 20.0


def load(name: str) -> ModuleType:
    """A module of this folder."""
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


shop = load("views_shop")


class Shop:
    """A shop that decides one thing more whenever it is told to."""

    def __init__(self, folder: Path) -> None:
        self.scene = Scene()
        self.scene.do(f.PutChannel("web"))
        self.scene.do(f.PutSku("TEA", 1_500, cost_floor_fen=1_000))
        self.scene.do(f.ReceiveStock("TEA", 1_000_000))
        self.journal: MemoryJournal = shop.journal_of(self.scene)
        shop.follow(folder / "views.db", self.journal)
        self.views = shop.views_of(folder / "views.db", self.journal)

    def order(self, orders: int = 1) -> int:
        """Decide some orders in one entry; its sequence."""
        rows = [
            self.scene.rows({"sku": 0, "quantity": 1, "receivable_fen": 1_500})
            for _ in range(orders)
        ]
        self.scene.place_all(np.concatenate(rows))
        return self.store()

    def store(self) -> int:
        """Append what the scene decided last."""
        head = self.journal.head()
        for payload in self.scene.entries[head.seq - 1 :]:
            head = self.journal.append(head.seq, payload)
        return head.seq


def run(work: Coroutine[Any, Any, None]) -> None:
    """Run a test's work, with its deadline."""
    asyncio.run(asyncio.wait_for(work, DEADLINE_S))


async def hear(source: AsyncIterator[Event], count: int) -> list[Event]:
    """The next events."""
    return [await anext(source) for _ in range(count)]


async def until(is_so: Callable[[], bool]) -> None:
    """Let the other thread go on until something is so."""
    while not is_so():  # noqa: ASYNC110 -- a thread of the views' own changes it
        await asyncio.sleep(0)


def places(events: list[Event]) -> list[tuple[int, int, str]]:
    return [(event.seq, event.position, event.name) for event in events]


def test_the_past_comes_first_and_then_what_is_decided(tmp_path: Path) -> None:
    made = Shop(tmp_path)
    made.order(2)

    async def listen() -> None:
        source = made.views.decided(3)
        past = await hear(source, 3)
        assert places(past) == [(4, 0, "command"), (5, 0, "order"), (5, 1, "order")]
        assert (past[0].data["fact"], past[0].data["accepted"]) == ("stock_changed", True)
        made.order()
        (event,) = await hear(source, 1)
        assert places([event]) == [(6, 0, "order")]
        assert event.data == {
            "at_ms": made.scene.now_ms,
            "order": f"{13:016x}{made.scene.ids:016x}",
            "channel": "web",
            "accepted": True,
            "reason": "accepted",
            "reason_number": 0,
            "duplicate": False,
            "lines": [{"sku": "TEA", "quantity": 1, "receivable_fen": 1_500}],
        }
        await source.aclose()

    run(listen())


def test_every_kind_of_event_has_its_name(tmp_path: Path) -> None:
    made = Shop(tmp_path)
    scene = made.scene
    order = scene.order({"sku": 0, "quantity": 2, "receivable_fen": 3_000}, paid=False).id
    scene.order({"sku": 0, "quantity": 1, "receivable_fen": 1}, fact=True)
    scene.operate("cancel", order, quantity=1)
    scene.wait(s=901)
    scene.expire()
    scene.begin()
    scene.machine.note(f.Note("snapshot", 7, "digest"))
    scene.finish()
    made.store()

    async def listen() -> None:
        source = made.views.decided(4)
        events = await hear(source, 5)
        assert [event.name for event in events] == [
            "order", "sale", "cancel", "hold_expired", "note",
        ]  # fmt: skip
        assert events[1].data["judgement"] == ["price_below_floor"]
        cancelled = events[2].data
        assert (cancelled["order"], cancelled["quantity"]) == (f"{13:016x}{order:016x}", 1)
        assert events[4].data == {"at_ms": scene.now_ms, "kind": "snapshot", "seq": 7}
        await source.aclose()

    run(listen())


def test_codes_are_learnt_from_passing_entries(tmp_path: Path) -> None:
    """Views that lag do not know a new SKU yet; a number that nothing is known of stays one."""
    made = Shop(tmp_path)
    made.scene.do(f.PutSku("CUP", 900, cost_floor_fen=500))
    for sku in (1, 7):
        made.scene.order({"sku": sku, "quantity": 1, "receivable_fen": 900})
    made.store()

    async def listen() -> None:
        source = made.views.decided(4)
        heard = await hear(source, 3)
        assert heard[0].data["code"] == "CUP"
        assert [event.data["lines"][0]["sku"] for event in heard[1:]] == ["CUP", "#7"]
        await source.aclose()

    run(listen())


def test_several_listeners_hear_the_same_and_the_thread_ends_with_the_last(tmp_path: Path) -> None:
    made = Shop(tmp_path)
    held = made.views._listeners

    async def listen() -> None:
        sources = [made.views.decided(made.journal.head().seq) for _ in range(3)]
        waiting = [asyncio.ensure_future(anext(source)) for source in sources]
        await until(lambda: held._teller is not None and len(held._teller.listeners) == 3)
        teller = held._teller
        assert teller is not None
        made.order()
        heard = await asyncio.gather(*waiting)
        assert {(event.seq, event.position) for event in heard} == {(5, 0)}
        for source in sources:
            await source.aclose()
        assert held._teller is None
        assert teller._stop.is_set()

    run(listen())


def test_who_goes_while_being_taken_in_leaves_nothing_behind(tmp_path: Path) -> None:
    made = Shop(tmp_path)
    opening, may_open = threading.Event(), threading.Event()

    def open_slowly() -> MemoryJournal:
        opening.set()
        assert may_open.wait(DEADLINE_S)
        return shop.reader_of(made.journal)

    class Held(listeners.Listeners):
        """Says when a listener was let go of."""

        let_go = threading.Event()

        def _detach(self, teller: listeners.Teller, listener: listeners.Listener) -> None:
            super()._detach(teller, listener)
            self.let_go.set()

    held = Held(open_slowly, made.views.code)

    async def listen() -> None:
        waiting = asyncio.ensure_future(anext(held.decided(0)))
        await until(opening.is_set)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        may_open.set()
        await until(held.let_go.is_set)
        assert held._teller is None

    run(listen())


def test_a_slow_listener_is_told_what_it_missed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listeners, "EVENTS_KEPT", 6)
    made = Shop(tmp_path)

    async def listen() -> None:
        source = made.views.decided(made.journal.head().seq)
        first = asyncio.ensure_future(anext(source))
        await until(lambda: made.views._listeners._teller is not None)
        made.order()
        assert (await first).seq == 5
        last = [made.order(2) for _ in range(10)][-1]
        await until(lambda: made.views._listeners._teller.told_seq == last)
        (told,) = await hear(source, 1)
        assert (told.name, told.seq) == ("skipped", last - 3)
        assert (told.data["from_seq"], told.data["to_seq"]) == (6, last - 3)
        assert told.data["text"]["en"] == (
            "entries 6 to 12 were skipped: read faster, or start again behind 5"
        )
        assert places(await hear(source, 6)) == [
            (seq, position, "order") for seq in range(last - 2, last + 1) for position in (0, 1)
        ]
        await source.aclose()

    run(listen())


def test_who_starts_too_far_back_is_told_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listeners, "CATCH_UP_ENTRIES", 2)
    made = Shop(tmp_path)
    for _ in range(5):
        made.order()

    async def listen() -> None:
        source = made.views.decided(0)
        assert places(await hear(source, 3)) == [
            (7, 0, "skipped"), (8, 0, "order"), (9, 0, "order"),
        ]  # fmt: skip
        await source.aclose()

    run(listen())


def test_a_teller_that_lags_goes_on_at_the_newest_entry(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listeners, "LAG_ENTRIES_MAX", 3)
    made = Shop(tmp_path)
    teller = listeners.Teller(
        lambda: shop.reader_of(made.journal), listeners.Coder(made.views.code)
    )
    for _ in range(4):
        made.order()
    teller._tell()
    assert (teller.told_seq, teller.news(4)) == (8, (8, []))
    made.order()
    teller._tell()
    assert [decoded.seq for decoded in teller.news(8)[1]] == [9]


def test_who_asks_for_what_is_to_come_hears_what_comes(tmp_path: Path) -> None:
    made = Shop(tmp_path)

    async def listen() -> None:
        source = made.views.decided(1 << 40)
        first = asyncio.ensure_future(anext(source))
        await until(lambda: made.views._listeners._teller is not None)
        made.order()
        assert (await first).seq == 5
        await source.aclose()

    run(listen())
