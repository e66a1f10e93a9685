"""`fab doctor --fix`: one safe cure after another, each said before it is done, until a completion comes back.

What changes a setting goes through the stack's config, so that the next `up` finds no difference. If nothing helps the
config is as it was, and the log is shown.
"""

import json
import shlex
from collections.abc import Callable, Mapping

from playbooks import converge
from playbooks.box_lock import holding
from playbooks.boxes import find_settings
from playbooks.doctor_box import memory_holders
from playbooks.doctor_cures import MOST_CURES, Cure, next_cure
from playbooks.doctor_exam import CONTAINER, NOT_STARTED, PROJECT, Exam, examine, old_containers, situation
from playbooks.doctor_view import sentence
from playbooks.kept import kept
from playbooks.log_causes import Diagnosis
from playbooks.progress import say
from playbooks.questions import agrees, on_terminal
from playbooks.report import last_line
from playbooks.start_logs import diagnosed
from stacks.box import Box, box_target
from stacks.errors import BoxError, DayboxError, ModelError, UsageError
from stacks.ssh import Target, run

FREE_SECONDS = 900
LOG_LINES = 20


def fix_box(exam: Exam, *, consent: bool, show: bool) -> Box:
    """Cure what keeps the box's model from answering; returns the box as it is declared then.

    consent: given already; else each cure is asked for. show: what Pulumi and stages say on stdout, else on stderr.
    Raises UsageError if nobody says yes; ModelError if nothing helps, the stack's config being as it was before.
    """
    if exam.busy:
        raise BoxError(f"box/{exam.box.alias}: is becoming ready: {', '.join(exam.busy)} runs", hint="fab bootstrap")
    fixing = Fixing(exam, consent=consent, show=show)
    try:
        return fixing.run()
    except BaseException:  # Ctrl-C, too
        fixing.put_back()
        raise


class Fixing:
    """One go at a box. tried: the names of cures; before: the config's own texts of all that was changed."""

    def __init__(self, exam: Exam, *, consent: bool, show: bool) -> None:
        self.exam, self.box, self.consent, self.show = exam, exam.box, consent, show
        self.tried: list[str] = []
        self.before: dict[str, str | None] = {}

    def run(self) -> Box:
        """Cure after cure. Raises ModelError if no completion comes back in the end."""
        while not self.exam.answers:
            diagnosis = self.exam.diagnosis or NOT_STARTED
            cure = next_cure(diagnosis, situation(self.exam), self.tried)
            if cure is None:
                raise self.given_up(diagnosis)
            say(f"{self.box.stack}: {sentence(diagnosis)}")
            self.agree(cure)
            self.tried.append(cure.name)
            try:
                self.box = self.apply(cure)
                return self.box
            except DayboxError as error:
                say(f"{self.box.stack}: {cure.name} did not cure it: {error.fact}")
            self.exam = examine(self.box, box_target(self.box), find_settings(self.box.stack))
        return self.box

    def agree(self, cure: Cure) -> None:
        """Say what is about to change. Raises UsageError if somebody has to agree and does not."""
        line = f"{self.box.stack}: cure {len(self.tried) + 1} of at most {MOST_CURES}: {cure.says}"
        if self.consent:
            say(line)
        elif not on_terminal() or not self.show:
            raise UsageError(f"fab doctor: {line}", hint="nobody is here to be asked: say --yes")
        elif not agrees(f"{line}. Go on?"):
            raise UsageError("fab doctor: nothing more is changed", hint="say y, or --yes")

    def apply(self, cure: Cure) -> Box:
        """Do it, and wait for a completion. Raises DayboxError if none comes."""
        if not cure.values:
            return mend(self.box, self.exam, cure, show=self.show)
        from playbooks.change import carry_out
        from playbooks.stack_config import own_text

        for key in cure.values:
            self.before.setdefault(key, own_text(self.box.stack, key))
        return carry_out(self.box, cure.values, show=self.show, keep_if_it_fails=True)

    def given_up(self, diagnosis: Diagnosis) -> ModelError:
        """What is said when nothing is left to be tried; the end of the log stands above it."""
        if holders := foreign_holders(self.exam):
            say(f"{self.box.stack}: not ours to end, and they hold the card's memory: {holders}")
        say(last_words(self.exam))
        done = f"not cured by {', '.join(self.tried)}" if self.tried else "no safe cure is known"
        return ModelError(f"box/vllm: {diagnosis.cause}: {diagnosis.evidence}; {done}", hint=diagnosis.cure)

    def put_back(self) -> None:
        """The config as it was before the first cure."""
        from playbooks.stack_config import write_config

        if self.before:
            write_config(self.box.stack, self.before)
            keys, self.before = ", ".join(self.before), {}
            say(f"{self.box.stack}: its config is as it was before ({keys}); `fab bootstrap` brings the box back to it")


