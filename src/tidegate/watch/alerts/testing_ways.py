"""`watch test-alert`: a letter to everybody by every way, carried as an alarm's would be.

Always through the sender that serves alarms, so that a sender that does not live is found out. A
drill besides is an alarm of its own source: escalated until a person acknowledges it.
"""

from typing import NamedTuple

from tidegate.watch.alarms import CAP
from tidegate.watch.alerts.outbox import Outbox
from tidegate.watch.alerts.planning import Moment, write_test
from tidegate.watch.alerts.ports import Told
from tidegate.watch.alerts.recipients import Recipients
from tidegate.watch.alerts.shown import newest_change
from tidegate.watch.alerts.wording import CHINESE, ENGLISH, Shop, test_letter

SOURCE = "drill"
DRILL = ("A drill: nothing is wrong. Acknowledge it.", "演练：无异常，请确认。")


class Tested(NamedTuple):
    """One way of one recipient: what became of its message."""

    recipient: str
    way: str
    state: str
    attempts: int
    fault: str


def begin_test(outbox: Outbox, shop: str, known: Recipients, now_ms: int) -> int:
    """Have everybody told by every way; the letter's number."""
    language = CHINESE if known.language == "zh" else ENGLISH
    number = newest_change(outbox) + 1
    here = Shop(shop, language, lambda text: text)
    text = test_letter(here, number)
    return write_test(outbox, shop, known, text, Moment(outbox.steady_ms(), now_ms), number)


def begin_drill(outbox: Outbox, now_ms: int) -> str:
    """Open an alarm that means nothing; its key."""
    number = outbox.cursor(SOURCE) + 1
    key = f"drill-{number}-{now_ms}"
    told = Told(number, key, now_ms, CAP, DRILL[ENGLISH], DRILL[CHINESE], "{}", "", 0)
    outbox.take(SOURCE, (told,), now_ms, outbox.steady_ms())
    return key


def tested(outbox: Outbox, letter: int) -> list[Tested]:
    """How far a test is."""
    rows = outbox.rows(
        "SELECT recipient, way, state, attempts, fault FROM message WHERE letter = ? ORDER BY id",
        (letter,),
    )
    return [Tested(*row) for row in rows]
