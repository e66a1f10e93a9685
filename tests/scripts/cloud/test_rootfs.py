"""The recipe of the root file system; it is made for real by `prepare`."""

from pathlib import Path

import yaml

from scripts.cloud import rootfs


def test_no_mirror_is_named_so_that_the_machines_own_choice_serves() -> None:
    command = rootfs.mmdebstrap(Path("/somewhere"))
    assert command[-2:] == ["trixie", "/somewhere"]
    assert not any("://" in word for word in command)


def test_every_box_makes_its_own_keys_and_its_own_id() -> None:
    assert rootfs.FILES["etc/machine-id"] == ""
    assert not any("ssh_host" in name for name in rootfs.FILES)


def test_cloud_init_reads_the_seed_alone_and_lets_root_log_in() -> None:
    settings = yaml.safe_load(rootfs.FILES["etc/cloud/cloud.cfg.d/90-daybox.cfg"])
    assert (settings["datasource_list"], settings["disable_root"]) == (["NoCloud"], False)


def test_the_recipe_has_a_name_that_stays() -> None:
    assert rootfs.recipe() == rootfs.recipe()
