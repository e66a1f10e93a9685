"""The Pulumi program: one stack's settings become one lease of one box. `pulumi up -s coder-30b`."""

from datetime import UTC, datetime

import pulumi
from pulumi.runtime.config import CONFIG

from stacks.errors import DayboxError
from stacks.lot import lot_of
from stacks.quote import quote
from stacks.secrets import masked
from stacks.settings import Settings
from stacks.sweeps import no_second_killer
from stacks.workstation import Workstation

PREFIX = "daybox:"


def declare() -> None:
    """Declare the box of the selected stack and export what playbooks need of it."""
    raw = {key.removeprefix(PREFIX): text for key, text in CONFIG.get().items() if key.startswith(PREFIX)}
    settings = Settings.from_config(pulumi.get_stack(), raw)
    lot = lot_of(settings)
    pulumi.log.info(quote(lot))
    if word := no_second_killer(settings.api_url, datetime.now(UTC)):
        pulumi.log.warn(word)  # no error: the watchdog is enough alone, but nobody should believe in two
    workstation = Workstation("workstation", lot)
    for name, value in workstation.outputs.items():
        pulumi.export(name, value)


try:
    declare()
except DayboxError as error:
    raise pulumi.RunError(masked(error.line())) from None
