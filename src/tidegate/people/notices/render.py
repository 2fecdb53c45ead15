"""A notice as people read, save and print it: plain text and HTML, in Chinese and in English.

The same version in the same language and form is the same bytes for ever; its hash stands in the
event that says who was shown it.
This module never leaves out a part of a notice, and its HTML loads nothing from anywhere.
"""

from collections.abc import Iterator
from html import escape
from typing import Literal, NamedTuple

from tidegate.people.notices.document import (
    ChannelTerms,
    Language,
    Notice,
    Purpose,
    Recipient,
    consent_mode,
)

Form = Literal["plain", "html"]
HEADING, SECTION, LINE = "heading", "section", "line"
_STYLE = (
    "body{font:16px/1.6 sans-serif;max-width:46em;margin:2em auto;padding:0 1em;color:#111;"
    "background:#fff}h1{font-size:1.5em}h2{font-size:1.15em;margin-top:1.6em}"
    "dt{font-weight:bold}dd{margin:0 0 .5em 0}"
    "@media print{body{margin:0;max-width:none}h2{break-after:avoid}}"
)


class Shown(NamedTuple):
    """One piece of a notice; a line has a label and its words."""

    kind: str
    label: str
    words: str = ""


_WORDS: dict[str, tuple[str, str]] = {
    "version": ("版本", "Version"),
    "hash": ("摘要 (SHA-256)", "Hash (SHA-256)"),
    "operator": ("个人信息处理者", "Who processes your information"),
    "contact": ("联系方式", "Contact"),
    "officer": ("个人信息保护负责人", "Person in charge of personal information"),
    "list": ("个人信息清单", "What is processed"),
    "sensitive": ("敏感个人信息", "sensitive personal information"),
    "method": ("处理方式", "How it is processed"),
    "basis": ("处理依据", "On which basis"),
    "fields": ("信息种类", "Which information"),
    "retention": ("保存期限", "How long it is kept"),
    "at_end": ("到期后", "Afterwards"),
    "days": ("天", "days"),
    "recipients": ("接收方", "Who receives it"),
    "channels": ("联系渠道", "By which channels"),
    "necessary_for": ("为提供下列服务所必需", "Necessary for these services"),
    "optional": ("可选：不同意不影响使用", "Optional: nothing depends on it"),
    "why": ("适用理由", "Why this basis applies"),
    "necessity": ("必要性", "Why it is necessary"),
    "effect": ("对您权益的影响", "What it means for you"),
    "withdraw": ("如何撤回同意", "How to withdraw consent"),
    "until": ("同意有效期", "Consent is valid for"),
    "personalised": ("自动化决策：您可以拒绝个性化", "Automated decisions: you may refuse them"),
    "separate": ("需您单独同意", "needs your separate consent"),
    "rights": ("您的权利", "Your rights"),
    "storage": ("存储地点", "Where it is kept"),
    "jurisdiction": ("适用法域", "Jurisdiction"),
    "minors": ("未满十四周岁的未成年人", "Children under 14"),
    "minors_none": ("我们不面向未满十四周岁的未成年人", "We do not address children under 14"),
    "sender": ("发送者", "Sender"),
    "unsubscribe": ("如何退订", "How to unsubscribe"),
    "frequency": ("频率上限", "At most"),
    "quiet": ("免打扰时段", "Quiet hours"),
    "region": ("所在地", "Region"),
    "purpose": ("目的", "Purpose"),
    "entrusted": ("受托处理", "works on our instructions"),
    "mechanism": ("出境机制", "Mechanism for going abroad"),
    "consent": ("您的同意", "your consent"),
    "contract": ("订立、履行合同所必需", "necessary for a contract with you"),
    "duty": ("履行法定职责或义务", "a statutory duty"),
    "emergency": ("应对突发公共卫生事件或紧急情况", "an emergency"),
    "news": ("新闻报道、舆论监督", "news reporting in the public interest"),
    "published": ("已合法公开的信息", "information already lawfully public"),
    "other_law": ("法律、行政法规规定的其他情形", "another case that the law names"),
    "access": ("查阅", "access"),
    "copy": ("复制", "copy"),
    "transfer": ("转移", "transfer"),
    "correct": ("更正", "correct"),
    "supplement": ("补充", "supplement"),
    "delete": ("删除", "delete"),
    "restrict": ("限制处理", "restrict"),
    "close_account": ("注销账号", "close the account"),
    "withdraw_right": ("撤回同意", "withdraw consent"),
    "explain": ("要求解释说明", "have it explained"),
    "complain": ("投诉", "complain"),
}


