"""The follower that grows a shop's per-event trees and signs their head now and then.

Always: a head is signed only of a tree that is stored. Never: a tree that no longer fits its
journal is thrown away; it holds signatures that others may keep, so a person decides.
"""

from collections.abc import Callable
from pathlib import Path

from tidegate.journal.follow import Follower, JournalReader
from tidegate.journal.heads import newest_head, sign_head
from tidegate.journal.notes import Signer
from tidegate.journal.notes import read_head as read_signed_head
from tidegate.journal.trees import EventTrees
from tidegate.record.events import events_of

STEP_BYTES = 2 << 20


def shop_signer(shop: str, signing_key: bytes) -> Signer:
    """Who signs a shop's heads; `verifier.text()` of it is what outsiders are given."""
    return Signer(f"tidegate/{shop}", signing_key)


class TreeFollower:
    """Keeps the trees in the file `path`."""

    def __init__(
        self,
        path: Path,
        open_journal: Callable[[], JournalReader],
        salt_key: bytes,
        signer: Signer,
        now_ms: Callable[[], int],
        sign_every_s: float,
    ) -> None:
        """Signs a head every `sign_every_s` seconds when the tree has grown."""
        reader = open_journal()
        self._trees = EventTrees(path, reader.stream, salt_key, events_of)
        self._follower = Follower(lambda: reader, self._trees.cursor)
        self._signer = signer
        self._now_ms = now_ms
        self._sign_every_ms = int(sign_every_s * 1000)
        self._signed_size, self._signed_at_ms = self._last_signed()

    @property
    def seq(self) -> int:
        """The newest entry in the trees."""
        return self._follower.cursor.seq

    def lag(self) -> int:
        """Entries not in the trees yet."""
        return self._follower.lag()

    def step(self) -> None:
        """Add what is new, a few megabytes at most, and sign when it is time."""
        entries = self._follower.poll(STEP_BYTES)
        if entries:
            self._trees.take(entries)
        now_ms = self._now_ms()
        is_time = now_ms >= self._signed_at_ms + self._sign_every_ms
        if self._trees.size > self._signed_size and (is_time or now_ms < self._signed_at_ms):
            sign_head(self._trees, self._signer, now_ms)
            self._signed_size, self._signed_at_ms = self._trees.size, now_ms

    def close(self) -> None:
        """Let go of the files."""
        self._follower.close()
        self._trees.close()

    def _last_signed(self) -> tuple[int, int]:
        try:
            head = read_signed_head(newest_head(self._trees))
        except LookupError:
            return (0, 0)
        return (head.size, head.time_ms)
