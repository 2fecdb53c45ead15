"""What the doors reach of a shop's people. Opens nothing: bootstrap hands it over."""

from dataclasses import dataclass

from tidegate.people.messages.port import MessagePort
from tidegate.people.proofs import PeopleProofs
from tidegate.people.shop_people import ShopPeople


@dataclass(frozen=True)
class PeopleDoors:
    """One shop's people as doors see them."""

    people: ShopPeople
    proofs: PeopleProofs
    port: MessagePort
