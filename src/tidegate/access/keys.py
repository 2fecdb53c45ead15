"""API keys: `tg_<12 signs that name it>_<32 signs that are secret>`, in base 62.

The secret part carries 190 random bits, so one SHA-256 is enough to store it: a slow hash protects
words that people choose, and there is nothing here that could be guessed.
This module never keeps a key: it makes one, takes it apart, and hashes it.
"""

import hashlib
from collections.abc import Callable

PREFIX = "tg_"
ID_LENGTH = 12
SECRET_LENGTH = 32
KEY_LENGTH = len(PREFIX) + ID_LENGTH + 1 + SECRET_LENGTH
ID_START = len(PREFIX)
ID_END = ID_START + ID_LENGTH

_SIGNS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_FAIR_BYTES = 256 - 256 % len(_SIGNS)  # bytes from here on would favour the first signs


def make_key(random_bytes: Callable[[int], bytes]) -> str:
    """A new key; whoever asked for it sees it now and never again."""
    secret = _signs(SECRET_LENGTH, random_bytes)
    return f"{PREFIX}{_signs(ID_LENGTH, random_bytes)}_{secret}"


def key_id(key: str) -> str:
    """The part that names a key: may stand in logs and lists. "" if it is no key."""
    if len(key) != KEY_LENGTH or not key.startswith(PREFIX) or key[ID_END] != "_":
        return ""
    return key[ID_START:ID_END]


def key_hash(key: str) -> bytes:
    """What is stored of a key: SHA-256 over all of it, its id being the salt."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()


def _signs(count: int, random_bytes: Callable[[int], bytes]) -> str:
    signs: list[str] = []
    while len(signs) < count:
        fair = [byte for byte in random_bytes(2 * count) if byte < _FAIR_BYTES]
        signs += [_SIGNS[byte % len(_SIGNS)] for byte in fair]
    return "".join(signs[:count])
