"""One check of the price guard, as a value in and a value out.

Always answers in its time: what was not proved by then is "unknown", and unknown counts as below
the floor. Every counterexample comes with its receipt. Nothing here knows a shop's files.
"""

import time
from collections.abc import Callable, Sequence

import msgspec

from tidegate.pricing.book import PriceBook
from tidegate.pricing.guard import answers
from tidegate.pricing.guard.floors import Floors
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
    floors_for,
    proposed_book,
    standing_book,
)

TOUCHED_SHARE_BP = 5_000  # a change that reaches more of the catalogue is told
LISTED_MAX = 20
LOWEST_MAX = 10_000


class CheckAsked(msgspec.Struct, frozen=True):
    """What to check: the prices that stand, with promotions to be added (or none)."""

    prices: ShopPrices
    now_ms: int
    proposed: tuple[Promotion, ...] = ()
    budget_s: float = 20.0


class CheckDone(msgspec.Struct, frozen=True):
    """What came of it; `digest` names exactly what was checked."""

    checked: Checked
    digest: str
    version: int


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
        digest = configuration_hash(book, floors_by_code(prices, with_allowances=False), proposed)
    by_code = floors_by_code(prices, with_allowances=True)
    if proposed:  # what they may do is not what was approved of those before them
        codes = {one.code for one in proposed}
        others = tuple(one for one in prices.allowances if one.promotion not in codes)
        rest = msgspec.structs.replace(prices, allowances=others)
        by_code = floors_by_code(rest, with_allowances=True)
    floors = floors_for(book, by_code, prices.line_units_max)
    answer = guard(book, floors, lambda: monotonic_s() > until_s)
    return CheckDone(worded(book, answer, proposed), digest, prices.version)


def worded(book: PriceBook, answer: answers.Answer, proposed: Sequence[Promotion]) -> Checked:
    """An answer with its receipt, the lowest prices, and how far the change reaches."""
    touched = reach_of(book, proposed)
    notes = []
    if len(touched) * 10_000 > len(book.skus) * TOUCHED_SHARE_BP and len(book.skus) > 1:
        every = "every product of the shop" if len(touched) == len(book.skus) else "most products"
        notes.append(f"it reaches {every}: {len(touched)} of {len(book.skus)} SKUs")
    base = Checked(
        PROVED,
        lowest={book.skus[n].code: answer.lowest[n].fen for n in touched[:LOWEST_MAX]},
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
    found = counterexample_of(book, answer.counterexample)
    return msgspec.structs.replace(
        base, verdict=BELOW_FLOOR, counterexample=found, below=dict(sorted(below.items()))
    )


def reach_of(book: PriceBook, proposed: Sequence[Promotion]) -> list[int]:
    """The SKUs that a change reaches; without a change, those that any promotion reaches."""
    if not proposed:
        return [number for number, mask in enumerate(book.masks) if mask]
    return sorted({number for one in proposed for number in book.scopes.reach(one)})


def counterexample_of(book: PriceBook, found: answers.Counterexample) -> Counterexample:
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
    )


def unknown(why: str, digest: str, version: int) -> CheckDone:
    """No answer: it counts as below the floor."""
    return CheckDone(Checked(UNKNOWN, why), digest, version)
