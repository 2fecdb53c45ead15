"""The guard's bench measures the shop that the target speaks of, and proves it."""

from pathlib import Path

from tidegate.bench import guard
from tidegate.bench.figures import Context
from tidegate.bench.registry import TARGETS
from tidegate.pricing.book import PriceBook
from tidegate.testing.wide_shop import wide_shop


def test_the_shop_has_the_promotions_moments_and_buyers_that_the_target_names() -> None:
    promotions, rows = wide_shop(1, 10_000)
    book = PriceBook(promotions, rows)
    assert (len(rows), len(promotions)) == (10_000, 50)
    assert (len(book.time_cells()), len(book.buyer_classes())) == (12, 8)
    assert sorted({mask.bit_count() for mask in book.masks}) == [3, 4, 5, 6]


def test_a_quick_round_proves_and_re_proves_within_the_targets(tmp_path: Path) -> None:
    quick = Context(0.2, tmp_path, 1, quick=True, progress=lambda _share, _text: None)
    result = guard.run(quick)
    targets = [target for target in TARGETS if target.figure.startswith("guard.")]
    assert [target.figure for target in targets] == ["guard.full.proof_s", "guard.full.edit_ms"]
    assert all(target.met(result.value(target.figure)) for target in targets)
    assert result.value("guard.full.skus") == guard.QUICK_SKUS
    assert result.value("guard.growth.ratio") < 3
