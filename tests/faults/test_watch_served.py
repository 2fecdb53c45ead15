"""The watch in a real `tidegate serve`: how soon it stops a shop, and what kills it does not lose.

Always the command line, HTTP and signals; only processes started here are signalled.
"""

import importlib.util
import os
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tidegate.demo.shop_api import CallRefused
from tidegate.followers.status import read_status
from tidegate.watch.heartbeat import DEAD_S

spec = importlib.util.spec_from_file_location(
    "watched_shop", Path(__file__).with_name("watched_shop.py")
)
assert spec is not None
assert spec.loader is not None
house = importlib.util.module_from_spec(spec)
spec.loader.exec_module(house)

Shop = Any  # WatchedShop


@pytest.fixture(scope="module")
def served() -> Iterator[Shop]:
    """Three shops, served and watched; a short path: a Unix socket lies in it."""
    with tempfile.TemporaryDirectory(prefix="watch-") as folder:
        made = house.WatchedShop(Path(folder), ("pace", "killed", "live"))
        try:
            made.open()
            yield made
        finally:
            made.close()


@pytest.fixture(scope="module")
def unwatched() -> Iterator[Shop]:
    """Two shops with the watch switched off."""
    with tempfile.TemporaryDirectory(prefix="watch-") as folder:
        made = house.WatchedShop(Path(folder), ("night", "down"), "--no-watch")
        try:
            made.open(is_watched=False)
            yield made
        finally:
            made.close()


def promotion(code: str) -> dict[str, Any]:
    """A tenth off everything, for an hour."""
    now_ms = time.time_ns() // 1_000_000
    return {
        "code": code, "level": "item", "effect": {"kind": "percent_off", "pay_bp": 9_000},
        "scope": {"all": True}, "start_ms": now_ms, "end_ms": now_ms + 3_600_000,
    }  # fmt: skip


def published(shop: Shop, code: str) -> str:
    """Draft, check, publish; the reason."""
    path = f"{shop.path}/drafts/{code}"
    shop.api.call("PUT", path, {"promotion": promotion(code)})
    digest = shop.api.call("POST", f"{path}/check", {})["digest"]
    try:
        return str(shop.api.call("POST", f"{path}/publish", {"digest": digest})["reason"])
    except CallRefused as error:
        return str(error)


def turned(shop: Shop, verb: str) -> tuple[bool, bool]:
    """Both people; whether the first had to wait, and whether it is in force then."""
    body = {"scope": "shop", "reason": "the price is right again"}
    first = shop.api.call("POST", f"{shop.path}/breaker/{verb}", body)
    second = shop.deputy.call("POST", f"{shop.path}/breaker/{verb}", body)
    return first["waits_for_second"], second["in_force"]


def killed_and_back(shop: Shop) -> None:
    """The watch is killed; the desk goes on; a wrong order comes; the watch is back."""
    killed = shop.beat().process_id
    assert killed > 1
    os.kill(killed, signal.SIGKILL)
    assert shop.order(house.LIST_FEN) == "accepted"
    shop.order()
    shop.until(lambda: shop.beat().process_id != killed and shop.is_watched())


def test_at_the_published_pace_the_shop_is_stopped_within_five_orders_and_a_second(
    served: Shop,
) -> None:
    shop = served.at("pace")
    began_s = time.monotonic()
    reasons = shop.crowd(400)
    took_s = time.monotonic() - began_s
    accepted, load = reasons.count("accepted"), os.getloadavg()[0]
    print(
        f"stopped after {accepted} orders, {took_s * 1000:.0f} ms at 78 a second, load {load:.1f}"
    )
    # Who waits for a processor waits longer than an order: then the second alone is asked for.
    assert accepted <= (5 if load < 2 * (os.cpu_count() or 1) else 78)
    assert took_s <= 1.0
    assert shop.order(house.LIST_FEN) == "shop_paused"
    assert (shop.latched()["phase"], shop.latched()["level"]) == ("open", "pause_shop")
    first = shop.alarms()[0]
    assert (first.level, first.switch, first.state) == (4, "shop:", "open")
    assert "orders below half the usual price, the last at 3.8% of it" in first.sentence
    with pytest.raises(CallRefused, match="breaker_open"):
        shop.api.call("POST", f"{shop.path}/resume", {"id": "again", "scope": "shop"})
    assert turned(shop, "half-open") == (True, True)
    assert shop.order(house.LIST_FEN, 2) == "order_too_large"
    shop.api.call("PUT", f"{shop.path}/policy", {"id": "more", "quantity_max_order": 900})
    policy = lambda: shop.api.call("GET", f"{shop.path}/policy")["quantity_max_order"]  # noqa: E731
    shop.until(lambda: policy() == 1, 30.0)  # what is lifted past the breaker is stopped again
    assert "lifted past the breaker" in shop.breaker()["history"][0]["why"]


