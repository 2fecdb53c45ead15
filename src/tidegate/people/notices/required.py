"""What a notice must say before it may be published: PIPL 17 and 30 and what goes with them.

Each gap is named with its article, its place in the document and how to mend it; a notice with a
gap is not published.
This module never judges wording, necessity or proportion: people do, and the rule checker helps.
"""

from collections.abc import Iterator
from typing import NamedTuple

from tidegate.people.notices.document import ChannelTerms, Notice, Purpose, Recipient, texts_of
from tidegate.people.pack import Pack


class Gap(NamedTuple):
    """Something that a notice lacks."""

    article: str
    place: str
    mend: str


class NoticeIncomplete(Exception):
    """A notice with gaps; nothing was published."""

    def __init__(self, gaps: tuple[Gap, ...]) -> None:
        self.gaps = gaps
        first = gaps[0]
        super().__init__(f"{len(gaps)} gaps; first {first.place}: {first.mend} ({first.article})")


def gaps_of(notice: Notice, pack: Pack) -> tuple[Gap, ...]:
    """Everything that the notice lacks, in the order of the document."""
    return tuple(_all_gaps(notice, pack))


def _all_gaps(notice: Notice, pack: Pack) -> Iterator[Gap]:
    for place, text in texts_of(notice):
        if not text.is_whole:
            yield Gap("PIPL 17", place, "say it in both languages, zh and en")
    yield from _of_the_whole(notice, pack)
    for name, channel in notice.channels.items():
        yield from _of_channel(channel, f"channels.{name}", pack)
    for name, recipient in notice.recipients.items():
        yield from _of_recipient(recipient, f"recipients.{name}")
    sensitive = sensitive_categories(pack)
    for name, purpose in notice.purposes.items():
        place = f"purposes.{name}"
        yield from _of_purpose(notice, purpose, place)
        yield from _of_basis(purpose, place)
        yield from _of_receivers(notice, purpose, place)
        if notice.sensitive_fields(purpose, sensitive):
            yield from _of_sensitive(purpose, place)
        if purpose.marketing:
            yield from _of_marketing(notice, purpose, place)


def sensitive_categories(pack: Pack) -> frozenset[str]:
    """The categories of the pack that are sensitive."""
    return frozenset(name for name, category in pack.categories.items() if category.sensitive)


def _of_the_whole(notice: Notice, pack: Pack) -> Iterator[Gap]:
    if not notice.operator.name.is_whole or not notice.operator.contact.is_whole:
        yield Gap("PIPL 17(1)", "operator", "name who processes and how to reach them")
    if not notice.title.is_whole:
        yield Gap("PIPL 17", "title", "give it a title")
    if not notice.purposes:
        yield Gap("PIPL 17(2)", "purposes", "name at least one purpose")
    for name, field in notice.fields.items():
        if not field.title.is_whole:
            yield Gap("Network Data Regulations 21", f"fields.{name}.title", "name the field")
        if field.category not in pack.categories:
            there = ", ".join(pack.categories)
            yield Gap("PIPL 28, 51(2)", f"fields.{name}.category", f"one of: {there}")
    for right in pack.rights:
        if right not in notice.rights or not notice.rights[right].is_whole:
            yield Gap(
                "PIPL 17(3); Network Data Regulations 21(4)",
                f"rights.{right}",
                "say how a person does that",
            )
    if not notice.storage.is_whole:
        yield Gap("PIPL 17(2)", "storage", "say where the data is kept")
    if notice.minors.expected and not notice.minors.rules.is_whole:
        yield Gap("PIPL 31", "minors.rules", "give the special rules for children under 14")


def _of_purpose(notice: Notice, purpose: Purpose, place: str) -> Iterator[Gap]:
    if not purpose.title.is_whole:
        yield Gap("PIPL 17(2)", f"{place}.title", "say what it is for")
    if not purpose.method.is_whole:
        yield Gap("PIPL 17(2)", f"{place}.method", "say how the data is processed")
    if not purpose.fields:
        yield Gap("PIPL 17(2)", f"{place}.fields", "list what is processed")
    for field in purpose.fields:
        if field not in notice.fields:
            yield Gap("Network Data Regulations 21", f"{place}.fields", f"describe {field}")
    if not purpose.retention.days and not purpose.retention.rule.is_whole:
        yield Gap("PIPL 17(2), 19", f"{place}.retention", "give days, or how the end is fixed")
    if not purpose.retention.at_end.is_whole:
        yield Gap(
            "Network Data Regulations 21(3)", f"{place}.retention.at_end", "say what happens then"
        )
    for channel in purpose.channels:
        if channel not in notice.channels:
            yield Gap("PIPL 17(2)", f"{place}.channels", f"describe the channel {channel}")


