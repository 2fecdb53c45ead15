"""Pushed orders: signed, new and readable ones are taken in; everything else changes nothing."""

import importlib.util
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from tidegate.channels.feeds import Feed, FeedTerms
from tidegate.channels.ledger import Ledger
from tidegate.channels.signatures import (
    BODY_BYTES_MAX,
    NONCE,
    SIGNATURE,
    TIME,
    WINDOW_MS,
    Request,
    Seal,
    Untrusted,
    signed,
)
from tidegate.channels.webhook import Webhook
from tidegate.channels.wire import BadBody
from tidegate.desk.answers import DeskBusy

spec = importlib.util.spec_from_file_location(
    "channels_house", Path(__file__).with_name("channels_house.py")
)
assert spec is not None
assert spec.loader is not None
made = importlib.util.module_from_spec(spec)
spec.loader.exec_module(made)
House = made.ChannelHouse
order, NOW_MS = made.order, made.NOW_MS
KEY = b"k" * 32
PATH = "/v1/shops/one/channels/tmall/webhook"


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    opened = made.ChannelHouse(tmp_path)
    yield opened
    opened.close()


def hook(house: House) -> Webhook:
    feed = Feed(house.intake, house.ledger, None, FeedTerms())
    return Webhook(Seal(KEY, house.ledger), house.intake, feed, lambda: NOW_MS)


def pushed(house: House, sent: Request) -> tuple[int, object]:
    """The status that the door gives it, and what was counted."""
    try:
        return 200, hook(house).take(sent)._asdict()
    except Untrusted as why:
        return 401, str(why)
    except BadBody as why:
        return 422, str(why)
    except DeskBusy as why:
        return 503, str(why)


def request(orders: object, nonce: str = "nonce0001", **how: object) -> Request:
    body = how.get("body", msgspec.json.encode({"orders": orders}))
    assert isinstance(body, bytes)
    headers = signed(KEY, int(how.get("at", NOW_MS)), nonce, "POST", PATH, body)  # type: ignore[arg-type]
    return Request("POST", PATH, headers, body)


def test_a_pushed_order_is_durable_when_it_is_answered(house: House) -> None:
    assert pushed(house, request([order("1", 2), order("2", item="none")])) == (
        200, {"heard": 2, "recorded": 1, "parked": 1, "changed": 0, "repeated": 0},
    )  # fmt: skip
    assert house.cell() == {"on_hand": 100, "committed": 2}
    assert pushed(house, request([order("1", 2)], "nonce0002"))[0] == 200
    assert house.cell() == {"on_hand": 100, "committed": 2}


def test_a_heartbeat_says_that_the_feed_is_current(house: House) -> None:
    feed = Feed(house.intake, house.ledger, None, FeedTerms())
    assert feed.state(NOW_MS).why == "nothing was heard yet"
    assert pushed(house, request([]))[0] == 200
    assert feed.state(NOW_MS).is_current
    late = feed.state(NOW_MS + 660_000)
    assert (late.is_current, late.why) == (False, "silent for 660 s")


def spoilt(how: str) -> Request:
    """A good request of which one thing is not."""
    good = request([order("1")])
    headers = dict(good.headers)
    match how:
        case "unsigned":
            del headers[SIGNATURE]
        case "other body":
            return good._replace(body=good.body + b" ")
        case "other path":
            return good._replace(path=PATH.replace("tmall", "jd"))
        case "other method":
            return good._replace(method="PUT")
        case "other key":
            headers = signed(b"x" * 32, NOW_MS, "nonce0001", "POST", PATH, good.body)
        case "late":
            return request([order("1")], at=NOW_MS - WINDOW_MS - 1)
        case "early":
            return request([order("1")], at=NOW_MS + WINDOW_MS + 1)
        case "no time":
            headers[TIME] = "now"
        case "other nonce":
            headers[NONCE] = "nonce0002"
        case "short nonce":
            return request([order("1")], nonce="n")
        case "not ascii":
            headers[SIGNATURE] = "v1=é"
        case "large":
            return request([], body=b" " * (BODY_BYTES_MAX + 1))
    return good._replace(headers=headers)


@pytest.mark.parametrize(
    "how",
    ["unsigned", "other body", "other path", "other method", "other key", "late", "early",
     "no time", "other nonce", "short nonce", "not ascii", "large"],
)  # fmt: skip
def test_what_is_not_signed_changes_nothing(house: House, how: str) -> None:
    assert pushed(house, spoilt(how))[0] == 401
    assert house.orders("number") == house.parked() == []


def test_a_signature_counts_once_also_after_a_restart(house: House) -> None:
    assert pushed(house, request([order("1")]))[0] == 200
    assert pushed(house, request([order("1")]))[0] == 401
    house.kill()
    house.open()
    assert pushed(house, request([order("1")]))[0] == 401


def test_nonces_are_kept_no_longer_than_they_could_be_used(house: House, tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "other.db")
    seal = Seal(KEY, ledger)
    for n in range(5):
        now_ms = NOW_MS + n * 3 * WINDOW_MS
        seal.require(request([], f"nonce000{n}", at=now_ms), now_ms)
    assert ledger.one("SELECT count(*) FROM nonce") == (1,)
    ledger.close()


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"orders": 7}', b"\xff", b"[" * 100_000])
def test_what_cannot_be_read_is_told_so(house: House, body: bytes) -> None:
    assert pushed(house, request([], body=body))[0] == 422
    assert house.orders("number") == house.parked() == []


def test_one_malformed_order_is_parked_by_its_number_and_the_others_taken(house: House) -> None:
    bad = {"number": "7", "quantity": -1, "who": "13800138000"}
    assert pushed(house, request([bad, order("1"), "text"]))[0] == 200
    assert [number for number, _ in house.parked()] == ["?7", f"?push {NOW_MS} order 2"]
    assert "13800138000" not in str(house.parked())
    assert house.orders("number") == [("1",)]


def test_a_busy_desk_says_later_and_the_same_push_again_counts_once(house: House) -> None:
    kept = house.shop.place_rows

    def busy(_: object) -> None:
        raise DeskBusy(0.0)

    house.shop.place_rows = busy
    assert pushed(house, request([order("1")]))[0] == 503
    house.shop.place_rows = kept
    assert pushed(house, request([order("1")], "nonce0002"))[0] == 200
    house.intake.resume()
    assert house.orders("number", "state") == [("1", "recorded")]
