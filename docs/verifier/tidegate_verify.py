#!/usr/bin/env python3
# ruff: noqa: T201 - a program to be handed to outsiders: it prints its findings
"""Check what a Tidegate shop shows you, without trusting the shop or any of its programs.

Needs Python 3.9 and, for signatures, the package `cryptography`. Imports nothing of Tidegate.

    tidegate_verify.py chain      FILE.segment ... [--head NOTE --key KEY [--witness KEY ...]]
    tidegate_verify.py head       NOTE       --key KEY [--witness KEY ...]
    tidegate_verify.py inclusion  PROOF.json --key KEY [--witness KEY ...]
    tidegate_verify.py growth     PROOF.json --key KEY [--witness KEY ...]

KEY is a public key as `name+id+base64`. Get the shop's from someone other than the shop, and keep
it. Says PROVED or REFUTED, and what was not proved. Ends with 0: proved, 1: refuted, 2: the input
can't be read, 3: `cryptography` is missing. What the files contain: docs/reference/journal.md.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import os
import re
import struct
import sys
from typing import Any, BinaryIO

PROVED, REFUTED, UNREADABLE, MISSING = 0, 1, 2, 3
FILE_BYTES_MAX = 64 << 20  # of a note or a proof; segments are read piece by piece
PAYLOAD_BYTES_MAX = 8 << 20
PATH_NODES_MAX = 128


class Refuted(Exception):
    """What was shown is not true."""


class Unreadable(ValueError):
    """What was given is not of the form that this program knows."""


class Missing(Exception):
    """A part of this Python that is needed is not there."""


def read_text(path: str) -> str:
    """The text of a small file; `-` is standard input."""
    with open(0 if path == "-" else path, "rb", closefd=path != "-") as file:
        data = file.read(FILE_BYTES_MAX + 1)
    if len(data) > FILE_BYTES_MAX:
        raise Unreadable(f"{path} is too large")
    return data.decode("utf-8")


def read_proof(path: str, wanted: str) -> dict[str, Any]:
    """A proof as JSON, of the one format wanted."""
    proof = json.loads(read_text(path))
    if not isinstance(proof, dict) or proof.get("format") != wanted:
        raise Unreadable(f'{path} has no "format": "{wanted}"')
    return proof


def field(proof: dict[str, Any], name: str, kind: type) -> Any:  # noqa: ANN401 - of that kind
    """One field of a proof, of the type that it must have."""
    value = proof.get(name)
    if type(value) is not kind:
        raise Unreadable(f"the proof's {name!r} is missing or not a {kind.__name__}")
    return value


def unpack(text: str, size: int | None = None) -> bytes:
    """Bytes from base64."""
    data = base64.b64decode(text, validate=True)
    if size is not None and len(data) != size:
        raise Unreadable(f"{len(data)} bytes where {size} belong")
    return data


def nodes_of(proof: dict[str, Any]) -> list[bytes]:
    """The hashes of a proof's path."""
    path = field(proof, "path", list)
    if len(path) > PATH_NODES_MAX:
        raise Unreadable("the path is longer than any tree is high")
    return [unpack(node, 32) for node in path]


class Key:
    """A public key as people hand it on: name+id+base64(kind || key)."""

    def __init__(self, text: str) -> None:
        match = re.fullmatch(r"([^+\s]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/=]+)", text.strip())
        if not match:
            raise Unreadable(f"not a key: {text[:80]!r}")
        self.name, material = match[1], unpack(match[3], 33)
        self.kind, self.public = material[0], material[1:]
        self.id = hashlib.sha256(self.name.encode() + b"\n" + material).digest()[:4]
        if self.id.hex() != match[2] or self.kind not in (1, 4):
            raise Unreadable(f"the key of {self.name} is damaged or of another kind")

    def check(self, body: str, signature: bytes) -> None:
        """Refuted unless the signature is this key's over the body."""
        if self.kind == 4:
            stamp = int.from_bytes(signature[:8], "big")
            body, signature = f"cosignature/v1\ntime {stamp}\n{body}", signature[8:]
        if not ed25519_verifies(self.public, signature, body.encode()):
            raise Refuted(f"the signature of {self.name} is forged")


def ed25519() -> Any:  # noqa: ANN401 - a module
    """The one part that the standard library does not have."""
    try:
        from cryptography.hazmat.primitives.asymmetric import ed25519 as part
    except ImportError as error:
        raise Missing("signatures need `pip install cryptography`") from error
    return part


def ed25519_verifies(public: bytes, signature: bytes, message: bytes) -> bool:
    """Whether the signature is the key's."""
    key = ed25519().Ed25519PublicKey.from_public_bytes(public)
    from cryptography.exceptions import InvalidSignature

    try:
        key.verify(signature, message)
    except InvalidSignature:
        return False
    return True


