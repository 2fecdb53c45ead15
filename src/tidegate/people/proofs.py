"""Shows one event of the people's stream without another's: salted trees, signed heads.

The trees are caught up when a proof is asked for, so a proof covers everything that is durable.
This module never shows an event to anybody by itself; who may see one is asked before.
"""

import hmac
import threading
from collections.abc import Callable
from pathlib import Path

from tidegate.journal.follow import entries_after
from tidegate.journal.heads import Proof, prove_event, sign_head
from tidegate.journal.notes import Signer
from tidegate.journal.protocol import BATCH, Entry, JournalReader
from tidegate.journal.trees import EventTrees
from tidegate.people.stream import Place, events_of

_SALTS = b"tidegate people salts v1"
TAKEN_TOGETHER = 512


def people_signer(shop: str, signing_key: bytes) -> Signer:
    """Who signs the heads of a shop's people's stream."""
    return Signer(f"tidegate/people:{shop}", signing_key)


class PeopleProofs:
    """The trees of one stream. Any thread; proofs take turns."""

    def __init__(
        self,
        path: Path,
        journal: JournalReader,
        salt_key: bytes,
        signer: Signer,
        now_ms: Callable[[], int],
    ) -> None:
        """`salt_key` is the shop's; the stream's own salts are drawn from it."""
        own = hmac.digest(salt_key, _SALTS, "sha256")
        self._trees = EventTrees(path, journal.stream, own, events_of)
        self._journal = journal
        self._signer = signer
        self._now_ms = now_ms
        self._turn = threading.Lock()

    @property
    def verifier(self) -> str:
        """The public key, as outsiders are given it."""
        return self._signer.verifier.text()

    def prove(self, place: Place) -> Proof:
        """That the event at this place is on record. Raises ValueError where there is none."""
        with self._turn:
            self._catch_up()
            sign_head(self._trees, self._signer, self._now_ms())
            return prove_event(self._trees, self._trees.place(*place), self._journal)

    def event(self, place: Place) -> bytes:
        """The canonical bytes of one event."""
        for entry in self._journal.read(place.seq, 1):
            if entry.kind == BATCH:
                return events_of(entry.payload)[place.number]
        raise ValueError(f"there is no event {place}")

    def close(self) -> None:
        """Let go of the file."""
        with self._turn:
            self._trees.close()

    def _catch_up(self) -> None:
        piece: list[Entry] = []
        for entry in entries_after(self._journal, self._trees.cursor):
            piece.append(entry)
            if len(piece) == TAKEN_TOGETHER:
                self._trees.take(piece)
                piece = []
        if piece:
            self._trees.take(piece)
