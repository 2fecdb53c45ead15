"""Presales: an order held on a deposit, committed by its balance, or ended by record."""

import importlib.util
from collections.abc import Iterator
from pathlib import Path

import pytest

from tidegate.channels.fulfilment.ports import NotDone, NotThere
from tidegate.channels.fulfilment.presale_facts import PresaleEvent
from tidegate.domain.reasons import Reason
from tidegate.record import facts as f
from tidegate.record.lines import CANCEL, PAY

spec = importlib.util.spec_from_file_location(
    "fulfilment_house", Path(__file__).with_name("fulfilment_house.py")
)
assert spec is not None
assert spec.loader is not None
made = importlib.util.module_from_spec(spec)
spec.loader.exec_module(made)
House = made.FulfilmentHouse
order, NOW_MS, HOUR_MS, TERMS, TMALL = (
    made.order, made.NOW_MS, made.HOUR_MS, made.TERMS, made.TMALL,
)  # fmt: skip


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    opened = made.FulfilmentHouse(tmp_path)
    yield opened
    opened.close()


def opened(house: House, name: str = "P1", **terms: object) -> None:
    assert house.place(name, ("A", 1, 1_000)) == 0
    made_ = house.service.presales.open("web", name, TERMS._replace(**terms))
    assert made_.state == "deposit_due"


def pay(house: House, part: str, fen: int, money_id: str = "", name: str = "P1") -> tuple[str, str]:
    done = house.service.presales.pay("web", name, money_id or part, part, fen)
    return done.state, done.reason


def presale(house: House) -> tuple[str, str]:
    house.service.turn()
    row = house.service.presales.listed()[0]
    return row.state, row.reason


def test_deposit_and_balance_in_time_commit_the_order(house: House) -> None:
    opened(house)
    assert pay(house, "deposit", 300) == ("counted", "")
    assert presale(house) == ("balance_due", "")
    house.pass_s(20 * 3_600)  # far past the ordinary hold
    assert house.cell(pool="shared") == {"on_hand": 100, "pre_held": 1}
    assert pay(house, "balance", 700) == ("used", "")
    assert presale(house) == ("committed", "")
    assert house.cell(pool="shared") == {"on_hand": 100, "committed": 1}
    assert [m.state for m in house.service.presales.money_listed()] == ["used", "used"]


@pytest.mark.parametrize(("fate", "listed"), [("kept", "kept"), ("refunded", "refund_due")])
def test_without_a_balance_the_hold_ends_by_record_and_the_deposit_has_its_fate(
    house: House, fate: str, listed: str
) -> None:
    opened(house, fate=fate)
    assert pay(house, "deposit", 300) == ("counted", "")
    house.pass_s(23 * 3_600)
    assert presale(house) == ("balance_due", "")
    house.pass_s(3_700)
    assert presale(house) == ("ended", "hold_ended")
    assert house.cell(pool="shared") == {"on_hand": 100}
    assert house.service.presales.money_listed(listed)[0].amount_fen == 300


def test_without_a_deposit_it_ends_when_the_deposit_was_due(house: House) -> None:
    opened(house)
    house.pass_s(3_500)
    assert house.state("P1") == "pre_held"
    house.pass_s(200)
    assert presale(house) == ("ended", "hold_ended")
    assert house.service.presales.money_listed() == []
    assert pay(house, "deposit", 300) == ("refund_due", "presale_ended")


def test_the_balance_may_come_before_the_deposit(house: House) -> None:
    opened(house)
    assert pay(house, "balance", 700) == ("counted", "")
    assert pay(house, "deposit", 300) == ("used", "")
    assert presale(house) == ("committed", "")


def test_a_balance_alone_goes_back_when_the_hold_ends(house: House) -> None:
    opened(house)
    assert pay(house, "balance", 700) == ("counted", "")
    house.pass_s(25 * 3_600)
    assert presale(house) == ("ended", "hold_ended")
    assert [m.state for m in house.service.presales.money_listed()] == ["refund_due"]


@pytest.mark.parametrize(
    ("part", "fen", "why"),
    [("deposit", 299, "amount_mismatch"), ("deposit", 2**40, "amount_mismatch"),
     ("balance", 701, "amount_mismatch")],
)  # fmt: skip
def test_a_wrong_amount_is_to_be_refunded_and_moves_nothing(
    house: House, part: str, fen: int, why: str
) -> None:
    opened(house)
    assert pay(house, part, fen) == ("refund_due", why)
    assert presale(house) == ("deposit_due", "")
    assert pay(house, "deposit", 300, "d2") == ("counted", "")
    assert pay(house, "balance", 700, "b2") == ("used", "")


def test_a_payment_counts_once_and_a_second_one_goes_back(house: House) -> None:
    opened(house)
    assert pay(house, "deposit", 300) == ("counted", "")
    assert pay(house, "deposit", 300) == ("counted", "")
    assert pay(house, "deposit", 300, "again") == ("refund_due", "paid_twice")
    with pytest.raises(NotDone, match="another payment"):
        pay(house, "deposit", 301)


