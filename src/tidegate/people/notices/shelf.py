"""Which version of each notice is in force, what it changed, and who was shown it.

A version is published once, whole, as an event that holds its document; what a later version asks
people again about stands in its own event, so a better comparison never rewrites what was.
This module never changes a version that was published, and publishes none that has a gap.
"""

from collections.abc import Mapping
from hashlib import sha256
from typing import Any, NamedTuple

import msgspec

from tidegate.people.notices.compare import asked_again, material_changes
from tidegate.people.notices.document import Language, Notice, Purpose
from tidegate.people.notices.render import Form, render
from tidegate.people.notices.required import (
    Gap,
    NoticeIncomplete,
    gaps_of,
    sensitive_categories,
)
from tidegate.people.pack import Pack
from tidegate.people.refusals import ConsentRefused
from tidegate.people.stream import Event, PeopleStream, Place, Recorded, token_of, token_text

PUBLISHED = "notice.published"
SERVED = "notice.served"
RENDERED_MAX = 64
SHELF = "notices"  # the subject of decisions about them


class Published(NamedTuple):
    """A version in force or of the past, and where its event stands."""

    notice: Notice
    version: int
    sha256: str
    place: Place
    at_ms: int
    generations: Mapping[str, int]  # of each purpose: grows with each material change
    asked_again: Mapping[str, tuple[str, ...]]


class PurposeInForce(NamedTuple):
    """A purpose as the gate meets it."""

    purpose: Purpose
    published: Published
    generation: int


class ServedNotice(NamedTuple):
    """What was shown: its bytes, their hash, and where that stands on record."""

    text: str
    sha256: str
    version: int
    place: Place


