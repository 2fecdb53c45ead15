"""Carries a plan to a desk, step by step in the file's own time.

Orders are placed, shipped, returned and written off strictly in the order of the plan. The runner
decides nothing: whether an order is taken is the engine's word. Opens no file; what was settled
goes into the ProgressFile it is given, only after the desk says that it is durable.
"""

from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import NDArray

from tidegate.domain.reasons import Reason
from tidegate.imports.answers import NO_MATCH, Answers, no_answers
from tidegate.imports.bound import BoundPlan
from tidegate.imports.order_lines import RETURN, SALE
from tidegate.imports.plan import Step
from tidegate.imports.ports import DeskPort
from tidegate.imports.resume import ProgressFile, Settled
from tidegate.imports.returns import ReturnMatcher
from tidegate.record import lines as rec

ROWS_PER_CALL_MAX = 4_096
STEPS_PER_SYNC = 500

Reasons = NDArray[np.uint8]


class OrderRun:
    """One run of one plan against one desk."""

    def __init__(self, bound: BoundPlan, port: DeskPort, progress: ProgressFile) -> None:
        self._bound = bound
        self._plan = bound.plan
        self._port = port
        self._progress = progress
        self._matcher = ReturnMatcher(bound.plan)
        self._now_ms = port.now_ms()
        self.answers: Answers = no_answers(bound.plan)

    def run(self, on_step: Callable[[int], None] = lambda _done: None) -> Answers:
        """Take up what an earlier run settled, ask the desk for the rest, return all answers."""
        kept = self._take_up(self._progress.settled())
        self._progress.restart(kept)
        pending: list[Settled] = []
        try:
            for number in range(len(kept), len(self._plan.steps)):
                reasons = self._ask(self._plan.steps[number])
                pending.append(Settled(number, reasons.tobytes()))
                if len(pending) >= STEPS_PER_SYNC:
                    self._keep(pending)
                    on_step(number + 1)
            self._keep(pending)
            on_step(len(self._plan.steps))
        finally:
            self._progress.close()
        return self.answers

    def _take_up(self, earlier: Iterable[Settled]) -> list[Settled]:
        """Repeat settled steps without the desk, up to the first that does not fit the plan."""
        kept: list[Settled] = []
        for entry in earlier:
            if entry.step >= len(self._plan.steps):
                break
            step = self._plan.steps[entry.step]
            if len(entry.reasons) != len(step.refs):
                break
            self._settle(step, np.frombuffer(entry.reasons, dtype=np.uint8))
            if step.kind == RETURN:
                for line in step.refs.tolist():
                    self._matcher.match(line)
            kept.append(entry)
        return kept

    def _keep(self, pending: list[Settled]) -> None:
        self._port.sync()
        self._progress.add(pending)
        pending.clear()

    def _ask(self, step: Step) -> Reasons:
        self._now_ms = max(self._now_ms, step.now_ms)
        if step.kind == SALE:
            reasons = self._place(step)
        elif step.kind == RETURN:
            reasons = np.array([self._give_back(line) for line in step.refs.tolist()], np.uint8)
        else:
            reasons = self._write_off(step)
        self._settle(step, reasons)
        return reasons

    def _settle(self, step: Step, reasons: Reasons) -> None:
        if step.kind == SALE:
            self.answers.part[step.refs] = reasons
            for part in step.refs[reasons == Reason.ACCEPTED].tolist():
                self._matcher.accepted(part)
        else:
            self.answers.line[step.refs] = reasons

    def _place(self, step: Step) -> Reasons:
        """Place the parts of one time, then ship those that were accepted."""
        found: list[Reasons] = []
        for first, last in self._bound.chunks(step, ROWS_PER_CALL_MAX):
            outcomes = self._port.place_rows(self._bound.part_rows(first, last), self._now_ms)
            assert len(outcomes) == last - first, "one outcome for each order"
            self.answers.repeated += int((outcomes["flags"] & rec.DUPLICATE != 0).sum())
            found.append(outcomes["reason"].astype(np.uint8))
            accepted = first + np.flatnonzero(found[-1] == Reason.ACCEPTED)
            if len(accepted):
                shipped = self._port.operate(self._bound.shipments(accepted), self._now_ms)
                self.answers.unshipped += int((shipped["reason"] != Reason.ACCEPTED).sum())
        return np.concatenate(found)

    def _give_back(self, line: int) -> int:
        """Return what one cancellation line takes back; the first refusal, if there is one.

        A refused return stays taken in the matcher: the desk says those units are not there.
        """
        taken = self._matcher.match(line)
        if not taken:
            return NO_MATCH
        outcomes = self._port.operate(self._bound.returns(line, taken), self._now_ms)
        refused = outcomes["reason"][outcomes["reason"] != Reason.ACCEPTED]
        return int(refused[0]) if len(refused) else int(Reason.ACCEPTED)

    def _write_off(self, step: Step) -> Reasons:
        asked = [self._bound.write_off(line) for line in step.refs.tolist()]
        return self._port.commands(asked, self._now_ms)
