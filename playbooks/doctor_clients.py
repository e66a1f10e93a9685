"""What a doctor asks of each client: its program and version, and every place here that would lead it elsewhere.

Which those are, its row knows (`playbooks/clients/`): what `fab launch` overrules, and what would win over it. A client
started by hand is led by all of them. Names are told, values never: they may be keys.
"""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from playbooks.clients.client import Client, Conflict, Place
from playbooks.clients.surroundings import KEY_ENDS
from playbooks.doctor_check import Check, Detail, Finding, Question, answered, ok, unknown, wrong
from stacks.errors import ConfigError, LeakError

SET_UP = "aider"  # scripts/setup brings it; every other client is there because somebody wants it


def client_checks(about: Place) -> list[Check]:
    """One a client, all at the same time: some take a second to say their version."""
    asked = questions()
    with ThreadPoolExecutor() as pool:
        return list(pool.map(lambda question: answered(question, about), asked))


def questions() -> list[Question[Place]]:
    """One a client."""
    from playbooks.clients import CLIENTS
    from playbooks.clients.program import reaching_nothing

    asked = partial(ask, wrap=reaching_nothing())
    return [Question(f"client/{client.name}", ConfigError, partial(asked, client)) for client in CLIENTS]


def ask(client: Client, about: Place, wrap: Callable[[Sequence[str]], list[str]] = list) -> Finding:
    """One client. wrap: how its program is asked for its version."""
    from playbooks.clients.program import find_program, version_of
    from playbooks.clients.reading import noting_closed

    program = find_program(client)
    with noting_closed() as closed:
        found = details(client.conflicts(about))
    if program is None:
        return not_installed(client, found)
    version = version_of(client, program, wrap)
    unknown_files = f"; cannot be read: {', '.join(map(str, closed))}" if closed else ""
    return judged(client, version, program, found, unknown_files)


def details(conflicts: Iterable[Conflict]) -> tuple[Detail, ...]:
    """Each conflict with what the launcher does about it; what it cannot overrule comes first."""
    found = [Detail(one.place, one.names, "not started" if one.wins else "overruled", one.wins) for one in conflicts]
    return tuple(sorted(found, key=lambda one: one.effect))


def not_installed(client: Client, found: tuple[Detail, ...]) -> Finding:
    """A client that is not there: nothing can lead it, yet what would is named."""
    how = f"install it: {client.install}"
    if client.name == SET_UP:
        return wrong(f"{client.program} is not on PATH", how, details=found)
    would = "; it would be led elsewhere" if found else ""
    return Finding("not-applicable", f"not installed{would}", how if found else "", details=found)


def judged(client: Client, version: tuple[int, ...], program: str, found: tuple[Detail, ...], beside: str) -> Finding:
    """What its version and the places come to. beside: what could not be looked into, in words."""
    from playbooks.clients.program import dotted

    what = f"{dotted(version) or 'of no known version'}, {program}{beside}"
    if any(one.effect == "not started" for one in found):
        cure = f"take it out; until then `fab launch {client.name}` does not start it"
        return wrong(f"{what}; would be led elsewhere in spite of daybox", cure, LeakError, details=found)
    if version and version < client.oldest:
        return wrong(f"{what}; older than {dotted(client.oldest)}", f"install it: {client.install}", details=found)
    if found:
        cure = f"take it out, or work with `fab launch {client.name}`, which overrules it"
        return wrong(f"{what}; started by hand it is led elsewhere", cure, details=found)
    if not client.oldest <= version < client.below:
        known = f"known are {dotted(client.oldest)} and later, below {dotted(client.below)}"
        return unknown(f"{what}; {known}", f"it is started sealed only; a known one: {client.install}")
    return unknown(what) if beside else ok(f"{what}; nothing leads it elsewhere")


def keys_set(environment: Iterable[str]) -> list[str]:
    """The names of keys in the environment. One alone leads nowhere, but some clients show it to whom they ask."""
    return sorted(name for name in environment if name.upper().endswith(KEY_ENDS))
