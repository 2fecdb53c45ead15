"""Rows as columns: what a batch of orders takes in the journal.

A column whose value is the same in every row is written once; another is written as the distance
from its smallest value in as few bytes as the largest distance needs. What is written is read back
to the last bit, whatever the rows hold: arithmetic is modulo 2^64 throughout.

Layout of a packed table: u32 row count, u16 column count, u16 zero; then for each column u64 base,
u8 width (0 = constant), 7 bytes of a unit price (see `LINE_PRODUCT`); then the columns with
width > 0, each padded to 8 bytes.
"""

from typing import Any

import numpy as np

from tidegate.domain.jit import i64, kernel, u64
from tidegate.record.corrupt import ColumnCorrupt
from tidegate.record.lines import LINE, OPERATION, OUTCOME, Array

HEAD_BYTES = 8
COLUMN_BYTES = 16


def field_table(dtype: np.dtype[Any]) -> Array:
    """Offset, size in bytes and signedness of every field of a row type."""
    rows = []
    for name in dtype.names or ():
        kind, offset = dtype.fields[name][:2]  # type: ignore[index]
        rows.append((offset, kind.itemsize, 1 if kind.kind == "i" else 0))
    return np.array(rows, np.int64)


LINE_NAMES = LINE.names or ()
LINE_PRODUCT = (LINE_NAMES.index("receivable_fen"), LINE_NAMES.index("quantity"))
NO_PRODUCT = (-1, -1)


@kernel
def load_word(words: Array, place: int, shift: int, size: int, signed: int, column: Array) -> None:
    """Copy one field of every row into a column of 64-bit words (sign extended).

    No field crosses a 64-bit word: the row types are laid out so.
    """
    if size == 8:
        for i in range(words.shape[0]):
            column[i] = words[i, place]
        return
    mask = (u64(1) << u64(8 * size)) - u64(1)
    top = u64(1) << u64(8 * size - 1)
    for i in range(words.shape[0]):
        value = (words[i, place] >> u64(shift)) & mask
        if signed == 1 and value & top != u64(0):
            value |= ~mask
        column[i] = value


@kernel
def constant_words(words: Array, differs: Array) -> None:
    """Which 64-bit words of the rows are not the same in every row: the bits that differ."""
    for w in range(words.shape[1]):
        differs[w] = u64(0)
    for i in range(1, words.shape[0]):
        for w in range(words.shape[1]):
            differs[w] |= words[i, w] ^ words[0, w]


@kernel
def write_column(column: Array, count: int, base: np.uint64, width: int, out: Array) -> None:
    """Write `column - base` in `width` bytes each."""
    if width == 1:
        for i in range(count):
            out[i] = np.uint8((column[i] - base) & u64(0xFF))
        return
    if width == 2:
        two = out[: 2 * count].view(np.uint16)
        for i in range(count):
            two[i] = np.uint16((column[i] - base) & u64(0xFFFF))
        return
    if width == 4:
        four = out[: 4 * count].view(np.uint32)
        for i in range(count):
            four[i] = np.uint32((column[i] - base) & u64(0xFFFFFFFF))
        return
    if width == 8:
        eight = out[: 8 * count].view(np.uint64)
        for i in range(count):
            eight[i] = column[i] - base
        return
    for i in range(count):
        value = column[i] - base
        for b in range(width):
            out[i * width + b] = np.uint8((value >> u64(8 * b)) & u64(0xFF))


@kernel
def read_column(data: Array, count: int, base: np.uint64, width: int, column: Array) -> None:
    """The reverse of `write_column`."""
    if width == 1:
        for i in range(count):
            column[i] = u64(data[i]) + base
        return
    if width == 2:
        two = data[: 2 * count].view(np.uint16)
        for i in range(count):
            column[i] = u64(two[i]) + base
        return
    if width == 4:
        four = data[: 4 * count].view(np.uint32)
        for i in range(count):
            column[i] = u64(four[i]) + base
        return
    if width == 8:
        eight = data[: 8 * count].view(np.uint64)
        for i in range(count):
            column[i] = eight[i] + base
        return
    for i in range(count):
        value = u64(0)
        for b in range(width):
            value |= u64(data[i * width + b]) << u64(8 * b)
        column[i] = value + base


