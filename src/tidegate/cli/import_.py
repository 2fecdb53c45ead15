"""`tidegate import catalogue|stock|orders FILE`: take a shop's files in, every line accounted for.

No shop is changed before the whole file was read and planned; with --preview none is opened. It
never runs beside a server of the same shop: the journal has one owner.
"""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from tidegate.cli._store import DEFAULT_STORE, AsJson, Store, refusals

if TYPE_CHECKING:  # imported when a command runs, so that other commands start fast
    from tidegate.imports.columns import ColumnMap
    from tidegate.imports.files import FileRead, Reading
    from tidegate.imports.items import ItemLines
    from tidegate.imports.ports import DeskPort
    from tidegate.imports.preview import Preview
    from tidegate.imports.reconciliation import Reconciliation
    from tidegate.imports.roles import Profile
    from tidegate.imports.tables import Table
    from tidegate.imports.tally import LineTally

app = typer.Typer(
    help="Take a catalogue, stock or an order history in from CSV or XLSX.",
    no_args_is_help=True,
)

BAR_AFTER_S = 1.0  # what takes less needs no bar
DEFAULT_ZONE = "Asia/Shanghai"
DELIMITERS = {"comma": ",", "semicolon": ";", "tab": "\t"}

File = Annotated[Path, typer.Argument(help="CSV, gzip-compressed CSV or XLSX")]
Shop = Annotated[str, typer.Option(help="the shop in the store")]
Mapping = Annotated[Path | None, typer.Option(help="TOML or JSON that names the columns")]
PreviewLines = Annotated[
    int,
    typer.Option("--preview", min=0, max=1000, help="show so many lines; change nothing"),
]
Rejects = Annotated[Path | None, typer.Option(help="list lines that were not taken in here")]
Encoding = Annotated[str, typer.Option(help="auto, or a name such as utf-8 or gb18030")]
Delimiter = Annotated[str | None, typer.Option(help="comma, semicolon or tab; default: found")]
Sheet = Annotated[str | None, typer.Option(help="the sheet of a workbook; default: the first")]
DecimalMark = Annotated[str, typer.Option(help=". or , where amounts can be read both ways")]
Moment = Annotated[str, typer.Option(help="when this holds from; default: now")]


@app.command()
def catalogue(
    file: File,
    shop: Shop = "",
    store: Store = DEFAULT_STORE,
    mapping: Mapping = None,
    preview: PreviewLines = 0,
    rejects: Rejects = None,
    encoding: Encoding = "auto",
    delimiter: Delimiter = None,
    sheet: Sheet = None,
    decimal_mark: DecimalMark = "",
    at: Moment = "",
    shipping_fen: Annotated[int, typer.Option(min=0, help="to send one unit")] = 0,
    fee_bp: Annotated[int, typer.Option(min=0, max=9_999, help="fees, 0.01 % of the price")] = 0,
    margin_bp: Annotated[int, typer.Option(min=0, max=9_999, help="margin, 0.01 % of it")] = 0,
    as_json: AsJson = False,
) -> None:
    """Define items: list price, break-even price, red line, bounds of an order, safety stock.

    With shipping, fees or margin the file's cost is that of the goods, and the floor (保本价) is
    computed from it.
    """
    from tidegate.imports import items, roles
    from tidegate.pricing.guard.floors import FloorPolicy

    if fee_bp + margin_bp >= items.WHOLE_BP:
        typer.echo("tidegate: fees and margin take the whole price: lower one of them", err=True)
        raise typer.Exit(2)
    policy = FloorPolicy(shipping_fen=shipping_fen, fee_bp=fee_bp, margin_bp=margin_bp)

    def read(table: "Table", found: "ColumnMap") -> "ItemLines":
        return items.read_catalogue(table, found, decimal_mark, policy)

    with _refusals():
        chosen = _reading(encoding, delimiter, sheet)
        read_in = _read_items(file, chosen, mapping, roles.CATALOGUE_PROFILES, read)
        _finish_items(read_in, file, store, shop, preview, rejects, at, as_json)


