"""The tables under hostile keys and at their ends: the index against a dictionary, forced
collisions, rings that wrap, and batches that are only decided when they fit.
"""

from collections import defaultdict
from random import Random

import numpy as np
import pytest

from tidegate.domain.reasons import Reason
from tidegate.engine import index as ix
from tidegate.engine import layout as lo
from tidegate.engine.layout import Capacity
from tidegate.engine.machine import Machine
from tidegate.record import facts as f
from tidegate.record.lines import LINE, PAID
from tidegate.testing.scene import DAY_MS, SEED, START_MS, Scene, day_of, stocked
from tidegate.testing.shop import set_up
from tidegate.testing.workload import HOSTILE_KINDS, hostile

ALL_BITS = (1 << 64) - 1


def rows_of(index: lo.Index, hashed: int) -> list[int]:
    """Every row that the index offers for a hash."""
    found = []
    cursor = ix.index_bucket(index, np.uint64(hashed))
    while True:
        cursor = ix.index_seek(index.words, cursor, ix.tag_of(np.uint64(hashed)))
        if cursor == ix.NONE:
            return found
        found.append(int(index.words[cursor]))
        cursor += 1


def check_chains(index: lo.Index) -> None:
    """Every bucket that links is full; nothing lies past the end."""
    meta = index.meta
    entries = overflow = 0
    for bucket in range(int(meta[ix.BUCKETS])):
        link = bucket
        while True:
            control = int(index.words[16 * link + 15])
            count, link = control & ix.COUNT_MASK, control >> ix.LINK_SHIFT
            entries += count
            if link == 0:
                break
            overflow += 1
            assert count == ix.SLOTS
            assert link >= meta[ix.OVERFLOW_BASE]
    assert (entries, overflow) == (meta[ix.ENTRIES], meta[ix.OVERFLOW_USED])
    assert meta[ix.BUCKETS] <= meta[ix.OVERFLOW_BASE]
    assert 16 * (meta[ix.OVERFLOW_BASE] + meta[ix.OVERFLOW_TOP]) <= len(index.words)


MASKS = {
    "scattered": ALL_BITS, "one tag": 0x3FF | ~0x3FFFFFF & ALL_BITS, "one bucket": 0xFF << 56,
    "few buckets": 0x3C01, "splits that move all or none": 0x7000,
}  # fmt: skip


