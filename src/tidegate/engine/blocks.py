"""The block of a live order: its lines and what it charged, in 32-bit words.

    word 0        when the hold expires, seconds since 1970; 0 = never
    word 1        lines (8 bits) | identity keys (3) | flags (5) | local day charged (16)
    word 2        facts: the guards that failed, as bits
    keys          rows of the identity keys, one word each
    each line     SKU; receivable fen (41 bits) | charge words (12) | pool (4) | gift of line (7);
                  promotion (16) | exception (16); units: ordered, cancelled, shipped, returned (8
                  bits each, or four words if more than 255 of anything were ordered);
                  [facts: units not covered] [platform share in fen] [recipe of a bundle];
                  then its charges (see `charges`)

A released block is kept on a free list of its exact size. A release reverses exactly what stands
here, whatever the rules say by then. Nothing here judges.
"""

import numpy as np

from tidegate.domain.jit import Word, i64, kernel
from tidegate.engine.layout import BLOCK_FREE_WORDS, BLOCK_TOP, LIVE_COUNT, State
from tidegate.record.lines import Array

IS_FACT, HAS_PLATFORM, HAS_RECIPE, IN_QUEUE, WIDE = 1, 2, 4, 8, 16

L_SKU, L_MONEY, L_MONEY_HIGH, L_OFFER, L_UNITS = range(5)
LINE_WORDS, WIDE_WORDS = 5, 3
ORDERED, CANCELLED, SHIPPED, RETURNED = range(4)
NARROW_UNITS_MAX = 255  # no count of a line is ever above what was ordered


@kernel
def block_alloc(s: State, size: int) -> int:
    """First word of a free block of exactly `size` words."""
    head = i64(s.block_free[size])
    if head != 0:
        s.block_free[size] = s.blocks[head]
        s.scalars[BLOCK_FREE_WORDS] -= size
        return head
    head = s.scalars[BLOCK_TOP]
    s.scalars[BLOCK_TOP] += size
    return head


@kernel
def block_free(s: State, block: int) -> None:
    """Give a block back."""
    size = block_size(s, block)
    s.blocks[block] = s.block_free[size]
    s.block_free[size] = np.uint32(block)
    s.scalars[BLOCK_FREE_WORDS] += size
    s.scalars[LIVE_COUNT] -= 1


@kernel
def block_lines(s: State, block: int) -> int:
    """How many lines the order has."""
    return i64(s.blocks[block + 1]) & 0xFF


@kernel
def block_keys(s: State, block: int) -> int:
    """How many identity keys the order carried."""
    return (i64(s.blocks[block + 1]) >> 8) & 7


@kernel
def block_flags(s: State, block: int) -> int:
    """IS_FACT, HAS_PLATFORM, HAS_RECIPE, IN_QUEUE, WIDE."""
    return (i64(s.blocks[block + 1]) >> 11) & 0x1F


@kernel
def leave_queue(s: State, block: int) -> None:
    """The hold no longer ends in the order of acceptance."""
    s.blocks[block + 1] &= np.uint32(~(IN_QUEUE << 11) & 0xFFFFFFFF)


@kernel
def shape_word(lines: int, keys: int, flags: int, day: int) -> Word:
    """Word 1, which the getters here take apart."""
    return np.uint32(lines | (keys << 8) | (flags << 11) | (day << 16))


@kernel
def block_day(s: State, block: int) -> int:
    """The local day whose periods were charged."""
    return i64(s.blocks[block + 1]) >> 16


@kernel
def first_key(s: State, block: int) -> int:
    """Place of the first identity key."""
    return block + 2 + (block_flags(s, block) & IS_FACT)


@kernel
def first_line(s: State, block: int) -> int:
    """Place of the first line."""
    return first_key(s, block) + block_keys(s, block)


@kernel
def short_place(line: int, flags: int) -> int:
    """Place of a fact's uncovered units."""
    return line + LINE_WORDS + ((flags & WIDE) >> 4) * WIDE_WORDS


@kernel
def platform_place(line: int, flags: int) -> int:
    """Place of the platform's share."""
    return short_place(line, flags) + (flags & IS_FACT)


@kernel
def recipe_place(line: int, flags: int) -> int:
    """Place of a bundle's recipe."""
    return platform_place(line, flags) + ((flags & HAS_PLATFORM) >> 1)


@kernel
def line_stride(flags: int) -> int:
    """Words of a line before its charges."""
    return recipe_place(0, flags) + ((flags & HAS_RECIPE) >> 2)


