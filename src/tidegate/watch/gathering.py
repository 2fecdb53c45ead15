"""What one order says, as steps: one for each line's SKU, its promotion, and the channel.

Always before anything is learnt from the order. Announced prices are taken into account here, so
a sale that was planned is an ordinary price. Never scores anything.
"""

import math

from tidegate.domain.jit import i64, kernel, u64
from tidegate.record.lines import Array
from tidegate.watch import layout as lo
from tidegate.watch.layout import REPEAT_BINS, State
from tidegate.watch.streams import buyer_seen, stream_key, stream_row

SEEN_MIN = 8  # events before a stream's own price and units say anything
PRICE_FADE = 0.05
GRACE_MS = 900_000  # a crowd that was announced does not leave on the minute; its price does
LOG_HALF = math.log(0.5)
SPREAD_USUAL = 0.35  # mean distance of log prices up to which a price is taken at its word
SPREAD_FAR, SPREAD_FADE = 1.5, 0.03


@kernel
def announced(
    state: State, scope: int, number: int, at_ms: int, column: int, usual: float
) -> float:
    """What the calendar says of a column now: the strongest window that covers the moment."""
    found = usual
    for row in range(state.counts[lo.CALENDAR_COUNT]):
        if i64(state.calendar[row, lo.CAL_SCOPE]) != scope:
            continue
        if state.calendar[row, lo.CAL_NUMBER] != lo.ANY:
            if i64(state.calendar[row, lo.CAL_NUMBER]) != number:
                continue
        until = state.calendar[row, lo.CAL_UNTIL]
        if column == lo.CAL_RATE or column == lo.CAL_ORDERS:
            until += GRACE_MS
        if not state.calendar[row, lo.CAL_FROM] <= at_ms < until:
            continue
        value = state.calendar[row, column]
        found = min(found, value) if column == lo.CAL_PRICE else max(found, value)
    return found


@kernel
def announced_of_parts(state: State, at_ms: int) -> float:
    """Orders an hour that are announced of SKUs, or of promotions, now: a channel gets them all.

    Both may speak of the same orders, so the greater sum counts.
    """
    skus, promotions = 0.0, 0.0
    for row in range(state.counts[lo.CALENDAR_COUNT]):
        until = state.calendar[row, lo.CAL_UNTIL] + GRACE_MS
        if not state.calendar[row, lo.CAL_FROM] <= at_ms < until:
            continue
        if i64(state.calendar[row, lo.CAL_SCOPE]) == lo.SKU:
            skus += state.calendar[row, lo.CAL_ORDERS]
        elif i64(state.calendar[row, lo.CAL_SCOPE]) == lo.PROMOTION:
            promotions += state.calendar[row, lo.CAL_ORDERS]
    return max(skus, promotions)


@kernel
def gather_line(
    state: State, step: Array, line: Array, channel: int, at_ms: int, timed: float, repeat: float
) -> None:
    """One line as a step of its SKU: its price against what its stream expects, its units."""
    number, units = i64(line["sku"]), max(1, i64(line["quantity"]))
    money = i64(line["receivable_fen"])
    row = stream_row(state, stream_key(lo.SKU, number, channel), at_ms)
    levels = state.levels[row]
    step[lo.S_SCOPE], step[lo.S_NUMBER], step[lo.S_CHANNEL] = lo.SKU, number, channel
    step[lo.S_UNITS], step[lo.S_MONEY_FEN], step[lo.S_REPEAT] = units, money, repeat
    step[lo.S_TIMED], step[lo.S_PRICED] = timed, 0.0
    step[lo.S_LOG_RATIO], step[lo.S_LOST_FEN] = 0.0, 0.0
    list_fen = state.list_fen[number] if number < state.list_fen.shape[0] else 0.0
    step[lo.S_LISTED] = 1.0 if list_fen > 0.0 else 0.0
    if levels[lo.PRICED] == 0.0 and list_fen > 0.0:
        levels[lo.LOG_PRICE], levels[lo.PRICED] = math.log(list_fen), 1.0 * SEEN_MIN
    step[lo.S_DISCOUNT_FEN] = max(0.0, list_fen * units - money) if list_fen > 0.0 else 0.0
    if i64(line["gift_of"]) != 0:
        return
    log_price = math.log(max(0.5, 1.0 * money) / units)
    priced = levels[lo.PRICED]
    cut = announced(state, lo.SKU, number, at_ms, lo.CAL_PRICE, 1.0)
    cut = min(cut, announced(state, lo.CHANNEL, channel, at_ms, lo.CAL_PRICE, 1.0))
    promotion = i64(line["promotion"])
    if promotion != 0:
        cut = min(cut, announced(state, lo.PROMOTION, promotion, at_ms, lo.CAL_PRICE, 1.0))
    if priced > 0.0:
        usual = levels[lo.LOG_PRICE]
        ratio = log_price - usual - math.log(cut)
        share = max(PRICE_FADE, 1.0 / (priced + 1.0))
        # A price that is different every time (freight, deposits) says little by being low.
        told = ratio * SPREAD_USUAL / max(SPREAD_USUAL, levels[lo.SPREAD])
        if priced >= SEEN_MIN:
            step[lo.S_PRICED] = 1.0
            step[lo.S_LOG_RATIO] = told
            step[lo.S_LOST_FEN] = money * (math.exp(-told) - 1.0)
        if list_fen <= 0.0:
            step[lo.S_DISCOUNT_FEN] = max(0.0, math.exp(usual) * units - money)
        if cut >= 1.0:
            far = min(SPREAD_FAR, abs(ratio))
            levels[lo.SPREAD] += min(SPREAD_FADE, share) * (far - levels[lo.SPREAD])
            if ratio >= LOG_HALF:
                levels[lo.LOG_PRICE] += share * min(ratio, -LOG_HALF)
    elif cut >= 1.0:
        levels[lo.LOG_PRICE] = log_price
    levels[lo.PRICED] += 1.0


