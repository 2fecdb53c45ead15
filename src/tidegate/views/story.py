"""An order's story: every event, and why, ready for JSON, in English and Chinese.

Always: in the order of the journal, with each event's place, so that it can be proven. Never: a
token, a name or an address; of identity keys only their kinds are told.
"""

from typing import Any

from tidegate.domain.reasons import REASON_TEXTS, Reason
from tidegate.record.lines import (
    ALL_LINES,
    CANCEL,
    DUPLICATE,
    EXTEND,
    FACT,
    HOLD,
    OPERATION_KINDS,
    PAY,
    RELEASE,
    RETURN,
    RETURN_DEFECTIVE,
    SHIP,
    Array,
)
from tidegate.views.names import Names
from tidegate.views.order import EXPIRED, PRE_HELD, Order, lines_of, verified_kinds
from tidegate.views.parts import place_of
from tidegate.views.terms import Terms
from tidegate.views.why import Case, why
from tidegate.views.words import (
    STATES_ZH,
    ZONE_DEFAULT,
    Said,
    clock_time,
    local_time,
    reason_said,
    units_en,
    yuan,
)

OVERRIDE = 1  # OPERATION flag of a release that a person approved
JUDGED = (Reason.LIMIT_EXCEEDED, Reason.BUDGET_EXHAUSTED, Reason.STOCK_SHORT)  # leave figures

Event = dict[str, Any]

_MOVED = {
    CANCEL: ("{} cancelled", "取消 {} 件"),
    SHIP: ("{} shipped", "发货 {} 件"),
    RETURN: ("{} returned to stock", "退货 {} 件，已回库"),
    RETURN_DEFECTIVE: ("{} returned, not fit for sale", "退货 {} 件，残次不回库"),
}