def test_a_late_balance_takes_the_stock_again_or_goes_back(house: House) -> None:
    opened(house)
    pay(house, "deposit", 300)
    house.pass_s(25 * 3_600)
    assert presale(house) == ("ended", "hold_ended")
    assert pay(house, "balance", 700) == ("used", "")
    assert presale(house) == ("committed", "")
    assert house.cell(pool="shared") == {"on_hand": 100, "committed": 1}
    assert [m.state for m in house.service.presales.money_listed()] == ["used", "used"]


def test_a_late_balance_without_stock_goes_back_and_the_deposit_keeps_its_fate(
    house: House,
) -> None:
    opened(house, fate="refunded")
    pay(house, "deposit", 300)
    house.pass_s(25 * 3_600)
    assert presale(house)[0] == "ended"
    house.paid("other", ("A", 100, 100_000))
    assert pay(house, "balance", 700) == ("refund_due", "refund_due")
    assert presale(house) == ("ended", "hold_ended")
    states = {m.id: m.state for m in house.service.presales.money_listed()}
    assert states == {"deposit": "refund_due", "balance": "refund_due"}


def test_a_deposit_that_was_paid_back_is_not_used_again(house: House) -> None:
    opened(house, fate="kept")
    pay(house, "deposit", 300)
    house.pass_s(25 * 3_600)
    presale(house)
    assert house.service.presales.settle("deposit", "refund_due").state == "refund_due"
    assert house.service.presales.settle("deposit", "refunded").state == "refunded"
    assert house.service.presales.settle("deposit", "refunded").state == "refunded"
    assert pay(house, "balance", 700) == ("refund_due", "presale_ended")
    with pytest.raises(NotDone):
        house.service.presales.settle("deposit", "refund_due")
    with pytest.raises(NotThere):
        house.service.presales.settle("none", "refunded")


def test_the_floor_is_judged_on_deposit_and_balance_and_a_limit_counts_once(house: House) -> None:
    house.say(f.PutRule("limit", "sku", "A", limits={"account": 1}))
    assert house.place("P1", ("A", 1, 1_000), account=7) == 0
    house.service.presales.open("web", "P1", TERMS._replace(deposit_fen=1, balance_fen=999))
    assert pay(house, "deposit", 1) == ("counted", "")  # far below the floor by itself
    assert pay(house, "balance", 999) == ("used", "")
    assert house.place("P2", ("A", 1, 1_000), account=7) == Reason.LIMIT_EXCEEDED
    assert house.place("P3", ("A", 1, 499), account=8) == Reason.PRICE_BELOW_FLOOR


def test_what_was_cancelled_in_part_lowers_the_balance(house: House) -> None:
    assert house.place("P1", ("A", 2, 2_000)) == 0
    house.service.presales.open("web", "P1", TERMS._replace(deposit_fen=600, balance_fen=1_400))
    pay(house, "deposit", 600)
    assert house.operate("c", "P1", CANCEL, 0, 1) == 0
    assert pay(house, "balance", 1_400, "whole") == ("refund_due", "amount_mismatch")
    assert pay(house, "balance", 400, "rest") == ("used", "")
    assert house.cell(pool="shared") == {"on_hand": 100, "committed": 1}


def test_a_cancelled_or_elsewhere_paid_order_settles_the_deposit(house: House) -> None:
    opened(house)
    pay(house, "deposit", 300)
    assert house.operate("c", "P1", CANCEL) == 0
    assert presale(house) == ("ended", "order_closed")
    assert house.service.presales.money_listed("kept")[0].id == "deposit"
    opened(house, "P2")
    pay(house, "deposit", 300, "d2", "P2")
    assert house.operate("p", "P2", PAY, amount_fen=1_000) == 0
    house.service.turn()
    assert [row.state for row in house.service.presales.listed("committed")] == ["committed"]
    assert house.service.presales.money_listed("refund_due")[0].reason == "paid_elsewhere"


def test_a_deposit_after_its_hold_goes_back(house: House) -> None:
    opened(house)
    house.pass_s(3_700)
    assert pay(house, "deposit", 300) == ("refund_due", "hold_not_extended")
    assert presale(house)[0] == "ended"


@pytest.mark.parametrize(
    ("terms", "why"),
    [({"deposit_fen": 301}, "amount_mismatch"),
     ({"deposit_until_ms": NOW_MS - 1}, "out_of_bounds"),
     ({"deposit_until_ms": NOW_MS + 25 * HOUR_MS}, "out_of_bounds"),
     ({"balance_until_ms": NOW_MS + 49 * HOUR_MS}, "out_of_bounds"),
     ({"balance_until_ms": 2**53}, "out_of_bounds")],
)  # fmt: skip
def test_terms_that_cannot_be_are_refused(house: House, terms: dict[str, int], why: str) -> None:
    assert house.place("P1", ("A", 1, 1_000)) == 0
    with pytest.raises(NotDone) as refused:
        house.service.presales.open("web", "P1", TERMS._replace(**terms))
    assert refused.value.reason == why
    assert house.service.presales.listed() == []
    with pytest.raises(NotThere):
        pay(house, "deposit", 300)


