import json
from pathlib import Path

import pytest

from scripts.cloud.boxes import PaperBoxes


@pytest.fixture
def boxes(tmp_path: Path) -> PaperBoxes:
    return PaperBoxes(tmp_path)


def create(boxes: PaperBoxes, box_id: int) -> str:
    return boxes.create(box_id, label="abc", user_data=b"", authorized_keys=[], lassie=True, api_port=1)


def test_a_paper_box_runs_at_once(boxes: PaperBoxes) -> None:
    address = create(boxes, 7)
    assert (boxes.state(7), boxes.address(7)) == ("running", address)


def test_it_is_off_and_on_at_a_word(boxes: PaperBoxes) -> None:
    create(boxes, 7)
    boxes.shutdown(7)
    assert boxes.state(7) == "offline"
    boxes.boot(7)
    assert boxes.state(7) == "running"


def test_what_is_deleted_is_gone_and_may_be_deleted_again(boxes: PaperBoxes, tmp_path: Path) -> None:
    create(boxes, 7)
    boxes.delete(7)
    boxes.delete(7)
    assert (boxes.state(7), boxes.address(7), list(tmp_path.iterdir())) == ("gone", None, [])


def test_no_two_boxes_share_an_address_and_a_free_one_is_used_again(boxes: PaperBoxes) -> None:
    first, second = create(boxes, 7), create(boxes, 8)
    assert first != second
    boxes.delete(7)
    assert create(boxes, 9) == first


def test_rules_told_before_the_box_is_made_are_its_rules(boxes: PaperBoxes, tmp_path: Path) -> None:
    boxes.set_rules(7, [], "DROP")
    create(boxes, 7)
    assert json.loads((tmp_path / "7/paper.json").read_text())["inbound_policy"] == "DROP"


def test_paper_survives_its_maker(boxes: PaperBoxes, tmp_path: Path) -> None:
    create(boxes, 7)
    assert PaperBoxes(tmp_path).state(7) == "running"
