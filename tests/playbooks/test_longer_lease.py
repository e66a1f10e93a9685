"""longer_lease: what may be made longer, what it costs, and that nothing half done stays. Pulumi is a stand-in here;
the real one, with a real box, is met in tests/e2e/one_box."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from playbooks import longer_lease, questions, stack_config
from playbooks.longer_lease import (
    check_agreed,
    check_budgets,
    first_end_on_box,
    hard_end,
    make_longer,
    minutes_to,
    what_holds,
    whole_price,
)
from playbooks.watchdog import status
from stacks.box import Box
from stacks.errors import BoxError, CloudError, ConfigError, UsageError
from stacks.lease import ID_TIME, ISO_TIME
from stacks.settings import Settings
from stacks.ssh import Target
from tests.cloud import Cloud
from tests.playbooks.own_sshd import own_sshd
from tests.playbooks.pretend_box import BOX, PretendBox
from tests.playbooks.pretend_pulumi import calls as calls
from tests.shipped import settings_of

NOW = datetime.now(UTC).replace(microsecond=0)
START, END = NOW - timedelta(hours=1), NOW + timedelta(hours=9)
RUNNING = replace(BOX, lease=f"{START.strftime(ID_TIME)}-abcd", dies_at=END.strftime(ISO_TIME))


@pytest.fixture(autouse=True)
def _surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """State of its own, and a wall whose clock shows UTC."""
    monkeypatch.setenv("DAYBOX_STATE", str(tmp_path / "state"))
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "UTC")
        time.tzset()
        yield
    time.tzset()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_of("local", tmp_path)


@pytest.fixture
def target(tmp_path: Path) -> Iterator[Target]:
    """A box that is this machine; it says when it ends."""
    with own_sshd(tmp_path / "sshd") as running:
        yield PretendBox(tmp_path / "box", running).target()


@pytest.fixture
def limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The limits on that box."""
    path = tmp_path / "limits.json"
    monkeypatch.setattr(longer_lease, "LIMITS_ON_BOX", str(path))
    path.write_text(
        '{"ends": [[4070912400.0, "its own token is about to end"], [4070908800.0, "the lease has ended"]]}'
    )
    return path


def test_the_lifetime_is_counted_from_the_leases_start_in_whole_minutes() -> None:
    assert minutes_to(RUNNING, NOW + timedelta(hours=11)) == 12 * 60
    assert minutes_to(RUNNING, NOW + timedelta(hours=11, seconds=1)) == 12 * 60 + 1


def test_more_than_a_stack_may_ask_for_is_refused() -> None:
    with pytest.raises(UsageError, match="is more than 31 days"):
        minutes_to(RUNNING, NOW + timedelta(days=31))


def test_what_no_budget_ends_earlier_may_be(settings: Settings) -> None:
    check_budgets(settings, RUNNING, 12 * 60, NOW + timedelta(hours=11))
    rich = replace(settings, budget_usd=1.2, month_budget_usd=1.2)
    check_budgets(rich, RUNNING, 11 * 60 + 55, START + timedelta(hours=11, minutes=55))


@pytest.mark.parametrize(
    ("budgets", "why"),
    [
        ({"budget_usd": 1.0}, "its budget of $1.00 is spent"),
        ({"month_budget_usd": 1.0}, "the month's budget of $1.00 is spent"),
    ],
)
def test_a_budget_that_ends_it_earlier_is_named_with_both_moments(
    settings: Settings, budgets: dict[str, float], why: str
) -> None:
    wanted = NOW + timedelta(hours=11)
    with pytest.raises(ConfigError) as caught:
        check_budgets(replace(settings, **budgets), RUNNING, 12 * 60, wanted)  # type: ignore[arg-type]
    ends = START + timedelta(hours=10, minutes=-5)
    assert caught.value.fact == (
        f"stacks/local: until {wanted:%H:%M UTC on %a %Y-%m-%d} is asked for, "
        f"but it ends at {ends:%H:%M UTC on %a %Y-%m-%d}: {why}"
    )


