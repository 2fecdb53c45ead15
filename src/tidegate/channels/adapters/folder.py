"""The adapter for back offices without an API: a folder of exports in and of sheets out.

    in/orders-*.csv  in/stock-*.csv  in/prices-*.csv  in/warehouse-*.csv    put there by somebody
    out/stock-*.csv  out/shelf-*.csv  out/release-*.csv  out/hold-*.csv  out/close-*.csv  to upload

Always: a sheet is written whole and synced before it counts; what a person may not have uploaded
yet is unknown until an export says so. Never: an export is moved to in/done before it is recorded.
"""

import csv
import io
import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from tidegate.channels.feed_order import FeedPage, Malformed
from tidegate.channels.ports import (
    AtWarehouse,
    Pushed,
    RefusedOutside,
    Shown,
    StockChange,
    Taken,
    Unanswered,
    Unreadable,
)

ENCODINGS = {"utf-8": "utf-8-sig", "gb18030": "gb18030"}  # a mark, or Excel takes it for GBK
SETTLED_MS = 2_000  # an export that still grows is not read
AUDIT = "switch automatic audit (自动审单) off by hand: in the ERP under 设置, 订单, 自动审单"

ReadOrders = Callable[[Path, int], FeedPage]
ReadStock = Callable[[Path], dict[str, int]]
ReadPrices = Callable[[Path], dict[str, int]]
ReadStates = Callable[[Path], dict[str, str]]


class Exports:
    """The folder's two sides, and what reads its files."""

    def __init__(
        self,
        folder: Path,
        read_orders: ReadOrders,
        read_stock: ReadStock,
        read_states: ReadStates,
        now_ms: Callable[[], int],
        encoding: str = "utf-8",
    ) -> None:
        self.taken_in, self.out = folder / "in", folder / "out"
        self.done = self.taken_in / "done"
        self.read_orders, self.read_stock, self.read_states = read_orders, read_stock, read_states
        self._now_ms = now_ms
        self._encoding = ENCODINGS[encoding]
        self._written = 0
        for place in (self.taken_in, self.out, self.done):
            place.mkdir(mode=0o700, parents=True, exist_ok=True)

    def found(self, kind: str, *, settled: bool = True) -> list[Path]:
        """Exports of a kind, the oldest first; those that still grow are left out."""
        before_ms = self._now_ms() - SETTLED_MS if settled else 1 << 62
        paths = [path for path in self.taken_in.glob(f"{kind}*") if path.is_file()]
        timed = sorted((modified_ms(path), path.name, path) for path in paths)
        return [path for at_ms, _, path in timed if at_ms <= before_ms]

    def newest(self, kind: str, after: str) -> Path:
        """The newest export of a kind, newer than the last sheet `after`. Raises Unanswered."""
        paths = self.found(kind)
        if not paths:
            raise Unanswered(f"there is no export {kind}-*.csv in {self.taken_in.name}/ yet")
        sheets = [modified_ms(path) for path in self.out.glob(f"{after}*")]
        if sheets and modified_ms(paths[-1]) <= max(sheets):
            raise Unanswered(f"no export {kind}-*.csv is newer than the last {after} sheet")
        return paths[-1]

    def write(self, kind: str, head: Sequence[str], rows: Iterable[Sequence[object]]) -> Path:
        """A sheet, durable when it returns. Raises OSError."""
        text = io.StringIO(newline="")
        writer = csv.writer(text)
        writer.writerow(head)
        writer.writerows(rows)
        self._written += 1
        path = self.out / f"{kind}-{self._now_ms()}-{self._written:04}.csv"
        partial = path.with_suffix(".partial")
        with partial.open("wb") as file:
            file.write(text.getvalue().encode(self._encoding, "strict"))
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
        return path


class FolderOrders:
    """Orders from exports; the page's name is the export that was recorded last."""

    def __init__(self, exports: Exports) -> None:
        self._exports = exports

    def fetch(self, since_ms: int, until_ms: int, page: str) -> FeedPage:  # noqa: ARG002 -- a port's
        """The next export, whatever the window: it is a picture of its own moment."""
        exports = self._exports
        if page:
            recorded = exports.taken_in / Path(page).name
            if recorded.is_file():
                recorded.replace(exports.done / recorded.name)
        waiting = exports.found("orders")
        if not waiting:
            known = [modified_ms(path) for path in exports.done.glob("orders*")]
            return FeedPage([], [], known_until_ms=max(known, default=0))
        path = waiting[0]
        try:
            found = exports.read_orders(path, modified_ms(path))
        except Unreadable as refused:
            found = FeedPage([], [Malformed(path.name, str(refused)[:200])])
        return found._replace(next_page=path.name)


