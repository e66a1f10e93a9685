"""The timer for real: a systemd that boots, a cron that runs; it counts as installed only when its sweep has listed."""

import json
import shutil
from collections.abc import Iterator

import pytest

from stacks.lease import Lease
from stacks.places import write_private
from tests.cloud import CHECKOUT, Cloud, start_cloud
from tests.e2e.desk import Desk, booted, can_boot
from tests.playbooks.planted import EARLIER

pytestmark = pytest.mark.skipif(not can_boot(), reason="a systemd of its own needs root and systemd-nspawn")
PAST = Lease("20261121t080000z-ab12", "past", "somebody")
INSTALL = "fab sweep --install-timer"


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    running = start_cloud(tmp_path_factory.mktemp("cloud"))
    write_private(running.state_dir / "owner", "me\n")
    yield running
    running.stop()


@pytest.fixture(scope="module")
def desk(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with booted(tmp_path_factory.mktemp("desk"), cloud.state_dir) as made:
        yield made


@pytest.fixture
def with_systemd(desk: Desk) -> Iterator[Desk]:
    """Its user has logged in, and so has a systemd of its own."""
    desk.told("systemctl start user@0.service")
    yield desk
    fab(desk, "fab sweep --remove-timer")
    desk.told("loginctl disable-linger root; systemctl stop user@0.service")


@pytest.fixture
def with_cron(desk: Desk) -> Iterator[Desk]:
    """It has no systemd for users, but a crontab with a line of somebody's."""
    if not shutil.which("cron"):
        pytest.skip("there is no cron")
    desk.told("echo '0 3 * * * true # mine' | crontab -")
    yield desk
    fab(desk, "fab sweep --remove-timer")


def fab(desk: Desk, command: str, *, ok: bool = True) -> str:
    """All that a command says that is typed into the checkout there."""
    state = {"DAYBOX_STATE": str(desk.shared), "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
    done = desk.run(f"cd {CHECKOUT} && {command}", **state)
    assert (done.returncode == 0) is ok, f"{command}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout + done.stderr


def listed(cloud: Cloud) -> list[int]:
    return [row["id"] for row in cloud.json("GET", "/linode/instances")["data"]]


def test_systemd_runs_the_first_sweep_at_once_and_it_ends_what_is_past(with_systemd: Desk, cloud: Cloud) -> None:
    cloud.create(PAST.label, tags=PAST.tags_until(EARLIER))
    said = fab(with_systemd, INSTALL)
    assert "sweep: systemd runs it every 15 minutes" in said and cloud.url in said
    assert listed(cloud) == []
    assert json.loads((with_systemd.shared / "sweep/log").read_text().partition("\n")[2])["faults"] == []
    timers = with_systemd.told("XDG_RUNTIME_DIR=/run/user/0 systemctl --user list-timers --output=json")
    assert [row["unit"] for row in json.loads(timers)] == ["daybox-sweep.timer"]
    assert with_systemd.told("loginctl show-user root --property=Linger") == "Linger=yes\n"


def test_installed_twice_it_is_there_once_and_removed_it_is_gone(with_systemd: Desk) -> None:
    fab(with_systemd, INSTALL), fab(with_systemd, INSTALL)
    said = fab(with_systemd, "fab sweep --remove-timer")
    assert "is taken away" in said and "`loginctl disable-linger root` ends that" in said
    assert "no timer is installed" in fab(with_systemd, "fab sweep --remove-timer")
    assert with_systemd.told("find /root/.config -name 'daybox*'") == ""
    assert not (with_systemd.shared / "sweep").exists()


def test_a_first_sweep_that_fails_takes_the_timer_away_again(with_systemd: Desk, cloud: Cloud) -> None:
    cloud.fault("server-error", "GET", "^/v4/linode/instances$", times=None)
    said = fab(with_systemd, INSTALL, ok=False)
    cloud.clear_faults()
    assert "systemd ran it, and it failed with 4: sweep: cloud: /linode/instances" in said
    assert with_systemd.told("find /root/.config -name 'daybox*'") == ""


def test_installed_again_in_vain_it_fires_on_as_before(with_systemd: Desk, cloud: Cloud) -> None:
    fab(with_systemd, INSTALL)
    cloud.fault("server-error", "GET", "^/v4/linode/instances$", times=None)
    said = fab(with_systemd, INSTALL, ok=False)
    cloud.clear_faults()
    assert "it failed with 4" in said and "all is as it was before" in said
    active = "XDG_RUNTIME_DIR=/run/user/0 systemctl --user is-active daybox-sweep.timer"
    assert with_systemd.told(active) == "active\n" and (with_systemd.shared / "sweep/run").is_file()


def test_without_its_folder_it_fires_on_until_it_is_taken_away(with_systemd: Desk) -> None:
    fab(with_systemd, INSTALL)
    shutil.rmtree(with_systemd.shared / "sweep")
    assert "is taken away; its folder was gone" in fab(with_systemd, "fab sweep --remove-timer")
    assert with_systemd.told("find /root/.config -name 'daybox*'") == ""


def test_cron_runs_it_within_the_minute_and_other_lines_stay(with_cron: Desk, cloud: Cloud) -> None:
    cloud.create(PAST.label, tags=PAST.tags_until(EARLIER))
    assert "sweep: cron runs it every 15 minutes" in fab(with_cron, INSTALL)
    assert listed(cloud) == []
    run = with_cron.shared / "sweep/run"
    assert with_cron.told("crontab -l") == f"0 3 * * * true # mine\n*/15 * * * * {run} # daybox-sweep\n"
    fab(with_cron, "fab sweep --remove-timer")
    assert with_cron.told("crontab -l") == "0 3 * * * true # mine\n"
