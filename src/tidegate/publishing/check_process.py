"""The process of a shop's checks: reads what to check from standard input, writes each answer.

Always one answer or none a question: whoever started it takes silence, a signal or nonsense as
"unknown". It opens no file of a store, keeps nothing but its last proofs, and ends when nobody is
left to ask.
"""

import sys
from typing import BinaryIO

import msgspec

from tidegate.pricing.problems import Problem, PromotionsRefused
from tidegate.publishing.checking import CheckAsked, CheckDone, Guard, checked
from tidegate.publishing.guarding import Guarding

LENGTH_BYTES = 4  # before each message, the highest first
MESSAGE_BYTES_MAX = 1 << 30


class ProcessAnswer(msgspec.Struct, frozen=True):
    """Either what came of it, or everything that is wrong with the promotion."""

    done: CheckDone | None = None
    problems: tuple[Problem, ...] = ()


def framed(message: bytes) -> bytes:
    """A message with its length before it."""
    return len(message).to_bytes(LENGTH_BYTES, "big") + message


def answer_to(asked: bytes, guard: Guard) -> bytes:
    """The answer to one question, both as bytes."""
    wanted = msgspec.msgpack.decode(asked, type=CheckAsked)
    try:
        answer = ProcessAnswer(done=checked(wanted, guard))
    except PromotionsRefused as refused:
        answer = ProcessAnswer(problems=refused.problems)
    return msgspec.msgpack.encode(answer)


def serve(asked: BinaryIO, answered: BinaryIO) -> None:
    """Answer until nobody asks any more."""
    guard = Guarding()
    while len(length := asked.read(LENGTH_BYTES)) == LENGTH_BYTES:
        question = asked.read(int.from_bytes(length, "big"))
        answered.write(framed(answer_to(question, guard)))
        answered.flush()


def main() -> int:
    """The process."""
    serve(sys.stdin.buffer, sys.stdout.buffer)
    return 0


if __name__ == "__main__":
    sys.exit(main())
