"""One check of the price guard, as a value in and a value out.

Always answers in its time: what was not proved by then is "unknown", and unknown counts as below
the floor. Every counterexample comes with its receipt. Nothing here knows a shop's files.
"""

import time
from collections.abc import Callable, Iterator, Sequence

import msgspec

from tidegate.pricing.book import PriceBook
from tidegate.pricing.guard import answers
from tidegate.pricing.guard.compare import Collar
from tidegate.pricing.guard.floors import Floors
from tidegate.pricing.problems import PromotionsRefused
from tidegate.pricing.promotion import Promotion
from tidegate.pricing.publishing import (
    BELOW_FLOOR,
    PROVED,
    UNKNOWN,
    Checked,
    Counterexample,
    configuration_hash,
)
from tidegate.pricing.receipt import CHINESE, ENGLISH, receipt
from tidegate.pricing.standing import (
    ShopPrices,
    floors_by_code,
    proposed_book,
    standing_book,
    without_excepted,
)
from tidegate.publishing.bounds import NO_COLLAR, Bound, bounds_of, guarded, lowered
from tidegate.publishing.budgets import uncounted

TOUCHED_SHARE_BP = 5_000  # a change that reaches more of the catalogue is told
LISTED_MAX = 20
LOWEST_MAX = 10_000


class CheckAsked(msgspec.Struct, frozen=True):
    """What to check: the prices that stand, with promotions to be added (or none).

    `medians_fen`: by SKU, of what was received of late; None where nobody asked for it.
    """

    prices: ShopPrices
    now_ms: int
    proposed: tuple[Promotion, ...] = ()
    budget_s: float = 20.0
    collar: Collar = NO_COLLAR
    medians_fen: dict[str, int] | None = None
    is_shadow: bool = False  # it stands at a platform, which counts for itself


class CheckDone(msgspec.Struct, frozen=True):
    """What came of it; `digest` names exactly what was checked.

    `surroundings` names what it rests on beside the pricing version (see `books`).
    """

    checked: Checked
    digest: str
    version: int
    surroundings: str = ""


# A guard: a book, its floors, and a question whether the time is over.
Guard = Callable[[PriceBook, Floors, Callable[[], bool]], answers.Answer]


def checked(
    asked: CheckAsked, guard: Guard, monotonic_s: Callable[[], float] = time.monotonic
) -> CheckDone:
    """The verdict on what was asked. Raises PromotionsRefused where the proposed is malformed."""
    until_s = monotonic_s() + asked.budget_s
    prices, proposed = asked.prices, asked.proposed
    if not proposed:
        book, _ = standing_book(prices, asked.now_ms)
        digest = book.quote.hash
    else:
        book = proposed_book(prices, proposed, asked.now_ms)
        digest = configuration_hash(book, floors_by_code(prices), proposed)

    if not asked.is_shadow and (problems := uncounted(book, proposed)):
        raise PromotionsRefused(problems)

    def verdict(of: PriceBook, bounds: Sequence[Bound]) -> Checked:
        floors = guarded(bounds, prices.line_units_max)
        answer = guard(of, floors, lambda: monotonic_s() > until_s)
        return worded(of, answer, proposed, bounds)

    # What a proposed one may do is not what was approved of the one before it.
    codes = {one.code for one in proposed}
    allowances = [one for one in prices.allowances if one.promotion not in codes]
    found = verdict(book, lowered(book, bounds_in(asked, book), allowances))
    alone = without_excepted(prices, proposed, asked.now_ms)
    if alone is not None:
        found = together(found, verdict(alone, bounds_in(asked, alone)))
    notes = (*found.notes, *cold_start(asked, book))
    found = msgspec.structs.replace(found, notes=notes)
    return CheckDone(found, digest, prices.version)


def bounds_in(asked: CheckAsked, book: PriceBook) -> list[Bound]:
    """What each SKU of a book may not fall below, whatever was approved."""
    reached = reach_of(book, asked.proposed)
    return bounds_of(
        book, floors_by_code(asked.prices), asked.collar, asked.medians_fen or {}, reached
    )


