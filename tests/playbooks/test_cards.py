"""cards: what nvidia-smi says becomes figures, and what it does not say becomes None, never 0."""

import pytest

from playbooks.cards import FIELDS, Card, parse_cards, parse_links, smi_command, topology_command, unlinked
from tests.playbooks import nvidia_smi


def test_the_question_names_its_fields_and_hangs_on_no_driver() -> None:
    assert smi_command() == (
        "timeout 10 nvidia-smi --query-gpu=index,name,utilization.gpu,memory.used,memory.total,temperature.gpu,"
        "power.draw,driver_version,persistence_mode --format=csv,noheader,nounits"
    )
    assert topology_command() == "timeout 10 nvidia-smi topo -m"


def test_a_card_is_one_line() -> None:
    assert parse_cards(nvidia_smi.ONE) == (
        Card(
            index=0,
            name="NVIDIA RTX 4000 Ada Generation",
            used=87,
            memory=18_433,
            memory_total=20_475,
            celsius=61,
            watts=71.35,
            driver="580.95.05",
            persistent=True,
        ),
    )


def test_two_cards_are_two() -> None:
    assert [(card.index, card.used, card.persistent) for card in parse_cards(nvidia_smi.TWO)] == [
        (0, 87, False),
        (1, 9, False),
    ]


@pytest.mark.parametrize(("text", "total"), [(nvidia_smi.SILENT, 40_960), (nvidia_smi.FALLEN, None)])
def test_what_a_card_does_not_say_is_not_0(text: str, total: float | None) -> None:
    [card] = parse_cards(text)
    assert (card.used, card.memory, card.celsius, card.watts, card.persistent) == (None,) * 5
    assert card.memory_total == total


@pytest.mark.parametrize("text", ["", nvidia_smi.NO_DRIVER, nvidia_smi.NONE, "a, b\n", ", ".join(FIELDS)])
def test_what_tells_of_no_card_is_none(text: str) -> None:
    assert parse_cards(text) == ()


def test_a_name_cannot_paint_the_screen() -> None:
    [card] = parse_cards(nvidia_smi.ONE.replace("RTX", "\x1b[2J"))
    assert "\x1b" not in card.name


@pytest.mark.parametrize(
    ("text", "links"),
    [
        (nvidia_smi.TOPOLOGY_ONE, {}),
        (nvidia_smi.TOPOLOGY_TWO, {(0, 1): "PHB"}),
        (nvidia_smi.TOPOLOGY_NVLINK, dict.fromkeys([(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)], "NV4")),
        ("", {}),
        (nvidia_smi.NO_DRIVER, {}),
    ],
)
def test_how_each_pair_is_linked(text: str, links: dict[tuple[int, int], str]) -> None:
    assert parse_links(text) == links


def test_a_pair_of_which_nothing_is_said_is_named() -> None:
    assert unlinked(parse_cards(nvidia_smi.TWO), {}) == [(0, 1)]
