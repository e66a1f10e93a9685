"""What set-up is for: each job installs only what it needs."""

from enum import StrEnum


class Job(StrEnum):
    """laptop: rent a real box · try: scripts/try · fast: scripts/check --fast · test: scripts/check, a box and all."""

    LAPTOP = "laptop"
    TRY = "try"
    FAST = "fast"
    TEST = "test"


ALL = frozenset(Job)
WITH_A_BOX = frozenset({Job.TRY, Job.TEST})
FOR_CHANGES = frozenset({Job.FAST, Job.TEST})
ONLY_TEST = frozenset({Job.TEST})
