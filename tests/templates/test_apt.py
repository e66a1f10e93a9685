"""`apt`: lists are read once, and again when a source was added; two callers never meet."""

import os
import subprocess
import time

import pytest

from tests.templates.conftest import OnBox


@pytest.fixture
def box(onbox: OnBox) -> OnBox:
    onbox.path("etc/apt/sources.list.d/nothing")
    onbox.path("run/nothing")
    onbox.command("apt-get", "")
    onbox.command("dpkg", "")
    onbox.command("sleep", "")
    return onbox


ROOT = "-o APT::Sandbox::User=root"  # the user _apt would not have the group that the seal lets out
UPDATE = f"apt-get -qq {ROOT} -o APT::Update::Error-Mode=any update"


def updates(onbox: OnBox) -> int:
    return onbox.calls().count(UPDATE)


def test_packages_are_installed_without_questions_and_without_company(box: OnBox) -> None:
    assert box.run("apt", "curl", "gpg").returncode == 0
    options = f"--no-install-recommends {ROOT} -o DPkg::Lock::Timeout=600 -o Acquire::Retries=5"
    assert box.calls() == [UPDATE, f"apt-get -qqy {options} install curl gpg"]


def test_the_lists_are_read_again_only_when_a_source_was_added(box: OnBox) -> None:
    box.run("apt", "curl")
    box.run("apt", "gpg")
    assert updates(box) == 1
    later = time.time() + 60
    os.utime(box.root / "etc/apt/sources.list.d", (later, later))
    box.run("apt", "docker-ce")
    assert updates(box) == 2


def test_lists_that_somebody_else_holds_are_tried_again(box: OnBox) -> None:
    box.command("apt-get", 'case "$*" in *update) [ "$(grep -c update "$(dirname "$0")/calls")" -gt 2 ] ;; esac')
    assert box.run("apt", "curl").returncode == 0
    assert updates(box) == 3


def test_lists_that_were_never_read_are_read_by_the_next_run(box: OnBox) -> None:
    box.command("apt-get", 'case "$*" in *update) exit 100 ;; esac')
    box.run("apt", "curl")
    before = updates(box)
    box.command("apt-get", "")
    box.run("apt", "curl")
    assert updates(box) == before + 1


def test_a_failed_install_fails(box: OnBox) -> None:
    box.command("apt-get", 'case "$*" in *install*) exit 100 ;; esac')
    assert box.run("apt", "curl").returncode == 100


def test_what_a_reboot_cut_off_is_finished_first(box: OnBox) -> None:
    configured = box.commands / "configured"
    box.command("apt-get", f'case "$*" in *install*) [ -e {configured} ] || exit 100 ;; esac')
    box.command("dpkg", f"touch {configured}")
    assert box.run("apt", "curl").returncode == 0
    assert "dpkg --configure -a" in box.calls()


def test_the_second_caller_waits_for_the_first(box: OnBox) -> None:
    marks = box.commands / "marks"
    box.command("apt-get", f'case "$*" in *install*) echo in >>{marks}; /bin/sleep 0.3; echo out >>{marks} ;; esac')
    program = box.install("apt")
    both = [subprocess.Popen([program, name], env=box.full_environment()) for name in ("curl", "gpg")]
    assert [caller.wait(20) for caller in both] == [0, 0]
    assert marks.read_text().split() == ["in", "out", "in", "out"]
