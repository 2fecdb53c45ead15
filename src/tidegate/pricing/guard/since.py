"""Which SKUs a change cannot have touched, so that what was proven of them still stands.

Always on the safe side: a SKU is taken over only if everything its proof looked at is the same.
A bound over all others looks at the SKU, its promotions, and the list prices in their scopes; a
search also at the promotions of all that it can meet. Nothing here proves anything.
"""

from collections.abc import Sequence

from tidegate.pricing.book import PriceBook
from tidegate.pricing.guard.components import joined_masks
from tidegate.pricing.guard.floors import Floors
from tidegate.pricing.guard.prove import BY_BOUND, Row
from tidegate.pricing.guard.rest_search import Beside


def unchanged(
    before: Beside,
    old_floors: Floors,
    old_rows: Sequence[Row],
    after: Beside,
    floors: Floors,
) -> dict[int, Row]:
    """The rows of the old check that hold in the new book, by new SKU number.

    Only rows that are at or above the floor are kept: a counterexample is found anew.
    """
    old, new = before.book, after.book
    if old_floors.line_units_max != floors.line_units_max:
        return {}
    if old_floors.waived_fee_fen != floors.waived_fee_fen:
        return {}
    rows_changed = changed_codes(old, new)
    moved = moved_promotions(before, after, rows_changed)
    touched = mask_of_codes(new, moved)
    dirty = moved | reaching(old, rows_changed) | reaching(new, rows_changed)
    dirty = joined_with(new, joined_with(old, dirty))
    apart = ~mask_of_codes(new, joined_with(old, dirty))
    gone = mask_of_codes(old, moved)
    kept = {}
    for sku, row in enumerate(new.skus):
        number = old.number_of.get(row.code)
        if number is None or row.code in rows_changed:
            continue
        mask = new.masks[sku]
        if mask & touched or old.masks[number] & gone:
            continue
        known = old_rows[number]
        if known.fen < floors.fen[sku]:
            continue
        if known.basis == BY_BOUND or not mask & ~apart:
            kept[sku] = known._replace(searched=None)
    return kept


def codes_of(book: PriceBook, mask: int) -> list[str]:
    """The codes of a mask."""
    return [code for place, code in enumerate(book.codes) if mask >> place & 1]


def mask_of_codes(book: PriceBook, codes: set[str]) -> int:
    """The mask of those of some codes that a book has."""
    return sum(1 << place for place, code in enumerate(book.codes) if code in codes)


def reaching(book: PriceBook, skus: set[str]) -> set[str]:
    """The promotions that reach any of some SKUs."""
    mask = 0
    for code in skus:
        if code in book.number_of:
            mask |= book.masks[book.number_of[code]]
    return set(codes_of(book, mask))


def joined_with(book: PriceBook, codes: set[str]) -> set[str]:
    """Some promotions and all that they can meet by way of others."""
    mask = mask_of_codes(book, codes)
    found = set(codes)
    for group in joined_masks(book):
        if group & mask:
            found.update(codes_of(book, group))
    return found


def changed_codes(old: PriceBook, new: PriceBook) -> set[str]:
    """SKUs that are new, gone, or changed in any way (a gift's cost counts for others)."""
    found = set()
    for sku in new.skus:
        number = old.number_of.get(sku.code)
        if number is None or old.skus[number] != sku:
            found.add(sku.code)
    found.update(sku.code for sku in old.skus if sku.code not in new.number_of)
    return found


def moved_promotions(before: Beside, after: Beside, skus: set[str]) -> set[str]:
    """Codes of promotions that differ, or see different SKUs, prices, costs or neighbours."""
    old, new = before.book, after.book
    old_at = {code: place for place, code in enumerate(old.codes)}
    new_at = {code: place for place, code in enumerate(new.codes)}
    found = set(old_at) ^ set(new_at)
    for code in set(old_at) & set(new_at):
        one, two = old_at[code], new_at[code]
        seen = [(b.count[k], b.cheapest[k], b.dearest[k]) for b, k in ((before, one), (after, two))]
        rule = new.rules[two]
        if (
            old.promotions[one] != new.promotions[two]
            or seen[0] != seen[1]
            or codes_of(old, old.rules[one].conflicts) != codes_of(new, rule.conflicts)
            or getattr(rule.effect, "sku", "") in skus
        ):
            found.add(code)
    return found
