"""Commands of operators, and the facts that they become in the journal.

A command names things by their codes; the fact that the engine makes of it names them by number
and carries what it resolved, so that a fold needs no rule. Fields are only ever added, with
defaults: a release reads what the one before wrote, and the one before ignores what it does not
know. No fact holds a person's name: operators appear as tokens.
"""

import msgspec

from tidegate.record.corrupt import EntryCorrupt

CODE_MAX = 64
DOCUMENT_BYTES_MAX = 48 * 1024  # of a promotion's document
VERDICTS = ("proved", "below_floor", "unknown")
SCOPES = ("shop", "sku", "group", "promotion", "channel", "exception")


class Command(msgspec.Struct, tag_field="command", forbid_unknown_fields=True, frozen=True):
    """What an operator or a part of the system asks of a shop's engine."""


class PutSku(Command, tag="put_sku", frozen=True):
    """Add a SKU or change it. `parts` makes it a bundle of other SKUs."""

    code: str
    list_price_fen: int
    cost_floor_fen: int | None = None
    red_line_fen: int = 0
    quantity_max: int = 0
    quantity_min: int = 1
    safety_stock: int = 0
    parts: dict[str, int] = {}


class PutPool(Command, tag="put_pool", frozen=True):
    """Add a pool of stock (per-channel stock); pool 0 is `shared`."""

    code: str


class PutChannel(Command, tag="put_channel", frozen=True):
    """Add a channel or change the pool it sells from."""

    code: str
    kind: str = "own"
    pool: str = "shared"


class PutPromotion(Command, tag="put_promotion", frozen=True):
    """Add a promotion, or note that its price changed."""

    code: str


class PublishPromotion(Command, tag="publish_promotion", frozen=True):
    """Put a promotion's document in force, for the window it names, as the price guard checked it.

    `expected_version` is the pricing version it was checked at, `digest` (hex) that of what was
    checked. What was not proved needs two people and an approved exception to sell under.
    """

    code: str
    document: str
    digest: str
    expected_version: int
    verdict: str = "proved"
    exception: str = ""
    note: str = ""


class WithdrawPromotion(Command, tag="withdraw_promotion", frozen=True):
    """A promotion ends at once, whatever its window says."""

    code: str
    note: str = ""


class PutGroup(Command, tag="put_group", frozen=True):
    """Set the SKUs of a group."""

    code: str
    skus: list[str]


class PutRule(Command, tag="put_rule", frozen=True):
    """Add or change a purchase limit, budget or rate."""

    code: str
    scope: str
    target: str = ""
    basis: str = "units"
    window: str = "total"
    limits: dict[str, int] = {}
    budget: int | None = None


class DropRule(Command, tag="drop_rule", frozen=True):
    """Switch a rule off; what it counted stays."""

    code: str


class ReceiveStock(Command, tag="receive_stock", frozen=True):
    """Units arrived."""

    sku: str
    quantity: int
    pool: str = "shared"


class AdjustStock(Command, tag="adjust_stock", frozen=True):
    """Units found or written off."""

    sku: str
    delta: int
    pool: str = "shared"


class CountStock(Command, tag="count_stock", frozen=True):
    """Units counted; below what is promised, the difference is a named shortfall."""

    sku: str
    counted: int
    pool: str = "shared"


class MoveStock(Command, tag="move_stock", frozen=True):
    """Move available units from one pool to another."""

    sku: str
    quantity: int
    from_pool: str
    to_pool: str


class StartRecall(Command, tag="start_recall", frozen=True):
    """Take units of a channel's pool off sale, to bring them back once the channel has agreed."""

    sku: str
    quantity: int
    pool: str


class FinishRecall(Command, tag="finish_recall", frozen=True):
    """The channel acknowledged and its sales in flight are in: what is left goes back to shared."""

    sku: str
    quantity: int
    pool: str


class SetFlag(Command, tag="set_flag", frozen=True):
    """Set or clear `paused`, `alarm` or `incident` on the shop, a SKU or a promotion."""

    scope: str
    flag: str
    on: bool
    target: str = ""
    note: str = ""


class ApproveException(Command, tag="approve_exception", frozen=True):
    """Two people approve a floor for some SKUs, so many units, until a moment, past some guards."""

    code: str
    skus: list[str]
    floor_fen: int
    units: int
    expires_ms: int
    exempt: list[str] = []
    note: str = ""


class EndException(Command, tag="end_exception", frozen=True):
    """An exception stops at once."""

    code: str


class SetPolicy(Command, tag="set_policy", frozen=True):
    """The shop's own settings; fields left out stay as they are."""

    hold_ttl_s: int | None = None
    hold_ttl_max_s: int | None = None
    hold_cap: int | None = None
    late_payment_s: int | None = None
    quantity_max_order: int | None = None
    zone: str | None = None
    pricing_version: int | None = None


