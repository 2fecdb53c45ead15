"""Whatever promotions and baskets are drawn: amounts add up, nothing goes below nothing unseen, and
the order in which things are given decides nothing.

Always against sums made here, and, for what a basket costs, against a second price that works on
single units and knows no lots, masks or levels at once (`naive_pricing`).
"""

import importlib.util
from pathlib import Path
from random import Random
from types import ModuleType

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.pricing.book import PriceBook
from tidegate.pricing.effects import (
    AddOn,
    AmountOff,
    BundlePrice,
    CheapestFree,
    Every,
    FixedPrice,
    FreeShipping,
    Gift,
    NPieces,
    NthPiece,
    PercentOff,
    PieceTier,
    Spend,
    Tier,
)
from tidegate.pricing.price import price
from tidegate.pricing.problems import PromotionsRefused
from tidegate.pricing.promotion import Basket, Buyer, Limits, Line, Promotion, Room, Scope, Sku
from tidegate.pricing.receipt import CHINESE, ENGLISH, receipt
from tidegate.pricing.result import APPLIED, Priced
from tidegate.pricing.rounding import shares
from tidegate.pricing.running import Rooms
from tidegate.testing.prices import NOW_MS, promotion


def beside(name: str) -> ModuleType:
    """A module of this folder of tests, which is no package."""
    place = Path(__file__).parent / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, place)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


naive_price = beside("naive_pricing").naive_price

CODES = ("A", "B", "C", "D")
SKUS = tuple(
    Sku(code, list_fen, 1) for code, list_fen in zip(CODES, (999, 2_500, 333, 10_000), strict=True)
)
RATES = st.sampled_from([0, 1, 3_333, 5_000, 7_500, 9_000, 9_999])
FEN = st.sampled_from([1, 49, 50, 333, 1_000, 4_999, 20_000])
FEW = st.integers(2, 4)
BOOLS = st.booleans()


def tiers_of(rows: list[tuple[int, int]]) -> tuple[Tier, ...]:
    """Tiers that rise, made of whatever was drawn."""
    spends = sorted({spend for spend, _ in rows})
    return tuple(
        Tier(spend_fen=spend * 1_000, off_fen=(k + 1) * 97) for k, spend in enumerate(spends)
    )


ITEM_EFFECTS = st.one_of(
    st.builds(PercentOff, pay_bp=RATES),
    st.builds(AmountOff, off_fen=st.sampled_from([1, 50, 300])),
    st.builds(FixedPrice, price_fen=st.sampled_from([0, 1, 332])),
    st.builds(
        NPieces,
        tiers=st.sampled_from([
            (PieceTier(2, 7_500), PieceTier(3, 5_000)),
            (PieceTier(3, 3_333),),
        ]),
        applies_to=st.sampled_from(["all_units", "units_in_band"]),
        mixed=BOOLS,
    ),
    st.builds(NthPiece, nth=FEW, pay_bp=RATES, mixed=BOOLS, times_max=st.integers(0, 2)),
    st.builds(CheapestFree, pieces=FEW, free=st.just(1), mixed=BOOLS, times_max=st.integers(0, 2)),
    st.builds(BundlePrice, parts=st.sampled_from([{"A": 1, "B": 1}, {"A": 3}, {"B": 2, "C": 1}]),
              price_fen=st.sampled_from([1, 1_000, 2_000])),
    st.builds(AddOn, prices_fen=st.just({"C": 99}), pieces=FEW, repeat=BOOLS),
    st.builds(AddOn, prices_fen=st.just({"C": 99}), spend_fen=st.just(2_000)),
    st.builds(Gift, sku=st.just("D"), pieces=FEW, repeat=BOOLS),
)  # fmt: skip
SUM_EFFECTS = st.one_of(
    st.builds(PercentOff, pay_bp=RATES),
    st.builds(AmountOff, off_fen=FEN),
    st.builds(
        Spend,
        tiers=st.lists(st.tuples(st.integers(1, 9), FEN), min_size=1, max_size=3).map(tiers_of),
    ),
    st.builds(Every, off_fen=st.sampled_from([1, 99]), spend_fen=st.sampled_from([100, 3_000]),
              times_max=st.integers(0, 2)),
    st.builds(Gift, sku=st.just("D"), spend_fen=st.just(1_000), repeat=BOOLS),
    st.builds(FreeShipping, spend_fen=st.just(2_000)),
)  # fmt: skip