def test_without_a_price_nobody_can_say_what_it_costs(settings: Settings) -> None:
    with pytest.raises(ConfigError, match="stacks/local: its price is not known"):
        check_budgets(settings, replace(RUNNING, usd_per_hour=None), 60, NOW)
    assert whole_price(replace(RUNNING, usd_per_hour=None), END) == "what it costs is not known"


def test_the_longest_cost_counts_the_hour_that_is_begun_while_the_box_is_deleted() -> None:
    assert whole_price(RUNNING, END) == "$0.10/h (127.0.0.1:9 2026-11-21), at most $1.10 in 11 begun hours"


def test_without_anybody_to_ask_it_says_what_it_costs_and_how_to_go_on() -> None:
    with pytest.raises(UsageError) as caught:
        check_agreed(RUNNING, END + timedelta(hours=1), can_ask=False)
    assert "at most $1.20 in 12 begun hours; nobody is here to be asked: say --yes" in caught.value.line()


@pytest.mark.parametrize("answer", ["", "n", "nonsense", EOFError()])
def test_anything_but_yes_changes_nothing(answer: str | Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    answer_with(answer, monkeypatch)
    with pytest.raises(UsageError, match="nothing is changed"):
        check_agreed(RUNNING, END, can_ask=True)


def test_yes_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    answer_with("Y", monkeypatch)
    check_agreed(RUNNING, END, can_ask=True)


def answer_with(answer: str | Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody at a terminal who answers so."""

    def said(_question: str) -> str:
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(questions, "on_terminal", lambda: True)
    monkeypatch.setattr("builtins.input", said)


def test_a_lease_that_is_long_enough_is_left_alone(calls: Path, target: Target) -> None:
    assert make_longer(RUNNING, target, END, consent=True, show=True) == RUNNING
    assert not calls.exists()


def longer(box: Box, target: Target, monkeypatch: pytest.MonkeyPatch, settings: Settings) -> Box:
    """Make its lease two hours longer, without a question."""
    monkeypatch.setattr(longer_lease, "find_settings", lambda stack: settings)
    monkeypatch.setattr(longer_lease, "box_of", lambda stack: replace(box, dies_at="2099-01-01T00:00:00Z"))
    monkeypatch.setattr(longer_lease, "check_there", lambda box, target: None)  # below, with a real account
    return make_longer(box, target, END + timedelta(hours=2), consent=False, show=True)


def test_a_longer_lease_is_config_and_up(
    calls: Path, limits: Path, target: Target, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert hard_end(longer(RUNNING, target, monkeypatch, settings)).year == 2099
    assert calls.read_text().splitlines() == [
        "config set-all -s local --plaintext daybox:maxLifetimeMinutes=720",
        "up -s local --yes --skip-preview",
    ]


@pytest.mark.parametrize(
    ("before", "back"),
    [
        (None, "config rm-all -s local daybox:maxLifetimeMinutes"),
        ("8h", "config set-all -s local --plaintext daybox:maxLifetimeMinutes=8h"),
    ],
)
def test_if_up_fails_the_config_is_as_it_was_and_the_box_says_which_end_holds(
    before: str | None,
    back: str,
    calls: Path,
    limits: Path,
    target: Target,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (calls.parent / "up-status").write_text("3")
    monkeypatch.setattr(stack_config, "own_text", lambda stack, key: before)
    with pytest.raises(CloudError) as caught:
        longer(RUNNING, target, monkeypatch, settings)
    assert caught.value.fact == (
        "stacks/local/maxLifetimeMinutes: `pulumi up` ended with 3; "
        "the box itself ends at 00:00 UTC on Thu 2099-01-01: the lease has ended"
    )
    assert calls.read_text().splitlines()[2:] == [back]


@dataclass
class Rented:
    """A box that the account lists; its watchdog is a stand-in that says when it ends, and why."""

    cloud: Cloud
    on_ssh: PretendBox
    box: Box

    def says(self, ends_in: float | None, why: str) -> None:
        dies_at = None if ends_in is None else time.time() + ends_in
        said = json.dumps({"armed": True, "dies_at": dies_at, "why": why})
        self.on_ssh.program(self.on_ssh.onbox.watchdog, f"#!/bin/sh\necho '{said}'\n")

    def vanish(self) -> None:
        self.cloud.call("DELETE", f"/linode/instances/{self.box.instance_id}")

    def longer(self) -> Box:
        """Two hours longer; somebody at the terminal says yes."""
        return make_longer(self.box, self.on_ssh.target(), END + timedelta(hours=2), consent=True, show=True)


@pytest.fixture
def rented(
    cloud: Cloud, tmp_path: Path, settings: Settings, calls: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Rented]:
    box = replace(RUNNING, api_url=cloud.url, instance_id=int(cloud.create("daybox-longer")["id"]))
    with own_sshd(tmp_path / "sshd") as running:
        found = Rented(cloud, PretendBox(tmp_path / "box", running), box)
        monkeypatch.setattr(longer_lease, "find_settings", lambda stack: settings)
        monkeypatch.setattr(longer_lease, "box_of", lambda stack: box)
        monkeypatch.setattr(longer_lease, "status", lambda: status(found.on_ssh.onbox))
        answer_with("y", monkeypatch)
        yield found
        found.vanish()


@pytest.mark.parametrize(("ends_in", "why"), [(125, "idle for 30 min"), (9000, "the lease has ended"), (None, "never")])
def test_a_box_that_is_there_and_stays_gets_its_longer_lease(
    rented: Rented, calls: Path, ends_in: float | None, why: str
) -> None:
    rented.says(ends_in, why)
    rented.longer()
    assert calls.read_text().splitlines()[-1] == "up -s local --yes --skip-preview"


def test_a_box_that_dies_while_its_owner_thinks_is_not_rented_anew(
    rented: Rented, calls: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was there when the question was asked. Its address may still answer; the account counts."""
    rented.says(9000, "the lease has ended")
    monkeypatch.setattr(longer_lease, "check_agreed", lambda *_, **__: rented.vanish())
    with pytest.raises(BoxError) as caught:
        rented.longer()
    assert caught.value.line() == (
        f"box/{BOX.alias}: the account does not list it: `pulumi up` would rent another; "
        "see `fab status --stack local`; nothing is changed"
    )
    assert not calls.exists()


@pytest.mark.parametrize(
    ("why", "way_out"),
    [
        ("idle for 30 min", "keep it first: fab extend --stack local --minutes 10; then this again"),
        ("the lease has ended", "let it end; then `pulumi up -s local` rents anew"),
    ],
)
def test_an_end_that_is_too_near_is_not_moved(rented: Rented, calls: Path, why: str, way_out: str) -> None:
    rented.says(115, why)
    with pytest.raises(BoxError, match=f"s, and `pulumi up` would rent another: {why}") as caught:
        rented.longer()
    assert caught.value.hint == way_out
    assert not calls.exists()


def test_a_box_that_does_not_answer_is_no_reason_to_rent_another(rented: Rented, calls: Path) -> None:
    with pytest.raises(BoxError, match="gave no status"):
        rented.longer()
    assert not calls.exists()


def test_the_first_of_the_boxes_hard_ends_counts(target: Target, limits: Path) -> None:
    assert first_end_on_box(target) == (datetime(2099, 1, 1, tzinfo=UTC), "the lease has ended")


@pytest.mark.parametrize("text", ["", "[]", '{"ends": []}', '{"ends": [[1]]}', '{"ends": [[1e999, "x"]]}'])
def test_limits_that_say_nothing_are_not_guessed(text: str, target: Target, limits: Path) -> None:
    limits.write_text(text)
    with pytest.raises(BoxError, match="tells no hard end"):
        first_end_on_box(target)
    assert what_holds(target).startswith("which limits hold is not known, most likely the old ones: box/")