@kernel
def column_span(column: Array, count: int, signed: int) -> tuple[np.uint64, int]:
    """Smallest value of a column and the bytes that the largest distance from it needs."""
    if signed == 1:
        low, high = i64(column[0]), i64(column[0])
        for i in range(count):
            value = i64(column[i])
            low = min(low, value)
            high = max(high, value)
        base, span = u64(low), u64(high) - u64(low)
    else:
        base, top = column[0], column[0]
        for i in range(count):
            base = min(base, column[i])
            top = max(top, column[i])
        span = top - base
    width = 0
    while span != u64(0):
        width += 1
        span = span >> u64(8)
    return base, width


@kernel
def pack_rows(
    words: Array,
    fields: Array,
    money: int,
    quantity: int,
    column: Array,
    other: Array,
    differs: Array,
    out: Array,
) -> int:
    """Pack rows (as 64-bit words) into `out`; the number of bytes written comes back.

    `column` and `other` are scratch of one word a row, `differs` of one a word of a row. `money`
    and `quantity` name the two fields of a product, or -1. `out` must be 8-byte aligned.
    """
    rows, count = words.shape[0], fields.shape[0]
    head = out[:HEAD_BYTES].view(np.uint32)
    head[0] = np.uint32(rows)
    head[1] = np.uint32(count)
    top = HEAD_BYTES + count * COLUMN_BYTES
    constant_words(words, differs)
    for f in range(count):
        offset, size, signed = fields[f, 0], fields[f, 1], fields[f, 2]
        place, shift = offset >> 3, (offset & 7) << 3
        varies = (differs[place] >> u64(shift)) & field_mask(size) != u64(0)
        many = rows if varies else min(rows, 1)
        load_word(words[:many], place, shift, size, signed, column)
        base, width, unit = u64(0), 0, u64(0)
        if f == money and varies:
            load_word(
                words,
                fields[quantity, 0] >> 3,
                (fields[quantity, 0] & 7) << 3,
                fields[quantity, 1],
                fields[quantity, 2],
                other,
            )
            unit = unit_of(column[0], other[0])
            for i in range(rows):
                column[i] -= other[i] * unit
        if many > 0:
            base, width = column_span(column, many, signed)
        entry = out[HEAD_BYTES + f * COLUMN_BYTES : HEAD_BYTES + (f + 1) * COLUMN_BYTES]
        entry.view(np.uint64)[0] = base
        entry.view(np.uint64)[1] = u64(width) | (unit << u64(8))
        if width > 0:
            write_column(column, rows, base, width, out[top:])
            end = top + rows * width
            top = (end + 7) & ~7
            for k in range(end, top):
                out[k] = 0
    return top


@kernel
def field_mask(size: int) -> np.uint64:
    """The bits of a field of so many bytes."""
    if size == 8:
        return ~u64(0)
    return (u64(1) << u64(8 * size)) - u64(1)


