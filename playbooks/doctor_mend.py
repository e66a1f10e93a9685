"""Cures of `fab doctor --fix` that change no setting: what is done on the box, under its lock, and waited for."""

import json
import shlex
from collections.abc import Callable, Mapping

from playbooks import converge
from playbooks.box_lock import holding
from playbooks.boxes import find_settings
from playbooks.doctor_cures import Cure
from playbooks.doctor_exam import CONTAINER, Exam, old_containers
from playbooks.kept import kept
from playbooks.progress import say
from playbooks.report import last_line
from stacks.box import Box, box_target
from stacks.errors import BoxError, DayboxError
from stacks.ssh import Target, run

FREE_SECONDS = 900


def mend(box: Box, exam: Exam, cure: Cure, *, show: bool) -> DayboxError | None:
    """A cure that changes no setting: done on the box, then the graph goes on. Why no completion came; None if one did.

    Raises BoxError if another command changes the box.
    """
    from playbooks.restart import tell
    from playbooks.stages import fold
    from playbooks.watching import watch

    target, settings = box_target(box), exam.settings or find_settings(box.stack)
    with holding(target, f"fab doctor --fix: {cure.says}"), kept(box, target):
        try:
            begun = ON_BOX[cure.on_box](target, exam)
            seen = watch(target, begun=begun, minutes=settings.ready_minutes)
        except DayboxError as error:
            return error
    tell(box, fold(seen.events, seen.boot), show=show)
    return None


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
