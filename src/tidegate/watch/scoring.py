"""One order after the other: what it says about each stream it is part of.

Always event by event, in the order in which the desk decided; a score reacts to the order that
moves it and waits for no interval to end. Never touches what was decided; never counts an order
that came late, or while the record's clock stood still, as a sign of a rate.
"""

import math

from tidegate.domain.jit import i64, kernel, u64
from tidegate.record.lines import CONTINUES, DUPLICATE, Array
from tidegate.watch import layout as lo
from tidegate.watch import marks
from tidegate.watch.gathering import (
    LOG_HALF,
    SEEN_MIN,
    announced,
    announced_of_parts,
    gather_line,
    gather_order,
    gather_promotion,
    order_repeats,
)
from tidegate.watch.layout import State
from tidegate.watch.profile import (
    COLD_MS,
    count_order,
    hours_between,
    is_warm,
    roll_hours,
)
from tidegate.watch.streams import stream_key, stream_row

LATE_MS = 10_000  # behind the channel's newest order: it is late, and no sign of a rate
LESSONS = 8.0
UNITS_FADE = 0.002  # usual units change slowly: a flood of small orders makes no large one odd
REFRACTORY_MS = 600_000  # the breaker is open by then; who closes it is told again if it goes on
RATE_SEEN_MIN = 20
BURN_ORDERS_MIN = 10.0
MEMORY_H = 24.0 * 28
FIRST_H = 24.0  # a stream is taken to have been watched so long before it began
LEAK_PER_H = 0.5  # an incident is acute: what prices say fades by so many nats an hour
TAUGHT_AFTER_MS = 3_600_000  # an odd price teaches its stream an hour later, not the next order
STANDING = 1  # bits of `flags` of `score_orders`: the record's clock stood still
PART = 2  # another part of the order before, which was too long for one


@kernel
def raise_alarm(
    state: State, row: int, step: Array, hypothesis: int, at_ms: int, score: float,
    threshold: float, saw: float, expected: float,
) -> None:  # fmt: skip
    """Write an alarm with the run that led to it, once in REFRACTORY_MS for a stream."""
    last = 0
    if hypothesis < lo.HYPOTHESES:
        last = state.runs[row, hypothesis, lo.ALARMED_MS]
        if last != 0 and at_ms - last < REFRACTORY_MS:
            return
        state.runs[row, hypothesis, lo.ALARMED_MS] = at_ms
    count = state.counts[lo.ALARM_COUNT]
    if count >= lo.ALARMS_MAX:
        state.counts[lo.ALARMS_LOST] += 1
        return
    state.counts[lo.ALARM_COUNT] = count + 1
    alarm = state.alarms[count]
    run = state.runs[row, min(hypothesis, lo.HYPOTHESES - 1)]
    alarm["at_ms"] = at_ms
    alarm["first_ms"] = run[lo.FIRST_MS]
    alarm["first_hi"] = u64(run[lo.FIRST_HI])
    alarm["first_lo"] = u64(run[lo.FIRST_LO])
    alarm["number"] = i64(step[lo.S_NUMBER])
    alarm["orders"] = run[lo.ORDERS]
    alarm["units"] = run[lo.UNITS]
    alarm["stake_fen"] = run[lo.STAKE_FEN]
    alarm["saw"] = saw
    alarm["expected"] = expected
    alarm["score"] = score
    alarm["threshold"] = threshold
    alarm["channel"] = i64(step[lo.S_CHANNEL])
    alarm["scope"] = i64(step[lo.S_SCOPE])
    alarm["hypothesis"] = hypothesis
    alarm["listed"] = i64(step[lo.S_LISTED])


