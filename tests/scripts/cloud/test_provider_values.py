"""Property values: unknown and secret survive the way to plain Python and back."""

import pytest
from pulumi.provider.experimental.property_value import PropertyValue
from pulumi.runtime import rpc

from scripts.cloud.provider.values import UNKNOWN, has_unknown, plain, plain_members, unknown, wrap

PLAIN = [None, True, "text", 3, 2.5, [1, "two"], {"a": [{"b": False}]}]


@pytest.mark.parametrize("value", PLAIN, ids=repr)
def test_plain_values_come_back_as_they_went(value: object) -> None:
    assert plain(wrap(value)) == value


def test_a_whole_number_is_an_int_although_pulumi_has_floats_only() -> None:
    assert repr(plain(PropertyValue(20.0))) == "20"


def test_an_unknown_from_the_engine_is_told_from_a_text() -> None:
    sent = PropertyValue.unmarshal(PropertyValue(rpc.UNKNOWN).marshal())
    assert plain(sent) is UNKNOWN


def test_an_unknown_to_the_engine_can_be_marshalled() -> None:
    """`PropertyValue.computed()` of SDK 3.272 cannot: if this fails some day, `unknown` may use it."""
    assert unknown().marshal().string_value == rpc.UNKNOWN
    with pytest.raises(ValueError, match="Unsupported value type"):
        PropertyValue.computed().marshal()


def test_a_secret_unknown_stays_secret() -> None:
    assert unknown(secret=True).is_secret


@pytest.mark.parametrize("value", [UNKNOWN, [UNKNOWN], {"a": [{"b": UNKNOWN}]}], ids=repr)
def test_an_unknown_is_found_wherever_it_hides(value: object) -> None:
    assert has_unknown(value)


def test_nulls_and_what_a_bridge_hides_are_no_members() -> None:
    assert plain_members({"a": wrap(1), "b": wrap(None), "__defaults": wrap([])}) == {"a": 1}
