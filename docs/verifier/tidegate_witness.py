#!/usr/bin/env python3

"""Be a witness for a Tidegate shop: sign each of its tree heads that continues the one before.

Always remembers the head signed last, in the state file, before the signature is shown. Never signs
a tree that is not an extension of that one. Needs tidegate_verify.py beside it, and `cryptography`.

    tidegate_witness.py key    --name NAME --seed FILE       make a key once; prints the public one
    tidegate_witness.py cosign NOTE --key KEY --name NAME --seed FILE --state FILE [--proof F]

The note with our signature is then in the state file: hand it back to the shop. Ends as
tidegate_verify.py does. One state file and one key for one shop's tree.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import os
import sys
import time
from typing import Any

import tidegate_verify as verify


def private_key(path: str) -> Any:  # noqa: ANN401 - a key of the cryptography package
    """The witness's private key."""
    with open(path, "rb") as file:
        return verify.ed25519().Ed25519PrivateKey.from_private_bytes(file.read(33))


def public_text(name: str, private: Any) -> str:  # noqa: ANN401 - as private_key
    """The public key as people hand it on."""
    material = b"\4" + private.public_key().public_bytes_raw()
    key_id = hashlib.sha256(name.encode() + b"\n" + material).digest()[:4]
    return f"{name}+{key_id.hex()}+{base64.b64encode(material).decode()}"


def make_key(options: argparse.Namespace, said: list[str]) -> None:
    """Make a private key, once."""
    descriptor = os.open(options.seed, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(os.urandom(32))
    said.append(public_text(options.name, private_key(options.seed)))


def cosign(options: argparse.Namespace, said: list[str]) -> None:
    """Sign a head that continues the one signed last, and remember it."""
    note = verify.read_text(options.file)
    signed = verify.check_head(note, argparse.Namespace(key=options.key, witness=[]), said)
    if os.path.exists(options.state):
        require_growth(verify.Head(verify.read_text(options.state)), signed, options.proof)
    key = verify.Key(public_text(options.name, private_key(options.seed)))
    now_s = int(time.time())
    message = f"cosignature/v1\ntime {now_s}\n{signed.body}".encode()
    signature = private_key(options.seed).sign(message)
    packed = base64.b64encode(key.id + now_s.to_bytes(8, "big") + signature).decode()
    with open(options.state + ".new", "w", encoding="utf-8") as file:
        file.write(f"{note}\u2014 {options.name} {packed}\n")
        file.flush()
        os.fsync(file.fileno())
    os.replace(options.state + ".new", options.state)
    said.append(f"signed by {options.name}; the note to hand back is in {options.state}")


def require_growth(last: verify.Head, signed: verify.Head, proof_path: str | None) -> None:
    """Refuted unless `signed` is of the same tree as `last`, at least as large."""
    if last.origin != signed.origin:
        raise verify.Refuted(f"the state file is about {last.origin}")
    path: list[bytes] = []
    if proof_path:
        path = verify.nodes_of(verify.read_proof(proof_path, "tidegate consistency proof v1"))
    elif last.size not in {0, signed.size}:
        raise verify.Refuted(f"a growth proof from {last.size} events to {signed.size} is needed")
    verify.check_growth(last, signed, path)


def arguments() -> argparse.ArgumentParser:
    """What may stand on the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    key = commands.add_parser("key", help=make_key.__doc__)
    key.set_defaults(command=make_key)
    sign = commands.add_parser("cosign", help=cosign.__doc__)
    sign.set_defaults(command=cosign)
    sign.add_argument("file", help="the shop's signed head")
    sign.add_argument("--key", required=True, help="the shop's public key")
    sign.add_argument("--state", required=True, help="where the head signed last is kept")
    sign.add_argument("--proof", help="a growth proof from the head signed last")
    for sub in (key, sign):
        sub.add_argument("--name", required=True, help="the witness's name, without spaces")
        sub.add_argument("--seed", required=True, help="the witness's private key")
    return parser


if __name__ == "__main__":
    sys.exit(verify.run(arguments().parse_args()))