class Head:
    """A signed tree head: so many events, their root, and the entry of the journal they reach."""

    def __init__(self, note: str) -> None:
        self.note = note
        body, blank, lines = note.rpartition("\n\n")
        self.body = body + "\n"
        match = re.fullmatch(
            r"(\S+)\n(0|[1-9]\d*)\n(\S+)\nseq (\d+)\nchain (\S+)\ntime (\d+)\n", self.body
        )
        if not blank or not match or not lines.endswith("\n"):
            raise Unreadable("not a signed tree head")
        self.origin, self.size, self.seq = match[1], int(match[2]), int(match[4])
        self.root, self.chain, self.time_ms = (
            unpack(match[3], 32),
            unpack(match[5], 32),
            int(match[6]),
        )
        self.signatures = []
        for line in lines[:-1].split("\n"):
            parts = line.split(" ")
            if len(parts) != 3 or parts[0] != "\u2014":
                raise Unreadable(f"not a signature line: {line[:80]!r}")
            packed = unpack(parts[2])
            self.signatures.append((parts[1], packed[:4], packed[4:]))

    def signed_by(self, key: Key) -> bool:
        """Whether the key signed; Refuted if a line says so and it did not."""
        mine = [
            sig for name, key_id, sig in self.signatures if (name, key_id) == (key.name, key.id)
        ]
        for signature in mine:
            key.check(self.body, signature)
        return bool(mine)


def check_head(note: str, options: argparse.Namespace, said: list[str]) -> Head:
    """A head that the shop signed, and what witnesses add to it."""
    head = Head(note)
    shop = Key(options.key)
    if shop.kind != 1 or head.origin != shop.name:
        raise Refuted(f"this is a head of {head.origin}, the key is of {shop.name}")
    if not head.signed_by(shop):
        raise Refuted(f"{shop.name} did not sign this head")
    said.append(f"{head.origin} signed a tree of {head.size} events up to entry {head.seq}")
    witnesses = [Key(text) for text in options.witness]
    names = [key.name for key in witnesses if key.kind == 4 and head.signed_by(key)]
    if witnesses and not names:
        raise Refuted("none of the witnesses given signed this head")
    if names:
        said.append("witnessed by " + ", ".join(names))
    else:
        said.append("self-consistent only: nobody else saw that everyone is shown the same tree")
    return head


