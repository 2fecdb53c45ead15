"""Stopping and selling again at a real desk: what is in force, what is given back, who may."""

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tidegate.record import facts as f
from tidegate.stopping.hands import TRICKLE_ORDERS, trickle_code
from tidegate.stopping.service import Stopping
from tidegate.watch.acting import InForce, NothingToStop
from tidegate.watch.alarms import PAUSE_PROMOTION, PAUSE_SKU, Alarm
from tidegate.watch.breaker import TRICKLE_MS, Action, BreakerRefused, Person
from tidegate.watch.latch import Latch


def beside(name: str) -> ModuleType:
    path = Path(__file__).parent / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


desk_house = beside("desk_house")
run: Any = desk_house.run
ANN, BEN = Person(11, "the price is right again"), Person(22, "seen, agreed")
AS_IT_WAS = InForce(True, False, 2, 9)


class House:
    """SKU A with bounds of its own, promotion P, and what stops them."""

    def __init__(self, folder: Path) -> None:
        self.desks = desk_house.House()
        self.desk, self.clock = self.desks.desk, self.desks.clock
        self.told: list[tuple[str, int]] = []
        path = folder / "watch.db"
        self.stopping = Stopping(self.desk, path, self.clock.now_ms, self.channels)
        self.path = path

    def channels(self, reason: str, actor: int) -> None:
        self.told = [*self.told, (reason, actor)]

    async def open(self) -> None:
        await self.desks.open()
        for command in (
            f.PutSku("A", 1_000, 500, quantity_max=9, quantity_min=2, safety_stock=3),
            f.PutPromotion("P"),
        ):
            assert (await self.desks.say(command)).reason == 0

    async def alarm(self, level: int, code: str) -> None:
        """What the watch does of an alarm: latch it, ask the desk."""
        scope = 0 if level == PAUSE_SKU else 1
        found = Alarm(f"key-{code}", 0, level, scope, 0, code, 0, 1, "", 0, 1, 1, 0, 1.0, 1.0,
                      "a sentence", "一句话")  # fmt: skip
        latch = Latch(self.stopping.watch_file())
        _, actions = latch.take([found], self.clock.now_ms())
        for action in actions:
            await self.stopping.open(action)
            latch.change(lambda b, a=action: b.read_back(a, self.clock.now_ms()) or ())  # type: ignore[misc]

    async def later(self) -> None:
        self.clock.pass_s(TRICKLE_MS / 1000)

    def close(self) -> None:
        self.stopping.close()


def scene(folder: Path, play: Any) -> None:  # noqa: ANN401
    async def played() -> None:
        house = House(folder)
        await house.open()
        await play(house)
        house.close()
        await house.desk.stop()

    run(played())


def test_a_cap_leaves_the_rest_of_a_sku_as_it_is(tmp_path: Path) -> None:
    async def play(house: House) -> None:
        before = house.desk.machine.state.skus[0].copy()
        now = await house.stopping.open(Action("b", "cap", "sku", "A", "why"))
        assert now == InForce(True, False, 1, 1)
        after = house.desk.machine.state.skus[0]
        changed = {n for n in before.dtype.names if before[n] != after[n]}
        assert changed == {"quantity_min", "quantity_max"}

    scene(tmp_path, play)


def test_a_cap_that_is_asked_again_after_a_price_changed_takes_effect(tmp_path: Path) -> None:
    async def play(house: House) -> None:
        action = Action("b", "cap", "sku", "A", "why")
        await house.stopping.open(action)
        changed = f.PutSku("A", 2_000, 500, quantity_max=9, quantity_min=2, safety_stock=3)
        assert (await house.desks.say(changed)).reason == 0
        assert await house.stopping.open(action) == InForce(True, False, 1, 1)
        assert int(house.desk.machine.state.skus[0]["list_price_fen"]) == 2_000

    scene(tmp_path, play)


