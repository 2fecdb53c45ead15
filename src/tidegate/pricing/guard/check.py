"""The guard's question: does any basket go below a floor under these promotions?

Always one of three answers, each with what it rests on. What is not proven counts as below. Nothing
here reads a clock: `is_over` is asked whether time is left.
"""

from collections.abc import Callable, Sequence

from tidegate.pricing.book import PriceBook
from tidegate.pricing.guard.answers import (
    Answer,
    BelowFloor,
    Counterexample,
    Lowest,
    Proved,
    Unknown,
)
from tidegate.pricing.guard.components import components_of
from tidegate.pricing.guard.figures import line_figures
from tidegate.pricing.guard.floors import Floors
from tidegate.pricing.guard.pricer import Pricer
from tidegate.pricing.guard.scenes import GONE, among, scenes_of
from tidegate.pricing.guard.search import Effort, Found, Result, Search, smallest
from tidegate.pricing.price import price


def check(
    book: PriceBook,
    floors: Floors,
    is_over: Callable[[], bool] = lambda: False,
    nodes_max: int = 1_000_000,
) -> Answer:
    """Prove the floors of a book, or find the smallest basket below one."""
    assert len(floors.fen) == len(book.skus)
    scenes = scenes_of(book)
    pricer = Pricer(book, floors)
    effort = Effort(nodes_max, is_over)
    lowest: list[Lowest] = [Lowest(0, False)] * len(book.skus)
    below: list[tuple[int, Found, Search]] = []
    remain: list[int] = []
    for component in components_of(book):
        search = Search(pricer, component, among(scenes, component.reach))
        for sku in component.skus:
            result = search.lowest(sku, None, effort)
            lowest[sku] = lowest_of(result)
            if result.best is not None and result.best.fen < floors.fen[sku]:
                below.append((sku, result.best, search))
            elif result.certified_fen < floors.fen[sku]:
                remain.append(sku)
    if below:
        counterexample = smallest_of(below, floors, Effort(nodes_max, is_over))
        return BelowFloor(counterexample, tuple(sorted(row[0] for row in below)), tuple(lowest))
    if remain:
        return Unknown(tuple(sorted(remain)), tuple(lowest))
    return Proved(lowest=tuple(lowest))


def lowest_of(result: Result) -> Lowest:
    """A result as it is certified."""
    is_reached = result.best is not None and result.best.fen <= result.certified_fen
    return Lowest(result.certified_fen, is_reached)


def smallest_of(
    below: Sequence[tuple[int, Found, Search]], floors: Floors, effort: Effort
) -> Counterexample:
    """The smallest counterexample of all components."""
    best: tuple[Found, int, Search] | None = None
    is_certain = True
    searches = {id(search): search for _, _, search in below}
    for key, search in searches.items():
        rows = [row for row in below if id(row[2]) == key]
        found = smallest(search, [row[0] for row in rows], effort, floors.fen)
        if found is None:
            is_certain = False
            found = min(((row[1], row[0]) for row in rows), key=lambda row: size_of(row[0]))
        if best is None or size_of(found[0]) < size_of(best[0]):
            best = (*found, search)
    assert best is not None
    return counterexample_of(*best, floors, is_smallest=is_certain)


def size_of(found: Found) -> tuple[int, int, int]:
    """Units, lines, promotions."""
    return sum(n for _, n in found.units), len(found.units), found.mask.bit_count()


def counterexample_of(
    found: Found, sku: int, search: Search, floors: Floors, *, is_smallest: bool
) -> Counterexample:
    """Price a basket again, with a trace, and see which promotions it takes."""
    pricer = search.pricer
    place = [number for number, _ in found.units].index(sku)
    fees_fen = pricer.fees_fen(found.mask)
    tried = min(
        (
            pricer.tried(
                found.units, found.scene, found.mask, search.component.reach, fee, trace=True
            )
            for fee in fees_fen
        ),
        key=lambda row: row.figures[place],
    )
    floor_fen = floors.fen[sku] * found.units[place][1]
    assert tried.figures[place] < floor_fen, "a counterexample is one that price confirms"
    needed = []
    for total in tried.priced.promotions:
        room = {**tried.how.room, total.promotion: GONE}
        how = tried.how
        again = price(
            search.book, tried.basket, how.buyer, how.choices, how.time_ms, room=room, trace=True
        )
        figures = line_figures(search.book, again, fee_is_cost=bool(floors.waived_fee_fen))
        if figures[place] >= floor_fen:
            needed.append(total.promotion)
    return Counterexample(
        sku=search.book.skus[sku].code,
        basket=tried.basket,
        buyer=tried.how.buyer,
        time_ms=tried.how.time_ms,
        choices=tried.how.choices,
        run_out=tried.how.room,
        priced=tried.priced,
        figure_fen=tried.figures[place],
        floor_fen=floor_fen,
        needed=tuple(needed),
        is_smallest=is_smallest,
    )