@kernel
def move_score(
    state: State, row: int, step: Array, hypothesis: int, gain: float, leak: float, at_ms: int,
    id_hi: int, id_lo: int, saw: float, expected: float,
) -> None:  # fmt: skip
    """CUSUM: the score falls to 0 and not below; what is above its threshold is an alarm.

    `leak` is what the time since the stream's last order takes off, before this one counts.
    """
    run = state.runs[row, hypothesis]
    kept = max(0.0, state.scores[row, hypothesis] - leak)
    if kept == 0.0:
        run[lo.ORDERS] = 0
    score = kept + gain
    if score <= 0.0:
        state.scores[row, hypothesis] = 0.0
        run[lo.ORDERS] = 0
        return
    if run[lo.ORDERS] == 0:
        run[lo.FIRST_HI], run[lo.FIRST_LO], run[lo.FIRST_MS] = id_hi, id_lo, at_ms
        run[lo.UNITS], run[lo.STAKE_FEN] = 0, 0
    run[lo.ORDERS] += 1
    run[lo.UNITS] += i64(step[lo.S_UNITS])
    if hypothesis == lo.CHEAP or hypothesis == lo.RUSH:
        run[lo.STAKE_FEN] += i64(max(0.0, step[lo.S_LOST_FEN]) + 0.5)
    else:
        run[lo.STAKE_FEN] += i64(step[lo.S_MONEY_FEN])
    scope = i64(step[lo.S_SCOPE])
    threshold = state.thresholds[scope, hypothesis]
    if score >= threshold:
        raise_alarm(state, row, step, hypothesis, at_ms, score, threshold, saw, expected)
        score = 0.0
        run[lo.ORDERS] = 0
    state.scores[row, hypothesis] = score


@kernel
def usual_per_hour(state: State, row: int, scope: int, channel: int) -> float:
    """Events of a stream in an hour of its channel's time, rather too many than too few."""
    if scope == lo.CHANNEL:
        return state.channel_levels[channel, lo.MEAN]
    events, hours = state.levels[row, lo.EVENTS], state.levels[row, lo.HOURS]
    return (events + 2.0 * math.sqrt(events) + 2.0) / (hours + FIRST_H)


@kernel
def score_burn(state: State, row: int, step: Array, at_ms: int, gap_ms: int) -> None:
    """A promotion's discount money against its plan, in five minutes and in one hour."""
    levels = state.levels[row]
    spent = step[lo.S_DISCOUNT_FEN]
    levels[lo.BURN_SHORT] = levels[lo.BURN_SHORT] * math.exp(-gap_ms / 300_000.0) + spent
    levels[lo.BURN_LONG] = levels[lo.BURN_LONG] * math.exp(-gap_ms / 3_600_000.0) + spent
    levels[lo.BURN_ORDERS] = levels[lo.BURN_ORDERS] * math.exp(-gap_ms / 3_600_000.0) + 1.0
    plan = announced(state, lo.PROMOTION, i64(step[lo.S_NUMBER]), at_ms, lo.CAL_PLAN, 0.0)
    if plan <= 0.0 or levels[lo.BURN_ORDERS] < BURN_ORDERS_MIN:
        return
    factor = state.settings[lo.BURN_FACTOR]
    short, long = levels[lo.BURN_SHORT] * 12.0, levels[lo.BURN_LONG]
    last = state.times[row, lo.BURNT_MS]
    if short < factor * plan or long < plan or (last != 0 and at_ms - last < REFRACTORY_MS):
        return
    state.times[row, lo.BURNT_MS] = at_ms
    run = state.runs[row, lo.HYPOTHESES - 1]
    run[lo.STAKE_FEN], run[lo.UNITS] = i64(long), 0
    run[lo.ORDERS] = i64(levels[lo.BURN_ORDERS])
    raise_alarm(state, row, step, lo.BURN, at_ms, short / plan, factor, short, plan)
    run[lo.ORDERS] = 0


@kernel
def learn_price(state: State, row: int, scope: int, place: int, step: Array, at_ms: int) -> None:
    """Take a price into the shop's histogram and the stream's; an odd one waits an hour."""
    state.shop_price[scope, place] += 1.0
    since_ms = state.times[row, lo.WAITING_MS]
    if since_ms != 0 and at_ms - since_ms >= TAUGHT_AFTER_MS:
        for other in range(lo.PRICE_BINS):
            state.price_bins[row, other] += state.waiting_bins[row, other]
            state.waiting_bins[row, other] = 0.0
        state.times[row, lo.WAITING_MS] = 0
    if step[lo.S_LOG_RATIO] >= LOG_HALF:
        state.price_bins[row, place] += 1.0
        return
    state.waiting_bins[row, place] += 1.0
    if state.times[row, lo.WAITING_MS] == 0:
        state.times[row, lo.WAITING_MS] = at_ms


