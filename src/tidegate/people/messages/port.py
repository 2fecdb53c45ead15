"""The one way for a message to a person: asked at the gate when it is wanted, and when it leaves.

What the gate refuses at either moment does not go; a message whose fate is unknown is listed and
never sent again by itself; every decision and outcome is an event that names no address.
This module never keeps an address: it is read from the vault for the moment in which it is used.
"""

import threading
from collections import Counter
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Any, Literal, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from tidegate.people.consent.standing import SENT_EVENT, UNKNOWN_EVENT
from tidegate.people.gate import Wish
from tidegate.people.gate_port import Deny
from tidegate.people.messages import outbox as ob
from tidegate.people.messages.outbox import Outbox, Row, Waiting, WayOut
from tidegate.people.messages.pace import Pace
from tidegate.people.messages.templates import PutTemplate, check_values, filled
from tidegate.people.messages.transports import Handed, Message, Outcome, Transport
from tidegate.people.notices.document import Language
from tidegate.people.pack import DAY_MS, HOUR_MS
from tidegate.people.refusals import GateReason
from tidegate.people.shop_people import ShopPeople
from tidegate.people.stream import token_text

QUEUED_EVENT, STOPPED_EVENT = "message.queued", "message.stopped"
REFUSED_EVENT, RESOLVED_EVENT, PUSH_EVENT = "message.refused", "message.resolved", "push.decided"

LIFE_MS = {True: DAY_MS, False: 3 * DAY_MS}  # by marketing: afterwards nobody wants it any more
BACKOFF_MS = 30_000
BACKOFF_MAX_MS = HOUR_MS
ATTEMPTS_MAX = 12
PIECE_MAX = 50  # of a channel, in a turn
PUSH_PIECE = 4_096  # persons whose decisions share an event
QUIET = GateReason.QUIET_HOURS.word
Resolution = Literal["sent", "again", "drop"]


