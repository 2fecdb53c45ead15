"""docs/reference/vendure.md says what the adapter takes: settings, terms and permissions.

Always reads the page as a merchant copies it. Never: starts a Vendure.
"""

import re
from pathlib import Path

import msgspec

from tidegate.channels.adapters.vendure_on_the_way import CHECKOUT_MS, SETTLING_MS
from tidegate.channels.adapters.vendure_session import PERMISSIONS, REFUSED_LOGIN_S, TIMEOUT_S
from tidegate.channels.connection import Settings
from tidegate.channels.offers import OfferTerms

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "reference" / "vendure.md").read_text(
    "utf-8"
)


def test_settings_and_terms_are_taken_as_they_stand() -> None:
    settings, terms = re.findall(r"```json\n(.*?)\n```", PAGE, re.DOTALL)
    found = msgspec.json.decode(settings, type=Settings)
    assert (found.user, found.password_file) == ("tidegate", "/etc/tidegate/vendure.password")
    assert msgspec.json.decode(terms, type=OfferTerms) == OfferTerms(
        ceiling=1, safety=7, lists=False
    )


def test_permissions_and_times_are_the_code_s() -> None:
    assert f"`{PERMISSIONS}`" in PAGE
    assert (CHECKOUT_MS, SETTLING_MS) == (60_000, 1_000)
    assert "(for 60 s)" in PAGE
    assert "within the last\nsecond" in PAGE
    assert f"did not answer within {TIMEOUT_S:g} s" in PAGE
    assert f"tried again after {REFUSED_LOGIN_S:g} s" in PAGE
