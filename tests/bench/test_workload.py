"""The made-up orders are what the benches say they are: counted by an auditor of dicts."""

from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest

from tidegate.record.lines import CONTINUES, PAID
from tidegate.testing.workload import HOSTILE_KINDS, Workload, hostile, hot, mixed, tokens

Make = Callable[[int, int], Workload]


def ids_of_orders(made: Workload) -> list[tuple[int, int]]:
    heads = made.rows[made.starts[:-1]]
    return list(zip(heads["id_hi"].tolist(), heads["id_lo"].tolist(), strict=True))


def naive_shares(made: Workload) -> Counter[str]:
    """Decide hot orders one by one with dicts."""
    terms, seen, bought, verdicts = made.terms, set(), Counter(), Counter()
    stock, budget = int(terms.stock_units[0]), terms.budget_fen
    for row in made.rows:
        order_id, buyer = (int(row["id_hi"]), int(row["id_lo"])), int(row["key0"])
        quantity, fen = int(row["quantity"]), int(row["receivable_fen"])
        if order_id in seen:
            verdicts["duplicate"] += 1
            continue
        seen.add(order_id)
        if fen < quantity * int(terms.price_floor_fen[0]):
            verdicts["below_floor"] += 1
        elif bought[buyer] + quantity > terms.limit_units[0]:
            verdicts["over_limit"] += 1
        elif fen > budget:
            verdicts["no_budget"] += 1
        elif quantity > stock:
            verdicts["no_stock"] += 1
        else:
            bought[buyer] += quantity
            stock -= quantity
            budget -= fen
            verdicts["accepted"] += 1
    return verdicts


def test_hot_accepts_most_refuses_some_for_each_reason_and_repeats_one_in_a_hundred() -> None:
    verdicts = naive_shares(hot(20_000, seed=7))
    assert verdicts == {
        "accepted": 16_625,
        "below_floor": 562,
        "over_limit": 2_623,
        "duplicate": 190,
    }


def test_the_same_arguments_give_the_same_rows_and_another_seed_gives_other_ids() -> None:
    assert hot(1_000, 5).rows.tobytes() == hot(1_000, 5).rows.tobytes()
    assert mixed(1_000, 5).rows.tobytes() == mixed(1_000, 5).rows.tobytes()
    assert not set(ids_of_orders(hot(1_000, 5))) & set(ids_of_orders(hot(1_000, 6)))


def test_workloads_with_consecutive_first_orders_share_no_id() -> None:
    first, second = hot(1_000, 5), hot(1_000, 5, first_order=1_000)
    assert not set(ids_of_orders(first)) & set(ids_of_orders(second))


@pytest.mark.parametrize(("make", "expected"), [(hot, 44), (mixed, 49)])
def test_a_duplicate_is_a_byte_for_byte_repeat_of_an_earlier_order(
    make: Make, expected: int
) -> None:
    made = make(5_000, 3)
    content: dict[tuple[int, int], bytes] = {}
    repeats = 0
    for number, order_id in enumerate(ids_of_orders(made)):
        order = made.rows[made.starts[number] : made.starts[number + 1]].tobytes()
        repeats += order_id in content
        assert content.setdefault(order_id, order) == order
    assert repeats == expected


def test_mixed_orders_keep_their_lines_together_under_one_id_time_and_buyer() -> None:
    made = mixed(5_000, 3)
    continues = (made.rows["flags"] & CONTINUES) != 0
    heads = np.zeros(len(made.rows), bool)
    heads[made.starts[:-1]] = True
    assert (continues == ~heads).all()
    for first, last in zip(made.starts[:-1], made.starts[1:], strict=True):
        order = made.rows[first:last]
        assert 1 <= len(order) <= 4
        for column in ("id_hi", "id_lo", "placed_at_ms", "key0", "key1", "key2", "channel"):
            assert len(np.unique(order[column])) == 1


def test_mixed_has_unpaid_holds_many_skus_and_several_channels() -> None:
    made = mixed(20_000, 3)
    unpaid = (made.rows["flags"] & PAID) == 0
    assert (made.rows["hold_ttl_s"][unpaid] == made.terms.hold_ttl_s).all()
    assert 0.14 < unpaid[made.starts[:-1]].mean() < 0.16
    assert made.rows["sku"].max() < made.terms.skus == 10_000
    assert np.unique(made.rows["channel"]).tolist() == [0, 1, 2, 3]
    assert all((made.rows[key] != 0).all() for key in ("key0", "key1", "key2"))


def test_batches_give_every_row_once_with_a_clock_that_never_runs_backwards() -> None:
    made = mixed(5_000, 3)
    batches = list(made.batches(512))
    assert np.concatenate([rows for rows, _ in batches]).tobytes() == made.rows.tobytes()
    times = [now_ms for _, now_ms in batches]
    assert times == sorted(times)
    assert all((rows["placed_at_ms"] <= now_ms).all() for rows, now_ms in batches)


@pytest.mark.parametrize("kind", HOSTILE_KINDS)
def test_hostile_workloads_are_single_lines_without_a_continuation(kind: str) -> None:
    made = hostile(kind, 2_000, 3)
    assert len(made.rows) == made.orders == 2_000
    assert ((made.rows["flags"] & CONTINUES) == 0).all()


def test_an_unknown_hostile_kind_is_named_in_the_error() -> None:
    with pytest.raises(ValueError, match="no hostile workload 'polite'"):
        hostile("polite", 10, 1)


def test_tokens_are_distinct_and_never_zero() -> None:
    made = tokens(np.arange(100_000), 9)
    assert len(np.unique(made)) == 100_000
    assert made.min() > 0
