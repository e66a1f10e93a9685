"""Change what a box serves: config, weights, vLLM, outputs; or, if it does not start, nothing at all.

In this order: settings are checked by sizing; new weights come while the old model serves; files of the bundle that
differ are replaced and vLLM restarts; a completion proves it; `pulumi up` makes outputs agree.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from playbooks.box_lock import Hold, holding
from playbooks.boxes import PREFIX, box_of, raw_settings
from playbooks.command import busy
from playbooks.kept import kept
from playbooks.longer_lease import check_there
from playbooks.metrics import serves
from playbooks.new_weights import bring_weights
from playbooks.progress import say
from playbooks.report import read_report
from playbooks.restart import Restart, tell
from playbooks.stack_config import check_unchanged, config_set, own_file, pulumi_up_quietly
from playbooks.stages import Row
from stacks.box import Box, box_target
from stacks.errors import CloudError, ConfigError, DayboxError, ModelError, UsageError
from stacks.interrupt import like_ctrl_c
from stacks.ssh import Target, run

if TYPE_CHECKING:
    from stacks.bundle import Bundle
    from stacks.settings import Settings

# What may be changed under a box that lives; anything else is another box, or no business of vLLM's.
KEYS = (
    *("model", "servedName", "context", "tp", "kvCacheDtype", "maxNumSeqs", "maxNumBatchedTokens"),
    *("gpuMemoryUtilization", "vllmArgs", "force"),
)
RENTED_WITH = ("cloud", "plan", "region")


@like_ctrl_c()
def carry_out(
    box: Box,
    values: Mapping[str, str | None],
    *,
    show: bool,
    keep_if_it_fails: bool = False,
    consent: Callable[[], None] = lambda: None,
    raw: Mapping[str, str] | None = None,
) -> Box:
    """Make the box serve what its stack's config says with `values`; returns the box as `up` has declared it then.

    values: key of KEYS -> text; None: the default of Pulumi.yaml. show: the table of the stages on stdout.
    keep_if_it_fails: leave new config and files where they are, for whoever goes on from there. consent: called once
    nothing speaks against it, and after a download once more; it may raise. raw: the stack's config, if it was read a
    moment ago.
    Raises UsageError, ConfigError or ModelError, having changed nothing, for what cannot be; BoxError naming who is
    changing the box; if the new model does not start ModelError, BoxError or NotReadyError, once the old one serves.
    """
    from stacks.bundle import bundle_for  # jinja: only what renders pays for it

    began, before, raw = time.monotonic(), own_file(box.stack), raw or raw_settings(box.stack)
    check_same_box(box, raw)
    settings, target = checked(box.stack, values, raw), box_target(box)
    consent()
    with holding(target, words_for(values)) as hold, kept(box, target) as keeping:
        check_unchanged(box.stack, before)  # while somebody thought, another switch may have come and gone
        check_there(box, target, keeping.found)
        check_volume(box, target, settings)
        if (settings.model.name, settings.architect_name) != (box.model, box.architect_name):
            say(f"new weights: {bring_weights(target, settings, keeping)}")
            keeping.on()
            ask_again(consent)
        hold.check()
        bundle = bundle_for(settings)
        rows = change(box, settings, bundle, values, hold, back=not keep_if_it_fails)
        if rows is None:
            say(f"{box.stack}: {settings.served_name} serves so already")
            if box.bundle_sha256 == bundle.sha256:
                return box
        else:
            say(f"{box.stack}: {settings.served_name} answers, {time.monotonic() - began:.1f} s after this began")
        try:
            return declared(box, settings, hold)
        finally:
            if rows is not None:
                tell(box, rows, show=show)  # last of all: a table that cannot be printed undoes nothing


def check_same_box(box: Box, raw: Mapping[str, str]) -> None:
    """Raises ConfigError if the stack's config is meant for another box: sizing would speak of cards this has not."""
    for key in RENTED_WITH:
        if (said := raw.get(key, "").strip()) != getattr(box, key):
            raise other_box(box, key, said, getattr(box, key))


