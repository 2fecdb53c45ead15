"""The crowd meets the published figures exactly and is the same for the same seed."""

import time
from pathlib import Path

import numpy as np
import pytest

from tidegate.demo import published
from tidegate.demo.crowd import (
    DOUBLE_CLICK,
    FIRST_SENDING,
    NETWORK_RETRY,
    PRODUCTS,
    figures,
    load_crowd,
    make_crowd,
    order_units,
    units_by_sku,
)

SEED = 20211026


@pytest.mark.parametrize("seed", [SEED, 1, 2])
def test_the_published_figures_are_met_exactly_at_scale_one(seed: int) -> None:
    crowd = make_crowd(seed)
    units = order_units(crowd.orders)
    assert crowd.buyers == 140_500
    assert np.unique(crowd.orders["buyer"]).size == 140_500
    assert int((units >= 50).sum()) == 451
    assert int(units.max()) == 41_000
    assert int((units == 41_000).sum()) == 1


@pytest.mark.parametrize("seed", [SEED, 1, 2])
def test_the_peak_is_ten_to_twenty_times_the_mean(seed: int) -> None:
    counted = figures(make_crowd(seed))
    assert counted.mean_per_s == 78.1
    assert 10 <= counted.peak_per_s / counted.mean_per_s <= 20


def test_the_value_at_list_price_is_tens_of_millions_of_yuan() -> None:
    counted = figures(make_crowd(SEED))
    assert 10_000_000_00 <= counted.value_list_fen < 100_000_000_00


def test_the_night_of_the_default_seed_is_this_one() -> None:
    counted = figures(make_crowd(SEED))
    assert counted.orders == 151_711
    assert counted.attempts == 160_765
    assert counted.double_clicks == 6_036
    assert counted.network_retries == 3_018
    assert counted.units == 396_552


def test_the_same_seed_gives_the_same_crowd_and_another_seed_another() -> None:
    one, same, other = make_crowd(7, 0.01), make_crowd(7, 0.01), make_crowd(8, 0.01)
    assert np.array_equal(one.orders, same.orders)
    assert np.array_equal(one.attempts, same.attempts)
    assert not np.array_equal(one.orders, other.orders)


def test_the_whole_night_is_made_in_under_two_seconds_of_processor_time() -> None:
    started_s = time.process_time()
    make_crowd(SEED)
    assert time.process_time() - started_s < 2


@pytest.mark.parametrize(
    ("scale", "buyers", "large", "giant", "stock"),
    [
        (0.001, 140, 1, 50, (45, 12, 10, 8, 6, 4)),
        (0.01, 1_405, 5, 410, (450, 120, 100, 80, 60, 40)),
        (0.1, 14_050, 45, 4_100, (4_500, 1_200, 1_000, 800, 600, 400)),
    ],
)
def test_a_smaller_crowd_keeps_its_shape_and_a_giant(
    scale: float, buyers: int, large: int, giant: int, stock: tuple[int, ...]
) -> None:
    crowd = make_crowd(SEED, scale)
    units = order_units(crowd.orders)
    assert crowd.buyers == buyers
    assert int((units >= published.LARGE_ORDER_BOXES).sum()) == large
    assert int(units.max()) == giant
    assert crowd.stock_units == stock


@pytest.mark.parametrize("scale", [0.0, 0.0009, 4.1, float("nan")])
def test_a_scale_out_of_bounds_is_refused(scale: float) -> None:
    with pytest.raises(ValueError, match="scale must lie between"):
        make_crowd(1, scale)


def test_orders_and_attempts_stand_in_order_of_time_within_the_half_hour() -> None:
    crowd = make_crowd(SEED, 0.1)
    assert bool((np.diff(crowd.orders["at_ms"]) >= 0).all())
    assert bool((np.diff(crowd.attempts["at_ms"]) >= 0).all())
    assert int(crowd.orders["at_ms"].min()) >= 0
    assert int(crowd.orders["at_ms"].max()) < published.NIGHT_MS


def test_a_double_click_comes_within_a_second_and_a_network_retry_within_fifteen() -> None:
    crowd = make_crowd(SEED, 0.1)
    delay_ms = crowd.attempts["at_ms"] - crowd.orders["at_ms"][crowd.attempts["order"]]
    kind = crowd.attempts["kind"]
    assert bool((delay_ms[kind == FIRST_SENDING] == 0).all())
    assert bool((delay_ms[kind == DOUBLE_CLICK] >= 60).all())
    assert bool((delay_ms[kind == DOUBLE_CLICK] < 1_000).all())
    assert bool((delay_ms[kind == NETWORK_RETRY] >= 2_000).all())
    assert bool((delay_ms[kind == NETWORK_RETRY] < 15_000).all())
    assert int((kind == FIRST_SENDING).sum()) == len(crowd.orders)


def test_a_second_line_is_another_product() -> None:
    orders = make_crowd(SEED, 0.1).orders
    two = orders[orders["second_quantity"] > 0]
    assert len(two) > 0
    assert bool((two["sku"] != two["second_sku"]).all())


def test_every_product_is_ordered_and_the_units_add_up() -> None:
    crowd = make_crowd(SEED, 0.1)
    by_sku = units_by_sku(crowd.orders)
    assert int(by_sku.sum()) == int(order_units(crowd.orders).sum())
    assert bool((by_sku > np.array(crowd.stock_units)).all())


def test_goods_of_260_yuan_cost_10_that_night() -> None:
    assert PRODUCTS[0].list_price_fen == 26_000
    assert PRODUCTS[0].wrong_price_fen == 1_000
    assert [p.wrong_price_fen for p in PRODUCTS] == [1_000, 360, 600, 500, 762, 877]
    assert sum(round(p.share * 100) for p in PRODUCTS) == 100


def test_a_crowd_saved_is_the_crowd_read(tmp_path: Path) -> None:
    crowd = make_crowd(SEED, 0.01)
    crowd.save(tmp_path / "crowd.npz")
    read = load_crowd(tmp_path / "crowd.npz")
    assert np.array_equal(crowd.orders, read.orders)
    assert np.array_equal(crowd.attempts, read.attempts)
    assert (read.seed, read.scale, read.buyers) == (SEED, 0.01, 1_405)
    assert read.stock_units == crowd.stock_units
