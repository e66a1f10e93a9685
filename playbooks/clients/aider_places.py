"""What aider reads where it is started: variables, every .env, and files of its own. What leads elsewhere is named.

A .env is not read at all (aider.py), so nothing in one wins. `.aider.conf.yml` is read, and no word switches that off.
What stands on the command line is not taken from it, with one exception, which was measured: aider takes a beginning of
an option's name for the option, and puts it last if another key of the file may come several times. So `read: [a]` and
`openai-api-b: …` beat every pin. Hence the lists: aider starts on no key that is not known in full.
"""

import glob
import re
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from playbooks.clients.client import Conflict, Place
from playbooks.clients.reading import (
    dotenv_files,
    dotenv_values,
    files_in,
    is_there,
    leading,
    leading_lines,
    places_of,
    root_of,
    text_of,
)

BASES = (
    *("OPENAI_BASE_URL", "OPENAI_API_BASE", "AIDER_OPENAI_API_BASE", "HOSTED_VLLM_API_BASE"),
    *("ANTHROPIC_BASE_URL", "ANTHROPIC_API_BASE", "LITELLM_PROXY_API_BASE"),
)
# Set at all, to whatever, they choose another model, provider or way.
CHOOSERS = (
    *("AIDER_MODEL", "AIDER_WEAK_MODEL", "AIDER_EDITOR_MODEL", "AIDER_ALIAS", "AIDER_SET_ENV", "AIDER_ENV_FILE"),
    *("AIDER_MODEL_SETTINGS_FILE", "USE_LITELLM_PROXY", "GITHUB_COPILOT_TOKEN"),
    *("AIDER_LINT_CMD", "AIDER_TEST_CMD", "AIDER_LOAD", "AIDER_NOTIFICATIONS_COMMAND"),
)
COST_MAP = "LITELLM_LOCAL_MODEL_COST_MAP"  # set and not true: litellm fetches a price list
# In a .env: by which program aider would run git, a shell or an editor, and all options of aider's own.
PROGRAMS = re.compile(
    r"PATH|SHELL|EDITOR|VISUAL|PAGER|BROWSER|COMSPEC|ENV|BASH_ENV|HOME|NODE_OPTIONS"
    r"|(GIT|SSH|LD|DYLD|PYTHON|XDG|AIDER)\w*"
)
CONF, SETTINGS = ".aider.conf.yml", ".aider.model.settings.yml"
API_BASE = re.compile(r"^[ -]*[\"']?(api_base)[\"']?\s*:", re.MULTILINE)