def check_volume(box: Box, target: Target, settings: "Settings") -> None:
    """Raises ConfigError if the box has a volume and the stack's config says that it has none, or the reverse."""
    from stacks.bundle import VOLUME_FILE

    has_one = run(target, f"test -e {VOLUME_FILE}").returncode == 0
    if has_one != settings.volume:
        raise other_box(box, "volume", str(settings.volume).lower(), str(has_one).lower())


def other_box(box: Box, key: str, said: str, known: str) -> ConfigError:
    """The error for a setting that was changed for the next lease, while this box lives."""
    return ConfigError(
        f"stacks/{box.stack}/{key}: says {said}, but the box that runs was rented with {known}",
        hint=f"nothing is changed; for this box: pulumi config set -s {box.stack} {PREFIX}{key} {known}",
    )


def ask_again(consent: Callable[[], None]) -> None:
    """Whoever is answered now may not have been before the weights came. Raises UsageError if nobody says yes."""
    try:
        consent()
    except UsageError as error:
        raise UsageError(f"{error.fact}; the new weights are kept on the box", hint=error.hint) from None


def checked(stack: str, values: Mapping[str, str | None], raw: Mapping[str, str] | None = None) -> "Settings":
    """The stack's settings with `values`. Raises ConfigError, or ModelError if only sizing speaks against them."""
    from stacks.settings import Reading

    if others := set(values) - set(KEYS):
        raise UsageError(f"stacks/{stack}/{min(others)}: is another box", hint=f"pulumi up -s {stack}")
    reading = Reading(stack, merged(raw or raw_settings(stack), values))
    fit = reading.fit
    sized = {"model": fit, "architect": reading.architect_fit}
    sizing = {f"stacks/{stack}/{key}: {reason}" for key, one in sized.items() if one for reason in one.reasons}
    if fit and reading.faults and sizing.issuperset(fault.fact for fault in reading.faults):
        shorter = f"say --context {fit.max_context}, or " if 0 < fit.max_context < fit.context else ""
        raise ModelError(
            "\n".join(fault.fact for fault in reading.faults),
            hint=f"{shorter}see what fits: fab fit {fit.model}; nothing is changed",
        )
    return reading.settings()


def merged(raw: Mapping[str, str], values: Mapping[str, str | None]) -> dict[str, str]:
    """A stack's config with `values`: key without prefix -> text."""
    from stacks.stack_file import defaults

    usual = defaults() if None in values.values() else {}
    return {**raw, **{key: usual.get(key, "") if text is None else text for key, text in values.items()}}


def words_for(values: Mapping[str, str | None]) -> str:
    """What is changed, for whoever finds the box locked."""
    return ", ".join(f"{key} becomes {text or 'its default'}" for key, text in values.items()) or "a restart"


def change(
    box: Box, settings: "Settings", bundle: "Bundle", values: Mapping[str, str | None], hold: Hold, *, back: bool
) -> Sequence[Row] | None:
    """Config and box as `settings`, which are the stack's with `values`. If that fails: as before, if `back`.

    Returns the stages that began again; None if it serves so already.
    """
    target = box_target(box)
    report = read_report(target)
    served = serves(target, report)
    with config_set(box.stack, values):
        if served and report and report.bundle == bundle.sha256:
            return None
        try:
            return Restart(box, target, settings, bundle, served, hold).run(back=back)
        except DayboxError as error:
            if back:
                raise
            failure = error
    raise failure


def declared(box: Box, settings: "Settings", hold: Hold) -> Box:
    """The box as `pulumi up` declares it with the changed config. Raises CloudError or BoxError if that is not done."""
    new, way_out = settings.served_name, f"its outputs still tell of {box.served_name}: pulumi up -s {box.stack}"
    try:
        hold.check()
        check_there(box, box_target(box))  # else `up` would rent another
    except DayboxError as error:
        fact = f"box/{box.alias}: {new} serves, but `pulumi up` was not run: {error.fact}"
        raise type(error)(fact, hint=way_out) from None
    with busy("pulumi up: the stack's outputs follow"):
        code = pulumi_up_quietly(box.stack)
    if code:
        raise CloudError(f"stacks/{box.stack}: {new} serves, but `pulumi up` ended with {code}", hint=way_out)
    return box_of(box.stack) or box