def foreign_holders(exam: Exam) -> str:
    """The processes that hold a card's memory and are in no container of ours, for people; empty if there are none."""
    rows = exam.section("docker")["containers"] if exam.has("docker") else []
    ours = {row["id"] for row in rows if row.get("project") == PROJECT}
    found = [one for one in memory_holders(exam) if one["container"] not in ours]
    return ", ".join(f"process {one['pid']} {one['name']} ({one['mib']} MiB)" for one in found)


def mend(box: Box, exam: Exam, cure: Cure, *, show: bool) -> Box:
    """A cure that changes no setting: done on the box, then the graph goes on. Raises DayboxError if none comes."""
    from playbooks import bootstrap, stage_table
    from playbooks.stages import fold
    from playbooks.watching import watch

    target, settings = box_target(box), exam.settings or find_settings(box.stack)
    with holding(target, f"fab doctor --fix: {cure.says}"), kept(box, target):
        begun = ON_BOX[cure.on_box](target, exam)
        seen = watch(target, begun=begun, minutes=settings.ready_minutes)
    rows = fold(seen.events, seen.boot)
    if show:
        bootstrap.finish(box, rows)
    else:
        stage_table.keep(box, rows)
    return box


def start(target: Target, _: Exam) -> int:
    """End what does not answer, and start all that neither runs nor is done. Its log stays Docker's."""
    return converge.counted(target, f"docker stop --time 20 {CONTAINER} >/dev/null 2>&1; {again('vllm', 'ready')}")


def download(target: Target, exam: Exam) -> int:
    """Remove the model's files and every rest of them, and let the weights stage bring them anew."""
    models, name = "/var/lib/daybox/models", exam.section("weights")["name"]
    gone = f"{shlex.quote(f'{models}/{name}')} {shlex.quote(f'{models}/.{name}')}-*"  # a link, and what it leads to
    # The container's mount would go on to mean the folder that is gone, so it goes, too.
    words = f"docker rm --force {CONTAINER} >/dev/null 2>&1; rm -rf -- {gone}; {again('weights', 'vllm', 'ready')}"
    return converge.counted(target, words)


def free(target: Target, _: Exam) -> int:
    """Free the disk, say what each step gave, and go on."""
    from templates import program

    done = run(target, "python3 -", stdin=program("free"), timeout=FREE_SECONDS)
    try:
        rows = json.loads(done.stdout)
    except ValueError:
        raise BoxError(f"box/{target.alias}: its disk was not freed: {last_line(done)}", hint="see `fab ssh`") from None
    for row in rows:
        say(f"{row['what']}: {row['mib']} MiB freed{': ' if row['why'] else ''}{row['why']}")
    return converge.let_go_on(target)


def remove_old(target: Target, exam: Exam) -> int:
    """Remove our own containers of earlier, by name; and go on."""
    names = shlex.join(old_containers(exam))
    return converge.counted(target, f"docker rm --force {names} >/dev/null; {again('vllm', 'ready')}")


def again(*stages: str) -> str:
    """Shell command that has these stages begin again; it prints how many events there were before."""
    return converge.activate(converge.Changes((), stages))


ON_BOX: Mapping[str, Callable[[Target, Exam], int]] = {
    "start": start,
    "download": download,
    "disk": free,
    "old-containers": remove_old,
}


def last_words(exam: Exam) -> str:
    """The end of the log that the diagnosis was made from."""
    texts = exam.log_texts()
    text = next((one for one in texts if diagnosed([one], answers=False) == exam.diagnosis), "")
    return "\n".join(text.rstrip().splitlines()[-LOG_LINES:])
