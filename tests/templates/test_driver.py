"""Stage driver: packages of the distribution, no reboot where modules load, and never more than one."""

import platform
from pathlib import Path

import pytest

from tests.templates.conftest import OnBox

BOOT = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
KERNEL = platform.release()
UBUNTU = "nvidia-headless-no-dkms-580-server-open nvidia-utils-580-server"


@pytest.fixture
def gpu(onbox: OnBox) -> OnBox:
    """A box with an NVIDIA card and without a driver; the file `loads` makes its modules load."""
    onbox.write("sys/bus/pci/devices/0000:00:01.0/vendor", "0x8086\n")
    onbox.write("sys/bus/pci/devices/0000:00:02.0/vendor", "0x10de\n")
    onbox.write("etc/os-release", "ID=ubuntu\n")
    onbox.path("run/nothing")
    onbox.command("modprobe", '[ "$1" = -r ] || [ -e "$(dirname "$0")/loads" ]')
    onbox.command("nvidia-smi", 'case "$1" in -L) echo GPU 0 ;; *) echo "580.95.05, NVIDIA RTX 4000 Ada" ;; esac')
    for name in ("systemctl", "sleep", "sync"):
        onbox.command(name, "")
    packages(onbox, "")
    return onbox


def packages(onbox: OnBox, known: str, loads: bool = True) -> None:
    """What `apt` does: it fails if a package of the call is not `known` (all are, if empty)."""
    touch = f"touch {onbox.commands}/loads" if loads else ":"
    onbox.install(
        "apt",
        f'#!/bin/sh\necho "apt $*" >>{onbox.commands}/calls\n'
        f'case "$*" in *"{known}"*) {touch} ;; *) echo "no such package"; exit 100 ;; esac\n',
    )


def installs(onbox: OnBox) -> list[str]:
    return [call for call in onbox.calls() if call.startswith("apt ")]


@pytest.mark.parametrize("bus", [True, False], ids=["another card", "no PCI bus at all"])
def test_a_box_without_an_nvidia_card_is_passed_over_with_a_word(onbox: OnBox, bus: bool) -> None:
    if bus:
        onbox.write("sys/bus/pci/devices/0000:00:01.0/vendor", "0x8086\n")
    assert onbox.run("driver").stdout == "@outcome passed\n@word no NVIDIA device on the PCI bus\n"


def test_a_driver_that_runs_is_left_alone(gpu: OnBox) -> None:
    (gpu.commands / "loads").touch()
    assert gpu.run("driver").stdout == "GPU 0\n@outcome already\n@word 580.95.05, NVIDIA RTX 4000 Ada\n"
    assert installs(gpu) == []


def test_a_driver_too_old_for_the_image_is_a_failure_here_and_not_a_riddle_in_vllm(gpu: OnBox) -> None:
    gpu.command("nvidia-smi", 'case "$1" in -L) echo GPU 0 ;; *) echo "550.163.01, NVIDIA RTX 4000 Ada" ;; esac')
    done = gpu.run("driver")
    assert done.returncode == 1
    assert done.stdout.endswith("driver 550.163.01, NVIDIA RTX 4000 Ada is too old for vLLM's image\n")


def test_prebuilt_modules_for_the_running_kernel_need_no_reboot(gpu: OnBox) -> None:
    done = gpu.run("driver")
    assert done.stdout.endswith("@word 580.95.05, NVIDIA RTX 4000 Ada\n")
    assert installs(gpu) == [f"apt {UBUNTU} linux-modules-nvidia-580-server-open-{KERNEL}"]
    assert "systemctl reboot" not in gpu.calls()


def test_where_none_are_prebuilt_they_are_built_for_the_running_kernel(gpu: OnBox) -> None:
    packages(gpu, " nvidia-dkms-580")
    assert gpu.run("driver").returncode == 0
    assert installs(gpu)[-1] == f"apt {UBUNTU} nvidia-dkms-580-server-open linux-headers-{KERNEL}"


def test_as_the_last_resort_the_newest_kernel_is_installed_and_booted_once(gpu: OnBox) -> None:
    packages(gpu, "open-generic", loads=False)
    done = gpu.run("driver")
    assert f"@word one reboot: the modules do not load into kernel {KERNEL}\n" in done.stdout
    assert gpu.calls()[-2:] == ["systemctl reboot", "sleep infinity"]
    assert (gpu.root / "var/lib/daybox/driver-reboot").read_text().strip() == BOOT


def test_a_reboot_waits_for_whoever_installs(gpu: OnBox) -> None:
    packages(gpu, "open-generic", loads=False)
    held = gpu.commands / "held"
    gpu.command("systemctl", f"flock --nonblock {gpu.root}/run/daybox-apt.lock true || touch {held}")
    gpu.run("driver")
    assert held.exists()


def test_a_second_reboot_never_happens(gpu: OnBox) -> None:
    packages(gpu, "", loads=False)
    gpu.write("var/lib/daybox/driver-reboot", "the boot before this one\n")
    done = gpu.run("driver")
    assert done.returncode == 1
    assert done.stdout.endswith(f"the modules do not load into kernel {KERNEL}, not even after a reboot\n")
    assert "systemctl reboot" not in gpu.calls()


def test_debian_gets_its_own_packages_from_the_parts_of_its_archive_that_have_them(gpu: OnBox) -> None:
    gpu.write("etc/os-release", "ID=debian\n")
    sources = gpu.write("etc/apt/sources.list.d/debian.sources", "Types: deb\nComponents: main\n")
    old_style = gpu.write("etc/apt/sources.list", "deb http://example.invalid trixie main non-free-firmware\n")
    assert gpu.run("driver").returncode == 0
    wanted = f"linux-headers-{KERNEL} nvidia-open-kernel-dkms nvidia-smi libcuda1 firmware-nvidia-gsp"
    assert installs(gpu) == [f"apt {wanted}"]
    assert sources.read_text() == "Types: deb\nComponents: main contrib non-free non-free-firmware\n"
    assert old_style.read_text() == "deb http://example.invalid trixie main contrib non-free non-free-firmware\n"


def test_packages_that_cannot_be_had_fail_the_stage(gpu: OnBox) -> None:
    packages(gpu, "nothing at all", loads=False)
    assert gpu.run("driver").returncode == 100
    assert "systemctl reboot" not in gpu.calls()
