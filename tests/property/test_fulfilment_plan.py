"""Sourcing plans against every way there is to send something, tried out one by one."""

from itertools import product

from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.channels.fulfilment.plan import RULES, TOGETHER_MAX, Rule, Site, plan

SKUS = ("A", "B")
counts = st.integers(-1, 4)
sites = st.lists(
    st.builds(
        Site, st.sampled_from("abcdef"), st.integers(0, 2), st.integers(0, 3),
        st.fixed_dictionaries(dict.fromkeys(SKUS, counts)),
    ),
    max_size=5, unique_by=lambda site: site.code,
)  # fmt: skip
demands = st.dictionaries(st.sampled_from(SKUS), st.integers(1, 6), min_size=1)


def fewest(demand: dict[str, int], found: list[Site]) -> int | None:
    """The smallest number of warehouses that have everything together, by trying all subsets."""
    sizes = []
    for mask in product((0, 1), repeat=len(found)):
        chosen = [site for site, is_in in zip(found, mask, strict=True) if is_in]
        if all(sum(max(0, s.free[k]) for s in chosen) >= n for k, n in demand.items()):
            sizes.append(len(chosen))
    return min(sizes, default=None)


@settings(max_examples=300, deadline=None)
@given(rule=st.sampled_from(RULES), demand=demands, found=sites, order=st.randoms())
def test_a_plan_is_whole_never_takes_what_is_not_there_and_is_the_same_again(
    rule: Rule, demand: dict[str, int], found: list[Site], order: st.DrawFn
) -> None:
    shares = plan(rule, demand, found)
    shuffled = list(found)
    order.shuffle(shuffled)  # type: ignore[attr-defined]
    assert plan(rule, demand, shuffled) == shares
    smallest = fewest(demand, found)
    if not shares:
        is_possible = smallest is not None and smallest <= TOGETHER_MAX
        assert not is_possible or rule != "fewest_parcels"
        return
    free = {site.code: site.free for site in found}
    for share in shares:
        assert share.units
        assert all(0 < n <= free[share.warehouse][sku] for sku, n in share.units.items())
    sent = {sku: sum(share.units.get(sku, 0) for share in shares) for sku in SKUS}
    assert {sku: n for sku, n in sent.items() if n} == demand
    assert len({share.warehouse for share in shares}) == len(shares) <= TOGETHER_MAX
    if rule == "fewest_parcels":
        assert len(shares) == smallest
