"""The guard's question: does any basket go below a floor under these promotions?

Always one of three answers, each with what it rests on. What is not proven counts as below. Nothing
here reads a clock: `is_over` is asked whether time is up.
"""

from collections.abc import Callable
from typing import NamedTuple

from tidegate.pricing.book import PriceBook
from tidegate.pricing.guard.answers import Answer, BelowFloor, Lowest, Proved, Unknown
from tidegate.pricing.guard.components import Component, components_of
from tidegate.pricing.guard.floors import Floors
from tidegate.pricing.guard.pricer import Pricer
from tidegate.pricing.guard.prove import BY_BOUND, EXACT_SKUS_MAX, Nodes, Prover, Row
from tidegate.pricing.guard.rest_search import Beside
from tidegate.pricing.guard.scenes import TooManyScenes, scenes_of
from tidegate.pricing.guard.search import NOTHING_KNOWN
from tidegate.pricing.guard.since import unchanged
from tidegate.pricing.guard.smallest import smallest_of

BELOW_MAX = 64  # SKUs shown to be below; once so many are, the others stay open


class Checked(NamedTuple):
    """An answer, and what it was about: kept, so that the next change need prove less."""

    answer: Answer
    book: PriceBook
    floors: Floors
    rows: tuple[Row, ...]  # by SKU number
    proven_anew: int  # SKUs that were not taken over from the check before
    beside: Beside  # what is known of the book's SKUs


def check(
    book: PriceBook,
    floors: Floors,
    before: Checked | None = None,
    *,
    is_over: Callable[[], bool] = lambda: False,
    nodes: Nodes = Nodes(),  # noqa: B008 -- it cannot be changed
    exact_skus_max: int = EXACT_SKUS_MAX,
) -> Checked:
    """Prove the floors of a book, or find a smallest basket below one.

    `before`: a check of what stood before; what the change cannot have touched is taken over.
    `is_over`: whether the caller's time is up; what is open then is unknown.
    """
    assert len(floors.fen) == len(book.skus), "a floor for every SKU"
    try:
        scenes = scenes_of(book)
    except TooManyScenes:
        return nothing_known(book, floors)
    prover = Prover(Pricer(book, floors), scenes, is_over, nodes)
    rows: dict[int, Row] = {}
    if before is not None:
        rows = unchanged(before.beside, before.floors, before.rows, prover.beside, floors)
    kept = len(rows)
    crowds: list[tuple[int, Component]] = []
    below = 0
    for component in components_of(book):
        if len(component.skus) <= exact_skus_max:
            below += prove_component(prover, component, rows)
        else:
            crowds += [(sku, component) for sku in component.skus if sku not in rows]
    prove_crowds(prover, crowds, rows, below)
    whole = tuple(rows[sku] for sku in range(len(book.skus)))
    return Checked(answer_of(prover, whole), book, floors, whole, len(whole) - kept, prover.beside)


def nothing_known(book: PriceBook, floors: Floors) -> Checked:
    """Nothing could be looked at: every SKU is open."""
    rows = tuple(Row(NOTHING_KNOWN, None, BY_BOUND) for _ in book.skus)
    lowest = tuple(Lowest(row.fen, is_reached=False) for row in rows)
    answer = Unknown(tuple(range(len(rows))), lowest)
    return Checked(answer, book, floors, rows, len(rows), Beside(book))


def prove_component(prover: Prover, component: Component, rows: dict[int, Row]) -> int:
    """The rows of a small component; how many are below."""
    below = 0
    for sku in component.skus:
        if sku not in rows:
            rows[sku] = prover.in_component(sku, component)
        below += rows[sku].is_below(prover.floors_fen[sku])
    return below


def prove_crowds(
    prover: Prover, skus: list[tuple[int, Component]], rows: dict[int, Row], below: int
) -> None:
    """First one bound for each, then searches for those that it leaves open."""
    for sku, _ in skus:
        rows[sku] = prover.by_bound(sku)
    for sku, component in skus:
        floor_fen = prover.floors_fen[sku]
        if rows[sku].fen >= floor_fen:
            continue
        if below >= BELOW_MAX or prover.is_over():
            return
        rows[sku] = prover.in_crowd(sku, rows[sku], component)
        below += rows[sku].is_below(floor_fen)


def answer_of(prover: Prover, rows: tuple[Row, ...]) -> Answer:
    """The answer that the rows add up to."""
    floors_fen = prover.floors_fen
    lowest = tuple(
        Lowest(row.fen, row.best is not None and row.best.fen <= row.fen) for row in rows
    )
    below = tuple(sku for sku, row in enumerate(rows) if row.is_below(floors_fen[sku]))
    remain = tuple(
        sku
        for sku, row in enumerate(rows)
        if row.fen < floors_fen[sku] and not row.is_below(floors_fen[sku])
    )
    if below:
        return BelowFloor(smallest_of(prover, rows, below, remain), below, remain, lowest)
    if remain:
        return Unknown(remain, lowest)
    return Proved(lowest=lowest)
