"""Publishing: what stands is what was checked, and what is no longer proved is stopped.

Always the real desk and guard, at moments that the test sets.
"""

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tidegate.domain.reasons import Reason
from tidegate.engine.charges import floor_of
from tidegate.pricing.price import price
from tidegate.pricing.problems import PromotionsRefused
from tidegate.pricing.promotion import (
    Basket,
    Budget,
    Buyer,
    Coupon,
    Limits,
    Line,
    Promotion,
    Scope,
    canonical,
)
from tidegate.pricing.publishing import (
    EXCEPTIONS_MAX,
    GOING_LIVE_LEAD_MS,
    Checked,
    Counterexample,
    Terms,
    TermsRefused,
    configuration_hash,
    exceptions_for,
    phase_of,
    to_pause,
)
from tidegate.pricing.standing import (
    PricedSku,
    ShopPrices,
    floors_by_code,
    proposed_book,
    standing_book,
    standing_of,
)
from tidegate.publishing.service import NotPublishable
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
House, promotion, run = house.House, house.promotion, house.run
NOW_MS, DAY_MS = house.NOW_MS, house.DAY_MS
HOUR_MS = 3_600_000


def example(*codes: str) -> Checked:
    found = Counterexample((("A", 1),), "A", 10, 500, codes, NOW_MS)
    return Checked("below_floor", counterexample=found, below={"A": 10})


# -- rules -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("at_ms", "paused", "phase"), [
    (NOW_MS - 1, False, "scheduled"),
    (NOW_MS, False, "live"),
    (NOW_MS + DAY_MS - 1, False, "live"),
    (NOW_MS + DAY_MS, False, "ended"),
    (NOW_MS, True, "paused"),
    (NOW_MS - 1, True, "paused"),
    (NOW_MS + DAY_MS, True, "ended"),
])  # fmt: skip
def test_a_window_begins_at_its_start_and_ends_before_its_end(
    at_ms: int, paused: bool, phase: str
) -> None:
    assert phase_of(promotion(), at_ms, paused=paused) == phase


@pytest.mark.parametrize(("said", "excepted", "stopped"), [
    (Checked("proved"), set(), []),
    (example("P"), set(), ["P"]),
    (example("P", "Q"), {"Q"}, ["P"]),
    (example("Q"), {"Q"}, ["Q"]),  # the exception no longer covers it
    (Checked("unknown"), {"Q"}, ["P", "R"]),
    (example("gone"), {"Q"}, ["P", "R"]),
])  # fmt: skip
def test_what_is_stopped_when_it_is_no_longer_proved(
    said: Checked, excepted: set[str], stopped: list[str]
) -> None:
    standing = tuple(promotion(code) for code in "PQR")
    assert to_pause(said, standing, excepted) == stopped


def test_each_sku_below_gets_an_exception_of_its_own_at_its_lowest_price() -> None:
    said = Checked("below_floor", below={"B": 877, "A": 1_000})
    terms = Terms(5, {"B": 2}, {"C": 300})
    made = [(one.skus, one.floor_fen, one.units)
            for one in exceptions_for(promotion(), "d" * 64, said, terms)]  # fmt: skip
    assert made == [(("A",), 1_000, 5), (("B",), 877, 2), (("C",), 300, 5)]


def test_very_many_skus_share_one_exception_at_the_lowest_of_their_prices() -> None:
    below = {f"S{n:03}": 100 + n for n in range(EXCEPTIONS_MAX + 1)}
    (only,) = exceptions_for(promotion(), "d" * 64, Checked("below_floor", below=below), Terms(2))
    assert (len(only.skus), only.floor_fen, only.units) == (201, 100, 402)


def test_an_unknown_without_prices_needs_them_named() -> None:
    with pytest.raises(TermsRefused):
        exceptions_for(promotion(), "d" * 64, Checked("unknown"), Terms(2))