@kernel
def score_gap(state: State, row: int, scope: int, due: float) -> float:
    """What the time since the order before says, given what stood before that; then learn it.

    `due`: orders that were expected in it. Clusters are the shop's own habit: they are in f0. A
    run teaches its first LESSONS gaps only, or a long incident would become a habit.
    """
    levels = state.levels[row]
    before, shorts = i64(levels[lo.GAP]), levels[lo.SHORTS]
    place = marks.bin_of(due, marks.GAP_EDGES_ARRAY)
    gain = marks.gap_log_ratio(place, before, state.shop_gaps[scope])
    if shorts < LESSONS:
        state.shop_gaps[scope, before, place] += 1.0
    levels[lo.GAP] = marks.gap_state(due, shorts)
    levels[lo.SHORTS] = shorts + 1.0 if due < marks.GAP_SHORT else 0.0
    return gain


@kernel
def update_stream(state: State, step: Array, at_ms: int, id_hi: int, id_lo: int) -> None:
    """Score one stream with one order, then learn from it."""
    scope, number = i64(step[lo.S_SCOPE]), i64(step[lo.S_NUMBER])
    channel = i64(step[lo.S_CHANNEL])
    row = stream_row(state, stream_key(scope, number, channel), at_ms)
    times, levels = state.times[row], state.levels[row]
    gap_ms = at_ms - times[lo.LAST_MS]
    if times[lo.LAST_ORDER] == state.counts[lo.ORDERS_SEEN]:
        if scope == lo.PROMOTION:  # another line of the same order: its money, nothing else
            levels[lo.BURN_SHORT] += step[lo.S_DISCOUNT_FEN]
            levels[lo.BURN_LONG] += step[lo.S_DISCOUNT_FEN]
        return
    times[lo.LAST_ORDER] = state.counts[lo.ORDERS_SEEN]
    state.updates[scope] += 1.0
    timed = step[lo.S_TIMED] > 0.0 and gap_ms > -LATE_MS
    hours = hours_between(state, channel, times[lo.LAST_MS], at_ms)
    usual = usual_per_hour(state, row, scope, channel)
    factor = announced(state, scope, number, at_ms, lo.CAL_RATE, 1.0)
    if scope != lo.CHANNEL:
        factor = max(factor, announced(state, lo.CHANNEL, channel, at_ms, lo.CAL_RATE, 1.0))
    gain = 0.0
    leak = LEAK_PER_H * max(0, gap_ms) / 3_600_000.0
    old = scope == lo.CHANNEL or at_ms - times[lo.BORN_MS] >= COLD_MS
    if timed and old and times[lo.SEEN] >= RATE_SEEN_MIN and is_warm(state, channel):
        due = usual * factor * hours
        planned = announced(state, scope, number, at_ms, lo.CAL_ORDERS, 0.0)
        if scope == lo.CHANNEL:
            planned = max(planned, announced_of_parts(state, at_ms))
        due = max(due, planned * max(0, gap_ms) / 3_600_000.0)
        gain = score_gap(state, row, scope, due)
        since_ms = at_ms - state.runs[row, lo.CROWD, lo.FIRST_MS]
        move_score(
            state, row, step, lo.CROWD, gain, leak, at_ms, id_hi, id_lo,
            max(since_ms, 1) / 1000.0, max(usual * factor, planned),
        )  # fmt: skip
    if scope != lo.REFUSALS:
        score_marks(state, row, step, gain, leak, at_ms, id_hi, id_lo)
        if scope == lo.PROMOTION:
            score_burn(state, row, step, at_ms, max(0, gap_ms))
    fade = math.exp(-hours / MEMORY_H)
    levels[lo.EVENTS] = levels[lo.EVENTS] * fade + (1.0 / factor if timed else 0.0)
    levels[lo.HOURS] = levels[lo.HOURS] * fade + hours
    times[lo.SEEN] += 1
    times[lo.LAST_MS] = max(times[lo.LAST_MS], at_ms)


