"""The adapter for Vendure 3: a shop system that takes orders by itself, over its Admin API.

Always: one session, one memory of what the feed told and one lock of the shelf for all its ends.
Never: holds the password; it is read from its file when a session is opened.
"""

from collections.abc import Callable

from tidegate.channels.adapters.vendure_closing import VendureCloser
from tidegate.channels.adapters.vendure_fulfilment import VendureWarehouse
from tidegate.channels.adapters.vendure_on_the_way import OnTheWay
from tidegate.channels.adapters.vendure_orders import Heard, VendureOrders
from tidegate.channels.adapters.vendure_prices import VendurePrices
from tidegate.channels.adapters.vendure_session import TIMEOUT_S, Credentials, Session
from tidegate.channels.adapters.vendure_stock import Shelves, VendureStock

SETTLED_S = 30.0


class Vendure:
    """Orders, stock, warehouse, prices and closing of one Vendure channel."""

    def __init__(
        self,
        address: str,
        credentials: Callable[[], Credentials],
        now_ms: Callable[[], int],
        timeout_s: float = TIMEOUT_S,
        settled_s: float = SETTLED_S,
    ) -> None:
        """`address`: https://host[:port][/prefix], without /admin-api. Raises ValueError."""
        session, heard = Session(address, credentials, timeout_s), Heard()
        shelves = Shelves(session)
        self.orders = VendureOrders(session, heard, now_ms)
        self.stock = VendureStock(session, shelves, OnTheWay(session, heard, now_ms))
        self.warehouse = VendureWarehouse(session, shelves, settled_s)
        self.prices = VendurePrices(session)
        self.closer = VendureCloser(session)
