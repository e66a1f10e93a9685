"""What a doctor says of a box's cards, by nvidia-smi and the kernel."""

from typing import Any

from playbooks.doctor_check import Finding, no_matter, ok, wrong
from playbooks.doctor_exam import Exam
from stacks.catalog import PLANS
from stacks.values import named

HOT_C = 90  # degrees Celsius; data-centre cards slow down at about 90
ANEW = "give it back and rent anew: `pulumi destroy`, `pulumi up`"
NO_ECC = ("0", "[N/A]", "N/A", "[Not Supported]")
CARD_FIELDS = ("index", "name", "driver", "used_mib", "total_mib", "celsius", "ecc")


def gpus(exam: Exam) -> Finding:
    """Each card: name, driver, memory, temperature; and what the kernel says of it."""
    found, cards = exam.section("gpus"), cards_of(exam.box.plan)
    if found["smi"] is None:
        if cards == 0:
            return no_matter(f"no GPU: {exam.box.plan} has none")
        if found["fault"]:
            return wrong("; ".join([found["fault"], *kernel_says(found)]), f"reboot the box; if it comes back, {ANEW}")
        return wrong(f"no nvidia-smi: the driver of {exam.box.plan} is not there", "fab bootstrap installs it")
    rows = [card(line) for line in found["smi"].splitlines() if line.strip()]
    faults = [f"{len(rows)} of {cards} cards are seen"] if cards and len(rows) < cards else []
    faults += [
        f"card {row['index']} has {row['ecc']} ECC errors not corrected" for row in rows if row["ecc"] not in NO_ECC
    ]
    faults += [f"card {row['index']} is at {row['celsius']} °C" for row in rows if hot(row)]
    faults += kernel_says(found)
    words = "; ".join(shown(row) for row in rows)
    if faults:
        cure = f"{ANEW}; an Xid 13 or 31 may be vLLM's own fault"
        return wrong(f"{'; '.join(faults)}; {words}", cure)
    return ok(words)


def kernel_says(found: dict[str, Any]) -> list[str]:
    """The newest of the driver's errors, if there is any."""
    return [f"the kernel says: {line}" for line in found["xid"][-1:]]


def card(line: str) -> dict[str, str]:
    """One card of nvidia-smi's CSV."""
    return dict(zip(CARD_FIELDS, (part.strip() for part in line.split(",")), strict=True))


def hot(row: dict[str, str]) -> bool:
    """Whether the card is as hot as it may get."""
    return row["celsius"].isdigit() and int(row["celsius"]) >= HOT_C


def shown(row: dict[str, str]) -> str:
    """One card for people."""
    memory = f"{row['used_mib']} of {row['total_mib']} MiB"
    return f"{row['index']}: {row['name']}, driver {row['driver']}, {memory}, {row['celsius']} °C"


def cards_of(plan: str) -> int | None:
    """How many cards the plan has; None for one that this checkout does not know."""
    try:
        return named(PLANS, plan).gpus
    except ValueError:
        return None


def memory_holders(exam: Exam) -> list[dict[str, Any]]:
    """The processes that hold a card's memory; none where there is no card."""
    return exam.section("gpus")["apps"] or [] if exam.has("gpus") else []
