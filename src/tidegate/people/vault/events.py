"""What the vault puts on record: who did what with whose data, for what, on which ground.

Persons and operators are tokens, everything else is a name of the register or a place on record; a
value, a mask of one or an index entry is never part of an event.
This module never reads a clock and writes nothing.
"""

from collections.abc import Sequence

import msgspec

ENTRY = b"tidegate vault events v1\n"


class Event(msgspec.Struct, frozen=True, tag=True, tag_field="event", omit_defaults=True):
    """One thing that happened. `person` and `actor` are tokens, 16 hexadecimal digits."""

    at_ms: int
    actor: str
    person: str


class FieldsStored(Event, frozen=True):
    """Values came in, each bound to these purposes."""

    fields: tuple[str, ...]
    purposes: tuple[str, ...]
    evidence: tuple[str, ...]


class FieldsRead(Event, frozen=True):
    """Values are about to be handed out; `evidence` is what the gate rested on."""

    purpose: str
    basis: str
    fields: tuple[str, ...]
    evidence: str
    recipient: str = ""
    channel: str = ""
    ticket: str = ""
    is_masked: bool = True


class AccessRefused(Event, frozen=True):
    """Nothing was handed out or taken in."""

    purpose: str
    fields: tuple[str, ...]
    reason: str
    article: str = ""
    recipient: str = ""
    channel: str = ""
    ticket: str = ""


class PersonFound(Event, frozen=True):
    """Somebody was looked up by a value; `person` is empty where there is nobody."""

    field: str
    purpose: str
    evidence: str


class ProcessingRestricted(Event, frozen=True):
    """Nothing but keeping, and what the law asks for, from now on."""

    why: str


class RestrictionLifted(Event, frozen=True):
    """As before again."""

    why: str


class PersonShredded(Event, frozen=True):
    """The keys of these classes are destroyed (all where none is named): a tombstone.

    `identity_tokens` die at the end of `limit_end_day`.
    """

    data_classes: tuple[int, ...]
    why: str
    identity_tokens: tuple[str, ...] = ()
    limit_end_day: int = 0


class KeyReplaced(Event, frozen=True):
    """Values of a class were deleted or corrected: keys before that number are destroyed."""

    data_class: int
    key_number: int
    fields: tuple[str, ...]
    why: str


class IdentitiesSwept(Event, frozen=True):
    """Keyed hashes whose limit period was over are gone; nobody in particular."""

    day: int
    deleted: int


class KeysBackedUp(Event, frozen=True):
    """A copy of the wrapped keys was made, to be gone after `ends_day`."""

    name: str
    ends_day: int


class RequestMoved(Event, frozen=True):
    """A request about one's own data came to a new state."""

    request: str
    kind: str
    state: str
    why: str = ""


class DocumentFiled(Event, frozen=True):
    """An assessment, a breach record, a register: what it says, by its hash."""

    kind: str
    name: str
    version: int
    sha256: str


AnyEvent = (
    FieldsStored
    | FieldsRead
    | AccessRefused
    | PersonFound
    | ProcessingRestricted
    | RestrictionLifted
    | PersonShredded
    | KeyReplaced
    | IdentitiesSwept
    | KeysBackedUp
    | RequestMoved
    | DocumentFiled
)
Tombstone = PersonShredded | KeyReplaced

_ENCODER = msgspec.json.Encoder(order="deterministic")
_DECODER: msgspec.json.Decoder[AnyEvent] = msgspec.json.Decoder(AnyEvent)


def token_text(token: int) -> str:
    """A token as events and pages write it."""
    return f"{token:016x}"


def encode(events: Sequence[AnyEvent]) -> bytes:
    """One entry: a line an event."""
    return ENTRY + b"\n".join(_ENCODER.encode(event) for event in events)


def lines_of(payload: bytes) -> list[bytes]:
    """The canonical bytes of each event of an entry: the leaves of the stream's tree."""
    assert payload.startswith(ENTRY), "an entry of another stream"
    return payload[len(ENTRY) :].split(b"\n")


def decode(payload: bytes) -> list[AnyEvent]:
    """The events of an entry. Raises msgspec.ValidationError for one of a later release."""
    return [_DECODER.decode(line) for line in lines_of(payload)]


def encode_line(event: AnyEvent) -> bytes:
    """One event alone."""
    return _ENCODER.encode(event)


def decode_line(line: bytes) -> AnyEvent:
    """The inverse of `encode_line`."""
    return _DECODER.decode(line)