def render(
    notice: Notice,
    version: int,
    sha256: str,
    language: Language,
    form: Form,
    sensitive: frozenset[str],
) -> str:
    """The notice's version, whose hash is `sha256`, as text or as an HTML page of its own."""
    pieces = (
        Shown(HEADING, notice.title.of(language)),
        Shown(LINE, word("version", language), f"{notice.notice} {version}"),
        Shown(LINE, word("hash", language), sha256),
        *_pieces(notice, language, sensitive),
    )
    return _plain(pieces) if form == "plain" else _html(pieces, language)


def word(name: str, language: Language) -> str:
    """A word of the frame around a notice's own texts."""
    return _WORDS[name][0 if language == "zh-CN" else 1]


def _pieces(notice: Notice, language: Language, sensitive: frozenset[str]) -> Iterator[Shown]:
    yield Shown(SECTION, word("operator", language))
    yield Shown(LINE, notice.operator.name.of(language))
    yield Shown(LINE, word("contact", language), notice.operator.contact.of(language))
    if notice.operator.officer.is_whole:
        yield Shown(LINE, word("officer", language), notice.operator.officer.of(language))
    yield Shown(SECTION, word("list", language))
    for field in notice.fields.values():
        mark = word("sensitive", language) if field.category in sensitive else ""
        yield Shown(LINE, field.title.of(language), mark)
    for purpose in notice.purposes.values():
        yield from _of_purpose(notice, purpose, language, sensitive)
    for recipient in notice.recipients.values():
        yield from _of_recipient(recipient, language)
    for name, channel in notice.channels.items():
        yield from _of_channel(name, channel, language)
    yield Shown(SECTION, word("rights", language))
    for name, text in notice.rights.items():
        label = word("withdraw_right" if name == "withdraw" else name, language)
        yield Shown(LINE, label, text.of(language))
    yield Shown(SECTION, word("minors", language))
    minors = notice.minors
    told = minors.rules.of(language) if minors.expected else word("minors_none", language)
    yield Shown(LINE, told)
    yield Shown(SECTION, word("storage", language))
    yield Shown(LINE, notice.storage.of(language))
    yield Shown(LINE, word("jurisdiction", language), notice.jurisdiction.of(language))


def _of_purpose(
    notice: Notice, purpose: Purpose, language: Language, sensitive: frozenset[str]
) -> Iterator[Shown]:
    yield Shown(SECTION, purpose.title.of(language))
    basis = word(purpose.basis, language)
    if purpose.basis == "consent" and consent_mode(notice, purpose, sensitive) == "separate":
        basis = f"{basis} ({word('separate', language)})"
    yield Shown(LINE, word("basis", language), basis)
    if purpose.why.is_whole:
        yield Shown(LINE, word("why", language), purpose.why.of(language))
    yield Shown(LINE, word("method", language), purpose.method.of(language))
    titles = [notice.fields[name].title.of(language) for name in purpose.fields]
    yield Shown(LINE, word("fields", language), "; ".join(titles))
    days = f"{purpose.retention.days} {word('days', language)}" if purpose.retention.days else ""
    kept = "; ".join(part for part in (days, purpose.retention.rule.of(language)) if part)
    yield Shown(LINE, word("retention", language), kept)
    yield Shown(LINE, word("at_end", language), purpose.retention.at_end.of(language))
    names = [notice.recipients[name].name.of(language) for name in purpose.recipients]
    if names:
        yield Shown(LINE, word("recipients", language), "; ".join(names))
    if purpose.channels:
        yield Shown(LINE, word("channels", language), "; ".join(purpose.channels))
    if purpose.necessary_for:
        yield Shown(LINE, word("necessary_for", language), "; ".join(purpose.necessary_for))
    elif purpose.basis == "consent":
        yield Shown(LINE, word("optional", language))
    if purpose.personalised:
        yield Shown(LINE, word("personalised", language))
    for name in ("necessity", "effect", "withdraw"):
        text = getattr(purpose, name)
        if text.is_whole:
            yield Shown(LINE, word(name, language), text.of(language))
    if purpose.consent_days:
        valid = f"{purpose.consent_days} {word('days', language)}"
        yield Shown(LINE, word("until", language), valid)


