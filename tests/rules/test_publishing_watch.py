"""Published promotions over time: going live, prices that move, words of two people that end.

Always the real desk and guard, at moments that the test sets.
"""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from tidegate.domain.reasons import Reason
from tidegate.engine.charges import floor_of
from tidegate.pricing.promotion import (
    Budget,
    Limits,
    Scope,
)
from tidegate.pricing.publishing import (
    GOING_LIVE_LEAD_MS,
    Terms,
)
from tidegate.publishing.publication import NotPublishable
from tidegate.record import facts as f


def beside(name: str) -> ModuleType:
    """A module of this folder, which is no package."""
    path = Path(__file__).parent / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


house = beside("publishing_house")
House, promotion, run, example = house.House, house.promotion, house.run, house.example
NOW_MS, DAY_MS, HOUR_MS = house.NOW_MS, house.DAY_MS, house.HOUR_MS


def test_going_live_checks_again_before_the_window_and_at_its_start(tmp_path: Path) -> None:
    async def scene() -> None:
        there = House(tmp_path)
        await there.desks.open()
        start_ms = NOW_MS + HOUR_MS
        assert await there.publish(promotion(start_ms=start_ms)) == Reason.ACCEPTED
        assert await there.watching.look()  # it was published
        there.prices.books.present()
        asked = len(there.checker.asked)
        for at_ms, looks in (
            (start_ms - GOING_LIVE_LEAD_MS - 1, False),
            (start_ms - GOING_LIVE_LEAD_MS, True),
            (start_ms - 1, False),
            (start_ms, True),
            (start_ms + 1, False),
        ):
            there.clock.wall_ms = at_ms
            assert await there.watching.look() is looks, at_ms - start_ms
        assert len(there.checker.asked) == asked + 2
        assert not there.paused("P")
        await there.close()

    run(scene())


def test_what_is_no_longer_proved_when_it_goes_live_is_paused_loudly(tmp_path: Path) -> None:
    async def scene() -> None:
        there = House(tmp_path)
        await there.desks.open()
        start_ms = NOW_MS + HOUR_MS
        await there.publish(promotion(start_ms=start_ms))
        await there.watching.look()
        there.prices.books.present()
        there.checker.says = example("P")
        there.clock.wall_ms = start_ms - GOING_LIVE_LEAD_MS
        await there.watching.look()
        assert there.paused("P")
        assert there.watching.remark() == (
            "promotion P was paused: below_floor: 1 × A leaves 10 fen for A, its floor is 500"
        )
        assert there.prices.books.present().book.promotions == ()
        await there.say(f.SetFlag("promotion", "paused", False, "P"))
        assert there.watching.remark() == ""
        await there.close()

    run(scene())


@pytest.mark.parametrize("change", [
    f.PutSku("A", 1_000, 801), f.PutSku("A", 1_000, 500, 801), f.PutSku("A", 999, 800),
])  # fmt: skip
def test_a_changed_cost_red_line_or_list_price_checks_everything_live(
    tmp_path: Path, change: f.Command
) -> None:
    async def scene() -> None:
        there = House(tmp_path)
        await there.desks.open()
        await there.publish(promotion())
        await there.watching.look()
        assert not await there.watching.look()
        assert not there.paused("P")
        assert (await there.say(change)).reason == Reason.ACCEPTED
        assert await there.watching.look()
        assert there.paused("P")
        await there.close()

    run(scene())


def test_a_group_that_grows_checks_everything_again(tmp_path: Path) -> None:
    async def scene() -> None:
        there = House(tmp_path)
        await there.desks.open()
        await there.say(f.PutSku("B", 1_000, 900))
        await there.say(f.PutGroup("drinks", ["A"]))
        await there.publish(promotion(scope=Scope(categories=("drinks",))))
        await there.watching.look()
        await there.say(f.PutGroup("drinks", ["A", "B"]))
        assert there.prices.books.present().book.masks == [1, 1]
        assert await there.watching.look()
        assert there.paused("P")
        await there.close()

    run(scene())


