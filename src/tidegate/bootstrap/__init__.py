"""Where real clocks, disks and sockets are made and put together: the only package that sees all.

Everything here is called by the command line. Nothing is opened when it is imported.
"""

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
    NoSuchStore,
    OpenShop,
    Unusable,
    create_shop,
    existing_store,
    new_store,
    open_access,
    open_approvals,
    open_history,
    open_shop,
)
from tidegate.bootstrap.upkeep_status import StoreStatus, store_status

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
    "open_shop",
    "open_views",
    "reading_shop",
    "restore",
    "store_status",
    "verify_shop",
]