def test_by_way_of_a_trickle_a_sku_is_as_it_was(tmp_path: Path) -> None:
    async def play(house: House) -> None:
        stopping = house.stopping
        await house.alarm(PAUSE_SKU, "A")
        assert stopping.hands.in_force("sku", "A") == AS_IT_WAS._replace(paused=True)
        assert "half-open --sku A" in await stopping.why_latched("sku", "A")
        assert await stopping.why_latched("shop", "") == ""
        assert await stopping.half_open("sku", "A", ANN) == ("half_open", False, True)
        assert stopping.hands.in_force("sku", "A") == InForce(True, False, 1, 1)
        with pytest.raises(BreakerRefused, match="more seconds"):
            await stopping.shut("sku", "A", ANN)
        await house.later()
        assert await stopping.shut("sku", "A", ANN) == ("closed", False, True)
        assert stopping.hands.in_force("sku", "A") == AS_IT_WAS
        assert await stopping.why_latched("sku", "A") == ""
        assert house.told == []

    scene(tmp_path, play)


def test_a_promotion_trickles_by_a_rate_that_goes_again(tmp_path: Path) -> None:
    async def play(house: House) -> None:
        stopping, machine = house.stopping, house.desk.machine
        await house.alarm(PAUSE_PROMOTION, "P")
        await stopping.half_open("promotion", "P", ANN)
        assert stopping.hands.in_force("promotion", "P") == InForce(True, False, 0, 0, True)
        rule = machine.state.rules[machine.catalogue.rules[trickle_code("P")]]
        assert (int(rule["budget"]), int(rule["known"])) == (TRICKLE_ORDERS, 1)
        await house.later()
        await stopping.shut("promotion", "P", ANN)
        assert stopping.hands.in_force("promotion", "P") == InForce(True, False, 0, 0, False)

    scene(tmp_path, play)


def test_one_word_stops_the_shop_and_its_channels_and_two_people_open_it(tmp_path: Path) -> None:
    async def play(house: House) -> None:
        stopping = house.stopping
        done = await stopping.stop("stop-one", ANN)
        assert (done.answer.reason, done.remarks) == (0, [])
        assert house.told == [("the price is right again", 11)]
        assert stopping.hands.in_force("shop", "").paused
        assert await stopping.half_open("shop", "", ANN) == ("open", True, True)
        with pytest.raises(BreakerRefused, match="the first was the same"):
            await stopping.half_open("shop", "", Person(11, "another key"))
        assert await stopping.half_open("shop", "", BEN) == ("half_open", False, True)
        bound = 1_000_000
        assert stopping.hands.in_force("shop", "") == InForce(True, False, 1, 1)
        await house.later()
        await stopping.shut("shop", "", BEN)
        assert (await stopping.shut("shop", "", ANN)).phase == "closed"
        assert stopping.hands.in_force("shop", "") == InForce(True, False, 1, bound)

    scene(tmp_path, play)


def test_a_stop_needs_neither_the_latch_nor_the_channels(tmp_path: Path) -> None:
    async def play(house: House) -> None:
        house.path.mkdir()  # no file can be opened there

        def broken(_reason: str, _actor: int) -> None:
            raise OSError("no line")

        house.stopping.stop_channels = broken
        done = await house.stopping.stop("stop-one", ANN)
        assert done.answer.reason == 0
        assert house.stopping.hands.in_force("shop", "").paused
        assert ["channels could not be stopped" in one for one in done.remarks] == [True, False]
        assert "latch could not be written" in done.remarks[1]
        assert "cannot be read" in await house.stopping.why_latched("shop", "")

    scene(tmp_path, play)


def test_what_was_decided_and_cut_off_is_done_when_it_is_asked_again(tmp_path: Path) -> None:
    async def play(house: House) -> None:
        stopping = house.stopping
        await house.alarm(PAUSE_SKU, "A")
        latch = Latch(stopping.watch_file())
        latch.change(lambda b: b.half_open("sku", "A", ANN, house.clock.now_ms()))  # and killed
        assert stopping.hands.in_force("sku", "A").paused
        assert await stopping.half_open("sku", "A", BEN) == ("half_open", False, True)
        assert stopping.hands.in_force("sku", "A") == InForce(True, False, 1, 1)

    scene(tmp_path, play)


def test_what_is_not_there_cannot_be_stopped(tmp_path: Path) -> None:
    async def play(house: House) -> None:
        for scope in ("sku", "promotion"):
            with pytest.raises(NothingToStop):
                await house.stopping.open(Action("x", "pause", scope, "gone", ""))
        with pytest.raises(NothingToStop):
            await house.stopping.open(Action("x-cap", "cap", "sku", "gone", ""))

    scene(tmp_path, play)
