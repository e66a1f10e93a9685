"""What a doctor says of cards, by what nvidia-smi and the kernel told."""

from dataclasses import replace

import pytest

from playbooks import doctor_cards
from playbooks.doctor_check import Finding
from tests.playbooks.given_exam import exam
from tests.playbooks.pretend_box import BOX

SMI = "0, NVIDIA RTX 4000 Ada Generation, 580.95.05, 18203, 20475, 45, [N/A]\n"
GPU_BOX = replace(BOX, plan="g2-gpu-rtx4000a1-s")


def said(found: Finding) -> tuple[str, str]:
    return found.state, found.fact


def test_a_box_without_a_card_says_so_plainly() -> None:
    assert said(doctor_cards.gpus(exam())) == ("not-applicable", "no GPU: local-cpu has none")


def test_a_card_is_shown_with_driver_memory_and_temperature() -> None:
    found = doctor_cards.gpus(exam(GPU_BOX, gpus={"smi": SMI}))
    card = "0: NVIDIA RTX 4000 Ada Generation, driver 580.95.05, 18203 of 20475 MiB, 45 °C"
    assert said(found) == ("ok", card)


@pytest.mark.parametrize(
    ("plan", "smi", "xid", "fact"),
    [
        ("g2-gpu-rtx4000a1-s", None, [], "no nvidia-smi: the driver of g2-gpu-rtx4000a1-s is not there"),
        ("g2-gpu-rtx4000a2-s", SMI, [], "1 of 2 cards are seen"),
        ("g2-gpu-rtx4000a1-s", SMI.replace("[N/A]", "3"), [], "card 0 has 3 ECC errors"),
        ("g2-gpu-rtx4000a1-s", SMI.replace(" 45,", " 93,"), [], "card 0 is at 93 °C"),
        (
            "g2-gpu-rtx4000a1-s",
            SMI,
            ["NVRM: Xid (PCI:0000:01:00): 79"],
            "the kernel says: NVRM: Xid (PCI:0000:01:00): 79",
        ),
    ],
)
def test_what_is_wrong_with_a_card_comes_first(plan: str, smi: str | None, xid: list[str], fact: str) -> None:
    found = doctor_cards.gpus(exam(replace(BOX, plan=plan), gpus={"smi": smi, "xid": xid}))
    assert found.state == "wrong" and found.fact.startswith(fact)


def test_a_driver_that_is_broken_is_wrong_and_the_kernel_is_heard() -> None:
    gpus = {"fault": "nvidia-smi: GPU is lost", "xid": ["NVRM: Xid (PCI:0000:01:00): 79"]}
    found = doctor_cards.gpus(exam(GPU_BOX, gpus=gpus))
    fact = "nvidia-smi: GPU is lost; the kernel says: NVRM: Xid (PCI:0000:01:00): 79"
    assert said(found) == ("wrong", fact) and "reboot" in found.cure


def test_a_plan_that_this_checkout_does_not_know_expects_nothing() -> None:
    found = doctor_cards.gpus(exam(replace(BOX, plan="g9-new"), gpus={"smi": SMI}))
    assert found.state == "ok"
