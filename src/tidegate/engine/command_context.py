"""What judging a command may look at, and the checks that every command shares. Changes nothing."""

from tidegate.domain.reasons import Reason
from tidegate.engine.catalogue import Catalogue
from tidegate.engine.layout import State
from tidegate.record import facts as f

STOCK_MAX = 1 << 40


class Refused(Exception):
    """A command that cannot be carried out; turned into its reason at the machine's edge."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.name)
        self.reason = reason


class Context:
    """What judging a command may look at."""

    def __init__(
        self, state: State, catalogue: Catalogue, actor: int, approver: int, now_ms: int
    ) -> None:
        self.state = state
        self.catalogue = catalogue
        self.actor = actor
        self.approver = approver
        self.now_ms = now_ms

    def sku(self, code: str) -> int:
        """The number of a SKU that must exist."""
        return known(self.catalogue.skus, code)

    def pool(self, code: str) -> int:
        """The number of a pool that must exist."""
        return known(self.catalogue.pools, code)


def known(table: dict[str, int], code: str) -> int:
    """The number of a code that must exist."""
    if code not in table:
        raise Refused(Reason.UNKNOWN_TARGET)
    return table[code]


def bound(value: int, low: int, high: int) -> int:
    """A value that must lie within its bounds."""
    if not low <= value <= high:
        raise Refused(Reason.OUT_OF_BOUNDS)
    return value


def code_ok(code: str) -> str:
    """A code that must be short, printable and not empty."""
    if not code or len(code) > f.CODE_MAX or not code.isprintable():
        raise Refused(Reason.OUT_OF_BOUNDS)
    return code


def numbered(table: dict[str, int], code: str, first: int, most: int) -> int:
    """The number a code has, or the next one."""
    code_ok(code)
    return table[code] if code in table else bound(len(table) + first, first, most)