def test_only_an_unpaid_order_of_the_own_shop_becomes_one_and_once(house: House) -> None:
    house.paid("paid", ("A", 1, 1_000))
    house.intake.take([order("1", status="unpaid")])
    for channel, name, why in (("web", "paid", "wrong_state"), (TMALL, "1", "wrong_state"),
                               ("web", "none", "unknown_order")):  # fmt: skip
        with pytest.raises(NotDone) as refused:
            house.service.presales.open(channel, name, TERMS)
        assert refused.value.reason == why
    opened(house)
    assert house.service.presales.open("web", "P1", TERMS).state == "deposit_due"
    with pytest.raises(NotDone, match="other terms"):
        house.service.presales.open("web", "P1", TERMS._replace(fate="refunded"))


# -- facts -----------------------------------------------------------------------------------------


def event(kind: str, at: int = 1, fen: int = 1_000, **more: object) -> PresaleEvent:
    told = order("M1", fen=fen, account="ann")
    terms = {"deposit_fen": 300, "balance_fen": 700} | more
    return PresaleEvent(kind, NOW_MS + at, told, **terms)


def hear(house: House, *events: PresaleEvent) -> tuple[str, ...]:
    found = [house.service.presale_facts.hear(TMALL, one, NOW_MS) for one in events]
    return tuple(one.state for one in found)


ORDERS = [
    (("deposit", "balance"), ("deposit_paid", "paid")),
    (("balance", "deposit"), ("paid", "paid")),
    (("deposit", "deposit", "balance", "balance"), ("deposit_paid", "deposit_paid", "paid",
                                                    "paid")),
    (("balance",), ("paid",)),
]  # fmt: skip


@pytest.mark.parametrize(("kinds", "states"), ORDERS)
def test_a_marketplaces_presale_is_one_fact_whichever_event_is_first(
    house: House, kinds: tuple[str, ...], states: tuple[str, ...]
) -> None:
    house.say(f.PutRule("limit", "sku", "A", limits={"account": 1}))
    at = {"deposit": 1, "balance": 9}
    assert hear(house, *(event(kind, at[kind]) for kind in kinds)) == states
    assert house.orders("number", "state", "mask") == [("M1", "recorded", 0)]
    assert house.cell() == {"on_hand": 100, "committed": 1}
    house.gate.turn(NOW_MS)
    assert house.orders("state") == [("released",)]


def test_its_price_is_judged_at_deposit_and_balance_once(house: House) -> None:
    hear(house, event("deposit", fen=400, deposit_fen=100, balance_fen=300))
    assert house.orders("state", "mask") == [("unpaid", 1 << Reason.PRICE_BELOW_FLOOR)]
    hear(house, event("balance", 9, fen=400, deposit_fen=100, balance_fen=300))
    house.gate.turn(NOW_MS)
    assert house.orders("state", "reason") == [("on_hold", Reason.PRICE_BELOW_FLOOR)]


def test_a_late_balance_is_listed_as_overdue_and_still_counts(house: House) -> None:
    hear(house, event("deposit", balance_until_ms=NOW_MS + 50))
    listed = house.service.presale_facts.listed
    assert [one.is_overdue for one in listed(NOW_MS + 50)] == [False]
    assert [one.number for one in listed(NOW_MS + 51, overdue=True)] == ["M1"]
    assert house.cell() == {"on_hand": 100, "pre_held": 1}  # until the platform says otherwise
    hear(house, event("balance", 99))
    assert listed(NOW_MS + 51, overdue=True) == []
    assert house.cell() == {"on_hand": 100, "committed": 1}


def test_the_platform_ends_it_and_says_what_becomes_of_the_deposit(house: House) -> None:
    hear(house, event("deposit"), event("closed", 5, fate="kept"), event("deposit", 7))
    assert house.orders("state") == [("closed",)]
    assert house.cell() == {"on_hand": 100}
    one = house.service.presale_facts.listed(NOW_MS)[0]
    assert (one.state, one.deposit, one.balance, one.flags) == ("closed", "kept", "", ())
    hear(house, event("balance", 9))
    one = house.service.presale_facts.listed(NOW_MS)[0]
    assert (one.state, one.balance, one.flags) == ("closed", "refund_due", ("paid_after_closing",))
    assert house.cell() == {"on_hand": 100}


def test_an_event_that_cannot_be_is_parked_and_nothing_is_recorded(house: House) -> None:
    with pytest.raises(NotDone, match="not what is charged"):
        hear(house, event("deposit", deposit_fen=299))
    assert house.parked() == [("?M1", "malformed: deposit and balance are not what is charged")]
    unmapped = event("deposit")._replace(order=order("M2", item="X"))
    with pytest.raises(NotDone, match="mapped"):
        hear(house, unmapped)
    assert house.orders("number") == []
    assert house.service.presale_facts.listed(NOW_MS) == []


def test_other_terms_later_are_flagged(house: House) -> None:
    hear(house, event("deposit"), event("balance", 9, deposit_fen=200, balance_fen=800))
    assert house.service.presale_facts.listed(NOW_MS)[0].flags == ("terms_changed",)