def _of_basis(purpose: Purpose, place: str) -> Iterator[Gap]:
    if purpose.basis == "consent":
        if not purpose.withdraw.is_whole:
            yield Gap("PIPL 15", f"{place}.withdraw", "say how consent is taken back")
        if purpose.necessary_for and not purpose.necessity.is_whole:
            yield Gap(
                "PIPL 16", f"{place}.necessity", "say why the service cannot be given without it"
            )
    elif not purpose.why.is_whole or not purpose.judged_by.strip():
        yield Gap("PIPL 13, 69", f"{place}.why", "say why this basis applies (why) and who judged")


def _of_receivers(notice: Notice, purpose: Purpose, place: str) -> Iterator[Gap]:
    known = [notice.recipients[name] for name in purpose.recipients if name in notice.recipients]
    for name in purpose.recipients:
        if name not in notice.recipients:
            yield Gap("PIPL 23", f"{place}.recipients", f"describe the recipient {name}")
    outside = [one for one in known if not one.entrusted]
    abroad = [one for one in known if one.region != "CN"]
    if outside and purpose.act == "use":
        yield Gap("PIPL 23", f"{place}.act", "sharing is a purpose of its own: act share or abroad")
    if abroad and purpose.act != "abroad":
        yield Gap("PIPL 39", f"{place}.act", "a recipient abroad needs a purpose with act abroad")
    if purpose.act in {"share", "abroad"} and len(purpose.recipients) != 1:
        yield Gap("PIPL 23, 39", f"{place}.recipients", "exactly one recipient to each consent")
    if purpose.act == "abroad" and not abroad:
        yield Gap("PIPL 39", f"{place}.recipients", "name the recipient abroad with its region")


def _of_recipient(recipient: Recipient, place: str) -> Iterator[Gap]:
    for name in ("name", "contact", "purpose", "method"):
        if not getattr(recipient, name).is_whole:
            yield Gap("PIPL 23", f"{place}.{name}", "tell it of every recipient")
    if recipient.region != "CN":
        for name in ("rights", "mechanism"):
            if not getattr(recipient, name).is_whole:
                yield Gap("PIPL 38, 39", f"{place}.{name}", "tell it of a recipient abroad")


def _of_sensitive(purpose: Purpose, place: str) -> Iterator[Gap]:
    if not purpose.necessity.is_whole:
        yield Gap("PIPL 28, 30", f"{place}.necessity", "say why sensitive data is needed")
    if not purpose.effect.is_whole:
        yield Gap("PIPL 30", f"{place}.effect", "say what it means for the person")


def _of_marketing(notice: Notice, purpose: Purpose, place: str) -> Iterator[Gap]:
    if purpose.basis != "consent":
        yield Gap(
            "Consumer Protection Law 29; Advertising Law 43",
            f"{place}.basis",
            "commercial messages need consent",
        )
    if purpose.necessary_for:
        yield Gap("PIPL 16", f"{place}.necessary_for", "no service may depend on marketing")
    for name in purpose.channels:
        channel = notice.channels.get(name)
        if channel is None:
            continue
        at = f"channels.{name}"
        if not channel.sender.is_whole or not channel.contact.is_whole:
            yield Gap("Advertising Law 43", f"{at}.sender", "say who sends, and how to reach them")
        if not channel.unsubscribe.is_whole:
            yield Gap("Advertising Law 43", f"{at}.unsubscribe", "say how to stop it")
        if channel.frequency is None:
            yield Gap("PIPL 17(2)", f"{at}.frequency", "say how often at most")


def _of_channel(channel: ChannelTerms, place: str, pack: Pack) -> Iterator[Gap]:
    ends = (channel.quiet_from_minute, channel.quiet_to_minute)
    if (ends[0] is None) != (ends[1] is None):
        yield Gap("Consumer Protection Regulations 24", place, "give both ends of the quiet hours")
    count_max = pack.number("frequency_count_max")
    if channel.frequency is not None and channel.frequency.count > count_max:
        yield Gap("PIPL 6", f"{place}.frequency", f"at most {count_max} in a period")
