"""Which buyers promotions tell apart: the words they ask for, and one buyer of every class.

Always one class for words that the same promotions ask for, so a hundred regions that one promotion
names are one. Nothing here knows who a buyer is.
"""

from collections.abc import Callable, Iterable, Sequence
from itertools import product

from tidegate.pricing.promotion import Buyer, Buyers, Codes, Promotion

Words = Callable[[Buyers], Codes]
CLASSES_MAX = 4_096  # a proof looks at every class at every moment


class Axes:
    """The words that any promotion asks of a buyer; every other word counts as none."""

    def __init__(self, promotions: Sequence[Promotion]) -> None:
        buyers = [promotion.buyers for promotion in promotions]
        self.news = any(condition.new is not None for condition in buyers)
        self.levels = frozenset(word for condition in buyers for word in condition.levels)
        self.regions = frozenset(word for condition in buyers for word in condition.regions)
        self.channels = frozenset(word for condition in buyers for word in condition.channels)
        self._words = (
            one_of_each(buyers, lambda condition: condition.levels),
            one_of_each(buyers, lambda condition: condition.regions),
            one_of_each(buyers, lambda condition: condition.channels),
        )

    def place_of(self, buyer: Buyer) -> Buyer:
        """The buyer with only what a promotion asks for."""
        return Buyer(
            self.news and buyer.new,
            buyer.level if buyer.level in self.levels else "",
            buyer.region if buyer.region in self.regions else "",
            buyer.channel if buyer.channel in self.channels else "",
        )

    @property
    def count(self) -> int:
        """How many buyers `buyers` gives."""
        count = 2 if self.news else 1
        for words in self._words:
            count *= len(words)
        return count

    def buyers(self) -> Iterable[Buyer]:
        """Every combination of words that differ, in a fixed order."""
        news = (False, True) if self.news else (False,)
        return (Buyer(*words) for words in product(news, *self._words))


def one_of_each(buyers: Sequence[Buyers], words_of: Words) -> tuple[str, ...]:
    """No word, and the first of all words that the same promotions name."""
    named: dict[str, list[int]] = {}
    for place, condition in enumerate(buyers):
        for word in words_of(condition):
            named.setdefault(word, []).append(place)
    first: dict[tuple[int, ...], str] = {}
    for word in sorted(named):
        first.setdefault(tuple(dict.fromkeys(named[word])), word)
    return ("", *sorted(first.values()))


def words_in(condition: Buyers) -> int:
    """How many words a condition names."""
    return len(condition.levels) + len(condition.regions) + len(condition.channels)


def holds_for(condition: Buyers, buyer: Buyer) -> bool:
    """Whether every condition that is set holds for the buyer."""
    return (
        (condition.new is None or condition.new == buyer.new)
        and (not condition.levels or buyer.level in condition.levels)
        and (not condition.regions or buyer.region in condition.regions)
        and (not condition.channels or buyer.channel in condition.channels)
    )
