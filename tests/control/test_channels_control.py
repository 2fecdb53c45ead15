"""Take a guard of the channels away, and what it guards against happens: each is needed.

Always the real parts with one of them replaced. Never: a guard is believed because a test passes
with it.
"""

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from tidegate.channels import stock_out
from tidegate.channels.offers import OfferTerms
from tidegate.channels.parking import CHANGED
from tidegate.channels.signatures import Seal, Untrusted

RULES = Path(__file__).resolve().parents[1] / "rules"


def load(name: str) -> ModuleType:
    """A test module of the rules, which is no package."""
    spec = importlib.util.spec_from_file_location(f"control_{name}", RULES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


hooks, sales, pools, back = map(
    load,
    ("test_channels_webhook", "test_channels_sales", "test_channels_shares",
     "test_channels_recalls"),
)  # fmt: skip


@pytest.fixture
def house(tmp_path: Path) -> Iterator[object]:
    opened = hooks.made.ChannelHouse(tmp_path)
    yield opened
    opened.close()


def test_without_the_nonce_a_push_counts_twice(
    house: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = hooks.request([hooks.order("1")])
    assert hooks.pushed(house, request)[0] == 200
    assert hooks.pushed(house, request)[0] == 401
    monkeypatch.setattr(Seal, "_require_new", lambda *_: None)
    assert hooks.pushed(house, request)[0] == 200


def test_without_the_window_an_old_push_is_taken(
    house: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = hooks.spoilt("late")
    with pytest.raises(Untrusted, match="set the clock right"):
        hooks.hook(house).take(old)
    monkeypatch.setattr("tidegate.channels.signatures.WINDOW_MS", 1 << 60)
    assert hooks.pushed(house, old)[0] == 200


def test_without_the_comparison_other_content_passes_for_a_repeat(
    house: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    sales.push(house, sales.sale(house, sales.order("1", 2)))
    monkeypatch.setattr("tidegate.channels.sales.is_same", lambda *_: True)
    (other,) = sales.push(house, sales.sale(house, sales.order("1", 3)))
    assert other.duplicate
    assert CHANGED not in str(house.parked())  # type: ignore[attr-defined]


def test_without_room_two_channels_show_more_than_their_pool_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stock_out, "room", lambda units, _shown, _others: units)
    two = pools.Two(tmp_path, 6_000, 4_000)
    try:
        pools.settled(two)
        two.markets[pools.JD].faults.lost_question = 1.0
        terms = OfferTerms(ratio_bp=9_000)
        pools.put_offers(two.house.ledger, pools.TMALL, [("A", "A", terms)])
        terms = OfferTerms(ratio_bp=1_000)
        pools.put_offers(two.house.ledger, pools.JD, [("A", "A", terms)])
        with pytest.raises(AssertionError, match=r"\(90, 40\)"):
            two.turn()
    finally:
        two.house.close()


def test_without_the_scale_ratios_over_all_starve_one_channel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stock_out, "scaled", lambda units, _: units)
    two = pools.Two(tmp_path, 10_000, 10_000)
    try:
        assert pools.settled(two) == (100, 0)
    finally:
        two.house.close()


def test_without_waiting_for_the_feed_a_recall_takes_what_was_sold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf = back.Shelf(tmp_path)
    try:
        monkeypatch.setattr(shelf.recalls, "_feed_of", lambda _: None)
        before = shelf.shared()
        shelf.ask(8)
        shelf.turn(hears=False)
        sold = shelf.market.buy("A", 18, 1_000)
        assert sold is not None
        for _ in range(4):
            shelf.turn(hears=False)
        assert shelf.shared() == before + 8, "eight of the eighteen are gone"
    finally:
        shelf.house.close()