def shop(*promotions: Promotion, **changes: Any) -> ShopPrices:  # noqa: ANN401
    skus = (PricedSku("A", 1_000, 500), PricedSku("B", 2_000, 900, 1_200), PricedSku("N", 700))
    documents = tuple(canonical(one).decode() for one in promotions)
    return ShopPrices(**({"version": 7, "skus": skus, "documents": documents} | changes))


def cost(prices: ShopPrices, *skus: str, choices: tuple[str, ...] = ()) -> int:
    book, _ = standing_book(prices, NOW_MS)
    basket = Basket(tuple(Line(sku, 1) for sku in skus))
    return price(book, basket, Buyer(), choices, NOW_MS).goods_fen


def test_the_floor_is_the_higher_of_the_two() -> None:
    assert floors_by_code(shop(), with_allowances=True) == {"A": 500, "B": 1_200, "N": 0}


def test_a_new_sku_without_a_cost_is_left_out_of_a_promotion_for_everything() -> None:
    everything = promotion(scope=Scope(all=True))
    assert cost(shop(everything), "A", "N") == 800 + 700
    assert standing_of(shop(everything), NOW_MS).left_out == {}


def test_what_requires_a_stopped_one_is_out_and_what_combined_with_it_goes_on() -> None:
    first = promotion("P")
    locked = promotion("Q", 9_000, requires=("P",), priority=200)
    beside_it = promotion("R", 9_000, combines_with=("P",), priority=200)
    whole = shop(first, locked, beside_it)
    # 1000 x 0.8; Q does not combine with R, so 0.9 once more; R finds Q on the line
    assert cost(whole, "A") == 720
    stopped = shop(first, locked, beside_it, paused=frozenset({"P"}))
    assert cost(stopped, "A") == 900
    assert standing_of(stopped, NOW_MS).left_out == {"Q": "what it requires is gone"}


def test_a_promotion_whose_sku_lost_its_cost_sells_nothing_cheaper() -> None:
    skus = (PricedSku("A", 1_000), PricedSku("B", 2_000, 900))
    there = shop(promotion(), promotion("B8", scope=Scope(skus=("B",))), skus=skus)
    assert cost(there, "A", "B") == 1_000 + 1_600
    assert list(standing_of(there, NOW_MS).left_out) == ["P"]


def test_what_ended_stands_no_more() -> None:
    assert standing_of(shop(promotion()), NOW_MS + DAY_MS).promotions == ()


def test_a_suspended_coupon_leads_nowhere() -> None:
    coupon = promotion(coupon=Coupon("C8"))
    assert cost(shop(coupon), "A", choices=("C8",)) == 800
    assert cost(shop(coupon, paused=frozenset({"P"})), "A", choices=("C8", "P")) == 1_000


def test_the_hash_of_what_was_checked_moves_with_everything_that_it_rests_on() -> None:
    def named(prices: ShopPrices, wanted: Promotion) -> str:
        book = proposed_book(prices, (wanted,), NOW_MS)
        return configuration_hash(book, floors_by_code(prices, with_allowances=False), (wanted,))

    red = (PricedSku("A", 1_000, 500, 600), *shop().skus[1:])
    dearer = (PricedSku("A", 1_001, 500), *shop().skus[1:])
    names = [
        named(shop(), promotion()),
        named(shop(skus=red), promotion()),
        named(shop(skus=dearer), promotion()),
        named(shop(), promotion(pay_bp=7_999)),
        named(shop(promotion("Q")), promotion()),
    ]
    assert len(set(names)) == 5
    assert named(shop(version=8), promotion()) == names[0]  # the version is carried by itself


def test_what_is_wrong_with_a_proposed_one_is_told_not_mended() -> None:
    with pytest.raises(PromotionsRefused, match="no cost is known of N"):
        proposed_book(shop(), (promotion(scope=Scope(all=True)),), NOW_MS)


# -- with a desk -----------------------------------------------------------------------------------


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
