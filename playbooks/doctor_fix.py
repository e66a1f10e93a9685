"""`fab doctor --fix`: one safe cure after another, each said before it is done, until a completion comes back.

What changes a setting goes through the stack's config, so that the next `up` finds no difference. If nothing helps the
config is as it was, and the log is shown; what is still starting keeps the config that it started with.
"""

from playbooks.box_lock import LostLock, holding
from playbooks.boxes import find_settings
from playbooks.doctor_cards import memory_holders
from playbooks.doctor_cures import MOST_CURES, Cure, next_cure
from playbooks.doctor_exam import NOT_STARTED, PROJECT, Exam, examine, situation
from playbooks.doctor_mend import mend
from playbooks.doctor_view import sentence
from playbooks.log_causes import Diagnosis
from playbooks.progress import say
from playbooks.questions import agrees, on_terminal
from playbooks.start_logs import diagnosed
from stacks.box import Box, box_target
from stacks.errors import BoxError, DayboxError, ModelError, UsageError
from stacks.interrupt import like_ctrl_c

LOG_LINES = 20


class UnderWay(BoxError):
    """The box is still becoming ready after a cure, with the config that this cure wrote."""


@like_ctrl_c()
def fix_box(exam: Exam, *, consent: bool, show: bool) -> Box:
    """Cure what keeps the box's model from answering; returns the box as it is declared then.

    consent: given already; else each cure is asked for. show: what Pulumi and stages say on stdout, else on stderr.
    Raises UsageError if nobody says yes; ModelError if nothing helps; BoxError if the box is becoming ready, is not
    reached or another changes it: the stack's config is as it was before then, but for what another wrote into it.
    With cured config: UnderWay if it is becoming ready after a cure; CloudError or BoxError if it serves, and
    `pulumi up` fails; LostLock leaves whatever stands there.
    """
    fixing = Fixing(exam, consent=consent, show=show)
    try:
        fixing.run()
    except (LostLock, UnderWay):  # what the config holds may be somebody else's by now, or what is starting reads it
        raise
    except BaseException:  # Ctrl-C, too
        fixing.put_back()
        raise
    return fixing.declared()


class Fixing:
    """One go at a box. tried: the names of cures; before, wrote: the config's own texts of what they changed.

    before is empty where all that was changed is declared.
    """

    def __init__(self, exam: Exam, *, consent: bool, show: bool) -> None:
        self.exam, self.box, self.consent, self.show = exam, exam.box, consent, show
        self.tried: list[str] = []
        self.before: dict[str, str | None] = {}
        self.wrote: dict[str, str | None] = {}

    def run(self) -> None:
        """Cure after cure. Raises ModelError if no completion comes back in the end."""
        while not self.exam.serves:
            if stages := self.exam.busy:  # after a cure, too: what is starting is left to it
                raise self.becoming_ready(stages)
            diagnosis = self.exam.diagnosis or NOT_STARTED
            cure = next_cure(diagnosis, situation(self.exam), self.tried)
            if cure is None:
                raise self.given_up(diagnosis)
            say(f"{self.box.stack}: {sentence(diagnosis)}")
            self.agree(cure)
            self.tried.append(cure.name)
            failure = self.configure(cure) if cure.values else mend(self.box, self.exam, cure, show=self.show)
            if failure is None:
                return
            say(f"{self.box.stack}: after {cure.name}: {failure.fact}")
            self.exam = examine(self.box, box_target(self.box), find_settings(self.box.stack))

    def becoming_ready(self, stages: list[str]) -> BoxError:
        """The error for a box that is not done: which stages run, and what its config holds of ours."""
        fact = f"box/{self.box.alias}: is becoming ready: {', '.join(stages)} runs"
        if not self.before:
            return BoxError(fact, hint="fab bootstrap")
        values = ", ".join(f"{key}={text}" for key, text in self.wrote.items())
        way_out = f"when it answers: pulumi up -s {self.box.stack}; else fab doctor --fix again"
        return UnderWay(fact, hint=f"its config has {values}; {way_out}")

    def agree(self, cure: Cure) -> None:
        """Say what is about to change. Raises UsageError if somebody has to agree and does not."""
        line = f"{self.box.stack}: cure {len(self.tried) + 1} of at most {MOST_CURES}: {cure.says}"
        if self.consent:
            say(line)
        elif not on_terminal() or not self.show:
            raise UsageError(f"fab doctor: {line}", hint="nobody is here to be asked: say --yes")
        elif not agrees(f"{line}. Go on?"):
            raise UsageError("fab doctor: nothing more is changed", hint="say y, or --yes")

    def configure(self, cure: Cure) -> DayboxError | None:
        """Change the settings, and wait for a completion; why none came, None if one did.

        Raises DayboxError if it did not come to a change, as while another command changes the box.
        """
        from playbooks.change import carry_out
        from playbooks.stack_config import own_text

        for key in cure.values:
            self.before.setdefault(key, own_text(self.box.stack, key))
        self.wrote |= cure.values
        try:
            self.box = carry_out(self.box, cure.values, show=self.show, keep_if_it_fails=True)
        except LostLock:
            raise
        except DayboxError as error:
            if any(own_text(self.box.stack, key) != text for key, text in cure.values.items()):
                raise
            return error
        self.before.clear()
        return None

    def declared(self) -> Box:
        """The box that serves, as `pulumi up` declares it. Raises CloudError or BoxError if that is not done."""
        from playbooks.change import declared

        if not self.before:
            return self.box
        say(f"{self.box.stack}: it serves with another {', '.join(self.before)}: pulumi up follows")
        with holding(box_target(self.box), "fab doctor --fix: pulumi up") as hold:
            return declared(self.box, find_settings(self.box.stack), hold)

    def given_up(self, diagnosis: Diagnosis) -> ModelError:
        """What is said when nothing is left to be tried; the end of the log stands above it."""
        if holders := foreign_holders(self.exam):
            say(f"{self.box.stack}: not ours to end, and they hold the card's memory: {holders}")
        say(last_words(self.exam))
        done = f"not cured by {', '.join(self.tried)}" if self.tried else "no safe cure is known"
        return ModelError(f"box/vllm: {diagnosis.cause}: {diagnosis.evidence}; {done}", hint=diagnosis.cure)

    def put_back(self) -> None:
        """The config as it was before the first cure; but not where somebody else has changed it since."""
        from playbooks.stack_config import own_text, write_config

        ours = {key: text for key, text in self.before.items() if own_text(self.box.stack, key) == self.wrote[key]}
        if ours:
            write_config(self.box.stack, ours)
            keys = ", ".join(ours)
            say(f"{self.box.stack}: its config is as it was before ({keys}); `fab bootstrap` brings the box back to it")


def foreign_holders(exam: Exam) -> str:
    """The processes that hold a card's memory and are in no container of ours, for people; empty if there are none."""
    rows = exam.section("docker")["containers"] if exam.has("docker") else []
    ours = {row["id"] for row in rows if row.get("project") == PROJECT}
    found = [one for one in memory_holders(exam) if one["container"] not in ours]
    return ", ".join(f"process {one['pid']} {one['name']} ({one['mib']} MiB)" for one in found)


def last_words(exam: Exam) -> str:
    """The end of the log that the diagnosis was made from."""
    texts = exam.log_texts()
    text = next((one for one in texts if diagnosed([one], answers=False) == exam.diagnosis), "")
    return "\n".join(text.rstrip().splitlines()[-LOG_LINES:])
