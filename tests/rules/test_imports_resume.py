"""An import that is stopped at any step and begun again ends as one that was not."""

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from tidegate.imports import order_import, order_lines, order_prepared, runner
from tidegate.imports.files import Reading
from tidegate.imports.reconciliation import Reconciliation
from tidegate.imports.refusal import ImportRefused

CASE = """\
InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country
1,A,x,5,2011-01-01 00:01:00,1.00,17,UK
2,A,x,9,2011-01-01 00:02:00,1.00,18,UK
C3,A,x,-2,2011-01-01 00:03:00,1.00,17,UK
4,A,x,-1,2011-01-01 00:04:00,0,,UK
C5,A,x,-9,2011-01-01 00:04:00,1.00,17,UK
6,A,x,6,2011-01-01 00:05:00,1.00,,UK
C7,A,x,-3,2011-01-01 00:06:00,1.00,17,UK
"""
ROWS = [
    "accepted",
    "refused:stock_short",
    "return_matched",
    "write_off",
    "return_unmatched",
    "accepted",
    "return_matched",
]


# Channel, item, stock; 2 sales and their shipments, 1 sale refused, 2 returns, 1 write-off; a sync
# after each of the 7 steps and at the end; closing and its sync; a sync before each of 6 moments.
CALLS = 3 + 8 + 8 + 2 + 6


def beside(name: str) -> ModuleType:
    """A module of this folder, which is no package."""
    spec = importlib.util.spec_from_file_location(name, Path(__file__).parent / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


Shop = beside("imports_shop").Shop


class Stopped(Exception):
    """The process ends here."""


@pytest.fixture(autouse=True)
def each_step_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "STEPS_PER_SYNC", 1)


def run(folder: Path, shop: "Shop", floor_policy: str = "none") -> tuple[list[str], Reconciliation]:
    path = folder / "orders.csv"
    path.write_text(CASE, "utf-8")
    options = order_prepared.OrderOptions(
        order_lines.OrderReading("Europe/London"), floor_policy=floor_policy, opening_stock="10"
    )
    prepared = order_prepared.prepare_orders(path, options, Reading())
    account = order_import.run_orders(prepared, shop.desk, folder / "progress")
    counts = prepared.lines.tally
    return [counts.name_of(line) for line in range(len(ROWS))], account


def calls_until_stopped(shop: "Shop", allowed: int) -> None:
    """Let the desk answer so many calls that decide, then stop."""
    left: Iterator[int] = iter(range(allowed))

    def guarded(name: str) -> None:
        original = getattr(shop.desk, name)

        def call(*arguments: object) -> object:
            if next(left, None) is None:
                raise Stopped
            return original(*arguments)

        setattr(shop.desk, name, call)

    for name in ("commands", "place_rows", "operate", "sync"):
        guarded(name)


def shop_as_stored(shop: "Shop") -> "Shop":
    """A new process: only what the journal holds, and the tokens that were made durable."""
    again = Shop()
    for entry in shop.entries:
        again.machine.fold(entry)
    again.entries.extend(shop.entries)
    again.tokens.update(shop.tokens)
    return again


@pytest.mark.parametrize("keep_progress", [True, False])
def test_stopped_after_any_call_and_begun_again(tmp_path: Path, keep_progress: bool) -> None:
    calls = 0
    while stopped_and_begun_again(tmp_path / str(calls), calls, keep_progress):
        calls += 1
    assert calls == CALLS


def stopped_and_begun_again(folder: Path, calls: int, keep_progress: bool) -> bool:
    """Stop after so many calls, begin again, compare; False where there was nothing to stop."""
    folder.mkdir()
    shop = Shop()
    calls_until_stopped(shop, calls)
    try:
        run(folder, shop)
    except Stopped:
        again = shop_as_stored(shop)
    else:
        return False
    if not keep_progress:
        for path in (folder / "progress").iterdir():
            path.unlink()
    rows, account = run(folder, again)
    assert rows == ROWS
    assert (account.lines, account.units) == (7, 5)
    assert again.on_hand("A") == 10 - 5 + 2 - 1 - 6 + 3
    return True


def test_after_the_end_nothing_is_asked_again(tmp_path: Path) -> None:
    shop = Shop()
    first = run(tmp_path, shop)
    assert first[0] == ROWS
    before = len(shop.entries)
    assert run(tmp_path, shop) == first
    assert len(shop.entries) == before


def test_without_its_progress_file_a_repeat_gets_the_same_acceptances(tmp_path: Path) -> None:
    shop = Shop()
    run(tmp_path, shop)
    next((tmp_path / "progress").iterdir()).unlink()
    rows, account = run(tmp_path, shop)
    assert rows == ROWS  # the refusal is less than 24 hours old, so it is remembered too
    assert account.notes[-1] == "3 orders had been decided before and kept their answer"
    assert shop.on_hand("A") == 3


def test_a_torn_progress_file_is_read_up_to_the_tear(tmp_path: Path) -> None:
    shop = Shop()
    run(tmp_path, shop)
    path = next((tmp_path / "progress").iterdir())
    whole = path.read_bytes()
    for size in range(whole.index(b"\n") + 1, len(whole)):
        path.write_bytes(whole[:size])
        assert run(tmp_path, shop)[0] == ROWS
        assert path.read_bytes() == whole


def test_other_options_are_refused(tmp_path: Path) -> None:
    shop = Shop()
    run(tmp_path, shop)
    with pytest.raises(ImportRefused, match="with other options"):
        run(tmp_path, shop, "percent-of-median:50")


@pytest.mark.parametrize("content", [b"x\n", b'{"version":1}\n', b"[]\n"])
def test_a_file_that_is_none_is_not_overwritten(tmp_path: Path, content: bytes) -> None:
    shop = Shop()
    run(tmp_path, shop)
    path = next((tmp_path / "progress").iterdir())
    path.write_bytes(content)
    with pytest.raises(ImportRefused, match="is not a progress file"):
        run(tmp_path, shop)
    assert path.read_bytes() == content


def test_the_progress_file_holds_nothing_of_the_file(tmp_path: Path) -> None:
    run(tmp_path, Shop())
    path = next((tmp_path / "progress").iterdir())
    assert path.name == f"{path.name[:16]}.import"
    lines = path.read_bytes().splitlines()[1:]
    assert lines == [b"0 AA==", b"1 EQ==", b"2 AA==", b"3 AA==", b"4 /w==", b"5 AA==", b"6 AA=="]
