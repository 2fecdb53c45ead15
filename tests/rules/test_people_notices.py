"""Notices: what each must say, what a change means, and proof of what was shown to whom."""

from collections.abc import Callable
from hashlib import sha256

import msgspec
import pytest

from tidegate.people.notices.compare import asked_again, material_changes
from tidegate.people.notices.document import NOTHING, Frequency, Language, Notice, Retention, Text
from tidegate.people.notices.reading import NoticeUnreadable, example_text, read_notice
from tidegate.people.notices.render import render
from tidegate.people.notices.required import NoticeIncomplete, gaps_of, sensitive_categories
from tidegate.people.pack import load_pack
from tidegate.people.refusals import CONSENT_WORDS, GATE_WORDS, ConsentRefused, GateReason
from tidegate.testing.people_house import (
    ACTOR,
    PUSH,
    SERVICE,
    PeopleHouse,
    changed_purpose,
    example_notice,
    without_purpose,
)

Change = Callable[[Notice], Notice]
PACK = load_pack()
SENSITIVE = sensitive_categories(PACK)
HALF = Text("中文", "")
SAY = Text("说明", "words")
replace = msgspec.structs.replace


def purpose(name: str, **changes: object) -> Change:
    return lambda notice: changed_purpose(notice, name, **changes)


def whole(**changes: object) -> Change:
    return lambda notice: replace(notice, **changes)


def channel(name: str, **changes: object) -> Change:
    return lambda notice: replace(
        notice, channels=notice.channels | {name: replace(notice.channels[name], **changes)}
    )


def recipient(which: str, /, **changes: object) -> Change:
    return lambda notice: replace(
        notice, recipients=notice.recipients | {which: replace(notice.recipients[which], **changes)}
    )


def operator(**changes: object) -> Change:
    return lambda notice: replace(notice, operator=replace(notice.operator, **changes))


def without_right(name: str) -> Change:
    return lambda notice: replace(
        notice, rights={key: text for key, text in notice.rights.items() if key != name}
    )


RIGHTS = "PIPL 17(3); Network Data Regulations 21(4)"
ADS = "Advertising Law 43"
GAPS: list[tuple[str, Change, list[tuple[str, str]]]] = [
    ("one language", purpose(PUSH, title=HALF),
     [("PIPL 17", f"purposes.{PUSH}.title"), ("PIPL 17(2)", f"purposes.{PUSH}.title")]),
    ("no name", operator(name=NOTHING), [("PIPL 17(1)", "operator")]),
    ("no contact", operator(contact=NOTHING), [("PIPL 17(1)", "operator")]),
    ("no title", whole(title=NOTHING), [("PIPL 17", "title")]),
    ("no purpose", whole(purposes={}), [("PIPL 17(2)", "purposes")]),
    ("no place", whole(storage=NOTHING), [("PIPL 17(2)", "storage")]),
    ("no method", purpose(PUSH, method=NOTHING), [("PIPL 17(2)", f"purposes.{PUSH}.method")]),
    ("no fields", purpose(PUSH, fields=[]), [("PIPL 17(2)", f"purposes.{PUSH}.fields")]),
    ("field not listed", purpose(PUSH, fields=["shoe_size"]),
     [("Network Data Regulations 21", f"purposes.{PUSH}.fields"),
      ("PIPL 28, 30", f"purposes.{PUSH}.necessity"), ("PIPL 30", f"purposes.{PUSH}.effect")]),
    ("for ever", purpose(PUSH, retention=Retention(SAY)),
     [("PIPL 17(2), 19", f"purposes.{PUSH}.retention")]),
    ("no end", purpose(PUSH, retention=Retention(NOTHING, 30)),
     [("Network Data Regulations 21(3)", f"purposes.{PUSH}.retention.at_end")]),
    ("no withdrawal", purpose(PUSH, withdraw=NOTHING),
     [("PIPL 15", f"purposes.{PUSH}.withdraw")]),
    ("necessary, but why", purpose("refund.bank", necessity=NOTHING),
     [("PIPL 16", "purposes.refund.bank.necessity"),
      ("PIPL 28, 30", "purposes.refund.bank.necessity")]),
    ("sensitive, no effect", purpose("refund.bank", effect=NOTHING),
     [("PIPL 30", "purposes.refund.bank.effect")]),
    ("contract, but why", purpose(SERVICE, why=NOTHING),
     [("PIPL 13, 69", f"purposes.{SERVICE}.why")]),
    ("contract, who judged", purpose(SERVICE, judged_by=" "),
     [("PIPL 13, 69", f"purposes.{SERVICE}.why")]),
    ("advertising as contract", purpose(PUSH, basis="contract", why=SAY, judged_by="x"),
     [("Consumer Protection Law 29; Advertising Law 43", f"purposes.{PUSH}.basis")]),
    ("service hangs on advertising", purpose(PUSH, necessary_for=["order"], necessity=SAY),
     [("PIPL 16", f"purposes.{PUSH}.necessary_for")]),
    ("no such channel", purpose(PUSH, channels=["pigeon"]),
     [("PIPL 17(2)", f"purposes.{PUSH}.channels")]),
    ("no sender", channel("mail", sender=NOTHING), [(ADS, "channels.mail.sender")]),
    ("no unsubscribe", channel("mail", unsubscribe=NOTHING), [(ADS, "channels.mail.unsubscribe")]),
    ("how often", channel("mail", frequency=None), [("PIPL 17(2)", "channels.mail.frequency")]),
    ("too often", channel("mail", frequency=Frequency(9, 1)),
     [("PIPL 6", "channels.mail.frequency")]),
    ("half a quiet time", channel("mail", quiet_to_minute=None),
     [("Consumer Protection Regulations 24", "channels.mail")]),
    ("no such recipient", purpose(SERVICE, recipients=["nobody"]),
     [("PIPL 23", f"purposes.{SERVICE}.recipients")]),
    ("recipient without contact", recipient("partner", contact=NOTHING),
     [("PIPL 23", "recipients.partner.contact")]),
    ("shared on the side", purpose(SERVICE, recipients=["partner"]),
     [("PIPL 23", f"purposes.{SERVICE}.act")]),
    ("two recipients to one consent", purpose("share.partner", recipients=["partner", "courier"]),
     [("PIPL 23, 39", "purposes.share.partner.recipients")]),
    ("abroad unsaid", purpose("support.abroad", act="share"),
     [("PIPL 39", "purposes.support.abroad.act")]),
    ("abroad without mechanism", recipient("support_abroad", mechanism=NOTHING),
     [("PIPL 38, 39", "recipients.support_abroad.mechanism")]),
    *[(f"no {right}", without_right(right), [(RIGHTS, f"rights.{right}")])
      for right in PACK.rights],
]  # fmt: skip


