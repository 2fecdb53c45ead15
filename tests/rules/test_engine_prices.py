"""The guards about money: quotes, amounts, costs and floors, each at its edge.

What counts is what the merchant receives; floors hold for groups of lines, gifts included.
"""

from collections.abc import Iterator

import pytest

from tidegate.domain.reasons import Reason
from tidegate.record import facts as f
from tidegate.testing.scene import Scene, stocked


@pytest.fixture
def shop() -> Iterator[Scene]:
    scene = stocked()
    yield scene
    assert scene.sound()


@pytest.mark.parametrize(
    ("quoted", "ok"), [(0, True), (1, False), (3, False), (4, True), (9, True)]
)
def test_a_quote_is_stale_after_a_change_of_price(shop: Scene, quoted: int, *, ok: bool) -> None:
    assert shop.do(f.PutSku("A", 1_100, cost_floor_fen=600)).pricing_version == 4
    expected = Reason.ACCEPTED if ok else Reason.PRICE_CHANGED
    assert shop.order(shop.line("A", pricing_version=quoted)).reason is expected


def test_what_leaves_prices_alone_leaves_quotes_alone(shop: Scene) -> None:
    shop.do(f.PutSku("A", 1_000, cost_floor_fen=600, safety_stock=3))
    assert shop.order(shop.line("A", pricing_version=2)).ok
    shop.do(f.PutPromotion("P"))
    line = shop.line("A", promotion="P", pricing_version=3)
    assert shop.order(line).reason is Reason.PRICE_CHANGED
    assert shop.order(line | {"pricing_version": 4}).ok


AMOUNTS = """
receivable             platform  mismatch  reason
1000                   0         0         accepted
1000                   0         1         price_mismatch
1000                   0         -1        price_mismatch
1000                   1000      0         accepted
1000                   1001      0         price_mismatch
1000                   -1        0         price_mismatch
599                    0         0         price_below_floor
0                      0         0         price_below_floor
-1                     0         0         price_below_floor
-9223372036854775808   0         0         price_below_floor
1099511627776          0         0         accepted
1099511627777          0         0         price_mismatch
9223372036854775807    0         0         price_mismatch
"""


@pytest.mark.parametrize("row", AMOUNTS.strip().splitlines()[1:])
def test_amounts_and_their_bounds(shop: Scene, row: str) -> None:
    fen, platform, mismatch, reason = row.split()
    line = shop.line("A", 1, int(fen), platform_fen=int(platform), mismatch_fen=int(mismatch))
    assert shop.order(line).reason.name.lower() == reason


def test_amounts_of_many_lines_do_not_add_up_past_64_bits(shop: Scene) -> None:
    huge = shop.line("A", 1, 2**63 - 1)
    assert shop.order(huge, huge, huge).reason is Reason.PRICE_MISMATCH
    shop.do(f.SetPolicy(quantity_max_order=64_000_000))
    shop.do(f.PutSku("X", 1, cost_floor_fen=1 << 40))
    dear = shop.line("X", 1_000_000, 1 << 40)
    assert shop.order(*[dear] * 20).reason is Reason.PRICE_BELOW_FLOOR


COSTS = """
price  promotion  gift  reason
700    .          0     accepted
701    .          0     accepted
699    .          0     cost_missing
700    P          0     cost_missing
0      .          0     cost_missing
700    .          1     cost_missing
"""


@pytest.mark.parametrize("row", COSTS.strip().splitlines()[1:])
def test_without_a_cost_only_list_price_outside_promotions(shop: Scene, row: str) -> None:
    price, promotion, gift, reason = row.split()
    shop.do(f.PutPromotion("P"))
    shop.do(f.PutSku("C", 700))
    shop.do(f.ReceiveStock("C", 10))
    line = shop.line("C", 1, int(price), promotion=promotion.strip("."), gift_of=int(gift))
    assert shop.order(shop.line("A"), line).reason.name.lower() == reason


def test_a_free_sku_without_a_cost_is_no_list_price(shop: Scene) -> None:
    shop.do(f.PutSku("C", 0))
    shop.do(f.ReceiveStock("C", 10))
    assert shop.buy("C", 1, 0).reason is Reason.COST_MISSING
    shop.do(f.PutSku("C", 0, cost_floor_fen=0))
    assert shop.buy("C", 1, 0).ok


def test_the_floor_is_the_higher_of_cost_and_red_line(shop: Scene) -> None:
    shop.do(f.PutSku("A", 1_000, cost_floor_fen=600, red_line_fen=800))
    assert shop.buy("A", 2, 1_599).reason is Reason.PRICE_BELOW_FLOOR
    assert shop.buy("A", 2, 1_600).ok
    shop.do(f.PutSku("A", 1_000, cost_floor_fen=900, red_line_fen=800))
    assert shop.buy("A", 2, 1_799).reason is Reason.PRICE_BELOW_FLOOR


def test_a_discount_that_the_platform_pays_does_not_lower_the_price_that_counts(
    shop: Scene,
) -> None:
    assert shop.order(shop.line("A", 1, 600, platform_fen=550)).ok


def test_a_bundle_without_a_cost_of_its_own_has_the_floors_of_its_parts(shop: Scene) -> None:
    shop.do(f.PutSku("D", 3_000, parts={"A": 2, "B": 1}))
    assert shop.buy("D", 1, 1_499).reason is Reason.PRICE_BELOW_FLOOR
    assert shop.buy("D", 1, 1_500).ok
    shop.do(f.PutSku("B", 500))
    assert shop.buy("D", 1, 2_999).reason is Reason.COST_MISSING
    assert shop.buy("D", 1, 3_000).ok
    shop.do(f.PutSku("D", 3_000, cost_floor_fen=2_000, parts={"A": 2, "B": 1}))
    assert shop.buy("D", 1, 1_999).reason is Reason.PRICE_BELOW_FLOOR


GIFTS = """
parent  gift  gift_of  reason
900     0     1        accepted
899     0     1        price_below_floor
900     0     0        price_below_floor
900     0     2        price_below_floor
900     0     3        price_below_floor
900     0     255      price_below_floor
600     300   0        accepted
900     -1    1        price_below_floor
"""


@pytest.mark.parametrize("row", GIFTS.strip().splitlines()[1:])
def test_a_gifts_cost_burdens_its_parent(shop: Scene, row: str) -> None:
    parent, gift, gift_of, reason = row.split()
    lines = (shop.line("A", 1, int(parent)), shop.line("B", 1, int(gift), gift_of=int(gift_of)))
    assert shop.order(*lines).reason.name.lower() == reason


def test_floors_hold_for_the_group_not_for_the_line(shop: Scene) -> None:
    dear, cheap = shop.line("A", 1, 1_000), shop.line("A", 1, 200)
    assert shop.order(dear, cheap).ok
    assert shop.order(dear, shop.line("A", 1, 199)).reason is Reason.PRICE_BELOW_FLOOR
    # A gift of a gift hangs on the first; another SKU's surplus helps nobody.
    chain = (shop.line("A", 1, 1_500), shop.line("B", 1, 0, gift_of=1))
    assert shop.order(*chain, shop.line("A", 1, 0, gift_of=2)).ok
    assert shop.order(shop.line("B", 1, 5_000), shop.line("A", 1, 599)).reason is (
        Reason.PRICE_BELOW_FLOOR
    )
