"""What is left in the vault's files of who was destroyed: looked for byte by byte.

Always in the raw files, their logs included, with many others beside who stay.
"""

import itertools
from collections.abc import Callable
from pathlib import Path

import pytest

from tidegate.people.vault.blind_index import BlindIndex, Entry
from tidegate.people.vault.events import PersonShredded
from tidegate.people.vault.key_store import KeyStore
from tidegate.people.vault.root_key import FileRootKey
from tidegate.people.vault.sealing import WRAPPED_BYTES

PERSONS = 6_000
CLASSES = (1, 2, 3)


def raw(path: Path) -> bytes:
    """A database with its log."""
    return b"".join(file.read_bytes() for file in sorted(path.parent.glob(f"{path.name}*")))


def tombstone(person: int) -> PersonShredded:
    return PersonShredded(1, "0", f"{person:016x}", (), "asked_for")


class WideRoot:
    """Another way of wrapping, as a key management service has it: longer, and its own names."""

    name = "wide"

    def __init__(self, drawn: Callable[[int], bytes]) -> None:
        self._drawn = drawn
        self._inner = FileRootKey(bytes(32), drawn)

    def wrap(self, key: bytes, bound: bytes) -> bytes:
        """220 bytes, the wrapped key first."""
        return self._inner.wrap(key, bound) + self._drawn(220 - WRAPPED_BYTES)

    def unwrap(self, wrapped: bytes, bound: bytes) -> bytes:
        """The key again."""
        return self._inner.unwrap(wrapped[:WRAPPED_BYTES], bound)


@pytest.mark.parametrize("is_wide", [False, True], ids=["file", "service"])
def test_destroyed_keys_are_nowhere_in_the_file_and_the_others_are_whole(
    tmp_path: Path, *, is_wide: bool
) -> None:
    numbers = itertools.count(1)

    def drawn(count: int) -> bytes:
        return b"".join(
            (next(numbers) * 0x9E3779B97F4A7C15 % 2**64).to_bytes(8) for _ in range(-(-count // 8))
        )[:count]

    path = tmp_path / "vault-keys.db"
    root = WideRoot(drawn) if is_wide else FileRootKey(bytes(32), drawn)
    keys = KeyStore(path, "tea", root, drawn)
    persons = [(index * 0x9E3779B97F4A7C15) % 2**64 for index in range(1, PERSONS)]
    for at in range(0, len(persons), 500):  # pages fill and split in many transactions
        keys.keys_to_store_with(
            [(person, one) for person in persons[at : at + 500] for one in CLASSES]
        )
    with keys.reading() as connection:
        wrapped = dict(connection.execute("SELECT number, wrapped FROM slot").fetchall())
        going = persons[::61]
        gone = {
            row[0]
            for person in going
            for row in connection.execute(
                "SELECT number FROM slot WHERE person = ?", (person.to_bytes(8),)
            )
        }
    for seq, person in enumerate(going, 1):
        keys.bury(tombstone(person), seq)
    content = raw(path)
    assert len(gone) == 3 * len(going)
    # Any 16 bytes of the 61 would do to tell a copy from chance.
    assert [number for number in gone if wrapped[number][13:29] in content] == []
    assert [
        number for number in wrapped if number not in gone and wrapped[number] not in content
    ] == []
    assert keys.key(going[0], 1, 1) is None
    assert keys.key(persons[1], 3, 1) is not None
    keys.close()


def test_deleted_entries_are_nowhere_in_the_file_once_it_was_cleared(tmp_path: Path) -> None:
    path = tmp_path / "vault-index.db"
    index = BlindIndex(path, bytes(32))
    persons = [(number * 0x9E3779B97F4A7C15) % 2**64 for number in range(1, PERSONS)]
    for at in range(0, len(persons), 500):
        index.add([Entry("phone", person % 2**18, person, 2) for person in persons[at : at + 500]])
    going = persons[::61]
    for seq, person in enumerate(going, 1):
        index.bury(tombstone(person), seq)
    assert index.uncleared == len(going)
    assert index.clear()
    content = raw(path)
    assert [person for person in going if person.to_bytes(8) in content] == []
    staying = sorted(set(persons) - set(going))[::7]
    assert [person for person in staying if person.to_bytes(8) not in content] == []
    assert index.uncleared == 0
    index.close()