@pytest.mark.parametrize(
    ("change", "expected"), [row[1:] for row in GAPS], ids=[row[0] for row in GAPS]
)
def test_each_gap_is_named_with_its_article(
    change: Change, expected: list[tuple[str, str]]
) -> None:
    notice = change(example_notice())
    found = [(gap.article, gap.place) for gap in gaps_of(notice, PACK)]
    assert sorted(found) == sorted(expected)
    with pytest.raises(NoticeIncomplete):
        PeopleHouse().publish(notice)


def test_the_example_lacks_nothing() -> None:
    assert gaps_of(example_notice(), PACK) == ()


LONGER = Retention(Text("删除", "deleted"), 366)
SHORTER = Retention(Text("删除", "deleted"), 30)
TOLD = (SERVICE, "after.sales", "rights.answer")  # messages about orders and requests
CHANGES: list[tuple[str, Change, dict[str, tuple[str, ...]]]] = [
    ("purpose", purpose(PUSH, title=SAY), {PUSH: ("title",)}),
    ("method", purpose(PUSH, method=SAY), {PUSH: ("method",)}),
    ("more fields", purpose(PUSH, fields=["account", "phone", "email", "order"]),
     {PUSH: ("fields",)}),
    ("fewer fields", purpose(PUSH, fields=["phone"]), {}),
    ("kept longer", purpose(PUSH, retention=LONGER), {PUSH: ("retention",)}),
    ("kept shorter", purpose(PUSH, retention=SHORTER), {}),
    ("by automated decisions", purpose(PUSH, personalised=True), {PUSH: ("personalised",)}),
    ("another recipient", recipient("partner", name=SAY), {"share.partner": ("recipients",)}),
    ("recipient's new contact", recipient("partner", contact=SAY), {}),
    ("oftener", channel("mail", frequency=Frequency(5, 30)),
     dict.fromkeys((PUSH, *TOLD), ("channels",))),
    ("seldomer", channel("mail", frequency=Frequency(1, 30)), {}),
    ("another sender", channel("sms", sender=SAY),
     dict.fromkeys((PUSH, *TOLD, "marketing.personal"), ("channels",))),
    ("how to withdraw", purpose(PUSH, withdraw=SAY), {}),
    ("where it is kept", whole(storage=SAY), {}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("change", "expected"), [row[1:] for row in CHANGES], ids=[row[0] for row in CHANGES]
)
def test_a_material_change_is_found_by_comparison(
    change: Change, expected: dict[str, tuple[str, ...]]
) -> None:
    old = example_notice()
    changes = material_changes(old, change(old))
    assert asked_again(changes, frozenset()) == expected


def test_another_operator_asks_everybody_again() -> None:
    old = example_notice()
    changes = material_changes(old, operator(name=SAY)(old))
    assert asked_again(changes, frozenset()) == dict.fromkeys(old.purposes, ("operator",))


def test_a_person_may_judge_that_words_changed_but_not_substance() -> None:
    old = example_notice()
    words = changed_purpose(old, PUSH, title=SAY)
    assert asked_again(material_changes(old, words), frozenset((PUSH,))) == {}
    more = changed_purpose(old, PUSH, title=SAY, retention=LONGER)
    assert asked_again(material_changes(old, more), frozenset((PUSH,))) == {
        PUSH: ("title", "retention")
    }


def test_versions_count_and_the_same_again_changes_nothing() -> None:
    house = PeopleHouse()
    notice = example_notice()
    first = house.publish(notice)
    assert (first.version, first.sha256) == (1, notice.sha256)
    assert house.publish(notice) == first
    second = house.publish(changed_purpose(notice, PUSH, title=SAY))
    assert (second.version, dict(second.asked_again)) == (2, {PUSH: ("title",)})
    assert second.generations == first.generations | {PUSH: 2}
    third = house.publish(without_purpose(notice, PUSH))
    assert PUSH not in third.generations
    assert house.publish(notice).generations[PUSH] == 3  # whoever comes back is asked anew
    house.reopen()
    assert [one.version for one in house.people.notices.versions("main")] == [1, 2, 3, 4]


def test_one_purpose_belongs_to_one_notice() -> None:
    house = PeopleHouse(example_notice())
    with pytest.raises(NoticeIncomplete) as refused:
        house.publish(replace(example_notice(), notice="other"))
    assert {gap.place for gap in refused.value.gaps} == {
        f"purposes.{name}" for name in example_notice().purposes
    }


def test_what_was_shown_is_on_record_with_its_hash() -> None:
    house = PeopleHouse(example_notice())
    people = house.people
    for language, form in (("zh-CN", "plain"), ("en", "html")):
        served = people.notices.serve(
            people.stream, 7, "main", language, form, "start", house.now_ms
        )
        assert sha256(served.text.encode()).hexdigest() == served.sha256
        event = house.store.entries[-1].payload
        assert served.sha256.encode() in event
        assert f'"language":"{language}"'.encode() in event
    assert people.notices.served_version(7, "main") == (1, served.place)
    with pytest.raises(ConsentRefused, match="rules_missing"):
        people.notices.serve(people.stream, 7, "none", "en", "plain", "start", house.now_ms)


@pytest.mark.parametrize("language", ["zh-CN", "en"])
def test_both_forms_say_everything(language: Language) -> None:
    notice = example_notice()
    plain = render(notice, 3, notice.sha256, language, "plain", SENSITIVE)
    page = render(notice, 3, notice.sha256, language, "html", SENSITIVE)
    told = [notice.storage, notice.minors.rules, notice.operator.name, *notice.rights.values()]
    for one in notice.purposes.values():
        told += [one.title, one.method, one.retention.at_end]
    for text in told:
        assert text.of(language) in plain
        assert text.of(language) in page
    assert notice.sha256 in plain
    assert notice.sha256 in page
    assert f'<html lang="{language}">' in page
    assert not any(word in page for word in ("http:", "https:", "<script", "src="))


def test_an_html_page_shows_signs_and_does_not_obey_them() -> None:
    notice = replace(example_notice(), title=Text("<b>甲</b>", "<script>x</script>"))
    page = render(notice, 1, notice.sha256, "en", "html", SENSITIVE)
    assert "<script>" not in page
    assert "&lt;script&gt;x&lt;/script&gt;" in page


@pytest.mark.parametrize(
    "text",
    [
        "notice: [",
        "notice: main",
        example_text() + "\nextra: 1\n",
        example_text() + "\nnotice: other\n",
        example_text().replace("basis: duty", "basis: because"),
        example_text().replace("days: 1095", "days: -1"),
    ],
)
def test_what_is_no_notice_is_refused(text: str) -> None:
    with pytest.raises(NoticeUnreadable):
        read_notice(text)


def test_a_field_that_is_added_later_changes_no_hash() -> None:
    document = msgspec.to_builtins(example_notice())
    assert "consent_days" not in document["purposes"][PUSH]


def test_every_reason_has_words_and_an_article() -> None:
    assert set(GATE_WORDS) == set(GateReason)
    assert set(PACK.reasons) == {reason.word for reason in GateReason if reason}
    assert set(PACK.refusals) == set(CONSENT_WORDS)
    assert [reason.value for reason in GateReason] == list(range(len(GateReason)))
    assert ACTOR