@kernel
def is_same_sku(state: State, step: Array) -> bool:
    """Whether a channel's cheap order is of the same SKU as the one before: then it says nothing
    of the shop, and its SKU's own stream says it. Notes which SKU it was.
    """
    levels = state.channel_levels[i64(step[lo.S_CHANNEL])]
    if step[lo.S_LOG_RATIO] >= LOG_HALF:
        return False
    same = levels[lo.CHEAP_SKU] == step[lo.S_WORST] + 1.0
    levels[lo.CHEAP_SKU] = step[lo.S_WORST] + 1.0
    return bool(same)


@kernel
def score_marks(
    state: State, row: int, step: Array, rate_gain: float, leak: float, at_ms: int,
    id_hi: int, id_lo: int,
) -> None:  # fmt: skip
    """What price, units and repetition say, then learn them."""
    scope = i64(step[lo.S_SCOPE])
    seen, levels = state.times[row, lo.SEEN], state.levels[row]
    if step[lo.S_PRICED] > 0.0:
        place = marks.bin_of(step[lo.S_LOG_RATIO], marks.LOG_PRICE_EDGES)
        gain = marks.pooled_log_ratio(
            place, state.price_bins[row], state.shop_price[scope],
            marks.PRICE_WRONG_ARRAY, marks.PRICE_PRIOR_ARRAY,
        )  # fmt: skip
        if place >= marks.PRICE_DOUBTFUL or (scope == lo.CHANNEL and is_same_sku(state, step)):
            gain = min(0.0, gain)
        saw = math.exp(step[lo.S_LOG_RATIO])
        move_score(state, row, step, lo.CHEAP, gain, leak, at_ms, id_hi, id_lo, saw, 1.0)
        # A rush is cheap orders that come quickly: without the price, quickness is a crowd's.
        both = gain + (rate_gain if gain > 0.0 else min(0.0, rate_gain))
        move_score(state, row, step, lo.RUSH, both, leak, at_ms, id_hi, id_lo, saw, 1.0)
        learn_price(state, row, scope, place, step, at_ms)
    log_units = math.log(max(1.0, step[lo.S_UNITS])) / math.log(2.0)
    if seen >= SEEN_MIN and scope == lo.SKU:  # a basket's units are of many kinds
        times = announced(state, scope, i64(step[lo.S_NUMBER]), at_ms, lo.CAL_UNITS, 1.0)
        more = log_units - levels[lo.LOG_UNITS] - math.log(times) / math.log(2.0)
        place = marks.bin_of(more, marks.UNITS_EDGES_ARRAY)
        gain = marks.pooled_log_ratio(
            place, state.units_bins[row], state.shop_units[scope],
            marks.UNITS_WRONG_ARRAY, marks.UNITS_PRIOR_ARRAY,
        )  # fmt: skip
        usual = math.exp(levels[lo.LOG_UNITS] * math.log(2.0))
        move_score(
            state, row, step, lo.BULK, gain, leak, at_ms, id_hi, id_lo, step[lo.S_UNITS], usual
        )
        state.units_bins[row, place] += 1.0
        state.shop_units[scope, place] += 1.0
    levels[lo.LOG_UNITS] += max(UNITS_FADE, 1.0 / (seen + 1.0)) * (log_units - levels[lo.LOG_UNITS])
    if scope != lo.PROMOTION and step[lo.S_REPEAT] >= 0.0:
        gain = marks.repeat_gain(step[lo.S_REPEAT], state.shop_repeat)
        move_score(
            state,
            row,
            step,
            lo.REPEAT,
            gain,
            leak,
            at_ms,
            id_hi,
            id_lo,
            step[lo.S_REPEAT] + 1.0,
            1.0,
        )


