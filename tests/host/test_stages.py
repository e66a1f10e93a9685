"""What runs is what this checkout declares."""

import json

from testinfra.host import Host

from tests.host.facts import Facts


def test_the_running_bundle_is_this_checkouts(host: Host, facts: Facts) -> None:
    assert host.file("/opt/daybox/bundle.sha256").content_string.strip() == facts.bundle_sha256


def test_every_file_of_the_bundle_is_as_declared(host: Host, facts: Facts) -> None:
    """The stamp could lie: somebody may have edited a file on the box."""
    paths = " ".join(file["path"] for file in facts.files)
    hashes = dict(reversed(line.split()) for line in host.check_output(f"sha256sum {paths}").splitlines())
    modes = dict(reversed(line.split()) for line in host.check_output(f"stat -c '%a %n' {paths}").splitlines())
    other = [
        f["path"] for f in facts.files if (hashes[f["path"]], int(modes[f["path"]], 8)) != (f["sha256"], f["mode"])
    ]
    assert other == []


def test_no_unit_of_ours_has_failed(host: Host) -> None:
    """Nor Docker, nor ssh. What else a distribution leaves failed is not ours to judge."""
    failed = host.check_output("systemctl list-units --failed --plain --no-legend").splitlines()
    names = [line.split()[0] for line in failed]
    assert [name for name in names if name.startswith(("daybox", "docker", "ssh"))] == []


def test_a_reboot_makes_it_ready_again(host: Host) -> None:
    assert host.service("daybox.target").is_enabled


def test_the_gpus_driver_answers_or_there_is_no_gpu(host: Host, facts: Facts) -> None:
    vendors = host.run("cat /sys/bus/pci/devices/*/vendor").stdout.split()
    assert ("0x10de" in vendors) == facts.gpu
    assert host.run("nvidia-smi -L").succeeded == facts.gpu


def test_docker_runs(host: Host) -> None:
    assert host.service("docker").is_running
    assert host.run("docker compose version").succeeded


def test_the_box_says_that_it_is_ready(host: Host) -> None:
    assert json.loads(host.check_output("/opt/daybox/bin/report"))["ready"] is True
