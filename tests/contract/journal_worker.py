"""A writer in a process of its own, led by lines on its standard input. Run by the contract tests.

Always answers one line a command, after the journal answered. Never survives its input's end.
"""

import sys
from pathlib import Path

from tidegate.journal.protocol import Fenced, Journal
from tidegate.journal.sqlite import SqliteJournal, SqliteSettings


def open_journal(home: str, place: str, lock: bool) -> Journal:
    """The journal that the arguments name; later homes add a line."""
    assert home == "sqlite"
    return SqliteJournal(Path(place), "shop-1", SqliteSettings(lock=lock))


def say(*words: object) -> None:
    """Answer, so that the other side sees it even if we are killed at once."""
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


def append_for_ever(journal: Journal, size: int) -> None:
    """Append until killed, saying each head after it was acknowledged."""
    head = journal.claim("worker")
    while True:
        say(head.seq, head.hash.hex())
        head = journal.append(head.seq, bytes([head.seq % 256]) * size)


def compete(journal: Journal) -> None:
    """Claim at the sequence on each line; say whether it was won."""
    for line in sys.stdin:
        try:
            journal.claim(f"worker {line.strip()}", expected_seq=int(line))
            say("won")
        except Fenced:
            say("lost")


def main() -> None:
    """`journal_worker.py HOME PLACE append SIZE | compete`."""
    home, place, task = sys.argv[1:4]
    journal = open_journal(home, place, lock=task == "append")
    say("ready")
    if task == "append":
        append_for_ever(journal, int(sys.argv[4]))
    compete(journal)


if __name__ == "__main__":
    main()