def leaf_hash(data: bytes) -> bytes:
    """Section 2.1.1."""
    return hashlib.sha256(b"\0" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Section 2.1.1."""
    return hashlib.sha256(b"\1" + left + right).digest()


def root_from_inclusion(leaf: bytes, number: int, size: int, path: list[bytes]) -> bytes:
    """The root that an inclusion proof leads to (section 2.1.3.2)."""
    if not 0 <= number < size:
        raise Refuted(f"leaf {number} is not in a tree of {size}")
    first, last, found = number, size - 1, leaf
    for node in path:
        if last == 0:
            raise Refuted("the path is too long")
        if first & 1 or first == last:
            found = node_hash(node, found)
            while not first & 1 and first != 0:
                first, last = first >> 1, last >> 1
        else:
            found = node_hash(found, node)
        first, last = first >> 1, last >> 1
    if last != 0:
        raise Refuted("the path is too short")
    return found


def check_growth(old: Head, new: Head, path: list[bytes]) -> None:
    """Refuted unless the old tree is the start of the new one (section 2.1.4.2)."""
    if old.size > new.size:
        raise Refuted("the tree became smaller")
    if old.size in {0, new.size}:
        empty = hashlib.sha256().digest()
        if path or old.root != (new.root if old.size else empty):
            raise Refuted("two trees of one size differ" if old.size else "the empty tree differs")
        return
    path = [old.root, *path] if old.size & (old.size - 1) == 0 else list(path)
    if not path:
        raise Refuted("the path is empty")
    first, last = old.size - 1, new.size - 1
    while first & 1:
        first, last = first >> 1, last >> 1
    of_old = of_new = path[0]
    for node in path[1:]:
        if last == 0:
            raise Refuted("the path is too long")
        if first & 1 or first == last:
            of_old, of_new = node_hash(node, of_old), node_hash(node, of_new)
            while not first & 1 and first != 0:
                first, last = first >> 1, last >> 1
        else:
            of_new = node_hash(of_new, node)
        first, last = first >> 1, last >> 1
    if last != 0 or of_old != old.root or of_new != new.root:
        raise Refuted("the old tree is not the start of the new one")


ENTRY = struct.Struct(">QQB32s32sI")
LINK = struct.Struct(">QQB32sI32s")
END = struct.Struct(">IQ32s")
MAGIC = b"tidegate segment v1\n"
Place = tuple[int, int, bytes]  # sequence, epoch, hash


def take(file: BinaryIO, size: int, what: str) -> bytes:
    """Exactly so many bytes."""
    data = file.read(size)
    if len(data) != size:
        raise Refuted(f"{what} is cut short")
    return data


def read_base(file: BinaryIO, path: str) -> tuple[str, Place]:
    """The stream and the head before a segment's first entry."""
    if file.read(len(MAGIC)) != MAGIC:
        raise Unreadable(f"{path} is no segment")
    base = json.loads(file.readline(1000))
    return base["stream"], (int(base["seq"]), int(base["epoch"]), bytes.fromhex(base["hash"]))


def check_segment(path: str, before: tuple[str, Place] | None) -> tuple[str, Place]:
    """The stream and head after a segment, every entry hashed anew."""
    with open(path, "rb") as file:
        stream, head = read_base(file, path)
        if before not in {None, (stream, head)}:
            raise Refuted(f"{path} does not continue what was before it")
        entries_at = file.tell()
        file.seek(-END.size, os.SEEK_END)
        count = END.unpack(file.read(END.size))[0]
        file.seek(entries_at)
        for _ in range(count):
            head = check_entry(file, stream, head, path)
    return stream, head


def check_entry(file: BinaryIO, stream: str, head: Place, path: str) -> Place:
    """The head after one entry; Refuted unless it continues `head`."""
    seq, epoch, kind, prev, stated, size = ENTRY.unpack(take(file, ENTRY.size, path))
    if size > PAYLOAD_BYTES_MAX:
        raise Refuted(f"{path}: entry {seq} is larger than any is")
    digest = hashlib.sha256(take(file, size, path)).digest()
    name = stream.encode()
    packed = LINK.pack(seq, epoch, kind, prev, size, digest)
    domain = b"tidegate journal entry v1\0" + bytes([len(name)]) + name
    follows = seq == head[0] + 1 and prev == head[2] and kind in (0, 1) and epoch > 0
    if not follows or epoch != head[1] + (kind == 0):
        raise Refuted(f"{path}: entry {seq} does not continue entry {head[0]}")
    if hashlib.sha256(domain + packed).digest() != stated:
        raise Refuted(f"{path}: entry {seq} is not what was written")
    return seq, epoch, stated


def chain(options: argparse.Namespace, said: list[str]) -> None:
    """Segments in order, and that a signed head names their last entry."""
    with open(options.file[0], "rb") as file:
        first = read_base(file, options.file[0])[1][0] + 1
    at = None
    for path in options.file:
        at = check_segment(path, at)
    assert at is not None
    stream, (seq, _, last_hash) = at
    said.append(f"entries {first} to {seq} of {stream} continue one another: {last_hash.hex()}")
    if first > 1:
        said.append(f"what was before entry {first} was not shown")
    if not options.head:
        said.append("no signed head was given: the shop could deny these entries")
        return
    if not options.key:
        raise Unreadable("a signed head can be checked with --key only")
    signed = check_head(read_text(options.head), options, said)
    if (signed.seq, signed.chain) != (seq, last_hash):
        raise Refuted(f"the signed head is of entry {signed.seq} or of another chain")
    said.append("and that last entry is the one that the shop signed")


def head(options: argparse.Namespace, said: list[str]) -> None:
    """One signed head."""
    check_head(read_text(options.file), options, said)


def inclusion(options: argparse.Namespace, said: list[str]) -> None:
    """That one event is in the tree that the shop signed."""
    proof = read_proof(options.file, "tidegate inclusion proof v1")
    signed = check_head(field(proof, "head", str), options, said)
    event, salt = unpack(field(proof, "event", str)), unpack(field(proof, "salt", str), 32)
    number = field(proof, "leaf", int)
    root = root_from_inclusion(leaf_hash(salt + event), number, signed.size, nodes_of(proof))
    if root != signed.root:
        raise Refuted(f"this event is not number {number} of that tree")
    said.append(f"event number {number} of it is these {len(event)} bytes: {event.hex()}")


def growth(options: argparse.Namespace, said: list[str]) -> None:
    """That an earlier tree is the start of a later one."""
    proof = read_proof(options.file, "tidegate consistency proof v1")
    old = check_head(field(proof, "old", str), argparse.Namespace(key=options.key, witness=[]), [])
    new = check_head(field(proof, "new", str), options, said)
    check_growth(old, new, nodes_of(proof))
    said.append(f"its first {old.size} events are those of the tree signed before, unchanged")


def arguments() -> argparse.ArgumentParser:
    """What may stand on the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in (chain, head, inclusion, growth):
        sub = commands.add_parser(command.__name__, help=command.__doc__)
        sub.set_defaults(command=command)
        sub.add_argument("file", nargs="+" if command is chain else None)
        sub.add_argument("--key", required=command is not chain, help="the shop's public key")
        sub.add_argument("--witness", action="append", default=[], help="a witness's public key")
        if command is chain:
            sub.add_argument("--head", help="a signed head of the last entry")
    return parser


def run(options: argparse.Namespace) -> int:
    """Run a command; the exit code says how it went."""
    said: list[str] = []
    code, verdict = PROVED, "PROVED"
    try:
        options.command(options, said)
    except Refuted as error:
        code, verdict = REFUTED, f"REFUTED: {error}"
    except (ValueError, KeyError, TypeError, OSError, struct.error) as error:
        code, verdict = UNREADABLE, f"UNREADABLE: {error}"
    except Missing as error:
        code, verdict = MISSING, f"MISSING: {error}"
    if options.json:
        print(json.dumps({"code": code, "verdict": verdict, "findings": said}))
    else:
        print("\n".join([verdict, *("  " + line for line in said)]))
    return code


if __name__ == "__main__":
    sys.exit(run(arguments().parse_args()))
