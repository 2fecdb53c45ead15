"""A vault whose process is killed at any moment: what was said to be done is done, all of it.

Always a real process and SIGKILL, over and over on the same files, at moments that a seed draws.
"""

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

from tidegate.people.vault.parts import Asking, VaultRefused
from tidegate.testing.vault_house import OPERATOR, House

ROUNDS = 6
WORKER = Path(__file__).with_name("vault_worker.py")
SOURCE = Path(__file__).resolve().parents[2] / "src"
ASKING = Asking(OPERATOR, "order.fulfil")
STEP = 1_000  # persons a round


def killed_round(folder: Path, first: int, lines: int) -> dict[int, str]:
    """Run the worker until it has said so many lines, kill it; what it said last of each."""
    process = subprocess.Popen(
        [sys.executable, str(WORKER), str(folder), str(first)],
        stdout=subprocess.PIPE,
        text=True,
        env=dict(os.environ, PYTHONPATH=str(SOURCE)),
    )
    said: dict[int, str] = {}
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    for _ in range(lines):
        word, _, person = process.stdout.readline().partition(" ")
        said[int(person)] = word
    process.send_signal(signal.SIGKILL)
    for line in process.stdout:  # what it said before the signal reached it
        word, _, person = line.partition(" ")
        if line.endswith("\n"):
            said[int(person)] = word
    assert process.wait() == -signal.SIGKILL
    return said


def state(house: House, person: int) -> str:
    """What of a person can be read."""
    try:
        value = house.vault.reading.read(ASKING, person, ["phone"], whole=True)["phone"]
    except VaultRefused as refused:
        return refused.reason
    assert value[3:] == f"{person:08d}"
    return value[:3]


def test_whatever_was_said_holds_after_a_kill(tmp_path: Path) -> None:
    draw = random.Random(20_261_124)
    said: dict[int, str] = {}
    # Said -> what may be found: the step after it may have been done and not been said.
    may_be = {
        "stored": {"137", "138"}, "corrected": {"138", "not_held"}, "destroyed": {"not_held"},
    }  # fmt: skip
    for number in range(ROUNDS):
        said |= killed_round(tmp_path, 1 + number * STEP, draw.randrange(4, 40))
        house = House(tmp_path)
        try:
            for person, word in said.items():
                expected = may_be[word] - (set() if person % 2 else {"not_held"})
                now = state(house, person)
                assert now in expected, (person, word)
                found = house.vault.reading.find
                for head in ("137", "138"):  # found by what is held, and by nothing else
                    asked = f"{head}{person:08d}"
                    assert found(ASKING, "phone", asked) == (person if now == head else 0)
                if word == "destroyed":
                    assert not house.vault.parts.keys.is_anybody(person)
            assert house.vault.parts.keys.unfinished() == []
        finally:
            house.vault.close()
    assert len(said) > ROUNDS
    words = list(said.values())
    assert words.count("destroyed") > 0 < words.count("corrected")
