"""The rules of publishing a promotion (发布): what a check gives, what it takes, which state.

Always: what was not proved takes two people, a floor of its own for every SKU it takes below, units
and an end. Never: a verdict is made here; the guard gives it.
"""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from tidegate.pricing.book import PriceBook
from tidegate.pricing.promotion import Promotion, promotion_hash

Verdict = Literal["proved", "below_floor", "unknown"]
PROVED: Final = "proved"
BELOW_FLOOR: Final = "below_floor"
UNKNOWN: Final = "unknown"
BoundKind = Literal["floor", "list_collar", "median_collar"]
FLOOR: Final = "floor"
LIST_COLLAR: Final = "list_collar"
MEDIAN_COLLAR: Final = "median_collar"
EXCEPTIONS_MAX = 200  # more SKUs than that share one exception, with the lowest floor of them
EXCEPTION_MS_MAX = 30 * 86_400_000
GOING_LIVE_LEAD_MS = 60_000  # the check of going live begins so long before the start
DIGEST_SIGNS = 8

# States of a draft, in their order; `scheduled`, `live` and `ended` go by the window alone.
DRAFT, CHECKED, PROPOSED = "draft", "checked", "proposed"
SCHEDULED, LIVE, PAUSED, ENDED = "scheduled", "live", "paused", "ended"
SHADOWED = "shadowed"


class Counterexample(msgspec.Struct, frozen=True, omit_defaults=True):
    """A basket that comes out below the floor, as `price` confirmed it."""

    lines: tuple[tuple[str, int], ...]  # (SKU, units)
    sku: str  # the line that is below
    receivable_fen: int  # what the merchant receives for it
    floor_fen: int  # what it should be at least
    promotions: tuple[str, ...]  # those that did it
    time_ms: int
    buyer: dict[str, str | bool] = {}
    choices: tuple[str, ...] = ()
    receipt: tuple[str, ...] = ()
    receipt_zh: tuple[str, ...] = ()
    bound: BoundKind = FLOOR  # what `floor_fen` is: the floor, or a collar that is higher


class Checked(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the guard said of a configuration."""

    verdict: Verdict
    why: str = ""
    counterexample: Counterexample | None = None
    below: dict[str, int] = {}  # SKUs not known to keep their floor -> the lowest price of a unit
    lowest: dict[str, int] = {}  # certified lowest price of a unit, of some SKUs that it reaches
    skus_touched: int = 0  # how far the change reaches
    skus_total: int = 0
    notes: tuple[str, ...] = ()


def configuration_hash(
    book: PriceBook, floors: Mapping[str, int], proposed: Iterable[Promotion]
) -> str:
    """SHA-256 over what is proposed, all that stands, the catalogue and the floors, in hex."""
    total = hashlib.sha256(b"tidegate checked configuration 1\0")
    for promotion in proposed:
        total.update(promotion_hash(promotion).encode())
    total.update(book.quote.hash.encode())
    total.update(msgspec.json.encode(dict(sorted(floors.items()))))
    return total.hexdigest()


class Allowed(msgspec.Struct, frozen=True):
    """One exception that publishing asks two people for."""

    code: str
    skus: tuple[str, ...]
    floor_fen: int
    units: int


class Terms(msgspec.Struct, frozen=True):
    """What the first person sets: units of each SKU, and floors where none were found."""

    units: int
    units_by_sku: dict[str, Annotated[int, Meta(ge=1)]] = {}
    floors_fen: dict[str, Annotated[int, Meta(ge=0)]] = {}


class TermsRefused(ValueError):
    """Terms under which nothing can be approved; the message says what to add."""


def exceptions_for(
    promotion: Promotion, digest: str, checked: Checked, terms: Terms
) -> list[Allowed]:
    """The exceptions that a promotion needs which was not proved. Raises TermsRefused."""
    floors = checked.below | terms.floors_fen
    if not floors:
        raise TermsRefused("name the SKUs and their lowest prices: the check found none")
    base = exception_base(promotion.code, digest)
    units = {sku: terms.units_by_sku.get(sku, terms.units) for sku in sorted(floors)}
    if len(floors) > EXCEPTIONS_MAX:
        skus = tuple(sorted(floors))
        return [Allowed(f"{base}-0", skus, min(floors.values()), sum(units.values()))]
    return [
        Allowed(f"{base}-{place}", (sku,), floors[sku], units[sku])
        for place, sku in enumerate(sorted(floors))
    ]


def exception_base(code: str, digest: str) -> str:
    """What the codes of a publication's exceptions begin with."""
    return f"{code[:40]}-{digest[:DIGEST_SIGNS]}"


def base_of(exception_code: str) -> str:
    """The inverse: which publication an exception's code belongs to."""
    return exception_code.rpartition("-")[0]


def phase_of(promotion: Promotion, now_ms: int, *, paused: bool) -> str:
    """Where a published promotion stands. Its start belongs to it, its end does not."""
    if now_ms >= promotion.end_ms:
        return ENDED
    if paused:
        return PAUSED
    return LIVE if now_ms >= promotion.start_ms else SCHEDULED


def to_pause(checked: Checked, standing: tuple[Promotion, ...], excepted: set[str]) -> list[str]:
    """Which promotions stop when what stands is no longer proved: the ones that did it.

    Without a counterexample (unknown) it is every one that has no exception. Where those that did
    it are excepted, all, since the exception no longer covers it.
    """
    codes = {promotion.code for promotion in standing}
    if checked.verdict == PROVED:
        return []
    if checked.counterexample is None:
        return sorted(codes - excepted)
    did_it = set(checked.counterexample.promotions) & codes
    return sorted(did_it - excepted or did_it or codes - excepted)
