"""A real Vendure on a real PostgreSQL, its buyers and its books, for tests.

Always: buyers use the Shop API over HTTP, call for call as a browser would; what was sold and
shipped is read from Vendure's own database. Never: anything of Tidegate is asked.
"""

import http.client
import json
import os
import secrets
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psycopg

from tidegate.bench.echo import free_port
from tidegate.bench.postgres_server import PostgresServer

HOST = "127.0.0.1"
READY_S = 120.0
STOP_S = 20.0
ANSWER_S = 30.0
IDLE_S = 2.0
USER = "superadmin"
PROJECT = Path(__file__).with_name("vendure")
PLACED = "('PaymentAuthorized', 'PaymentSettled', 'PartiallyShipped', 'Shipped', 'Delivered')"


class Trouble(AssertionError):
    """Vendure answered what no test expects."""


class Asker:
    """One client of one of Vendure's APIs, with cookies, over one connection that stays."""

    def __init__(self, port: int, api: str) -> None:
        self._connection = http.client.HTTPConnection(HOST, port, timeout=ANSWER_S)
        self._api = api
        self._cookies: dict[str, str] = {}
        self._used_s = 0.0

    def ask(self, question: str, **variables: object) -> dict[str, Any]:
        """The data; what GraphQL calls an error is one."""
        body = json.dumps({"query": question, "variables": variables})
        cookies = "; ".join(f"{name}={value}" for name, value in self._cookies.items())
        headers = {"Content-Type": "application/json", "Cookie": cookies}
        if time.monotonic() - self._used_s > IDLE_S:
            self._connection.close()  # Node closes it too; it is opened again by itself
        self._connection.request("POST", f"/{self._api}", body, headers)
        answer = self._connection.getresponse()
        text = answer.read()
        self._used_s = time.monotonic()
        for cookie in answer.headers.get_all("Set-Cookie") or []:
            name, _, value = cookie.partition(";")[0].partition("=")
            self._cookies[name] = value
        found = json.loads(text)
        if found.get("errors"):
            raise Trouble(text.decode()[:500])
        data: dict[str, Any] = found["data"]
        return data

    def close(self) -> None:
        self._connection.close()


def operation(code: str, **arguments: str) -> dict[str, object]:
    """One of Vendure's configurable operations."""
    found = [{"name": name, "value": value} for name, value in arguments.items()]
    return {"code": code, "arguments": found}