@app.command()
def stock(
    file: File,
    shop: Shop = "",
    store: Store = DEFAULT_STORE,
    kind: Annotated[
        str,
        typer.Option("--as", help="count: what lies on the shelf; receipt: what arrived"),
    ] = "count",
    mapping: Mapping = None,
    preview: PreviewLines = 0,
    rejects: Rejects = None,
    encoding: Encoding = "auto",
    delimiter: Delimiter = None,
    sheet: Sheet = None,
    at: Moment = "",
    as_json: AsJson = False,
) -> None:
    """Count or receive stock of items that the catalogue has."""
    from tidegate.imports import items, roles
    from tidegate.imports.refusal import ImportRefused

    def read(table: "Table", found: "ColumnMap") -> "ItemLines":
        return items.read_stock(table, found, kind)

    with _refusals():
        if kind not in (items.COUNT, items.RECEIPT):
            raise ImportRefused(f"--as {kind!r}: write count or receipt")
        chosen = _reading(encoding, delimiter, sheet)
        read_in = _read_items(file, chosen, mapping, roles.STOCK_PROFILES, read)
        _finish_items(read_in, file, store, shop, preview, rejects, at, as_json)


@app.command()
def orders(
    file: File,
    shop: Shop = "",
    store: Store = DEFAULT_STORE,
    zone: Annotated[str, typer.Option(help="the file's time zone; default: the shop's")] = "",
    floor_policy: Annotated[
        str,
        typer.Option(help="none, or percent-of-median:P for items without a catalogue entry"),
    ] = "none",
    opening_stock: Annotated[
        str,
        typer.Option(help="enough, none, a number an item, or a stock file"),
    ] = "enough",
    channel: Annotated[str, typer.Option(help="the channel; default: as the form says")] = "",
    identical_lines: Annotated[
        str,
        typer.Option(help="keep or drop lines equal to an earlier one of their order"),
    ] = "keep",
    date_order: Annotated[str, typer.Option(help="dmy or mdy where the file leaves it open")] = "",
    mapping: Mapping = None,
    preview: PreviewLines = 0,
    rejects: Rejects = None,
    encoding: Encoding = "auto",
    delimiter: Delimiter = None,
    sheet: Sheet = None,
    decimal_mark: DecimalMark = "",
    as_json: AsJson = False,
) -> None:
    """Decide an order history at its own times, in a shop that has not opened."""
    from tidegate.imports import order_import, order_lines, order_prepared
    from tidegate.imports import preview as previews
    from tidegate.imports.columns import load_mapping

    with _refusals():
        named = load_mapping(mapping) if mapping else None
        opening_file = Path(opening_stock) if Path(opening_stock).is_file() else None

        def prepare(zone_name: str) -> order_prepared.PreparedOrders:
            reading = order_lines.OrderReading(zone_name, date_order, decimal_mark, identical_lines)
            options = order_prepared.OrderOptions(reading, floor_policy, opening_stock, channel)
            chosen = _reading(encoding, delimiter, sheet)
            with _reading_shown(file):
                return order_prepared.prepare_orders(file, options, chosen, named, opening_file)

        if preview:
            made = previews.preview_orders(prepare(zone or DEFAULT_ZONE), preview)
            _print_preview(made, as_json)
            return
        with _opened(store, shop) as desk:
            prepared = prepare(zone or desk.zone_name())
            with _bar("orders", len(prepared.plan.steps)) as on_step:
                account = order_import.run_orders(
                    prepared,
                    desk,
                    _imports_folder(store, shop),
                    on_step,
                )
        _print_account(account, prepared.file, prepared.lines.tally, rejects, file, as_json)


def _reading(encoding: str, delimiter: str | None, sheet: str | None) -> "Reading":
    from tidegate.imports.encodings import check_encoding
    from tidegate.imports.files import Reading
    from tidegate.imports.refusal import ImportRefused

    check_encoding(encoding)
    if delimiter is not None and delimiter not in DELIMITERS:
        raise ImportRefused(f"--delimiter {delimiter!r}: write {', '.join(DELIMITERS)}")
    return Reading(encoding, DELIMITERS[delimiter] if delimiter else None, sheet)


class _ItemsRead(NamedTuple):
    """A catalogue or stock file that was read."""

    file: "FileRead"
    found: "ColumnMap"
    items: "ItemLines"


def _read_items(
    path: Path,
    reading: "Reading",
    mapping: Path | None,
    profiles: "tuple[Profile, ...]",
    read: Callable[["Table", "ColumnMap"], "ItemLines"],
) -> _ItemsRead:
    from tidegate.imports.columns import load_mapping
    from tidegate.imports.files import read_file
    from tidegate.imports.order_prepared import find_columns

    named = load_mapping(mapping) if mapping else None
    with _reading_shown(path):
        file = read_file(path, reading)
        found = find_columns(file, profiles, named)
        return _ItemsRead(file, found, read(file.table, found))