def test_two_people_may_let_it_pass_and_it_stays_until_their_word_ends(tmp_path: Path) -> None:
    async def scene() -> None:
        there = House(tmp_path)
        await there.desks.open()
        wish = {"reason": "clearance", "terms": Terms(3), "expires_ms": NOW_MS + HOUR_MS}
        approval = await there.forced(promotion(pay_bp=1_000), wish)
        answer = await there.service.approved(approval, "agreed")
        assert answer.reason == Reason.ACCEPTED
        prices = there.prices.books.present()
        assert list(prices.exceptions) == [("P", "A")]
        await there.watching.look()
        assert not there.paused("P")
        there.clock.wall_ms = NOW_MS + HOUR_MS - 1
        assert not await there.watching.look()
        there.clock.wall_ms = NOW_MS + HOUR_MS
        assert await there.watching.look()
        assert there.paused("P")
        await there.close()

    run(scene())


def test_their_word_is_for_no_lower_price_than_they_read(tmp_path: Path) -> None:
    async def scene() -> None:
        there = House(tmp_path)
        await there.desks.open()
        wish = {"reason": "clearance", "terms": Terms(3), "expires_ms": NOW_MS + HOUR_MS}
        approval = await there.forced(promotion(pay_bp=4_000), wish)
        await there.service.approved(approval, "agreed")
        lower = promotion(pay_bp=3_000)
        await there.service.put(lower, "", 1)
        draft = await there.service.check("P")
        assert draft.check.checked.verdict == "below_floor"  # of the one before counts nothing
        with pytest.raises(NotPublishable):
            await there.service.publish("P", draft.check.digest, "again", house.ANN)
        await there.close()

    run(scene())


def test_what_a_platform_is_set_to_is_told_and_never_stands_here(tmp_path: Path) -> None:
    async def scene() -> None:
        there = House(tmp_path)
        await there.desks.open()
        await there.publish(promotion("OWN"))
        await there.service.put(promotion("THEIRS", pay_bp=385), "tmall", 1)
        draft = await there.service.check("THEIRS")
        assert (draft.state, draft.check.checked.verdict) == ("shadowed", "below_floor")
        await there.watching.look()
        assert there.watching.remark().startswith("promotions at tmall: below_floor")
        assert there.prices.books.present().book.codes == ["OWN"]
        with pytest.raises(NotPublishable):
            await there.service.publish("THEIRS", draft.check.digest, "x", house.ANN)
        await there.close()

    run(scene())


@pytest.mark.parametrize(("left_ms", "is_late"), [(1, False), (0, True)])
def test_a_window_that_is_over_is_not_published(
    tmp_path: Path, left_ms: int, *, is_late: bool
) -> None:
    async def scene() -> None:
        there = House(tmp_path)
        await there.desks.open()
        await there.service.put(promotion(), "", 1)
        draft = await there.service.check("P")
        there.clock.pass_s(DAY_MS / 1000)
        there.clock.wall_ms -= left_ms
        await there.say(f.ConfirmClock())
        say = there.service.publish("P", draft.check.digest, "late", house.ANN)
        if is_late:
            with pytest.raises(NotPublishable, match="its window is over"):
                await say
        else:
            assert (await say).reason == Reason.ACCEPTED
        await there.close()

    run(scene())


def test_one_check_is_named_and_another_is_not_meant(tmp_path: Path) -> None:
    async def scene() -> None:
        there = House(tmp_path)
        await there.desks.open()
        await there.service.put(promotion(), "", 1)
        with pytest.raises(NotPublishable, match="check it first"):
            await there.service.publish("P", "d" * 64, "x", house.ANN)
        await there.service.check("P")
        with pytest.raises(NotPublishable, match="checked again since"):
            await there.service.publish("P", "d" * 64, "x", house.ANN)
        await there.close()

    run(scene())