class Notices:
    """The shelf of one shop: a fold of its stream, and the two things that are done with it."""

    def __init__(self, pack: Pack) -> None:
        self.pack = pack
        self.sensitive = sensitive_categories(pack)
        self._versions: dict[str, list[Published]] = {}
        self._purposes: dict[str, PurposeInForce] = {}
        self._generations: dict[str, int] = {}
        self._rendered: dict[tuple[str, int, str, str], str] = {}  # shown a thousand times an hour
        self._served: dict[tuple[int, str], tuple[int, Place]] = {}

    # -- looking ---------------------------------------------------------------------------------

    def names(self) -> list[str]:
        """Every notice there is, oldest first."""
        return list(self._versions)

    def versions(self, notice: str) -> list[Published]:
        """Every version of a notice, oldest first. Raises LookupError."""
        return list(self._versions[notice])

    def in_force(self, notice: str) -> Published:
        """The version that stands. Raises LookupError."""
        return self._versions[notice][-1]

    def purpose(self, name: str) -> PurposeInForce | None:
        """A purpose that stands, whichever notice names it."""
        return self._purposes.get(name)

    def purposes(self) -> list[str]:
        """The names of all purposes that stand."""
        return list(self._purposes)

    def served_version(self, person: int, notice: str) -> tuple[int, Place] | None:
        """The newest version that this person was shown, and where that stands on record."""
        return self._served.get((person, notice))

    def is_served(self, person: int, found: PurposeInForce) -> Place | None:
        """Where it stands that the person was shown what this purpose is now; None if not.

        An older version counts where nothing material of this purpose has changed since.
        """
        notice = found.published.notice.notice
        served = self._served.get((person, notice))
        if served is None:
            return None
        version, place = served
        name = self._name_of(found)
        then = self._versions[notice][version - 1].generations.get(name, 0)
        return place if then == found.generation else None

    def _name_of(self, found: PurposeInForce) -> str:
        purposes = found.published.notice.purposes
        return next(name for name, one in purposes.items() if one is found.purpose)

    def gaps(self, notice: Notice) -> tuple[Gap, ...]:
        """What a notice lacks before it may be published; other notices' purposes included."""
        taken = [
            Gap("PIPL 17", f"purposes.{name}", "another notice has a purpose of this name")
            for name in notice.purposes
            if (there := self._purposes.get(name)) is not None
            and there.published.notice.notice != notice.notice
        ]
        return (*gaps_of(notice, self.pack), *taken)

    # -- publishing ------------------------------------------------------------------------------

    def publish(
        self,
        stream: PeopleStream,
        notice: Notice,
        actor: int,
        at_ms: int,
        same_meaning: Mapping[str, str] | None = None,
    ) -> Published:
        """Put a version in force. The same version again changes nothing.

        `same_meaning`: purposes of which the actor judged that only words changed, and why.
        Raises NoticeIncomplete.
        """
        stream.commit(SHELF, lambda: self._decide(notice, actor, at_ms, dict(same_meaning or {})))
        return self.in_force(notice.notice)

    def _decide(
        self, notice: Notice, actor: int, at_ms: int, same_meaning: dict[str, str]
    ) -> list[Event]:
        gaps = self.gaps(notice)
        if gaps:
            raise NoticeIncomplete(gaps)
        before = self._versions.get(notice.notice, [])
        if before and before[-1].sha256 == notice.sha256:
            return []
        again: dict[str, tuple[str, ...]] = {}
        if before:
            changes = material_changes(before[-1].notice, notice)
            again = asked_again(changes, frozenset(same_meaning))
        generations = {
            name: self._next_generation(name, bool(before) and name in before[-1].notice.purposes,
                                        changed=name in again)
            for name in notice.purposes
        }  # fmt: skip
        return [
            {
                "kind": PUBLISHED,
                "at_ms": at_ms,
                "actor": token_text(actor),
                "notice": notice.notice,
                "version": len(before) + 1,
                "sha256": notice.sha256,
                "document": msgspec.to_builtins(notice),
                "generations": generations,
                "asked_again": {name: list(what) for name, what in again.items()},
                "same_meaning": same_meaning,
                "pack": self.pack.name,
            }
        ]

    def _next_generation(self, purpose: str, stood: bool, *, changed: bool) -> int:
        """One more when it changed, or comes back after it was gone."""
        last = self._generations.get(purpose, 0)
        return last if stood and not changed else last + 1

    # -- serving ---------------------------------------------------------------------------------

    def serve(
        self,
        stream: PeopleStream,
        person: int,
        notice: str,
        language: Language,
        form: Form,
        screen: str,
        at_ms: int,
    ) -> ServedNotice:
        """Give the text that is shown to this person now, on record before it is given.

        Raises ConsentRefused where there is no such notice.
        """
        if notice not in self._versions:
            raise ConsentRefused("rules_missing", self.pack.refusals["rules_missing"])
        published = self.in_force(notice)
        text = self.rendered(published, language, form)
        digest = sha256(text.encode()).hexdigest()
        event = {
            "kind": SERVED,
            "at_ms": at_ms,
            "person": token_text(person),
            "notice": notice,
            "version": published.version,
            "sha256": published.sha256,
            "language": language,
            "form": form,
            "screen": screen,
            "shown_sha256": digest,
        }
        place = stream.record(person, event)
        return ServedNotice(text, digest, published.version, place)

    def rendered(self, published: Published, language: Language, form: Form) -> str:
        """A version as people read it."""
        notice, version, digest = published[:3]
        key = (digest, version, language, form)
        text = self._rendered.get(key)
        if text is None:
            text = render(notice, version, digest, language, form, self.sensitive)
            if len(self._rendered) >= RENDERED_MAX:
                self._rendered.clear()
            self._rendered[key] = text
        return text

    # -- folding ---------------------------------------------------------------------------------

    def fold(self, recorded: Recorded) -> None:
        """Take in one event of the stream."""
        event = recorded.event
        if event["kind"] == SERVED:
            key = (token_of(event["person"]), event["notice"])
            self._served[key] = (event["version"], recorded.place)
        elif event["kind"] == PUBLISHED:
            self._put_in_force(recorded.place, event)

    def forget(self, person: int) -> None:
        """Keep nothing of a person who is gone; the events name a token that leads nowhere."""
        for key in [key for key in self._served if key[0] == person]:
            del self._served[key]

    def _put_in_force(self, place: Place, event: Mapping[str, Any]) -> None:
        notice = msgspec.convert(event["document"], Notice)
        name = notice.notice
        published = Published(
            notice, event["version"], event["sha256"], place, event["at_ms"],
            event["generations"], {key: tuple(what) for key, what in event["asked_again"].items()},
        )  # fmt: skip
        gone = [
            purpose for purpose, one in self._purposes.items()
            if one.published.notice.notice == name and purpose not in notice.purposes
        ]  # fmt: skip
        self._versions.setdefault(name, []).append(published)
        for purpose in gone:
            del self._purposes[purpose]
        for purpose, body in notice.purposes.items():
            self._generations[purpose] = published.generations[purpose]
            self._purposes[purpose] = PurposeInForce(body, published, self._generations[purpose])
