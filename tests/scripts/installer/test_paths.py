from pathlib import Path

import pytest

from scripts.installer.failure import SetupError
from scripts.installer.paths import (
    Version,
    aider_bin,
    newest_kept,
    npm_folder,
    pulumi_bin,
    pulumi_on_path,
    version_in,
    version_of,
)
from tests.scripts.installer.conftest import MakeProgram


def keep(cache: Path, version: str) -> Path:
    """A Pulumi CLI as set-up keeps it."""
    folder = cache / "pulumi" / version / "bin"
    folder.mkdir(parents=True)
    (folder / "pulumi").touch()
    return folder


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("v3.259.0\n", (3, 259, 0)),
        ("go version go1.26.8 linux/amd64", (1, 26, 8)),
        ("go 1.25", (1, 25, 0)),
        ("3.260.0-alpha.1", (3, 260, 0)),
        ("nothing of the kind", ()),
    ],
)
def test_a_version_is_read_as_numbers(text: str, version: Version) -> None:
    assert version_in(text) == version


def test_a_program_that_is_not_there_has_no_version(tmp_path: Path) -> None:
    assert version_of(tmp_path / "absent") == ()


def test_a_new_enough_pulumi_on_path_is_used(cache: Path, make_program: MakeProgram) -> None:
    keep(cache, "3.300.0")
    make_program("pulumi-language-python", "")
    new_enough = make_program("pulumi", "echo v3.272.0")
    assert pulumi_bin() == new_enough.parent


@pytest.mark.parametrize("version", ["v3.258.9", "v2.400.0", "v4.0.0", "broken"])
def test_a_pulumi_on_path_of_another_age_is_not(version: str, cache: Path, make_program: MakeProgram) -> None:
    make_program("pulumi-language-python", "")
    make_program("pulumi", f"echo {version}")
    assert pulumi_on_path() is None


def test_a_pulumi_without_its_language_host_is_not_used(cache: Path, make_program: MakeProgram) -> None:
    make_program("pulumi", "echo v3.272.0")
    assert pulumi_on_path() is None


def test_of_those_kept_the_newest_counts_by_number(cache: Path) -> None:
    keep(cache, "3.999.0")
    newest = keep(cache, "3.1000.0")
    keep(cache, ".draft-1")
    assert newest_kept(cache / "pulumi") == newest


def test_one_kept_that_is_too_old_does_not_count(cache: Path) -> None:
    keep(cache, "3.100.0")
    assert newest_kept(cache / "pulumi") is None


def test_without_any_pulumi_the_way_out_is_set_up(cache: Path, make_program: MakeProgram) -> None:
    with pytest.raises(SetupError) as caught:
        pulumi_bin()
    assert caught.value.line() == "pulumi: there is no Pulumi CLI that is new enough; run: scripts/setup"


def test_aider_and_npm_lie_in_the_cache(cache: Path) -> None:
    assert aider_bin() == cache / "aider/0.86.2/bin"
    assert npm_folder().parent == cache / "npm"