@kernel
def line_units(s: State, line: int, flags: int, count: int) -> int:
    """One of a line's counts: ORDERED, CANCELLED, SHIPPED or RETURNED units."""
    if flags & WIDE:
        return i64(s.blocks[line + L_UNITS + count])
    return (i64(s.blocks[line + L_UNITS]) >> (8 * count)) & 0xFF


@kernel
def add_units(s: State, line: int, flags: int, count: int, units: int) -> None:
    """Count more units of a line as CANCELLED, SHIPPED or RETURNED."""
    if flags & WIDE:
        s.blocks[line + L_UNITS + count] += np.uint32(units)
    else:
        s.blocks[line + L_UNITS] += np.uint32(units << (8 * count))


@kernel
def write_units(words: Array, line: int, flags: int, quantity: int) -> None:
    """Write a new line's counts: so many ordered, none of them gone yet."""
    words[line + L_UNITS] = np.uint32(quantity)
    if flags & WIDE:
        for count in range(CANCELLED, RETURNED + 1):
            words[line + L_UNITS + count] = np.uint32(0)


@kernel
def charge_words(s: State, line: int) -> int:
    """How many words of charges follow a line."""
    return (i64(s.blocks[line + L_MONEY_HIGH]) >> 9) & 0xFFF


@kernel
def next_line(s: State, line: int, flags: int) -> int:
    """Place of the line after this one."""
    return line + line_stride(flags) + charge_words(s, line)


@kernel
def block_size(s: State, block: int) -> int:
    """Words of the whole block."""
    flags = block_flags(s, block)
    line = first_line(s, block)
    for _ in range(block_lines(s, block)):
        line = next_line(s, line, flags)
    return line - block


@kernel
def line_money(s: State, line: int) -> int:
    """What the merchant receives for the whole line, in fen."""
    high = i64(s.blocks[line + L_MONEY_HIGH]) & 0x1FF
    return i64(s.blocks[line + L_MONEY]) | (high << 32)


@kernel
def line_pool(s: State, line: int) -> int:
    """The pool that the line draws from."""
    return (i64(s.blocks[line + L_MONEY_HIGH]) >> 21) & 0xF


@kernel
def line_gift_of(s: State, line: int) -> int:
    """1 + the number of the line that this one is a gift of; 0 = not a gift."""
    return i64(s.blocks[line + L_MONEY_HIGH]) >> 25


@kernel
def money_high(money: int, charges: int, pool: int, gift_of: int) -> Word:
    """The word that the four getters above take apart."""
    return np.uint32(((money >> 32) & 0x1FF) | (charges << 9) | (pool << 21) | (gift_of << 25))


@kernel
def line_platform(s: State, line: int, flags: int) -> int:
    """The platform's share of a line in fen."""
    if flags & HAS_PLATFORM:
        share = i64(s.blocks[platform_place(line, flags)])
        return share - ((share & 0x80000000) << 1)  # 32 bits, signed
    return 0


@kernel
def line_open(s: State, line: int, flags: int) -> int:
    """Units ordered, not cancelled and not shipped."""
    gone = line_units(s, line, flags, CANCELLED) + line_units(s, line, flags, SHIPPED)
    return line_units(s, line, flags, ORDERED) - gone


@kernel
def line_recipe(s: State, line: int, flags: int) -> int:
    """The recipe the line was sold with; 0 = not a bundle."""
    if flags & HAS_RECIPE:
        return i64(s.blocks[recipe_place(line, flags)])
    return 0


@kernel
def line_short(s: State, line: int, flags: int) -> int:
    """Units of a fact's line that no stock covers."""
    if flags & IS_FACT:
        return i64(s.blocks[short_place(line, flags)])
    return 0


@kernel
def short_left(s: State, block: int) -> int:
    """Units of a fact that no stock covers now."""
    flags = block_flags(s, block)
    line = first_line(s, block)
    total = 0
    for _ in range(block_lines(s, block)):
        total += line_short(s, line, flags)
        line = next_line(s, line, flags)
    return total


@kernel
def share_left(s: State, line: int, flags: int, money: int) -> int:
    """What is left of a line's money when cancelled units are gone (their share rounds down)."""
    cancelled = line_units(s, line, flags, CANCELLED)
    return money - money * cancelled // max(1, line_units(s, line, flags, ORDERED))


@kernel
def payable_left(s: State, block: int) -> int:
    """What the buyer owes for the units that were not cancelled, in fen (shares round down)."""
    flags = block_flags(s, block)
    line = first_line(s, block)
    total = 0
    for _ in range(block_lines(s, block)):
        money = max(0, line_money(s, line) - line_platform(s, line, flags))
        total += share_left(s, line, flags, money)
        line = next_line(s, line, flags)
    return total
