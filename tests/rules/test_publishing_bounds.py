"""What a check holds prices against: floors, the collar, and what two people let one promotion do.

Always values in and values out, or the real desk and guard at moments that the test sets.
"""

import asyncio
import importlib.util
import sqlite3
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tidegate.domain.reasons import Reason
from tidegate.pricing.effects import NPieces, PieceTier
from tidegate.pricing.guard.compare import Collar
from tidegate.pricing.problems import PromotionsRefused
from tidegate.pricing.promotion import Buyers, Coupon, Promotion, Scope, canonical
from tidegate.pricing.publishing import Checked, Terms
from tidegate.pricing.standing import Allowance, PricedSku, ShopPrices, standing_of
from tidegate.publishing.bounds import COLLAR, NO_COLLAR
from tidegate.publishing.checking import CheckAsked, checked
from tidegate.publishing.guarding import price_guard
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
House, promotion, run = house.House, house.promotion, house.run
NOW_MS, DAY_MS, HOUR_MS = house.NOW_MS, house.DAY_MS, house.HOUR_MS


def said(
    proposed: tuple[Promotion, ...],
    standing: tuple[Promotion, ...] = (),
    *,
    collar: Collar = COLLAR,
    medians_fen: dict[str, int] | None = None,
    **changes: Any,  # noqa: ANN401
) -> Checked:
    """What the guard says of it in a shop of A (1,000 fen) and B (2,000 fen) that cost nearly
    nothing, as somebody mistyped it.
    """
    skus = (PricedSku("A", 1_000, 1), PricedSku("B", 2_000, 1))
    documents = tuple(canonical(one).decode() for one in standing)
    prices = ShopPrices(**({"version": 7, "skus": skus, "documents": documents} | changes))
    asked = CheckAsked(prices, NOW_MS, proposed, 20.0, collar, medians_fen)
    return checked(asked, price_guard).checked


@pytest.mark.parametrize(("pay_bp", "verdict"), [(3_000, "proved"), (2_990, "below_floor")])
def test_a_wrong_cost_does_not_let_a_wrong_discount_pass(pay_bp: int, verdict: str) -> None:
    assert said((promotion(pay_bp=pay_bp),), collar=NO_COLLAR).verdict == "proved"
    found = said((promotion(pay_bp=pay_bp),))
    assert found.verdict == verdict
    if found.counterexample is not None:
        one = found.counterexample
        assert (one.bound, one.floor_fen, one.receivable_fen) == ("list_collar", 300, 299)


@pytest.mark.parametrize(("median_fen", "verdict", "bound_fen"), [
    (1_600, "proved", 0), (1_601, "below_floor", 801),  # half of it, rounded up
])  # fmt: skip
def test_a_list_price_that_was_cut_before_does_not_hide_a_fall(
    median_fen: int, verdict: str, bound_fen: int
) -> None:
    found = said((promotion(),), medians_fen={"A": median_fen})
    assert found.verdict == verdict
    if found.counterexample is not None:
        one = found.counterexample
        assert (one.bound, one.floor_fen, one.receivable_fen) == ("median_collar", bound_fen, 800)


def test_the_collar_is_for_what_the_change_reaches() -> None:
    """A list price cut with no promotion on it is not this change's to answer for."""
    assert said((promotion(),), medians_fen={"A": 1_000, "B": 90_000}).verdict == "proved"
    both = promotion(scope=Scope(all=True))
    found = said((both,), medians_fen={"A": 1_000, "B": 90_000})
    assert found.below == {"B": 1_600}


def test_a_cold_start_is_told() -> None:
    note = (
        "too few days with sales in the last 30 to know what 1 of 2 SKUs bring: those were held "
        "against their list price only"
    )
    both = promotion(scope=Scope(all=True))
    assert note in said((both,), medians_fen={"A": 1_000}).notes
    assert not said((promotion(),), medians_fen={"A": 1_000}).notes
    assert not said((promotion(),)).notes  # nobody asked for what was received


