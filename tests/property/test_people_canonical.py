"""Our one spelling of a value is RFC 8785's, as an implementation that is not ours writes it."""

import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from tidegate.people.canonical import INTEGER_MAX, canonical

texts = st.text(st.characters(exclude_categories=("Cs",)))
names = st.text(st.characters(max_codepoint=127))
leaves = st.one_of(
    st.none(), st.booleans(), st.integers(-INTEGER_MAX, INTEGER_MAX), texts
)  # fmt: skip
values = st.recursive(
    leaves,
    lambda inner: st.one_of(st.lists(inner, max_size=5), st.dictionaries(names, inner, max_size=5)),
)


@given(values)
def test_equal_to_rfc_8785(value: object) -> None:
    assert canonical(value) == rfc8785.dumps(value)


@given(st.dictionaries(names, texts, max_size=6))
def test_the_order_of_names_does_not_matter(value: dict[str, str]) -> None:
    assert canonical(dict(reversed(value.items()))) == canonical(value)
