"""A consent as a record that the person keeps, in the form of ISO/IEC TS 27560:2023.

It has the four sections of that form (header, processing, parties, events), every state there was
and not only the last, and with each event the proof that it stands in the shop's record.
This module never makes a consent valid: it shows what was said and told, and when.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from tidegate.journal.heads import Proof
from tidegate.people.consent import standing as st
from tidegate.people.notices.document import Language, Notice, Purpose
from tidegate.people.notices.shelf import Published
from tidegate.people.pack import Pack
from tidegate.people.stream import Place

SCHEMA = "ISO/IEC TS 27560:2023"
PROFILE = "tidegate consent receipt 1"
EVENT_STATES: Mapping[str, str] = {
    st.ASKED_EVENT: "consent requested",
    st.GRANTED_EVENT: "consent given",
    st.REFUSED_EVENT: "consent refused",
    st.WITHDRAWN_EVENT: "consent withdrawn",
}


class Told(NamedTuple):
    """One event of a consent, its place, and the proof of it."""

    place: Place
    event: Mapping[str, Any]
    proof: Proof


def receipt(
    shop: str,
    purpose_name: str,
    published: Published,
    told: Sequence[Told],
    pack: Pack,
    language: Language,
) -> dict[str, Any]:
    """The receipt of what a person said about one purpose; `published` is the version agreed to.

    `told` is not empty and in order; its last event says how it stands.
    """
    notice = published.notice
    purpose = notice.purposes[purpose_name]
    last = told[-1]
    record = f"{shop}/{purpose_name}/{told[0].place}"
    return {
        "schema_version": SCHEMA,
        "profile": PROFILE,
        "receipt_id": f"{record}@{last.place}",
        "record": {
            "header": {
                "schema_version": SCHEMA,
                "record_id": record,
                "pii_principal_id": last.event["person"],
            },
            "pii_processing": _processing(notice, purpose, purpose_name, published, language)
            | {"legal_basis": pack.bases[purpose.basis]},
            "party_identification": _parties(notice, purpose, language),
            "events": [_event(one) for one in told],
        },
        "state": EVENT_STATES[last.event["kind"]],
        "proofs": [one.proof for one in told],
    }


def _processing(
    notice: Notice,
    purpose: Purpose,
    name: str,
    published: Published,
    language: Language,
) -> dict[str, Any]:
    return {
        "privacy_notice": {
            "id": notice.notice,
            "version": published.version,
            "sha256": published.sha256,
            "entry": str(published.place),
        },
        "language": language,
        "purpose": {"id": name, "words": purpose.title.of(language), "act": purpose.act},
        "processing_method": purpose.method.of(language),
        "pii_information": [
            {
                "id": field,
                "words": notice.fields[field].title.of(language),
                "category": notice.fields[field].category,
            }
            for field in purpose.fields
        ],
        "storage_locations": notice.storage.of(language),
        "retention_period": {
            "days": purpose.retention.days,
            "rule": purpose.retention.rule.of(language),
            "at_end": purpose.retention.at_end.of(language),
        },
        "jurisdiction": notice.jurisdiction.of(language),
        "recipients": list(purpose.recipients),
        "withdrawal_method": purpose.withdraw.of(language),
        "automated_decisions": purpose.personalised,
        "service_depends_on_it": list(purpose.necessary_for),
    }


def _parties(notice: Notice, purpose: Purpose, language: Language) -> list[dict[str, Any]]:
    operator = notice.operator
    parties = [
        {
            "party_type": "pii controller",
            "name": operator.name.of(language),
            "contact": operator.contact.of(language),
        }
    ]
    for name in purpose.recipients:
        recipient = notice.recipients[name]
        parties.append(
            {
                "party_type": "pii processor" if recipient.entrusted else "third party",
                "name": recipient.name.of(language),
                "contact": recipient.contact.of(language),
                "region": recipient.region,
            }
        )
    return parties


def _event(told: Told) -> dict[str, Any]:
    event = told.event
    shown: dict[str, Any] = {
        "event_time_ms": event["at_ms"],
        "event_type": event["kind"],
        "event_state": EVENT_STATES[event["kind"]],
        "entity_id": event.get("guardian", event["person"]),
        "entry": str(told.place),
    }
    if event["kind"] == st.GRANTED_EVENT:
        until_ms = event["until_ms"]
        shown |= {
            "consent_type": event["mode"],
            "validity_until_ms": until_ms or None,
            "notice_version": event["version"],
            "notice_shown": event["served"],
            "screen": event["screen"],
        }
    return shown
