"""The gate in a page of plain Python: what happened, in a list, read from the start each time.

Knows the example notice and nothing of columns, folds or generations. Never shares code with the
gate that it judges.
"""

from dataclasses import dataclass, field
from typing import Any

DAY_MS = 86_400_000
Happened = dict[str, Any]


@dataclass
class Naive:
    """Everything that happened in a shop, in order."""

    log: list[Happened] = field(default_factory=list)

    def happened(self, what: str, at_ms: int, person: int = 0, **more: object) -> None:
        """Note it."""
        self.log.append({"what": what, "at_ms": at_ms, "person": person} | more)

    def last(self, what: str, person: int = 0) -> Happened | None:
        """The newest of a kind about a person."""
        return next(
            (h for h in reversed(self.log) if (h["what"], h["person"]) == (what, person)), None
        )

    def said(self, person: int, purpose: str) -> Happened | None:
        """What a person said last about a purpose."""
        kinds = ("yes", "no", "withdrawn")
        for happened in reversed(self.log):
            if (happened["what"], happened["person"]) == ("forgotten", person):
                return None
            mine = happened["person"] == person and happened.get("purpose") == purpose
            if mine and happened["what"] in kinds:
                return happened
        return None

    def notice(self) -> Happened | None:
        """The version that stands."""
        return self.last("published")

    def changed_since(self, purpose: str, index: int) -> bool:
        """Whether the purpose was changed, or gone, in a version after a place in the log."""
        later = [h for h in self.log[index:] if h["what"] == "published"]
        return any(purpose in h["changed"] or purpose not in h["purposes"] for h in later)

    def may(self, person: int, purpose: str, channel: str, at_ms: int) -> str:
        """The reason, empty where it is allowed; fields and recipients are not asked about."""
        notice = self.notice()
        if notice is None:
            return "rules_missing"
        if purpose not in notice["purposes"]:
            return "purpose_unknown"
        if channel and channel not in notice["channels"][purpose]:
            return "channel_unknown"
        if self.last("forgotten", person):
            return "person_unknown"
        restricted = self.last("restricting", person)
        if restricted and restricted["on"] and purpose != "tax.keep":
            return "person_restricted"
        reason = self.basis(person, purpose, at_ms)
        if reason or not purpose.startswith("marketing."):
            return reason
        return self.marketing(person, purpose, channel, at_ms)

    def basis(self, person: int, purpose: str, at_ms: int) -> str:
        """Consent, or the guardian of a child."""
        age, guardian = self.last("age", person), self.last("guardian", person)
        is_child = bool(age and age["age"] == "child")
        if purpose == "tax.keep":
            return ""
        if purpose == "order.fulfil":
            return "guardian_missing" if is_child and not guardian else ""
        said = self.said(person, purpose)
        if said is None or said["at_ms"] > at_ms:
            return "consent_missing"
        if said["what"] != "yes":
            return {"no": "consent_refused", "withdrawn": "consent_withdrawn"}[said["what"]]
        days = {"marketing.personal": 365, "refund.bank": 30}.get(purpose)
        if days and at_ms >= said["at_ms"] + days * DAY_MS:
            return "consent_expired"
        index = next(n for n, happened in enumerate(self.log) if happened is said)
        restores = [h["what"] for h in self.log[index:] if h["what"] in ("restored", "settled")]
        if "restored" in restores and restores[-1] == "restored":
            return "consent_unconfirmed"
        if self.changed_since(purpose, index):
            return "notice_changed"
        return "guardian_missing" if is_child and not said["by_guardian"] else ""

    def marketing(self, person: int, purpose: str, channel: str, at_ms: int) -> str:
        """Hours, how often, profiles, age. Every version here names sender and unsubscribe."""
        if channel:
            minute = (at_ms // 60_000 + 480) % 1440
            start, end = {"sms": (1320, 480), "mail": (1260, 540)}[channel]
            if minute >= start or minute < end:
                return "quiet_hours"
            count, days = {"sms": (2, 7), "mail": (4, 30)}[channel]
            sent = [
                h for h in self.log
                if h["what"] == "sent" and h["person"] == person and h["channel"] == channel
                and h["at_ms"] > at_ms - days * DAY_MS
            ]  # fmt: skip
            if len(sent) >= count:
                return "frequency_exceeded"
        if purpose == "marketing.push":
            return ""
        profiling = self.last("profiling", person)
        if profiling and profiling["refused"]:
            return "profiling_refused"
        age = self.last("age", person)
        return "age_unsuited" if age and age["age"] in ("child", "minor") else ""
