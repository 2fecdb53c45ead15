"""Linear hashing over reserved memory: from a 64-bit hash to row numbers.

A bucket is one cache line: ten rows, ten 16-bit tags, a count (4 bits) and a link (28) to an
overflow bucket. Overflow buckets lie behind the others, and every bucket that links is full.
The table grows by one bucket at a time, so no insertion ever waits for a copy of the whole
(rehashing ten million entries at once stalled a second). Callers compare rows themselves: a tag
that matches is a candidate, never a proof. Hashes must already be keyed with the shop's seed.

Source: W. Litwin, "Linear hashing: a new tool for file and table addressing", VLDB 1980.
"""

import numpy as np

from tidegate.domain.jit import Word, i64, kernel, u64
from tidegate.engine.layout import Index, reserve
from tidegate.record.lines import Array

BUCKET_WORDS = 16
SLOTS = 10
LEVEL_MIN = 10  # tags hold hash bits 10..25, so a table splits without looking at a row
LOAD_NUMERATOR, LOAD_DENOMINATOR = 23, 4  # 5.75 entries a bucket
LINK_SHIFT, COUNT_MASK = 4, 15  # of a bucket's last word

ENTRIES, BUCKETS, LEVEL, OVERFLOW_TOP, OVERFLOW_FREE, OVERFLOW_BASE, OVERFLOW_USED = range(7)

NONE = -1


