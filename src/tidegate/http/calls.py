"""One request of the application, from its headers to its answer, the same way for every route.

The order of the steps never changes: key, shop, scope, media type, body within its bounds, ids
without personal data; only then the route's own handler runs, so a refusal has changed nothing.
"""

import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from tidegate.access.principal import Principal
from tidegate.http.bodies import COMMAND_BYTES_MAX, JSON, decode, require_media_type, too_large
from tidegate.http.channel_doors import ChannelDoors
from tidegate.http.errors import (
    NOT_FOUND,
    NOT_PERMITTED,
    NOT_SIGNED,
    UNPROCESSABLE,
    Answer,
    Problem,
)
from tidegate.http.fulfilment_doors import FulfilmentDoors
from tidegate.http.gate import Gate, require_same_id
from tidegate.http.ids import PLAIN, check_id
from tidegate.http.languages import Language, language_of
from tidegate.http.metrics import Counters
from tidegate.http.order_headers import OrderHeaders
from tidegate.http.orders_fast import OrderDoor
from tidegate.http.people_doors import PeopleDoors
from tidegate.http.person_doors import PersonDoors
from tidegate.http.ports import Approvals, Clock, Desk, Exchange, Views
from tidegate.http.texts import check_texts
from tidegate.publishing.shop_publishing import ShopPublishing
from tidegate.stopping.service import Stopping
from tidegate.watch.alerts.alarm_desk import AlarmDesk
from tidegate.watch.heartbeat import Beat

NOT_OURS = "it is not signed by a channel that is connected"
NOT_OURS_ZH = "签名不属于任何已连接的渠道"
BODY_IN_HANDLER = "handler"  # the route reads its body by itself


@dataclass(frozen=True)
class ShopDoors:
    """Everything that the doors reach of one shop."""

    name: str
    desk: Desk
    exchange: Exchange
    views: Views
    orders: OrderDoor
    sales: OrderDoor
    prices: ShopPublishing | None = None  # None: this shop prices and publishes nothing
    stopping: Stopping | None = None
    alarms: AlarmDesk | None = field(default=None, kw_only=True)
    beat: Callable[[], Beat | None] = lambda: None  # of the watch; reads a file
    channels: ChannelDoors | None = None  # None: nothing is connected here
    fulfilment: FulfilmentDoors | None = None
    people: PeopleDoors | None = None  # None: no consents are kept here
    persons: PersonDoors | None = None  # None: no vault is kept here


@dataclass
class Doors:
    """Everything that the doors of one process share."""

    shops: Mapping[str, ShopDoors]
    gate: Gate
    clock: Clock
    counters: Counters
    approvals: Approvals
    version: str
    events_listening: int = 0


@dataclass(frozen=True)
class Streamed:
    """An answer that comes in pieces."""

    media_type: str
    pieces: AsyncIterator[bytes]
    status: int = 200


@dataclass(frozen=True)
class Text:
    """An answer that is not JSON."""

    media_type: str
    body: bytes
    status: int = 200


AnyAnswer = Answer | Streamed | Text
ReadBody = Callable[[int], Awaitable[bytes]]


@dataclass(frozen=True)
class Sent:
    """A request as it came, for routes that are signed instead of having a key."""

    method: str = ""
    target: str = ""  # path and query
    headers: tuple[tuple[bytes, bytes], ...] = ()


@dataclass
class Call:
    """One request that passed its route's checks."""

    doors: Doors
    route: "Route"
    headers: OrderHeaders
    language: Language
    path: Mapping[str, str]
    query: Mapping[str, str]
    read_body: ReadBody
    pieces: AsyncIterator[bytes]
    content_length: int
    event_id: str = ""
    body: Any = None
    id_is_given: bool = False
    command_id: str = ""
    caller: Principal | None = None
    place: ShopDoors | None = None
    sent: Sent = field(default_factory=Sent)

    @property
    def principal(self) -> Principal:
        """Who asks; only on routes with a scope."""
        assert self.caller is not None, "a route without a scope has no principal"
        return self.caller

    @property
    def shop(self) -> ShopDoors:
        """The shop in the path."""
        assert self.place is not None, "a route without a shop has no doors"
        return self.place

    @property
    def channels(self) -> ChannelDoors:
        """The shop's channels. Raises Problem where none can be connected."""
        if self.shop.channels is None:
            raise Problem(NOT_FOUND, "this shop connects no channels here", "该店铺在此不连接渠道")
        return self.shop.channels

    @property
    def prices(self) -> ShopPublishing:
        """The shop's prices and what is published. Raises Problem where there are none."""
        if self.shop.prices is None:
            raise Problem(NOT_FOUND, "this shop publishes nothing here", "该店铺在此不发布促销")
        return self.shop.prices


