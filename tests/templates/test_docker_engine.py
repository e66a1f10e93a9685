"""Stage docker: left alone where it is, installed with keys known by their full fingerprint where it is not."""

import pytest

from tests.templates.conftest import OnBox

DOCKER_KEY = "9DC858229FC7DD38854AE2D88D81803C0EBFCD88"
NVIDIA_KEY = "C95B321B61E88C1809C4F759DDCAE044F796ECB0"
DOCKER = """
here=$(dirname "$0")
case "$1" in
compose) [ -e "$here/docker-ce" ] ;;
info) [ -e "$here/toolkit" ] && echo '{"nvidia": {}, "runc": {}}' || echo '{"runc": {}}' ;;
version) echo "@word Docker 26.1.5" ;;
esac
"""


@pytest.fixture
def bare(onbox: OnBox) -> OnBox:
    """A box without Docker; the packages `docker-ce` and `nvidia-container-toolkit` bring what they should."""
    onbox.write("etc/os-release", "ID=ubuntu\nVERSION_CODENAME=noble\n")
    onbox.path("etc/apt/sources.list.d/nothing")
    onbox.command("docker", DOCKER)
    for name in ("nft", "systemctl", "nvidia-ctk"):
        onbox.command(name, "")
    onbox.command("dpkg", "echo amd64")
    onbox.command("curl", 'while [ "$1" != -o ]; do shift; done; echo "the key of $3" >"$2"')
    keys(onbox, DOCKER_KEY, NVIDIA_KEY)
    here = onbox.commands
    onbox.install(
        "apt",
        f'#!/bin/sh\necho "apt $*" >>{here}/calls\n'
        f'case "$*" in *docker-ce*) touch {here}/docker-ce ;; *toolkit*) touch {here}/toolkit ;; esac\n',
    )
    return onbox


def key(fingerprint: str) -> str:
    """Shell that prints a key as `gpg --with-colons` does: itself, and a part of it with a fingerprint of its own."""
    return f"printf 'pub:-:4096:\\nfpr:::::::::{fingerprint}:\\nsub:-:4096:\\nfpr:::::::::{'0' * 40}:\\n'"


def keys(onbox: OnBox, docker: str, nvidia: str) -> None:
    """Which keys the two repositories show."""
    onbox.command("gpg", f'if grep -q nvidia "$3"; then {key(nvidia)}; else {key(docker)}; fi')


def installs(onbox: OnBox) -> list[str]:
    return [call for call in onbox.calls() if call.startswith("apt ")]


def gpu(onbox: OnBox) -> None:
    onbox.write("sys/bus/pci/devices/0000:00:02.0/vendor", "0x10de\n")


def test_docker_that_is_there_is_left_alone(bare: OnBox) -> None:
    (bare.commands / "docker-ce").touch()
    assert bare.run("docker-engine").stdout.endswith("@outcome already\n@word Docker 26.1.5\n")
    assert installs(bare) == []


def test_docker_comes_from_its_own_archive_signed_by_the_key_we_know(bare: OnBox) -> None:
    assert bare.run("docker-engine").stdout.endswith("@word Docker 26.1.5\n")
    assert installs(bare)[-1] == "apt docker-ce docker-ce-cli containerd.io docker-compose-plugin"
    signed = f"[signed-by={bare.root}/etc/apt/keyrings/docker.asc]"
    source = (bare.root / "etc/apt/sources.list.d/docker.list").read_text()
    assert source == f"deb {signed} https://download.docker.com/linux/ubuntu noble stable\n"


def test_the_seal_is_there_before_docker_is(bare: OnBox) -> None:
    bare.run("docker-engine")
    calls = bare.calls()
    assert calls.index("systemctl start daybox-seal") < calls.index(installs(bare)[-1])


def test_another_key_is_named_and_nothing_is_installed_with_it(bare: OnBox) -> None:
    keys(bare, "F" * 40, NVIDIA_KEY)
    done = bare.run("docker-engine")
    assert done.returncode == 1
    assert done.stdout.endswith(f"https://download.docker.com/linux/ubuntu/gpg has key {'F' * 40}, not {DOCKER_KEY}\n")
    assert len(installs(bare)) == 1
    assert not (bare.root / "etc/apt/sources.list.d/docker.list").exists()


def test_a_second_key_beside_the_right_one_is_refused(bare: OnBox) -> None:
    bare.command("gpg", f"{key(DOCKER_KEY)}; {key('E' * 40)}")
    assert bare.run("docker-engine").returncode == 1


def test_a_gpu_brings_nvidias_toolkit_too(bare: OnBox) -> None:
    gpu(bare)
    assert bare.run("docker-engine").returncode == 0
    assert installs(bare)[-1] == "apt nvidia-container-toolkit"
    assert bare.calls().index("nvidia-ctk runtime configure --runtime=docker") < bare.calls().index(
        "systemctl restart docker"
    )
    source = (bare.root / "etc/apt/sources.list.d/nvidia.list").read_text()
    assert source.endswith("] https://nvidia.github.io/libnvidia-container/stable/deb/amd64 /\n")


def test_docker_that_does_not_know_the_gpu_is_not_taken_for_done(bare: OnBox) -> None:
    (bare.commands / "docker-ce").touch()
    gpu(bare)
    bare.run("docker-engine")
    assert [call.split()[1] for call in installs(bare)] == ["ca-certificates", "nvidia-container-toolkit"]


def test_a_second_run_changes_nothing_and_says_so(bare: OnBox) -> None:
    gpu(bare)
    bare.run("docker-engine")
    before = installs(bare)
    assert "@outcome already" in bare.run("docker-engine").stdout
    assert installs(bare) == before


def test_docker_that_does_not_start_is_named_and_nothing_is_installed_over_it(bare: OnBox) -> None:
    (bare.commands / "docker-ce").touch()
    bare.command("systemctl", '[ "$1" != start ]')
    bare.command("journalctl", "echo failed to start daemon: no space left on device")
    done = bare.run("docker-engine")
    assert done.returncode == 1
    assert done.stdout.endswith("failed to start daemon: no space left on device\n")
    assert installs(bare) == []
