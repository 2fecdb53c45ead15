"""Signed heads of a tree, the witnesses' signatures on them, and proofs against them as JSON.

Always: a head once signed is kept, with every cosignature it got. Never: a proof claims a witness
that did not sign; without one it says "self-consistent only".
"""

import base64
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tidegate.journal.follow import IDLE_S, Follower, StoreBusy
from tidegate.journal.notes import (
    BadNote,
    Signer,
    TreeHead,
    Verifier,
    read_head,
    signed_by,
    split,
    tree_head,
)
from tidegate.journal.protocol import JournalReader
from tidegate.journal.trees import EventTrees, Place

INCLUSION = "tidegate inclusion proof v1"
CONSISTENCY = "tidegate consistency proof v1"
SIGN_EVERY_MS = 60_000
SELF_CONSISTENT = "self-consistent only"

Proof = dict[str, Any]


def sign_head(trees: EventTrees, signer: Signer, now_ms: int) -> str:
    """The signed head of the tree as it is, made once for each size and entry."""
    row = trees.connection.execute(
        "SELECT note FROM head WHERE size = ? AND seq = ?", (trees.size, trees.cursor.seq)
    ).fetchone()
    if row is not None:
        return str(row[0])
    head = tree_head(signer.verifier.name, trees.size, trees.root(), trees.cursor, now_ms)
    note = signer.sign(head.body())
    trees.connection.execute(
        "INSERT INTO head VALUES (?, ?, ?)", (trees.size, trees.cursor.seq, note)
    )
    return note


def keep_heads(
    trees: EventTrees,
    follower: Follower,
    signer: Signer,
    now_ms: Callable[[], int],
    stop: threading.Event,
    sign_every_ms: int = SIGN_EVERY_MS,
) -> None:
    """Follow the journal into the trees until `stop`, signing a head now and then.

    `follower` starts at the trees' cursor. The last head is signed when stopped.
    """
    signed_at_ms = now_ms()
    while not stop.is_set():
        try:
            entries = follower.poll()
        except StoreBusy:
            entries = []
        if entries:
            trees.take(entries)
        else:
            stop.wait(IDLE_S)
        if now_ms() - signed_at_ms >= sign_every_ms:
            sign_head(trees, signer, now_ms())
            signed_at_ms = now_ms()
    sign_head(trees, signer, now_ms())


def newest_head(trees: EventTrees, at_least: int = 0) -> str:
    """The newest signed head, of a tree of `at_least` so many events. Raises LookupError."""
    row = trees.connection.execute(
        "SELECT note FROM head WHERE size >= ? ORDER BY size DESC, seq DESC LIMIT 1", (at_least,)
    ).fetchone()
    if row is None:
        raise LookupError(f"no head of {at_least} events or more was signed yet: try again later")
    return str(row[0])


def read_witness_file(trees: EventTrees, path: Path, witnesses: Sequence[Verifier]) -> str:
    """Take over the cosignatures of the note in `path`. What the witness returned stands there."""
    return add_cosignatures(trees, path.read_text("utf-8"), witnesses)


def add_cosignatures(trees: EventTrees, note: str, witnesses: Sequence[Verifier]) -> str:
    """Keep the signatures of known witnesses on one of our heads; the note as it is then.

    Raises BadNote if it is not a head that was signed here, or a known witness's line is forged.
    """
    head = read_head(note)
    row = trees.connection.execute(
        "SELECT note FROM head WHERE size = ? AND seq = ?", (head.size, head.seq)
    ).fetchone()
    if row is None or split(row[0])[0] != split(note)[0]:
        raise BadNote(f"no such head of {head.size} events was signed here")
    kept = str(row[0])
    known = {(verifier.name, verifier.key_id) for verifier in witnesses}
    for verifier in witnesses:
        signed_by(note, verifier)
    held = set(kept.splitlines())
    for line, (name, key_id, _) in zip(_signature_lines(note), split(note)[1], strict=True):
        if (name, key_id) in known and line not in held:
            kept += line + "\n"
    trees.connection.execute(
        "UPDATE head SET note = ? WHERE size = ? AND seq = ?", (kept, head.size, head.seq)
    )
    return kept


def assurance(note: str, witnesses: Sequence[Verifier]) -> str:
    """What a proof against this head is worth to someone who does not trust the shop."""
    names = [verifier.name for verifier in witnesses if signed_by(note, verifier)]
    return f"witnessed by {', '.join(names)}" if names else SELF_CONSISTENT


def prove_event(
    trees: EventTrees, place: Place, journal: JournalReader, witnesses: Sequence[Verifier] = ()
) -> Proof:
    """That one event is in the tree of the newest head. Shows this event and no other."""
    note = newest_head(trees, place.leaf + 1)
    head = read_head(note)
    salt, event = trees.show(place, journal)
    return {
        "format": INCLUSION,
        "stream": trees.stream,
        "entry": place.seq,
        "number": place.number,
        "leaf": place.leaf,
        "event": _b64(event),
        "salt": _b64(salt),
        "path": _path(trees.inclusion(place.leaf, head.size, journal)),
        "head": note,
        "assurance": assurance(note, witnesses),
    }


def prove_growth(trees: EventTrees, old_note: str, journal: JournalReader) -> Proof:
    """That the tree of the newest head holds the tree of `old_note` unchanged at its start."""
    old = read_head(old_note)
    note = newest_head(trees, old.size)
    new: TreeHead = read_head(note)
    path = trees.consistency(old.size, new.size, journal) if old.size else []
    return {"format": CONSISTENCY, "old": old_note, "new": note, "path": _path(path)}


def _signature_lines(note: str) -> list[str]:
    return note.rpartition("\n\n")[2].splitlines()


def _path(nodes: Sequence[bytes]) -> list[str]:
    return [_b64(node) for node in nodes]


def _b64(value: bytes) -> str:
    return base64.b64encode(value).decode()
