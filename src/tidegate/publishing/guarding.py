"""Which guard the checks ask, and how: the one place that names it.

Always one function of a book, its floors and a question whether the time is up.
"""

from collections.abc import Callable

from tidegate.pricing.book import PriceBook
from tidegate.pricing.guard import answers
from tidegate.pricing.guard.check import check
from tidegate.pricing.guard.floors import Floors


def price_guard(book: PriceBook, floors: Floors, is_over: Callable[[], bool]) -> answers.Answer:
    """What the price guard says of a book."""
    return check(book, floors, is_over=is_over).answer
