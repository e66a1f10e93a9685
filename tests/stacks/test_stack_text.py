"""A stack's file is changed where it must be, and nowhere else."""

import pytest
import yaml

from stacks.stack_text import changed

WRITTEN = """# why this stack is
config:
  daybox:plan: g2-gpu-rtx4000a2-s # two cards
  daybox:region: us-ord
  other:key: kept
  daybox:boxToken:
    secure: v1:abc
encryptionsalt: v1:salt
"""


def test_an_empty_file_gets_its_head_and_every_setting_with_its_why() -> None:
    text = changed("", {"plan": "local-cpu", "context": "4096"}, {"context": "tokens"}, "Made here.")
    assert text == '# Made here.\nconfig:\n  daybox:plan: local-cpu\n  daybox:context: "4096" # tokens\n'


def test_nothing_to_change_leaves_every_byte() -> None:
    assert changed(WRITTEN, {}, {}) == WRITTEN


def test_comments_unknown_keys_secrets_and_salt_are_kept() -> None:
    assert changed(WRITTEN, {"region": "fr-par"}, {"region": "where"}) == WRITTEN.replace("us-ord", "fr-par")


def test_a_new_setting_comes_last_with_its_why() -> None:
    assert '  daybox:budgetUsd: "5" # at most\n' in changed(WRITTEN, {"budgetUsd": "5"}, {"budgetUsd": "at most"})


@pytest.mark.parametrize(
    "text", ["4096", "0.92", "true", "null", "90s", "203.0.113.7/32", "", "--x=1", "[a]", "no", "1e3"]
)
def test_every_value_is_text_for_pulumi(text: str) -> None:
    loaded = yaml.safe_load(changed("", {"key": text}, {}))
    assert loaded == {"config": {"daybox:key": text}}
