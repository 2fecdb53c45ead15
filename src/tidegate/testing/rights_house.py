"""A desk for requests about one's own data, on a real vault, identity table and folders of files.

Always the parts that serve a shop; codes that would be sent to persons lie in `sent`.
"""

from dataclasses import dataclass, field
from pathlib import Path

from tidegate.people.identity import IdentityTable
from tidegate.people.rights.desk import RightsDesk, RightsParts
from tidegate.people.rights.identity_check import CodeCheck, SeenByOperator
from tidegate.people.rights.places import Places
from tidegate.people.rights.places_here import FilesPlace, IdentityPlace, TokensOnlyPlace
from tidegate.people.rights.store import Request, RightsStore
from tidegate.testing.vault_house import ANN, ANNS, BOB, BOBS, OPERATOR, House

ACCOUNT, PHONE, ADDRESS = 0, 1, 2
LIMIT_DAYS = 20  # the longest limit period that runs


@dataclass
class RightsHouse:
    """A folder with everything that a request can reach."""

    folder: Path
    sent: list[tuple[int, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.house = House(self.folder)
        self.exports = self.folder / "channels"
        self.logs = self.folder / "logs"
        for folder in (self.exports, self.logs):
            folder.mkdir(exist_ok=True)
        self.identity = IdentityTable.open(
            self.folder / "identity.db", bytes(range(32)), self.house.days.today
        )
        self.store = RightsStore(self.folder / "rights.db")
        self.desk = self._desk()

    def _desk(self) -> RightsDesk:
        vault = self.house.vault
        codes = CodeCheck(
            self.store,
            lambda person, _channel, code: self.sent.append((person, code)),
            self.house.days.now_ms,
            vault.parts.random_bytes,
        )
        places = Places(
            [
                FilesPlace("files of channels", lambda: [self.exports]),
                TokensOnlyPlace("logs", lambda: sorted(self.logs.rglob("*"))),
                IdentityPlace(self.identity),
            ]
        )
        self.codes = codes
        return RightsDesk(
            RightsParts(
                vault, self.identity, self.store, places,
                {"operator": SeenByOperator(), "code": codes},
            )
        )  # fmt: skip

    def reopen(self) -> None:
        """Close the vault and open it again."""
        self.house.reopen()
        self.desk = self._desk()

    def fill(self) -> None:
        """Ann and Bob, in the vault and as buyers."""
        self.house.fill()
        self.identity.set_period_end(self.house.days.day + LIMIT_DAYS)
        for person in (ANNS, BOBS):
            values = {one.field: one.value for one in person}
            self.identity.tokens(
                [
                    (kind, self.identity.keyed_hash(kind, values[name]))
                    for kind, name in ((ACCOUNT, "account"), (PHONE, "phone"), (ADDRESS, "address"))
                ]
            )

    def identified(self, person: int, kind: str, asked_by: str = "self") -> Request:
        """A request of somebody whose identity was seen."""
        request = self.desk.open(OPERATOR, person, kind, asked_by=asked_by)
        proof = "kinship_shown" if asked_by == "kin" else "document_seen"
        return self.desk.identify(OPERATOR, request.id, "operator", proof)

    def close(self) -> None:
        """Give the files back."""
        self.house.vault.close()
        self.identity.close()
        self.store.close()


__all__ = ["ANN", "BOB", "OPERATOR", "RightsHouse"]
