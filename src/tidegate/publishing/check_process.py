"""The process of one check: reads what to check from standard input, writes the answer, and ends.

Always one answer or none: whoever started it takes silence, a signal or nonsense as "unknown". It
opens no file of a store.
"""

import sys

import msgspec

from tidegate.pricing.problems import Problem, PromotionsRefused
from tidegate.publishing.checking import CheckAsked, CheckDone, checked
from tidegate.publishing.guarding import price_guard


class ProcessAnswer(msgspec.Struct, frozen=True):
    """Either what came of it, or everything that is wrong with the promotion."""

    done: CheckDone | None = None
    problems: tuple[Problem, ...] = ()


def answer_to(asked: bytes) -> bytes:
    """The answer to one question, both as bytes."""
    wanted = msgspec.msgpack.decode(asked, type=CheckAsked)
    try:
        answer = ProcessAnswer(done=checked(wanted, price_guard))
    except PromotionsRefused as refused:
        answer = ProcessAnswer(problems=refused.problems)
    return msgspec.msgpack.encode(answer)


def main() -> int:
    """The process."""
    sys.stdout.buffer.write(answer_to(sys.stdin.buffer.read()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
