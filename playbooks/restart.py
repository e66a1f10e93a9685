"""vLLM restarted with another bundle; and the old one back where that was in vain."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from playbooks import converge, stage_table
from playbooks.bootstrap import brought, finish
from playbooks.box_lock import Hold, LostLock
from playbooks.follow import Seen
from playbooks.old_bundle import keep_old, put_back
from playbooks.progress import say
from playbooks.report import is_silence
from playbooks.stage_errors import CausedError
from playbooks.stages import Row, fold
from playbooks.start_logs import container_of
from playbooks.watching import must_exist, watch
from stacks.box import Box
from stacks.errors import BoxError, DayboxError, ModelError
from stacks.places import stack_dir, write_private
from stacks.ssh import Target, run

if TYPE_CHECKING:
    from stacks.bundle import Bundle, File
    from stacks.settings import Settings


@dataclass(frozen=True)
class Restart:
    """One restart of one box's vLLM. served: whether the old model answered before it; hold: the box's lock."""

    box: Box
    target: Target
    settings: "Settings"
    bundle: "Bundle"
    served: bool
    hold: Hold

    def run(self, *, back: bool) -> Sequence[Row]:
        """Bring what differs and wait for one completion; the stages that led to it.

        If none comes: the old files and model again, if `back`. Raises what `watch` raises, then also saying what
        holds now.
        """
        fresh = converge.differences(self.target, self.bundle.files)
        paths = tuple(file.path for file in fresh)
        changes = converge.Changes(paths, converge.concerned(paths))
        keep_old(self.target, paths)
        try:
            return self.start(fresh, changes)
        except DayboxError as failure:
            if back:
                raise self.undone(changes, failure) from None
            raise
        except BaseException:  # Ctrl-C, or a fault of ours
            if back:
                say(f"{self.box.stack}: {self.box.served_name} comes back; Ctrl-C again does not wait for it")
                try:
                    self.come_back(changes)
                except DayboxError as error:  # as of a box that is gone; what interrupted us is still the reason
                    say(error.line())
            raise

    def start(self, fresh: "list[File]", changes: converge.Changes) -> Sequence[Row]:
        """Bring the files, and wait for one completion."""
        say(brought(changes))
        begun = converge.bring(self.target, fresh, changes) if fresh else 0
        if not changes.stages:  # what vLLM reads is as it should be, and yet it does not serve
            begun = converge.let_go_on(self.target)
        seen = self.watch(begun)
        return fold(seen.events, seen.boot)

    def watch(self, begun: int) -> Seen:
        """Follow the stages to the completion. Raises what `watching.watch` raises; at once if the box is gone."""
        return watch(
            self.target,
            begun=begun,
            minutes=self.settings.ready_minutes,
            on_loss=lambda: must_exist(self.box, self.settings),
        )

    def undone(self, changes: converge.Changes, failure: DayboxError) -> DayboxError:
        """The failure, and what holds now that the old files were put back."""
        try:
            must_exist(self.box, self.settings)
            log = kept_log(self.target, failure.fact)  # read before the old model takes its place
            self.come_back(changes)
        except DayboxError as error:
            return self.neither(failure, error)
        state = f"{self.box.served_name} serves again" if self.served else "config and files are as before"
        way_out = failure.cure if isinstance(failure, CausedError) else failure.hint
        hint = f"{way_out}; its log: {log}" if log else way_out
        return type(failure)(f"{failure.fact}; {state}", hint=hint)

    def neither(self, failure: DayboxError, error: DayboxError) -> DayboxError:
        """The failure, where the old model could not be brought back either."""
        if error.fact == failure.fact:  # one and the same, as of a box that is gone
            return type(failure)(failure.fact, hint=f"the stack's config is as before; {failure.hint}")
        if isinstance(error, LostLock):
            return type(failure)(
                f"{failure.fact}; the files of before were not put back: {error.fact}",
                hint="the stack's config is as before; see what the box serves: fab status; bring it what the config "
                f"says: fab bootstrap --stack {self.box.stack}",
            )
        state = (
            "is not known to serve" if isinstance(error, BoxError) and is_silence(error) else "does not serve either"
        )
        return ModelError(
            f"{failure.fact}; and {self.box.served_name} {state}: {error.fact}",
            hint=f"the stack's config is as before; bring the box what it says: fab bootstrap --stack {self.box.stack}",
        )

    def come_back(self, changes: converge.Changes) -> None:
        """The old files, and one completion of the old model if it gave any before. Raises BoxError, NotReadyError."""
        self.hold.check()  # else these may be somebody else's by now
        say(f"{self.box.stack}: the files of before come back, and {self.box.served_name} with them")
        begun = put_back(self.target, changes)
        if self.served and changes.stages:
            seen = self.watch(begun)
            tell(self.box, fold(seen.events, seen.boot), show=False)


def tell(box: Box, rows: Sequence[Row], *, show: bool) -> None:
    """Keep the table of the stages; show: on stdout, too. What serves goes on serving if that cannot be."""
    try:
        if show:
            finish(box, rows)
        else:
            stage_table.keep(box, rows)
    except (OSError, SystemExit) as error:  # a full disk; a reader who has gone, for whom rich ends the program
        say(f"{box.stack}: the table of its stages is neither shown nor kept: {error!r}")


def kept_log(target: Target, word: str) -> Path | None:
    """The log of the vLLM that `word` blames, kept in the stack's folder, 0600; None if there is none.

    4000 lines: two starts, as the one that failed twice made them.
    """
    log = ""
    with suppress(BoxError):
        log = run(target, f"docker logs --tail 4000 {container_of(word)} 2>&1").stdout
    return write_private(stack_dir(target.stack) / "failed-start.log", log) if log else None