# What two people let one promotion do is no leave for another.


CHEAP = promotion("CHEAP", 1_500, exclusive_group="one")
SKUS = (PricedSku("A", 1_000, 500), PricedSku("B", 2_000, 900))
LEAVE = (Allowance("CHEAP", "A", 150),)


def under_leave(
    proposed: tuple[Promotion, ...], standing: tuple[Promotion, ...] = (CHEAP,)
) -> Checked:
    return said(proposed, standing, skus=SKUS, allowances=LEAVE)


def test_another_promotion_may_not_hide_behind_an_exception() -> None:
    other = promotion("OTHER", 2_000, exclusive_group="one")
    found = under_leave((other,))
    assert (found.verdict, found.below) == ("below_floor", {"A": 200})
    assert found.counterexample is not None
    assert (found.counterexample.floor_fen, found.counterexample.promotions) == (500, ("OTHER",))
    assert "promotions that sell under an exception give no leave to others" in found.notes
    assert under_leave((promotion("OTHER", 6_000, exclusive_group="one"),)).verdict == "proved"


def test_what_both_reach_together_is_what_two_people_read() -> None:
    found = under_leave((promotion("OTHER", 2_000),))  # 1000 x 15 % x 20 %
    assert (found.verdict, found.below) == ("below_floor", {"A": 30})


def test_what_stands_is_judged_without_the_excepted_one_too() -> None:
    other = promotion("OTHER", 6_000, exclusive_group="one")
    assert under_leave((), (CHEAP, other)).verdict == "proved"
    dearer = (PricedSku("A", 1_000, 700), SKUS[1])  # its cost rose: CHEAP is still excepted
    found = said((), (CHEAP, other), skus=dearer, allowances=LEAVE)
    assert (found.verdict, found.below) == ("below_floor", {"A": 600})
    assert found.counterexample is not None
    assert found.counterexample.promotions == ("OTHER",)


def test_one_that_requires_an_excepted_one_goes_with_it() -> None:
    locked = promotion("LOCKED", 9_000, requires=("CHEAP",), priority=200)
    found = under_leave((locked,))
    assert (found.verdict, found.below) == ("below_floor", {"A": 135})  # 150 x 0.9


# However much there is to look at, an answer comes in its time.


def in_time(*promotions: Promotion) -> tuple[str, int]:
    """The verdict, and how often the time was looked at, where each look takes a second of ten."""
    seconds = iter(range(1_000_000))
    skus = tuple(PricedSku(f"S{number}", 1_000 + number, 1) for number in range(20))
    documents = tuple(canonical(one).decode() for one in promotions[1:])
    asked = CheckAsked(ShopPrices(7, skus, documents), NOW_MS, promotions[:1], 10.0)
    found = checked(asked, price_guard, lambda: float(next(seconds))).checked
    return found.verdict, next(seconds)


def test_a_thousand_windows_end_in_their_time() -> None:
    wide = [
        promotion(f"P{number}", scope=Scope(all=True), start_ms=NOW_MS + number,
                  end_ms=NOW_MS + DAY_MS + number, priority=number)
        for number in range(300)
    ]  # fmt: skip
    verdict, looks = in_time(*wide)
    assert verdict == "unknown"
    assert looks < 100


def test_more_moments_and_buyers_than_anybody_could_look_at_are_unknown() -> None:
    """239 moments, and 61 levels times 61 regions that all differ."""
    wide = [
        promotion(f"P{number}", scope=Scope(all=True), start_ms=NOW_MS + number,
                  end_ms=NOW_MS + DAY_MS + number,
                  buyers=Buyers(**{("levels", "regions")[number % 2]: (f"w{number}",)}))
        for number in range(120)
    ]  # fmt: skip
    found = said(tuple(wide[:1]), tuple(wide[1:]), collar=NO_COLLAR)
    assert found.verdict == "unknown"
    assert found.why == "not proved in the time given for 2 SKUs: A, B"
    assert found.below == {"A": 0, "B": 0}