class Story:
    """Takes an order's events in turn and tells them."""

    def __init__(self, names: Names) -> None:
        self._names = names
        self._zone = names.zone(ZONE_DEFAULT)
        self.order = Order()
        self.events: list[Event] = []

    def decided(self, seq: int, position: int, now_ms: int, rows: Array, outcome: Array) -> None:
        """The order came: the LINE rows of one order and its OUTCOME row."""
        terms = Terms(self._names, place_of(seq, position), now_ms)
        reason, repeat = Reason(int(outcome["reason"])), bool(outcome["flags"] & DUPLICATE)
        if not repeat:
            self.order.placed(rows, int(reason), now_ms, terms.policy())
        is_sale = bool(rows[0]["flags"] & FACT)
        name = "sale" if is_sale else "order"
        if is_sale and reason is Reason.ACCEPTED:
            said = self._judged(terms, rows, outcome)
        elif reason is Reason.ACCEPTED:
            said = self._accepted()
        else:
            case = _case(terms, rows, outcome, int(outcome["rule"]), int(outcome["has"]))
            told = reason_said(reason, why(case, reason))
            said = Said(told.figures, f"refused: {told.en}", f"拒单：{told.zh}")
        if repeat and reason is not Reason.ID_REUSED:
            said = Said(
                said.figures,
                f"sent again, same answer: {said.en}",
                f"重复提交，答复不变：{said.zh}",
            )
        self._tell((seq, position, now_ms), name, reason, said, repeat)

    def operated(self, seq: int, position: int, now_ms: int, row: Array, outcome: Array) -> None:
        """An operation on it was decided: its OPERATION row and its OUTCOME row."""
        kind, reason = int(row["kind"]), Reason(int(outcome["reason"]))
        repeat = bool(outcome["flags"] & DUPLICATE)
        name = OPERATION_KINDS[kind] if kind < len(OPERATION_KINDS) else f"operation_{kind}"
        if repeat:
            told = REASON_TEXTS[reason]
            said = Said(
                {},
                f"sent again, same answer: {told.english}",
                f"重复提交，答复不变：{told.chinese}",
            )
        elif reason is Reason.ACCEPTED:
            said = self._done(kind, row, now_ms)
        else:
            told_why = reason_said(reason, self._operation_why(reason, kind, row, outcome))
            said = Said(told_why.figures, f"refused: {told_why.en}", f"拒绝：{told_why.zh}")
        self._tell((seq, position, now_ms), name, reason, said, repeat)

    def hold_ended(self, seq: int, position: int, now_ms: int) -> None:
        """Its unpaid hold ended."""
        self.order.expired()
        said = Said({}, "not paid in time: the hold ended", "超时未付款，占货已释放")
        self._tell((seq, position, now_ms), "hold_expired", Reason.ACCEPTED, said, False)

    def summary(self) -> dict[str, Any]:
        """The order as it is after its events."""
        order, code = self.order, self._names.code
        return {
            "channel": code("channel", order.channel),
            "state": order.state,
            "state_zh": STATES_ZH.get(order.state, ""),
            "sale": order.is_sale,
            "placed_at": local_time(order.placed_at_ms, self._zone),
            "placed_at_ms": order.placed_at_ms,
            "hold_ends_at": local_time(order.hold_ends_ms, self._zone)
            if order.hold_ends_ms
            else None,
            "due_fen": order.due_fen if order.state in (PRE_HELD, EXPIRED) else 0,
            "pricing_version": order.pricing_version,
            "identity_keys": list(order.key_kinds),
            "lines": [
                {
                    "line": number,
                    "sku": code("sku", line.sku),
                    "quantity": line.quantity,
                    "receivable_fen": line.receivable_fen,
                    "platform_fen": line.platform_fen,
                    "promotion": code("promotion", line.promotion) if line.promotion else None,
                    "exception": code("exception", line.exception) if line.exception else None,
                    "gift_of": line.gift_of - 1 if line.gift_of else None,
                    "cancelled": line.cancelled,
                    "shipped": line.shipped,
                    "returned": line.returned,
                }
                for number, line in enumerate(order.lines)
            ],
        }

    def _accepted(self) -> Said:
        ends_ms = self.order.hold_ends_ms
        if not ends_ms:
            return Said({}, "accepted, paid with the order", "已接单，下单时已付款")
        until = clock_time(ends_ms, self._zone)
        return Said(
            {"hold_ends_ms": ends_ms},
            f"accepted, units held until {until}",
            f"已接单，占货至 {until}",
        )

    def _judged(self, terms: Terms, rows: Array, outcome: Array) -> Said:
        """A marketplace's sale: recorded, with everything that the guards said."""
        mask = int(outcome["mask"])
        failed = [Reason(bit) for bit in range(32) if mask >> bit & 1]
        if not failed:
            return Said({"judgement": []}, "recorded, every guard passed", "已记录，各项判定通过")
        left = [reason for reason in JUDGED if reason in failed]
        judgement, en, zh = [], [], []
        for reason in failed:
            has = int(outcome["has"]) if left and reason is left[-1] else None
            case = _case(terms, rows, outcome, self._rule_of(terms, outcome, reason, failed), has)
            told = reason_said(reason, why(case, reason))
            judgement.append(
                {"reason": REASON_TEXTS[reason].name, "reason_number": int(reason), **told.figures}
            )
            en.append(told.en)
            zh.append(told.zh)
        return Said(
            {"judgement": judgement, "short": int(outcome["short"])},
            f"recorded, kept from release: {'; '.join(en)}",
            f"已记录，暂不放行：{'；'.join(zh)}",
        )

    @staticmethod
    def _rule_of(terms: Terms, outcome: Array, reason: Reason, failed: list[Reason]) -> int | None:
        """The rule that the record names, if it is this reason's: a later guard writes over it."""
        rule = terms.rule(int(outcome["rule"]))
        if rule is None:
            return None
        of_budget = Reason.BUDGET_EXHAUSTED in failed and rule.budget >= 0
        owner = Reason.BUDGET_EXHAUSTED if of_budget else Reason.LIMIT_EXCEEDED
        return rule.number if reason is owner else None

    def _done(self, kind: int, row: Array, now_ms: int) -> Said:
        """What an accepted operation did; the order is moved on."""
        order, line, quantity = self.order, int(row["line"]), int(row["quantity"])
        late, units = order.state == EXPIRED, quantity or order.open_units(line, kind)
        order.operated(kind, line, quantity, now_ms)
        if kind == PAY:
            fen = int(row["amount_fen"])
            if late:
                en, zh = (
                    f"paid {yuan(fen)} late, the units were taken again",
                    "逾期付款，已重新占货",
                )
                return Said({"amount_fen": fen}, en, f"{zh}，{yuan(fen)} 元")
            return Said({"amount_fen": fen}, f"paid {yuan(fen)}", f"已付款 {yuan(fen)} 元")
        if kind in _MOVED:
            en, zh = (
                text.format(n)
                for text, n in zip(_MOVED[kind], (units_en(units), units), strict=True)
            )
            figures = {"units": units}
            if line != ALL_LINES:
                figures["line"] = line
                en, zh = f"line {line}: {en}", f"第 {line} 行：{zh}"
            return Said(figures, en, zh)
        if kind == EXTEND:
            until = clock_time(order.hold_ends_ms, self._zone)
            figures = {"hold_ends_ms": order.hold_ends_ms}
            return Said(figures, f"hold extended until {until}", f"占货延长至 {until}")
        if kind == RELEASE and int(row["flags"]) & OVERRIDE:
            return Said(
                {"approved": True}, "released to the warehouse on approval", "经批准放行至仓库"
            )
        if kind == RELEASE:
            return Said({}, "released to the warehouse", "已放行至仓库")
        assert kind == HOLD, "the engine accepts no other operation"
        return Said({}, "put on hold by a person", "人工挂起")

    def _operation_why(self, reason: Reason, kind: int, row: Array, outcome: Array) -> Said:
        order = self.order
        if reason is Reason.WRONG_STATE:
            state = order.state or "unknown"
            return Said({"state": state}, f"it is {state}", STATES_ZH.get(state, state))
        if reason is Reason.QUANTITY_EXCEEDS_OPEN:
            has, asked = order.open_units(int(row["line"]), kind), int(row["quantity"])
            return Said(
                {"has": has, "asked": asked},
                f"has {has}, asked {asked}",
                f"可用 {has} 件，本次 {asked} 件",
            )
        if reason is Reason.AMOUNT_MISMATCH:
            due, paid = order.due_fen, int(row["amount_fen"])
            figures = {"due_fen": due, "amount_fen": paid}
            return Said(
                figures,
                f"due {yuan(due)}, paid {yuan(paid)}",
                f"应付 {yuan(due)}，实付 {yuan(paid)}",
            )
        mask = int(outcome["mask"])
        failed = [Reason(bit) for bit in range(32) if mask >> bit & 1]
        if reason is Reason.REFUND_DUE:
            figures_of: dict[str, Any] = {
                "amount_fen": int(row["amount_fen"]),
                "state": order.state,
            }
            if failed:
                figures_of["judgement"] = [REASON_TEXTS[found].name for found in failed]
                texts = [REASON_TEXTS[found] for found in failed]
                return Said(
                    figures_of,
                    "could not be taken again: " + "; ".join(text.english for text in texts),
                    "无法重新占货：" + "；".join(text.chinese for text in texts),
                )
            return Said(figures_of, f"it is {order.state}", STATES_ZH.get(order.state, ""))
        if failed:
            names = [REASON_TEXTS[found].name for found in failed]
            return Said({"judgement": names}, "", "")
        return Said({}, "", "")

    def _tell(
        self, at: tuple[int, int, int], name: str, reason: Reason, said: Said, repeat: bool
    ) -> None:
        seq, position, now_ms = at
        text = REASON_TEXTS[reason]
        self.events.append(
            {
                "seq": seq,
                "position": position,
                "at": local_time(now_ms, self._zone),
                "at_ms": now_ms,
                "event": name,
                "accepted": reason is Reason.ACCEPTED,
                "duplicate": repeat,
                "reason": text.name,
                "reason_number": int(reason),
                "retry_with_new_id": text.retry_with_new_id,
                "figures": said.figures,
                "text": {"en": said.en, "zh": said.zh},
            }
        )


def _case(terms: Terms, rows: Array, outcome: Array, rule: int | None, has: int | None) -> Case:
    head = rows[0]
    return Case(
        terms, lines_of(rows), int(head["channel"]), verified_kinds(head),
        int(head["placed_at_ms"]), int(head["mismatch_fen"]), int(head["pricing_version"]),
        rule, has, int(outcome["short"]),
    )  # fmt: skip
