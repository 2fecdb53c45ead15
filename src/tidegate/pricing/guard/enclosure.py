"""The lowest figure of one line over a whole box of baskets and sets of promotions at once.

Always sound: no basket of the box, under any of the sets, gives the line less by unit. On a single
basket it may still be low; then `price` decides. Follows `price` rule by rule, with enclosures in
the place of numbers. Nothing here searches.
"""

from collections.abc import Sequence

from tidegate.pricing.book import PriceBook
from tidegate.pricing.effects import BP, FreeShipping, Gift
from tidegate.pricing.guard.lines import BoxLine, S
from tidegate.pricing.guard.sum_bounds import Range, greatest_part, is_always, rate_of
from tidegate.pricing.guard.unit_bounds import Base, enclose_units, touch
from tidegate.pricing.price import LINES_MAX
from tidegate.pricing.rule import LEVEL_START, RUNNING, UNITS, Rule
from tidegate.pricing.sum_steps import asked_by


class Enclosure:
    """One box on its way through the rules. `lines[0]` is the line that is bounded."""

    def __init__(
        self, book: PriceBook, lines: Sequence[BoxLine], waived_fee_fen: int, applied: int = 0
    ) -> None:
        """`applied`: promotions that may have applied by way of lines that are not here."""
        self.book = book
        self.lines = [line for line in lines if line.units_hi]
        self.target = lines[0]
        self.target.units_lo = max(self.target.units_lo, 1)
        self.waived_fee_fen = waived_fee_fen
        self.gifts_hi = 0  # by unit of the target, in 1/S fen
        self.fees_hi = 0
        self.applied_maybe = applied
        self.applied_surely = 0
        self.level = 0
        self.sums_seen = 0
        self.lines_max = min(LINES_MAX, sum(line.skus for line in self.lines))

    def lowest(self, must: int, may: int) -> int:
        """The target's least figure by unit, in 1/S fen. May be below nothing (gifts, fees)."""
        reached = 0
        for line in self.lines:
            reached |= line.mask
        in_units = True
        places = (must | may) & reached
        while places:
            bit = places & -places
            places ^= bit
            rule = self.book.rules[bit.bit_length() - 1]
            if in_units and rule.phase != UNITS:
                in_units = False
                self.sum_up()
            self.enclose(rule, is_there=bool(must & bit))
        if in_units:
            self.sum_up()
        return self.target.owed_lo - self.gifts_hi - self.fees_hi

    def sum_up(self) -> None:
        """From unit prices to amounts."""
        for line in self.lines:
            line.sum_up()

    def enclose(self, rule: Rule, *, is_there: bool) -> None:
        """One rule: who it may touch, and then what it can do."""
        if rule.phase != UNITS:
            self.begin(rule)
        if rule.requires & ~self.applied_maybe:
            return
        bit = 1 << rule.place
        base = [
            (line, self.surely_in(rule, line))
            for line in self.lines
            if line.mask & bit and not line.surely & rule.conflicts
        ]
        if not base:
            return
        sure = is_there and not rule.requires & ~self.applied_surely
        if rule.phase == UNITS:
            enclose_units(self, rule, base, sure=sure)
        else:
            self.enclose_sum(rule, base, sure=sure)

    def begin(self, rule: Rule) -> None:
        """The level of a rule of sums begins, if it has not; then what only a rest knows of."""
        if rule.level != self.level:
            self.level = rule.level
            first = rule.place
            while first and self.book.rules[first - 1].level == rule.level:
                first -= 1
            for line in self.lines:
                line.leak((1 << first) - 1)
                line.start_level()
        for line in self.lines:
            line.leak((1 << rule.place) - 1)

    def surely_in(self, rule: Rule, line: BoxLine) -> bool:
        """Whether every basket of the box has the line, open to the rule."""
        here = line.units_lo > 0 and bool(line.mask_sure >> rule.place & 1)
        return here and not line.maybe & rule.conflicts

    def may_be_parent(self, base: Base) -> bool:
        """Whether a gift of these lines may burden the target: none surely lists for more."""
        target = self.target
        return any(line is target for line, _ in base) and not any(
            certain and not line.is_rest and line.list_lo > target.list_hi for line, certain in base
        )

    def units_beside(self, base: Base) -> int | None:
        """Units of these lines for one unit of the target, at most, were it the dearest line.

        In 1/S; None = without bound (a SKU that lists at nothing).
        """
        listed = self.target.list_unit_fen
        widest = []
        for line, _ in base:
            if line is self.target:
                continue
            by_units = None if line.is_rest else line.units_hi * S // self.target.units_lo + 1
            by_list = listed * S // line.list_unit_fen + 1 if line.list_unit_fen else None
            bounds = [bound for bound in (by_units, by_list) if bound is not None]
            if not bounds:
                return None
            widest += [min(bounds)] * min(line.skus, LINES_MAX)
        return S + sum(sorted(widest)[-(LINES_MAX - 1) :])

    def gift_cost_fen(self, rule: Rule) -> int:
        """What a unit of the gift costs the shop."""
        assert isinstance(rule.effect, Gift)
        cost_fen = self.book.skus[self.book.number_of[rule.effect.sku]].cost_fen
        assert cost_fen is not None
        return cost_fen

    def enclose_sum(self, rule: Rule, base: Base, *, sure: bool) -> None:
        """One rule that takes money off a sum, gives a gift, or frees shipping."""
        seen_all = self.range_of(rule, base)
        effect = rule.effect
        times = asked_by(effect, seen_all.measured_hi, seen_all.pieces_hi)[1]
        if not times:
            return
        if isinstance(effect, Gift):
            touch(self, rule, base, self.surely_given(rule, base, sure=sure))
            self.burden_gift(rule, base, seen_all)
            return
        if isinstance(effect, FreeShipping):
            touch(self, rule, base, [])
            self.burden_fee(rule, base, seen_all)
            return
        part_lo = self.least_part(rule, base) if sure else 0  # 0: it may not apply
        rate_bp = self.exact_rate(rule, base)
        if rate_bp is not None:
            seen = self.range_of(rule, base, self.target)
            parts = [greatest_part(effect, seen, rule.discount_max_fen, exact=True)]
            if sure and base[0][1] and is_always(effect) and not rule.discount_max_fen:
                part_lo = parts[0]  # whatever the quantity
        else:
            parts = [self.part_of(rule, base, line) for line, _ in base]
        self.sums_seen += len(base) > 1
        for (line, certain), part_hi in zip(base, parts, strict=True):
            part = (part_lo if certain else 0, part_hi)
            self.reduce(rule, line, part, single=len(base) == 1, rate_bp=rate_bp)
        surely = [line for line, certain in base if certain] if part_lo else []
        touch(self, rule, base, surely)

    def exact_rate(self, rule: Rule, base: Base) -> int | None:
        """The rate of a rule that sees the target alone and whose R1 has nothing to round."""
        rate_bp = rate_of(rule.effect)
        target = self.target
        if rate_bp is None or len(base) > 1 or base[0][0] is not target:
            return None
        if rule.basis != RUNNING or not target.grain_fen or target.grain_fen * rate_bp % BP:
            return None
        return rate_bp

    def part_of(self, rule: Rule, base: Base, line: BoxLine) -> int:
        """The greatest part that a line of the base can lose: it is there then, whole or in part.

        For the target the range knows that it is there. Another line that may be missing is there
        with at least one unit when it loses anything.
        """
        if line is self.target or line.units_lo:
            seen = self.range_of(rule, base, line)
        else:
            units, amount, level, listed = (
                line.units_lo, line.amount_lo, line.level_lo, line.list_lo,
            )  # fmt: skip
            line.units_lo = 1
            if not line.is_rest:
                line.list_lo = line.list_unit_fen
                line.amount_lo = line.keep_list * line.list_unit_fen // S - self.sums_seen
                line.amount_lo = max(line.amount_lo, 0)
            seen = self.range_of(rule, base, line)
            line.units_lo, line.amount_lo, line.level_lo, line.list_lo = (
                units, amount, level, listed,
            )  # fmt: skip
        return greatest_part(rule.effect, seen, rule.discount_max_fen)

    def range_of(self, rule: Rule, base: Base, there: BoxLine | None = None) -> Range:
        """What the rule may measure on its base, with one line of it surely there."""
        pieces_hi = running_lo = running_hi = level_lo = level_hi = list_lo = list_hi = 0
        keep_level = keep_list = S
        for line, certain in base:
            pieces_hi += line.units_hi
            running_hi += line.amount_hi
            level_hi += line.level_hi
            list_hi += line.list_hi
            if certain or line is there:
                running_lo += line.amount_lo
                level_lo += line.level_lo
                list_lo += line.list_lo
            keep_level = min(keep_level, line.keep_level)
            keep_list = min(keep_list, line.keep_list)
        slack_fen = self.sums_seen * min(self.lines_max, LINES_MAX)
        if rule.basis == RUNNING:
            return Range(running_lo, running_hi, pieces_hi, running_lo, S, 0)
        if rule.basis == LEVEL_START:
            return Range(level_lo, level_hi, pieces_hi, running_lo, keep_level, slack_fen)
        return Range(list_lo, list_hi, pieces_hi, running_lo, keep_list, slack_fen)

    def least_part(self, rule: Rule, base: Base) -> int:
        """The least of what is given over the running sum, in 1/S, where the rule is sure."""
        measured_lo = pieces_lo = running_lo = running_hi = 0
        for line, certain in base:
            running_hi += line.amount_hi
            if certain:
                pieces_lo += line.units_lo
                running_lo += line.amount_lo
                measured_lo += (line.amount_lo, line.level_lo, line.list_lo)[rule.basis]
        asked_fen, times = asked_by(rule.effect, measured_lo, pieces_lo)
        if not times or not running_hi:
            return 0
        if rule.discount_max_fen:
            asked_fen = min(asked_fen, rule.discount_max_fen)
        return max(min(asked_fen, running_lo) * S // running_hi, 0)

    def surely_given(self, rule: Rule, base: Base, *, sure: bool) -> list[BoxLine]:
        """The lines that a gift surely touches."""
        certain_lines = [line for line, certain in base if certain]
        measured_lo = sum(
            (line.amount_lo, line.level_lo, line.list_lo)[rule.basis] for line in certain_lines
        )
        times = asked_by(rule.effect, measured_lo, sum(x.units_lo for x in certain_lines))[1]
        return certain_lines if sure and times else []

    def reduce(
        self, rule: Rule, line: BoxLine, part: tuple[int, int], *, single: bool, rate_bp: int | None
    ) -> None:
        """Take between the least and the greatest part off a line; a share is off by < 1 fen."""
        part_lo, part_hi = part
        slack = 0 if single else 1
        units_lo = max(line.units_lo, 1)
        if line is self.target:
            lost = -(-line.mean_hi * part_hi // S)
            if part_lo:
                line.mean_hi = -(-line.mean_hi * (S - part_lo) // S)
                line.mean_hi -= -slack * S // units_lo
            line.mean_lo = max(line.mean_lo * (S - part_hi) // S + -slack * S // units_lo, 0)
            borne = -(-lost * (BP - rule.platform_bp) // BP)
            broken = 3 if rule.platform_bp and not single else 1 if rule.platform_bp else slack
            is_exact = rate_bp is not None and not rule.discount_max_fen
            off_fen = line.grain_fen * (BP - (rate_bp or 0)) // BP if is_exact else 0
            if is_exact and off_fen * rule.platform_bp % BP == 0:
                broken = 0  # R2 has nothing to round either
            line.owed_lo = max(line.owed_lo - borne + -broken * S // units_lo, line.mean_lo)
            line.grain_fen = line.grain_fen - off_fen if part_lo and is_exact else 0
            line.amount_lo = line.units_lo * line.mean_lo // S
        else:
            if line.is_rest:
                slack *= LINES_MAX
            line.amount_lo = max(line.amount_lo * (S - part_hi) // S - slack, 0)
        if part_lo:
            line.amount_hi = -(-line.amount_hi * (S - part_lo) // S) + slack
        line.keep_level = line.keep_level * (S - part_hi) // S
        line.keep_list = line.keep_list * (S - part_hi) // S

    def burden_gift(self, rule: Rule, base: Base, seen: Range) -> None:
        """A gift for a spend: its cost on the target, were it the dearest line of the base."""
        effect = rule.effect
        assert isinstance(effect, Gift)
        target = self.target
        if not self.may_be_parent(base):
            return
        lines = sum(line.skus for line, _ in base)
        widest_fen = min(lines, LINES_MAX) * target.list_unit_fen  # measured, by unit of the target
        spend_fen = effect.spend_fen or 0
        fewest = target.units_lo
        if spend_fen:
            if not widest_fen:
                return
            fewest = max(fewest, -(-spend_fen // widest_fen))
        if fewest > target.units_hi:
            return
        times = asked_by(effect, seen.measured_hi, seen.pieces_hi)[1]
        each = times * S // fewest + 1
        if effect.repeat and spend_fen:
            each = min(each, widest_fen * S // spend_fen + 1)
        self.gifts_hi += self.gift_cost_fen(rule) * effect.quantity * each

    def burden_fee(self, rule: Rule, base: Base, seen: Range) -> None:
        """A waived fee: the target's share of what the shop bears of it."""
        effect = rule.effect
        assert isinstance(effect, FreeShipping)
        if not any(line is self.target for line, _ in base):
            return
        waived_fen = min(self.waived_fee_fen, effect.up_to_fen or self.waived_fee_fen)
        shop_fen = waived_fen - waived_fen * rule.platform_bp // BP
        whole = -(-shop_fen * S // self.target.units_lo)
        threshold_fen = effect.spend_fen or 0
        at = max(seen.measured_lo, min(threshold_fen, seen.measured_hi))
        running_fen = seen.running_at(at)
        if running_fen and len(base) > 1:
            share = -(-self.target.mean_hi * shop_fen // running_fen)
            share += S // self.target.units_lo + 1
            whole = min(whole, share)
        elif running_fen:
            # Alone it bears all of it, on as many units as the threshold takes.
            most = max(self.target.list_unit_fen, 1)
            fewest = max(self.target.units_lo, -(-at // most) if threshold_fen else 0, 1)
            whole = -(-shop_fen * S // fewest)
        self.fees_hi += whole
