"""SIGKILL in the middle of exchanging: every token that was handed out is found again."""

import random
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tidegate.people.identity import IdentityTable

WORKER = Path(__file__).with_name("identity_worker.py")
KEY = bytes(range(32))
DAY = 20_750


def killed_after(path: Path, label: str, lines_count: int) -> list[tuple[bytes, int]]:
    """Start a worker, read so many lines, kill it; everything it said in whole lines."""
    worker = subprocess.Popen(
        [sys.executable, str(WORKER), str(path), label], stdout=subprocess.PIPE
    )
    assert worker.stdout is not None
    said: list[bytes] = []
    try:
        while len(said) < lines_count:
            line = worker.stdout.readline()
            assert line, "the worker ended by itself"
            said.append(line)
    finally:
        worker.send_signal(signal.SIGKILL)
        rest = worker.stdout.read()
        assert worker.wait() == -signal.SIGKILL
    whole = [*said, *rest.splitlines(keepends=True)]
    pairs = [line.split() for line in whole if line.endswith(b"\n")]
    return [(bytes.fromhex(hashed.decode()), int(token)) for hashed, token in pairs]


def kill_again_and_again(path: Path, rounds: int, seed: int) -> None:
    """Kill at random moments, and check everything ever said after each."""
    print(f"seed {seed}")
    lot = random.Random(seed)
    handed_out: dict[bytes, int] = {}
    for number in range(rounds):
        for hashed, token in killed_after(path, f"run-{number}", lot.randrange(1, 8000)):
            assert handed_out.setdefault(hashed, token) == token
        table = IdentityTable.open(path, KEY, lambda: DAY)
        found = table.tokens([(0, hashed) for hashed in handed_out])
        table.close()
        assert found == list(handed_out.values())
    assert len(set(handed_out.values())) == len(handed_out)


def test_what_was_handed_out_survives_being_killed(tmp_path: Path) -> None:
    kill_again_and_again(tmp_path / "identity.db", rounds=5, seed=20261026)


@pytest.mark.long
def test_what_was_handed_out_survives_being_killed_a_hundred_times(tmp_path: Path) -> None:
    kill_again_and_again(tmp_path / "identity.db", rounds=100, seed=random.randrange(1 << 32))


def test_two_processes_at_once_hand_out_one_token_a_person(tmp_path: Path) -> None:
    path = tmp_path / "identity.db"
    with ThreadPoolExecutor(2) as pool:
        said = list(pool.map(lambda _: killed_after(path, "both", 9000), range(2)))
    first, second = (dict(pairs) for pairs in said)
    shared = first.keys() & second.keys()
    assert len(shared) > 4000
    assert {key: first[key] for key in shared} == {key: second[key] for key in shared}
    together = first | second
    assert len(set(together.values())) == len(together)
    table = IdentityTable.open(path, KEY, lambda: DAY)
    assert table.tokens([(0, key) for key in together]) == list(together.values())
    table.close()
