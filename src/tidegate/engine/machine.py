"""One shop's engine: decide a batch and get its journal entry, or fold an entry.

    machine.begin(now_ms, local_day)      the moment of the batch
    machine.decide_orders(lines)          any number of these, in any order,
    machine.decide_operations(rows)       each giving its outcomes
    machine.decide_command(...)           and writing its frame
    machine.expire()
    payload = machine.finish()            what the journal must hold before anyone is answered

`fold(payload)` on another machine with the same seed leads to the same state, bit by bit
(`digest`). A machine whose entry was not stored is thrown away and folded anew. It does no input
or output and reads no clock.
"""

import hashlib
from typing import NamedTuple

import numpy as np

from tidegate.domain.reasons import Reason
from tidegate.engine import layout as lo
from tidegate.engine.ahead import MemoryAhead
from tidegate.engine.apply import apply_fact
from tidegate.engine.catalogue import Catalogue, load_catalogue
from tidegate.engine.claims import available_units
from tidegate.engine.command_context import Context
from tidegate.engine.commands import judge_command
from tidegate.engine.digest import digest_of
from tidegate.engine.expiry import due_holds, expire_orders
from tidegate.engine.fact_bounds import fact_fits
from tidegate.engine.index import NONE
from tidegate.engine.layout import Capacity
from tidegate.engine.margin import fits, reach
from tidegate.engine.operations import decide_operations, fold_operations
from tidegate.engine.orders import decide_orders, fold_orders, forget
from tidegate.engine.state import Counts, Room, new_state, room, state_parts
from tidegate.engine.tables import find_id, hash_id, remember_order, remember_refusal
from tidegate.record import entry as en
from tidegate.record import facts as f
from tidegate.record.lines import LINE, OUTCOME, Array, require_orders

EXPIRE_MAX = 1_024  # holds ended by one record
BATCH_MAX = 1 << 16  # lines of one batch


def own_rows(rows: Array) -> Array:
    """Rows as the kernel was compiled for: read-only ones would be compiled for anew."""
    return rows if rows.flags.writeable and rows.flags.c_contiguous else rows.copy()


class CommandOutcome(NamedTuple):
    """The verdict on a command, whether it is a repeat, and what it became."""

    reason: Reason
    duplicate: bool
    fact: f.Fact | None


