"""The texts of alerts: a title and a body, in the shop's language, short enough for every way.

Always says which shop, how bad, what was seen, what it costs, and how to acknowledge. Never a
token, an address or anything of a person: whatever looks personal is blotted out before it leaves.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from tidegate.watch.alarms import LEVEL_NAMES
from tidegate.watch.alerts.outbox import ESCALATED, RAISED, RESOLVED_LETTER, TEST

LEVEL_WORDS: tuple[tuple[str, str], ...] = (
    ("note", "提示"), ("cap: one unit an order", "限购一件"),
    ("promotion paused", "促销已暂停"), ("SKU paused", "商品已暂停"), ("shop stopped", "全店停售"),
)  # fmt: skip
assert len(LEVEL_WORDS) == len(LEVEL_NAMES)
OTHER_WORDS = (("note", "提示"), ("a person must look", "需人工处理"))  # of alarms of others
ENGLISH, CHINESE = 0, 1
SENTENCE_MAX = 400
_KINDS: Mapping[str, tuple[str, str]] = {
    RAISED: ("ALARM", "告警"),
    ESCALATED: ("ALARM, NOT ACKNOWLEDGED", "告警无人确认"),
    RESOLVED_LETTER: ("over", "已解除"),
    TEST: ("test", "测试"),
}

Clean = Callable[[str], str]


class Subject(NamedTuple):
    """An alert as a letter speaks of it."""

    id: int
    level: int
    english: str
    chinese: str
    money_fen: int
    repeats: int
    source: str = "watch"

    def badness(self, language: int) -> str:
        """How bad it is, in words."""
        if self.source == "watch":
            return LEVEL_WORDS[self.level][language]
        return OTHER_WORDS[min(self.level, 1)][language]


class Shop(NamedTuple):
    """Whose letters these are, in which language, and what takes personal data out of a text."""

    name: str
    language: int
    clean: Clean


def letter_of(shop: Shop, kind: str, step: int, subject: Subject) -> tuple[str, str]:
    """Title and body of a letter about one alert."""
    here = shop.language
    title = f"[{shop.name}] {_KINDS[kind][here]} {subject.id}: {subject.badness(here)}"
    said = subject.chinese if here == CHINESE and subject.chinese else subject.english
    lines = [cleaned(said, shop.clean)]
    if subject.repeats:
        lines.append(
            (f"seen {subject.repeats + 1} times", f"已出现 {subject.repeats + 1} 次")[here]
        )
    if kind == ESCALATED:
        lines.append((f"escalated, step {step + 1}", f"已升级至第 {step + 1} 级")[here])
    if kind in (RAISED, ESCALATED):
        lines.append(_acknowledge(shop, str(subject.id)))
    return title, "\n".join(lines)


def digest_of(
    shop: Shop, kind: str, step: int, counts: Mapping[int, int], worst: Sequence[Subject],
    until: int,
) -> tuple[str, str]:  # fmt: skip
    """Title and body of a letter about many alerts: how many of which level, and the worst."""
    here, total = shop.language, sum(counts.values())
    title = f"[{shop.name}] {_KINDS[kind][here]}: " + (
        f"{total:,} alarms in one message" if here == ENGLISH else f"{total:,} 条告警合并"
    )
    lines = [
        f"{counts[level]:,} × {LEVEL_WORDS[level][here]}" for level in sorted(counts, reverse=True)
    ]
    for subject in worst:
        said = subject.chinese if here == CHINESE and subject.chinese else subject.english
        lines.append(f"{subject.id}: {cleaned(said, shop.clean)}")
    if kind == ESCALATED:
        lines.append((f"escalated, step {step + 1}", f"已升级至第 {step + 1} 级")[here])
    if kind in (RAISED, ESCALATED):
        lines.append(_acknowledge(shop, f"--until {until}"))
    return title, "\n".join(lines)


def test_letter(shop: Shop, number: int) -> tuple[str, str]:
    """What a test says."""
    here = shop.language
    title = f"[{shop.name}] {_KINDS[TEST][here]} {number}"
    return title, ("A test: nothing is wrong.", "测试消息：无异常。")[here]


def cleaned(text: str, clean: Clean) -> str:
    """A sentence without anything that looks personal, cut to its bound.

    The filter takes 200 characters at a time; an order's hash is no number of a person's.
    """
    text = " ".join(text.split())[:SENTENCE_MAX]
    return "".join(clean(text[at : at + 200]) for at in range(0, len(text), 200))


def _acknowledge(shop: Shop, what: str) -> str:
    words = ("acknowledge", "确认")[shop.language]
    return f"{words}: tidegate watch ack {what} --shop {shop.name}"
