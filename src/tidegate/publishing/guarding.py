"""Which guard the checks ask, and how: the one place that names it.

Always a function of a book, its floors and a question whether the time is up; the one that keeps
the last proofs gives the same answer, sooner. Never is anything but a proof taken over: what was
below or open is looked at again.
"""

from collections.abc import Callable, Sequence

from tidegate.pricing.book import PriceBook
from tidegate.pricing.guard import answers
from tidegate.pricing.guard.check import Checked, check
from tidegate.pricing.guard.floors import Floors

KEPT_MAX = 3  # what stands, the draft that is edited, and a platform's


def price_guard(book: PriceBook, floors: Floors, is_over: Callable[[], bool]) -> answers.Answer:
    """What the price guard says of a book."""
    return check(book, floors, is_over=is_over).answer


class Guarding:
    """The same guard for check after check: an edit is proved again only where it reaches."""

    def __init__(self) -> None:
        self.proven_anew = 0  # SKUs of the last check that were not taken over
        self._kept: list[Checked] = []

    def __call__(
        self, book: PriceBook, floors: Floors, is_over: Callable[[], bool]
    ) -> answers.Answer:
        """What the price guard says of a book, beside the proof that is nearest to it."""
        before = nearest(self._kept, book)
        done = check(book, floors, before, is_over=is_over)
        self.proven_anew = done.proven_anew
        others = [one for one in self._kept if one is not before or strays(one.book, book)]
        self._kept = [slim(done), *others][:KEPT_MAX]
        return done.answer


def nearest(kept: Sequence[Checked], book: PriceBook) -> Checked | None:
    """The proof whose promotions and SKUs differ least; of equals the last."""
    return min(kept, key=lambda one: strays(one.book, book), default=None)


def strays(one: PriceBook, other: PriceBook) -> int:
    """How many promotions and SKUs of two books are not the same."""
    promotions = {row.code: row for row in one.promotions}
    count = abs(len(one.promotions) - len(other.promotions)) + abs(len(one.skus) - len(other.skus))
    count += sum(promotions.get(row.code) != row for row in other.promotions)
    return count + sum(left != right for left, right in zip(one.skus, other.skus, strict=False))


def slim(done: Checked) -> Checked:
    """A check without its searches, which hold every basket that they priced."""
    return done._replace(rows=tuple(row._replace(searched=None) for row in done.rows))
