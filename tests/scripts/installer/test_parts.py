from graphlib import TopologicalSorter

import pytest

from scripts.installer.job import Job
from scripts.installer.parts import PARTS, parts_of

NAMES = [part.name for part in PARTS]


def test_the_longest_part_stands_first_because_it_must_begin_first() -> None:
    assert [part.seconds for part in PARTS] == sorted((part.seconds for part in PARTS), reverse=True)


def test_parts_wait_only_for_parts_and_never_in_a_circle() -> None:
    graph = {part.name: part.after for part in PARTS}
    assert set(TopologicalSorter(graph).static_order()) == set(NAMES)


@pytest.mark.parametrize(
    ("job", "absent"),
    [
        (Job.LAPTOP, {"cloud", "npm", "clients"}),
        (Job.TRY, {"npm", "clients"}),
        (Job.FAST, {"cloud", "clients"}),
        (Job.TEST, set()),
    ],
)
def test_a_job_has_only_the_parts_it_needs(job: Job, absent: set[str]) -> None:
    """Above all: the tests of pure code do not wait for torch, which comes with the local cloud."""
    assert set(NAMES) - {part.name for part in parts_of(job)} == absent


def test_a_part_tells_its_size_in_words() -> None:
    assert next(part for part in PARTS if part.name == "npm").size() == "about 4 s, 3 MB"
