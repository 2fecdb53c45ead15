"""SKUs that can meet: connected by a promotion, or by promotions of which one requires another.

Always apart from all others: what a basket's lines of one component cost does not depend on its
lines of another. Nothing here prices anything.
"""

from collections.abc import Sequence
from typing import NamedTuple

from tidegate.pricing.book import PriceBook


class Component(NamedTuple):
    """SKU numbers in order, and the mask of the promotions that reach them."""

    skus: tuple[int, ...]
    reach: int


def components_of(book: PriceBook) -> list[Component]:
    """Every SKU in one component; those without promotions each alone."""
    groups = joined_masks(book)
    members: dict[int, list[int]] = {}
    alone = []
    for sku, mask in enumerate(book.masks):
        if mask:
            group = next(group for group in groups if group & mask)
            members.setdefault(group, []).append(sku)
        else:
            alone.append(sku)
    return [Component(tuple(skus), group) for group, skus in members.items()] + [
        Component((sku,), 0) for sku in alone
    ]


def joined_masks(book: PriceBook) -> list[int]:
    """Promotions that share a SKU or require one another, as disjoint masks."""
    links = set(book.masks)
    links.update(1 << rule.place | rule.requires for rule in book.rules)
    return merged(sorted(links))


def merged(masks: Sequence[int]) -> list[int]:
    """Masks that share a bit, as one; those of the answer share none with one another."""
    groups: list[int] = []
    for mask in masks:
        if not mask:
            continue
        apart = []
        whole = mask
        for group in groups:
            if group & whole:
                whole |= group
            else:
                apart.append(group)
        groups = [*apart, whole]
    return groups
