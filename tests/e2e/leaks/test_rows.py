"""Each client, given one task among traps: with daybox it contacts the gateway only; without, the traps work."""

import pytest

from playbooks.clients import CLIENTS
from tests.e2e.leaks.conftest import Try
from tests.e2e.leaks.rows import Tried
from tests.e2e.leaks.traps_of import traps_of

NAMES = [client.name for client in CLIENTS]
TRAPS = [(client, trap.name) for client in NAMES for trap in traps_of(client)]
HOLDING = ("sealed", "unsealed")


def held(tried: dict[str, Tried]) -> dict[str, Tried]:
    """The tries with daybox, of which none went elsewhere."""
    found = {way: tried[way] for way in HOLDING if way in tried}
    assert {way: one.strange() for way, one in found.items() if one.strange()} == {}, said(found)
    return found


def assert_held_and_done(tried: dict[str, Tried]) -> None:
    """With daybox: the gateway only, and the task is done."""
    found = held(tried)
    assert {way: one.undone() for way, one in found.items() if one.undone()} == {}, said(found)


def said(found: dict[str, Tried]) -> str:
    """What the clients themselves said, for whoever reads the report."""
    return "\n".join(f"--- {way}\n{one.said}" for way, one in found.items())


@pytest.mark.quick
@pytest.mark.parametrize("client", NAMES)
def test_all_at_once(client: str, try_it: Try) -> None:
    assert_held_and_done(try_it(client, "all", *HOLDING))


@pytest.mark.parametrize("client", NAMES)
def test_all_at_once_without(client: str, try_it: Try) -> None:
    """The control: a test that cannot fail proves nothing."""
    assert try_it(client, "all", "plain")["plain"].elsewhere


@pytest.mark.quick
def test_the_control_of_every_check(try_it: Try) -> None:
    tried = try_it("llm", "exported proxies", "plain")["plain"]
    assert tried.canary_at_hostile


@pytest.mark.parametrize(("client", "trap"), [*((name, "none") for name in NAMES), *TRAPS])
def test_one(client: str, trap: str, try_it: Try) -> None:
    assert_held_and_done(try_it(client, trap, "unsealed", "plain"))


@pytest.mark.parametrize("mishap", ["tunnel down", "port taken"])
@pytest.mark.parametrize("client", NAMES)
def test_half_way(client: str, mishap: str, try_it: Try) -> None:
    """The client gets an error, not another way; and who takes the gateway's port is sent nothing."""
    ways = ("plain",) if mishap == "port taken" else ()
    tried = try_it(client, "all", *HOLDING, *ways, mishap=mishap)
    assert all(one.canary_at_model for one in held(tried).values())
