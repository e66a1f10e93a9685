"""The timer's program, and an installation from its first word to its last; the mechanism alone is a pretended one."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from playbooks import sweep_timer, timers
from playbooks.mechanisms import Step, Timer
from playbooks.sweep_timer import install, program_text, remove
from stacks import account, catalog, sweeps
from stacks.errors import CloudError, ConfigError
from tests.cloud import CHECKOUT, Cloud, start_cloud
from tests.leaks import command_lines, files_with, holds
from tests.playbooks.planted import EARLIER, Laptop

DEPLOY = "deploy-token-5ec4e7"
BARE = {"HOME": "/", "LOGNAME": "root", "SHELL": "/bin/sh", "PATH": "/usr/bin:/bin"}  # what cron gives


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    running = start_cloud(tmp_path_factory.mktemp("cloud"))
    running.add_token(DEPLOY, "*")
    yield running
    running.stop()


@pytest.fixture
def laptop(cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Laptop]:
    """This laptop and its local cloud, without a LINODE_TOKEN."""
    monkeypatch.setenv("DAYBOX_STATE", str(tmp_path))
    monkeypatch.setattr(account, "BACKOFF_SECONDS", 0.01)
    monkeypatch.setattr(sweep_timer, "PROOF_SECONDS", 20.0)
    yield Laptop(cloud)
    cloud.clear_faults()


@pytest.fixture
def runner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A mechanism that runs the program at once, beside us, as cron would; it leaves its mark in this file."""
    mark = tmp_path / "started"
    start = Step(("sh", "-c", f"touch {mark}; env -i HOME=/ PATH=/usr/bin:/bin {tmp_path}/sweep/run & :"))
    unit, stop = tmp_path / "unit", Step(("rm", "-f", str(mark)))
    timer = Timer("pretended", {unit: "text"}, start=(start,), stop=(stop,), stays="it lingers")
    for module in (sweep_timer, timers):
        monkeypatch.setattr(module, "timers", lambda _: [replace(timer, installed=unit.exists())])
    return mark


def own_tokens(cloud: Cloud) -> list[dict[str, Any]]:
    return [row for row in cloud.json("GET", "/profile/tokens")["data"] if row["label"].startswith("daybox-sweep")]


def test_the_program_has_all_that_fab_needs_and_no_token() -> None:
    surroundings = {"PATH": "/my bin:/bin", "LINODE_TOKEN": "planted", "PULUMI_HOME": "/p", "HISTFILE": "/h"}
    text = program_text(surroundings, Path("/home/an n/daybox"), has_token=True)
    assert text.splitlines()[2:6] == [
        "export PATH='/my bin:/bin'",
        "export PULUMI_HOME=/p",
        "export DAYBOX_STATE='/home/an n/daybox'",
        "export DAYBOX_TOKEN_FILE='/home/an n/daybox/sweep/token'",
    ]
    assert "planted" not in text and "HISTFILE" not in text
    assert "log='/home/an n/daybox/sweep/log'" in text.splitlines()
    assert text.splitlines()[-4].endswith('-m fabric sweep --yes --json >"$log" 2>&1')


def test_a_program_without_a_token_names_no_file_of_one() -> None:
    text = program_text({"DAYBOX_TOKEN_FILE": "/somebodys"}, Path("/daybox"), has_token=False)
    assert "export DAYBOX_TOKEN_FILE=''" in text.splitlines()


def test_a_timer_whose_token_is_gone_says_so_and_takes_no_other(linode: Laptop, runner: Path, tmp_path: Path) -> None:
    install()
    (tmp_path / "sweep/token").unlink()
    done = subprocess.run(["sh", tmp_path / "sweep/run"], env=BARE | {"LINODE_TOKEN": DEPLOY}, check=False)
    assert done.returncode == 4
    assert f"DAYBOX_TOKEN_FILE: {tmp_path}/sweep/token cannot be read" in (tmp_path / "sweep/log").read_text()
    remove()


