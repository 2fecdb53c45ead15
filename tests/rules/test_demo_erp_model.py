"""The model of the ERP that failed, by hand-counted examples."""

from dataclasses import replace

import numpy as np

from tidegate.demo.crowd import ORDER, Orders, make_crowd
from tidegate.demo.erp_model import ErpParameters, Minute, simulate

SLOW = ErpParameters(  # ten seconds a deduction, two minutes open, a pull a minute
    deduction_us=10_000_000,
    queue_capacity_jobs=100,
    pull_every_s=60,
    limit_check_timeout_ms=3_000,
    limit_units=2,
    closes_at_ms=120_000,
)
FAST = replace(SLOW, deduction_us=1_000)


def orders_at(*rows: tuple[int, int, int]) -> Orders:
    """(second, buyer, boxes) of the first product."""
    orders = np.zeros(len(rows), ORDER)
    for place, (at_s, buyer, units) in enumerate(rows):
        orders[place]["at_ms"] = at_s * 1_000
        orders[place]["buyer"] = buyer
        orders[place]["quantity"] = units
    return orders


def test_while_deduction_lags_the_shown_stock_sells_again_and_again() -> None:
    # Stock 2. Deductions at 10, 20, 30, 40 s; the sync queued at 60 s is served at 70 s.
    outcome = simulate(orders_at((0, 0, 1), (1, 1, 1), (2, 2, 1), (3, 3, 1), (80, 4, 1)), [2], SLOW)
    assert outcome.orders_taken == 4
    assert outcome.oversold_units == 2
    assert outcome.refused_by_stock == 1  # after the sync
    assert outcome.deducted_at_close == 4
    assert outcome.peak_queue_jobs == 4
    assert outcome.last_taken_s == 3
    assert outcome.minutes == (Minute(1, 4, 4, 1, 10), Minute(2, 4, 4, 1, 10))


def test_a_limit_question_that_would_wait_too_long_lets_the_order_pass() -> None:
    # At 1 s the ERP needs 9 s more for the first order: past the timeout of 3 s, the guard opens.
    outcome = simulate(orders_at((0, 0, 1), (1, 1, 41_000)), [100_000], SLOW)
    assert outcome.checks_failed_open == 1
    assert outcome.largest_order_units == 41_000
    assert outcome.orders_of_50_or_more == 1
    assert outcome.buyers_over_limit == 1


def test_a_limit_question_answered_in_time_holds() -> None:
    # At 8 s the ERP needs 2 s more: within the timeout.
    outcome = simulate(orders_at((0, 0, 1), (8, 1, 41_000)), [100_000], SLOW)
    assert outcome.checks_failed_open == 0
    assert outcome.refused_by_limit == 1
    assert outcome.buyers_over_limit == 0


def test_an_answer_in_time_still_knows_only_what_was_deducted() -> None:
    # Buyer 0 orders 2, and 2 more at 8 s, before the first order is deducted at 10 s.
    outcome = simulate(orders_at((0, 0, 2), (8, 0, 2)), [100], SLOW)
    assert outcome.refused_by_limit == 0
    assert outcome.checks_failed_open == 0
    assert outcome.buyers_over_limit == 1
    # After the deduction the same question is answered rightly.
    assert simulate(orders_at((0, 0, 2), (11, 0, 2)), [100], SLOW).refused_by_limit == 1


def test_a_fast_erp_still_oversells_until_the_next_sync_but_keeps_the_limit() -> None:
    rows = orders_at((0, 0, 1), (1, 1, 1), (2, 2, 1), (3, 0, 2), (61, 3, 1))
    outcome = simulate(rows, [2], FAST)
    assert outcome.refused_by_limit == 1
    assert outcome.oversold_units == 1
    assert outcome.refused_by_stock == 1
    assert outcome.buyers_over_limit == 0


def test_a_platform_that_counts_down_oversells_what_a_stale_sync_puts_back() -> None:
    # Stock 3, all sold by 2 s. The sync at 60 s stands behind two orders left of five: book 1.
    counting = replace(SLOW, platform_counts_down=True, deduction_us=40_000_000)
    rows = orders_at((0, 0, 1), (1, 1, 1), (2, 2, 1), (3, 3, 1), (119, 4, 1))
    outcome = simulate(rows, [3], counting)
    assert outcome.orders_taken == 3
    assert outcome.refused_by_stock == 2
    assert outcome.oversold_units == 0
    # The sync queued at 0 s (a pull every second) is served before the other orders' deduction.
    eager = replace(counting, pull_every_s=1)
    again = simulate(rows, [3], eager)
    assert again.orders_taken == 4
    assert again.oversold_units == 1


def test_a_full_queue_leaves_orders_to_the_next_pull() -> None:
    full = replace(SLOW, queue_capacity_jobs=2)
    outcome = simulate(orders_at((0, 0, 1), (1, 1, 1), (2, 2, 1), (3, 3, 1)), [10], full)
    assert outcome.peak_left_to_pull_jobs == 2
    assert outcome.peak_queue_jobs == 3  # two orders and the sync of the pull at 60 s
    assert outcome.deducted_at_close == 4  # at 10, 20, 70 and 80 s


def test_after_closing_nothing_is_taken_and_the_lag_is_what_still_waits() -> None:
    closing = replace(SLOW, closes_at_ms=15_000)
    outcome = simulate(orders_at((0, 0, 1), (1, 1, 1), (2, 2, 1), (15, 3, 1)), [10], closing)
    assert outcome.orders_taken == 3
    assert outcome.deducted_at_close == 1
    assert outcome.lag_at_close_s == 15  # 5 s of the second order, 10 s of the third
    assert outcome.minutes == ()


def test_no_orders_no_harm() -> None:
    outcome = simulate(orders_at(), [1], SLOW)
    assert outcome.orders_taken == 0
    assert outcome.oversold_units == 0
    assert outcome.last_taken_s == 0


def test_the_whole_night_with_the_printed_parameters() -> None:
    crowd = make_crowd(20211026)
    outcome = simulate(crowd.orders, crowd.stock_units)
    assert outcome.orders_taken == 117_586
    assert outcome.units_taken == 314_622
    assert outcome.oversold_units == 229_622
    assert outcome.oversold_by_sku == (114_429, 39_620, 30_044, 21_137, 13_266, 11_126)
    assert outcome.buyers_over_limit == 14_683
    assert outcome.checks_failed_open == 116_431
    assert outcome.refused_by_limit == 199
    assert outcome.peak_queue_jobs == 50_001
    assert outcome.peak_left_to_pull_jobs == 10_863
    assert outcome.peak_lag_s == 1_217
    assert outcome.lag_at_close_s == 592
    assert outcome.largest_order_units == 41_000
    assert len(outcome.minutes) == 30
    assert outcome.minutes[9] == Minute(10, 56_725, 27_946, 28_780, 575)


def test_the_erp_shrinks_with_the_crowd() -> None:
    tenth = ErpParameters().scaled(0.1)
    assert tenth.deductions_per_s == 5
    assert tenth.queue_capacity_jobs == 5_000
    crowd = make_crowd(20211026, 0.1)
    outcome = simulate(crowd.orders, crowd.stock_units, tenth)
    assert outcome.oversold_units == 20_514
    assert outcome.buyers_over_limit == 1_465