def _of_recipient(recipient: Recipient, language: Language) -> Iterator[Shown]:
    yield Shown(SECTION, f"{word('recipients', language)}: {recipient.name.of(language)}")
    yield Shown(LINE, word("contact", language), recipient.contact.of(language))
    yield Shown(LINE, word("purpose", language), recipient.purpose.of(language))
    yield Shown(LINE, word("method", language), recipient.method.of(language))
    yield Shown(LINE, word("region", language), recipient.region)
    if recipient.entrusted:
        yield Shown(LINE, word("entrusted", language))
    if recipient.mechanism.is_whole:
        yield Shown(LINE, word("mechanism", language), recipient.mechanism.of(language))
    if recipient.rights.is_whole:
        yield Shown(LINE, word("rights", language), recipient.rights.of(language))


def _of_channel(name: str, channel: ChannelTerms, language: Language) -> Iterator[Shown]:
    yield Shown(SECTION, f"{word('channels', language)}: {name}")
    if channel.sender.is_whole:
        sender = f"{channel.sender.of(language)}, {channel.contact.of(language)}"
        yield Shown(LINE, word("sender", language), sender)
    if channel.unsubscribe.is_whole:
        yield Shown(LINE, word("unsubscribe", language), channel.unsubscribe.of(language))
    if channel.frequency is not None:
        often = f"{channel.frequency.count} / {channel.frequency.days} {word('days', language)}"
        yield Shown(LINE, word("frequency", language), often)
    if channel.quiet_from_minute is not None and channel.quiet_to_minute is not None:
        hours = f"{_clock(channel.quiet_from_minute)} – {_clock(channel.quiet_to_minute)}"
        yield Shown(LINE, word("quiet", language), hours)


def _clock(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"


def _plain(pieces: tuple[Shown, ...]) -> str:
    lines: list[str] = []
    for kind, label, words in pieces:
        if kind == HEADING:
            lines += [label, "=" * 40]
        elif kind == SECTION:
            lines += ["", label, "-" * 40]
        else:
            lines.append(f"{label}: {words}" if words else label)
    return "\n".join(lines) + "\n"


def _html(pieces: tuple[Shown, ...], language: Language) -> str:
    title = escape(pieces[0].label)
    body: list[str] = []
    for kind, label, words in pieces:
        if kind == HEADING:
            body.append(f"<h1>{escape(label)}</h1>")
        elif kind == SECTION:
            body.append(f"<h2>{escape(label)}</h2>")
        elif words:
            body.append(f"<dl><dt>{escape(label)}</dt><dd>{escape(words)}</dd></dl>")
        else:
            body.append(f"<p>{escape(label)}</p>")
    return (
        f'<!doctype html>\n<html lang="{language}">\n<head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width">'
        f"<title>{title}</title><style>{_STYLE}</style></head>\n<body><main>\n"
        + "\n".join(body)
        + "\n</main></body>\n</html>\n"
    )