@st.composite
def promotions(draw: st.DrawFn) -> list[Promotion]:
    """A handful of promotions that may stand together."""
    rows: list[Promotion] = []
    for number in range(draw(st.integers(2, 7))):
        level = draw(st.sampled_from(["item", "item", "shop", "platform", "payment"]))
        effect = draw(ITEM_EFFECTS if level == "item" else SUM_EFFECTS)
        bundle = isinstance(effect, BundlePrice)
        codes = tuple(sorted(draw(st.sets(st.sampled_from(CODES), min_size=2))))
        if isinstance(effect, AddOn) and "C" in codes:
            codes = ("A", "B")
        limits = Limits()
        if level == "item" and isinstance(effect, PercentOff | AmountOff | FixedPrice):
            limits = draw(st.sampled_from([Limits(), Limits(order_units=2)]))
        row = promotion(
            f"P{number}",
            level,
            effect,
            scope=Scope() if bundle else Scope(skus=codes),
            priority=draw(st.integers(0, 2)),
            opt_in=draw(st.sampled_from([False, False, True])),
            measured_on=draw(st.sampled_from(["running", "level_start", "list"])),
            exclusive_group=draw(st.sampled_from(["", "", "", "one"])),
            combines_with=draw(st.sampled_from([None, None, None, (), ("P0",)])),
            shop_share_bp=draw(st.sampled_from([None, 0, 3_333, 10_000])),
            limits=limits,
        )
        rows.append(row)
    known = {row.code for row in rows}
    return [
        msgspec.structs.replace(
            row,
            combines_with=None if row.combines_with and "P0" not in known else row.combines_with,
        )
        for row in rows
    ]


BASKETS = st.builds(
    lambda rows, fee: Basket(tuple(Line(code, count) for code, count in rows.items()), fee),
    st.dictionaries(st.sampled_from(CODES), st.integers(1, 9), min_size=1),
    st.sampled_from([0, 700]),
)
CHOSEN = st.sets(st.sampled_from([f"P{number}" for number in range(6)]))
WORLD = {"rows": promotions(), "basket": BASKETS, "chosen": CHOSEN}


def book_of(rows: list[Promotion]) -> PriceBook:
    """The book, where the drawn promotions may stand together."""
    return PriceBook(rows, SKUS)


def priced(
    rows: list[Promotion],
    basket: Basket,
    chosen: set[str],
    *,
    room: Rooms = None,
    trace: bool = False,
) -> Priced | None:
    """The price, or None where the promotions are refused."""
    try:
        book = book_of(rows)
    except PromotionsRefused:
        return None
    return price(book, basket, Buyer(), chosen, NOW_MS, room=room, trace=trace)


@settings(max_examples=150, deadline=None)
@given(**WORLD)
def test_every_amount_adds_up_and_none_is_negative(
    rows: list[Promotion], basket: Basket, chosen: set[str]
) -> None:
    result = priced(rows, basket, chosen)
    if result is None:
        return
    for line in result.lines:
        given_fen = sum(discount.discount_fen for discount in line.discounts)
        platform_fen = sum(discount.platform_fen for discount in line.discounts)
        assert line.payable_fen == line.list_fen - given_fen >= 0
        assert line.receivable_fen == line.payable_fen + platform_fen <= line.list_fen
        assert all(0 <= d.platform_fen <= d.discount_fen > 0 for d in line.discounts)
    by_promotion = {row.promotion: row for row in result.promotions}
    freed_fen = result.shipping_list_fen - result.shipping_fen
    assert sum(row.discount_fen for row in result.promotions) == (
        result.list_fen - result.goods_fen + freed_fen
    )
    for code, row in by_promotion.items():
        parts = [d for line in result.lines for d in line.discounts if d.promotion == code]
        assert row.shop_fen + row.platform_fen == row.discount_fen
        if parts:
            assert sum(d.discount_fen for d in parts) == row.discount_fen
            assert sum(d.platform_fen for d in parts) == row.platform_fen
    assert result.payable_fen == result.goods_fen + result.shipping_fen >= 0
    assert result.goods_fen == sum(line.payable_fen for line in result.lines)
    assert result.receivable_fen == sum(line.receivable_fen for line in result.lines)
    for clamp in result.clamps:
        assert clamp.wanted_fen > clamp.given_fen >= 0


