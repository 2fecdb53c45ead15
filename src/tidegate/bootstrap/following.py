"""The second process, and what the doors see of it."""

import threading
from typing import Any

from tidegate.bootstrap.shops import OpenShop
from tidegate.engine.layout import Capacity
from tidegate.store_paths import StorePaths


class Unfollowed:
    """Stands where views will: nothing has been followed."""

    def story(self, channel: str, order_id: str) -> object | None:
        """No story."""
        return None

    def followed_seq(self) -> int:
        """Nothing followed."""
        return 0

    def decided(self, after_seq: int) -> Any:
        """Nothing to listen to."""
        raise NotImplementedError


def open_views(paths: StorePaths, shop: OpenShop) -> Any:
    """The views of a shop, as the doors read them."""
    return Unfollowed()


def follow(paths: StorePaths, capacity: Capacity | None) -> None:
    """The followers' process."""
    threading.Event().wait()
