"""Signed tree heads as text: a C2SP signed note with a checkpoint in it, cosigned by witnesses.

Always: a signature covers every line of the body. Never: a signature line of an unknown key counts
for anything. Formats: c2sp.org/signed-note, c2sp.org/tlog-checkpoint, c2sp.org/tlog-cosignature;
the extension lines are ours: the last entry in the tree, its chain hash, and the time.
"""

import base64
import binascii
from hashlib import sha256
from typing import NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from tidegate.journal.protocol import Head

NOTE_BYTES_MAX = 64 << 10
SIGNATURES_MAX = 64
SIGNED = 0x01  # Ed25519 over the body
COSIGNED = 0x04  # Ed25519 over "cosignature/v1", the time and the body
_DASH = "— "
_KEY_ID_BYTES = 4
_TIME_BYTES = 8


class BadNote(ValueError):
    """A note, key or signature that is not what it claims to be."""


class TreeHead(NamedTuple):
    """What a shop signs: so many events with this root, up to this entry of the journal."""

    origin: str
    size: int
    root: bytes
    seq: int
    chain_hash: bytes
    time_ms: int

    def body(self) -> str:
        """The text that is signed."""
        return (
            f"{self.origin}\n{self.size}\n{_b64(self.root)}\n"
            f"seq {self.seq}\nchain {_b64(self.chain_hash)}\ntime {self.time_ms}\n"
        )


class Verifier(NamedTuple):
    """A public key and whose it is."""

    name: str
    kind: int
    public: bytes

    @property
    def key_id(self) -> bytes:
        """Tells keys of one name apart; not a promise."""
        material = self.name.encode() + b"\n" + bytes([self.kind]) + self.public
        return sha256(material).digest()[:_KEY_ID_BYTES]

    def text(self) -> str:
        """The key as people hand it on: name+id+key."""
        return f"{self.name}+{self.key_id.hex()}+{_b64(bytes([self.kind]) + self.public)}"


class Signer:
    """A private key, of the shop (SIGNED) or of a witness (COSIGNED)."""

    def __init__(self, name: str, seed: bytes, kind: int = SIGNED) -> None:
        if not name or "+" in name or len(name.split()) != 1:
            raise BadNote(f"a key's name has no spaces and no plus: {name!r}")
        self._private = Ed25519PrivateKey.from_private_bytes(seed)
        self.verifier = Verifier(name, kind, self._private.public_key().public_bytes_raw())

    def sign(self, body: str) -> str:
        """The note: `body` and our signature line."""
        return f"{body}\n{self._line(self._private.sign(body.encode()))}"

    def cosign(self, note: str, now_s: int) -> str:
        """`note` with our cosignature. Whether it continues what we saw is not asked here."""
        signature = self._private.sign(_cosigned(split(note)[0], now_s))
        return note + self._line(now_s.to_bytes(_TIME_BYTES, "big") + signature)

    def _line(self, signature: bytes) -> str:
        return f"{_DASH}{self.verifier.name} {_b64(self.verifier.key_id + signature)}\n"


def read_verifier(text: str) -> Verifier:
    """The key of `name+id+key`. Raises BadNote."""
    try:
        name, key_id, key = text.strip().split("+", 2)
        material = base64.b64decode(key, validate=True)
        verifier = Verifier(name, material[0], material[1:])
    except (ValueError, IndexError) as error:
        raise BadNote("a key is written name+id+key, the key in base64") from error
    if verifier.key_id.hex() != key_id or len(verifier.public) != 32:
        raise BadNote(f"the key of {name} and its id do not fit together")
    return verifier


def split(note: str) -> tuple[str, list[tuple[str, bytes, bytes]]]:
    """The body, and each signature line as name, key id and signature. Raises BadNote."""
    body, blank, lines = note.rpartition("\n\n")
    if not blank or not lines.endswith("\n") or len(note) > NOTE_BYTES_MAX:
        raise BadNote("a note is a text, an empty line, and signature lines")
    signatures = []
    for line in lines[:-1].split("\n"):
        name, _, packed = line.removeprefix(_DASH).partition(" ")
        try:
            signature = base64.b64decode(packed, validate=True)
        except binascii.Error as error:
            raise BadNote("a signature is written in base64") from error
        if not line.startswith(_DASH) or not name or len(signature) <= _KEY_ID_BYTES:
            raise BadNote(f"not a signature line: {line[:80]!r}")
        signatures.append((name, signature[:_KEY_ID_BYTES], signature[_KEY_ID_BYTES:]))
    if len(signatures) > SIGNATURES_MAX:
        raise BadNote(f"a note has at most {SIGNATURES_MAX} signatures")
    return body + "\n", signatures


def signed_by(note: str, verifier: Verifier) -> bool:
    """Whether `verifier` signed or cosigned the note. Raises BadNote if its line is forged."""
    body, signatures = split(note)
    found = False
    for name, key_id, signature in signatures:
        if (name, key_id) == (verifier.name, verifier.key_id):
            _check(verifier, body, signature)
            found = True
    return found


def read_head(note: str) -> TreeHead:
    """What a note says, without asking who signed it. Raises BadNote."""
    try:
        origin, size, root, seq, chain_hash, time_ms = split(note)[0].splitlines()
        head = TreeHead(
            origin,
            int(size),
            base64.b64decode(root, validate=True),
            int(seq.removeprefix("seq ")),
            base64.b64decode(chain_hash.removeprefix("chain "), validate=True),
            int(time_ms.removeprefix("time ")),
        )
    except ValueError as error:
        raise BadNote(f"not a tree head: {error}") from error
    if head.body() != split(note)[0]:
        raise BadNote("not a tree head: it is not written in the one way")
    return head


def tree_head(origin: str, size: int, root: bytes, last: Head, time_ms: int) -> TreeHead:
    """The head of a tree that ends with entry `last` of the journal."""
    return TreeHead(origin, size, root, last.seq, last.hash, time_ms)


def _check(verifier: Verifier, body: str, signature: bytes) -> None:
    message = body.encode()
    if verifier.kind == COSIGNED:
        message = _cosigned(body, int.from_bytes(signature[:_TIME_BYTES], "big"))
        signature = signature[_TIME_BYTES:]
    elif verifier.kind != SIGNED:
        raise BadNote(f"keys of kind {verifier.kind} are not known here")
    try:
        Ed25519PublicKey.from_public_bytes(verifier.public).verify(signature, message)
    except InvalidSignature as error:
        raise BadNote(f"the signature of {verifier.name} is forged") from error


def _cosigned(body: str, time_s: int) -> bytes:
    return f"cosignature/v1\ntime {time_s}\n{body}".encode()


def _b64(value: bytes) -> str:
    return base64.b64encode(value).decode()