class AddressMissing(Exception):
    """Nothing is held to reach this person by; `reason` is a fixed name."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


class AddressUnavailable(Exception):
    """Whether there is an address cannot be told now."""


class Addresses(Protocol):
    """Where addresses are read from; each reading is on record there."""

    def address(self, person: int, purpose: str, channel: str, field: str) -> str:
        """The one value to reach them by. Raises AddressMissing, AddressUnavailable."""
        ...


class NoAddresses:
    """Where a shop has no vault: nothing leaves."""

    def address(self, person: int, purpose: str, channel: str, field: str) -> str:  # noqa: ARG002  the port's names
        """There is nothing to read from."""
        raise AddressUnavailable


class MessageRefused(Exception):
    """The gate refuses it; nothing is queued, and that is on record."""

    def __init__(self, reason: str, article: str) -> None:
        self.reason = reason
        self.article = article
        super().__init__(f"{reason} ({article})")


class Wanted(NamedTuple):
    """A message as it is asked for; `key` counts once."""

    key: str
    person: int
    template: str
    channel: str
    language: Language
    values: Mapping[str, Any]


class Turn(NamedTuple):
    """What one turn came to."""

    sent: int = 0
    stopped: int = 0
    refused: int = 0
    later: int = 0
    unknown: int = 0
    lapsed: int = 0


class MessagePort:
    """One shop's port. Anybody may ask; `turn` is called from one thread."""

    def __init__(
        self,
        people: ShopPeople,
        outbox: Outbox,
        addresses: Addresses,
        transport_of: Callable[[WayOut], Transport],
        now_ms: Callable[[], int],
        monotonic_s: Callable[[], float],
    ) -> None:
        self._people = people
        self.templates = people.templates
        self.outbox = outbox
        self._addresses = addresses
        self._transport_of = transport_of
        self._now_ms = now_ms
        self._pace = Pace(monotonic_s)
        self._transports: dict[str, tuple[WayOut, Transport]] = {}
        self._turning = threading.Lock()
        self.faults: dict[str, str] = {}  # channels that cannot send now, and why

    # -- asking ----------------------------------------------------------------------------------

    def send(self, wanted: Wanted, actor: int) -> Row:
        """Queue one message if the gate allows it now. The same key again is the same message.

        Raises MessageRefused, TemplateRefused, AdvertisingFound, KeyReused, LookupError.
        """
        put = self.templates.newest(wanted.template)
        values = check_values(put.template, wanted.values)
        now_ms = self._now_ms()
        wish = self._wish(put, wanted.channel, now_ms)
        answer = self._people.gate.may(
            wanted.person, wish.purpose, wish.fields, "", wish.channel, now_ms
        )
        waits = isinstance(answer, Deny) and answer.reason == QUIET
        due_ms = self._people.gate.quiet_ends_ms(wish) if waits else now_ms
        waiting = Waiting(
            wanted.key, wanted.person, wanted.template, put.version, wanted.channel,
            wish.purpose, wanted.language, values, put.template.kind == "marketing",
            "" if isinstance(answer, Deny) else answer.evidence, now_ms, due_ms,
            now_ms + LIFE_MS[put.template.kind == "marketing"],
        )  # fmt: skip
        before = self.outbox.find(wanted.key)
        if before is None and isinstance(answer, Deny) and not waits:
            self._record(STOPPED_EVENT, waiting, now_ms, actor=actor, reason=answer.reason)
            raise MessageRefused(answer.reason, answer.article)
        if before is None:
            self._record(QUEUED_EVENT, waiting, now_ms, actor=actor, evidence=waiting.evidence)
        return self.outbox.add([waiting])[0]

    def push(
        self, push: str, wanted: Wanted, persons: npt.NDArray[np.uint64], actor: int
    ) -> Counter[str]:
        """One marketing message to many: each is decided by the gate, in columns, on record.

        The key of each is the push's and the person's, so a push that was cut off is given again
        and goes on. Returns how many were queued (`allowed`) and refused, by reason.
        """
        put = self.templates.newest(wanted.template)
        values = check_values(put.template, wanted.values)
        tally: Counter[str] = Counter()
        for start in range(0, len(persons), PUSH_PIECE):
            now_ms = self._now_ms()
            piece = persons[start : start + PUSH_PIECE]
            wish = self._wish(put, wanted.channel, now_ms)
            many = self._people.gate.may_many(wish, piece)
            quiet = many.reasons == GateReason.QUIET_HOURS
            goes = (many.reasons == GateReason.ALLOWED) | quiet
            place = self._people.stream.record(
                ("push", push),
                {
                    "kind": PUSH_EVENT, "at_ms": now_ms, "actor": token_text(actor), "push": push,
                    "purpose": wish.purpose, "channel": wish.channel, "version": put.version,
                    "template": put.template.template,
                    "persons": [token_text(one) for one in piece.tolist()],
                    "reasons": many.reasons.tolist(),
                },
            )  # fmt: skip
            due_ms = self._people.gate.quiet_ends_ms(wish) if bool(quiet.any()) else now_ms
            self.outbox.add(
                [
                    Waiting(
                        f"{push}:{token_text(person)}", person, put.template.template, put.version,
                        wish.channel, wish.purpose, wanted.language, values, True, f"push {place}",
                        now_ms, due_ms, now_ms + LIFE_MS[True],
                    )
                    for person in piece[goes].tolist()
                ]
            )  # fmt: skip
            for reason, count in zip(*np.unique(many.reasons, return_counts=True), strict=True):
                tally[GateReason(int(reason)).word] += int(count)
        return tally

    def resolve(self, message: int, resolution: Resolution, actor: int) -> Row:
        """A person says what became of a message whose fate is unknown. Raises LookupError."""
        row = self.outbox.get(message)
        if row.state != ob.UNKNOWN:
            raise LookupError(f"message {message} is {row.state}: there is nothing to resolve")
        now_ms = self._now_ms()
        self._record(RESOLVED_EVENT, row, now_ms, actor=actor, resolution=resolution)
        state = {"sent": ob.SENT, "again": ob.QUEUED, "drop": ob.DROPPED}[resolution]
        self.outbox.mark(message, state, now_ms, reason=resolution, due_ms=now_ms, attempts=0)
        return self.outbox.get(message)

    def unsubscribe(self, key: str, actor: int) -> Row:
        """Whoever got a message wants no more of its kind: their consent to its purpose ends.

        By the message's key, because a reply tells which message, not whose account. Raises
        LookupError for a message that is not known (any more) or is not marketing.
        """
        row = self.outbox.find(key)
        if row is None or not row.is_marketing:
            raise LookupError("there is no marketing message of this id")
        action = f"unsubscribe-{sha256(key.encode()).hexdigest()[:16]}"
        self._people.ledger.withdraw(row.person, row.purpose, action, actor, self._now_ms())
        return row

    # -- sending ---------------------------------------------------------------------------------

    def start(self) -> int:
        """Look after messages that a killed process left half-way; how many are unknown now."""
        unknown = 0
        for row in self.outbox.in_state(ob.SENDING):
            way = next((one for one in self.outbox.ways() if one.channel == row.channel), None)
            transport = None if way is None else self._usable(way)
            if transport is not None and transport.counts_once:
                self.outbox.mark(row.id, ob.QUEUED, self._now_ms())
            else:
                self._ended(row, Handed(Outcome.UNKNOWN, "restart"), counts_once=False)
                unknown += 1
        return unknown

    def turn(self) -> Turn:
        """Send what is due, as fast as each channel may; then let connections rest."""
        counts = dict.fromkeys(Turn._fields, 0)
        with self._turning:
            for way in self.outbox.ways():
                transport = self._usable(way)
                if transport is None:
                    continue  # the other channels go on
                allowed = self._pace.take(way.channel, way.per_minute, PIECE_MAX)
                rows = self.outbox.due(way.channel, self._now_ms(), allowed)
                self._pace.give_back(way.channel, allowed - len(rows))
                for row in rows:
                    counts[self._try(way, transport, row)] += 1
                if rows:
                    transport.rest()
        return Turn(**counts)

    def _try(self, way: WayOut, transport: Transport, row: Row) -> str:
        now_ms = self._now_ms()
        if now_ms >= row.expires_ms:
            self._record(STOPPED_EVENT, row, now_ms, reason="lapsed")
            self.outbox.mark(row.id, ob.LAPSED, now_ms, reason="lapsed")
            return "lapsed"
        reason = self._gate_says(row, way, now_ms)
        if reason:  # before an address is read for nothing
            return self._refused(row, way, reason)
        self.outbox.mark(row.id, ob.SENDING, now_ms)
        try:
            to = self._addresses.address(row.person, row.purpose, row.channel, way.field)
        except AddressMissing as missing:
            return self._refused(row, way, missing.reason)
        except AddressUnavailable:
            return self._later(row, "address_unavailable")
        put = self.templates.version(row.template, row.version)
        now_ms = self._now_ms()
        # Here and not earlier: a withdrawal up to this moment stops the message.
        answer = self._people.gate.may(
            row.person, row.purpose, frozenset((way.field,)), "", row.channel, now_ms
        )
        if isinstance(answer, Deny):
            return self._refused(row, way, answer.reason)
        found = self._people.notices.purpose(row.purpose)
        assert found is not None, "the gate allows no purpose that does not stand"
        channel = found.published.notice.channels[row.channel]
        language: Language = "zh-CN" if row.language == "zh-CN" else "en"
        text = filled(put.template, found.purpose, channel, language, row.values)
        message = Message(
            row.key, to, channel.sender.of(language), text.subject, text.body, now_ms,
            row.is_marketing,
        )  # fmt: skip
        handed = transport.hand_over(message)
        return self._ended(row, handed, counts_once=transport.counts_once, evidence=answer.evidence)

    def _ended(self, row: Row, handed: Handed, *, counts_once: bool, evidence: str = "") -> str:
        now_ms = self._now_ms()
        outcome = handed.outcome
        if outcome is Outcome.LATER:
            if row.attempts + 1 < ATTEMPTS_MAX:
                return self._later(row, handed.code)
            outcome = Outcome.UNKNOWN if counts_once else Outcome.REFUSED
        kinds = {
            Outcome.SENT: (SENT_EVENT, ob.SENT),
            Outcome.REFUSED: (REFUSED_EVENT, ob.REFUSED),
            Outcome.UNKNOWN: (UNKNOWN_EVENT, ob.UNKNOWN),
        }
        kind, state = kinds[outcome]
        self._record(kind, row, now_ms, evidence=evidence, code=handed.code)
        self.outbox.mark(row.id, state, now_ms, reason=handed.code)
        return state

    def _gate_says(self, row: Row, way: WayOut, now_ms: int) -> str:
        answer = self._people.gate.may(
            row.person, row.purpose, frozenset((way.field,)), "", row.channel, now_ms
        )
        return answer.reason if isinstance(answer, Deny) else ""

    def _refused(self, row: Row, way: WayOut, reason: str) -> str:
        """Stopped at the moment of sending; in quiet hours it waits for their end."""
        now_ms = self._now_ms()
        if reason in {QUIET, f"gate:{QUIET}"}:
            wish = Wish(row.purpose, frozenset((way.field,)), "", row.channel, now_ms)
            due_ms = self._people.gate.quiet_ends_ms(wish)
            self.outbox.mark(row.id, ob.QUEUED, now_ms, reason=QUIET, due_ms=due_ms)
            return "later"
        self._record(STOPPED_EVENT, row, now_ms, reason=reason)
        self.outbox.mark(row.id, ob.STOPPED, now_ms, reason=reason)
        return "stopped"

    def _later(self, row: Row, reason: str) -> str:
        now_ms = self._now_ms()
        wait_ms = min(BACKOFF_MS << row.attempts, BACKOFF_MAX_MS)
        self.outbox.mark(
            row.id, ob.QUEUED, now_ms, reason=reason, due_ms=now_ms + wait_ms,
            attempts=row.attempts + 1,
        )  # fmt: skip
        return "later"

    # -- shared ----------------------------------------------------------------------------------

    def _wish(self, put: PutTemplate, channel: str, now_ms: int) -> Wish:
        fields = frozenset(way.field for way in self.outbox.ways() if way.channel == channel)
        return Wish(put.template.purpose, fields, "", channel, now_ms)

    def _usable(self, way: WayOut) -> Transport | None:
        """The transport, or None where it cannot be built: a secret is missing, say."""
        try:
            transport = self._transport(way)
        except (OSError, ValueError) as error:
            self.faults[way.channel] = type(error).__name__
            return None
        self.faults.pop(way.channel, None)
        return transport

    def _transport(self, way: WayOut) -> Transport:
        known = self._transports.get(way.channel)
        if known is None or known[0] != way:
            known = self._transports[way.channel] = (way, self._transport_of(way))
        return known[1]

    def _record(self, kind: str, about: Row | Waiting, now_ms: int, **more: Any) -> None:  # noqa: ANN401  JSON
        """Put an event about a message on record; its key only as a hash."""
        given = {name: value for name, value in more.items() if value not in {"", 0}}
        if "actor" in given:
            given["actor"] = token_text(given["actor"])
        event = {
            "kind": kind, "at_ms": now_ms, "person": token_text(about.person),
            "message": sha256(about.key.encode()).hexdigest(), "template": about.template,
            "version": about.version, "channel": about.channel, "purpose": about.purpose,
            "marketing": about.is_marketing,
        }  # fmt: skip
        self._people.stream.record(about.person, event | given)