def test_the_program_is_a_shell_script_that_passes_on_how_the_sweep_ended(laptop: Laptop, tmp_path: Path) -> None:
    (tmp_path / "sweep").mkdir()
    program = tmp_path / "sweep/run"
    program.write_text(program_text(os.environ, tmp_path, has_token=False))
    done = subprocess.run(["sh", program], env=BARE, check=False)
    assert (done.returncode, (tmp_path / "sweep/ended").read_text()) == (0, "0\n")
    laptop.cloud.fault("server-error", "GET", "/linode/instances", times=None)
    done = subprocess.run(["sh", program], env=BARE, check=False)
    assert (done.returncode, (tmp_path / "sweep/ended").read_text()) == (4, "4\n")


@pytest.mark.parametrize("log", ["/dev/full", "/nowhere/at/all"])
def test_a_log_that_cannot_be_written_stops_no_sweep(laptop: Laptop, tmp_path: Path, log: str) -> None:
    """/dev/full is a disk that is: it can be opened, and takes nothing."""
    past = laptop.box(laptop.lease("past", "somebody"), EARLIER)
    (tmp_path / "sweep").mkdir()
    (tmp_path / "sweep/log").symlink_to(log)
    program = tmp_path / "sweep/run"
    program.write_text(program_text(os.environ, tmp_path, has_token=False))
    assert subprocess.run(["sh", program], env=BARE, check=False).returncode == 0
    assert past not in laptop.left()


def test_installed_means_that_it_has_listed(laptop: Laptop, runner: Path, capsys: pytest.CaptureFixture[str]) -> None:
    install()
    assert runner.exists() and sweeps.last_good(laptop.cloud.url)
    assert capsys.readouterr().out.splitlines()[0] == (
        "sweep: pretended runs it every 15 minutes, and ends what should go unasked"
    )
    remove()
    remove()
    assert capsys.readouterr().out.splitlines() == [
        "sweep: the timer is taken away, and its token",
        "sweep: it lingers",
        "sweep: no timer is installed",
    ]
    assert not runner.exists() and not (runner.parent / "sweep").exists()