class ConfirmClock(Command, tag="confirm_clock", frozen=True):
    """A person confirms that the clock is right after a jump."""

    note: str = ""


AnyCommand = (
    PutSku | PutPool | PutChannel | PutPromotion | PublishPromotion | WithdrawPromotion
    | PutGroup | PutRule | DropRule | ReceiveStock | AdjustStock | CountStock | MoveStock
    | StartRecall | FinishRecall | SetFlag | ApproveException | EndException | SetPolicy
    | ConfirmClock
)  # fmt: skip


class Fact(msgspec.Struct, tag_field="fact", frozen=True):
    """What a command became. Numbers, never codes to be looked up; codes only to name new rows."""


class SkuPut(Fact, tag="sku_put", frozen=True):
    """A SKU as it is now; `plan` lists the rules on it and on its groups."""

    number: int
    code: str
    list_price_fen: int
    cost_floor_fen: int
    red_line_fen: int
    quantity_max: int
    quantity_min: int
    safety_stock: int
    pricing_version: int
    parts: list[tuple[int, int]]


class CodePut(Fact, tag="code_put", frozen=True):
    """A pool, channel or promotion as it is now."""

    scope: str
    number: int
    code: str
    pool: int = 0
    kind: str = ""
    pricing_version: int = 0


class PromotionPublished(Fact, tag="promotion_published", frozen=True):
    """A promotion's document as it is now; an empty one: withdrawn. Older quotes are stale."""

    number: int
    code: str
    document: str
    digest: str
    verdict: str
    exception: int
    pricing_version: int
    note: str = ""


class GroupPut(Fact, tag="group_put", frozen=True):
    """A group's SKUs, and the plans that follow."""

    number: int
    code: str
    skus: list[int]
    plans: list[tuple[str, int, list[int]]]


class RulePut(Fact, tag="rule_put", frozen=True):
    """A rule as it is now, and the plans that follow from it."""

    number: int
    code: str
    scope: str
    target: int
    basis: int
    window: int
    limits: list[int]
    budget: int
    known: bool
    plans: list[tuple[str, int, list[int]]]


class StockChanged(Fact, tag="stock_changed", frozen=True):
    """Units of a SKU in a pool changed; `on_hand` and `recalling` are what they are now."""

    kind: str
    sku: int
    pool: int
    delta: int
    on_hand: int
    recalling: int
    shortfall: int
    to_pool: int = -1


class FlagSet(Fact, tag="flag_set", frozen=True):
    """Flags of a shop, SKU or promotion as they are now."""

    scope: str
    number: int
    flags: int
    note: str = ""
    pricing_version: int = 0  # not 0: quotes from before are stale


class ExceptionPut(Fact, tag="exception_put", frozen=True):
    """An approved exception; `exempt` is a bit mask of reasons."""

    number: int
    code: str
    skus: list[int]
    floor_fen: int
    units: int
    expires_ms: int
    exempt: int
    known: bool
    note: str = ""


class PolicySet(Fact, tag="policy_set", frozen=True):
    """Settings as they are now."""

    values: dict[str, int]
    zone: str


class ClockConfirmed(Fact, tag="clock_confirmed", frozen=True):
    """A person confirmed the time."""

    note: str = ""


AnyFact = (
    SkuPut | CodePut | PromotionPublished | GroupPut | RulePut | StockChanged | FlagSet
    | ExceptionPut | PolicySet | ClockConfirmed
)  # fmt: skip


class Envelope(msgspec.Struct, frozen=True):
    """One decided command: its id and content hash, who asked, who approved, verdict, fact."""

    id_hi: int
    id_lo: int
    fingerprint: int
    actor: int
    approver: int
    reason: int
    fact: AnyFact | None


class Note(msgspec.Struct, frozen=True):
    """Something the system notes of itself: a snapshot's sequence and digest, the opening."""

    kind: str
    seq: int = 0
    digest: str = ""
    text: str = ""


_ENCODER = msgspec.msgpack.Encoder()
_ENVELOPES = msgspec.msgpack.Decoder(Envelope)
_NOTES = msgspec.msgpack.Decoder(Note)


def encode(value: Envelope | Note | Command) -> bytes:
    """A value as bytes."""
    return _ENCODER.encode(value)


def decode_envelope(body: bytes) -> Envelope:
    """The command of a COMMAND frame. Raises EntryCorrupt."""
    try:
        return _ENVELOPES.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise EntryCorrupt(f"a command cannot be read: {error}") from error


def decode_note(body: bytes) -> Note:
    """The note of a NOTE frame. Raises EntryCorrupt."""
    try:
        return _NOTES.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise EntryCorrupt(f"a note cannot be read: {error}") from error
