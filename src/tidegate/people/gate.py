"""Whether something may be done with a person's data now: asked by every read and every message.

Allowed is only what a notice in force names, on the basis it names, and for a purpose that rests on
consent only what this person agreed to, as it stands now; the evidence names the records.
This module never remembers an answer: whoever acts later asks again. It records nothing by itself.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from tidegate.people.consent.standing import NOBODY, RING, Age, Consents, Standing, State
from tidegate.people.gate_port import Allow, Answer, Deny
from tidegate.people.local_minutes import is_between
from tidegate.people.notices.document import ChannelTerms
from tidegate.people.notices.shelf import Notices, PurposeInForce
from tidegate.people.pack import DAY_MS, MINUTE_MS
from tidegate.people.refusals import GateReason

R = GateReason
LEGAL_BASES = frozenset(("duty", "other_law"))  # go on where a person restricted the rest
Reasons = npt.NDArray[np.uint8]
QUARTER_MS = 15 * MINUTE_MS
_QUARTERS_A_DAY = 96
NO_FIELDS: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Wish:
    """One question, without the person: what holds for all who are asked about."""

    purpose: str
    fields: frozenset[str]
    recipient: str
    channel: str
    at_ms: int


class ManyAnswers:
    """The answers about many persons; evidence is put together for whom it is asked for."""

    def __init__(
        self, gate: "PeopleGate", wish: Wish, persons: list[int], reasons: Reasons
    ) -> None:
        self.reasons = reasons  # a GateReason each, 0 = allowed
        self._gate = gate
        self._wish = wish
        self._persons = persons

    def answer(self, number: int) -> Answer:
        """The answer about one of them, with its evidence."""
        reason = R(int(self.reasons[number]))
        return self._gate.told(reason, self._wish, self._persons[number])


class PeopleGate:
    """See `gate_port.Gate`. Any thread may ask; an answer is of the newest durable event."""

    def __init__(
        self, notices: Notices, standing: Standing, minute_of_day: Callable[[int], int]
    ) -> None:
        self._notices = notices
        self._standing = standing
        self._minute_of_day = minute_of_day
        self._pack = notices.pack
        self._pack_quiet = (
            self._pack.number("quiet_from_minute"),
            self._pack.number("quiet_to_minute"),
        )

    def may(
        self,
        person: int,
        purpose: str,
        fields: frozenset[str],
        recipient: str,
        channel: str,
        at_ms: int,
    ) -> Answer:
        """See `gate_port.Gate`."""
        wish = Wish(purpose, fields, recipient, channel, at_ms)
        return self.told(self.reason(wish, person), wish, person)

    def may_many(self, wish: Wish, persons: npt.NDArray[np.uint64]) -> ManyAnswers:
        """The same question about many, each answered as `may` would."""
        found, reason = self._request(wish)
        if found is None or reason:
            reasons: Reasons = np.full(len(persons), reason, np.uint8)
        else:
            reasons = self._reasons(wish, found, persons)
        return ManyAnswers(self, wish, persons.tolist(), reasons)

    def quiet_ends_ms(self, wish: Wish) -> int:
        """When a message of this purpose may leave by its channel: now, or when it is morning.

        Found in quarters of an hour; asks nothing else.
        """
        found, reason = self._request(wish)
        if found is None or reason or not (found.purpose.marketing and wish.channel):
            return wish.at_ms
        for quarter in range(_QUARTERS_A_DAY):
            at_ms = wish.at_ms + quarter * QUARTER_MS
            if not self._is_quiet(found, replace(wish, at_ms=at_ms)):
                return at_ms
        return wish.at_ms + DAY_MS  # a channel that is never loud

    def told(self, reason: GateReason, wish: Wish, person: int) -> Answer:
        """A reason as an answer."""
        if reason:
            return Deny(reason.word, self._pack.reasons[reason.word])
        found = self._notices.purpose(wish.purpose)
        if found is None:  # a notice without it came between the decision and the telling
            return self.told(R.PURPOSE_UNKNOWN, wish, person)
        published = found.published
        basis = found.purpose.basis
        stands = f"{wish.purpose}: {self._pack.bases[basis]}"
        if basis == "consent":
            place = self._standing.granted_at(person, wish.purpose)
            if place is None:  # as above: a no that is said meanwhile counts
                return self.told(R.CONSENT_WITHDRAWN, wish, person)
            stands += f", consent {place}"
        return Allow(
            f"{stands}, notice {published.notice.notice}@{published.version}"
            f" {published.place} sha256:{published.sha256}, {self._pack.name}"
        )

    # -- one person ------------------------------------------------------------------------------

    def reason(self, wish: Wish, person: int) -> GateReason:
        """Why not, or ALLOWED. Guards in the order of docs/reference/consent.md."""
        found, reason = self._request(wish)
        if found is None or reason:
            return reason
        standing, purpose = self._standing, found.purpose
        if person == 0 or person in standing.forgotten:
            return R.PERSON_UNKNOWN
        row = standing.row_of(person)
        is_known = row != NOBODY
        if is_known and standing.restricted[row] and purpose.basis not in LEGAL_BASES:
            return R.PERSON_RESTRICTED
        age = int(standing.age[row]) if is_known else int(Age.UNKNOWN)
        if purpose.basis == "consent":
            column = standing.consents(wish.purpose)
            if column is None or not is_known:
                return R.CONSENT_MISSING
            reason = self._consent(column, row, found, wish.at_ms)
            if reason:
                return reason
            if age == Age.CHILD and not column.by_guardian[row]:
                return R.GUARDIAN_MISSING
        else:
            if age == Age.CHILD and purpose.basis not in LEGAL_BASES and not standing.guardian[row]:
                return R.GUARDIAN_MISSING
            if self._needs_serving(found) and self._notices.is_served(person, found) is None:
                return R.NOTICE_NOT_SERVED
        if purpose.marketing and wish.channel:
            if self._is_quiet(found, wish):
                return R.QUIET_HOURS
            if is_known and self._is_too_often(found, wish, row):
                return R.FREQUENCY_EXCEEDED
        if purpose.personalised and is_known and standing.profiling_refused[row]:
            return R.PROFILING_REFUSED
        reason = self._sender(found, wish)
        if reason:
            return reason
        if purpose.marketing and purpose.personalised and age in {Age.CHILD, Age.MINOR}:
            return R.AGE_UNSUITED
        return R.ALLOWED

    def _consent(self, column: Consents, row: int, found: PurposeInForce, at_ms: int) -> GateReason:
        state = column.state[row]
        if state == State.NONE or at_ms < column.at_ms[row]:
            return R.CONSENT_MISSING
        if state == State.REFUSED:
            return R.CONSENT_REFUSED
        if state == State.WITHDRAWN:
            return R.CONSENT_WITHDRAWN
        until_ms = column.until_ms[row]
        if until_ms and at_ms >= until_ms:
            return R.CONSENT_EXPIRED
        if column.era[row] < self._standing.unconfirmed_before:
            return R.CONSENT_UNCONFIRMED
        if column.generation[row] != found.generation:
            return R.NOTICE_CHANGED
        return R.ALLOWED

    # -- the question ----------------------------------------------------------------------------

    def _request(self, wish: Wish) -> tuple[PurposeInForce | None, GateReason]:
        """What holds for everybody: the purpose, its fields, recipients and channels."""
        found = self._notices.purpose(wish.purpose)
        if found is None:
            has_any = bool(self._notices.purposes())
            return None, (R.PURPOSE_UNKNOWN if has_any else R.RULES_MISSING)
        purpose = found.purpose
        if not wish.fields.issubset(purpose.fields):
            return found, R.FIELD_OUTSIDE_PURPOSE
        if wish.recipient and wish.recipient not in purpose.recipients:
            return found, R.RECIPIENT_UNKNOWN
        if wish.channel and wish.channel not in purpose.channels:
            return found, R.CHANNEL_UNKNOWN
        return found, R.ALLOWED

    def _needs_serving(self, found: PurposeInForce) -> bool:
        """Sensitive data is told of before, to each person (PIPL 30)."""
        return bool(found.published.notice.sensitive_fields(found.purpose, self._notices.sensitive))

    def _channel(self, found: PurposeInForce, wish: Wish) -> ChannelTerms:
        return found.published.notice.channels[wish.channel]

    def _is_quiet(self, found: PurposeInForce, wish: Wish) -> bool:
        minute, channel = self._minute_of_day(wish.at_ms), self._channel(found, wish)
        if is_between(minute, *self._pack_quiet):
            return True
        if channel.quiet_from_minute is None or channel.quiet_to_minute is None:
            return False
        return is_between(minute, channel.quiet_from_minute, channel.quiet_to_minute)

    def _is_too_often(self, found: PurposeInForce, wish: Wish, row: int) -> bool:
        frequency = self._channel(found, wish).frequency
        if frequency is None:
            return True
        times = self._standing.sent_ms.get(wish.channel)
        if times is None:
            return False
        return bool(times[row, RING - frequency.count] > wish.at_ms - frequency.days * DAY_MS)

    def _sender(self, found: PurposeInForce, wish: Wish) -> GateReason:
        if not (found.purpose.marketing and wish.channel):
            return R.ALLOWED
        channel = self._channel(found, wish)
        if not (channel.sender.is_whole and channel.contact.is_whole):
            return R.SENDER_MISSING
        return R.ALLOWED if channel.unsubscribe.is_whole else R.UNSUBSCRIBE_MISSING

    # -- many persons ----------------------------------------------------------------------------

    def _reasons(
        self, wish: Wish, found: PurposeInForce, persons: npt.NDArray[np.uint64]
    ) -> Reasons:
        """The guards of `reason`, in the same order, each over everybody who is left."""
        standing, purpose = self._standing, found.purpose
        rows = standing.rows_of(persons)
        known = rows != NOBODY
        at = np.where(known, rows, 0)
        reasons = np.zeros(len(persons), np.uint8)

        def refuse(who: npt.NDArray[np.bool_], reason: GateReason) -> None:
            reasons[(reasons == 0) & who] = reason

        refuse(persons == 0, R.PERSON_UNKNOWN)
        if standing.forgotten:
            gone = standing.forgotten
            refuse(np.array([one in gone for one in persons.tolist()]), R.PERSON_UNKNOWN)
        if purpose.basis not in LEGAL_BASES:
            refuse(known & standing.restricted[at], R.PERSON_RESTRICTED)
        child = known & (standing.age[at] == Age.CHILD)
        if purpose.basis == "consent":
            column = standing.consents(wish.purpose)
            if column is None:
                refuse(np.ones(len(persons), np.bool_), R.CONSENT_MISSING)
                return reasons
            refuse(~known, R.CONSENT_MISSING)
            self._consents(refuse, column, at, found, wish.at_ms)
            refuse(child & ~column.by_guardian[at], R.GUARDIAN_MISSING)
        else:
            if purpose.basis not in LEGAL_BASES:
                refuse(child & (standing.guardian[at] == 0), R.GUARDIAN_MISSING)
            if self._needs_serving(found):
                served = [self._notices.is_served(one, found) for one in persons.tolist()]
                refuse(np.array([place is None for place in served]), R.NOTICE_NOT_SERVED)
        everybody = np.ones(len(persons), np.bool_)
        if purpose.marketing and wish.channel:
            if self._is_quiet(found, wish):
                refuse(everybody, R.QUIET_HOURS)
            refuse(known & self._are_too_often(found, wish, at), R.FREQUENCY_EXCEEDED)
        if purpose.personalised:
            refuse(known & standing.profiling_refused[at], R.PROFILING_REFUSED)
        sender = self._sender(found, wish)
        if sender:
            refuse(everybody, sender)
        if purpose.marketing and purpose.personalised:
            refuse(child | (known & (standing.age[at] == Age.MINOR)), R.AGE_UNSUITED)
        return reasons

    def _consents(
        self,
        refuse: Callable[[npt.NDArray[np.bool_], GateReason], None],
        column: Consents,
        at: npt.NDArray[np.int64],
        found: PurposeInForce,
        at_ms: int,
    ) -> None:
        state = column.state[at]
        until_ms = column.until_ms[at]
        refuse((state == State.NONE) | (column.at_ms[at] > at_ms), R.CONSENT_MISSING)
        refuse(state == State.REFUSED, R.CONSENT_REFUSED)
        refuse(state == State.WITHDRAWN, R.CONSENT_WITHDRAWN)
        refuse((until_ms != 0) & (until_ms <= at_ms), R.CONSENT_EXPIRED)
        refuse(column.era[at] < self._standing.unconfirmed_before, R.CONSENT_UNCONFIRMED)
        refuse(column.generation[at] != found.generation, R.NOTICE_CHANGED)

    def _are_too_often(
        self, found: PurposeInForce, wish: Wish, at: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.bool_]:
        frequency = self._channel(found, wish).frequency
        if frequency is None:
            return np.ones(len(at), np.bool_)
        times = self._standing.sent_ms.get(wish.channel)
        if times is None:
            return np.zeros(len(at), np.bool_)
        since_ms = wish.at_ms - frequency.days * DAY_MS
        too_often: npt.NDArray[np.bool_] = times[at, RING - frequency.count] > since_ms
        return too_often
