"""The plain texts that are looked for before a pattern is: they must never keep a pattern from a line that it meets."""

import re

import pytest

from playbooks.log_lines import lines
from playbooks.log_needles import needles
from playbooks.log_rules import RULES, Rule
from tests.playbooks.confusion import FIXTURES

LINES = sorted({line.text for fixture in FIXTURES for line in lines(fixture.text)})


@pytest.mark.parametrize(
    ("pattern", "texts"),
    [
        ("No available memory", ("No available memory",)),
        (r"max \((?P<n>\d+)\) of GPUs", (") of GPUs",)),
        (r"one two|three (?:four|five)", ("one two", "three ")),
        (r"colou?rs of rain", ("rs of rain",)),
        (r"[(|)]+ after a class|\[x\] escaped", (" after a class", "[x] escaped")),
        (r"\d+ \w+", ()),
        (r"long enough|no", ()),
        (r"x{3} times four", (" times four",)),
        (r"", ()),
    ],
)
def test_the_longest_plain_text_of_each_alternative_is_taken(pattern: str, texts: tuple[str, ...]) -> None:
    assert needles(pattern) == texts


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{rule.cause}-{RULES.index(rule)}")
def test_every_line_that_meets_a_rule_holds_one_of_its_texts(rule: Rule) -> None:
    met = [text for text in LINES if re.search(rule.pattern, text)]
    assert all(any(plain in text for plain in needles(rule.pattern) or [""]) for text in met)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{rule.cause}-{RULES.index(rule)}")
def test_every_rule_has_such_a_text(rule: Rule) -> None:
    """Without one, it would be tried on every line."""
    assert needles(rule.pattern)