class Machine:
    """The engine of one shop. Not for two threads at once."""

    def __init__(self, seed: bytes, capacity: Capacity | None = None) -> None:
        self.capacity = capacity or Capacity()
        self.state = new_state(self.capacity, seed)
        self.memory_ahead = MemoryAhead(self.state)  # for the thread that stores batches
        self.catalogue = Catalogue()
        self.writer = en.EntryWriter()
        self._due = np.zeros(EXPIRE_MAX, np.uint64)
        self._plans, self._reach = (0, 0, 0), (0, 0)  # when the reach was last computed
        self._moment = (0, 0)  # of the last entry

    @property
    def now_ms(self) -> int:
        """The moment of the last batch, UTC milliseconds; never goes back."""
        return int(self.state.scalars[lo.NOW_MS])

    def begin(self, now_ms: int, local_day: int) -> None:
        """Set the moment of the next batch. Time and days never go back: earlier ones count as now.

        local_day: days since 1970-01-01 of the shop's own calendar, 0 … 65,535.
        """
        scalars = self.state.scalars
        scalars[lo.NOW_MS] = max(now_ms, int(scalars[lo.NOW_MS]))
        scalars[lo.LOCAL_DAY] = max(min(local_day, 0xFFFF), int(scalars[lo.LOCAL_DAY]))

    def decide_orders(self, lines: Array) -> Array:
        """Decide LINE rows (at most BATCH_MAX); one OUTCOME row an order comes back.

        Nothing is decided when the rows are no orders: raises LinesMalformed.
        """
        assert len(lines) <= BATCH_MAX
        require_orders(lines)
        outcomes = np.zeros(len(lines), OUTCOME)
        count = decide_orders(self.state, lines, outcomes)
        outcomes = outcomes[:count]
        self.writer.orders(lines, outcomes)
        return outcomes

    def decide_operations(self, rows: Array) -> Array:
        """Decide OPERATION rows (at most BATCH_MAX); one OUTCOME row each comes back."""
        assert len(rows) <= BATCH_MAX
        rows = own_rows(rows)
        outcomes = np.zeros(len(rows), OUTCOME)
        decide_operations(self.state, rows, outcomes)
        self.writer.operations(rows, outcomes)
        return outcomes

    def decide_command(
        self, id_hi: int, id_lo: int, command: f.Command, actor: int, approver: int = 0
    ) -> CommandOutcome:
        """Decide one operator's command. `actor` and `approver` are tokens of people, 0 = none."""
        try:
            body = f.encode(command) + actor.to_bytes(8, "little") + approver.to_bytes(8, "little")
        except (OverflowError, UnicodeEncodeError):  # no number or text that a record can hold
            return CommandOutcome(Reason.OUT_OF_BOUNDS, False, None)
        seed = int(self.state.secrets[0]).to_bytes(8, "little")
        digest = hashlib.blake2b(body, key=seed, digest_size=8).digest()
        print_ = int.from_bytes(digest, "little")
        known = self._known(id_hi, id_lo)
        if known != NONE:
            return self._answer_again(known, print_)
        context = Context(self.state, self.catalogue, actor, approver, self.now_ms)
        reason, fact = judge_command(context, command)
        envelope = f.Envelope(id_hi, id_lo, print_, actor, approver, int(reason), fact)  # type: ignore[arg-type]
        self._apply(envelope)
        self.writer.raw(en.COMMAND, f.encode(envelope))
        return CommandOutcome(reason, False, fact)

    def expire(self) -> int:
        """End holds that are due, at most EXPIRE_MAX; how many."""
        count = int(due_holds(self.state, self._due))
        if count:
            # A hold that was extended may stand in the heap twice with the same end.
            numbers = np.unique(self._due[:count])
            expire_orders(self.state, numbers)
            self.writer.expired(numbers)
            count = len(numbers)
        return count

    def note(self, note: f.Note) -> None:
        """Write a note of the system's own."""
        self.writer.raw(en.NOTE, f.encode(note))

    def finish(self) -> bytes:
        """The entry of everything decided since the last one; empty when there was nothing.

        Then nothing has happened, and the time is again that of the last entry.
        """
        scalars = self.state.scalars
        if self.writer.frames == 0:
            scalars[lo.NOW_MS], scalars[lo.LOCAL_DAY] = self._moment
            return b""
        self._keep_moment()
        scalars[lo.ENTRY_SEQ] += 1
        return self.writer.take(self.now_ms, int(scalars[lo.LOCAL_DAY]), lo.ENGINE_VERSION)

    def fold(self, payload: bytes | memoryview) -> en.EntryHead:
        """Apply an entry as it was decided. Raises EntryCorrupt or EntryTooNew."""
        data = en.aligned(payload)
        head = en.read_head(data)
        self.begin(head.now_ms, head.local_day)
        for frame in en.read_frames(data):
            self.fold_frame(frame)
        self.end_fold()
        return head

    def end_fold(self) -> None:
        """An entry was folded, or decided again: count it and drop what would have been written."""
        self._keep_moment()
        self.state.scalars[lo.ENTRY_SEQ] += 1
        self.writer.drop()

    def due(self) -> Array:
        """The running numbers of holds that are due, at most EXPIRE_MAX; changes nothing."""
        return self._due[: int(due_holds(self.state, self._due))].copy()

    def available(self, sku: int, pool: int) -> int:
        """Units of a SKU that may be sold from a pool now (a bundle's: what its parts allow)."""
        parts = self.catalogue.parts.get(sku, [])
        if not parts:
            return max(0, int(available_units(self.state, sku, pool, True)))
        return min(
            max(0, int(available_units(self.state, part, pool, True))) // each
            for part, each in parts
        )

    def room(self) -> Room:
        """How much the tables may still take."""
        return room(self.state)

    def fits(self, lines: int, operations: int) -> bool:
        """Whether a batch of so many lines and operations (commands count as such) may be decided.

        Ask before `begin`; a batch that does not fit must be refused as busy.
        """
        c = self.state.scalars
        plans = (int(c[lo.PLAN_TOP]), int(c[lo.RECIPE_TOP]), len(self.catalogue.rules))
        if plans != self._plans:
            self._plans, self._reach = plans, reach(self.state, self.catalogue)
        return fits(self.state, self._reach, lines, operations)

    def past_memory(self, now_ms: int) -> bool:
        """Whether an id is older than the shop has to remember it, so that `make_room` helps."""
        c, now_s = self.state.scalars, now_ms // 1000
        return any(
            c[base] < c[count]
            and int(rows[int(c[base]) % len(rows)]["decided_at_s"]) + int(c[memory_s]) <= now_s
            for rows, base, count, memory_s in (
                (self.state.refusals, lo.REFUSAL_BASE, lo.REFUSAL_COUNT, lo.REFUSAL_MEMORY_S),
                (self.state.orders, lo.ORDER_BASE, lo.ORDER_COUNT, lo.ORDER_MEMORY_S),
            )
        )

    def make_room(self) -> None:
        """Forget some old ids, on the record: a batch without orders does just that."""
        self.decide_orders(np.zeros(0, LINE))

    def parts(self) -> list[tuple[str, Array]]:
        """Every used slice of the state, then the catalogue, in a fixed order."""
        cat = self.catalogue
        used = Counts(
            len(cat.skus),
            len(cat.pools),
            len(cat.rules) + 1,
            len(cat.promotions) + 1,
            len(cat.exceptions) + 1,
        )
        catalogue = np.frombuffer(cat.dump(), np.uint8)
        return [*state_parts(self.state, used), ("catalogue", catalogue)]

    def digest(self) -> str:
        """The digest of the state (`digest.digest_of`): the same state, the same digest."""
        return digest_of(self.parts())

    def load_catalogue(self, data: bytes) -> None:
        """Take the catalogue of a snapshot, whose tables were filled before."""
        self.catalogue = load_catalogue(data)
        self._keep_moment()

    def _keep_moment(self) -> None:
        scalars = self.state.scalars
        self._moment = (int(scalars[lo.NOW_MS]), int(scalars[lo.LOCAL_DAY]))

    def _known(self, hi: int, lo_: int) -> int:
        hi64, lo64 = np.uint64(hi), np.uint64(lo_)
        return int(find_id(self.state, hi64, lo64, np.uint64(hash_id(self.state, hi64, lo64))))

    def _answer_again(self, known: int, print_: int) -> CommandOutcome:
        if known & lo.REFUSED_BIT:
            row = self.state.refusals[known & 0x7FFFFFFF]
            same = int(row["fingerprint"]) == print_
            return CommandOutcome(
                Reason(int(row["reason"])) if same else Reason.ID_REUSED, True, None
            )
        row = self.state.orders[known]
        same = int(row["fingerprint"]) == print_ and int(row["state"]) == lo.OPERATION_DONE
        return CommandOutcome(Reason.ACCEPTED if same else Reason.ID_REUSED, True, None)

    def _apply(self, envelope: f.Envelope) -> None:
        s = self.state
        forget(s)
        hi, lo_ = np.uint64(envelope.id_hi), np.uint64(envelope.id_lo)
        print_ = np.uint64(envelope.fingerprint)
        hashed = np.uint64(hash_id(s, hi, lo_))
        if envelope.fact is None:
            remember_refusal(s, hi, lo_, hashed, print_, envelope.reason, 0, 0)
            return
        remember_order(s, hi, lo_, hashed, print_, lo.OPERATION_DONE, 0, 0)
        apply_fact(s, self.catalogue, envelope.fact)

    def _fold_command(self, envelope: f.Envelope) -> None:
        if envelope.fact is not None and not fact_fits(self.state, envelope.fact):
            raise en.EntryCorrupt("a command's numbers lie outside the tables")
        try:
            self._apply(envelope)
        except (OverflowError, ValueError, LookupError) as error:
            raise en.EntryCorrupt(f"a command cannot be applied: {error}") from error

    def fold_frame(self, frame: en.Frame) -> None:
        """Apply one frame of an entry whose moment was set. `fold` is what others use."""
        if frame.kind == en.ORDERS:
            lines, outcomes = en.read_orders(frame.body)
            fold_orders(self.state, lines, outcomes)
        elif frame.kind == en.OPERATIONS:
            rows, outcomes = en.read_operations(frame.body)
            if not fold_operations(self.state, rows, outcomes):
                raise en.EntryCorrupt("an operation names an order that is not there")
        elif frame.kind == en.EXPIRED:
            expire_orders(self.state, en.read_expired(frame.body))
        elif frame.kind == en.COMMAND:
            self._fold_command(f.decode_envelope(frame.body.tobytes()))
        elif frame.kind != en.NOTE:
            raise en.EntryTooNew(f"frame type {frame.kind} is not known to this release")
