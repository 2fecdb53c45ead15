"""Facts pushed over HTTP for a connected channel: by the same way in as what its feed tells.

Always: a platform order number is recorded once, whoever tells of it first, and the rows stand in
the ledger before the desk is asked. Never: other content under a known number is recorded; it is
parked with its reason, kept from release, and stopped at the warehouse where it is gone already.
"""

import json
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from tidegate.channels.changes import KnownOrder, News
from tidegate.channels.feed_order import Status
from tidegate.channels.intake import PIECE_MAX, RECIPIENT_SPACE, Intake, Recorded
from tidegate.channels.ledger import key_bytes
from tidegate.channels.order_rows import rows_print
from tidegate.channels.parking import CHANGED, Parked
from tidegate.channels.ports import Key
from tidegate.desk.answers import Decision
from tidegate.domain.reasons import Reason
from tidegate.record.lines import DUPLICATE, LINE, PAID

AFTER_RELEASE = f"{CHANGED}_after_release"
LINE_FLAGS_AT = dict(LINE.fields or {})["flags"][1]
STATUSES: dict[str, Status] = {
    "unpaid": "unpaid", "paid": "paid", "cancelled": "cancelled", "shipped": "shipped",
}  # fmt: skip


class Sale(NamedTuple):
    """A sale as the door packed it: rows of a fact, and where its goods go to."""

    channel: str
    number: str
    key: Key
    placed_ms: int
    rows: bytes
    recipient: str = ""

    @property
    def status(self) -> Status:
        """As it was pushed: a sale is paid or it is not."""
        return "paid" if self.rows[LINE_FLAGS_AT] & PAID else "unpaid"


class SaleIntake:
    """One channel's pushed sales; takes turns with its feed."""

    def __init__(self, intake: Intake) -> None:
        self._intake = intake

    def take(self, sales: Sequence[Sale]) -> list[Decision]:
        """Record what is new, answer for what is known; durable when it returns.

        Raises what the desk raises: then the same sales may be pushed again, and count once.
        """
        decided: dict[int, Decision] = {}
        with self._intake.turns:
            for places in rounds(sales):
                piece = [sales[place] for place in places]
                decided |= dict(zip(places, self._take_piece(piece), strict=True))
        return [decided[place] for place in range(len(sales))]

    def _take_piece(self, sales: Sequence[Sale]) -> list[Decision]:
        known = self._intake.known([key_bytes(sale.key) for sale in sales])
        new = [sale for sale in sales if key_bytes(sale.key) not in known]
        recorded = self._record(new) if new else {}
        heard = [(known[key_bytes(sale.key)], sale) for sale in sales
                 if key_bytes(sale.key) in known]  # fmt: skip
        again = self._told_again(heard)
        return [recorded.get(sale.key) or again[sale.key] for sale in sales]

    # -- new ones --------------------------------------------------------------------------------

    def _record(self, new: Sequence[Sale]) -> dict[Key, Decision]:
        intake = self._intake
        intake.store([self._ledger_row(sale) for sale in new])
        recorded = intake.record([(key_bytes(sale.key), sale.rows) for sale in new])
        self._park_refused(new, recorded)
        found = {}
        for place, (sale, row) in enumerate(
            zip(new, recorded.decided.outcomes.tolist(), strict=True)
        ):
            reason, flags, rule, has, mask, short = row
            found[sale.key] = Decision(
                reason, bool(flags & DUPLICATE), rule, has, mask, short,
                recorded.decided.seq, recorded.decided.position + place, 0,
            )  # fmt: skip
        return found

    def _park_refused(self, new: Sequence[Sale], recorded: Recorded) -> None:
        """What even a fact cannot be stands parked; so does a number that was other content."""
        outcomes = recorded.decided.outcomes["reason"].tolist()
        parked = [
            Parked(sale.number, recorded.refused.get(key_bytes(sale.key), CHANGED), None, (), b"")
            for sale, reason in zip(new, outcomes, strict=True)
            if reason
        ]
        self._intake.parking.park(parked)

    def _ledger_row(self, sale: Sale) -> tuple[object, ...]:
        rows = np.frombuffer(sale.rows, LINE)
        codes = self._intake.shop.sku_codes(rows["sku"].tolist())
        units, fen = rows["quantity"].tolist(), rows["receivable_fen"].tolist()
        lines = json.dumps([[code, many] for code, many in zip(codes, units, strict=True)])
        due_fen = int(np.maximum(rows["receivable_fen"] - rows["platform_fen"], 0).sum())
        return (
            key_bytes(sale.key), self._intake.channel, sale.number, "asked", sale.status,
            sale.placed_ms, sale.placed_ms, b"", self._recipient(sale), lines, sale.rows, due_fen,
            json.dumps(fen), rows_print(sale.rows),
        )  # fmt: skip

    def _recipient(self, sale: Sale) -> bytes:
        if not sale.recipient:
            return b""
        return key_bytes(self._intake.shop.order_key(RECIPIENT_SPACE, sale.recipient))

    # -- known ones ------------------------------------------------------------------------------

    def _told_again(self, heard: Sequence[tuple[KnownOrder, Sale]]) -> dict[Key, Decision]:
        news: list[tuple[KnownOrder, News]] = []
        parked: list[Parked] = []
        found: dict[Key, Decision] = {}
        for row, sale in heard:
            is_other = not is_same(row, sale)
            status = STATUSES[row.status]
            recipient = b"" if row.print else self._recipient(sale)  # a feed's word counts more
            if is_other:
                word = AFTER_RELEASE if row.state == "released" else CHANGED
                parked.append(Parked(row.number, word, None, (), b""))
            elif status == "unpaid":
                status = sale.status
            moved = bool(recipient) and recipient != row.recipient
            if is_other or moved or status != row.status:
                # On the channel's clock: its feed's own news must not look older than this.
                news.append((row, News(status, row.changed_ms, b"", is_other, recipient)))
            reason = Reason.ID_REUSED if is_other else Reason.ACCEPTED
            found[sale.key] = Decision(
                int(reason), not is_other, 0, 0, row.mask, row.short, row.seq, row.position, 0
            )
        if news:
            self._intake.changes.apply(news)
        self._intake.parking.park(parked)
        return found


def is_same(row: KnownOrder, sale: Sale) -> bool:
    """Whether a sale tells what was recorded: SKUs, units, money, promotions."""
    if not row.rows_print:  # it took no stock, or is from before prints of rows were kept
        return True
    return row.rows_print == rows_print(sale.rows)


def rounds(sales: Sequence[Sale]) -> Iterator[list[int]]:
    """Places of sales in rounds of at most PIECE_MAX, in each of them every number once."""
    left = list(range(len(sales)))
    while left:
        taken: list[int] = []
        seen: set[Key] = set()
        later: list[int] = []
        for place in left:
            if sales[place].key in seen or len(taken) >= PIECE_MAX:
                later.append(place)
            else:
                seen.add(sales[place].key)
                taken.append(place)
        left = later
        yield taken
