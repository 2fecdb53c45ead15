"""Where real clocks, disks and sockets are made and put together: the only package that sees all.

Everything here is called by the command line. Nothing is opened when it is imported, and each name
is fetched when it is first used: a supervisor must not wait for an engine that it never runs.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tidegate.bootstrap.copies import (
        back_up,
        batches_from,
        reading_shop,
        restore,
        verify_shop,
    )
    from tidegate.bootstrap.following import follow, open_views
    from tidegate.bootstrap.shops import (
        Access,
        OpenShop,
        Unusable,
        create_shop,
        open_access,
        open_approvals,
        open_history,
        open_publishing,
        open_shop,
    )
    from tidegate.bootstrap.stores import NoSuchStore, existing_store, new_store
    from tidegate.bootstrap.upkeep_status import StoreStatus, store_status

MODULES = ("stores", "shops", "copies", "following", "upkeep_status")  # the lightest first

__all__ = [
    "Access",
    "NoSuchStore",
    "OpenShop",
    "StoreStatus",
    "Unusable",
    "back_up",
    "batches_from",
    "create_shop",
    "existing_store",
    "follow",
    "new_store",
    "open_access",
    "open_approvals",
    "open_history",
    "open_publishing",
    "open_shop",
    "open_views",
    "reading_shop",
    "restore",
    "store_status",
    "verify_shop",
]


def __getattr__(name: str) -> Any:  # noqa: ANN401 -- whatever the name stands for
    """A name of this package, from the module that has it."""
    if name in __all__:
        for module in MODULES:
            found = importlib.import_module(f"tidegate.bootstrap.{module}")
            if hasattr(found, name):
                globals()[name] = getattr(found, name)
                return globals()[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
