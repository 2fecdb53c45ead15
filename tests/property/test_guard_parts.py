"""Parts of the guard's bounds: the greatest part of a sum, against every sum there is, and shares
of small discounts on dear lines, where roundings count and little else.

Always against what `price` makes of it.
"""

from random import Random

from hypothesis import example, given, settings
from hypothesis import strategies as st

from tidegate.pricing.book import PriceBook
from tidegate.pricing.effects import AmountOff, AnyEffect, Every, PercentOff, Spend, Tier
from tidegate.pricing.guard.components import components_of
from tidegate.pricing.guard.floors import Floors
from tidegate.pricing.guard.lines import S
from tidegate.pricing.guard.pricer import Pricer
from tidegate.pricing.guard.scenes import scenes_of
from tidegate.pricing.guard.search import Search
from tidegate.pricing.guard.sum_bounds import Range, greatest_part
from tidegate.pricing.promotion import Sku
from tidegate.pricing.sum_steps import asked_by
from tidegate.testing.prices import promotion

EFFECTS: st.SearchStrategy[AnyEffect] = st.one_of(
    st.builds(AmountOff, off_fen=st.integers(1, 30)),
    st.builds(PercentOff, pay_bp=st.sampled_from([0, 3_333, 9_000, 9_999])),
    st.builds(
        Every, off_fen=st.integers(1, 9), spend_fen=st.integers(10, 30), times_max=st.integers(0, 3)
    ),
    st.just(Spend(tiers=(Tier(20, off_fen=3), Tier(50, off_fen=19)))),
    st.just(Spend(tiers=(Tier(15, pay_bp=9_000), Tier(40, pay_bp=5_000)))),
    st.just(Spend(tiers=(Tier(pieces=2, off_fen=3), Tier(pieces=3, off_fen=11)))),
)


@settings(max_examples=600, deadline=None)
@given(
    EFFECTS,
    st.tuples(st.integers(1, 90), st.integers(0, 60)),
    st.tuples(st.integers(1, 60), st.sampled_from([S, S // 2, S * 7 // 10, 0]), st.integers(0, 4)),
    st.tuples(st.integers(1, 4), st.sampled_from([0, 5])),
)
@example(Every(off_fen=9, spend_fen=20), (61, 60), (40, S // 2, 1), (1, 0))
@example(Spend(tiers=(Tier(20, off_fen=3), Tier(50, off_fen=19))), (1, 60), (1, S, 0), (1, 0))
def test_no_sum_of_the_range_gives_a_greater_part(
    effect: AnyEffect, sums: tuple[int, int], running: tuple[int, int, int], caps: tuple[int, int]
) -> None:
    (low, width), (running_lo, keep, slack_fen), (pieces, cap_fen) = sums, running, caps
    seen = Range(low, low + width, pieces, running_lo, keep, slack_fen)
    greatest = 0
    for measured_fen in range(low, low + width + 1):
        asked_fen, times = asked_by(effect, measured_fen, pieces)
        if times:
            asked_fen = min(asked_fen, cap_fen) if cap_fen else asked_fen
            least_fen = max(running_lo, -(-measured_fen * keep // S) - slack_fen, 1)
            given_fen = min(asked_fen, least_fen)
            greatest = max(greatest, given_fen * S // least_fen)
    assert greatest <= greatest_part(effect, seen, cap_fen)


def test_the_roundings_of_many_small_shares_are_covered() -> None:
    for seed in range(60):
        rng = Random(seed)
        skus = tuple(
            Sku(code, rng.randrange(50_000, 99_999), 1) for code in "ABCDEFGH"[: rng.randint(3, 8)]
        )
        shares_bp = (None,) if seed % 2 else (None, 3_333, 5_001)
        rows = [
            promotion(f"P{k}", "shop", AmountOff(off_fen=rng.randint(1, 8)),
                      shop_share_bp=rng.choice(shares_bp))
            for k in range(6)
        ]  # fmt: skip
        book = PriceBook(rows, skus)
        pricer = Pricer(book, Floors((0,) * len(skus)))
        search = Search(pricer, components_of(book)[0], scenes_of(book)[:1])
        for target in range(len(skus)):
            node = search.roots(target)[0]._replace(box=((1, 1),) * len(skus))
            (found,) = search.priced(node, target)
            assert search.bound(node, target) // S <= found.fen, (seed, target)
