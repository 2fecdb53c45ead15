"""Which sets of promotions can be on at once: every time cell, buyer class, choice, and run-out.

Always every set: a scene has those that are there whenever its moment and buyer are (`must`) and
those that a buyer may leave or that may have run out (`may`). Nothing here looks at a basket.
"""

from collections.abc import Iterable
from typing import NamedTuple

from tidegate.pricing.book import PriceBook
from tidegate.pricing.promotion import Buyer, Room

GONE = Room(units=0, money_fen=0, uses=0)
SCENES_MAX = 200_000  # moments times classes of buyers; beyond that nothing is proved
HELD_AGAINST = 256  # scenes with the most promotions; leaving none out is right too, only slower


class TooManyScenes(Exception):
    """More moments and buyers than anybody could look at."""


class Scene(NamedTuple):
    """A moment and a buyer, with what is on for them."""

    time_ms: int
    buyer: Buyer
    must: int  # mask
    may: int  # mask; disjoint from `must`


def scenes_of(book: PriceBook) -> tuple[Scene, ...]:
    """A scene for each different pair of masks, the first moment and buyer that have it.

    One has no promotion at all: list prices, after the last window has ended. Raises
    TooManyScenes.
    """
    free = book.chosen_mask | book.may_run_out_mask
    found: dict[tuple[int, int], Scene] = {}
    moments: dict[int, int] = {}
    for time_ms in book.time_cells():
        moments.setdefault(book.on_at(time_ms), time_ms)
    classes = [(book.open_to(buyer), buyer) for buyer in book.buyer_classes()]
    if len(moments) * len(classes) > SCENES_MAX:
        raise TooManyScenes
    for on, time_ms in moments.items():
        for open_to, buyer in classes:
            mask = on & open_to
            masks = (mask & ~free, mask & free)
            if masks not in found:
                found[masks] = Scene(time_ms, buyer, *masks)
    found.setdefault((0, 0), Scene(book.edges_ms[-1] if book.edges_ms else 0, Buyer(), 0, 0))
    return tuple(found.values())


def among(scenes: Iterable[Scene], reach: int) -> list[Scene]:
    """The scenes as far as the promotions of `reach` go, none among another's."""
    seen: dict[tuple[int, int], Scene] = {}
    for scene in scenes:
        key = (scene.must & reach, scene.may & reach)
        if key not in seen:
            seen[key] = scene._replace(must=key[0], may=key[1])
    kept: list[Scene] = []
    for scene in sorted(seen.values(), key=lambda s: -(s.must | s.may).bit_count()):
        if not any(is_among(scene, other) for other in kept[:HELD_AGAINST]):
            kept.append(scene)
    return kept


def is_among(scene: Scene, other: Scene) -> bool:
    """Whether every set of `scene` is one of `other`."""
    return not other.must & ~scene.must and not (scene.must | scene.may) & ~(other.must | other.may)


class How(NamedTuple):
    """What to ask `price` so that exactly the promotions of a mask take part."""

    buyer: Buyer
    time_ms: int
    choices: tuple[str, ...]
    room: dict[str, Room]  # those that have run out


def how_to(book: PriceBook, scene: Scene, mask: int, reach: int) -> How:
    """The choices and run-outs of a set among `reach`; outside of it nothing is chosen."""
    active = book.active_mask(scene.buyer, scene.time_ms)
    choices = []
    room = {}
    for place, code in enumerate(book.codes):
        bit = 1 << place
        if not active & bit & reach:
            continue
        if mask & bit:
            if book.chosen_mask & bit:
                choices.append(code)
        elif not book.chosen_mask & bit:
            room[code] = GONE
    return How(scene.buyer, scene.time_ms, tuple(choices), room)
