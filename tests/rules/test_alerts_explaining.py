"""What a person is told to do about an alarm, as it and the breaker stand; and that it exists."""

import re
from pathlib import Path

import pytest

from tidegate.watch.alarms import CAP, LEVEL_NAMES, PAUSE_SHOP, PAUSE_SKU
from tidegate.watch.alerts import explaining
from tidegate.watch.alerts.explaining import explained
from tidegate.watch.alerts.shown import AlarmStory, AlarmTold
from tidegate.watch.breaker import CLOSED, HALF_OPEN, OPEN, Action, Breaker, Event, Switch

ROOT = Path(__file__).resolve().parents[2]
ASKED = Action("W-1", "pause", "sku", "A", "why", 1)


def story(
    state: str, switch: str, level: int = PAUSE_SKU, source: str = "watch", **numbers: object
) -> AlarmStory:
    told = AlarmTold(
        12, source, "key", LEVEL_NAMES[level], state, 1, "sentence", "一句话", "ab" * 16, 5, switch,
        0, 0, 0, 0, "", "", 0, 0,
    )  # fmt: skip
    return AlarmStory(told, numbers, [], [])


@pytest.mark.parametrize(
    ("switch", "asked", "last"),
    [
        (Switch("sku", "A", OPEN, PAUSE_SKU), ASKED, "the desk has not confirmed the stop"),
        (Switch("sku", "A", OPEN, PAUSE_SKU), None, "watch half-open --sku A --reason WHY`"),
        (Switch("sku", "A", HALF_OPEN, PAUSE_SKU), None, "watch close --sku A --reason WHY`"),
        (Switch("sku", "A", CLOSED), None, "it sells again"),
        (Switch("shop", "", OPEN, PAUSE_SHOP), None, "two people: `tidegate watch half-open"),
    ],
)  # fmt: skip
def test_the_last_step_follows_from_the_switch(
    switch: Switch, asked: Action | None, last: str
) -> None:
    switch.action = asked
    name = f"{switch.target}:{switch.code}"
    line = Event(7, switch.target, switch.code, switch.phase, "pause_sku", "why", 0)
    found = explained(story("open", name), Breaker({name: switch}, [line]))
    assert last in found.advice[-1].en
    assert found.advice[0].en.endswith("`tidegate watch ack 12`")
    assert found.breaker is not None
    assert (found.breaker.phase, found.breaker.in_force) == (switch.phase, asked is None)
    assert [(one.at_ms, one.why) for one in found.breaker.history] == [(7, "why")]


@pytest.mark.parametrize(
    ("hypothesis", "meaning", "look"),
    [
        ("cheap", "prices far below the usual one", "`tidegate price`"),
        ("crowd", "orders far faster", "`tidegate watch announce`"),
        ("silence", "no order where several were due", "`tidegate channel status`"),
        ("extreme", "one order larger", "`tidegate order show`"),
    ],
)
def test_it_says_what_it_means_and_where_to_look(hypothesis: str, meaning: str, look: str) -> None:
    found = explained(
        story("acknowledged", "", CAP, hypothesis=hypothesis, score=15.25, threshold=14.0), None
    )
    assert found.means.en.startswith(meaning)
    assert look in found.advice[0].en
    assert found.advice[-1].en == "nothing was stopped; to stop: `tidegate pause`"
    assert found.expected.en.startswith("score 15.2 where 14.0")


def test_another_source_s_alarm_speaks_for_itself() -> None:
    found = explained(story("open", "", CAP, "channels", read_fen=1000), Breaker())
    assert (found.means.en, found.means.zh, found.expected.en) == ("sentence", "一句话", "")
    assert found.advice[-1].en == "look at that channel: `tidegate channel alarms`"


def test_what_is_over_asks_for_nothing() -> None:
    assert explained(story("resolved", ""), None).advice == []


def test_every_command_that_is_advised_exists() -> None:
    source = Path(explaining.__file__).read_text("utf-8")
    advised = set(re.findall(r"`tidegate ([a-z-]+(?: (?:[a-z][a-z-]+))?)", source))
    pages = (ROOT / "docs" / "reference" / "cli.md").read_text("utf-8")
    there = set(re.findall(r"(?m)^## tidegate ([a-z -]+)$", pages))
    assert sorted(advised - there) == []
    assert "watch half-open" in advised