def test_a_watch_that_is_killed_loses_no_alarm_and_the_latch_holds(served: Shop) -> None:
    shop = served.at("killed")
    killed_and_back(shop)
    shop.crowd(400)
    shop.latched()
    keys = [alarm.key for alarm in shop.alarms()]
    assert Counter(keys).most_common(1)[0][1] == 1
    assert [alarm.id for alarm in shop.alarms()] == list(range(1, len(keys) + 1))
    shop.server.kill()  # every process of it
    shop.server.start()
    shop.until(shop.is_watched)
    assert shop.order(house.LIST_FEN) == "shop_paused"
    assert shop.latched()["phase"] == "open"
    assert [alarm.key for alarm in shop.alarms()] == keys


def test_one_command_stops_the_shop_when_everything_but_the_desk_is_down(unwatched: Shop) -> None:
    shop = unwatched.at("down")
    shop.until(lambda: read_status(shop.store).process_id)
    followers = read_status(shop.store).process_id
    assert followers > 1
    os.kill(followers, signal.SIGSTOP)
    try:
        shop.break_views()
        shop.break_latch()
        done = shop.ask("stop", "--reason", "every price is wrong")
        assert done.returncode == 0, done.stderr
        assert "shop down is stopped" in done.stdout
        assert "latch could not be written" in done.stderr
        assert shop.order(house.LIST_FEN) == "shop_paused"
    finally:
        os.kill(followers, signal.SIGCONT)
        os.kill(followers, signal.SIGKILL)  # it would mend the views
    shop.paths.watch.rmdir()
    assert "nothing is stopped by the breaker" in shop.ask("watch", "breaker").stdout


def test_nothing_new_goes_live_while_nobody_watches(served: Shop) -> None:
    shop = served.at("live")
    assert published(shop, "FIRST") == "accepted"
    watching = shop.beat().process_id
    assert watching > 1
    os.kill(watching, signal.SIGSTOP)  # alive, and says nothing
    try:
        shop.until(lambda: time.monotonic() - shop.beat().monotonic_s > DEAD_S)
        began_s = time.monotonic()
        refused = published(shop, "SECOND")
        assert "not_publishable" in refused
        assert "the watch has said nothing for" in refused
        assert "see `tidegate status`" in refused
        print(f"refused after {time.monotonic() - began_s:.1f} s")
        assert shop.order(house.LIST_FEN) == "accepted"
    finally:
        os.kill(watching, signal.SIGCONT)
    assert published(shop, "THIRD") == "accepted"


def test_with_the_watch_switched_off_a_night_costs_no_more_than_its_budget(
    unwatched: Shop,
) -> None:
    shop = unwatched.at("night")
    assert "the watch is switched off" in published(shop, "P")
    done = shop.ask("watch", "limits", "--set", "--only", "loss")
    assert done.returncode == 0, done.stderr
    rules = {row["code"]: row for row in shop.api.call("GET", f"{shop.path}/rules")["items"]}
    budget = rules["shop.watch-loss-shop"]["budget"]
    assert budget == 234_000  # half of three days at one unit of each of six SKUs
    reasons = [shop.order() for _ in range(60)]
    lost = reasons.count("accepted") * (house.LIST_FEN - house.WRONG_FEN)
    print(f"lost {lost / 100:,.2f} of {budget / 100:,.2f} yuan, then refused")
    assert Counter(reasons) == {"accepted": 9, "budget_exhausted": 51}
    assert lost == 225_000
    assert shop.order(house.LIST_FEN) == "accepted"  # at list price the shop goes on
    assert shop.ask("watch", "limits", "--set").returncode == 0
    assert shop.order(house.LIST_FEN, 51) == "order_too_large"
    assert shop.order() == "price_below_floor"
    shown = shop.ask("watch", "limits").stdout
    assert "sku A: lowest price 价格下限 104.00 stands 已设" in shown
