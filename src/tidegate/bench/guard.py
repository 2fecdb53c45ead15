"""The price guard over a large shop: the full proof, a small change, and how both grow.

Always proves: a round whose shop is not proved fails. The shop has 50 promotions of which up to 6
reach a SKU, 12 stretches of time and 8 classes of buyer. Nothing here is taken over between rounds.
"""

import time
from collections.abc import Sequence

from tidegate.bench.figures import LOWER, Context, Round
from tidegate.bench.foreign import ForeignCpu
from tidegate.pricing.book import PriceBook
from tidegate.pricing.effects import PercentOff
from tidegate.pricing.guard.answers import Proved
from tidegate.pricing.guard.check import Checked, check
from tidegate.pricing.guard.floors import Floors
from tidegate.pricing.promotion import Promotion, Scope, Sku
from tidegate.testing.prices import promotion
from tidegate.testing.wide_shop import wide_shop

SKUS = 10_000
QUICK_SKUS = 1_000
SMALLER = (10, 3)  # growth is over a tenth and a third of it
EDITED_SKUS = 100
FLOOR_PERCENT = 55  # of the list price: what the promotions leave at the least is 60


def run(context: Context) -> Round:
    """One round."""
    result = Round()
    whole = QUICK_SKUS if context.quick else SKUS
    with ForeignCpu() as cpu:
        for part, under in enumerate((*SMALLER, 1)):
            context.progress(part / 3, f"{whole // under:,} SKUs")
            full_s, edit_s = seconds_of(context.seed, whole // under)
            name = f"guard.skus_{whole // under}" if under > 1 else "guard.full"
            result.add(f"{name}.proof_s", full_s, "s", LOWER)
            result.add(f"{name}.edit_ms", edit_s * 1_000, "ms", LOWER)
            result.add(f"{name}.us_a_sku", full_s / (whole // under) * 1e6, "us", LOWER)
            result.add(f"{name}.skus", whole // under, "SKUs")
    small = result.value(f"guard.skus_{whole // SMALLER[0]}.us_a_sku")
    result.add("guard.growth.ratio", result.value("guard.full.us_a_sku") / small, "x", LOWER)
    if cpu.result is not None:
        result.foreign["guard.full"] = cpu.result.foreign
    return result


def seconds_of(seed: int, skus: int) -> tuple[float, float]:
    """Seconds of a full proof, the book's compilation among them, and of a change's."""
    promotions, rows = wide_shop(seed, skus)
    floors = Floors(tuple(sku.list_price_fen * FLOOR_PERCENT // 100 for sku in rows))
    started = time.perf_counter()
    before = proved(promotions, rows, floors, None)
    full_s = time.perf_counter() - started
    codes = tuple(sku.code for sku in rows[:EDITED_SKUS])
    edit = promotion("NEW", "item", PercentOff(pay_bp=9_900), scope=Scope(skus=codes))
    started = time.perf_counter()
    after = proved((*promotions, edit), rows, floors, before)
    edit_s = time.perf_counter() - started
    assert after.proven_anew == min(EDITED_SKUS, skus)
    return full_s, edit_s


def proved(
    promotions: Sequence[Promotion], rows: Sequence[Sku], floors: Floors, before: Checked | None
) -> Checked:
    """A proof, from promotions and catalogue as they are stored."""
    done = check(PriceBook(promotions, rows), floors, before)
    assert isinstance(done.answer, Proved), "the shop that is measured has no price below a floor"
    return done
