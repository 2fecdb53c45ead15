"""One Vendure for all tests of this area: started once, each test sells variants of its own."""

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # helpers of this area lie beside it

from beside_vendure import STOCK_BY_SKU, Beside
from node_project import NodeMissing, installed, node
from vendure_shop import PROJECT, VendureShop


@pytest.fixture(scope="session")
def vendure() -> Iterator[VendureShop]:
    """A running Vendure; skipped, saying so, where there is no Node to run it."""
    try:
        programs = installed(PROJECT)
    except NodeMissing as why:
        pytest.skip(str(why))
    with (
        tempfile.TemporaryDirectory(prefix="vendure-") as folder,
        VendureShop(Path(folder), programs, node()) as shop,
    ):
        yield shop


@pytest.fixture(scope="session")
def beside(vendure: VendureShop) -> Iterator[Beside]:
    """A `tidegate serve` that Vendure is connected to."""
    with (
        tempfile.TemporaryDirectory(prefix="beside-") as folder,
        Beside(Path(folder), STOCK_BY_SKU) as shop,
    ):
        shop.connect(vendure, poll_s=1, overlap_s=60)
        shop.start()
        yield shop
