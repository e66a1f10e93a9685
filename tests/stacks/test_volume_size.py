"""What a stack's settings say of its volume."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from stacks.catalog import MODELS
from stacks.errors import ConfigError
from stacks.models import Model
from stacks.settings import Settings
from stacks.volume_size import LABEL_LENGTH, LEAST_GIB, device, least_gib, volume_label
from templates import program
from tests.shipped import STACKS, settings_of


def test_a_stack_has_no_volume_unless_it_asks_for_one(tmp_path: Path) -> None:
    assert not settings_of("coder-30b", tmp_path).volume
    assert settings_of("coder-30b", tmp_path, volume="true").volume


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_the_volume_holds_the_weights_and_what_download_keeps_free(model: Model) -> None:
    spare_gib = int(re.findall(r"SPARE = (\d+) << 30", program("download"))[0])
    assert least_gib(model) * 0.981 >= model.weights_gib + spare_gib + 0.5, "1.9 % are ext4's own"


def test_a_small_model_has_the_smallest_volume_that_can_be_ordered(tmp_path: Path) -> None:
    assert settings_of("local", tmp_path, volume="true").volume_gib == LEAST_GIB
    assert settings_of("coder-30b", tmp_path, volume="true").volume_gib == 34


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"volume": "yes"}, "stacks/coder-30b/volume: 'yes' is neither true nor false"),
        (
            {"volumeGib": "9"},
            "stacks/coder-30b/volumeGib: '9' is no size of a volume; write whole GiB from 10 to 16384",
        ),
        ({"volumeGib": "40.5"}, "stacks/coder-30b/volumeGib: '40.5' is no size of a volume"),
        ({"volumeGib": "20"}, "stacks/coder-30b/volumeGib: qwen3-coder-30b with vLLM's cache needs 34; leave it empty"),
        ({"volumeDays": "0"}, "stacks/coder-30b/volumeDays: '0' is no number of days; write whole days from 1 to 366"),
        ({"volumeDays": "1e9"}, "stacks/coder-30b/volumeDays: '1e9' is no number of days"),
    ],
    ids=str,
)
def test_a_wrong_setting_is_named(tmp_path: Path, changes: dict[str, str], line: str) -> None:
    with pytest.raises(ConfigError) as caught:
        settings_of("coder-30b", tmp_path, **changes)
    assert line in caught.value.line()


def test_a_larger_one_may_be_asked_for(tmp_path: Path) -> None:
    assert settings_of("coder-30b", tmp_path, volumeGib="80").volume_gib == 80


@pytest.mark.parametrize("stack", [*STACKS, "x" * 60, "a.b", "a_b"])
def test_a_label_is_one_that_can_be_given(stack: str) -> None:
    label = volume_label(stack)
    assert re.fullmatch("[A-Za-z0-9]([A-Za-z0-9]|[-_](?![-_]))*", label) and len(label) <= LABEL_LENGTH


def test_two_stacks_never_share_a_label() -> None:
    names = ["a.b", "a-b", "x" * 60, "x" * 61, "coder-30b"]
    assert len({volume_label(name) for name in names}) == len(names)


def test_the_box_finds_it_where_linode_says_it_is() -> None:
    assert device("coder-30b") == "/dev/disk/by-id/scsi-0Linode_Volume_daybox-coder-30b"


def test_no_other_setting_changes_a_bundle_without_a_volume(tmp_path: Path) -> None:
    from stacks.bundle import bundle_for

    settings: Settings = settings_of("local", tmp_path)
    assert bundle_for(replace(settings, volume_gib=99)).sha256 == bundle_for(settings).sha256
