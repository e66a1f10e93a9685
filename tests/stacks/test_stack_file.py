"""A stack's file as it may be found: every fault of it is named."""

from pathlib import Path

import pytest

from stacks import stack_file
from stacks.errors import UsageError
from stacks.stack_file import SECRET, raw_of, stack_names
from tests.shipped import ROOT, STACKS
from tests.shipped import raw_of as shipped_raw


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with Pulumi.yaml and no stack."""
    (tmp_path / "stacks").mkdir()
    (tmp_path / "Pulumi.yaml").write_text((ROOT / "Pulumi.yaml").read_text())
    monkeypatch.setattr(stack_file, "ROOT", tmp_path)
    return tmp_path / "stacks"


def faults(folder: Path, text: str) -> list[str]:
    """What is wrong with a file of this text."""
    (folder / "Pulumi.mine.yaml").write_text(text)
    return [fault.line() for fault in raw_of("mine")[1]]


@pytest.mark.parametrize("stack", STACKS)
def test_a_shipped_file_has_no_fault_and_reads_as_pulumi_reads_it(stack: str) -> None:
    assert raw_of(stack) == (shipped_raw(stack), [])


def test_every_file_is_a_stack() -> None:
    assert set(STACKS) <= set(stack_names())


def test_a_name_may_have_dots(folder: Path) -> None:
    (folder / "Pulumi.my.coder.yaml").write_text("")
    assert stack_names() == ["my.coder"]


def test_a_stack_that_is_not_there_names_the_nearest() -> None:
    with pytest.raises(UsageError) as caught:
        raw_of("coder-31b")
    assert caught.value.line().startswith("stacks/coder-31b: there is no such stack; choose from: coder-14b")


def test_a_secret_is_only_known_to_be_there(folder: Path) -> None:
    assert faults(folder, "config:\n  daybox:boxToken:\n    secure: v1:abc\n") == []
    assert raw_of("mine")[0]["boxToken"] == SECRET


@pytest.mark.parametrize("text", ["config: [", "config:\n\t- x", "a: b: c", "\x00"])
def test_what_is_no_yaml_names_the_line(folder: Path, text: str) -> None:
    [fault] = faults(folder, text)
    assert fault.startswith("stacks/Pulumi.mine.yaml") and "is not YAML" in fault


@pytest.mark.parametrize("text", ["- a", "text", "config: text", "config: [1]"])
def test_what_has_no_config_says_so(folder: Path, text: str) -> None:
    [fault] = faults(folder, text)
    assert "has no `config:` of keys and values" in fault


@pytest.mark.parametrize("text", ["", "config:\n", "encryptionsalt: v1:x\n"])
def test_a_file_that_sets_nothing_is_no_fault(folder: Path, text: str) -> None:
    assert faults(folder, text) == []


def test_wrong_types_and_unknown_keys_are_all_listed(folder: Path) -> None:
    text = """
config:
  daybox:context: 4096
  daybox:selfDestruct: true
  daybox:sshFrom: [203.0.113.7/32]
  linode:token: abc
colour: red
"""
    assert faults(folder, text) == [
        "stacks/Pulumi.mine.yaml: 'colour' is no key of a stack's file; choose from: config, encryptionsalt, "
        "encryptedkey, secretsprovider, environment",
        'stacks/mine/context: 4096 is not text; write "4096"',
        'stacks/mine/selfDestruct: True is not text; write "true"',
        "stacks/mine/sshFrom: ['203.0.113.7/32'] is not text; write \"['203.0.113.7/32']\"",
        "stacks/Pulumi.mine.yaml: 'linode:token' is read by nobody; write daybox:KEY, or remove it",
    ]
