"""An order as the API takes it, from a file or from options, and what became of it in words.

Always: what the order says goes as it is; only a missing moment is added, which does not count when
a repeat is compared with the first.
Never checks a price, a limit or a unit: the server decides.
"""

import json
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tidegate.cli._client import WrongUsage
from tidegate.cli._times import local_time

Order = dict[str, Any]
Flags = Mapping[str, Any]

ORDER_BYTES_MAX = 16_384  # the server's own bound
NOT_WITH_FILE = ("channel", "sku", "promotion", "exception", "account", "paid", "receivable_fen")


def order_from_flags(flags: Flags) -> Order:
    """A paid or unpaid order of one line. Raises WrongUsage."""
    receivable_fen = flags["receivable_fen"]
    if not (flags["channel"] and flags["sku"] and receivable_fen is not None):
        raise WrongUsage("name a FILE, or --channel, --sku, --quantity and --receivable-fen")
    line = {
        "sku": flags["sku"],
        "quantity": flags["quantity"],
        "receivable_fen": receivable_fen,
    }
    line |= {name: flags[name] for name in ("promotion", "exception") if flags[name]}
    order: Order = {
        "channel": flags["channel"],
        "paid": flags["paid"],
        "charged_fen": receivable_fen,
        "lines": [line],
    }
    if flags["account"]:
        order |= {"buyer": {"account": flags["account"]}, "verified": ["account"]}
    return _placed_now(order)


def order_from_file(file: Path, flags: Flags) -> Order:
    """The order that a file holds. Raises WrongUsage, which never quotes it: it names a buyer."""
    if given := [name for name in NOT_WITH_FILE if flags[name] not in {"", False, None}]:
        raise WrongUsage(f"the file says it all: leave --{given[0].replace('_', '-')} out")
    try:
        if str(file) == "-":
            data = sys.stdin.buffer.read(ORDER_BYTES_MAX + 1)
        else:
            with file.open("rb") as opened:
                data = opened.read(ORDER_BYTES_MAX + 1)
    except OSError as error:
        raise WrongUsage(f"{file}: {(error.strerror or 'cannot be read').lower()}") from None
    if len(data) > ORDER_BYTES_MAX:
        raise WrongUsage(f"{file}: an order has at most {ORDER_BYTES_MAX} bytes")
    try:
        order = json.loads(data, object_pairs_hook=_without_repeats)
    except UnicodeDecodeError:
        raise WrongUsage(f"{file}: not UTF-8") from None
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise WrongUsage(f"{file}: not JSON at {where}") from None
    if not isinstance(order, dict):
        raise WrongUsage(f"{file}: one JSON object, one order (many: `tidegate call --ndjson`)")
    return _placed_now(order)


def _without_repeats(pairs: list[tuple[str, Any]]) -> Order:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise WrongUsage("the order names a key twice")
    return found


def _placed_now(order: Order) -> Order:
    order.setdefault("placed_at", time.time_ns() // 1_000_000)
    return order


def placed_text(answer: Mapping[str, Any]) -> str:
    """What became of an order or a sale."""
    notes = [f"entry {answer['seq']}"]
    if answer.get("duplicate"):
        notes.append("sent before, counted once 重复订单，只计一次")
    if "judgement" in answer:
        told = _judged(answer)
    else:
        told = f"order {answer['id']} accepted · 已接单"
        if ends_ms := answer.get("hold_expires_at"):
            told += f", unpaid: held until {local_time(ends_ms)} 占货至此，逾期释放"
    return f"{told} ({', '.join(notes)})"


def _judged(answer: Mapping[str, Any]) -> str:
    told = f"sale {answer['id']} recorded · 已记录"
    if answer["judgement"]:
        told += f", kept from release 暂不放行: {', '.join(answer['judgement'])}"
    if answer["short"]:
        told += f", oversold 超卖 {answer['short']}"
    return told