def test_buyers_that_nobody_tells_apart_are_one_class() -> None:
    levels = tuple(f"l{number}" for number in range(5_000))
    one = promotion(buyers=Buyers(levels=levels))
    assert said((one,)).verdict == "proved"
    each = [
        promotion(f"P{number}", buyers=Buyers((None, True)[number % 2], (f"l{number}",),
                                              (f"r{number}",), (f"c{number}",)))
        for number in range(13)
    ]  # fmt: skip
    with pytest.raises(PromotionsRefused, match="tell 4,394 kinds of buyers apart"):
        said((each[0],), tuple(each[1:]))


def test_of_too_many_that_stand_the_last_are_left_out() -> None:
    many = tuple(promotion(f"P{number}") for number in range(1_002))
    documents = tuple(canonical(one).decode() for one in many)
    prices = ShopPrices(7, (PricedSku("A", 1_000, 1),), documents)
    standing = standing_of(prices, NOW_MS)
    assert len(standing.promotions) == 1_000
    assert standing.left_out == dict.fromkeys(("P1000", "P1001"), "1,000 promotions stand already")


@pytest.mark.parametrize(("codes", "why"), [
    (("Ｃ８",), "write C8"),
    (("C 8",), "write C8"),
    (("C8\u200b",), "write C8"),
    (("C8\n",), "write C8"),
    (("c8", "C8"), "the code C8 is used by P0 already"),
    (("ﬀ", "FF"), "write ff"),
])  # fmt: skip
def test_codes_that_read_the_same_are_refused(codes: tuple[str, ...], why: str) -> None:
    proposed = tuple(
        promotion(f"P{place}", coupon=Coupon(code)) for place, code in enumerate(codes)
    )
    with pytest.raises(PromotionsRefused, match=why):
        said(proposed)


# With a desk: what moves no pricing version is looked at all the same.


def test_a_group_that_moved_since_the_check_makes_it_stale(tmp_path: Path) -> None:
    async def scene() -> None:
        there = House(tmp_path)
        await there.desks.open()
        await there.say(f.PutSku("B", 1_000, 900))
        await there.say(f.PutGroup("drinks", ["A"]))
        await there.service.put(promotion(scope=Scope(categories=("drinks",))), "", 1)
        draft = await there.service.check("P")
        assert draft.check.checked.verdict == "proved"
        await there.say(f.PutGroup("drinks", ["A", "B"]))
        with pytest.raises(NotPublishable, match="a group, or how many units"):
            await there.service.publish("P", draft.check.digest, "late", house.ANN)
        assert there.desk.catalogue.published == {}
        again = await there.service.check("P")
        assert again.check.checked.below == {"B": 800}
        await there.close()

    run(scene())


def test_a_group_that_moved_before_the_second_word_ends_its_exceptions(tmp_path: Path) -> None:
    async def scene() -> None:
        there = House(tmp_path)
        await there.desks.open()
        await there.say(f.PutGroup("drinks", ["A"]))
        wish = {"reason": "clearance", "terms": Terms(3), "expires_ms": NOW_MS + HOUR_MS}
        wanted = promotion(pay_bp=1_000, scope=Scope(categories=("drinks",)))
        approval = await there.forced(wanted, wish)
        await there.say(f.PutGroup("other", ["A"]))
        with pytest.raises(NotPublishable, match="check it again"):
            await there.service.approved(approval, "agreed")
        number = next(iter(there.desk.catalogue.exceptions.values()))
        assert int(there.desk.machine.state.exceptions[number]["known"]) == 0
        await there.close()

    run(scene())


