"""An order's story in words, a line an event, English and Chinese side by side.

Every word and figure is the server's; nothing is computed here.
"""

from collections.abc import Mapping
from typing import Any


def story_text(channel: str, order_id: str, found: Mapping[str, Any]) -> str:
    """The order as it is, its lines, and each event with why."""
    order = found["order"]
    head = f"{channel} {order_id}: {order['state']} {order['state_zh']}".rstrip()
    if order["hold_ends_at"]:
        head += f", held until {order['hold_ends_at']}"
    lines = [head, *(_line_text(line) for line in order["lines"])]
    lines += [_event_text(event) for event in found["events"]]
    if found["events_left_out"]:
        lines.append(f"  ({found['events_left_out']} more events are not shown 未显示)")
    return "\n".join(lines)


def _line_text(line: Mapping[str, Any]) -> str:
    text = f"  line {line['line']}: {line['sku']} x {line['quantity']}"
    names = (("promotion", "promotion"), ("exception", "exception"))
    text += "".join(f", {word} {line[name]}" for name, word in names if line[name])
    done = ("cancelled", "shipped", "returned")
    return text + "".join(f", {line[name]} {name}" for name in done if line[name])


def _event_text(event: Mapping[str, Any]) -> str:
    place = f"{event['seq']}.{event['position']}"
    told = event["text"]
    return f"  {event['at']}  {place}  {event['event']}: {told['en']} · {told['zh']}"
