"""The outsiders' verifier and the witness, as programs in a Python of their own.

What trees, heads and segments give is proved; changed anywhere, it is refuted or unreadable.
"""

import ast
import base64
import json
import os
import random
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tidegate.journal.archive import Archive
from tidegate.journal.follow import Follower
from tidegate.journal.heads import (
    add_cosignatures,
    keep_heads,
    newest_head,
    prove_event,
    prove_growth,
    read_witness_file,
    sign_head,
)
from tidegate.journal.memory import MemoryJournal, MemoryStore
from tidegate.journal.notes import COSIGNED, BadNote, Signer, read_head, read_verifier, signed_by
from tidegate.journal.segment import segments_in
from tidegate.journal.trees import EventTrees

STREAM = "shop-1"
ORIGIN = "tidegate.example/shop-1"
PROGRAMS = Path(__file__).resolve().parents[2] / "docs" / "verifier"
SHOP = Signer(ORIGIN, b"s" * 32)
WITNESS = Signer("witness.example/w", b"w" * 32, COSIGNED)
STRANGER = Signer("stranger.example", b"x" * 32, COSIGNED)


class Answer(NamedTuple):
    code: int
    verdict: str
    findings: list[str]


def run(program: str, *arguments: str, isolated: bool = True) -> Answer:
    done = subprocess.run(
        [
            sys.executable,
            *(["-I"] if isolated else []),
            str(PROGRAMS / program),
            "--json",
            *arguments,
        ],
        capture_output=True,
        text=True,
        check=False,
        env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
    )
    assert done.stdout, done.stderr
    answer = Answer(**json.loads(done.stdout))
    assert answer.code == done.returncode
    return answer


def verify(*arguments: str) -> Answer:
    return run("tidegate_verify.py", *arguments)


def events_of(payload: bytes) -> list[bytes]:
    return payload.split(b",")