def test_a_budget_that_a_promotion_has_no_more_ends_with_the_change(tmp_path: Path) -> None:
    async def scene() -> None:
        there = House(tmp_path)
        await there.desks.open()
        limited = promotion(budget=Budget(units=3, money_fen=900), limits=Limits(buyer_orders=1))
        assert await there.publish(limited) == Reason.ACCEPTED
        catalogue = there.desk.catalogue
        assert [code for code, n in catalogue.rules.items() if n in catalogue.rule_places] == [
            "P.budget-units", "P.budget-money", "P.buyer-orders",
        ]  # fmt: skip
        await there.service.put(promotion(budget=Budget(units=5)), "", 1)
        draft = await there.service.check("P")
        await there.service.publish("P", draft.check.digest, "again", house.ANN)
        catalogue = there.desk.catalogue
        assert [code for code, n in catalogue.rules.items() if n in catalogue.rule_places] == [
            "P.budget-units"
        ]
        await there.close()

    run(scene())


def test_an_exception_that_is_ended_by_hand_ends_what_it_let_pass(tmp_path: Path) -> None:
    async def scene() -> None:
        there = House(tmp_path)
        await there.desks.open()
        wish = {"reason": "clearance", "terms": Terms(3), "expires_ms": NOW_MS + HOUR_MS}
        approval = await there.forced(promotion(pay_bp=1_000), wish)
        await there.service.approved(approval, "agreed")
        await there.watching.look()
        assert not await there.watching.look()
        (code,) = there.desk.catalogue.exceptions
        await there.say(f.EndException(code))
        assert await there.watching.look()
        assert there.paused("P")
        await there.close()

    run(scene())


def test_a_large_catalogue_is_compiled_beside_the_loop_and_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tidegate.publishing.books.INLINE_SKUS_MAX", 0)

    async def scene() -> None:
        there = House(tmp_path)
        await there.desks.open()
        books = there.prices.books
        assert books.present() is None
        told: list[BaseException | None] = []
        books.when_ready(told.append)
        books.when_ready(told.append)
        first = await books.ready()
        assert told == [None, None]
        assert books.present() is first
        await there.say(f.PutSku("A", 1_100, 500))
        assert books.present() is None  # never one that is not the present one
        assert (await books.ready()).version == first.version + 1
        await there.close()

    run(scene())


def test_every_product_of_the_shop_forced_through_stays(tmp_path: Path) -> None:
    """More than the guard lists as below: what it left open is allowed for as well."""

    async def scene() -> None:
        there = House(tmp_path)
        await there.desks.open()
        for number in range(80):
            await there.say(f.PutSku(f"S{number:02}", 1_000 + number, 500))
        wish = {"reason": "clearance", "terms": Terms(3), "expires_ms": NOW_MS + HOUR_MS}
        wrong = promotion(pay_bp=385, scope=Scope(all=True))
        answer = await there.service.approved(await there.forced(wrong, wish), "agreed")
        assert answer.reason == Reason.ACCEPTED
        assert len(there.desk.catalogue.exceptions) == 81
        assert await there.watching.look()
        assert not there.paused("P")
        assert there.watching.remark() == ""
        await there.close()

    run(scene())


def test_a_bundles_floor_is_the_desks(tmp_path: Path) -> None:
    async def scene() -> None:
        there = House(tmp_path)
        await there.desks.open()
        for command in (
            f.PutSku("B", 900, 300, 400),
            f.PutSku("N", 900),
            f.PutSku("SET", 3_000, parts={"A": 2, "B": 1}),
            f.PutSku("OWN", 3_000, 700, parts={"A": 2}),
            f.PutSku("NO", 3_000, parts={"N": 1, "A": 1}),
        ):
            assert (await there.say(command)).reason == Reason.ACCEPTED
        floors = {sku.code: sku.cost_floor_fen for sku in there.prices.books.facts().skus}
        assert floors == {"A": 500, "B": 300, "N": None, "SET": 1_400, "OWN": 700, "NO": None}
        machine = there.desk.machine
        for code, number in there.desk.catalogue.skus.items():
            of_the_desk = floor_of(machine.state, number)
            of_prices = there.prices.books.present().floors[code]
            assert max(0, of_the_desk) == of_prices, code
        await there.close()

    run(scene())