@kernel
def gather_promotion(step: Array, of_line: Array, promotion: int) -> None:
    """The same line as a step of its promotion."""
    for column in range(step.shape[0]):
        step[column] = of_line[column]
    step[lo.S_SCOPE], step[lo.S_NUMBER] = lo.PROMOTION, promotion


@kernel
def gather_order(state: State, count: int, channel: int, timed: float, repeat: float) -> int:
    """All lines together as a step of their channel; how many steps there are now."""
    steps = state.steps
    order = steps[count]
    for column in range(order.shape[0]):
        order[column] = 0.0
    order[lo.S_SCOPE], order[lo.S_NUMBER], order[lo.S_CHANNEL] = lo.CHANNEL, channel, channel
    order[lo.S_TIMED], order[lo.S_REPEAT] = timed, repeat
    paid, usual, listed, most = 0.0, 0.0, 1.0, 0.0
    for place in range(count):
        if i64(steps[place, lo.S_SCOPE]) != lo.SKU:
            continue
        order[lo.S_UNITS] += steps[place, lo.S_UNITS]
        order[lo.S_MONEY_FEN] += steps[place, lo.S_MONEY_FEN]
        order[lo.S_DISCOUNT_FEN] += steps[place, lo.S_DISCOUNT_FEN]
        if steps[place, lo.S_PRICED] > 0.0:
            paid += steps[place, lo.S_MONEY_FEN]
            listed = min(listed, steps[place, lo.S_LISTED])
            if steps[place, lo.S_LOST_FEN] > most:
                most = steps[place, lo.S_LOST_FEN]
                order[lo.S_WORST] = steps[place, lo.S_NUMBER]
            usual += steps[place, lo.S_MONEY_FEN] + steps[place, lo.S_LOST_FEN]
    if usual > 0.0:
        order[lo.S_PRICED], order[lo.S_LISTED] = 1.0, listed
        order[lo.S_LOG_RATIO] = math.log(max(0.5, paid) / usual)
        order[lo.S_LOST_FEN] = usual - paid
    return count + 1


@kernel
def order_repeats(state: State, first: Array, at_ms: int) -> float:
    """Orders of the same buyer in the hour before, by whichever key says most; -1 without a key."""
    most = -1.0
    known = False
    for kind in range(4):
        token = u64(0)
        if kind == 0:
            token = first["key0"]
        elif kind == 1:
            token = first["key1"]
        elif kind == 2:
            token = first["key2"]
        else:
            token = first["key3"]
        if token == u64(0):
            continue
        before = buyer_seen(state, token, at_ms)
        known = known or before >= 0.0
        most = max(most, max(0.0, before))
    if most >= 0.0:
        state.counts[lo.KNOWN_BUYERS if known else lo.NEW_BUYERS] += 1
        place = min(REPEAT_BINS - 1, i64(most + 0.5))
        state.shop_repeat[place] += 1.0
        if most >= 1.0:
            state.counts[lo.REPEATS] += 1
    return most
