"""The judge of the kills convicts: each fault that it exists for is shown to it here."""

import numpy as np

from tidegate.bench.kill_judge import Judge, orders_for
from tidegate.record.lines import DUPLICATE, OUTCOME
from tidegate.testing.workload import Rows


def answers(reasons: list[int], *, duplicate: bool) -> Rows:
    made = np.zeros(len(reasons), OUTCOME)
    made["reason"] = reasons
    made["flags"] = DUPLICATE if duplicate else 0
    return made


def judge_of(orders: int) -> Judge:
    return Judge(orders_for(orders, 5, 0).rows)


def distinct_places(judge: Judge, count: int) -> np.ndarray:
    """Places of rows whose ids all differ."""
    return np.sort(judge._first)[:count]


def test_the_same_answers_again_as_duplicates_are_in_order() -> None:
    judge = judge_of(100)
    places = distinct_places(judge, 3)
    judge.hear(places, answers([0, 14, 12], duplicate=False))
    judge.hear(places, answers([0, 14, 12], duplicate=True))
    verdict = judge.conclude(stock_units=1_000, limit_units=5)
    assert (verdict.acknowledged, verdict.asked_again, verdict.accepted) == (3, 3, 1)
    assert (verdict.lost, verdict.changed, verdict.oversold, verdict.over_limit) == (0, 0, 0, 0)


def test_an_acknowledged_order_that_is_new_to_the_server_again_is_lost() -> None:
    judge = judge_of(100)
    places = distinct_places(judge, 2)
    judge.hear(places, answers([0, 14], duplicate=False))
    judge.hear(places, answers([0, 14], duplicate=False))
    assert judge.conclude(1_000, 5).lost == 2


def test_another_answer_to_the_same_order_is_a_change() -> None:
    judge = judge_of(100)
    places = distinct_places(judge, 2)
    judge.hear(places, answers([0, 17], duplicate=False))
    judge.hear(places, answers([17, 17], duplicate=True))
    assert judge.conclude(1_000, 5).changed == 1


def test_an_order_decided_before_a_kill_and_never_answered_may_come_back_as_a_duplicate() -> None:
    judge = judge_of(100)
    judge.hear(distinct_places(judge, 1), answers([0], duplicate=True))
    verdict = judge.conclude(1_000, 5)
    assert (verdict.acknowledged, verdict.lost, verdict.changed) == (1, 0, 0)


def test_units_beyond_the_stock_are_oversold_by_exactly_so_many() -> None:
    judge = judge_of(100)
    places = distinct_places(judge, 20)
    judge.hear(places, answers([0] * 20, duplicate=False))
    units = int(judge.rows[places]["quantity"].sum())
    assert judge.conclude(units, 1_000).oversold == 0
    assert judge.conclude(units - 3, 1_000).oversold == 3


def test_buyers_beyond_the_limit_are_counted_as_a_naive_count_does() -> None:
    judge = judge_of(400)
    places = distinct_places(judge, 300)
    judge.hear(places, answers([0] * 300, duplicate=False))
    bought: dict[int, int] = {}
    for row in judge.rows[places]:
        bought[int(row["key0"])] = bought.get(int(row["key0"]), 0) + int(row["quantity"])
    above = sum(units > 5 for units in bought.values())
    assert above > 0  # or the count below would prove nothing
    assert judge.conclude(10_000, 5).over_limit == above


def test_what_was_never_answered_counts_for_nothing() -> None:
    verdict = judge_of(100).conclude(0, 0)
    assert (verdict.acknowledged, verdict.accepted, verdict.oversold) == (0, 0, 0)