# Every key that .aider.conf.yml may have. Source: args.py of aider 0.86.2, by the parser's own list.
# These choose a model or a way, or name a command: overruled by a word of ours, or without effect.
OVERRULED = frozenset((
    *("model", "weak-model", "editor-model", "model-settings-file", "alias"),
    *("openai-api-base", "openai-api-type", "api-key", "set-env", "env-file"),
    *("lint-cmd", "test-cmd", "load", "notifications-command"),
    *("sonnet", "opus", "haiku", "4", "4o", "4-turbo", "mini", "deepseek", "o1-mini", "o1-preview"),
    *("3", "35turbo", "35-turbo"),
))  # fmt: skip
# These do not count either, and chose nothing: nobody need know.
SILENT = frozenset((
    *("openai-api-key", "anthropic-api-key", "openai-organization-id", "openai-api-version"),
    *("openai-api-deployment-id", "model-metadata-file", "config"),
    *("analytics", "no-analytics", "analytics-disable", "analytics-posthog-host", "analytics-posthog-project-api-key"),
    *("check-update", "no-check-update", "detect-urls", "no-detect-urls", "disable-playwright", "timeout"),
    *("show-model-warnings", "no-show-model-warnings", "show-release-notes", "no-show-release-notes"),
    *("notifications", "no-notifications", "map-tokens"),
))  # fmt: skip
# They change how aider looks, edits and commits: they lead nowhere, write nowhere else and run nothing.
HARMLESS = frozenset((
    *("edit-format", "chat-mode", "architect", "auto-accept-architect", "no-auto-accept-architect"),
    *("editor-edit-format", "reasoning-effort", "thinking-tokens", "max-chat-history-tokens"),
    *("check-model-accepts-settings", "no-check-model-accepts-settings"),
    *("cache-prompts", "no-cache-prompts", "cache-keepalive-pings", "map-refresh", "map-multiplier-no-files"),
    *("restore-chat-history", "no-restore-chat-history", "dark-mode", "light-mode", "pretty", "no-pretty"),
    *("stream", "no-stream", "user-input-color", "tool-output-color", "tool-error-color", "tool-warning-color"),
    *("assistant-output-color", "completion-menu-color", "completion-menu-bg-color", "completion-menu-current-color"),
    *("completion-menu-current-bg-color", "code-theme", "show-diffs", "git", "no-git", "gitignore", "no-gitignore"),
    *("add-gitignore-files", "no-add-gitignore-files", "aiderignore", "subtree-only", "auto-commits"),
    *("no-auto-commits", "dirty-commits", "no-dirty-commits", "attribute-author", "no-attribute-author"),
    *("attribute-committer", "no-attribute-committer", "attribute-commit-message-author"),
    *("no-attribute-commit-message-author", "attribute-commit-message-committer"),
    *("no-attribute-commit-message-committer", "attribute-co-authored-by", "no-attribute-co-authored-by"),
    *("git-commit-verify", "no-git-commit-verify", "commit-prompt", "commit-language", "chat-language"),
    *("dry-run", "no-dry-run", "skip-sanity-check-repo", "watch-files", "no-watch-files", "lint", "test"),
    *("auto-lint", "no-auto-lint", "auto-test", "no-auto-test", "vim", "verbose", "encoding", "line-endings"),
    *("suggest-shell-commands", "no-suggest-shell-commands", "fancy-input", "no-fancy-input"),
    *("multiline", "no-multiline", "voice-format", "voice-language", "voice-input-device"),
    *("verify-ssl", "no-verify-ssl", "no-gui", "no-browser", "no-copy-paste", "help", "version"),
))  # fmt: skip
# A file that aider shows the model, and may write: a repository's own files only, unless the user says so.
NAMES_FILES = frozenset(("read", "file"))
# They write prompts to any file, run a program, install one, say yes for the user, or speak for the user.
THE_USERS = frozenset((
    *("llm-history-file", "chat-history-file", "input-history-file", "analytics-log", "editor", "yes-always"),
    *("upgrade", "update", "install-main-branch", "just-check-update", "gui", "browser", "copy-paste"),
    *("message", "msg", "message-file", "apply", "apply-clipboard-edits", "commit", "exit", "show-repo-map"),
    *("show-prompts", "list-models", "models", "shell-completions"),
))  # fmt: skip
ALLOWED = OVERRULED | SILENT | HARMLESS
KNOWN = ALLOWED | NAMES_FILES | THE_USERS
WINS = "aider takes it from this file, and no word of ours beats it; on the command line it is yours to say"
# aider keeps its map's tags in diskcache, which unpickles whatever stands in it: one that came with the repository ran
# a command when the map was drawn. `icase`: a laptop's file system may take `.Aider` for `.aider`.
CACHES = (":(top,icase,glob)**/.aider.tags.cache*", ":(top,icase,glob)**/.aider.tags.cache*/**")
UNPICKLED = "it came with the repository, and aider runs what stands in it (git rm -r it; aider makes its own)"
HISTORIES = (".aider.chat.history.md", ".aider.input.history")
LINKED = "aider would write every prompt to where this link leads"
NOT_YAML = "nobody can tell what aider would take from it: it is no YAML"


def conflicts(place: Place) -> list[Conflict]:
    """Variables, and what aider reads in home, in the root of the repository and in the folder."""
    found = [Conflict("the environment", tuple(leads(place.environment, leading_here(place))))]
    for file in loaded_files(place.folder, place.home):
        lines = list(dotenv_values(text_of(file)))
        names = leads(dict(lines), leading_lines(lines, place.port, BASES, CHOOSERS))
        programs = (name for name, _ in lines if PROGRAMS.fullmatch(name))
        found.append(Conflict(str(file), tuple(dict.fromkeys((*names, *programs)))))
    for file in files_in(places_of(place.folder, place.home), (SETTINGS,)):
        found.append(Conflict(str(file), tuple(dict.fromkeys(API_BASE.findall(text_of(file))))))
    for file in conf_files(place.folder, place.home):
        found += of_conf(file, text_of(file), own=file.parent.resolve() == place.home.resolve())
    found += planted(place.folder)
    return [one for one in found if one.names]


def leading_here(place: Place) -> list[str]:
    """The variables of the shell that lead elsewhere."""
    return leading(place.environment, place.port, BASES, CHOOSERS)


