"""What the benchmark prints."""

from scripts.bench import Figure


def test_a_figure_within_its_aim_says_so() -> None:
    assert Figure("fab -l", 0.24, "s", 0.3).line.split() == ["fab", "-l", "0.24", "s", "within", "0.3"]


def test_a_figure_beyond_its_aim_is_not_hidden() -> None:
    assert Figure("fab -l", 0.31, "s", 0.3).line.split() == ["fab", "-l", "0.31", "s", "BEYOND", "0.3"]
