"""The certificate of a deletion: what was erased where, what a law keeps, and when it is over.

It names both last days: that of the limit period, until which keyed hashes stay, and that of the
backups of the keys, until which a restore could still read. After both it is confirmed by looking.
This module never puts a value, a hash or an index entry into a certificate.
"""

from collections.abc import Callable, Sequence
from typing import Any

from tidegate.people.canonical import canonical
from tidegate.people.identity import IdentityTable
from tidegate.people.rights.places import Outcome
from tidegate.people.rights.store import Request
from tidegate.people.rights.terms import date_text, moment_text
from tidegate.people.vault.erasing import Erased
from tidegate.people.vault.events import PersonShredded
from tidegate.people.vault.key_backups import backups_end_day
from tidegate.people.vault.vault import Vault

FORMAT = "tidegate deletion certificate v1"


class Certifier:
    """Certificates of one shop; signed where there is a key to sign with."""

    def __init__(
        self, vault: Vault, identity: IdentityTable, sign: Callable[[bytes], bytes] | None
    ) -> None:
        self._vault = vault
        self._identity = identity
        self.sign = sign

    def deletion(
        self,
        request: Request,
        erased: Erased,
        outcomes: Sequence[Outcome],
        limit_end_day: int,
    ) -> tuple[dict[str, Any], int]:
        """The certificate, and the day after which it can be confirmed."""
        parts = self._vault.parts
        keys_end_day = backups_end_day(parts)
        after_day = max(limit_end_day, keys_end_day, parts.today())
        document = {
            "format": FORMAT,
            "shop": parts.shop,
            "request": request.id,
            "person": f"{request.person:016x}",
            "asked": moment_text(request.opened_ms),
            "identity_checked_by": request.checked_by,
            "erased_at": moment_text(parts.now_ms()),
            "event": {"stream": f"vault:{parts.shop}", "seq": erased.seq},
            "erased": list(erased.erased),
            "kept_by_law": [
                {"name": one.name, "purpose": one.purpose, "law": one.law,
                 "until": date_text(one.until_day), "how": "only kept, read for that purpose alone"}
                for one in erased.kept
            ],
            "places": [
                {"place": one.place, "found": one.found, "erased": one.erased, "kept": one.kept,
                 "until": date_text(one.until_day), "why": one.why}
                for one in outcomes
            ],
            "limit_period_end": date_text(limit_end_day),
            "key_backups_end": date_text(keys_end_day),
            "complete_after": date_text(after_day),
            "confirmed": "",
        }  # fmt: skip
        return self._signed(document), after_day

    def confirmed(self, request: Request) -> dict[str, Any] | None:
        """The certificate once nothing is left; None while something is."""
        document = request.document
        shredded = self._event(int(document["event"]["seq"]), document["person"])
        tokens = [int(token, 16) for token in shredded.identity_tokens]
        left = self._identity.living(tokens) if tokens else 0
        copies = [
            one
            for one in self._vault.parts.keys.backups()
            if not one.is_gone and one.made_ms <= shredded.at_ms
        ]
        if left or copies:
            return None
        document.pop("signature", None)
        document["confirmed"] = moment_text(self._vault.parts.now_ms())
        return self._signed(document)

    def _event(self, seq: int, person: str) -> PersonShredded:
        for recorded in self._vault.parts.stream.after(seq - 1):
            event = recorded.event
            if isinstance(event, PersonShredded) and event.person == person:
                return event
        raise AssertionError(f"entry {seq} of the stream orders no destruction")

    def _signed(self, document: dict[str, Any]) -> dict[str, Any]:
        if self.sign is None:
            return document
        return document | {"signature": self.sign(canonical(document)).hex()}