Handler = Callable[[Call], Awaitable[AnyAnswer]]


@dataclass(frozen=True)
class Route:
    """One line of the table that the application, the documents and the tests are made from."""

    method: str
    path: str
    name: str
    summary: str
    handler: Handler
    scope: str = ""  # "" = open to everybody
    body: type | None = None
    answer: type | None = None
    status: int = 200
    body_bytes_max: int = COMMAND_BYTES_MAX
    reads_body: str = ""
    media_type: str = "application/json"
    takes: str = "application/json"
    query: Mapping[str, str] = field(default_factory=dict)  # name -> what it means
    channel_in: str = ""  # "path", "request" (checked by the handler), "" = the shop as a whole
    people_only: bool = False
    signed: bool = False  # by a channel's key; what is not signed hears of nothing here
    description: str = ""


async def answer_call(call: Call) -> AnyAnswer:
    """All the steps of a request. Raises Problem, and whatever the parts behind raise."""
    route = call.route
    if route.scope:
        call.caller = call.doors.gate.principal(call.headers.authorization)
        check_rights(call, call.caller)
    if "shop" in call.path:
        call.place = call.doors.shops.get(call.path["shop"])
        if call.place is None:
            raise no_such_shop(route)
    for name, text in call.path.items():
        check_id(text, name)
    if route.body is not None and route.reads_body != BODY_IN_HANDLER:
        await take_body(call, route.body)
    return await route.handler(call)


def no_such_shop(route: Route) -> Problem:
    """The problem of a shop that is not here; whoever has no key is not told which there are."""
    if route.signed:
        return Problem(NOT_SIGNED, NOT_OURS, NOT_OURS_ZH)
    return Problem(NOT_FOUND, "no such shop here", "此处没有该店铺")


def check_rights(call: Call, principal: Principal) -> None:
    """Raise Problem 403 unless the key may use this route for this shop and channel."""
    route, shop = call.route, call.path.get("shop", "")
    if route.people_only and not principal.is_person:
        raise Problem(
            NOT_PERMITTED, "a person must do this, not a machine's key", "此操作须由人员执行"
        )
    if route.channel_in != "request":
        channel = call.path.get("channel") if route.channel_in == "path" else None
        call.doors.gate.require(principal, route.scope, shop, channel)


async def take_body(call: Call, kind: type) -> None:
    """Read and check the body and the command's id. Raises Problem."""
    require_media_type(call.headers.content_type, JSON)
    if call.content_length > call.route.body_bytes_max:
        raise too_large(call.route.body_bytes_max)
    call.body = decode(await call.read_body(call.route.body_bytes_max), kind)
    check_texts(call.body)
    own_id = given_id(call)
    call.id_is_given = bool(own_id)
    call.command_id = own_id or f"put-{secrets.token_hex(12)}"  # one that nobody else has


def given_id(call: Call) -> str:
    """The body's id, or Idempotency-Key; "" where neither is given nor must be."""
    own_id = getattr(call.body, "id", None)
    given = call.headers.idempotency_key
    if own_id is not None:
        require_same_id(given, own_id)
        return str(own_id)
    return id_from_header(given) if given else ""


def id_from_header(given: bytes) -> str:
    """Idempotency-Key as an id. Raises Problem."""
    text = given.strip(b'"').decode("latin-1")
    if not PLAIN(text):
        raise Problem(UNPROCESSABLE, "Idempotency-Key: at most 64 letters, digits, . _ : @ + = -")
    check_id(text, "Idempotency-Key")
    return text


def json_answer(value: object, status: int = 200) -> Answer:
    """A value as JSON."""
    return Answer(status, msgspec.json.encode(value))


def new_call(  # what the framework knows of a request
    doors: Doors,
    route: Route,
    headers: OrderHeaders,
    path: Mapping[str, str],
    query: Mapping[str, str],
    read_body: ReadBody,
    pieces: AsyncIterator[bytes],
    content_length: int,
    event_id: str,
) -> Call:
    """A request before any check."""
    return Call(
        doors=doors,
        route=route,
        headers=headers,
        language=language_of(headers.accept_language),
        path=path,
        query=query,
        read_body=read_body,
        pieces=pieces,
        content_length=content_length,
        event_id=event_id,
    )