class VendureShop:
    """Context manager: the database and the shop, running. One at a time listens on `port`."""

    def __init__(self, folder: Path, programs: Path, node: str, session: str = "") -> None:
        """`session`: how long an administrator's session lasts, Vendure's default where empty."""
        self._folder, self._programs, self._node = folder, programs, node
        self._session = session
        self._postgres = PostgresServer(folder)
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port()
        self.password = secrets.token_urlsafe(12)
        self._products = 0

    def __enter__(self) -> Self:
        self._postgres.__enter__()
        try:
            self.start(is_new=True)
        except BaseException:
            self.__exit__(None, None, None)
            raise
        self.admin = Asker(self.port, "admin-api")
        self.log_in()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
        self._postgres.__exit__(kind, error, trace)

    @property
    def address(self) -> str:
        return f"http://{HOST}:{self.port}"

    def start(self, *, is_new: bool = False) -> None:
        """Start it, and wait until it says that it answers."""
        told = dict(part.split("=", 1) for part in self._postgres.conninfo.split())
        settings = {
            "port": self.port, "user": USER, "password": self.password, "socket": told["host"],
            "role": told["user"], "database": told["dbname"], "isNew": is_new,
            "session": self._session,
        }  # fmt: skip
        log_path = self._folder / "vendure.log"
        with log_path.open("ab") as log:
            self._process = subprocess.Popen(
                [self._node, str(self._programs / "server.js")], stdin=subprocess.PIPE,
                stdout=subprocess.PIPE, stderr=log, env={**os.environ, "NODE_ENV": "production"},
            )  # fmt: skip
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(settings).encode() + b"\n")
        self._process.stdin.flush()
        for line in self._process.stdout:  # ends when the process does
            if line == b"ready\n":
                return
        raise Trouble(f"Vendure did not start: {log_path.read_text()[-1500:]}")

    def stop(self) -> None:
        if self._process is None:
            return
        self.thaw()
        self._process.terminate()
        try:
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()
        self._process = None

    def freeze(self) -> None:
        """It hears nothing any more, and keeps its connections: the slowest that it can be."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGCONT)

    # -- the merchant ----------------------------------------------------------------------------

    def log_in(self) -> None:
        self.admin.close()
        self.admin = Asker(self.port, "admin-api")
        self.admin.ask(
            "mutation ($user: String!, $password: String!) {"
            " login(username: $user, password: $password) { __typename } }",
            user=USER, password=self.password,
        )  # fmt: skip

    def put_variant(self, sku: str, units: int, price_fen: int = 1_000) -> str:
        """A product of one variant; the variant's id."""
        name = [{"languageCode": "en", "name": sku}]
        texts = [{**name[0], "slug": sku.lower(), "description": ""}]
        product = self.admin.ask(
            "mutation ($input: CreateProductInput!) { createProduct(input: $input) { id } }",
            input={"enabled": True, "translations": texts},
        )["createProduct"]["id"]
        made = self.admin.ask(
            "mutation ($input: [CreateProductVariantInput!]!) {"
            " createProductVariants(input: $input) { id } }",
            input=[{"productId": product, "sku": sku, "price": price_fen, "stockOnHand": units,
                    "translations": name}],
        )  # fmt: skip
        found: str = made["createProductVariants"][0]["id"]
        return found

    def delete_variant(self, sku: str) -> None:
        for (number,) in self.sql(
            'SELECT id FROM product_variant WHERE sku = %s AND "deletedAt" IS NULL', sku
        ):
            self.admin.ask(
                "mutation ($id: ID!) { deleteProductVariant(id: $id) { result } }", id=str(number)
            )

    def update_variant(self, sku: str, **fields: object) -> str:
        """Change a variant as a person would; its id."""
        number = str(self.sql(
            'SELECT id FROM product_variant WHERE sku = %s AND "deletedAt" IS NULL', sku
        )[0][0])  # fmt: skip
        self.admin.ask(
            "mutation ($input: [UpdateProductVariantInput!]!) {"
            " updateProductVariants(input: $input) { id } }", input=[{"id": number, **fields}],
        )  # fmt: skip
        return number

    def put_administrator(self, user: str, password: str, permissions: list[str]) -> None:
        """A person with a role of these permissions."""
        role = self.admin.ask(
            "mutation ($input: CreateRoleInput!) { createRole(input: $input) { id } }",
            input={"code": user, "description": user, "permissions": permissions},
        )["createRole"]["id"]
        self.admin.ask(
            "mutation ($input: CreateAdministratorInput!) {"
            " createAdministrator(input: $input) { id } }",
            input={"firstName": "T", "lastName": "G", "emailAddress": user, "password": password,
                   "roleIds": [role]},
        )  # fmt: skip

    def put_promotion(self, name: str, coupon: str) -> None:
        """A tenth off every order; for who types the coupon's code, where there is one."""
        texts = [{"languageCode": "en", "name": name}]
        above = operation("minimum_order_amount", amount="1", taxInclusive="true")
        tenth = operation("order_percentage_discount", discount="10")
        made = self.admin.ask(
            "mutation ($input: CreatePromotionInput!) {"
            " createPromotion(input: $input) { __typename } }",
            input={"enabled": True, "translations": texts, "conditions": [above],
                   "actions": [tenth], **({"couponCode": coupon} if coupon else {})},
        )  # fmt: skip
        assert made["createPromotion"]["__typename"] == "Promotion", made

    def order_id(self, code: str) -> str:
        return str(self.sql('SELECT id FROM "order" WHERE code = %s', code)[0][0])

    def cancel(self, code: str) -> None:
        self.admin.ask(
            "mutation ($input: CancelOrderInput!) { cancelOrder(input: $input) { __typename } }",
            input={"orderId": self.order_id(code), "cancelShipping": True},
        )

    def settle(self, code: str) -> None:
        """The money of an authorised payment is there."""
        payment = self.sql('SELECT id FROM payment WHERE "orderId" = %s', self.order_id(code))
        self.admin.ask(
            "mutation ($id: ID!) { settlePayment(id: $id) { __typename } }", id=str(payment[0][0])
        )

    def ship(self, code: str) -> None:
        """A person ships what waits of an order."""
        for (number,) in self.sql(
            'SELECT f.id FROM fulfillment f JOIN order_fulfillments_fulfillment o'
            ' ON o."fulfillmentId" = f.id JOIN "order" r ON r.id = o."orderId"'
            " WHERE r.code = %s AND f.state = 'Pending'", code,
        ):  # fmt: skip
            self.admin.ask(
                'mutation ($id: ID!) { transitionFulfillmentToState(id: $id, state: "Shipped")'
                " { __typename } }", id=str(number),
            )  # fmt: skip

    # -- its books -------------------------------------------------------------------------------

    def sql(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """A question to Vendure's database."""
        with psycopg.connect(self._postgres.conninfo, autocommit=True) as connection:
            return connection.execute(statement, values).fetchall()

    def sql_change(self, statement: str, *values: object) -> None:
        """Something that no API of Vendure does."""
        with psycopg.connect(self._postgres.conninfo, autocommit=True) as connection:
            connection.execute(statement, values)

    def sold(self, sku: str) -> int:
        """Units in placed orders."""
        return int(self.sql(
            'SELECT coalesce(sum(l.quantity), 0) FROM order_line l JOIN "order" o'
            ' ON o.id = l."orderId" JOIN product_variant v ON v.id = l."productVariantId"'
            f" WHERE v.sku = %s AND o.state IN {PLACED}", sku,
        )[0][0])  # fmt: skip

    def handed_over(self, sku: str) -> int:
        """Units in living fulfilments: what a warehouse ships, or has."""
        return int(self.sql(
            "SELECT coalesce(sum(f.quantity), 0) FROM order_line_reference f"
            ' JOIN fulfillment x ON x.id = f."fulfillmentId"'
            ' JOIN order_line l ON l.id = f."orderLineId"'
            ' JOIN product_variant v ON v.id = l."productVariantId"'
            " WHERE v.sku = %s AND x.state <> 'Cancelled'", sku,
        )[0][0])  # fmt: skip

    def saleable(self, sku: str) -> int:
        """Units that Vendure would still sell; -1 where it counts none."""
        found = self.sql(
            'SELECT s."stockOnHand" - s."stockAllocated" - v."outOfStockThreshold"'
            ' FROM stock_level s JOIN product_variant v ON v.id = s."productVariantId"'
            ' WHERE v.sku = %s AND v."deletedAt" IS NULL', sku,
        )  # fmt: skip
        return int(found[0][0]) if found else -1

    def state(self, code: str) -> str:
        """An order's."""
        return str(self.sql('SELECT state FROM "order" WHERE code = %s', code)[0][0])

    def paid_back(self, code: str) -> int:
        """Fen of an order's refunds."""
        return int(self.sql(
            'SELECT coalesce(sum(r.total), 0) FROM refund r JOIN payment p ON p.id = r."paymentId"'
            ' WHERE p."orderId" = %s', self.order_id(code),
        )[0][0])  # fmt: skip

    def is_enabled(self, sku: str) -> bool:
        """Whether a variant is on the shelf."""
        return bool(self.sql("SELECT enabled FROM product_variant WHERE sku = %s", sku)[0][0])

    def counters(self, sku: str) -> tuple[int, int]:
        """Vendure's own stock on hand, and allocated."""
        return self.sql(
            'SELECT s."stockOnHand", s."stockAllocated" FROM stock_level s JOIN product_variant v'
            ' ON v.id = s."productVariantId" WHERE v.sku = %s', sku,
        )[0]  # type: ignore[return-value]  # fmt: skip


ADD = """mutation ($id: ID!, $units: Int!) { addItemToOrder(productVariantId: $id, quantity: $units)
  { __typename ... on Order { code } } }"""
CUSTOMER = """mutation ($input: CreateCustomerInput!) { setCustomerForOrder(input: $input)
  { __typename } }"""
ADDRESS = """mutation ($input: CreateAddressInput!) { setOrderShippingAddress(input: $input)
  { __typename } }"""
SHIPPING = """mutation ($id: [ID!]!) { setOrderShippingMethod(shippingMethodId: $id)
  { __typename } }"""
TO_PAYMENT = """mutation { transitionOrderToState(state: "ArrangingPayment")
  { __typename ... on Order { code } } }"""
PAY = """mutation ($input: PaymentInput!) { addPaymentToOrder(input: $input)
  { __typename ... on Order { code state } } }"""


class Buyer:
    """A guest with a browser of their own."""

    def __init__(self, shop: VendureShop, name: str) -> None:
        self.name = name
        self._shop = Asker(shop.port, "shop-api")

    def buy(self, variant: str, units: int = 1, method: str = "pay-at-once") -> str:
        """The order's code; "" = told no before ordering."""
        try:
            return self.pay(method) if self.go_to_payment(variant, units) else ""
        finally:
            self._shop.close()

    def pay(self, method: str = "pay-at-once") -> str:
        """The sixth call; the order's code."""
        paid = self._shop.ask(PAY, input={"method": method, "metadata": {}})["addPaymentToOrder"]
        if paid["__typename"] != "Order":
            raise Trouble(str(paid))
        code: str = paid["code"]
        return code

    def go_to_payment(self, variant: str, units: int = 1) -> bool:
        """Five calls; False = Vendure has said that there is not enough."""
        try:
            added = self._shop.ask(ADD, id=variant, units=units)["addItemToOrder"]
        except Trouble as refused:
            if "ENTITY_NOT_FOUND" in str(refused):
                return False  # off the shelf
            raise
        if added["__typename"] == "InsufficientStockError":
            return False
        email = f"{self.name}@shop.example"
        person = {"firstName": "B", "lastName": self.name, "emailAddress": email}
        where = {
            "fullName": self.name, "streetLine1": f"{self.name} Road", "city": "Shanghai",
            "postalCode": "200000", "countryCode": "CN", "phoneNumber": "",
        }  # fmt: skip
        self._shop.ask(CUSTOMER, input=person)
        self._shop.ask(ADDRESS, input=where)
        self._shop.ask(SHIPPING, id=["1"])
        moved = self._shop.ask(TO_PAYMENT)["transitionOrderToState"]
        return bool(moved["__typename"] == "Order")


def until(
    condition: Callable[[], bool],
    what: str,
    deadline_s: float = 30.0,
    told: Callable[[], str] = str,
) -> None:
    """Poll with a deadline; `told` says how things stand when it is over."""
    end_s = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < end_s, f"not {what}: {told()}"
        time.sleep(0.02)
