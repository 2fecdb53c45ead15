"""How the routes reach a shop's people, and how a person in a body becomes a token.

A person comes as exactly one account, phone, address or device, in the body and never in a URL, and
is a random token from then on. Everything that waits for a disk runs beside the loop.
"""

import asyncio
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from tidegate.http.buyers import keys_of
from tidegate.http.calls import Call
from tidegate.http.errors import NOT_FOUND, UNPROCESSABLE, Problem
from tidegate.http.people_doors import PeopleDoors
from tidegate.http.schemas import Buyer

P = ParamSpec("P")
T = TypeVar("T")


def people_of(call: Call) -> PeopleDoors:
    """The shop's people. Raises Problem where this server has none."""
    if call.shop.people is None:
        raise Problem(NOT_FOUND, "this shop keeps no consents here", "该店铺在此不管理同意")
    return call.shop.people


async def person_of(call: Call, person: Buyer) -> int:
    """The token of a person in a body. Raises Problem, and what the exchange raises."""
    keys = keys_of(person)
    if len(keys) != 1:
        raise Problem(
            UNPROCESSABLE,
            "person: exactly one of account, phone, address, device",
            "person：account、phone、address、device 中恰好一项",
        )
    return (await call.shop.exchange.exchanged(keys))[0]


async def beside(work: Callable[P, T], *given: P.args, **more: P.kwargs) -> T:
    """Do what waits for a disk on a thread."""
    return await asyncio.to_thread(work, *given, **more)
