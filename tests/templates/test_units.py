"""Our units, judged by systemd itself: sound, in the table's order, and with no more rights than they need."""

import configparser
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from stacks.bundle import GROUP, Bundle, bundle_for
from stacks.stages import GRAPH, stage_named, unit
from tests.golden_text import golden
from tests.shipped import settings_of

FOLDER = "/etc/systemd/system/"
# The first two run dpkg, the third mounts for all to see: see the comments in stage.service.j2.
FOR_ALL = {unit("driver"), unit("docker"), unit("volume")}
needs_systemd = pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="there is no systemd to ask")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """Of a box with a volume: it has every stage."""
    return bundle_for(settings_of("local", tmp_path_factory.mktemp("keys"), volume="true"))


@pytest.fixture(scope="module")
def root(bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root file system with this machine's units, and ours."""
    root = tmp_path_factory.mktemp("root")
    shutil.copytree("/usr/lib/systemd/system", root / "usr/lib/systemd/system", symlinks=True)
    for file in bundle.files:
        path = root / file.path.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(file.content)
        path.chmod(file.mode)
    for program in ("usr/sbin/nft", "usr/bin/dockerd", "usr/bin/mkdir"):
        (root / program).parent.mkdir(parents=True, exist_ok=True)
        (root / program).write_text("#!/bin/sh\n")
        (root / program).chmod(0o755)
    (root / "etc/systemd/system/docker.service").write_text("[Service]\nExecStart=/usr/bin/dockerd\n")
    return root


UNITS = [
    *(unit(stage.name) for stage in GRAPH),
    unit("seal"),
    unit("open"),
    unit("watchdog"),
    "daybox-watchdog.timer",
    "daybox.target",
]
SERVICES = [name for name in UNITS if name.endswith(".service")]


def text(bundle: Bundle, name: str) -> str:
    return next(file.content for file in bundle.files if file.path == FOLDER + name)


def values(bundle: Bundle, name: str, key: str) -> list[str]:
    """The words of all lines `key=…` of a unit."""
    return " ".join(re.findall(rf"^{key}=(.*)$", text(bundle, name), re.MULTILINE)).split()


def test_every_unit_of_the_bundle_is_looked_at_here(bundle: Bundle) -> None:
    found = {file.path.removeprefix(FOLDER) for file in bundle.files if file.path.startswith(FOLDER)}
    assert found == {*UNITS, "docker.service.d/daybox.conf"}


@needs_systemd
@pytest.mark.parametrize("name", [*UNITS, "docker.service"])
def test_systemd_finds_no_fault(root: Path, name: str) -> None:
    words = ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", f"--root={root}", name]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    ours = [line for line in done.stderr.splitlines() if "daybox" in line or name in line]
    assert (done.returncode, ours) == (0, []), done.stderr


@needs_systemd
@pytest.mark.parametrize("name", SERVICES)
def test_a_unit_has_few_rights_and_what_works_for_all_not_many_more(root: Path, name: str) -> None:
    most = 40 if name in FOR_ALL else 20
    words = ["systemd-analyze", "security", "--offline=true", f"--threshold={most}", f"--root={root}", name]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-200:]


@pytest.mark.parametrize("stage", GRAPH, ids=lambda stage: stage.name)
def test_a_stage_needs_and_follows_what_the_table_says(bundle: Bundle, stage: object) -> None:
    name = getattr(stage, "name")  # noqa: B009
    more = {"vllm": {unit("seal")}, "image": {unit("open")}}
    needed = {unit(other) for other in stage_named(name).after} | more.get(name, set())
    assert set(values(bundle, unit(name), "Requires")) == needed
    assert set(values(bundle, unit(name), "After")) == needed | {"network-online.target"}


def test_a_box_without_a_volume_has_no_unit_program_or_file_of_one(tmp_path: Path) -> None:
    without = bundle_for(settings_of("local", tmp_path))
    assert not [file.path for file in without.files if "volume" in file.path]
    assert values(without, unit("weights"), "Requires") == []
    assert unit("volume") not in values(without, "daybox.target", "Wants")


def test_what_is_mounted_is_seen_by_all(bundle: Bundle) -> None:
    """Any of these would give the stage a view of the file system of its own, and the weights would go elsewhere."""
    own_view = re.compile("^(Private(?!Users)|Protect|ReadOnly|ReadWrite|Inaccessible|Bind|TemporaryFileSystem)", re.M)
    assert not own_view.search(text(bundle, unit("volume")))


def test_the_target_wants_every_stage_and_delays_no_boot(bundle: Bundle) -> None:
    assert values(bundle, "daybox.target", "Wants") == [unit(stage.name) for stage in GRAPH]
    assert values(bundle, "daybox.target", "DefaultDependencies") == ["no"]


def test_docker_does_not_start_unsealed(bundle: Bundle) -> None:
    assert values(bundle, "docker.service.d/daybox.conf", "Requires") == [unit("seal")]
    assert values(bundle, "docker.service.d/daybox.conf", "After") == [unit("seal"), unit("volume")]
    assert values(bundle, unit("seal"), "Before") == ["docker.service"]


def test_what_may_open_connections_has_the_seals_group_and_nothing_else_has(bundle: Bundle) -> None:
    opening = {name for name in SERVICES if values(bundle, name, "Group")}
    assert opening == {unit(name) for name in ("driver", "docker", "weights", "watchdog")}
    assert {values(bundle, name, "Group")[0] for name in opening} == {GROUP}


def test_no_folder_changes_its_group_with_the_unit_that_is_started(bundle: Bundle) -> None:
    """systemd gives a StateDirectory to its unit's group, file by file: two groups would take it from each other."""
    assert {tuple(values(bundle, name, "Group")) for name in SERVICES if values(bundle, name, "StateDirectory")} == {()}


def test_root_may_open_connections_only_while_a_unit_needs_it_that_pulls(bundle: Bundle) -> None:
    assert values(bundle, unit("open"), "StopWhenUnneeded") == ["yes"]
    needing = [name for name in SERVICES if unit("open") in " ".join(values(bundle, name, "Requires")).split()]
    assert needing == [unit("image")]


def test_what_only_talks_to_docker_has_no_network(bundle: Bundle) -> None:
    assert {name for name in SERVICES if values(bundle, name, "PrivateNetwork") == ["yes"]} == {
        unit("image"),
        unit("vllm"),
    }


def test_the_driver_may_open_device_files_that_appear_while_it_runs(bundle: Bundle) -> None:
    """ProtectClock brings a list of devices along, and NVIDIA's would not be on it."""
    assert not {"ProtectClock", "PrivateDevices", "DeviceAllow"} & {
        line.partition("=")[0] for line in text(bundle, unit("driver")).splitlines()
    }


def test_the_watchdog_looks_every_20_seconds_by_clocks_that_nobody_sets(bundle: Bundle) -> None:
    timer = configparser.ConfigParser()
    timer.optionxform = str  # type: ignore[assignment,method-assign]
    timer.read_string(text(bundle, "daybox-watchdog.timer"))
    assert dict(timer["Timer"]) == {"OnBootSec": "5", "OnUnitActiveSec": "20", "AccuracySec": "1"}


@pytest.mark.parametrize("name", [*UNITS, "docker.service.d/daybox.conf"])
def test_units_are_what_was_reviewed(bundle: Bundle, name: str) -> None:
    kept = f"units/{name.replace('/', '-')}"
    assert text(bundle, name) == golden(kept, text(bundle, name))
