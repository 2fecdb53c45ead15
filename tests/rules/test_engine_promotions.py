"""Publishing: what was checked comes into force, at the version it was checked at, or never."""

from collections.abc import Iterator

import pytest

from tidegate.domain.reasons import Reason
from tidegate.engine import layout as lo
from tidegate.record import facts as f
from tidegate.testing.scene import ANNA, BERT, Scene, stocked

DIGEST = "a" * 64
HOUR_MS = 3_600_000


@pytest.fixture
def shop() -> Iterator[Scene]:
    scene = stocked()
    yield scene
    assert scene.sound()


def version(shop: Scene) -> int:
    """The pricing version in force."""
    return int(shop.machine.state.scalars[lo.PRICING_VERSION])


def publish(shop: Scene, code: str = "P", **fields: object) -> f.PublishPromotion:
    """A command as the publisher makes it."""
    given = {
        "document": '{"code":"P"}',
        "digest": DIGEST,
        "expected_version": version(shop),
        **fields,
    }
    return f.PublishPromotion(code, **given)  # type: ignore[arg-type]


def approve(shop: Scene, code: str = "E") -> None:
    """An exception that two people approved."""
    expires_ms = shop.now_ms + HOUR_MS
    shop.do(f.ApproveException(code, ["A"], 100, 10, expires_ms), actor=ANNA, approver=BERT)


def test_a_published_document_is_kept_and_older_quotes_are_stale(shop: Scene) -> None:
    quoted = version(shop)
    assert shop.tell(publish(shop)).reason is Reason.ACCEPTED
    assert shop.machine.catalogue.published == {"P": '{"code":"P"}'}
    assert version(shop) == quoted + 1
    stale = shop.order(shop.line("B", pricing_version=quoted))
    assert stale.reason is Reason.PRICE_CHANGED
    assert shop.order(shop.line("B", pricing_version=quoted + 1)).ok
    assert shop.order(shop.line("B", pricing_version=0)).ok  # it carries no quote


@pytest.mark.parametrize("moved", ["sku", "promotion", "withdrawn"])
def test_what_was_checked_at_another_version_is_refused(shop: Scene, moved: str) -> None:
    shop.do(publish(shop, "Q"))
    command = publish(shop)
    if moved == "sku":
        shop.do(f.PutSku("A", 1_000, cost_floor_fen=700))
    elif moved == "promotion":
        shop.do(publish(shop, "R"))
    else:
        shop.do(f.WithdrawPromotion("Q"))
    assert shop.tell(command).reason is Reason.PRICING_MOVED
    assert "P" not in shop.machine.catalogue.published


@pytest.mark.parametrize("verdict", ["below_floor", "unknown"])
def test_what_was_not_proved_needs_two_people_and_an_exception(shop: Scene, verdict: str) -> None:
    approve(shop)
    unproved = {"verdict": verdict, "exception": "E"}
    assert shop.tell(publish(shop, **unproved)).reason is Reason.APPROVAL_MISSING
    alone = shop.tell(publish(shop, **unproved), actor=ANNA, approver=ANNA)
    assert alone.reason is Reason.APPROVAL_MISSING
    nameless = shop.tell(publish(shop, verdict=verdict), actor=ANNA, approver=BERT)
    assert nameless.reason is Reason.UNKNOWN_TARGET
    assert shop.tell(publish(shop, **unproved), actor=ANNA, approver=BERT).reason is Reason.ACCEPTED
    assert shop.machine.catalogue.published_exceptions == {"P": 1}


def test_an_exception_that_ended_sells_nothing(shop: Scene) -> None:
    approve(shop)
    shop.wait(s=3_601)
    late = publish(shop, verdict="unknown", exception="E")
    assert shop.tell(late, actor=ANNA, approver=BERT).reason is Reason.UNKNOWN_TARGET
    approve(shop, "F")
    shop.do(f.EndException("F"))
    ended = publish(shop, verdict="unknown", exception="F")
    assert shop.tell(ended, actor=ANNA, approver=BERT).reason is Reason.UNKNOWN_TARGET


@pytest.mark.parametrize(
    "fields",
    [{"document": ""}, {"document": "x" * (f.DOCUMENT_BYTES_MAX + 1)}, {"digest": "ab"},
     {"verdict": "fine"}, {"code": "\n"}],
)  # fmt: skip
def test_bounds(shop: Scene, fields: dict[str, object]) -> None:
    assert shop.tell(publish(shop, **fields)).reason is Reason.OUT_OF_BOUNDS


def test_withdrawn_and_paused_promotions_end_every_quote(shop: Scene) -> None:
    shop.do(publish(shop))
    quoted = version(shop)
    shop.do(f.SetFlag("promotion", "paused", on=True, target="P"))
    assert shop.order(shop.line("B", pricing_version=quoted)).reason is Reason.PRICE_CHANGED
    quoted = version(shop)
    shop.do(f.SetFlag("promotion", "alarm", on=True, target="P"))  # moves no price
    assert shop.order(shop.line("B", pricing_version=quoted)).ok
    assert shop.tell(f.WithdrawPromotion("P")).reason is Reason.ACCEPTED
    assert shop.machine.catalogue.published == {}
    assert shop.order(shop.line("B", pricing_version=quoted)).reason is Reason.PRICE_CHANGED
    assert shop.tell(f.WithdrawPromotion("P")).reason is Reason.UNKNOWN_TARGET