class Shop:
    """A shop with two signed heads."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.journal = MemoryJournal(MemoryStore(STREAM))
        self.trees = EventTrees(place / "trees.db", STREAM, b"salt key", events_of)
        self.journal.claim("me")
        self.grow(300)
        self.old = sign_head(self.trees, SHOP, 1_700_000_000_000)
        self.grow(250)
        self.new = sign_head(self.trees, SHOP, 1_700_000_060_000)

    def grow(self, entries: int) -> None:
        for _ in range(entries):
            head = self.journal.head()
            self.journal.append(
                head.seq, b"order %d accepted,order %d refused" % (head.seq, head.seq)
            )
        self.trees.take(self.journal.read(self.trees.cursor.seq + 1, 1 << 30))

    def write(self, content: object) -> str:
        path = self.place / "shown"
        path.write_text(content if isinstance(content, str) else json.dumps(content), "utf-8")
        return str(path)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    made = Shop(tmp_path_factory.mktemp("shop"))
    yield made
    made.trees.close()


KEY = ("--key", SHOP.verifier.text())


def flip(text: str, at: int) -> str:
    """Another base64 text of the same length."""
    data = bytearray(base64.b64decode(text))
    data[at] ^= 1
    return base64.b64encode(data).decode()


def test_a_head_is_proved_with_its_key(shop: Shop) -> None:
    answer = verify("head", shop.write(shop.new), *KEY)
    assert answer == Answer(
        0,
        "PROVED",
        [
            f"{ORIGIN} signed a tree of 1100 events up to entry 551",
            "self-consistent only: nobody else saw that everyone is shown the same tree",
        ],
    )
    other = Signer(ORIGIN, b"o" * 32).verifier.text()
    assert verify("head", shop.write(shop.new), "--key", other).code == 1
    renamed = Signer("other.example", b"s" * 32).verifier.text()
    assert verify("head", shop.write(shop.new), "--key", renamed).code == 1
    assert verify("head", shop.write(shop.new), "--key", SHOP.verifier.text()[:-2] + "A=").code == 2
    for line in range(6):
        lines = shop.new.split("\n")
        lines[line] = lines[line].replace("1", "2").replace("A", "B").replace("t", "T")
        if lines != shop.new.split("\n"):
            assert verify("head", shop.write("\n".join(lines)), *KEY).code in {1, 2}


def test_an_event_is_proved_and_a_changed_one_refuted(shop: Shop) -> None:
    place = shop.trees.place(123, 1)
    proof = prove_event(shop.trees, place, shop.journal)
    assert proof["assurance"] == "self-consistent only"
    answer = verify("inclusion", shop.write(proof), *KEY)
    assert answer.code == 0
    shown = b"order 122 refused"
    assert answer.findings[2] == (
        f"event number {place.leaf} of it is these {len(shown)} bytes: {shown.hex()}"
    )
    changed = {
        "event": base64.b64encode(b"order 122 accepted").decode(),
        "salt": flip(proof["salt"], 3),
        "leaf": proof["leaf"] + 1,
        "head": shop.old,
        "path": [*proof["path"][:-1], flip(proof["path"][-1], 31)],
    }
    for name, value in changed.items():
        answer = verify("inclusion", shop.write(proof | {name: value}), *KEY)
        assert (answer.code, answer.verdict[:7]) == (1, "REFUTED"), name
    for path in (proof["path"][:-1], [*proof["path"], proof["path"][0]]):
        assert verify("inclusion", shop.write(proof | {"path": path}), *KEY).code == 1
    for name, value in {
        "leaf": True,
        "event": "not base64!",
        "salt": "AAAA",
        "path": "x",
        "format": "something else",
        "head": "",
    }.items():
        assert verify("inclusion", shop.write(proof | {name: value}), *KEY).code == 2, name
    assert verify("inclusion", shop.write("{"), *KEY).code == 2
    assert verify("inclusion", str(shop.place / "not there"), *KEY).code == 2


def test_every_event_of_some_entries_is_proved(shop: Shop) -> None:
    dice = random.Random(1)
    for _ in range(5):
        place = shop.trees.place(dice.randrange(2, 551), dice.randrange(2))
        proof = prove_event(shop.trees, place, shop.journal)
        assert verify("inclusion", shop.write(proof), *KEY).code == 0


def test_growth_is_proved_and_a_rewritten_past_refuted(shop: Shop, tmp_path: Path) -> None:
    proof = prove_growth(shop.trees, shop.old, shop.journal)
    answer = verify("growth", shop.write(proof), *KEY)
    assert answer.code == 0
    assert "its first 600 events are those of the tree signed before, unchanged" in answer.findings
    rewritten = EventTrees(tmp_path / "trees.db", STREAM, b"another salt key", events_of)
    rewritten.take(shop.journal.read(1, 1 << 30))
    forged = sign_head(rewritten, SHOP, 1_700_000_090_000)
    forged_proof = prove_growth(rewritten, shop.old, shop.journal)
    assert verify("growth", shop.write(forged_proof), *KEY).code == 1
    same = {"format": proof["format"], "old": shop.new, "new": forged, "path": []}
    assert (
        verify("growth", shop.write(same), *KEY).verdict == "REFUTED: two trees of one size differ"
    )
    back = {"format": proof["format"], "old": shop.new, "new": shop.old, "path": proof["path"]}
    assert verify("growth", shop.write(back), *KEY).verdict == "REFUTED: the tree became smaller"
    for at in range(len(proof["path"])):
        path = [*proof["path"]]
        path[at] = flip(path[at], 0)
        assert verify("growth", shop.write(proof | {"path": path}), *KEY).code == 1
    rewritten.close()


def test_a_chain_is_proved_and_each_change_refuted(shop: Shop, tmp_path: Path) -> None:
    archive = Archive(tmp_path / "archive", STREAM)
    archive.extend(shop.journal, 551, 8000, all_of_it=True)
    segments = segments_in(archive.directory)
    paths = [str(segment.path) for segment in segments]
    assert len(paths) == 3
    answer = verify("chain", *paths, "--head", shop.write(shop.new), *KEY)
    assert answer.code == 0
    assert answer.findings[-1] == "and that last entry is the one that the shop signed"
    assert verify("chain", *paths, "--head", shop.write(shop.old), *KEY).code == 1
    assert verify("chain", *paths[1:]).findings[1] == "what was before entry 231 was not shown"
    assert verify("chain", paths[0], paths[2]).code == 1
    assert verify("chain", *paths, "--head", shop.write(shop.new)).code == 2
    content = Path(paths[1]).read_bytes()
    changed = tmp_path / "changed.segment"
    dice = random.Random(3)
    last = b"order %d refused" % (segments[1].last_seq - 1)
    entries_end = content.index(last) + len(last)  # beyond are offsets, not content
    for at in [0, 30, 60, *(dice.randrange(100, entries_end) for _ in range(12))]:
        flipped = bytearray(content)
        flipped[at] ^= 1 << dice.randrange(8)
        changed.write_bytes(flipped)
        assert verify("chain", paths[0], str(changed), paths[2]).code in {1, 2}, at
    for size in (0, 10, 40, 200, 5000):
        changed.write_bytes(content[:size])
        assert verify("chain", str(changed)).code in {1, 2}, size


def test_witnesses_count_only_when_they_signed(shop: Shop) -> None:
    note = WITNESS.cosign(shop.new, 1_700_000_061)
    witness = ("--witness", WITNESS.verifier.text())
    stranger = ("--witness", STRANGER.verifier.text())
    answer = verify("head", shop.write(note), *KEY, *witness, *stranger)
    assert answer.code == 0
    assert answer.findings[1] == "witnessed by witness.example/w"
    assert verify("head", shop.write(note), *KEY, *stranger).code == 1
    assert verify("head", shop.write(shop.new), *KEY, *witness).code == 1
    lines = note.split("\n")
    name, packed = lines[-2].split(" ")[1:]
    for at in (4, 11, 12, 75):  # the time, the signature's ends
        lines[-2] = f"\u2014 {name} {flip(packed, at)}"
        assert verify("head", shop.write("\n".join(lines)), *KEY, *witness).code == 1, at


def test_the_shop_keeps_what_known_witnesses_sign(shop: Shop) -> None:
    known = [WITNESS.verifier]
    note = STRANGER.cosign(WITNESS.cosign(shop.new, 1_700_000_061), 1_700_000_062)
    kept = add_cosignatures(shop.trees, note, known)
    assert kept == WITNESS.cosign(shop.new, 1_700_000_061)
    (shop.place / "from-witness").write_text(note)
    assert read_witness_file(shop.trees, shop.place / "from-witness", known) == kept
    assert newest_head(shop.trees) == kept
    proof = prove_event(shop.trees, shop.trees.place(7, 0), shop.journal, known)
    assert proof["assurance"] == "witnessed by witness.example/w"
    assert read_verifier(WITNESS.verifier.text()) == WITNESS.verifier
    other = SHOP.sign(read_head(shop.new)._replace(root=bytes(32)).body())
    with pytest.raises(BadNote, match="no such head"):
        add_cosignatures(shop.trees, WITNESS.cosign(other, 1), known)
    forged = shop.new + WITNESS.cosign(other, 1).split("\n")[-2] + "\n"
    with pytest.raises(BadNote, match="forged"):
        signed_by(forged, WITNESS.verifier)


def test_a_witness_signs_only_what_continues(shop: Shop, tmp_path: Path) -> None:
    common = ("--name", "w.example", "--seed", str(tmp_path / "seed"))
    made = run("tidegate_witness.py", "key", *common, isolated=False)
    assert made.code == 0
    witness = made.findings[0]
    assert run("tidegate_witness.py", "key", *common, isolated=False).code == 2
    state = tmp_path / "state"

    def cosign(note: str, *more: str) -> int:
        arguments = (shop.write(note), *KEY, *common, "--state", str(state), *more)
        return run("tidegate_witness.py", "cosign", *arguments, isolated=False).code

    assert cosign(shop.old) == 0
    assert signed_by(state.read_text("utf-8"), read_verifier(witness))
    assert cosign(shop.new) == 1  # no proof
    proof = tmp_path / "proof"
    proof.write_text(json.dumps(prove_growth(shop.trees, shop.old, shop.journal)))
    assert cosign(shop.new, "--proof", str(proof)) == 0
    assert cosign(shop.new) == 0  # the same again
    assert cosign(shop.old) == 1
    forged = SHOP.sign(read_head(shop.new)._replace(root=bytes(32)).body())
    assert cosign(forged) == 1
    cosigned = state.read_text("utf-8")
    assert verify("head", shop.write(cosigned), *KEY, "--witness", witness).code == 0


def test_a_missing_part_is_named(shop: Shop, tmp_path: Path) -> None:
    """A Python without site packages has no `cryptography`; chains are checked all the same."""
    archive = Archive(tmp_path / "archive", STREAM)
    archive.extend(shop.journal, 551, 1 << 20, all_of_it=True)
    segment = str(segments_in(archive.directory)[0].path)
    bare = [sys.executable, "-I", "-S", str(PROGRAMS / "tidegate_verify.py")]
    done = subprocess.run([*bare, "chain", segment], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.split("\n")[0]) == (0, "PROVED")
    done = subprocess.run(
        [*bare, "head", shop.write(shop.new), *KEY], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout[:8]) == (3, "MISSING:")


def test_heads_are_signed_now_and_then_and_at_the_end(tmp_path: Path) -> None:
    journal = MemoryJournal(MemoryStore(STREAM))
    trees = EventTrees(tmp_path / "trees.db", STREAM, b"salt key", events_of)
    stop = threading.Event()
    journal.claim("me")
    hours = iter(range(100))

    def now_ms() -> int:
        """Each look at the clock is an hour later, and a new order came."""
        hour = next(hours)
        if hour < 8:
            journal.append(journal.head().seq, b"order,paid")
        elif hour == 12:
            stop.set()
        return hour * 3_600_000

    keep_heads(trees, Follower(lambda: journal, trees.cursor), SHOP, now_ms, stop)
    assert trees.cursor == journal.head()
    rows = trees.connection.execute("SELECT size, note FROM head ORDER BY size").fetchall()
    assert len(rows) > 2
    assert rows[-1][0] == trees.size == 16
    for size, note in rows:
        head = read_head(note)
        assert signed_by(note, SHOP.verifier)
        assert (head.size, head.root) == (size, trees.root_at(size, journal))
        assert head.chain_hash == journal.read(head.seq, 1)[0].hash
    trees.close()


@pytest.mark.parametrize("program", ["tidegate_verify.py", "tidegate_witness.py"])
def test_the_programs_run_on_old_pythons_and_import_nothing_of_ours(program: str) -> None:
    tree = ast.parse((PROGRAMS / program).read_text("utf-8"), feature_version=(3, 9))
    imported = {
        (alias.name if isinstance(node, ast.Import) else str(node.module)).split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    assert imported <= {*sys.stdlib_module_names, "cryptography", "tidegate_verify"}
