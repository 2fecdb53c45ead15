"""Where each person's choices stand on record, all of them, in order: a fold of places only.

An earlier state is never dropped when a later one comes.
This module never holds what was said; the journal does.
"""

from array import array

from tidegate.people.consent import standing as st
from tidegate.people.stream import Place, Recorded, token_of

_NUMBER_BITS = 20
_KINDS = frozenset(
    (
        st.ASKED_EVENT,
        st.GRANTED_EVENT,
        st.REFUSED_EVENT,
        st.WITHDRAWN_EVENT,
        st.GUARDIAN_EVENT,
        st.AGE_EVENT,
        st.PROFILING_EVENT,
        "notice.served",
    )
)


class History:
    """The places of one shop's persons' events."""

    def __init__(self) -> None:
        self._places: dict[int, array[int]] = {}

    def of(self, person: int) -> list[Place]:
        """Where everything stands that concerns a person, oldest first."""
        mask = (1 << _NUMBER_BITS) - 1
        packed = self._places.get(person, ())
        return [Place(one >> _NUMBER_BITS, one & mask) for one in packed]

    def fold(self, recorded: Recorded) -> None:
        """Take in one event of the stream."""
        event = recorded.event
        if event["kind"] == st.FORGOTTEN_EVENT:
            self._places.pop(token_of(event["person"]), None)
        elif event["kind"] in _KINDS:
            place = recorded.place
            packed = place.seq << _NUMBER_BITS | place.number
            self._places.setdefault(token_of(event["person"]), array("q")).append(packed)
