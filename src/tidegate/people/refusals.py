"""What the gate and the consent ledger say no with: permanent names and numbers, in two languages.

A number never changes its meaning; the article behind each stands in the pack.
This module never decides anything.
"""

from enum import IntEnum
from typing import NamedTuple


class GateReason(IntEnum):
    """Why the gate refuses; 0 = it does not. The numbers are stored and keep their meaning."""

    ALLOWED = 0
    RULES_MISSING = 1
    PURPOSE_UNKNOWN = 2
    FIELD_OUTSIDE_PURPOSE = 3
    RECIPIENT_UNKNOWN = 4
    CHANNEL_UNKNOWN = 5
    PERSON_UNKNOWN = 6
    PERSON_RESTRICTED = 7
    GUARDIAN_MISSING = 8
    NOTICE_NOT_SERVED = 9
    CONSENT_MISSING = 10
    CONSENT_REFUSED = 11
    CONSENT_WITHDRAWN = 12
    CONSENT_EXPIRED = 13
    CONSENT_UNCONFIRMED = 14
    NOTICE_CHANGED = 15
    QUIET_HOURS = 16
    FREQUENCY_EXCEEDED = 17
    PROFILING_REFUSED = 18
    SENDER_MISSING = 19
    UNSUBSCRIBE_MISSING = 20
    AGE_UNSUITED = 21

    @property
    def word(self) -> str:
        """Its permanent name."""
        return self.name.lower()


class Words(NamedTuple):
    """What it means, in both languages."""

    english: str
    chinese: str


GATE_WORDS: dict[GateReason, Words] = {
    GateReason.ALLOWED: Words("lawful at this moment", "此刻合法"),
    GateReason.RULES_MISSING: Words("no notice is in force", "尚无生效的处理规则"),
    GateReason.PURPOSE_UNKNOWN: Words("no notice names this purpose", "处理规则中没有此目的"),
    GateReason.FIELD_OUTSIDE_PURPOSE: Words(
        "the purpose does not cover a field", "字段超出该目的的范围"
    ),
    GateReason.RECIPIENT_UNKNOWN: Words(
        "the purpose does not name this recipient", "该目的未列明此接收方"
    ),
    GateReason.CHANNEL_UNKNOWN: Words(
        "the purpose does not name this channel", "该目的未列明此渠道"
    ),
    GateReason.PERSON_UNKNOWN: Words("there is no such person", "没有此人"),
    GateReason.PERSON_RESTRICTED: Words(
        "this person's data is restricted to keeping", "该个人信息仅限存储"
    ),
    GateReason.GUARDIAN_MISSING: Words(
        "under 14, and no guardian is known", "未满十四周岁且无监护人记录"
    ),
    GateReason.NOTICE_NOT_SERVED: Words(
        "the notice that stands now was not shown to this person", "未向本人出示现行告知"
    ),
    GateReason.CONSENT_MISSING: Words("this person was not asked or did not answer", "未取得同意"),
    GateReason.CONSENT_REFUSED: Words("this person said no", "本人已拒绝"),
    GateReason.CONSENT_WITHDRAWN: Words("this person withdrew", "本人已撤回同意"),
    GateReason.CONSENT_EXPIRED: Words("the consent's time is over", "同意已过有效期"),
    GateReason.CONSENT_UNCONFIRMED: Words(
        "given before a restore, and later withdrawals are not known yet",
        "数据恢复前的同意，尚未核对之后的撤回",
    ),
    GateReason.NOTICE_CHANGED: Words(
        "what was agreed to has changed; ask again", "告知内容有实质变更，须重新征得同意"
    ),
    GateReason.QUIET_HOURS: Words("it is quiet time in the shop's zone", "处于免打扰时段"),
    GateReason.FREQUENCY_EXCEEDED: Words(
        "as many as agreed were sent already", "已达约定的发送频率上限"
    ),
    GateReason.PROFILING_REFUSED: Words(
        "this person refused automated decisions", "本人已拒绝自动化决策"
    ),
    GateReason.SENDER_MISSING: Words("the channel names no sender", "渠道未表明发送者"),
    GateReason.UNSUBSCRIBE_MISSING: Words(
        "the channel has no way to stop it", "渠道未提供退订方式"
    ),
    GateReason.AGE_UNSUITED: Words(
        "not to persons of this age by automated decisions", "不得以自动化决策向该年龄营销"
    ),
}


class ConsentRefused(Exception):
    """What the ledger does not record, by its name in the pack's `refusals`."""

    def __init__(self, reason: str, article: str) -> None:
        self.reason = reason
        self.article = article
        super().__init__(f"{reason} ({article})")


CONSENT_WORDS: dict[str, Words] = {
    "ask_unknown": Words("no such question was asked of this person", "没有向此人提出该询问"),
    "ask_lapsed": Words("the question is too old; ask again", "询问已过期，请重新询问"),
    "consent_replayed": Words("this question was answered already", "该询问已有答复"),
    "action_reused": Words(
        "one action answers one question; this one answered another", "一次操作只能答复一项询问"
    ),
    "bundled": Words("one purpose to a screen, by itself", "一屏只询问一个目的，须单独呈现"),
    "preticked": Words("the answer must be off until the person acts", "选项默认须为未选"),
    "refusal_harder": Words("refusing must be as easy as agreeing", "拒绝须与同意同样便捷"),
    "withdrawal_harder": Words(
        "withdrawing must take no more steps than giving", "撤回步骤不得多于同意"
    ),
    "service_conditional": Words(
        "no service may depend on a consent that it does not need",
        "不得以非必要的同意作为提供服务的条件",
    ),
    "asked_too_soon": Words(
        "this person said no; wait, or let them start it", "本人已拒绝，期限内不得再次询问"
    ),
    "not_consent_based": Words("this purpose rests on another basis", "该目的不以同意为依据"),
    "notice_not_served": Words("show the notice that stands now first", "须先出示现行告知"),
    "guardian_missing": Words(
        "under 14: a guardian answers, and the link is on record", "未满十四周岁须由监护人同意"
    ),
    "person_unknown": Words("there is no such person any more", "此人已不存在"),
    "rules_missing": Words("no notice is in force", "尚无生效的处理规则"),
    "purpose_unknown": Words("no notice names this purpose", "处理规则中没有此目的"),
}
