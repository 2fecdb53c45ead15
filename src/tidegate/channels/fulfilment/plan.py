"""Which warehouse sends what: pure rules over what warehouses have, the same for the same figures.

Always: exact and without luck; ties end with the warehouse's code. Never: more is taken from a
warehouse than it has free, or part of a demand is planned: it is whole or nothing.
"""

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Literal, NamedTuple

Rule = Literal["fewest_parcels", "nearest", "priority"]
RULES: tuple[Rule, ...] = ("fewest_parcels", "nearest", "priority")
WAREHOUSES_MAX = 24
TOGETHER_MAX = 4  # warehouses that one parcel may be split over
FAR = 1_000_000  # the distance of a region that a warehouse does not name

Demand = Mapping[str, int]


class Site(NamedTuple):
    """One warehouse as a plan sees it: how far it is, and what it has free."""

    code: str
    priority: int
    distance: int
    free: Mapping[str, int]


class Share(NamedTuple):
    """What one warehouse sends."""

    warehouse: str
    units: dict[str, int]


def plan(rule: Rule, demand: Demand, sites: Sequence[Site]) -> list[Share]:
    """Who sends what; empty = together they do not have it, or too many would be needed."""
    if rule == "priority":
        return filled(demand, sorted(sites, key=lambda s: (s.priority, s.distance, s.code)))
    by_distance = sorted(sites, key=lambda s: (s.distance, s.priority, s.code))
    if rule == "nearest":
        return filled(demand, by_distance)
    for count in range(1, min(TOGETHER_MAX, len(sites)) + 1):
        # In this order the first that covers is the nearest of its size.
        found = [chosen for chosen in combinations(by_distance, count) if covers(chosen, demand)]
        if found:
            return filled(demand, min(found, key=_far))
    return []


def covers(sites: Sequence[Site], demand: Demand) -> bool:
    """Whether sites together have everything that is asked for."""
    return all(
        sum(max(0, site.free.get(sku, 0)) for site in sites) >= units
        for sku, units in demand.items()
    )


def filled(demand: Demand, sites: Sequence[Site]) -> list[Share]:
    """Take from the first that has it, then from the next; empty = not whole, or too many."""
    left = dict(demand)
    shares: list[Share] = []
    for site in sites:
        taken = {}
        for sku in sorted(left):
            units = min(left[sku], max(0, site.free.get(sku, 0)))
            if units:
                taken[sku] = units
                left[sku] -= units
        if taken:
            shares.append(Share(site.code, taken))
    if any(left.values()) or len(shares) > TOGETHER_MAX:
        return []
    return shares


def _far(chosen: Sequence[Site]) -> tuple[int, int, tuple[str, ...]]:
    return (
        sum(site.distance for site in chosen),
        sum(site.priority for site in chosen),
        tuple(site.code for site in chosen),
    )
