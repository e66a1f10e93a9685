"""Firewalls, volumes and tokens as the account lists them, and only those of daybox."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from stacks import refusals
from stacks.account import Account
from stacks.belongings import FIREWALL, KINDS, TOKEN, VOLUME, Kind, belongings
from stacks.errors import CloudError
from stacks.lease import Lease
from tests.cloud import FIREWALL as RULES
from tests.cloud import TOKEN as TOKEN_WORD
from tests.cloud import Cloud
from tests.playbooks.planted import LATER, Laptop

LEASE = Lease("20261121t080000z-ab12", "local", "me")


@pytest.fixture
def laptop(cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Laptop]:
    monkeypatch.setenv("DAYBOX_STATE", str(tmp_path))
    monkeypatch.setattr(refusals, "LOOK_SECONDS", 0.01)
    made = Laptop(cloud)
    yield made
    made.clear()


def make(laptop: Laptop, kind: Kind, box: int) -> int:
    """One of this kind, for this box."""
    if kind is FIREWALL:
        return laptop.firewall(LEASE, box)
    return laptop.volume(LEASE, LATER, box) if kind is VOLUME else laptop.token(LEASE)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.what)
def test_each_kind_is_listed_with_its_lease_and_what_it_hangs_on(laptop: Laptop, kind: Kind) -> None:
    box = laptop.box(LEASE)
    made = make(laptop, kind, box)
    [one] = belongings(Account(laptop.cloud.url, TOKEN_WORD), kind)
    assert (one.id, one.lease) == (made, LEASE.id)
    assert one.hangs_on == (() if kind is TOKEN else (("linode", box),))
    assert (one.expiry == LATER.replace(microsecond=0)) is (kind is TOKEN)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.what)
def test_each_kind_is_deleted_and_proved_by_listing_again(laptop: Laptop, kind: Kind) -> None:
    box = laptop.box(LEASE)
    made, account = make(laptop, kind, box), Account(laptop.cloud.url, TOKEN_WORD)
    account.end(box)
    laptop.cloud.fault("false-404", "DELETE", kind.path, times=2)
    account.end_at(kind.path, made, f"{kind.what} {made}", kind.event)
    assert belongings(account, kind) == []


def test_what_is_not_dayboxs_is_not_listed(laptop: Laptop) -> None:
    laptop.cloud.json("POST", "/networking/firewalls", RULES | {"label": "web", "tags": ["mine"]})
    assert belongings(Account(laptop.cloud.url, TOKEN_WORD), FIREWALL) == []


def test_a_firewall_that_lost_its_tags_is_known_by_its_label(laptop: Laptop) -> None:
    laptop.cloud.json("POST", "/networking/firewalls", RULES | {"label": LEASE.firewall_label})
    [one] = belongings(Account(laptop.cloud.url, TOKEN_WORD), FIREWALL)
    assert (one.lease, one.tags) == (LEASE.id, ())


def test_a_volume_is_not_taken_for_deleted_without_the_event(laptop: Laptop, monkeypatch: pytest.MonkeyPatch) -> None:
    """It bills: an empty page and a 404 are no proof."""
    monkeypatch.setattr(refusals, "END_SECONDS", 0.05)
    made = laptop.volume(LEASE, LATER)
    laptop.cloud.fault("false-404", "DELETE", "/volumes/", times=None)
    laptop.cloud.fault("false-404", "GET", "/volumes/", times=None)
    laptop.cloud.fault("empty-page", "GET", "/volumes$", times=None)
    with pytest.raises(CloudError, match=f"volume {made} may still be there"):
        Account(laptop.cloud.url, TOKEN_WORD).end_at("/volumes", made, f"volume {made}", VOLUME.event)
