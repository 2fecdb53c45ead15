"""Oversold debt: an owner, a way out, a deadline; it ends when its order goes or is closed."""

import importlib.util
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tidegate.channels.capabilities import capabilities_of
from tidegate.channels.debts import DUE_MS, Debt, Debts, NotAWay, Way, debts, decide_debt, owed
from tidegate.channels.ports import RefusedOutside, Taken, Unanswered
from tidegate.record import facts as f

spec = importlib.util.spec_from_file_location(
    "channels_house", Path(__file__).with_name("channels_house.py")
)
assert spec is not None
assert spec.loader is not None
made = importlib.util.module_from_spec(spec)
spec.loader.exec_module(made)
House = made.ChannelHouse
order, NOW_MS, TMALL = made.order, made.NOW_MS, made.TMALL


class Closer:
    """A platform that is asked to close orders."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.answer: Taken | Exception = "done"

    def close_orders(self, numbers: Sequence[str]) -> list[Taken]:
        self.asked += numbers
        if isinstance(self.answer, Exception):
            raise self.answer
        return [self.answer] * len(numbers)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    opened = made.ChannelHouse(tmp_path, units=10)
    opened.intake.take([order("1", 8), order("2", 5), order("3", 4, status="unpaid")])
    opened.gate.turn(NOW_MS)
    opened.journal.turn()
    yield opened
    opened.close()


def decide(house: House, number: str, way: Way, kind: str = "webhook", **how: object) -> Debt:
    given = {"owner": "", "due_ms": NOW_MS + 1, "note": "", "by": "token:01", "now_ms": NOW_MS}
    return decide_debt(house.ledger, capabilities_of(kind), TMALL, number, way=way, **given | how)  # type: ignore[arg-type]


def test_what_stock_does_not_cover_is_listed_with_owner_and_deadline(house: House) -> None:
    care = Debts(house.ledger, lambda _: None)
    assert care.turn(NOW_MS) == (2, 0)
    assert care.turn(NOW_MS) == (0, 0)
    found = debts(house.ledger)
    assert [(one.number, one.units, one.owner, one.way) for one in found] == [
        ("2", 3, "stock", ""), ("3", 4, "stock", ""),
    ]  # fmt: skip
    assert {one.due_ms for one in found} == {NOW_MS + DUE_MS}
    assert owed(house.ledger, NOW_MS) == {"orders": 2, "units": 7, "late": 0}
    assert owed(house.ledger, NOW_MS + DUE_MS + 1)["late"] == 2
    assert house.cell()["debt"] == 7, "the desk says the same"


def test_stock_that_comes_settles_a_debt_by_its_release(house: House) -> None:
    care = Debts(house.ledger, lambda _: None)
    care.turn(NOW_MS)
    house.say(f.ReceiveStock("A", 3, TMALL))
    house.gate.turn(NOW_MS + 60_000)
    house.journal.turn()
    assert care.turn(NOW_MS + 60_000) == (0, 1)
    (settled,) = debts(house.ledger, number="2", is_open=False)
    assert (settled.outcome, settled.settled_ms) == ("released", NOW_MS + 60_000)
    assert [one.number for one in debts(house.ledger)] == ["3"]


def test_a_buyer_who_is_asked_is_not_served_by_stock_that_comes(house: House) -> None:
    care = Debts(house.ledger, lambda _: None)
    care.turn(NOW_MS)
    decide(house, "2", "ask_buyer", owner="after-sale", note="asked by chat")
    house.say(f.ReceiveStock("A", 20, TMALL))
    house.gate.turn(NOW_MS + 60_000)
    assert house.orders("state", where="number = '2'") == [("on_hold",)]
    (asked,) = debts(house.ledger, number="2")
    assert (asked.owner, asked.way, asked.told) == ("after-sale", "ask_buyer", "asked by chat")
    assert house.cell()["debt"] == 7


@pytest.mark.parametrize(
    ("kind", "number", "may"),
    [("webhook", "2", True), ("taobao", "2", False), ("taobao", "3", True), ("jd", "3", False)],
)
def test_an_order_is_closed_only_where_the_table_lets_a_seller_close(
    house: House, kind: str, number: str, may: bool
) -> None:
    Debts(house.ledger, lambda _: None).turn(NOW_MS)
    if may:
        assert decide(house, number, "close", kind).closing == "wanted"
    else:
        with pytest.raises(NotAWay, match="a seller closes"):
            decide(house, number, "close", kind)
        assert debts(house.ledger, number=number)[0].way == ""


def test_closing_is_asked_once_and_the_feed_says_when_it_is_done(house: House) -> None:
    closer = Closer()
    care = Debts(house.ledger, lambda _: closer)
    care.turn(NOW_MS)
    decide(house, "2", "close")
    closer.answer = Unanswered("timed out")
    care.turn(NOW_MS)
    assert debts(house.ledger, number="2")[0].closing == "unknown"
    closer.answer = "done"
    care.turn(NOW_MS)
    care.turn(NOW_MS)
    assert (closer.asked, debts(house.ledger, number="2")[0].closing) == (["2", "2"], "asked")
    house.intake.take([order("2", 5, status="cancelled", changed_at=NOW_MS + 1)])
    assert care.turn(NOW_MS + 1) == (0, 1)
    assert debts(house.ledger, number="2", is_open=False)[0].outcome == "closed"
    assert house.cell()["debt"] == 4


@pytest.mark.parametrize(
    ("answer", "closing"),
    [("refused", "refused"), (RefusedOutside("not in this state"), "refused"), (None, "person")],
)
def test_a_refusal_stays_visible(house: House, answer: Taken | Exception | None,
                                 closing: str) -> None:  # fmt: skip
    closer = Closer()
    care = Debts(house.ledger, lambda _: closer if answer is not None else None)
    care.turn(NOW_MS)
    decide(house, "2", "close")
    closer.answer = answer or "done"
    care.turn(NOW_MS)
    found = debts(house.ledger, number="2")[0]
    assert found.closing == closing
    assert owed(house.ledger, NOW_MS)["orders"] == 2


def test_an_order_that_owes_nothing_cannot_be_decided(house: House) -> None:
    Debts(house.ledger, lambda _: None).turn(NOW_MS)
    with pytest.raises(LookupError, match="no open debt of order 1"):
        decide(house, "1", "restock")