def new_index(entries_max: int) -> Index:
    """An empty table for up to `entries_max` entries (address space only)."""
    buckets_max = max(1 << LEVEL_MIN, (entries_max * LOAD_DENOMINATOR) // LOAD_NUMERATOR + 1024)
    # Worst case, whatever the hashes: chains of 11 entries, each with one overflow bucket.
    overflow_max = buckets_max * LOAD_NUMERATOR // LOAD_DENOMINATOR // (SLOTS + 1) + 64
    assert buckets_max <= 1 << 26, "tags hold the hash bits that tell 2^26 buckets apart"
    words = reserve((buckets_max + overflow_max) * BUCKET_WORDS, np.uint32)
    meta = np.zeros(8, np.int64)
    meta[BUCKETS] = 1 << LEVEL_MIN
    meta[LEVEL] = LEVEL_MIN
    meta[OVERFLOW_BASE] = buckets_max
    return Index(words, meta)


@kernel
def index_bucket(index: Index, hashed: Word) -> int:
    """First word of the bucket in which entries with this hash begin."""
    level = index.meta[LEVEL]
    low = i64(hashed & u64(0x3FFFFFFF))
    bucket = low & ((1 << level) - 1)
    if bucket < index.meta[BUCKETS] - (1 << level):
        bucket = low & ((2 << level) - 1)
    return bucket * BUCKET_WORDS


@kernel
def tag_of(hashed: Word) -> int:
    """The 16 bits kept beside a row number."""
    return i64((hashed >> u64(LEVEL_MIN)) & u64(0xFFFF))


@kernel
def index_seek(words: Array, cursor: int, tag: int) -> int:
    """Position of the next word at or after `cursor` in this chain whose tag matches, or NONE.

    Tags stand two to a word and are compared two at a time.
    """
    base = cursor & ~15
    slot = cursor & 15
    both = np.uint32(tag | (tag << 16))
    while True:
        control = i64(words[base + 15])
        count = control & COUNT_MASK
        while slot < count:
            pair = words[base + SLOTS + (slot >> 1)] ^ both
            if slot & 1 == 0 and pair & np.uint32(0xFFFF) == np.uint32(0):
                return base + slot
            if pair >> np.uint32(16) == np.uint32(0) and slot | 1 < count:
                return base + (slot | 1)
            slot = (slot | 1) + 1
        link = control >> LINK_SHIFT
        if link == 0:
            return NONE
        base = link * BUCKET_WORDS
        slot = 0


@kernel
def index_hint(index: Index, hashed: Word) -> int:
    """The first row whose tag matches, not compared: most often the one that is meant. Or NONE."""
    found = index_seek(index.words, index_bucket(index, hashed), tag_of(hashed))
    return NONE if found == NONE else i64(index.words[found])


@kernel
def put_slot(words: Array, base: int, slot: int, row: int, tag: int) -> None:
    """Write one entry of a bucket."""
    words[base + slot] = np.uint32(row)
    place = base + SLOTS + (slot >> 1)
    shift = (slot & 1) << 4
    pair = i64(words[place])
    words[place] = np.uint32((pair & ~(0xFFFF << shift)) | (tag << shift))


@kernel
def append_entry(index: Index, base: int, row: int, tag: int) -> None:
    """Add an entry to the chain that begins at `base`, linking an overflow bucket if it is full."""
    words, meta = index.words, index.meta
    while True:
        control = i64(words[base + 15])
        count = control & COUNT_MASK
        if count < SLOTS:
            put_slot(words, base, count, row, tag)
            words[base + 15] = np.uint32(control + 1)
            return
        link = control >> LINK_SHIFT
        if link == 0:
            link = meta[OVERFLOW_FREE]
            if link != 0:
                meta[OVERFLOW_FREE] = i64(words[link * BUCKET_WORDS + 15]) >> LINK_SHIFT
            else:
                link = meta[OVERFLOW_BASE] + meta[OVERFLOW_TOP]
                meta[OVERFLOW_TOP] += 1
            meta[OVERFLOW_USED] += 1
            words[link * BUCKET_WORDS + 15] = np.uint32(0)
            words[base + 15] = np.uint32(count | (link << LINK_SHIFT))
        base = link * BUCKET_WORDS


@kernel
def free_overflow(index: Index, link: int) -> None:
    """Give an overflow bucket back."""
    index.words[link * BUCKET_WORDS + 15] = np.uint32(index.meta[OVERFLOW_FREE] << LINK_SHIFT)
    index.meta[OVERFLOW_FREE] = link
    index.meta[OVERFLOW_USED] -= 1


@kernel
def split_one(index: Index) -> None:
    """Split the next bucket in turn: entries whose hash has bit `level` set move to a new one."""
    words, meta = index.words, index.meta
    level = meta[LEVEL]
    source = meta[BUCKETS] - (1 << level)
    target = meta[BUCKETS]
    meta[BUCKETS] += 1
    if meta[BUCKETS] == (2 << level):
        meta[LEVEL] += 1
    words[target * BUCKET_WORDS + 15] = np.uint32(0)
    # The chain is read before anything is written: kept entries go back in the same order.
    read = source * BUCKET_WORDS
    control = i64(words[read + 15])
    count, link = control & COUNT_MASK, control >> LINK_SHIFT
    words[read + 15] = np.uint32(0)
    kept = source * BUCKET_WORDS
    moved = target * BUCKET_WORDS
    bit = level - LEVEL_MIN
    write_kept, read_first = 0, True
    while True:
        for slot in range(count):
            row = i64(words[read + slot])
            pair = i64(words[read + SLOTS + (slot >> 1)])
            tag = (pair >> ((slot & 1) << 4)) & 0xFFFF
            if (tag >> bit) & 1:
                append_entry(index, moved, row, tag)
            elif read_first:
                put_slot(words, kept, write_kept, row, tag)
                write_kept += 1
                words[kept + 15] = np.uint32(write_kept)
            else:
                append_entry(index, kept, row, tag)
        if not read_first:
            free_overflow(index, read // BUCKET_WORDS)
        if link == 0:
            return
        read_first = False
        read = link * BUCKET_WORDS
        control = i64(words[read + 15])
        count, link = control & COUNT_MASK, control >> LINK_SHIFT


@kernel
def index_insert(index: Index, hashed: Word, row: int) -> None:
    """Add a row under a hash. Does not check whether it is there already."""
    append_entry(index, index_bucket(index, hashed), row, tag_of(hashed))
    index.meta[ENTRIES] += 1
    if index.meta[ENTRIES] * LOAD_DENOMINATOR > index.meta[BUCKETS] * LOAD_NUMERATOR:
        split_one(index)


@kernel
def index_remove(index: Index, hashed: Word, row: int) -> bool:
    """Take a row out: the chain's last entry moves into its place. False when it is not there."""
    words = index.words
    base = index_bucket(index, hashed)
    tag = tag_of(hashed)
    found = base
    while True:
        found = index_seek(words, found, tag)
        if found == NONE:
            return False
        if i64(words[found]) == row:
            break
        found += 1
    previous = i64(0)
    while i64(words[base + 15]) >> LINK_SHIFT != 0:
        previous = base
        base = (i64(words[base + 15]) >> LINK_SHIFT) * BUCKET_WORDS
    control = i64(words[base + 15])
    last = (control & COUNT_MASK) - 1
    pair = i64(words[base + SLOTS + (last >> 1)])
    put_slot(
        words,
        found & ~15,
        found & 15,
        i64(words[base + last]),
        (pair >> ((last & 1) << 4)) & 0xFFFF,
    )
    words[base + 15] = np.uint32(control - 1)
    if last == 0 and base // BUCKET_WORDS >= index.meta[OVERFLOW_BASE]:
        words[previous + 15] = np.uint32(i64(words[previous + 15]) & COUNT_MASK)
        free_overflow(index, base // BUCKET_WORDS)
    index.meta[ENTRIES] -= 1
    return True
