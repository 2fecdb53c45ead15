"""A real `tidegate serve` and a real Vendure, each killed while the other goes on.

Always ends with both sides' books compared, order by order. Never: a state is believed that
Vendure's database does not show.
"""

import time

from beside_vendure import CHANNEL, Beside
from beside_vendure import SERVED_STOCK as STOCK
from vendure_shop import Buyer, VendureShop, until

HANGING_MS = 3_000  # of a feed that is polled every second


def silent_ms(beside: Beside) -> int:
    """How long the feed has not been heard; it is written after each poll."""
    (heard_ms,) = beside.ask("SELECT heard_ms FROM feed WHERE channel = ?", CHANNEL)[0]
    return time.time_ns() // 1_000_000 - int(heard_ms)


def offered(vendure: VendureShop, beside: Beside, sku: str) -> str:
    """A variant whose shelf follows its pool; its id."""
    variant = vendure.put_variant(sku, 0)
    beside.offer(sku)
    until(lambda: vendure.saleable(sku) == STOCK, "shown", told=beside.told)
    return variant


def test_nothing_is_lost_or_twice_when_tidegate_dies_in_the_middle_of_a_poll(
    vendure: VendureShop, beside: Beside
) -> None:
    variant = offered(vendure, beside, "polled")
    codes = [Buyer(vendure, f"polled{n}").buy(variant) for n in range(3)]
    vendure.freeze()
    until(lambda: silent_ms(beside) > HANGING_MS, "a poll hangs", told=beside.told)
    beside.kill()
    vendure.thaw()
    codes += [Buyer(vendure, f"polled{n}").buy(variant) for n in range(3, STOCK)]
    beside.start()
    beside.settle("polled", codes)
    assert sorted(beside.orders("polled")) == sorted(codes)
    assert vendure.handed_over("polled") == vendure.sold("polled") == STOCK


def test_a_vendure_that_was_killed_is_said_and_taken_up_again(
    vendure: VendureShop, beside: Beside
) -> None:
    variant = offered(vendure, beside, "killed")
    before = [Buyer(vendure, f"killed{n}").buy(variant) for n in range(2)]
    vendure.kill()
    until(lambda: "ConnectionRefusedError" in beside.say("status"), "said")
    vendure.start()
    vendure.log_in()
    after = [Buyer(vendure, f"killed{n}").buy(variant) for n in range(2, 4)]
    beside.settle("killed", before + after)
    assert vendure.handed_over("killed") == 4
    until(lambda: "current" in beside.say("status"), "heard again", told=beside.told)


def test_what_was_sold_beyond_the_stock_is_a_debt_that_a_person_closes(
    vendure: VendureShop, beside: Beside
) -> None:
    variant = offered(vendure, beside, "owed")
    codes: list[str] = []
    while len(codes) <= STOCK:  # over there somebody types a wrong number, again and again
        vendure.update_variant("owed", outOfStockThreshold=-50, enabled=True)
        codes += filter(None, [Buyer(vendure, f"owed{len(codes)}").buy(variant)])
    beside.settle("owed", codes)
    assert (vendure.sold("owed"), vendure.handed_over("owed")) == (STOCK + 1, STOCK)
    until(lambda: len(beside.debts("owed")) == 1, "listed", told=beside.told)
    (number,) = beside.debts("owed")
    assert beside.orders("owed", "state <> 'released'") == [number]
    beside.say("debt", CHANNEL, number, "--way", "close", "--as", "bench")
    until(lambda: not beside.debts("owed"), "closed", told=beside.told)
    assert vendure.state(number) == "Cancelled"
    assert vendure.paid_back(number) == 1_600  # the unit and the courier
    assert vendure.handed_over("owed") == vendure.sold("owed") == STOCK


def test_a_stop_takes_everything_off_the_shelf_and_is_read_back(
    vendure: VendureShop, beside: Beside
) -> None:
    variant = offered(vendure, beside, "stopped")
    beside.say("stop", CHANNEL)
    until(lambda: vendure.saleable("stopped") == 0 and not vendure.is_enabled("stopped"), "off")
    until(lambda: "delist: done" in beside.say("status"), "read back", told=beside.told)
    said = beside.say("status")
    assert "audit: done" in said
    assert "activity: done" in said
    assert not Buyer(vendure, "too-late").buy(variant)
    beside.say("resume", CHANNEL)
    until(lambda: vendure.saleable("stopped") == STOCK and vendure.is_enabled("stopped"), "on")
    assert Buyer(vendure, "early").buy(variant)


def test_no_password_stands_anywhere_but_in_its_file(vendure: VendureShop, beside: Beside) -> None:
    secret = vendure.password.encode()
    holders = [path.name for path in beside.folder.rglob("*")
               if path.is_file() and secret in path.read_bytes()]  # fmt: skip
    assert holders == ["vendure.password"]
