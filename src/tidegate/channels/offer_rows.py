"""What the ledger holds of one channel's offers, and how what was read there is taken in.

Always: a reading replaces what was believed, in one transaction. Never: asks a channel.
"""

from collections.abc import Sequence
from typing import NamedTuple

from tidegate.channels.alarms import OFF_SHELF, ON_SHELF, SHOWS_MORE, Alarms
from tidegate.channels.ledger import Ledger
from tidegate.channels.ports import Shown

NEVER_SHOWN = Shown(0, listed=True)  # what a channel does not know yet


class Offer(NamedTuple):
    """One SKU of a channel, as the ledger holds it."""

    sku: str
    item: str
    terms: str
    shown: int
    listed: int
    push_id: int
    pushing: int | None
    is_increment: int
    is_unknown: int
    read_ms: int
    fault: str


class OfferRows:
    """One channel's rows."""

    def __init__(self, channel: str, ledger: Ledger) -> None:
        self._channel = channel
        self._ledger = ledger
        self._alarms = Alarms(ledger)

    def waiting(self, where: str) -> list[Offer]:
        """The offers for which some words of ours hold."""
        rows = self._ledger.ask(
            f"SELECT {', '.join(Offer._fields)} FROM offer WHERE channel = ? AND {where}",  # noqa: S608 -- our words
            (self._channel,),
        )
        return [Offer(*row) for row in rows]

    def blame(self, skus: Sequence[str], fault: str) -> None:
        """Say what is wrong with offers."""
        with self._ledger.writing() as connection:
            connection.executemany(
                "UPDATE offer SET fault = ? WHERE channel = ? AND sku = ?",
                [(fault, self._channel, sku) for sku in skus],
            )

    def take_readings(self, offers: Sequence[Offer], found: dict[str, Shown], now_ms: int) -> None:
        """What it shows is what it may sell; sales from before are not taken off again."""
        rows = []
        for offer in offers:
            shown = found.get(offer.item, None if offer.read_ms else NEVER_SHOWN)
            if shown is not None:
                rows.append((shown.quantity, int(shown.listed), now_ms, self._channel, offer.sku))
        with self._ledger.writing() as connection:
            connection.executemany(
                "UPDATE offer SET shown = ?, listed = ?, read_ms = ?, pushing = NULL,"
                " is_unknown = 1 WHERE channel = ? AND sku = ?",
                rows,
            )

    def compare(self, offers: Sequence[Offer], found: dict[str, Shown], now_ms: int) -> None:
        """What differs raises an alarm; what shows too much is set back with the next push.

        What a person took off the shelf over there nobody but a person puts back.
        """
        seen = [(offer, found[offer.item]) for offer in offers if offer.item in found]
        more = [offer for offer, there in seen if there.quantity > offer.shown]
        back = [offer for offer, there in seen if there.listed and not offer.listed]
        gone = [
            offer
            for offer, there in seen
            if not there.listed and offer.listed and there.quantity and offer.shown
        ]
        self.take_readings(more, found, now_ms)
        self.blame([offer.sku for offer in more], SHOWS_MORE)
        self.blame([offer.sku for offer in gone], OFF_SHELF)
        self.blame([offer.sku for offer in back if offer.fault == OFF_SHELF], "")
        with self._ledger.writing() as connection:
            connection.executemany(
                "UPDATE offer SET listed = ? WHERE channel = ? AND sku = ?",
                [
                    (int(is_back), self._channel, offer.sku)
                    for is_back, some in ((True, back), (False, gone))
                    for offer in some
                ],
            )
        for offer in more:
            figures = {"shown": found[offer.item].quantity, "granted": offer.shown}
            self._alarm(SHOWS_MORE, offer, now_ms, figures)
        for offer in back:
            if offer.fault != OFF_SHELF:
                self._alarm(ON_SHELF, offer, now_ms, {})
        for offer in gone:
            self._alarm(OFF_SHELF, offer, now_ms, {})

    def _alarm(self, kind: str, offer: Offer, now_ms: int, figures: dict[str, int]) -> None:
        self._alarms.raise_one(
            self._channel, kind, now_ms, sku=offer.sku, item=offer.item, figures=figures
        )
