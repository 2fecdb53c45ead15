"""A back office's export of prices in hand (到手价): by item code, in fen.

Always: a row whose price cannot be read is left out, so that it counts as unreadable. Never: a list
price stands in for the price that a buyer would pay.
"""

from pathlib import Path

from tidegate.channels.ports import Unreadable
from tidegate.imports import cells
from tidegate.imports.files import read_file
from tidegate.imports.refusal import CellRefused, ImportRefused

ITEM_NAMES = ("商家编码", "规格编码", "sku", "item")
PRICE_NAMES = ("到手价", "到手价(元)", "券后价", "券后价(元)", "price in hand", "price_in_hand")


def prices_of_file(path: Path) -> dict[str, int]:
    """Fen for one unit by item code. Raises Unreadable."""
    try:
        table = read_file(path).table
    except ImportRefused as refused:
        raise Unreadable(f"{path.name}: {refused}") from None
    index = {name.strip().casefold(): place for place, name in enumerate(table.header)}
    item = next((index[name] for name in ITEM_NAMES if name in index), None)
    price = next((index[name] for name in PRICE_NAMES if name in index), None)
    if item is None or price is None:
        raise Unreadable(f"{path.name}: it needs the columns 商家编码 (sku) and 到手价")
    found: dict[str, int] = {}
    for row, record in enumerate(table.rows):
        if row in table.faults:
            continue
        try:
            code = cells.parse_sku_code(record[item])
            fen = cells.parse_money_fen(record[price], ".")
        except CellRefused:
            continue
        if fen >= 0:
            found[code] = fen
    return found