@kernel
def unit_of(money: np.uint64, quantity: np.uint64) -> np.uint64:
    """The unit price of the first line (below 2^41); any number would do, this leaves least."""
    if i64(quantity) <= 0 or i64(money) < 0 or i64(money) > i64(1 << 40):
        return u64(0)
    return u64(i64(money) // i64(quantity))


@kernel
def unpack_rows(
    data: Array,
    words: Array,
    fields: Array,
    money: int,
    quantity: int,
    column: Array,
) -> int:
    """The reverse of `pack_rows` into zeroed `words`; how many bytes were read, or -1 if corrupt.

    `data` must be 8-byte aligned and `words` have as many rows as the table's head says.
    """
    rows, count = words.shape[0], fields.shape[0]
    top = HEAD_BYTES + count * COLUMN_BYTES
    unit = u64(0)
    for f in range(count):
        size = fields[f, 1]
        entry = data[HEAD_BYTES + f * COLUMN_BYTES : HEAD_BYTES + (f + 1) * COLUMN_BYTES]
        base = entry.view(np.uint64)[0]
        width = i64(entry.view(np.uint64)[1] & u64(0xFF))
        if f == money:
            unit = entry.view(np.uint64)[1] >> u64(8)
        if width > 8 or top + rows * width > data.shape[0]:
            return -1
        if width == 0:
            for i in range(rows):
                column[i] = base
        else:
            read_column(data[top:], rows, base, width, column)
            top = (top + rows * width + 7) & ~7
        place, shift = fields[f, 0] >> 3, (fields[f, 0] & 7) << 3
        mask = field_mask(size)
        for i in range(rows):
            words[i, place] |= (column[i] & mask) << u64(shift)
    if unit != u64(0):
        add_product(words, fields, money, quantity, unit)
    return top


@kernel
def add_product(words: Array, fields: Array, money: int, quantity: int, unit: np.uint64) -> None:
    """Put `quantity * unit` back into the money column (a whole word by itself)."""
    q_place, q_shift = fields[quantity, 0] >> 3, (fields[quantity, 0] & 7) << 3
    m_place = fields[money, 0] >> 3
    mask = field_mask(fields[quantity, 1])
    for i in range(words.shape[0]):
        value = (words[i, q_place] >> u64(q_shift)) & mask
        if value >> u64(8 * fields[quantity, 1] - 1):
            value |= ~mask
        words[i, m_place] += value * unit


class Packer:
    """Packs and unpacks one row type. Keeps its scratch, so it is not for two threads at once."""

    def __init__(self, dtype: np.dtype[Any], product: tuple[int, int] = NO_PRODUCT) -> None:
        self.dtype = dtype
        self.fields = field_table(dtype)
        self.product = product
        self.row_words = dtype.itemsize // 8
        self._column = np.zeros(0, np.uint64)
        self._other = np.zeros(0, np.uint64)
        self._differs = np.zeros(self.row_words, np.uint64)

    def bound(self, rows: int) -> int:
        """Bytes that packing so many rows may need, a multiple of 8."""
        size = HEAD_BYTES + len(self.fields) * (COLUMN_BYTES + 8)
        return (size + rows * self.dtype.itemsize + 15) & ~7

    def pack_into(self, rows: Array, out: Array) -> int:
        """Pack `rows` into 8-byte aligned `out` (uint8); the number of bytes comes back."""
        count = len(rows)
        if count > len(self._column):
            self._column = np.zeros(count, np.uint64)
            self._other = np.zeros(count, np.uint64)
        words = np.ascontiguousarray(rows).view(np.uint64).reshape(count, self.row_words)
        money, quantity = self.product
        return int(
            pack_rows(
                words,
                self.fields,
                money,
                quantity,
                self._column,
                self._other,
                self._differs,
                out,
            ),
        )

    def unpack(self, data: Array) -> tuple[Array, int]:
        """Rows of a packed table at the start of 8-byte aligned `data`, and its length in bytes.

        Raises ColumnCorrupt when the table cannot be what `pack_into` wrote.
        """
        if len(data) < HEAD_BYTES:
            raise ColumnCorrupt("table is cut short")
        count, columns = (int(n) for n in data[:HEAD_BYTES].view(np.uint32))
        if columns != len(self.fields) or count > ROWS_MAX:
            raise ColumnCorrupt(f"{columns} columns and {count} rows cannot be")
        if len(data) < HEAD_BYTES + columns * COLUMN_BYTES:
            raise ColumnCorrupt("table is cut short")
        words = np.zeros((count, self.row_words), np.uint64)
        money, quantity = self.product
        column = np.zeros(count, np.uint64)
        size = int(unpack_rows(data, words, self.fields, money, quantity, column))
        if not 0 <= size <= len(data):
            raise ColumnCorrupt("a column is cut short")
        return words.reshape(-1).view(self.dtype), size


ROWS_MAX = 1 << 17


def line_packer() -> Packer:
    """A packer of order lines."""
    return Packer(LINE, LINE_PRODUCT)


def outcome_packer() -> Packer:
    """A packer of outcomes."""
    return Packer(OUTCOME)


def operation_packer() -> Packer:
    """A packer of operations."""
    return Packer(OPERATION)