def together(whole: Checked, alone: Checked) -> Checked:
    """One verdict of both: with what sells under exceptions, and as if it were gone."""
    if alone.verdict == PROVED:
        return whole
    below = dict(whole.below)
    for sku, fen in alone.below.items():
        below[sku] = min(fen, below.get(sku, fen))
    first = whole if whole.verdict != PROVED else alone
    if first.counterexample is None:
        first = alone
    note = "promotions that sell under an exception give no leave to others"
    return msgspec.structs.replace(
        first, below=dict(sorted(below.items())), lowest=whole.lowest, notes=(*whole.notes, note)
    )


def cold_start(asked: CheckAsked, book: PriceBook) -> Iterator[str]:
    """Says of how many SKUs nobody knows what was received of late."""
    if not asked.collar.median_bp or asked.medians_fen is None:
        return
    reached = reach_of(book, asked.proposed)
    without = [number for number in reached if book.skus[number].code not in asked.medians_fen]
    if without:
        yield (
            f"too few days with sales in the last 30 to know what {len(without)} of "
            f"{len(reached)} SKUs bring: those were held against their list price only"
        )


def worded(
    book: PriceBook,
    answer: answers.Answer,
    proposed: Sequence[Promotion],
    bounds: Sequence[Bound],
) -> Checked:
    """An answer with its receipt, the lowest prices, and how far the change reaches."""
    touched = reach_of(book, proposed)
    notes = []
    if len(touched) * 10_000 > len(book.skus) * TOUCHED_SHARE_BP and len(book.skus) > 1:
        every = "every product of the shop" if len(touched) == len(book.skus) else "most products"
        notes.append(f"it reaches {every}: {len(touched)} of {len(book.skus)} SKUs")
    base = Checked(
        PROVED,
        lowest={book.skus[n].code: max(0, answer.lowest[n].fen) for n in touched[:LOWEST_MAX]},
        skus_touched=len(touched),
        skus_total=len(book.skus),
        notes=tuple(notes),
    )
    if isinstance(answer, answers.Proved):
        return base
    if isinstance(answer, answers.Unknown):
        codes = [book.skus[n].code for n in answer.open]
        shown = ", ".join(codes[:LISTED_MAX])
        why = f"not proved in the time given for {len(codes)} SKUs: {shown}"
        floors_fen = {book.skus[n].code: max(0, answer.lowest[n].fen) for n in answer.open}
        return msgspec.structs.replace(base, verdict=UNKNOWN, why=why, below=floors_fen)
    # Of those that stayed open nobody knows better than what is certified: they count as below.
    numbers = sorted({*answer.below, *answer.open})
    below = {book.skus[n].code: max(0, answer.lowest[n].fen) for n in numbers}
    found = counterexample_of(book, answer.counterexample, bounds)
    return msgspec.structs.replace(
        base, verdict=BELOW_FLOOR, counterexample=found, below=dict(sorted(below.items()))
    )


def reach_of(book: PriceBook, proposed: Sequence[Promotion]) -> list[int]:
    """The SKUs that a change reaches; without a change, those that any promotion reaches."""
    if not proposed:
        return [number for number, mask in enumerate(book.masks) if mask]
    return sorted({number for one in proposed for number in book.scopes.reach(one)})


def counterexample_of(
    book: PriceBook, found: answers.Counterexample, bounds: Sequence[Bound]
) -> Counterexample:
    """A counterexample as people and approvals get it."""
    applied = tuple(total.promotion for total in found.priced.promotions)
    return Counterexample(
        lines=tuple((line.sku, line.quantity) for line in found.priced.lines),
        sku=found.sku,
        receivable_fen=found.figure_fen,
        floor_fen=found.floor_fen,
        promotions=found.needed or applied,
        time_ms=found.time_ms,
        buyer=msgspec.to_builtins(found.buyer),
        choices=found.choices,
        receipt=tuple(receipt(found.priced, book.promotions, ENGLISH)),
        receipt_zh=tuple(receipt(found.priced, book.promotions, CHINESE)),
        bound=bounds[book.number_of[found.sku]].kind,
    )


def unknown(why: str, digest: str, version: int) -> CheckDone:
    """No answer: it counts as below the floor."""
    return CheckDone(Checked(UNKNOWN, why), digest, version)
