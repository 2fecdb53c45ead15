"""A vault to test on: a real one in a folder, a clock set by hand, a gate that is told what to say.

Always the files and the code that serve a shop. Nothing here is ever opened by what serves one.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tidegate.people.gate_port import Allow, Answer, Deny
from tidegate.people.vault.events import AccessRefused, AnyEvent
from tidegate.people.vault.register import Register, load_register
from tidegate.people.vault.root_key import open_root_key
from tidegate.people.vault.vault import Vault, VaultSettings, open_vault, vault_is_new
from tidegate.people.vault.writing import NewValue

DAY = 20_781  # 2026-11-24
DAY_MS = 86_400_000
OPERATOR = 0x0A
ANN, BOB = 0xA1A1_0000_0000_0001, 0xB0B0_0000_0000_0002

ORDER = ("order.fulfil",)
TRADE = ("tax.keep",)
ANNS = [
    NewValue("account", "ann-of-the-lake", ("order.fulfil", "marketing.push")),
    NewValue("name", "安湖静波", ORDER),
    NewValue("phone", "13812345678", ("order.fulfil", "marketing.push")),
    NewValue("address", "浙江省杭州市西湖区文三路90号", ORDER),
    NewValue("trade_name", "安湖静波商行", TRADE),
]
BOBS = [
    NewValue("account", "bob-by-the-sea", ORDER),
    NewValue("phone", "13987654321", ORDER),
    NewValue("address", "山东省青岛市市南区香港中路8号", ORDER),
]


class Days:
    """Time, set by hand."""

    def __init__(self) -> None:
        self.day = DAY

    def today(self) -> int:
        """The shop's day."""
        return self.day

    def now_ms(self) -> int:
        """Ten in the morning of that day, UTC."""
        return self.day * DAY_MS + 36_000_000


class ToldGate:
    """Allows everything until it is told what to refuse."""

    def __init__(self) -> None:
        self.refused: dict[tuple[int, str], str] = {}
        self.asked: list[tuple[int, str, frozenset[str], str, str, int]] = []

    def may(
        self, person: int, purpose: str, fields: frozenset[str], recipient: str, channel: str,
        at_ms: int,
    ) -> Answer:  # fmt: skip
        """As it was told."""
        self.asked.append((person, purpose, fields, recipient, channel, at_ms))
        reason = self.refused.get((person, purpose))
        return Deny(reason, "PIPL 13") if reason else Allow("rule 1.0")


@dataclass
class House:
    """A folder with a vault that can be closed and opened again."""

    folder: Path
    days: Days = field(default_factory=Days)
    gate: ToldGate = field(default_factory=ToldGate)
    register: Register = field(default_factory=load_register)
    assessed: Callable[[str], bool] = lambda _: False
    mirrors: tuple[Path, ...] = ()

    def __post_init__(self) -> None:
        self.vault: Vault = self.open()

    def open(self) -> Vault:
        """Open it (again)."""
        data = self.folder / "vault"
        root = open_root_key(
            self.folder / "secrets" / "vault-root.key", vault_is_new=vault_is_new(data)
        )
        settings = VaultSettings(
            "tea", self.register, self.days.now_ms, self.days.today, self.assessed, self.mirrors
        )
        self.vault = open_vault(data, root, self.gate, settings)
        return self.vault

    def reopen(self) -> Vault:
        """Close it and open it again."""
        self.vault.close()
        return self.open()

    def events(self) -> list[AnyEvent]:
        """Everything on record."""
        return [recorded.event for recorded in self.vault.parts.stream.after(0)]

    def refusals(self) -> list[AccessRefused]:
        """Every refusal on record."""
        return [event for event in self.events() if isinstance(event, AccessRefused)]

    def fill(self) -> None:
        """Ann and Bob, as they are above."""
        self.vault.writing.store(OPERATOR, ANN, ANNS)
        self.vault.writing.store(OPERATOR, BOB, BOBS)
