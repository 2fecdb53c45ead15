"""The whole night, small: a real server, a real kill, and a judge that finds every promise kept."""

import json
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from tidegate.demo.crowd import PRODUCTS, make_crowd
from tidegate.demo.night import FLOOR_MS
from tidegate.demo.shops import approved_units
from tidegate.demo.watch_act import POLL_S, WatchFigures, told

SCALE = 0.005
SEED = 20211026


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, dict[str, object]]:
    """What the command printed, and its JSON."""
    file = tmp_path_factory.mktemp("night") / "night.json"
    command = [sys.executable, "-m", "tidegate.cli.main", "demo"]
    options = ["--scale", str(SCALE), "--seed", str(SEED), "--json", str(file)]
    done = subprocess.run([*command, *options], capture_output=True, check=False, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout, json.loads(file.read_bytes())


def test_every_promise_held(played: tuple[str, dict[str, object]]) -> None:
    printed, said = played
    assert said["faults"] == []
    assert "every promise held" in printed
    own = said["verdict"]["own"]  # type: ignore[index]
    for name in (
        "oversold_units",
        "over_approval_units",
        "buyers_over_limit",
        "phones_over_limit",
        "ids_charged_twice",
        "answers_that_differ",
        "acknowledged_but_lost",
        "units_server_differs",
        "unexpected_answers",
    ):
        assert own[name] == 0, name


def test_the_guard_refused_the_wrong_discount_before_the_night(
    played: tuple[str, dict[str, object]],
) -> None:
    guard = played[1]["guard"]
    assert guard["verdict"] == "below_floor"  # type: ignore[index]
    wrong = {product.code: product.wrong_price_fen for product in PRODUCTS}
    assert guard["below"] == wrong  # type: ignore[index]
    assert f"refused in {guard['seconds']:.1f} s: 6 of 6 products" in played[0]  # type: ignore[index]
    for line in guard["receipt"]:  # type: ignore[index]
        assert f"│ {line}" in played[0]


def test_the_watch_stopped_every_shop_that_only_it_could_stop(
    played: tuple[str, dict[str, object]],
) -> None:
    watch = msgspec.convert(played[1]["watch"], WatchFigures)
    assert watch.faults() == []
    for stop in (watch.paced, watch.fast, watch.pushed, watch.polled):
        assert "below half the usual price" in stop.sentence
    assert watch.polled.delay_ms >= POLL_S * 1000 > watch.polled.ours_ms
    assert watch.silent.after_s == pytest.approx(33 * 60, rel=0.1)
    for english, chinese in told(watch):
        assert f"{english} · {chinese}" in played[0]
    own = played[1]["verdict"]["own"]  # type: ignore[index]
    assert "shop_paused" not in json.dumps(own)  # what was announced is not the watch's business


def test_the_whole_crowd_was_answered(played: tuple[str, dict[str, object]]) -> None:
    crowd, verdict = make_crowd(SEED, SCALE), played[1]["verdict"]
    own, market = verdict["own"], verdict["marketplace"]  # type: ignore[index]
    first_sendings = own["answers"] - own["asked_again_after_kill"]
    assert own["accepted_orders"] + own["refused_ids"] == own["ids"]
    assert own["ids"] >= len(crowd.orders)
    assert first_sendings >= len(crowd.attempts)
    assert market["answers"] == len(crowd.attempts)
    assert market["sales"] == len(crowd.orders)


def test_stock_and_approval_each_end_the_sale_where_they_are_smaller(
    played: tuple[str, dict[str, object]],
) -> None:
    crowd = make_crowd(SEED, SCALE)
    own = played[1]["verdict"]["own"]  # type: ignore[index]
    most = [min(pair) for pair in zip(crowd.stock_units, approved_units(crowd), strict=True)]
    assert own["accepted_units_by_sku"] == most
    early = int((crowd.orders["at_ms"] < FLOOR_MS).sum())
    assert played[1]["refused_by_floor_first"] == early
    assert own["refused_by_reason"]["price_below_floor"] == early
    assert set(own["refused_by_reason"]) == {
        "price_below_floor",
        "limit_exceeded",
        "budget_exhausted",
        "stock_short",
    }


def test_the_marketplace_s_debt_is_the_naive_count_and_releases_stay_within_stock(
    played: tuple[str, dict[str, object]],
) -> None:
    market = played[1]["verdict"]["marketplace"]  # type: ignore[index]
    crowd = make_crowd(SEED, SCALE)
    assert market["debt_units"] == market["debt_units_naive"]
    assert market["debt_units"] == market["units"] - sum(crowd.stock_units)
    assert market["released_over_stock_units"] == 0
    assert market["released_buyers_over_limit"] == 0
    assert market["released_orders"] + sum(market["held_by_reason"].values()) == market["sales"]


def test_a_marketplace_that_sells_on_without_a_feed_makes_debts_and_sends_nothing_wrong(
    played: tuple[str, dict[str, object]],
) -> None:
    said = played[1]["stalled"]
    stock, sold, released = said["stock"], said["sold"], said["released"]  # type: ignore[index]
    assert stock == {"lantern": 400, "teapot": 200}
    assert released == {item: min(sold[item], units) for item, units in stock.items()}
    owed = sold["teapot"] - stock["teapot"]
    assert owed > 0
    assert (said["debt_units"], said["debt_units_naive"]) == (owed, owed)  # type: ignore[index]
    assert (said["held_orders"], said["debt_orders"], said["late_orders"]) == (owed, owed, 0)  # type: ignore[index]
    shown = [second["lantern"] for second in said["shown"]]  # type: ignore[index]
    assert (shown[0], shown[-1]) == (400, 0), "what is granted shrinks by itself"
    assert sold["lantern"] < stock["lantern"]
    assert f"{owed} orders on hold, {owed} debts for {owed} units" in played[0]


def test_the_observer_would_have_opened_at_the_third_order(
    played: tuple[str, dict[str, object]],
) -> None:
    crowd = make_crowd(SEED, SCALE)
    opening = played[1]["opening"]
    assert opening["order"] == 2  # type: ignore[index]
    assert opening["at_ms"] == int(crowd.orders["at_ms"][2])  # type: ignore[index]


def test_nothing_is_left_behind(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tidegate.cli.main", "demo", "--scale", "9"]
    done = subprocess.run(command, capture_output=True, check=False, cwd=tmp_path)
    assert done.returncode == 2
    assert list(tmp_path.iterdir()) == []
