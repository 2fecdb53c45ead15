"""What was received of late, by SKU: days count once, few days say nothing, old ones are gone."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from tidegate.record import facts as f
from tidegate.testing.scene import Scene


def load(name: str) -> ModuleType:
    """A module of this folder."""
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


shop = load("views_shop")
TEA, CUP = 0, 1


@pytest.fixture
def scene() -> Scene:
    """Tea and cups, with no floor to speak of."""
    made = Scene()
    made.do(f.PutChannel("web"))
    for code in ("TEA", "CUP"):
        made.do(f.PutSku(code, 2_000, cost_floor_fen=1))
        made.do(f.ReceiveStock(code, 10_000))
    return made


def sell(scene: Scene, sku: int, units: int, unit_fen: int) -> None:
    """One order."""
    assert scene.order({"sku": sku, "quantity": units, "receivable_fen": units * unit_fen}).ok


def received(scene: Scene, folder: Path) -> dict[int, int]:
    """As the reading side tells it at the scene's moment."""
    journal, path = shop.journal_of(scene), folder / "views.db"
    shop.follow(path, journal)
    views = shop.views_of(path, journal)
    found: dict[int, int] = views.received(scene.now_ms)
    views.close()
    path.unlink()
    return found


def test_a_bad_night_is_one_day_however_many_bought(scene: Scene, tmp_path: Path) -> None:
    for unit_fen in (1_500, 1_600, 1_550):
        sell(scene, TEA, 1, unit_fen)
        scene.wait(days=1)
    for _ in range(50):
        sell(scene, TEA, 20, 10)
    assert received(scene, tmp_path) == {TEA: 1_550}


def test_a_days_price_is_the_mean_of_its_units(scene: Scene, tmp_path: Path) -> None:
    for _ in range(3):
        sell(scene, TEA, 3, 1_000)
        sell(scene, TEA, 1, 1_999)
        scene.wait(days=1)
    assert received(scene, tmp_path) == {TEA: 1_249}  # 4,999 / 4, a broken fen dropped


def test_of_two_days_with_sales_nobody_says_what_is_usual(scene: Scene, tmp_path: Path) -> None:
    for sku, days in ((TEA, 2), (CUP, 3)):
        for _ in range(days):
            sell(scene, sku, 1, 900)
            scene.wait(days=1)
    assert received(scene, tmp_path) == {CUP: 900}


def test_what_is_older_than_30_days_is_gone(scene: Scene, tmp_path: Path) -> None:
    for unit_fen in (1_900, 1_800, 700, 600, 500):
        sell(scene, TEA, 1, unit_fen)
        scene.wait(days=1)
    assert received(scene, tmp_path) == {TEA: 700}
    scene.wait(days=26)  # the first and the second lie 31 and 30 days back by now
    assert received(scene, tmp_path) == {TEA: 600}
    scene.wait(days=1)
    assert received(scene, tmp_path) == {}


def test_gifts_bring_nothing_and_count_for_nothing(scene: Scene, tmp_path: Path) -> None:
    for _ in range(3):
        gift = {"sku": CUP, "quantity": 1, "receivable_fen": 0, "gift_of": 1}
        assert scene.order({"sku": TEA, "quantity": 1, "receivable_fen": 1_500}, gift).ok
        scene.wait(days=1)
    assert received(scene, tmp_path) == {TEA: 1_500}
