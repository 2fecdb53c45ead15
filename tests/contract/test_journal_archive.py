"""Entries leave the journal only by policy and only when a checked copy is elsewhere."""

from pathlib import Path

import pytest

from tidegate.journal.archive import Archive, ArchivePolicy, Needed, WholeJournal, last_to_go, prune
from tidegate.journal.chain import check_whole
from tidegate.journal.protocol import GENESIS, Corrupt, Entry, Journal, Pruned
from tidegate.journal.segment import SegmentFile, segments_in, write_segment
from tidegate.testing.journals import HOMES, STREAM, Home

POLICY = ArchivePolicy(keep_entries=100, segment_bytes=1000)


@pytest.fixture(params=sorted(HOMES))
def home(request: pytest.FixtureRequest, tmp_path: Path) -> Home:
    return HOMES[request.param](tmp_path)


def filled(home: Home, count: int) -> Journal:
    journal = home.writer()
    journal.claim("me")
    for seq in range(1, count):
        journal.append(seq, bytes([seq % 256]) * 100)
    return journal


@pytest.mark.parametrize(
    ("head_seq", "snapshot_seq", "cursors", "force", "expected"),
    [
        (1000, 950, {"views": 999, "trees": 980}, False, 900),
        (1000, 500, {"views": 999}, False, 500),
        (1000, 500, {"views": 999}, True, 500),
        (1000, 950, {"views": 10, "trees": 980}, False, 10),
        (1000, 950, {"views": 10, "trees": 980}, True, 900),
        (1000, 0, {}, True, 0),
        (50, 50, {}, False, 0),
    ],
)
def test_policy_says_how_far(
    head_seq: int, snapshot_seq: int, cursors: dict[str, int], force: bool, expected: int
) -> None:
    needed = Needed(snapshot_seq, cursors)
    assert last_to_go(POLICY, head_seq, needed, force=force) == expected


def test_an_archived_journal_reads_as_before(home: Home, tmp_path: Path) -> None:
    journal = filled(home, 60)
    before = journal.read(1)
    archive = Archive(tmp_path / "archive", STREAM)
    assert archive.extend(journal, 45, 1000).seq == 41  # four full segments, four stay
    assert [segment[1:] for segment in segments_in(archive.directory)] == [
        (1, 11),
        (12, 21),
        (22, 31),
        (32, 41),
    ]
    assert archive.extend(journal, 45, 1000).seq == 41
    assert prune(journal, archive, 30).seq == 30
    whole = WholeJournal(home.reader(), archive)
    assert whole.base() == GENESIS
    assert whole.head() == journal.head()
    seen: list[Entry] = []
    while entries := whole.read(len(seen) + 1, 700):
        seen += entries
    assert seen == before
    assert check_whole(STREAM, seen) == journal.head()
    assert prune(journal, archive, 10**6).seq == 41  # no further than the archive
    assert prune(journal, archive, 10**6).seq == 41
    assert whole.read(41, 1) == before[40:41]
    assert archive.check() == before[40].head
    journal.append(60, b"on it goes")
    assert archive.extend(journal, 61, 1000, all_of_it=True).seq == 61
    journal.close()


@pytest.mark.parametrize("where", [0, 25, 90, 200, 700, -100, -60, -20])
def test_a_damaged_segment_keeps_the_journal_whole(home: Home, tmp_path: Path, where: int) -> None:
    journal = filled(home, 30)
    archive = Archive(tmp_path / "archive", STREAM)
    archive.extend(journal, 20, 500)
    path = segments_in(archive.directory)[1].path
    content = bytearray(path.read_bytes())
    content[where] ^= 1
    path.write_bytes(content)
    with pytest.raises(Corrupt):
        prune(journal, archive, 20)
    assert journal.base() == GENESIS
    path.write_bytes(content[:-1])
    with pytest.raises(Corrupt):
        archive.check()
    journal.close()


def test_another_journals_archive_keeps_the_journal_whole(home: Home, tmp_path: Path) -> None:
    other = HOMES["memory"](tmp_path / "other").writer()
    other.claim("another owner")
    for seq in range(1, 30):
        other.append(seq, bytes(100))
    archive = Archive(tmp_path / "archive", STREAM)
    archive.extend(other, 30, 500)
    journal = filled(home, 30)
    with pytest.raises(Corrupt, match="not the journal's"):
        prune(journal, archive, 20)
    assert journal.base() == GENESIS
    journal.close()


def test_a_missing_segment_is_noticed(tmp_path: Path) -> None:
    journal = filled(HOMES["memory"](tmp_path), 40)
    archive = Archive(tmp_path / "archive", STREAM)
    archive.extend(journal, 40, 500)
    segments_in(archive.directory)[2].path.unlink()
    with pytest.raises(Corrupt, match="no segment has entry 12"):
        archive.check()


def test_an_unfinished_segment_is_begun_again(tmp_path: Path) -> None:
    journal = filled(HOMES["memory"](tmp_path), 40)
    archive = Archive(tmp_path / "archive", STREAM)
    archive.extend(journal, 12, 500)
    unfinished = archive.directory / "0000000000000012.unfinished"
    unfinished.write_bytes(b"stopped in the middle")
    assert segments_in(archive.directory)[-1].last_seq == 11
    archive.extend(journal, 40, 500)
    assert not unfinished.exists()
    assert archive.check().seq == 36


def test_a_segment_gives_entries_from_any_sequence(tmp_path: Path) -> None:
    journal = filled(HOMES["memory"](tmp_path), 20)
    entries = journal.read(1)
    segment = write_segment(tmp_path, STREAM, entries[4].head, entries[5:])
    file = SegmentFile(segment.path)
    assert file.stream == STREAM
    assert file.base == entries[4].head
    for seq in range(1, 25):
        assert list(file.entries(seq)) == entries[max(5, seq - 1) :]
    assert file.check() == entries[-1].head
    file.close()
    with pytest.raises(Corrupt):
        write_segment(tmp_path, STREAM, entries[4].head, entries[6:])


def test_the_archive_names_what_it_never_had(tmp_path: Path) -> None:
    journal = filled(HOMES["memory"](tmp_path), 20)
    journal.prune(5)
    archive = Archive(tmp_path / "archive", STREAM)
    archive.extend(journal, 20, 10**6, all_of_it=True)
    with pytest.raises(Pruned):
        archive.read(5)
    assert archive.read(6, 1)[0].seq == 6
    assert WholeJournal(journal, archive).base().seq == 5
