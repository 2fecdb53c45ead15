"""What is decided, event by event, for those who listen as it happens.

Always: in the order of the journal, each with its place. Never: a token or anything of a person;
an order appears as its keyed hash and its lines.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from tidegate.domain.reasons import REASON_TEXTS, Reason
from tidegate.record.lines import ALL_LINES, DUPLICATE, FACT, OPERATION_KINDS
from tidegate.views.parts import Expired, Opened, Operations, Orders, Told

SKIPPED = "skipped"  # the event that tells a listener what it will not get

Code = Callable[[str, int], str]


@dataclass(frozen=True)
class Event:
    """One decided thing: where it stands, what it is called, and data ready for JSON."""

    seq: int
    position: int
    name: str
    data: Any


def events_in_entry(entry: Opened, code: Code) -> Iterator[Event]:
    """Every event of an entry; `code` gives the code of a scope's number."""
    for part in entry.parts:
        if isinstance(part, Orders):
            yield from _orders(entry, part, code)
        elif isinstance(part, Operations):
            yield from _operations(entry, part)
        elif isinstance(part, Expired):
            for offset, number in enumerate(part.numbers.tolist()):
                data = {"at_ms": entry.now_ms, "number": number}
                yield Event(entry.seq, part.position + offset, "hold_expired", data)
        elif isinstance(part, Told):
            yield _told(entry, part)
        else:
            note = part.note
            data = {"at_ms": entry.now_ms, "kind": note.kind, "seq": note.seq}
            yield Event(entry.seq, part.position, "note", data)


def skipped(from_seq: int, to_seq: int) -> Event:
    """What tells a listener that entries were left out for it."""
    data = {
        "from_seq": from_seq,
        "to_seq": to_seq,
        "text": {
            "en": f"entries {from_seq} to {to_seq} were skipped: read faster, or start again"
            f" behind {from_seq - 1}",
            "zh": f"跳过记录 {from_seq} 至 {to_seq}：读取过慢，可从 {from_seq - 1} 之后重新开始",
        },
    }
    return Event(to_seq, 0, SKIPPED, data)


def _orders(entry: Opened, part: Orders, code: Code) -> Iterator[Event]:
    columns = [part.lines[name].tolist() for name in ("sku", "quantity", "receivable_fen")]
    heads = part.lines[part.starts]
    starts = part.starts.tolist()
    ends = [*starts[1:], len(part.lines)]
    ids = zip(heads["id_hi"].tolist(), heads["id_lo"].tolist(), strict=True)
    whole = zip(
        ids, heads["channel"].tolist(), heads["flags"].tolist(), starts, ends,
        part.outcomes.tolist(), strict=True,
    )  # fmt: skip
    for offset, ((hi, lo), channel, flags, start, end, outcome) in enumerate(whole):
        reason, repeat, _, _, mask, short = outcome
        data = {
            "at_ms": entry.now_ms,
            "order": f"{hi:016x}{lo:016x}",
            "channel": code("channel", channel),
            **_verdict(reason, repeat),
            "lines": [
                {
                    "sku": code("sku", columns[0][i]),
                    "quantity": columns[1][i],
                    "receivable_fen": columns[2][i],
                }
                for i in range(start, end)
            ],
        }
        if flags & FACT:
            data["judgement"] = _names(mask)
            data["short"] = short
        name = "sale" if flags & FACT else "order"
        yield Event(entry.seq, part.position + offset, name, data)


def _operations(entry: Opened, part: Operations) -> Iterator[Event]:
    for offset, (row, outcome) in enumerate(
        zip(part.rows.tolist(), part.outcomes.tolist(), strict=True)
    ):
        _, _, hi, lo, amount_fen, quantity, line, kind, _ = row
        data = {
            "at_ms": entry.now_ms,
            "order": f"{hi:016x}{lo:016x}",
            **_verdict(outcome[0], outcome[1]),
            "line": None if line == ALL_LINES else line,
            "quantity": quantity,
            "amount_fen": amount_fen,
        }
        name = OPERATION_KINDS[kind] if kind < len(OPERATION_KINDS) else f"operation_{kind}"
        yield Event(entry.seq, part.position + offset, name, data)


def _told(entry: Opened, part: Told) -> Event:
    envelope = part.envelope
    data = {"at_ms": entry.now_ms, **_verdict(envelope.reason, 0)}
    if envelope.fact is not None:
        data["fact"] = type(envelope.fact).__struct_config__.tag
        data["code"] = getattr(envelope.fact, "code", None)
    return Event(entry.seq, part.position, "command", data)


def _verdict(reason: int, flags: int) -> dict[str, Any]:
    return {
        "accepted": reason == Reason.ACCEPTED,
        "reason": REASON_TEXTS[Reason(reason)].name,
        "reason_number": reason,
        "duplicate": bool(flags & DUPLICATE),
    }


def _names(mask: int) -> list[str]:
    return [REASON_TEXTS[Reason(bit)].name for bit in range(32) if mask >> bit & 1]
