"""Texts of messages: versioned, on record, filled with what may stand in them and nothing else.

A transactional text carries no advertising, neither by itself nor by what is filled in; a marketing
text always ends with who sends it and how to stop it, in the words of the notice.
This module never sees an address: it makes text, `port` finds whom it goes to.
"""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, NamedTuple

import msgspec
from msgspec import Meta

from tidegate.people.canonical import digest_of
from tidegate.people.filter import find
from tidegate.people.messages.advertising import require_no_advertising
from tidegate.people.notices.document import ChannelTerms, Language, Name, Purpose, Text
from tidegate.people.notices.shelf import Notices
from tidegate.people.stream import Event, PeopleStream, Recorded, token_text

TEMPLATE_EVENT = "template.put"
VALUE_CHARS_MAX = 64
Kind = Literal["transactional", "marketing"]
ValueKind = Literal["id", "number", "amount", "date", "text"]

_PLACE = re.compile(r"\{([a-z][a-z0-9_]*)\}")
_VALUES: dict[str, re.Pattern[str]] = {
    "id": re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@+=-]{0,63}"),
    "number": re.compile(r"-?\d{1,12}"),
    "amount": re.compile(r"\d{1,10}(?:\.\d{2})?"),
    "date": re.compile(r"\d{4}-\d{2}-\d{2}(?: \d{2}:\d{2})?"),
    "text": re.compile(r"[^\x00-\x1f\x7f]{1,64}"),
}


class Template(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One text: for which purpose and channels, and what is filled into its places."""

    template: Name
    kind: Kind
    purpose: Name
    channels: Annotated[list[Name], Meta(min_length=1, max_length=8)]
    subject: Text
    body: Text
    values: Annotated[dict[Name, ValueKind], Meta(max_length=16)] = {}


class TemplateRefused(ValueError):
    """A template that may not be used; the message says what to mend."""


class Filled(NamedTuple):
    """A message as it goes out."""

    subject: str
    body: str


class PutTemplate(NamedTuple):
    """A version of a template."""

    template: Template
    version: int
    sha256: str


class Templates:
    """The templates of a shop: a fold of its stream."""

    def __init__(self, notices: Notices) -> None:
        self._notices = notices
        self._versions: dict[str, list[PutTemplate]] = {}

    def names(self) -> list[str]:
        """Every template there is."""
        return list(self._versions)

    def newest(self, name: str) -> PutTemplate:
        """The version that messages are made from now. Raises LookupError."""
        return self._versions[name][-1]

    def version(self, name: str, version: int) -> PutTemplate:
        """A version of before. Raises LookupError."""
        return self._versions[name][version - 1]

    def put(self, stream: PeopleStream, template: Template, actor: int, at_ms: int) -> PutTemplate:
        """Check a template and put it on record; the same again changes nothing.

        Raises TemplateRefused, AdvertisingFound.
        """
        stream.commit(("template", template.template), lambda: self._put(template, actor, at_ms))
        return self.newest(template.template)

    def _put(self, template: Template, actor: int, at_ms: int) -> list[Event]:
        self._check(template)
        before = self._versions.get(template.template, [])
        digest = digest_of(template)
        if before and before[-1].sha256 == digest:
            return []
        return [
            {
                "kind": TEMPLATE_EVENT,
                "at_ms": at_ms,
                "actor": token_text(actor),
                "template": template.template,
                "version": len(before) + 1,
                "sha256": digest,
                "document": msgspec.to_builtins(template),
            }
        ]

    def fold(self, recorded: Recorded) -> None:
        """Take in one event of the stream."""
        event = recorded.event
        if event["kind"] == TEMPLATE_EVENT:
            template = msgspec.convert(event["document"], Template)
            put = PutTemplate(template, event["version"], event["sha256"])
            self._versions.setdefault(template.template, []).append(put)

    def _check(self, template: Template) -> None:
        found = self._notices.purpose(template.purpose)
        if found is None:
            raise TemplateRefused(f"purpose: no notice in force names {template.purpose}")
        is_marketing = template.kind == "marketing"
        if found.purpose.marketing != is_marketing:
            raise TemplateRefused(
                f"kind: {template.purpose} is {'' if found.purpose.marketing else 'not '}marketing"
            )
        for channel in template.channels:
            if channel not in found.purpose.channels:
                raise TemplateRefused(f"channels: {template.purpose} does not name {channel}")
        if not template.subject.is_whole or not template.body.is_whole:
            raise TemplateRefused("subject and body: say them in both languages")
        for name in ("subject", "body"):
            text: Text = getattr(template, name)
            for language, words in (("zh", text.zh), ("en", text.en)):
                _check_places(words, template, f"{name}.{language}")
                if not is_marketing:
                    require_no_advertising(words, f"{name}.{language}")


def _check_places(words: str, template: Template, place: str) -> None:
    for name in _PLACE.findall(words):
        if name not in template.values:
            raise TemplateRefused(f"{place}: {{{name}}} is not among the values")
    if "{" in _PLACE.sub("", words) or "}" in _PLACE.sub("", words):
        raise TemplateRefused(f"{place}: braces only around the name of a value")


def check_values(template: Template, values: Mapping[str, Any]) -> dict[str, str]:
    """The values to fill in, each of its kind, clean and without advertising.

    They wait in the outbox, so none may be personal. Raises TemplateRefused, AdvertisingFound.
    """
    if set(values) != set(template.values):
        raise TemplateRefused(f"values: exactly {', '.join(sorted(template.values)) or 'none'}")
    checked: dict[str, str] = {}
    for name, kind in template.values.items():
        value = str(values[name])
        if not _VALUES[kind].fullmatch(value):
            raise TemplateRefused(f"values.{name}: not a {kind} of at most {VALUE_CHARS_MAX} signs")
        if kind == "text":
            for finding in find(value):
                raise TemplateRefused(f"values.{name}: looks personal ({finding.kind})")
        if template.kind == "transactional" and kind in {"text", "id"}:
            require_no_advertising(value, f"values.{name}")
        checked[name] = value
    if template.kind == "transactional":  # two clean pieces may make a word between them
        for words in (template.subject, template.body):
            for language in (words.zh, words.en):
                require_no_advertising(_fill(language, checked), "the filled text")
    return checked


def filled(
    template: Template,
    purpose: Purpose,
    channel: ChannelTerms,
    language: Language,
    values: Mapping[str, str],
) -> Filled:
    """The message: its text, then the sender, and for marketing how to stop it."""
    closing = []
    if channel.sender.is_whole:
        closing.append(f"{channel.sender.of(language)} · {channel.contact.of(language)}")
    if purpose.marketing:
        closing.append(channel.unsubscribe.of(language))
    body = "\n".join([_fill(template.body.of(language), values), "", *closing])
    return Filled(_fill(template.subject.of(language), values), body.rstrip("\n") + "\n")


def _fill(words: str, values: Mapping[str, str]) -> str:
    return _PLACE.sub(lambda place: values[place.group(1)], words)