def leads(values: Mapping[str, str], names: Iterable[str]) -> list[str]:
    """The names that lead elsewhere, with the switch of litellm's price list."""
    fetches = values.get(COST_MAP, "true").lower() not in ("true", "1")
    return [*names, *([COST_MAP] if fetches else [])]


def loaded_files(folder: Path, home: Path) -> list[Path]:
    """The files that aider would load over its environment, in this order."""
    login = home / ".aider/oauth-keys.env"
    return [*([login] if is_there(login) else []), *dotenv_files(folder, home)]


def conf_files(folder: Path, home: Path) -> list[Path]:
    """Each .aider.conf.yml that aider may read, found more widely than aider does.

    Of every repository above: what git takes for the root is not always where the first .git lies. Of submodules: aider
    starts anew in the repository of the files that it is given. It takes paths for patterns: from `[ab]` it reads `a`.
    """
    above = (place for place in folder.parents if (place / ".git").exists())
    places = dict.fromkeys((home, *above, folder, *submodules(root_of(folder))))
    matched = (Path(name) for place in places for name in sorted(glob.glob(str(place / CONF))))
    return list(dict.fromkeys((*files_in(places, (CONF,)), *(file for file in matched if is_there(file)))))


def submodules(root: Path) -> Iterator[Path]:
    """The folders of a repository's submodules, and of theirs."""
    for name in re.findall(r"^\s*path\s*=\s*(.+?)\s*$", text_of(root / ".gitmodules"), re.MULTILINE):
        inner = root / name.strip('"')
        if inner.is_dir() and root in inner.parents:
            yield inner
            yield from submodules(inner)


def planted(folder: Path) -> Iterator[Conflict]:
    """What a repository may not bring, under the names of what aider itself writes there."""
    root = root_of(folder)
    for place in (folder, *submodules(root)):
        yield Conflict(str(place), tuple(dict.fromkeys(tracked_caches(place))), UNPICKLED)
    for place in dict.fromkeys((root, folder, *submodules(root))):
        outward = (name for name in HISTORIES if (place / name).is_symlink() and not is_below(place, place / name))
        yield Conflict(str(place), tuple(outward), LINKED)


def tracked_caches(folder: Path) -> list[str]:
    """The caches of aider's that this repository brings: git knows them, as it never does aider's own."""
    words = ["git", "-C", str(folder), "-c", "core.fsmonitor=false", "ls-files", "-z", "--", *CACHES]
    try:
        said = subprocess.run(words, capture_output=True, check=False).stdout
    except OSError:
        return []  # no git, so no clone
    files = said.decode(errors="replace").split("\0")
    return [found[0] for file in files if (found := re.match(r"(?i)(.*/)?\.aider\.tags\.cache[^/]*", file))]


def of_conf(file: Path, text: str, *, own: bool) -> Iterator[Conflict]:
    """What one .aider.conf.yml says of model, way and programs. own: it is the user's, who may have more in it."""
    keys = conf_of(text)
    if keys is None:
        yield Conflict(str(file), ("its text",), NOT_YAML)
        return
    yield Conflict(str(file), tuple(key for key in keys if key in OVERRULED))
    allowed = KNOWN if own else ALLOWED
    winning = [key for key, value in keys.items() if key not in allowed and not is_inside(file.parent, key, value)]
    yield Conflict(str(file), tuple(winning), WINS)


def conf_of(text: str) -> dict[str, Any] | None:
    """The keys that are set, without the dashes that they may begin with; None if it is no YAML.

    `false`, and nothing, set a key to what it is anyway.
    """
    import yaml  # 20 ms: `fab -l` needs it not

    try:
        # As aider: the one in C if there is one. They differ where a file is odd.
        values = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (yaml.YAMLError, ValueError, RecursionError):
        return None
    pairs = values.items() if isinstance(values, dict) else ()  # aider ends with any other
    return {str(key).removeprefix("--"): value for key, value in pairs if value is not None and value is not False}


def is_inside(root: Path, key: str, value: Any) -> bool:
    """Whether a key names files, and all lie in the folder of the file that names them, as a team's conventions do."""
    names = [str(name) for name in (value if isinstance(value, list) else [value])]
    return key in NAMES_FILES and all(not name.startswith("~") and is_below(root, root / name) for name in names)


def is_below(root: Path, file: Path) -> bool:
    """Whether a file lies in a folder, wherever links lead."""
    try:
        return root.resolve() in file.resolve().parents
    except (OSError, RuntimeError, ValueError):  # links in a circle; a name with NUL in it
        return False
