"""The price bench measures every shape, and its target is well within reach of a slow machine."""

from pathlib import Path

from tidegate.bench import price
from tidegate.bench.figures import Context
from tidegate.bench.registry import TARGETS


def test_every_shape_is_measured(tmp_path: Path) -> None:
    made = price.run(Context(0.1, tmp_path, 1, quick=True, progress=lambda _share, _text: None))
    medians = [figure.name for figure in made.figures if figure.name.endswith(".median_us")]
    assert sorted(medians) == sorted(
        [*(f"price.{name}.median_us" for name in price.SHAPES), "price.traced.median_us"]
    )
    (target,) = [target for target in TARGETS if target.figure == "price.basket_20.median_us"]
    assert (target.value, target.unit) == (500, "us")
