"""aider: what it is given so that it can only reach the gateway: two files, its command line, its environment.

Each line closes a way out that was measured with aider 0.86.2, see the tables. An invalid key is no protection: the
code is in the request that is refused. Only where requests are sent counts, so that is what is pinned here.
"""

import shlex
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from playbooks.clients.aider_models import answer_tokens, facts_of, metadata_text, settings_text, weak_name
from playbooks.clients.aider_places import COST_MAP, conflicts
from playbooks.clients.client import Client, Way
from playbooks.clients.surroundings import proxies

if TYPE_CHECKING:
    from stacks.aider_facts import AiderFacts

VERSION = (0, 86, 2)  # every pin was measured with this one
# aider wants some key in its environment. The real one stands in the 0600 settings file, which beats this one; commands
# that aider runs for the user inherit the environment and must not inherit a key. Its form: where a .env sets
# GITHUB_COPILOT_TOKEN, aider reads this as a key of Copilot's. One that has not run out it leaves as it is; with any
# other it asks api.github.com for one, or fails before it has sent anything and exits with 0 (its models.py).
PLACEHOLDER_KEY = "the-key-is=in-the-settings-file;exp=4102444800"

# No .env is loaded. aider loads those of home, repository and folder over its environment before it has read a word of
# ours: by PATH or GIT_* there, a cloned repository's own programs ran as git, at start and without a question. Which
# names are dangerous nobody can list. Read by python-dotenv 1.2.1, which aider 0.86.2 requires exactly. It is not unset
# by --set-env: aider starts anew, within itself, if its files lie in another repository, and would load them then. So
# commands that aider runs have it, too, and a program that reads its .env by the same library wants `env -u` before it.
NO_DOTENV = {"PYTHON_DOTENV_DISABLED": "1"}

# After each edit of a Python file aider runs `python -m flake8` in the repository's root, so that a flake8.py there, or
# a file named like any module that it imports, was run. What looks for errors of syntax instead imports nothing there.
COMPILES = "import sys; compile(open(sys.argv[1], 'rb').read(), sys.argv[1], 'exec')"
PYTHON_LINT = f"python: {shlex.join([sys.executable, '-I', '-c', COMPILES])}"

# May be overridden by the user's own words, which come after them. The second line: commands that aider runs without a
# question, and that a cloned repository's files may name; what stands on the command line is not taken from them,
# with the exception that aider_places.py tells of.
DEFAULT_WORDS = (
    *("--timeout", "600", "--no-show-model-warnings", "--no-show-release-notes"),
    *("--lint-cmd", PYTHON_LINT, "--test-cmd=", "--load=", "--no-notifications", "--notifications-command="),
    *("--alias", "none:none"),  # one of the served model's name would make it another
)
# May not: they come last, and the last one wins.
QUIET_WORDS = ("--no-analytics", "--no-check-update", "--no-detect-urls", "--disable-playwright")
ARCHITECT = "--architect"
SETTINGS, METADATA = "model.settings.yml", "model.metadata.json"
MAP_TOKENS = (1024, 4096)  # of the repository's map: least and most, and between them an eighth of the prompt


def pinned_variables(base: str) -> dict[str, str]:
    """What is set in aider's process by --set-env, after every .env would have been loaded.

    OPENAI_BASE_URL silently beats --openai-api-base; a proxy, in either case of letters, is sent the whole prompt in
    clear text; without the local cost map litellm fetches one; USE_LITELLM_PROXY makes the model's name another.
    """
    return {"OPENAI_BASE_URL": base, COST_MAP: "True", "USE_LITELLM_PROXY": "False", **proxies()}


def variables(way: Way) -> dict[str, str]:
    """The pins once more, for what aider reads before it looks at its command line."""
    key = {"OPENAI_API_BASE": way.base, "OPENAI_API_KEY": PLACEHOLDER_KEY}
    return {**key, **NO_DOTENV, **pinned_variables(way.base)}


def files(way: Way) -> dict[str, str]:
    """Models and how to talk to them, and how much fits into a prompt."""
    return {SETTINGS: settings_text(way), METADATA: metadata_text(way)}


def words(way: Way, own: Sequence[str]) -> list[str]:
    """The model's words, the user's own, then the pins, which nothing before them can undo."""
    # After a `--` of the user's own everything is a file name, so the pins go before it.
    end = own.index("--") if "--" in own else len(own)
    facts = facts_of(way.catalog_name)
    return [*DEFAULT_WORDS, *map_words(facts, way), *facts.arguments, *own[:end], *pins(way, own[:end]), *own[end:]]


def map_words(facts: "AiderFacts", way: Way) -> list[str]:
    """How much of a prompt the map of the repository may take; none where the facts say so themselves."""
    least, most = MAP_TOKENS
    prompt_tokens = way.window_tokens - answer_tokens(facts, way.window_tokens)
    return [f"--map-tokens={max(least, min(most, prompt_tokens // 8))}"] if facts.use_repo_map else []


def pins(way: Way, own: Sequence[str]) -> list[str]:
    """What leads to the gateway, and to its models in their roles. own: the user's words."""
    thinks = way.architect if way.architect and ARCHITECT in own else way.model
    roles = ["--model", f"openai/{thinks}", "--weak-model", weak_name(way), "--editor-model", f"openai/{way.model}"]
    base = ["--openai-api-base", way.base, "--openai-api-key", PLACEHOLDER_KEY]
    late = [word for name, value in pinned_variables(way.base).items() for word in ("--set-env", f"{name}={value}")]
    settings, metadata = str(way.folder / SETTINGS), str(way.folder / METADATA)
    written = ["--model-settings-file", settings, "--model-metadata-file", metadata]
    return [*roles, *base, *late, *written, *QUIET_WORDS]


AIDER = Client(
    name="aider",
    title="aider",
    program="aider",
    install="scripts/setup, or: uv tool install --python 3.11 aider-chat==0.86.2",
    oldest=VERSION,
    below=(0, 87),
    least_window=2048,  # its own prompt has 700 to 2,500
    files=files,
    words=words,
    variables=variables,
    conflicts=conflicts,
)
