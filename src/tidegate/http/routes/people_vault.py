"""Persons in the vault: who they are by account, what is held, values in, values out.

A value goes in a body and never in an address. Who may ask is said by the key; whether it is lawful
by the vault's gate, and it is on record either way.
"""

from tidegate.access.roles import ORDERS_WRITE, PRIVACY
from tidegate.http import person_schemas as s
from tidegate.http.calls import AnyAnswer, Call, Route, json_answer
from tidegate.http.errors import NOT_FOUND, Problem
from tidegate.http.people_calls import beside, person_of
from tidegate.http.person_doors import PersonDoors, person_name, person_token
from tidegate.people.rights.terms import date_text, moment_text
from tidegate.people.vault.parts import Asking
from tidegate.people.vault.reading import RIGHTS
from tidegate.people.vault.writing import NewValue

_PEOPLE = "/v1/shops/{shop}/persons"


def doors_of(call: Call) -> PersonDoors:
    """The shop's vault. Raises Problem where this process has none."""
    if call.shop.persons is None:
        raise Problem(NOT_FOUND, "this shop keeps no vault here", "该店铺在此没有个人信息保险库")
    return call.shop.persons


def actor_of(call: Call) -> int:
    """Who asks, as records name them."""
    return call.principal.person_token


def values_of(given: list[s.FieldValue]) -> list[NewValue]:
    """Values as the vault takes them."""
    return [NewValue(one.field, one.value, tuple(one.purposes), one.item) for one in given]


async def person(call: Call) -> AnyAnswer:
    """A person as orders name them."""
    body: s.PersonAsked = call.body
    return json_answer(s.PersonAnswered(person_name(await person_of(call, body.person))))


async def find(call: Call) -> AnyAnswer:
    """Who has a value."""
    body: s.Found = call.body
    asking = Asking(actor_of(call), body.purpose, ticket=body.ticket)
    reading = doors_of(call).vault.reading
    token = await beside(lambda: reading.find(asking, body.field, body.value))
    return json_answer(s.PersonAnswered(person_name(token) if token else ""))


async def put_fields(call: Call) -> AnyAnswer:
    """Take values in."""
    body: s.FieldsPut = call.body
    token, doors = person_token(call.path["person"]), doors_of(call)
    values = values_of(body.values)
    await beside(lambda: doors.vault.writing.store(actor_of(call), token, values, body.ticket))
    return json_answer(s.PersonAnswered(call.path["person"]))


async def read_fields(call: Call) -> AnyAnswer:
    """Hand values out, on record first."""
    body: s.ReadingAsked = call.body
    token, doors = person_token(call.path["person"]), doors_of(call)
    # An answer's address is for the message port; here a person's own data needs their request.
    channel = body.channel if body.purpose != RIGHTS else ""
    asking = Asking(actor_of(call), body.purpose, body.recipient, channel, body.ticket)
    values = await beside(
        lambda: doors.vault.reading.read(asking, token, body.fields, whole=body.whole)
    )
    return json_answer(s.ReadingGiven(values, not body.whole))


async def held(call: Call) -> AnyAnswer:
    """What is held of a person, why and until when; no values."""
    token, reading = person_token(call.path["person"]), doors_of(call).vault.reading
    rows = await beside(lambda: reading.held(token))
    restriction = await beside(lambda: reading.restriction(token))
    items = [
        s.HeldShown(
            one.name, one.field, one.data_class,
            {name: date_text(day) for name, day in one.purposes.items()},
            moment_text(one.stored_ms),
        )
        for one in rows
    ]  # fmt: skip
    since = moment_text(restriction.since_ms) if restriction else ""
    return json_answer(s.HeldPage(items, since))


ROUTES = (
    Route(
        "POST", f"{_PEOPLE}", "person", "A person as orders name them", person, ORDERS_WRITE,
        body=s.PersonAsked, answer=s.PersonAnswered,
    ),
    Route(
        "POST", f"{_PEOPLE}:find", "find_person", "Who has a value", find, PRIVACY,
        body=s.Found, answer=s.PersonAnswered,
    ),
    Route(
        "PUT", f"{_PEOPLE}/{{person}}/fields", "put_fields", "Take personal values in", put_fields,
        ORDERS_WRITE, body=s.FieldsPut, answer=s.PersonAnswered,
    ),
    Route(
        "POST", f"{_PEOPLE}/{{person}}/readings", "read_fields",
        "Hand personal values out, on record first", read_fields, PRIVACY, body=s.ReadingAsked,
        answer=s.ReadingGiven, people_only=True,
    ),
    Route(
        "GET", f"{_PEOPLE}/{{person}}/held", "held", "What is held of a person", held, PRIVACY,
        answer=s.HeldPage, people_only=True,
    ),
)  # fmt: skip
