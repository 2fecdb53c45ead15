"""The JSON Schema of promotions, made from the types that read them.

Always the same text for the same code; docs/reference/promotion.schema.json is it, and a test
compares. What needs two fields or the catalogue is not in it: `tidegate.pricing.checks` has that.
"""

import json
from typing import Any

import msgspec

from tidegate.pricing.promotion import Promotion


def promotions_schema() -> dict[str, Any]:
    """The schema of a list of promotions (JSON Schema 2020-12)."""
    schema = msgspec.json.schema(tuple[Promotion, ...])
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Promotions of a shop, as programs send them",
        **schema,
    }


def schema_text() -> str:
    """The schema as it stands in docs/reference."""
    return json.dumps(promotions_schema(), ensure_ascii=False, indent=2, sort_keys=True) + "\n"