def test_a_timer_whose_folder_is_gone_fires_on_and_is_taken_away_all_the_same(
    laptop: Laptop, runner: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    install()
    shutil.rmtree(tmp_path / "sweep")
    remove()
    assert not runner.exists() and not (tmp_path / "unit").exists()
    assert "its folder was gone: revoke daybox-sweep-me in the Cloud Manager" in capsys.readouterr().out


def test_a_first_sweep_that_fails_leaves_nothing_installed(laptop: Laptop, runner: Path) -> None:
    laptop.cloud.fault("server-error", "GET", "/linode/instances", times=None)
    with pytest.raises(CloudError, match="pretended ran it, and it failed with 4: sweep: cloud: /linode/instances"):
        install()
    assert not runner.exists() and not (runner.parent / "sweep").exists() and not (runner.parent / "unit").exists()


def test_one_that_is_never_run_leaves_nothing_installed(
    laptop: Laptop, runner: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep_timer, "PROOF_SECONDS", 0.1)
    idle = Timer("idle", {}, stop=(Step(("rm", "-f", str(runner))),))
    monkeypatch.setattr(sweep_timer, "timers", lambda _: [idle])
    with pytest.raises(ConfigError, match="idle has not run it within 0 s"):
        install()
    assert not (runner.parent / "sweep").exists()


def test_a_machine_that_runs_nothing_by_itself_says_so(laptop: Laptop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep_timer, "timers", lambda _: [])
    with pytest.raises(ConfigError, match="neither a systemd of yours nor launchd nor cron"):
        install()


@pytest.fixture
def linode(laptop: Laptop, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Laptop:
    """The local cloud in the place of Linode: it takes the token that was exported, and no fixed word."""
    rows = [replace(row, api_url=laptop.cloud.url) if row.name == "linode" else row for row in catalog.CLOUDS]
    monkeypatch.setattr(catalog, "CLOUDS", tuple(rows))
    monkeypatch.setenv("LINODE_TOKEN", DEPLOY)
    (tmp_path / "cloud/url").unlink()
    # The program is a process of its own, with a catalog of its own: there the same cloud is put in Linode's place.
    site = tmp_path / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(
        "import dataclasses, sys\n"
        f"sys.path.insert(0, {str(CHECKOUT)!r})\n"
        "from stacks import catalog\n"
        "catalog.CLOUDS = tuple(\n"
        f"    dataclasses.replace(row, api_url={laptop.cloud.url!r}) if row.name == 'linode' else row\n"
        "    for row in catalog.CLOUDS\n"
        ")\n"
    )
    monkeypatch.setattr(sweep_timer, "CARRIED", (*sweep_timer.CARRIED, "PYTHONPATH"))
    monkeypatch.setenv("PYTHONPATH", str(site))
    return laptop


def test_it_sweeps_with_a_token_of_its_own_which_is_in_one_file_and_in_nothing_that_is_shown(
    linode: Laptop, runner: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = len(linode.cloud.requests("GET", "/linode/instances"))
    with command_lines() as shown:
        install()
    token = (tmp_path / "sweep/token").read_text().strip()
    asked = linode.cloud.requests("GET", "/linode/instances")[before:]
    assert {entry["token"] for entry in asked} == {"daybox-sweep-me"}
    assert files_with([token], tmp_path) == {tmp_path / "sweep/token"}
    assert files_with([DEPLOY], tmp_path) == set()
    assert not any(holds(line, [token, DEPLOY]) for line in shown) and token not in capsys.readouterr().out
    remove()
    assert own_tokens(linode.cloud) == []


def test_installed_again_it_has_a_new_token_and_the_old_one_is_revoked(linode: Laptop, runner: Path) -> None:
    install()
    [first] = own_tokens(linode.cloud)
    install()
    [second] = own_tokens(linode.cloud)
    assert first["id"] != second["id"]
    remove()


def installed(tmp_path: Path) -> dict[str, tuple[str, int]]:
    """name -> text and mode: all that a timer needs to run, but what each run writes."""
    names = ("unit", "started", "sweep/run", "sweep/token", "sweep/minted.json")
    return {name: ((tmp_path / name).read_text(), (tmp_path / name).stat().st_mode) for name in names}


def test_a_token_that_is_refused_costs_no_timer_that_works(
    linode: Laptop, runner: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    install()
    before, tokens = installed(tmp_path), own_tokens(linode.cloud)
    monkeypatch.setenv("LINODE_TOKEN", "expired")
    with pytest.raises(CloudError, match="401"):
        install()
    assert (installed(tmp_path), own_tokens(linode.cloud)) == (before, tokens)
    monkeypatch.setenv("LINODE_TOKEN", DEPLOY)
    remove()


def test_installed_again_in_vain_what_ran_before_runs_again(linode: Laptop, runner: Path, tmp_path: Path) -> None:
    install()
    before, tokens = installed(tmp_path), own_tokens(linode.cloud)
    linode.cloud.fault("server-error", "GET", "/linode/instances", times=None)
    with pytest.raises(CloudError, match="ran it, and it failed") as caught:
        install()
    linode.cloud.clear_faults()
    assert caught.value.hint == "all is as it was before"
    assert (installed(tmp_path), own_tokens(linode.cloud)) == (before, tokens)
    remove()


def test_a_token_that_was_made_for_nothing_is_revoked(linode: Laptop, runner: Path) -> None:
    linode.cloud.fault("server-error", "GET", "/linode/instances", times=None)
    with pytest.raises(CloudError, match="ran it, and it failed"):
        install()
    assert own_tokens(linode.cloud) == []


def test_a_token_that_cannot_be_revoked_is_named_and_the_timer_goes_all_the_same(
    linode: Laptop, runner: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    install()
    monkeypatch.delenv("LINODE_TOKEN")
    with pytest.raises(CloudError, match=r"token \d+ \(daybox-sweep-me\) is valid until 20.*revoke it in the Cloud"):
        remove()
    assert not (tmp_path / "sweep").exists() and not runner.exists()


def test_without_a_token_it_says_what_it_does_not_sweep(
    laptop: Laptop, runner: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    install()
    assert "it has no token, so it sweeps the local cloud alone" in capsys.readouterr().out
    remove()