@pytest.mark.parametrize("mask", MASKS.values(), ids=MASKS)
@pytest.mark.parametrize("most", [3_000, 9_000])
def test_the_index_is_a_dictionary(mask: int, most: int) -> None:
    random, index = Random(mask ^ most), ix.new_index(most)
    hashes: dict[int, int] = {}
    next_row = 0
    for step in range(3 * most):
        growing = (step // most) % 2 == 0
        if len(hashes) < most and (random.random() < (0.8 if growing else 0.3) or not hashes):
            hashed = random.getrandbits(64) & mask
            ix.index_insert(index, np.uint64(hashed), next_row)
            hashes[next_row] = hashed
            next_row += 1
        else:
            row = random.choice(list(hashes)) if len(hashes) < 40 else next(iter(hashes))
            assert ix.index_remove(index, np.uint64(hashes.pop(row)), row)
            assert not ix.index_remove(index, np.uint64(random.getrandbits(64) & mask), next_row)
    check_chains(index)
    by_hash: dict[int, list[int]] = defaultdict(list)
    for row, hashed in hashes.items():
        by_hash[hashed].append(row)
    for hashed, rows in list(by_hash.items())[:400]:
        assert set(rows) <= set(rows_of(index, hashed))
    for row in list(hashes):
        assert ix.index_remove(index, np.uint64(hashes.pop(row)), row)
    check_chains(index)
    assert index.meta[ix.ENTRIES] == index.meta[ix.OVERFLOW_USED] == 0


def test_overflow_never_runs_out_whatever_the_hashes() -> None:
    """Chains of eleven waste the most: one overflow bucket each."""
    index = ix.new_index(2_000)
    row = 0
    while row + 11 <= 2_000:
        for _ in range(11):
            ix.index_insert(index, np.uint64(row // 11), row)
            row += 1
    check_chains(index)


def test_an_index_at_full_capacity_links_to_its_own_overflow() -> None:
    """Past 2^24 buckets a link of 24 bits pointed into the table proper."""
    index = ix.new_index(1 << 27)
    base = int(index.meta[ix.OVERFLOW_BASE])
    assert base > 1 << 24
    for row in range(12):
        ix.index_insert(index, np.uint64(5), row)
    link = int(index.words[5 * 16 + 15]) >> ix.LINK_SHIFT
    assert link == base
    assert int(index.words[16 * (link & 0xFFFFFF) + 15]) == 0
    assert sorted(rows_of(index, 5)) == list(range(12))


# -- collisions ----------------------------------------------------------------------------------


def mixed(h: np.ndarray) -> np.ndarray:
    """The engine's finaliser, over an array."""
    h = (h ^ (h >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    h = (h ^ (h >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return h ^ (h >> np.uint64(31))


def colliding(hashes: np.ndarray, groups: int) -> list[np.ndarray]:
    """Places of hashes that share their 26 low bits, the largest groups first."""
    low = hashes & np.uint64(0x3FFFFFF)
    order = np.argsort(low, kind="stable")
    cuts = np.flatnonzero(np.diff(low[order])) + 1
    return sorted(np.split(order, cuts), key=len, reverse=True)[:groups]


def test_identity_keys_that_collide_never_share_a_limit() -> None:
    shop = stocked(units=10_000)
    shop.do(f.PutRule("R", "sku", "A", limits={"account": 1}))
    secrets = shop.machine.state.secrets
    tokens = np.arange(1, 1_000_001, dtype=np.uint64)
    groups = colliding(mixed(tokens * secrets[3] + secrets[0]), 40)
    assert len(groups[0]) >= 3
    chosen = [int(tokens[i]) for group in groups for i in group]
    rows = [shop.rows(shop.line("A"), keys={"account": token}) for token in chosen]
    assert {v.reason for v in shop.place_all(np.concatenate(rows))} == {Reason.ACCEPTED}
    again = [shop.rows(shop.line("A"), keys={"account": token}) for token in chosen]
    refused = shop.place_all(np.concatenate(again))
    assert {(v.reason, v.has) for v in refused} == {(Reason.LIMIT_EXCEEDED, 1)}
    assert shop.sound()


def test_ids_that_collide_are_different_orders() -> None:
    shop = stocked(units=10_000)
    secrets = shop.machine.state.secrets
    ids = np.arange(1, 1_000_001, dtype=np.uint64)
    high = np.uint64(0x0D)
    keyed = ids * secrets[1] + np.full_like(ids, high) * secrets[2] + secrets[0]
    groups = colliding(mixed(keyed), 40)
    chosen = [int(ids[i]) for group in groups for i in group]
    fen = [1_000 if number % 2 else 1 for number in chosen]
    rows = np.concatenate(
        [shop.rows(shop.line("A", 1, n), number=i) for i, n in zip(chosen, fen, strict=True)]
    )
    first = shop.place_all(rows)
    assert [v.ok for v in first] == [n == 1_000 for n in fen]
    again = shop.place_all(rows)
    assert [v.reason for v in again] == [v.reason for v in first]
    assert all(v.duplicate for v in again)
    assert shop.sound()


@pytest.mark.parametrize("kind", HOSTILE_KINDS)
def test_hostile_floods_leave_chains_short_and_can_be_folded(kind: str) -> None:
    work = hostile(kind, 6_000, 7)
    capacity = Capacity.small()._replace(skus=1 << 12)
    machine, other = Machine(SEED, capacity), Machine(SEED, capacity)
    entries = set_up(machine, work.terms, work.start_ms, day_of(work.start_ms))
    for rows, now_ms in work.batches(2_000):
        assert machine.fits(len(rows), 0)
        machine.begin(now_ms, day_of(now_ms))
        machine.decide_orders(rows)
        machine.expire()
        entries.append(machine.finish())
    for entry in entries:
        other.fold(entry)
    assert other.digest() == machine.digest()
    for index in (machine.state.order_index, machine.state.key_index, machine.state.counter_index):
        assert index.meta[ix.OVERFLOW_USED] <= index.meta[ix.BUCKETS] // 8


# -- the ends of the tables ----------------------------------------------------------------------


def test_the_memory_of_orders_wraps_round() -> None:
    shop = stocked(units=1_000_000)
    first = shop.rows(shop.line("A"), keys={"account": 1})
    for turn in range(6):
        rows = [shop.rows(shop.line("A"), keys={"account": n}) for n in range(1, 2_001)]
        batch = np.concatenate([first, *rows]) if turn == 0 else np.concatenate(rows)
        assert {v.reason for v in shop.place_all(batch)} == {Reason.ACCEPTED}
        assert shop.place_all(batch)[0].duplicate
        for order in rows[:50]:
            assert shop.operate("ship", int(order["id_lo"][0])).ok
        shop.wait(days=401)
        shop.do(f.PutPool("any"))  # a batch in which old rows are forgotten
        assert shop.operate("return", int(rows[0]["id_lo"][0])).reason is Reason.UNKNOWN_ORDER
    scalars = shop.machine.state.scalars
    assert scalars[lo.ORDER_COUNT] > len(shop.machine.state.orders)
    assert scalars[lo.ORDER_COUNT] - scalars[lo.ORDER_BASE] < 100
    assert scalars[lo.LIVE_COUNT] == 0
    assert shop.place(first).reason is Reason.ORDER_TOO_OLD
    assert shop.sound()


def heavy_shop(capacity: Capacity) -> Scene:
    """Bundles, and rules of every scope by every kind of key."""
    shop = stocked(units=10**9, capacity=capacity)
    every = {"account": 10**9, "phone": 10**9, "address": 10**9, "device": 10**9}
    shop.do(f.PutSku("D", 10_000, parts={"A": 2, "B": 1}))
    shop.do(f.PutPromotion("P"))
    for n in range(4):
        budget = 10**15 if n % 2 else None
        for scope, target in (("shop", ""), ("sku", "A"), ("sku", "B"), ("promotion", "P")):
            basis = ("units", "money", "orders", "units")[n]
            shop.do(f.PutRule(f"{scope}{target}{n}", scope, target, basis, "day", every, budget))
    return shop


def crowd(shop: Scene, random: Random, lines: int) -> np.ndarray:
    """Orders of random length whose buyers are all new."""
    rows: list[np.ndarray] = []
    while sum(map(len, rows)) < lines:
        count = min(random.choice((1, 1, 5, 64)), lines - sum(map(len, rows)))
        keys = {kind: shop.next_id() for kind in ("account", "phone", "address", "device")}
        items = [shop.line("D", 1, promotion="P") for _ in range(count)]
        rows.append(shop.rows(*items, keys=keys, paid=random.random() < 0.5))
    return np.concatenate(rows)


@pytest.mark.parametrize("tight", ["orders", "refusals", "keys", "counters"])
def test_a_batch_that_fits_stays_inside_every_table(tight: str) -> None:
    sizes = Capacity(1 << 12, 1 << 12, 1 << 13, 1 << 16, skus=64, rules=64)
    small = {"orders": 1 << 9, "refusals": 1 << 9, "keys": 1 << 10, "counters": 1 << 12}
    shop, random = heavy_shop(sizes._replace(**{tight: small[tight]})), Random(tight)
    batches = 0
    while shop.machine.fits(lines := random.choice((1, 5, 20)), 3):
        rows = crowd(shop, random, lines)
        if tight == "refusals":
            rows["receivable_fen"] = 1
        found = shop.place_all(rows)
        for order in found[:3]:
            shop.operate(random.choice(("pay", "cancel", "ship")), order.id, fen=10_000)
        shop.wait(s=random.choice((1, 400)))
        shop.expire()
        assert min(shop.machine.room()) >= 0
        for index in (
            shop.machine.state.order_index,
            shop.machine.state.key_index,
            shop.machine.state.counter_index,
        ):
            check_chains(index)
        batches += 1
    assert batches > 1
    assert not shop.machine.fits(100, 3)
    assert shop.sound()


def test_late_payments_are_counted_before_they_are_decided() -> None:
    shop = heavy_shop(Capacity(1 << 10, 1 << 10, 1 << 10, 1 << 12, skus=64, rules=64))
    before = shop.machine.fits(0, 8)
    rows = crowd(shop, Random(1), 8)
    rows["flags"] &= ~np.uint8(PAID)
    shop.place_all(rows)
    shop.wait(s=900)
    assert shop.expire() > 0
    assert (before, shop.machine.fits(0, 8)) == (True, False)


def test_what_a_line_may_need_follows_the_rules() -> None:
    shop = stocked()
    assert shop.machine.fits(1 << 13, 0) is False
    room = len(shop.machine.state.orders) - int(shop.machine.state.scalars[lo.ORDER_COUNT])
    assert shop.machine.fits(room // 4, 0)
    shop.do(f.PutRule("R", "shop", limits={"account": 5, "phone": 5}, budget=9))
    assert not shop.machine.fits(len(shop.machine.state.counters), 0)
    assert Machine(SEED).fits(1 << 16, 1 << 16)


def test_rows_without_rules_and_zero_rows_fit() -> None:
    machine = Machine(SEED, Capacity(4, 4, 16, 16, skus=4, rules=4))
    assert machine.fits(0, 0)
    assert machine.fits(1, 0)
    assert not machine.fits(5, 0)
    machine.begin(START_MS, day_of(START_MS))
    assert len(machine.decide_orders(np.zeros(0, LINE))) == 0
    assert DAY_MS == 86_400_000