class FolderStock:
    """Quantities as sheets to upload; what is shown stands in an export that is newer."""

    def __init__(self, exports: Exports) -> None:
        self._exports = exports

    def push(self, changes: Sequence[StockChange]) -> list[Pushed]:
        """Write a sheet. Whether it was uploaded is unknown."""
        self._exports.write("stock", ("商家编码", "库存"), [(c.item, c.quantity) for c in changes])
        return ["unknown"] * len(changes)

    def read(self, items: Sequence[str]) -> dict[str, Shown]:
        """What the newest export says, if it is newer than the last sheet. Raises Unanswered."""
        try:
            found = self._exports.read_stock(self._exports.newest("stock", "stock"))
        except Unreadable as refused:
            raise Unanswered(str(refused)[:200]) from None
        return {item: Shown(found[item], found[item] > 0) for item in items if item in found}

    def set_listed(self, item: str, *, listed: bool) -> None:
        """Write a sheet for the shelf."""
        self._exports.write("shelf", ("商家编码", "状态"), [(item, "上架" if listed else "下架")])

    def end_activity(self) -> None:
        """Nobody can do that by a sheet."""
        raise RefusedOutside("end the activity by hand in the back office (营销中心)")


class FolderPrices:
    """Prices in hand from an export; one that is too old says nothing of now."""

    def __init__(self, exports: Exports, read_prices: ReadPrices) -> None:
        self._exports = exports
        self._read_prices = read_prices

    def read_prices(self, items: Sequence[str], not_before_ms: int) -> dict[str, int]:
        """What the newest export says. Raises Unanswered where there is none since a moment."""
        paths = self._exports.found("prices")
        if not paths:
            raise RefusedOutside("there is no export prices-*.csv (商家编码, 到手价) in in/ yet")
        if modified_ms(paths[-1]) < not_before_ms:
            raise Unanswered(f"{paths[-1].name} is too old: export the prices again")
        try:
            found = self._read_prices(paths[-1])
        except Unreadable as refused:
            raise Unanswered(str(refused)[:200]) from None
        return {item: found[item] for item in items if item in found}


class FolderCloser:
    """Orders to be closed, as sheets; whether a person did it, an export of orders says."""

    def __init__(self, exports: Exports) -> None:
        self._exports = exports

    def close_orders(self, numbers: Sequence[str]) -> list[Taken]:
        """Write the sheet."""
        self._exports.write("close", ("订单号",), [(number,) for number in numbers])
        return ["done"] * len(numbers)


class FolderWarehouse:
    """Released orders as sheets to import; a sheet that was written is handed over."""

    def __init__(self, exports: Exports) -> None:
        self._exports = exports

    def push(self, numbers: Sequence[str]) -> list[Taken]:
        """Write the release sheet."""
        self._exports.write("release", ("订单号",), [(number,) for number in numbers])
        return ["done"] * len(numbers)

    def intercept(self, numbers: Sequence[str]) -> list[Taken]:
        """Write the hold sheet. Whether it came in time is unknown."""
        self._exports.write("hold", ("订单号",), [(number,) for number in numbers])
        return ["unknown"] * len(numbers)

    def read(self, numbers: Sequence[str]) -> list[AtWarehouse]:
        """By the warehouse's export; what is in none, by our own release sheets."""
        states: dict[str, str] = {}
        exports = self._exports.found("warehouse")
        if any(self._exports.out.glob("hold*")):
            exports = [self._exports.newest("warehouse", "hold")]
        for path in exports:
            try:
                states |= self._exports.read_states(path)
            except Unreadable as refused:
                raise Unanswered(str(refused)[:200]) from None
        handed = self._handed()
        words: dict[str, AtWarehouse] = {"gone": "gone", "held": "held", "waiting": "waiting"}
        return [
            words.get(states.get(number, ""), "waiting" if number in handed else "absent")
            for number in numbers
        ]

    def switch_audit(self, *, on: bool) -> None:
        """A person does it."""
        raise RefusedOutside(AUDIT if not on else AUDIT.replace("off", "on"))

    def _handed(self) -> set[str]:
        found: set[str] = set()
        for path in self._exports.out.glob("release*.csv"):
            text = path.read_bytes().decode("gb18030" if _is_gb(path) else "utf-8-sig")
            found.update(row[0] for row in csv.reader(io.StringIO(text)) if row)
        return found


def modified_ms(path: Path) -> int:
    """When a file was last written."""
    return path.stat().st_mtime_ns // 1_000_000


def _is_gb(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(3) != b"\xef\xbb\xbf"
