import pytest

from scripts.installer import packages
from scripts.installer.failure import SetupError
from scripts.installer.job import ALL, WITH_A_BOX, Job
from scripts.installer.lane import Lane
from scripts.installer.packages import NEEDS, Need, install_line, missing
from tests.scripts.installer.conftest import MakeProgram

ABSENT = Need("no-such-program", "no-such-package", ALL, "does nothing")
FOR_A_BOX = Need("no-such-boot", "no-such-boot", WITH_A_BOX, "boots nothing")


@pytest.mark.parametrize(
    ("job", "expected"), [(Job.LAPTOP, [ABSENT]), (Job.FAST, [ABSENT]), (Job.TEST, [ABSENT, FOR_A_BOX])]
)
def test_a_job_misses_only_what_it_uses(job: Job, expected: list[Need]) -> None:
    assert missing(job, [ABSENT, FOR_A_BOX]) == expected


def test_a_program_in_sbin_is_found_by_those_who_have_no_sbin_on_path(
    make_program: MakeProgram, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packages, "SBIN", str(make_program("holds-rules", "").parent))
    monkeypatch.setenv("PATH", "/nowhere")
    assert Need("holds-rules", "rules", ALL, "").is_met()


def test_the_line_to_type_asks_nothing_and_waits_for_another_apt() -> None:
    expected = "sudo apt-get install -y --no-install-recommends -o DPkg::Lock::Timeout=120 git nftables"
    assert install_line(["git", "nftables"]) == expected


def test_who_is_not_root_gets_the_line_to_type(lane: Lane, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "NEEDS", [ABSENT])
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with pytest.raises(SetupError) as caught:
        packages.act(lane)
    assert caught.value.fact == "packages: not here: no-such-program (does nothing)"
    assert install_line(["no-such-package"]) in caught.value.hint


def test_who_lacks_only_what_boots_a_local_box_hears_that_a_real_one_needs_it_not(
    lane: Lane, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packages, "NEEDS", [FOR_A_BOX])
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with pytest.raises(SetupError) as caught:
        packages.act(lane)
    assert caught.value.hint.endswith("; the Linode stacks do not need it: scripts/setup laptop")


def test_root_on_debian_gets_them_installed(
    lane: Lane, make_program: MakeProgram, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_program("apt-get", 'echo "$1 ${DEBIAN_FRONTEND} ${@}"')
    monkeypatch.setattr(packages, "NEEDS", [ABSENT])
    monkeypatch.setattr("os.geteuid", lambda: 0)
    packages.act(lane)
    assert lane.last_line().startswith("install noninteractive install -y")
    assert lane.last_line().endswith(" no-such-package")


def test_a_box_is_not_promised_without_linux(lane: Lane, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "NEEDS", [ABSENT])
    monkeypatch.setattr("sys.platform", "darwin")
    with pytest.raises(SetupError, match="a local box needs Linux"):
        packages.act(lane)


@pytest.mark.parametrize("need", NEEDS, ids=lambda need: need.program)
def test_every_need_says_what_it_is_for(need: Need) -> None:
    assert need.why and need.package and need.jobs