@settings(max_examples=250, deadline=None)
@given(**WORLD)
def test_the_price_is_that_of_the_page_worked_out_unit_by_unit(
    rows: list[Promotion], basket: Basket, chosen: set[str]
) -> None:
    result = priced(rows, basket, chosen)
    if result is not None:
        found = {line.sku: line.payable_fen for line in result.lines}
        gifts = [(gift.promotion, gift.quantity) for gift in result.gifts]
        assert (found, result.shipping_fen, gifts) == naive_price(rows, SKUS, basket, chosen)


@settings(max_examples=100, deadline=None)
@given(**WORLD, seed=st.randoms(use_true_random=False))
def test_the_order_of_lines_and_promotions_decides_nothing(
    rows: list[Promotion], basket: Basket, chosen: set[str], seed: Random
) -> None:
    first = priced(rows, basket, chosen)
    mixed_rows = seed.sample(rows, len(rows))
    lines = [Line(line.sku, 1) for line in basket.lines for _ in range(line.quantity)]
    mixed = Basket(tuple(seed.sample(lines, len(lines))), basket.shipping_fen)
    second = priced(mixed_rows, mixed, chosen)
    if first is None or second is None:
        assert first is second
        return
    by_sku = {line.sku: line for line in second.lines}
    assert [by_sku[line.sku] for line in first.lines] == list(first.lines)
    assert msgspec.structs.replace(second, lines=first.lines) == first


@settings(max_examples=100, deadline=None)
@given(**WORLD)
def test_a_trace_changes_nothing_and_its_steps_add_up_to_the_result(
    rows: list[Promotion], basket: Basket, chosen: set[str]
) -> None:
    result = priced(rows, basket, chosen, trace=True)
    if result is None:
        return
    assert result.trace is not None
    assert msgspec.structs.replace(result, trace=None) == priced(rows, basket, chosen)
    applied = [step for step in result.trace if step.outcome == APPLIED]
    assert [(step.promotion, step.given_fen, step.platform_fen) for step in applied] == [
        (row.promotion, row.discount_fen, row.platform_fen) for row in result.promotions
    ]
    cut = {
        (step.promotion, step.wanted_fen, step.given_fen)
        for step in result.trace
        if step.wanted_fen > step.given_fen
    }
    assert {(clamp.promotion, clamp.wanted_fen, clamp.given_fen) for clamp in result.clamps} == cut
    running = {line.sku: line.list_fen for line in result.lines}
    for step in applied:
        for line in step.lines:
            assert line.before_fen == running[line.sku]
            running[line.sku] -= line.discount_fen
    assert running == {line.sku: line.payable_fen for line in result.lines}
    assert len(receipt(result, rows, ENGLISH)) == len(receipt(result, rows, CHINESE))


@settings(max_examples=100, deadline=None)
@given(**WORLD, number=st.integers(0, 5))
def test_a_suspended_promotion_is_an_absent_one(
    rows: list[Promotion], basket: Basket, chosen: set[str], number: int
) -> None:
    one = rows[number % len(rows)]
    free = [msgspec.structs.replace(row, combines_with=row.combines_with and None) for row in rows]
    suspended = [
        msgspec.structs.replace(row, state="suspended") if row.code == one.code else row
        for row in free
    ]
    absent = [row for row in free if row.code != one.code]
    first = priced(suspended, basket, chosen)
    second = priced(absent, basket, chosen)
    if first is not None and second is not None:
        assert msgspec.structs.replace(first, quote=second.quote) == second


@settings(max_examples=60, deadline=None)
@given(**WORLD)
def test_what_has_no_room_is_left_out_as_if_it_were_not_there(
    rows: list[Promotion], basket: Basket, chosen: set[str]
) -> None:
    nothing = {row.code: Room(uses=0) for row in rows}
    result = priced(rows, basket, chosen, room=nothing)
    if result is not None:
        assert (result.promotions, result.gifts, result.clamps) == ((), (), ())
        assert result.payable_fen == result.list_fen + basket.shipping_fen


@given(
    st.lists(st.integers(0, 1_000_000), min_size=1, max_size=64).filter(any),
    st.integers(0, 10_000),
)
def test_shares_add_up_and_none_exceeds_its_weight(weights: list[int], per_myriad: int) -> None:
    total = sum(weights) * per_myriad // 10_000
    parts = shares(total, weights)
    assert sum(parts) == total
    whole = sum(weights)
    for part, weight in zip(parts, weights, strict=True):
        assert 0 <= part <= weight
        assert abs(part * whole - total * weight) < whole