def _finish_items(
    read_in: _ItemsRead,
    path: Path,
    store: Path,
    shop: str,
    preview: int,
    rejects: Path | None,
    at: str,
    as_json: bool,
) -> None:
    """Show the preview, or send everything to the shop and print the account."""
    from tidegate.imports import items, reconciliation
    from tidegate.imports import preview as previews

    file, found, lines = read_in
    if preview:
        _print_preview(previews.preview_items(file, found, lines, preview), as_json)
        return
    with _opened(store, shop) as desk:
        now_ms = _moment_ms(at, desk.zone_name())
        with _bar("items", len(lines.commands)) as on_item:
            items.send_items(lines, desk, now_ms, file.sha256, on_item)
    nothing = lines.quantity * 0
    account = reconciliation.reconcile(lines.tally, lines.quantity, nothing, [])
    _print_account(account, file, lines.tally, rejects, path, as_json)


def _moment_ms(at: str, zone_name: str) -> int:
    from tidegate.desk.clock import SystemClock
    from tidegate.imports import times
    from tidegate.imports.refusal import CellRefused, ImportRefused

    if not at:
        return SystemClock().now_ms()
    try:
        return times.parse_time_ms(at, times.shop_zone(zone_name))
    except CellRefused as refused:
        raise ImportRefused(f"--at {at!r}: {refused.reason}; write 2021-10-26 00:00") from None


@contextmanager
def _opened(store: Path, shop: str) -> "Iterator[DeskPort]":
    from tidegate import bootstrap
    from tidegate.imports.refusal import ImportRefused

    if not shop:
        raise ImportRefused("name the shop with --shop")
    with refusals(), bootstrap.open_history(store, shop) as desk:
        yield desk


def _imports_folder(store: Path, shop: str) -> Path:
    """Where the progress of imports into a shop is kept."""
    return store / "shops" / shop / "imports"


@contextmanager
def _refusals() -> Iterator[None]:
    """Print a refusal as one message and end with status 2."""
    from tidegate.imports.refusal import ImportRefused

    try:
        yield
    except ImportRefused as refused:
        typer.echo(f"tidegate import: {refused}", err=True)
        raise typer.Exit(2) from None


@contextmanager
def _reading_shown(path: Path) -> Iterator[None]:
    from rich.console import Console

    with Console(stderr=True).status(f"reading {path.name}"):
        yield


@contextmanager
def _bar(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """A bar on standard error, once the work has taken longer than BAR_AFTER_S."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    bar = Progress(*columns, console=Console(stderr=True), transient=True)
    task = bar.add_task(what, total=total)
    began_s = time.monotonic()

    def on_step(done: int) -> None:
        if not bar.live.is_started and time.monotonic() - began_s > BAR_AFTER_S:
            bar.start()
        bar.update(task, completed=done)

    try:
        yield on_step
    finally:
        bar.stop()


def _print_preview(preview: "Preview", as_json: bool) -> None:
    from rich.console import Console

    from tidegate.imports.shown import show_preview

    if as_json:
        typer.echo(json.dumps(preview.as_json(), ensure_ascii=False))
    else:
        show_preview(Console(), preview)


def _print_account(
    account: "Reconciliation",
    file: "FileRead",
    counts: "LineTally",
    rejects: Path | None,
    path: Path,
    as_json: bool,
) -> None:
    """Write the reject file where there is one to write, then print the account."""
    from rich.console import Console

    from tidegate.imports.rejects import rejected_lines, write_rejects
    from tidegate.imports.shown import show_reconciliation

    target = rejects or Path(f"{path.name}.rejects.csv")
    listed = 0
    if rejects or rejected_lines(counts):
        try:
            listed = write_rejects(target, file.table, counts)
        except OSError as error:
            typer.echo(
                f"tidegate import: {target} cannot be written ({error.strerror}): nothing is "
                "decided twice, so repeat the command with another --rejects",
                err=True,
            )
            raise typer.Exit(1) from None
    if as_json:
        listing = {"rejects": str(target) if listed else None, "rejected_lines": listed}
        typer.echo(json.dumps(account.as_json() | listing, ensure_ascii=False))
        return
    show_reconciliation(Console(), account)
    if listed:
        typer.echo(f"{listed:,} lines that were not taken in are listed in {target}")
