"""One row of the fault matrix: a laptop, its account, and the three facts that the row ends with.

Boxes left; money, as daybox counts it against the double's own events; what the user saw. And whether anything said
"gone" while the account still had a box.
"""

import json
import re
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

import yaml

from tests.e2e.faults.books import Books, end_of
from tests.laptop import Done, Laptop, all_said, wait_for

ITSELF, IDLE = "the box itself", "the box itself, idle"
LATEST_SECONDS = 180  # no limit is outlived by more than 3 minutes
# How daybox says that nothing is left. Whoever adds another way to say it adds it here.
GONE = re.compile(r"\bgone\b|lists nothing of it|lists none of them|nothing is left")
IN_FULL = ("pulumi destroy", "fab sweep --stack")  # that these succeed says it, too


@dataclass
class Row:
    """The laptop of one row. record: pytest's record_property; hour_seconds: of the hour that is billed."""

    laptop: Laptop
    record: Callable[[str, object], None]
    hour_seconds: float = 3600
    said: list[Done] = field(default_factory=list)
    saw: list[str] = field(default_factory=list)
    plans: dict[int, str] = field(default_factory=dict)
    false_gone: list[str] = field(default_factory=list)
    ended: bool = False

    @property
    def books(self) -> Books:
        """What the account itself knows."""
        return Books(self.laptop.cloud)

    def bill_by(self, hour_seconds: int) -> None:
        """From now on so many seconds are the hour that is billed as a whole."""
        self.hour_seconds = hour_seconds
        self.laptop.more["DAYBOX_HOUR_SECONDS"] = str(hour_seconds)

    def set(self, **settings: str) -> None:
        """Write settings into the stack's file."""
        file = self.laptop.root / f"stacks/Pulumi.{self.laptop.stack}.yaml"
        declared = yaml.safe_load(file.read_text())
        declared["config"] |= {f"daybox:{key}": text for key, text in settings.items()}
        file.write_text(yaml.safe_dump(declared))

    def run(self, line: str, **more: str) -> Done:
        """Type a command line, and hold what it says against the account."""
        return self.run_on(self.laptop, line, **more)

    def run_on(self, laptop: Laptop, line: str, **more: str) -> Done:
        """The same on another laptop."""
        return self.heard(line, laptop.start(line, None, **more))

    def heard(self, line: str, process: subprocess.Popen[str]) -> Done:
        """The end of a command that was begun before."""
        out, err = all_said(process)
        done = Done(line, process.returncode, out, err)
        self.said.append(done)
        if (GONE.search(out + err) or (done.status == 0 and line.startswith(IN_FULL))) and self.books.listed():
            self.false_gone.append(line)
        self.notice()
        return done

    def notice(self) -> None:
        """Remember the plan of every box: the account forgets it with the box."""
        declared = yaml.safe_load((self.laptop.root / f"stacks/Pulumi.{self.laptop.stack}.yaml").read_text())
        self.plans = {life.id: declared["config"]["daybox:plan"] for life in self.books.lives()} | self.plans

    def up(self, *words: str, **more: str) -> Done:
        """`pulumi up`."""
        return self.run(" ".join([f"pulumi up -s {self.laptop.stack} --yes --non-interactive", *words]), **more)

    def destroy(self, **more: str) -> Done:
        """`pulumi destroy`."""
        return self.run(f"pulumi destroy -s {self.laptop.stack} --yes --non-interactive", **more)

    def sweep(self, **more: str) -> Done:
        """`fab sweep` of the stack."""
        return self.run(f"fab sweep --stack {self.laptop.stack} --yes", **more)

    def status(self, **more: str) -> dict[str, object]:
        """The stack's row of `fab status --json`."""
        rows = json.loads(self.run("fab status --json", **more).ok().out)
        found: dict[str, object] = next(row for row in rows if row["stack"] == self.laptop.stack)
        return found

    def see(self, sentence: str) -> None:
        """What the user must have been told by now, word for word; the matrix has the whole line."""
        lines = [line.strip() for done in self.said for line in (done.out + done.err).splitlines() if sentence in line]
        assert lines, f"nobody said {sentence!r}; last: {self.said[-1].out[-3000:]}\n{self.said[-1].err[-3000:]}"
        line = lines[0]
        if line.startswith(("~ ", "- ", "+ ")):  # Pulumi's progress stands before the word
            line = line[line.index(sentence) :]
        self.saw.append(re.sub(r"\s+", " ", line))

    def only_box(self) -> dict[str, object]:
        """The one box that the account has."""
        [box] = self.books.listed()
        return box

    def power(self) -> str:
        """What the account says that the one box is doing."""
        row = self.laptop.cloud.json("GET", f"/linode/instances/{self.only_box()['id']}")
        return str(row["status"])

    def on_box_and_away(self, command: str) -> None:
        """Run something on the box that it does not come back from."""
        with suppress(AssertionError, subprocess.TimeoutExpired):
            self.laptop.on_box(command)

    def hard_end(self) -> float:
        """When the box that is there ends whatever happens, seconds since 1970."""
        [box] = self.books.listed()
        return end_of(box)

    def wait_for_the_end(self, limit: float) -> None:
        """Take no part until the account has no box; at most 3 minutes beyond the limit."""
        wait_for(lambda: not self.books.listed() or time.time() > limit + LATEST_SECONDS, seconds=600)
        self.notice()

    def ends(self, by: str, limit: float) -> None:
        """The row's last line: record the facts and hold them. limit: when no box was allowed to be there any more."""
        self.notice()
        left, said, true = len(self.books.listed()), self.usd_said(), self.usd_true()
        over = max((life.deleted or time.time() for life in self.books.lives()), default=limit) - limit
        right = all(usd == true for usd in said.values())
        self.tell(by, left, over, f"${true:.2f}" if right else f"${true:.2f} true, said: {said}")
        assert left == 0, "a box bills on"
        assert over <= LATEST_SECONDS, f"{over:.0f} s over the limit"
        assert by != ITSELF or over >= -1, f"it ended {-over:.0f} s before its limit"
        assert not self.false_gone, f"said to be gone, and was there: {self.false_gone}"
        assert right, f"the account's own events say ${true:.2f}, daybox {said}"
        assert self.saw, "a row tells what the user saw"

    def tell(self, by: str, left: int, over: float, usd: str) -> None:
        """Give the matrix its columns."""
        self.ended = True
        facts = {"ended_by": by, "left": left, "over_seconds": round(max(0.0, over)), "usd": usd}
        for name, value in (facts | {"false_gone": len(self.false_gone), "saw": " · ".join(self.saw)}).items():
            self.record(name, value)

    def usd_true(self) -> float:
        """What all boxes of the row cost by the account's own events."""
        ended = [life for life in self.books.lives() if life.deleted]
        return round(sum(life.usd(self.plans[life.id], self.hour_seconds) for life in ended), 2)

    def usd_said(self) -> dict[str, float | None]:
        """What daybox says they cost: `fab cost`, and the receipts if every lease has one. None: it does not know."""
        report = json.loads(self.run("fab cost --json").ok().out)
        totals = report["totals"].values()
        unsure = report["faults"] or any(one["at_least"] for one in totals)
        receipts = [json.loads(path.read_text()) for path in (self.laptop.state / "ledger").glob("*.json")]
        closed = all(receipt["ended"] for receipt in receipts)
        return {"fab cost": None if unsure else round(sum(one["usd"] for one in totals), 2)} | (
            {"receipts": round(sum(receipt["usd"] for receipt in receipts), 2)} if closed else {}
        )
