"""Who may come in: the key in `Authorization`, its scopes for a shop and a channel, its rate.

Refuses where in doubt, and says the same of a shop that does not exist as of one that the key is
not for. A key that worked is known for RECENT_S, never longer, and never logged.
"""

from collections.abc import Callable

from tidegate.access.principal import Principal
from tidegate.access.rate import RateLimit
from tidegate.http.errors import (
    ID_MISMATCH,
    NOT_AUTHENTICATED,
    NOT_PERMITTED,
    RATE_LIMITED,
    Problem,
)
from tidegate.http.ports import Access

_BEARER = b"bearer "
KEY_BYTES_MAX = 256
RECENT_S = 0.05  # a busy key is looked up twenty times a second instead of for every order
RECENT_MAX = 1_024


class Gate:
    """What every door asks before it does anything."""

    def __init__(
        self, access: Access, new_ids: RateLimit, monotonic_s: Callable[[], float]
    ) -> None:
        self._authenticate = access.authenticate
        self._new_ids = new_ids
        self._monotonic_s = monotonic_s
        self._recent: dict[bytes, Principal] = {}
        self._recent_until_s = 0.0

    def principal(self, authorization: bytes) -> Principal:
        """Whoever the key belongs to. Raises Problem 401."""
        now_s = self._monotonic_s()
        if now_s >= self._recent_until_s:
            self._recent.clear()
            self._recent_until_s = now_s + RECENT_S
        principal = self._recent.get(authorization)
        if principal is None:
            principal = self._look_up(authorization)
        if principal is not None:
            return principal
        raise Problem(
            NOT_AUTHENTICATED,
            "send Authorization: Bearer KEY with a key that is valid now",
            "请在 Authorization: Bearer 中提供有效密钥",
        )

    def _look_up(self, authorization: bytes) -> Principal | None:
        length = len(_BEARER)
        if len(authorization) > KEY_BYTES_MAX or not authorization.isascii():
            return None
        if authorization[:length].lower() != _BEARER:
            return None
        principal = self._authenticate(authorization[length:].strip().decode("ascii"))
        if principal is not None and len(self._recent) < RECENT_MAX:
            self._recent[authorization] = principal
        return principal

    def require(
        self, principal: Principal, scope: str, shop: str, channel: str | None = None
    ) -> None:
        """Raise Problem 403 unless the key may do that."""
        if not principal.may(scope, shop, channel):
            raise Problem(
                NOT_PERMITTED,
                f"this key lacks {scope} here",
                f"该密钥在此缺少 {scope} 权限",
                figures={"scope": scope},
            )

    def take_new_ids(self, principal: Principal, count: int = 1) -> None:
        """Raise Problem 429 when the key brings ids too fast.

        A repeat counts as well: only the desk can tell it from a new id.
        """
        wait_s = self._new_ids.take(principal.key_id, count)
        if wait_s:
            raise Problem(RATE_LIMITED, retry_after_s=wait_s)


def require_same_id(idempotency_key: bytes, own_id: str) -> None:
    """Raise Problem 422 where `Idempotency-Key` is given and is not the id in the body."""
    if idempotency_key and idempotency_key.strip(b'"') != own_id.encode():
        raise Problem(
            ID_MISMATCH,
            "leave Idempotency-Key out, or send the id of the body in it",
            "请省略 Idempotency-Key，或与请求体中的 id 保持一致",
        )
