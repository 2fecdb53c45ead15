"""The judge finds each kind of fault in answers written by hand, and none where there is none."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tidegate.demo.answers import REPEATED_LATER, Heard, read_heard, write_heard
from tidegate.demo.crowd import (
    DOUBLE_CLICK,
    FIRST_SENDING,
    NETWORK_RETRY,
    ORDER,
    Crowd,
    make_crowd,
)
from tidegate.demo.judge import Case, Verdict, judge_marketplace, judge_own_shop

KILL_MS = 1_000


def crowd_of(*rows: tuple[int, int, int]) -> Crowd:
    """(buyer, phone, boxes of the first product); stock three boxes of each product."""
    orders = np.zeros(len(rows), ORDER)
    for place, (buyer, phone, units) in enumerate(rows):
        orders[place]["buyer"] = buyer
        orders[place]["phone"] = phone
        orders[place]["quantity"] = units
    return replace(make_crowd(1, 0.001), orders=orders, stock_units=(3, 3, 3, 3, 3, 3))


def accepted(order: int, kind: int = FIRST_SENDING, at_ms: int = 10) -> Heard:
    return Heard(order, 1, kind, at_ms, 201, b'{"reason":"accepted","seq":5}')


def repeated(order: int, kind: int = DOUBLE_CLICK, at_ms: int = 20) -> Heard:
    return Heard(order, 1, kind, at_ms, 200, b'{"reason":"accepted","seq":9,"duplicate":true}')


def refused(
    order: int,
    reason: str = "stock_short",
    kind: int = FIRST_SENDING,
    at_ms: int = 10,
    has: int = 1,
) -> Heard:
    return Heard(order, 1, kind, at_ms, 409, json.dumps({"reason": reason, "has": has}).encode())


def written(folder: Path, *answers: Heard) -> str:
    path = folder / f"{len(list(folder.iterdir()))}.answers"
    with path.open("wb") as file:
        for heard in answers:
            write_heard(file, heard)
    return str(path)


def test_answers_are_read_as_they_were_written(tmp_path: Path) -> None:
    heard = Heard(1, 2, 0, 3, 409, '{"detail":"库存不足\\t"}'.encode())
    assert list(read_heard(Path(written(tmp_path, heard)))) == [heard]


def test_an_answer_over_several_lines_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="several lines"):
        written(tmp_path, Heard(1, 1, 0, 0, 200, b"{\n}"))


def test_a_night_without_a_fault(tmp_path: Path) -> None:
    crowd = crowd_of((0, 0, 2), (1, 1, 1), (2, 2, 1))
    answers = [
        accepted(0),
        repeated(0),
        accepted(1),
        refused(2),
        refused(2, kind=NETWORK_RETRY),
        repeated(0, REPEATED_LATER, at_ms=2_000),
        refused(2, kind=REPEATED_LATER, at_ms=2_000),
    ]
    case = Case(
        crowd_file="",
        own_answers=[written(tmp_path, *answers)],
        kill_ms=KILL_MS,
        own_available=[0, 3, 3, 3, 3, 3],
    )
    own = judge_own_shop(crowd, case)
    assert own.answers == 7
    assert own.ids == 3
    assert own.accepted_orders == 2
    assert own.accepted_units == 3
    assert own.refused_by_reason == {"stock_short": 1}
    assert own.double_clicks == 1
    assert own.double_clicks_accepted == 1
    assert own.acknowledged_before_kill == 2
    assert own.asked_again_after_kill == 2
    assert Verdict(own=own, marketplace=judge_marketplace(crowd, case)).faults() == []


@pytest.mark.parametrize(
    ("answers", "fault", "value"),
    [
        ([accepted(0), accepted(1), accepted(2)], "oversold_units", 1),
        ([accepted(3)], "buyers_over_limit", 1),
        ([accepted(0), accepted(4), accepted(5)], "phones_over_limit", 1),
        ([accepted(0), accepted(0, DOUBLE_CLICK)], "ids_charged_twice", 1),
        ([refused(2), refused(2, kind=DOUBLE_CLICK, has=0)], "answers_that_differ", 1),
        ([accepted(0), refused(0, kind=DOUBLE_CLICK)], "answers_that_differ", 1),
        ([refused(2), refused(2, "limit_exceeded", DOUBLE_CLICK)], "answers_that_differ", 1),
        ([accepted(0), refused(0, kind=REPEATED_LATER)], "acknowledged_but_lost", 1),
        ([accepted(0), accepted(0, REPEATED_LATER)], "ids_charged_twice", 1),
        ([Heard(0, 1, 0, 0, 500, b"oops")], "unexpected_answers", 1),
    ],
)
def test_each_fault_is_found(tmp_path: Path, answers: list[Heard], fault: str, value: int) -> None:
    crowd = crowd_of((0, 9, 2), (1, 1, 1), (2, 2, 1), (3, 3, 3), (4, 9, 2), (5, 9, 2))
    case = Case(crowd_file="", own_answers=[written(tmp_path, *answers)], kill_ms=KILL_MS)
    own = judge_own_shop(crowd, case)
    assert getattr(own, fault) == value
    verdict = Verdict(own=own, marketplace=judge_marketplace(crowd, case))
    assert f"own.{fault}" in verdict.faults()


def test_units_taken_off_twice_show_in_what_the_server_says_is_left(tmp_path: Path) -> None:
    case = Case(
        crowd_file="",
        own_answers=[written(tmp_path, accepted(0), repeated(0))],
        own_available=[1, 3, 3, 3, 3, 3],
    )
    assert judge_own_shop(crowd_of((0, 0, 1)), case).units_server_differs == 1


def test_more_than_was_approved_is_found_even_where_stock_suffices(tmp_path: Path) -> None:
    case = Case(
        crowd_file="",
        own_answers=[written(tmp_path, accepted(0))],
        approved_units=[1, 0, 0, 0, 0, 0],
    )
    assert judge_own_shop(crowd_of((0, 0, 2)), case).over_approval_units == 1


def test_a_refusal_that_came_before_the_kill_may_not_become_an_acceptance(tmp_path: Path) -> None:
    answers = written(tmp_path, refused(0), repeated(0, REPEATED_LATER))
    case = Case(crowd_file="", own_answers=[answers], kill_ms=KILL_MS)
    assert judge_own_shop(crowd_of((0, 0, 1)), case).answers_that_differ == 1


def sale(order: int, short: int, *judgement: str, seq: int = 1) -> Heard:
    body = {"id": f"N{order}", "judgement": list(judgement), "short": short, "seq": seq}
    return Heard(order, 1, FIRST_SENDING, 0, 200, json.dumps(body).encode())


def test_the_marketplace_s_debt_is_counted_twice_over(tmp_path: Path) -> None:
    crowd = crowd_of((0, 0, 2), (1, 1, 4))
    sales = written(tmp_path, sale(0, 0), sale(0, 0), sale(1, 3, "limit_exceeded", "stock_short"))
    case = Case(crowd_file="", sales_answers=[sales])
    result = judge_marketplace(crowd, case)
    assert result.answers == 3
    assert result.sales == 2
    assert result.units == 6
    assert result.judged_clean == 1
    assert result.judged_by_reason == {"limit_exceeded": 1, "stock_short": 1}
    assert result.buyers_over_limit == 1
    assert result.debt_units == 3
    assert result.debt_units_naive == 3


def test_an_order_held_first_and_released_later_counts_as_released(tmp_path: Path) -> None:
    crowd = crowd_of((0, 0, 2), (1, 1, 2))
    releases = written(
        tmp_path,
        refused(0, "price_below_floor"),
        refused(1, "price_below_floor"),
        Heard(0, 1, 0, 0, 200, b'{"reason":"accepted"}'),
        refused(1, "stock_short_at_release"),
    )
    result = judge_marketplace(crowd, Case(crowd_file="", release_answers=[releases]))
    assert result.released_orders == 1
    assert result.released_units == 2
    assert result.held_by_reason == {"stock_short_at_release": 1}
    assert result.released_over_stock_units == 0


def test_a_release_beyond_stock_or_limit_is_found(tmp_path: Path) -> None:
    crowd = crowd_of((0, 0, 4))
    releases = written(tmp_path, Heard(0, 1, 0, 0, 200, b"{}"))
    result = judge_marketplace(crowd, Case(crowd_file="", release_answers=[releases]))
    assert result.released_over_stock_units == 1
    assert result.released_buyers_over_limit == 1
