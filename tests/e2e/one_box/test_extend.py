"""`fab extend` on a real box: kept although idle, a longer lease; and what the box says reaches the laptop."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from stacks.lease import ISO_TIME
from tests.laptop import Laptop, wait_for

WORDS = "/var/lib/daybox/words.jsonl"


def said(laptop: Laptop, words: str) -> Any:
    """The JSON of a `fab extend`."""
    return json.loads(laptop.must(f"fab extend {words} --json"))


def limits(laptop: Laptop) -> Any:
    """What the box itself holds to."""
    return json.loads(laptop.on_box("cat /etc/daybox/watchdog.json"))


def test_an_idle_box_is_kept_and_let_go_again(laptop: Laptop) -> None:
    kept = said(laptop, "--minutes 2h")
    assert abs(moment(kept["kept_until"]) - datetime.now(UTC) - timedelta(hours=2)) < timedelta(minutes=2)
    assert said(laptop, "--minutes 0")["kept_until"] is None


def test_no_box_is_kept_beyond_its_lease(laptop: Laptop) -> None:
    failed = laptop.run("fab extend --minutes 24h").failed()
    assert "is asked for, but its lease ends at" in failed
    assert "--lease" in failed


def test_a_longer_lease_reaches_box_config_and_token_and_then_nothing_differs(laptop: Laptop) -> None:
    before = limits(laptop)["ends"]
    with laptop.settings_put_back():
        longer = said(laptop, "--minutes 11h --lease --yes")
        ends = moment(longer["dies_at"])
        assert limits(laptop)["ends"][0] == [ends.timestamp(), "the lease has ended"]
        assert ends >= datetime.now(UTC) + timedelta(hours=10, minutes=55)
        laptop.must("pulumi preview -s local --non-interactive --expect-no-changes")
        assert "nothing to do" in laptop.run("fab extend --minutes 10h --lease --yes").ok().err
    laptop.up().ok()
    assert limits(laptop)["ends"] == before


def test_if_the_cloud_refuses_the_old_lease_and_the_old_config_hold(laptop: Laptop) -> None:
    file = laptop.root / "stacks/Pulumi.local.yaml"
    before, held = file.read_text(), limits(laptop)["ends"]
    laptop.cloud.fault("server-error", "POST", "^/v4/profile/tokens$", times=None)
    try:
        failed = laptop.run("fab extend --minutes 11h --lease --yes").failed()
    finally:
        laptop.cloud.clear_faults()
    assert "maxLifetimeMinutes: `pulumi up` ended with" in failed
    assert (file.read_text(), limits(laptop)["ends"]) == (before, held)
    laptop.up().ok()


def test_what_the_box_says_reaches_the_laptop_that_has_a_tunnel(laptop: Laptop) -> None:
    laptop.must("fab tunnel.close")
    before = followers(laptop)  # of connections that died in silence, as an earlier test lets them
    laptop.must("fab tunnel")
    word = {"at": datetime.now(UTC).timestamp(), "event": "warn", "text": "will be deleted", "tokens": 7}
    laptop.on_box(f"cat >>{WORDS}", json.dumps(word) + "\n")
    file = laptop.state / "stacks/local/words.jsonl"
    wait_for(lambda: file.exists() and '"will be deleted"' in file.read_text())
    assert "warn: will be deleted" in laptop.must("fab logs --of words")
    laptop.must("fab tunnel.close")
    wait_for(lambda: followers(laptop) <= before)


def followers(laptop: Laptop) -> set[str]:
    """The processes on the box that tell a laptop what is said."""
    return set(laptop.on_box("pgrep --exact tail || true").split())


def moment(text: str) -> datetime:
    """A time as programs are told it."""
    return datetime.strptime(text, ISO_TIME).replace(tzinfo=UTC)
