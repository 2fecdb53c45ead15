"""A pack for an inspection: what is processed, why, what was assessed, what happened.

Every page as JSON and as HTML, with a manifest of hashes that is signed; numbers and tokens only.
This module never puts a value of anybody into a pack.
"""

import zipfile
from collections import Counter
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec

from tidegate.people.canonical import canonical
from tidegate.people.duties.documents import load_duty_terms
from tidegate.people.duties.store import Duties, as_json
from tidegate.people.rights.answers import as_html
from tidegate.people.rights.desk import RightsDesk
from tidegate.people.rights.store import RightsStore
from tidegate.people.rights.terms import date_text, load_terms, moment_text
from tidegate.people.vault.events import AccessRefused, FieldsRead, PersonShredded
from tidegate.people.vault.vault import Vault

FORMAT = "tidegate inspection pack v1"


def pages(
    vault: Vault, desk: RightsDesk, requests: RightsStore, duties: Duties
) -> dict[str, dict[str, Any]]:
    """Every page of the pack, by its file's name without ending."""
    return {
        "register": register_page(vault),
        "assessments": _documents(duties, "assessment") | {"missing": duties.missing()},
        "breaches": _documents(duties, "breach"),
        "papers": _documents(duties, "paper"),
        "requests": requests_page(desk, requests),
        "readings": readings_page(vault),
        "keys": keys_page(vault),
    }


def register_page(vault: Vault) -> dict[str, Any]:
    """The processing register: purposes, bases, fields, ends, recipients, and how much is held."""
    register = vault.parts.register
    return {
        "version": register.version,
        "kept_at_least": load_duty_terms().keep_law,
        "purposes": {
            name: msgspec.to_builtins(purpose) for name, purpose in register.purposes.items()
        },
        "fields": {name: msgspec.to_builtins(rule) for name, rule in register.fields.items()},
        "values_held": vault.parts.cells.counts(),
    }


def requests_page(desk: RightsDesk, requests: RightsStore) -> dict[str, Any]:
    """How requests went: each with its dates, none with what it was about."""
    rows = requests.in_state("received", "identified", "done", "refused", "withdrawn")
    return {
        "terms": msgspec.to_builtins(load_terms()),
        "overdue": [one._asdict() for one in desk.overdue(0)],
        "requests": [
            {
                "id": one.id, "kind": one.kind, "asked_by": one.asked_by, "state": one.state,
                "opened": moment_text(one.opened_ms), "due": date_text(one.due_day),
                "ended": moment_text(one.ended_ms) if one.ended_ms else "", "ground": one.why,
            }
            for one in rows
        ],
    }  # fmt: skip


def readings_page(vault: Vault) -> dict[str, Any]:
    """Who read how much for what, and what was refused; tokens of operators only."""
    read: Counter[tuple[str, str, str]] = Counter()
    refused: Counter[tuple[str, str]] = Counter()
    shredded = 0
    for recorded in vault.parts.stream.after(0):
        event = recorded.event
        if isinstance(event, FieldsRead):
            read[event.purpose, event.basis, event.actor] += 1
        elif isinstance(event, AccessRefused):
            refused[event.reason, event.actor] += 1
        elif isinstance(event, PersonShredded):
            shredded += 1
    head = vault.parts.stream.head
    return {
        "stream": {"name": f"vault:{vault.parts.shop}", "seq": head.seq, "hash": head.hash.hex()},
        "read": [
            {"purpose": purpose, "basis": basis, "operator": actor, "times": times}
            for (purpose, basis, actor), times in sorted(read.items())
        ],
        "refused": [
            {"reason": reason, "operator": actor, "times": times}
            for (reason, actor), times in sorted(refused.items())
        ],
        "destructions": shredded,
    }


def keys_page(vault: Vault) -> dict[str, Any]:
    """Backups of keys: each with its last day."""
    return {
        "backups": [
            {"made": moment_text(one.made_ms), "ends": date_text(one.ends_day), "gone": one.is_gone}
            for one in vault.parts.keys.backups()
        ]
    }


def manifest(
    made: dict[str, dict[str, Any]], sign: Callable[[bytes], bytes] | None, shop: str
) -> dict[str, Any]:
    """The hash of each page as canonical JSON, signed where there is a key to sign with."""
    document: dict[str, Any] = {
        "format": FORMAT, "shop": shop,
        "pages": {name: sha256_of(canonical(as_json(made[name]))) for name in sorted(made)},
    }  # fmt: skip
    if sign is not None:
        document["signature"] = sign(canonical(document)).hex()
    return document


def write_pack(path: Path, made: dict[str, dict[str, Any]], shop: str) -> Path:
    """Write pages (`manifest` among them) into one zip file, each as JSON and HTML.

    Replaces nothing. Raises OSError.
    """
    with path.open("xb") as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        path.chmod(0o600)
        for name, page in sorted(made.items()):
            archive.writestr(f"{name}.json", canonical(as_json(page)))
            archive.writestr(f"{name}.html", as_html(f"{shop}: {name}", page))
    return path


def sha256_of(content: bytes) -> str:
    """The hash of a file's bytes."""
    return sha256(content).hexdigest()


def _documents(duties: Duties, kind: str) -> dict[str, Any]:
    return {
        "documents": [
            {
                "name": one.name, "version": one.version, "filed": moment_text(one.filed_ms),
                "filed_by": f"{one.filed_by:016x}",
                "approved": moment_text(one.approved_ms) if one.approved_ms else "",
                "approved_by": f"{one.approved_by:016x}" if one.approved_ms else "",
                "valid_until": date_text(one.valid_until_day),
                "kept_until": date_text(one.keep_until_day), "sha256": one.sha256,
                "content": msgspec.to_builtins(one.document),
            }
            for one in duties.all(kind)
        ]
    }  # fmt: skip