@kernel
def note_size(state: State, step: Array, at_ms: int, id_hi: int, id_lo: int) -> None:
    """Units of one line against the largest that the shop's own tail allows."""
    units = step[lo.S_UNITS]
    limit = state.settings[lo.LIMIT_UNITS]
    if limit > 0.0 and units >= limit:
        key = stream_key(lo.SKU, i64(step[lo.S_NUMBER]), i64(step[lo.S_CHANNEL]))
        row = stream_row(state, key, at_ms)
        run = state.runs[row, lo.HYPOTHESES - 1]
        run[lo.FIRST_HI], run[lo.FIRST_LO], run[lo.FIRST_MS] = id_hi, id_lo, at_ms
        run[lo.ORDERS], run[lo.UNITS] = 1, i64(units)
        run[lo.STAKE_FEN] = i64(step[lo.S_MONEY_FEN])
        raise_alarm(state, row, step, lo.EXTREME, at_ms, units, limit, units, limit)
        run[lo.ORDERS] = 0
        return
    place = min(lo.SIZE_BINS - 1, i64(4.0 * math.log(max(1.0, units)) / math.log(2.0)))
    state.sizes[place] += 1.0
    over = state.settings[lo.PEAK_OVER]
    if over > 0.0 and units > over:
        state.peaks[state.counts[lo.PEAK_COUNT] % lo.PEAKS] = units - over
        state.counts[lo.PEAK_COUNT] += 1


@kernel
def is_scored(reason: int) -> bool:
    """Whether an order says something: not when something of it was paused already, or it is late.

    A refused order counts: who is refused for a price below the floor was shown that price.
    """
    return reason == 0 or reason > 5


@kernel
def score_orders(state: State, lines: Array, outcomes: Array, at_ms: Array, flags: Array) -> None:
    """Take in decided orders: LINE rows, and by order its OUTCOME, its time and STANDING."""
    begin = 0
    for order in range(outcomes.shape[0]):
        end = begin + 1
        while end < lines.shape[0] and i64(lines[end]["flags"]) & CONTINUES:
            end += 1
        score_order(state, lines[begin:end], outcomes[order], i64(at_ms[order]), i64(flags[order]))
        begin = end


@kernel
def score_order(state: State, lines: Array, outcome: Array, at_ms: int, flag: int) -> None:
    """Take in one decided order."""
    counts = state.counts
    roll_hours(state, at_ms)
    counts[lo.NOW_MS] = max(counts[lo.NOW_MS], at_ms)
    if counts[lo.FIRST_SEEN_MS] == 0:
        counts[lo.FIRST_SEEN_MS] = at_ms
    if i64(outcome["flags"]) & DUPLICATE:
        counts[lo.DUPLICATES] += 1
        return
    counts[lo.ORDERS_SEEN] += 1
    first = lines[0]
    channel = min(i64(first["channel"]), lo.CHANNELS_MAX - 1)
    reason = i64(outcome["reason"])
    id_hi, id_lo = i64(first["id_hi"]), i64(first["id_lo"])
    part = flag & PART != 0
    late = at_ms < state.channel_levels[channel, lo.CH_LAST_MS] - LATE_MS
    timed = 0.0 if late or part or flag & STANDING else 1.0
    counts[lo.LATE] += 1 if late else 0
    counts[lo.STANDING] += 1 if flag & STANDING else 0
    count = 0
    if reason != 0:
        counts[lo.REFUSED] += 1
        state.refused[reason] += 1
        refusal = state.steps[0]
        for column in range(refusal.shape[0]):
            refusal[column] = 0.0
        refusal[lo.S_SCOPE], refusal[lo.S_NUMBER] = lo.REFUSALS, reason
        refusal[lo.S_CHANNEL], refusal[lo.S_TIMED] = channel, timed
        count = 1
    if is_scored(reason):
        repeat = -1.0 if part else order_repeats(state, first, at_ms)
        if not part:
            count_order(state, channel, at_ms)
        for place in range(lines.shape[0]):
            counts[lo.LINES_SEEN] += 1
            gather_line(state, state.steps[count], lines[place], channel, at_ms, timed, repeat)
            count += 1
            promotion = i64(lines[place]["promotion"])
            if promotion != 0:
                gather_promotion(state.steps[count], state.steps[count - 1], promotion)
                count += 1
        if not part:
            count = gather_order(state, count, channel, timed, repeat)
    for place in range(count):
        update_stream(state, state.steps[place], at_ms, id_hi, id_lo)
        if i64(state.steps[place, lo.S_SCOPE]) == lo.SKU:
            note_size(state, state.steps[place], at_ms, id_hi, id_lo)
    state.channel_levels[channel, lo.CH_LAST_MS] = max(
        state.channel_levels[channel, lo.CH_LAST_MS], 1.0 * at_ms
    )