def test_the_second_word_given_again_counts_once_whatever_moved_since(tmp_path: Path) -> None:
    async def scene() -> None:
        there = House(tmp_path)
        await there.desks.open()
        wish = {"reason": "clearance", "terms": Terms(3), "expires_ms": NOW_MS + HOUR_MS}
        approval = await there.forced(promotion(pay_bp=1_000), wish)
        assert (await there.service.approved(approval, "agreed")).reason == Reason.ACCEPTED
        await there.say(f.PutGroup("other", ["A"]))
        assert (await there.service.approved(approval, "agreed")).reason == Reason.ACCEPTED
        number = next(iter(there.desk.catalogue.exceptions.values()))
        assert int(there.desk.machine.state.exceptions[number]["known"]) == 1
        await there.close()

    run(scene())


def test_more_units_in_an_order_check_everything_again(tmp_path: Path) -> None:
    """A price that only a hundred pieces reach is out of reach while an order has ten."""

    async def scene() -> None:
        there = House(tmp_path)
        await there.desks.open()
        await there.say(f.SetPolicy(quantity_max_order=10))
        wanted = promotion(effect=NPieces(tiers=(PieceTier(100, 4_000),)))
        await there.service.put(wanted, "", 1)
        draft = await there.service.check("P")
        assert draft.check.checked.verdict == "proved"
        await there.say(f.SetPolicy(quantity_max_order=1_000))
        with pytest.raises(NotPublishable, match="how many units an order may have"):
            await there.service.publish("P", draft.check.digest, "late", house.ANN)
        await there.say(f.SetPolicy(quantity_max_order=10))
        answer = await there.service.publish("P", draft.check.digest, "again", house.ANN)
        assert answer.reason == Reason.ACCEPTED
        assert await there.watching.look()
        await there.say(f.SetPolicy(quantity_max_order=1_000))
        assert await there.watching.look()
        assert there.paused("P")
        await there.close()

    run(scene())


def test_what_was_received_is_asked_before_publishing_and_unread_is_unknown(
    tmp_path: Path,
) -> None:
    async def scene() -> None:
        there = House(tmp_path)
        await there.desks.open()
        number = there.desk.catalogue.skus["A"]
        moments: list[int] = []

        def received(now_ms: int) -> dict[int, int]:
            moments.append(now_ms)
            return {number: 1_700, number + 1: 5}

        there.service.received = received
        await there.service.put(promotion(), "", 1)
        draft = await there.service.check("P")
        assert (draft.check.checked.verdict, moments) == ("below_floor", [NOW_MS])
        assert draft.check.checked.counterexample.bound == "median_collar"

        def unread(_: int) -> dict[int, int]:
            raise sqlite3.OperationalError("disk I/O error")

        there.service.received = unread
        found = (await there.service.check("P")).check
        assert (found.checked.verdict, len(found.digest)) == ("unknown", 64)
        assert "cannot be read (disk I/O error)" in found.checked.why
        await there.close()

    run(scene())


def test_why_the_guard_paused_is_told_after_a_restart_too(tmp_path: Path) -> None:
    words = "promotion P was paused: below_floor: 1 × A leaves 800 fen for A, its floor is 900"

    async def first() -> Any:  # noqa: ANN401
        there = House(tmp_path)
        await there.desks.open()
        await there.publish(promotion())
        await there.watching.look()
        await there.say(f.PutSku("A", 1_000, 900))
        await there.watching.look()
        assert there.watching.remark() == words
        await there.close()
        return there.desks.store

    async def second(store: Any, *, resume: bool) -> None:  # noqa: ANN401
        there = House(tmp_path, store)
        there.desks.start()
        await there.watching.look()
        assert there.watching.remark() == words
        if resume:
            desk = there.desk
            await desk.command(f.PutSku("A", 1_000, 500), "cheaper again", 1)
            await desk.command(f.SetFlag("promotion", "paused", False, "P"), "resume", 1)
            assert there.watching.remark() == ""
            await there.watching.look()
            assert there.prices.drafts.pauses() == {}
        await there.close()

    store = asyncio.run(first())
    asyncio.run(second(store, resume=False))
    asyncio.run(second(store, resume=True))
