"""An alarm in full: what it saw against what it expected, what was done, what a person can do now.

Always from what was kept when it was raised, and from the breaker as it stands. Never guesses
whether it was right: it says where to look.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from tidegate.watch.alerts.shown import (
    ACKNOWLEDGED,
    AlarmStory,
    AlarmTold,
    Change,
    MessageShown,
)
from tidegate.watch.breaker import CLOSED, HALF_OPEN, OPEN, Breaker

HISTORY_MAX = 20

# What each hypothesis stands for, and where a person finds out whether it is right.
_MEANS: Mapping[str, tuple[str, str]] = {
    "crowd": ("orders far faster than this hour of the week", "订单远快于平常此时"),
    "cheap": ("prices far below the usual one, order after order", "连续多单远低于平常价"),
    "rush": ("low prices in quick succession", "低价订单短时间内接连出现"),
    "bulk": ("many units at a time, order after order", "连续多单数量异常"),
    "repeat": ("the same buyers again and again", "同一买家反复下单"),
    "extreme": ("one order larger than this shop should ever see", "单笔数量超出本店应有范围"),
    "burn": ("discounts far beyond their plan", "优惠支出远超计划"),
    "silence": ("no order where several were due", "应有订单而没有"),
    "slow": ("days on end above what was due", "连续多日高于预期"),
}
_LOOK_AT_ORDERS = ("look at the orders: `tidegate order show`", "查看订单：`tidegate order show`")
_LOOK: Mapping[str, tuple[str, str]] = {
    "crowd": (
        "was it announced? `tidegate watch announce` tells the watch of what is planned",
        "是否计划内？用 `tidegate watch announce` 预告活动",
    ),
    "bulk": _LOOK_AT_ORDERS,
    "repeat": _LOOK_AT_ORDERS,
    "extreme": _LOOK_AT_ORDERS,
    "burn": ("compare the promotion with its plan", "核对促销与预算计划"),
    "silence": (
        "does the feed live? `tidegate channel status`",
        "渠道是否正常？`tidegate channel status`",
    ),
    "slow": ("nothing is stopped; look at what changed", "未停售；请查看近期变化"),
}
_LOOK_AT_PRICE = (
    "compare what was charged with the list price and the promotions: `tidegate price`",
    "核对成交价、标价与促销：`tidegate price`",
)
_LOOK_AT_CHANNEL = (
    "look at that channel: `tidegate channel alarms`",
    "查看该渠道：`tidegate channel alarms`",
)


class Advice(msgspec.Struct, frozen=True):
    """One thing that a person can do now."""

    en: str
    zh: str


class SwitchChange(msgspec.Struct, frozen=True):
    """One line of a switch's history."""

    at_ms: int
    phase: str
    level: str
    why: str


class SwitchSaid(msgspec.Struct, frozen=True):
    """What the breaker did: how its switch stands, and its history, oldest first."""

    scope: str
    subject: str
    phase: str
    since_ms: int
    in_force: bool
    fault: str
    history: list[SwitchChange]


class AlarmExplained(msgspec.Struct, frozen=True):
    """Everything about an alarm, ready to be shown."""

    alarm: AlarmTold
    means: Advice
    expected: Advice
    numbers: dict[str, Any]
    breaker: SwitchSaid | None
    advice: list[Advice]
    messages: list[MessageShown]
    history: list[Change]


def explained(story: AlarmStory, breaker: Breaker | None) -> AlarmExplained:
    """`breaker`: as it stands; None where it cannot be read."""
    alarm = story.alarm
    said = switch_said(breaker, alarm.switch) if breaker is not None and alarm.switch else None
    hypothesis = str(story.numbers.get("hypothesis", ""))
    return AlarmExplained(
        alarm, Advice(*_MEANS.get(hypothesis, (alarm.sentence, alarm.sentence_zh))),
        expected(story.numbers), story.numbers, said, advice(alarm, hypothesis, said),
        story.messages, story.history,
    )  # fmt: skip


def expected(numbers: Mapping[str, Any]) -> Advice:
    """Against what it was judged: its score and the threshold that stands for a stated rate."""
    score, threshold = numbers.get("score"), numbers.get("threshold")
    if not isinstance(score, int | float) or not isinstance(threshold, int | float):
        return Advice("", "")
    return Advice(
        f"score {score:.1f} where {threshold:.1f} is passed as seldom as the settings state",
        f"得分 {score:.1f}，阈值 {threshold:.1f}（按设定的误报率得出）",
    )


def switch_said(breaker: Breaker, name: str) -> SwitchSaid | None:
    """How a switch stands, "sku:CODE"; None where it was never used."""
    switch = breaker.switches.get(name)
    if switch is None:
        return None
    mine = [
        line for line in breaker.history if (line.target, line.code) == (switch.target, switch.code)
    ]
    history = [
        SwitchChange(line.at_ms, line.phase, line.level, line.why) for line in mine[-HISTORY_MAX:]
    ]
    return SwitchSaid(
        switch.target, switch.code, switch.phase, switch.since_ms, switch.action is None,
        switch.fault, history,
    )  # fmt: skip


def advice(alarm: AlarmTold, hypothesis: str, switch: SwitchSaid | None) -> list[Advice]:
    """What a person can do now, the next step first."""
    found = []
    if alarm.state == "open":
        found.append(
            Advice(
                f"take it up, so that nobody else is woken: `tidegate watch ack {alarm.id}`",
                f"先确认，避免继续升级：`tidegate watch ack {alarm.id}`",
            )
        )
    if alarm.state in ("open", ACKNOWLEDGED):
        look = _LOOK_AT_PRICE if alarm.source == "watch" else _LOOK_AT_CHANNEL
        found.append(Advice(*_LOOK.get(hypothesis, look)))
    if switch is not None:
        found += _of_switch(switch)
    elif alarm.state != "resolved" and alarm.source == "watch":
        found.append(
            Advice(
                "nothing was stopped; to stop: `tidegate pause`", "未停售；停售：`tidegate pause`"
            )
        )
    return found


def _of_switch(switch: SwitchSaid) -> list[Advice]:
    named = f" --{switch.scope} {switch.subject}" if switch.subject else ""
    two = "two people: " if switch.scope == "shop" else ""
    two_zh = "须两人：" if switch.scope == "shop" else ""
    if switch.phase == OPEN and not switch.in_force:
        why = f" ({switch.fault})" if switch.fault else ""
        return [
            Advice(
                f"the desk has not confirmed the stop{why}: `tidegate pause{named}` by hand",
                f"停售尚未确认{why}：请手动 `tidegate pause{named}`",
            )
        ]
    if switch.phase == OPEN:
        return [
            Advice(
                f"once it is mended, {two}`tidegate watch half-open{named} --reason WHY`",
                f"修正后，{two_zh}`tidegate watch half-open{named} --reason 原因`",
            )
        ]
    if switch.phase == HALF_OPEN:
        return [
            Advice(
                f"after fifteen quiet minutes, {two}`tidegate watch close{named} --reason WHY`",
                f"十五分钟无异常后，{two_zh}`tidegate watch close{named} --reason 原因`",
            )
        ]
    assert switch.phase == CLOSED, switch.phase
    return [Advice("it sells again; nothing is left to do", "已恢复销售，无需操作")]
