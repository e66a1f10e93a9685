"""What `up` knows before it creates anything."""

import pytest

from stacks.account import NEEDED_SCOPES
from stacks.lot import lacking


@pytest.mark.parametrize(
    "scopes",
    [{"*"}, set(NEEDED_SCOPES), {"linodes:*", "firewall:*", "events:*"}, {*NEEDED_SCOPES, "volumes:read_only"}],
)
def test_a_token_that_may_do_all_lacks_nothing(scopes: set[str]) -> None:
    assert lacking(scopes, NEEDED_SCOPES) == []


def test_a_missing_scope_is_named() -> None:
    assert lacking({"linodes:read_write", "events:read_only"}, NEEDED_SCOPES) == ["firewall:read_write"]


def test_reading_is_not_writing() -> None:
    assert lacking({"linodes:read_only"}, ["linodes:read_write"]) == ["linodes:read_write"]
