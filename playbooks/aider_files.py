"""What aider is given so that it can only reach the gateway: two files, its arguments, its environment.

Each line closes a way out that was measured with aider 0.86.2, see the tables. An invalid key is no protection: the
code is in the request that is refused. Only where requests are sent counts, so that is what is pinned here.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from stacks.aider_facts import AiderFacts

# Nobody listens on port 9 (discard): whatever is not for loopback ends there at once.
DEAD_PROXY = "http://127.0.0.1:9"
LOOPBACK_NAMES = "127.0.0.1,localhost"
# aider wants some key in its environment. The real one stands in the 0600 settings file, which beats this one; commands
# that aider runs for the user inherit the environment and must not inherit a key.
PLACEHOLDER_KEY = "the-key-is-in-the-settings-file"

# Variables that never reach aider, by their beginnings. The first row: tokens and settings of daybox and its tools.
# The others: providers that aider or litellm would choose, or send to, because their variable is set.
DROPPED_BEGINNINGS = (
    *("DAYBOX_", "HF_", "HUGGING_FACE_", "LINODE_", "PULUMI_"),
    *("AIDER_", "LITELLM_", "USE_LITELLM_PROXY", "GITHUB_COPILOT_TOKEN"),
    *("ANTHROPIC_", "AZURE_", "CEREBRAS_", "COHERE_", "DEEPSEEK_", "FIREWORKS_", "GEMINI_", "GOOGLE_API_KEY", "GROQ_"),
    *("HOSTED_VLLM_", "MISTRAL_", "OLLAMA_", "OPENAI_", "OPENROUTER_", "TOGETHER", "VERTEXAI_", "VERTEX_", "XAI_"),
)
# aider loads a repository's .env over its environment; in such a file this name makes it send nothing and exit with 0.
BREAKING_VARIABLE = "GITHUB_COPILOT_TOKEN"

# May be overridden by the user's own words, which come after them.
DEFAULT_WORDS = ("--timeout", "600", "--no-show-model-warnings", "--no-show-release-notes")
# May not: they come last, and the last one wins.
QUIET_WORDS = ("--no-analytics", "--no-check-update", "--no-detect-urls", "--disable-playwright")


def pinned_variables(base: str) -> dict[str, str]:
    """What is set in aider's process after every .env was loaded, by --set-env: nothing else is late enough.

    OPENAI_BASE_URL silently beats --openai-api-base; a proxy, in either case of letters, is sent the whole prompt in
    clear text; without the local cost map litellm fetches one; USE_LITELLM_PROXY makes the model's name another.
    """
    proxies = {"HTTPS_PROXY": DEAD_PROXY, "HTTP_PROXY": DEAD_PROXY, "ALL_PROXY": DEAD_PROXY, "NO_PROXY": LOOPBACK_NAMES}
    lower = {name.lower(): value for name, value in proxies.items()}
    litellm = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "USE_LITELLM_PROXY": "False"}
    return {"OPENAI_BASE_URL": base, **litellm, **proxies, **lower}


def environment(inherited: Mapping[str, str], base: str) -> dict[str, str]:
    """aider's environment: the user's own without providers and tokens, with the pins."""
    kept = {name: value for name, value in inherited.items() if not name.upper().startswith(DROPPED_BEGINNINGS)}
    return {**kept, "OPENAI_API_BASE": base, "OPENAI_API_KEY": PLACEHOLDER_KEY, **pinned_variables(base)}


def settings_text(served: str, facts: AiderFacts, base: str, key: str) -> str:
    """The text of model.settings.yml. It holds the gateway key: 0600.

    Its last entry is the one pin that holds against every model name, base and key set elsewhere, be it a Claude model
    put in by a repository's .env.
    """
    import yaml  # 20 ms: `fab -l` needs it not

    pin = {
        "name": "aider/extra_params",
        # No retries in here: aider has its own, and ours would multiply them.
        "extra_params": {"api_base": base, "api_key": key, "max_retries": 0},
    }
    return str(yaml.safe_dump([*model_entries(served, facts), pin], sort_keys=False, allow_unicode=True))


def model_entries(served: str, facts: AiderFacts) -> list[dict[str, Any]]:
    """The settings of the model, and of its second name for commit messages if it has one."""
    main = f"openai/{served}"
    weak = main + facts.weak_suffix
    entry: dict[str, Any] = {
        "name": main,
        "edit_format": facts.edit_format,
        "editor_edit_format": "editor-diff" if facts.edit_format == "diff" else "editor-whole",
        "weak_model_name": weak,
        "editor_model_name": main,
        "use_repo_map": facts.use_repo_map,
        **({"reminder": facts.reminder} if facts.reminder else {}),
        **sampling(facts, facts.max_output_tokens, facts.extra_body),
    }
    if not facts.weak_suffix:
        return [entry]
    short = sampling(facts, facts.weak_max_output_tokens, facts.weak_extra_body)
    return [entry, {"name": weak, "edit_format": "whole", **short}]


def sampling(facts: AiderFacts, max_tokens: int, extra_body: Mapping[str, object]) -> dict[str, Any]:
    """The keys of an entry that say how answers are drawn."""
    extra: dict[str, Any] = {"max_tokens": max_tokens}
    if facts.top_p is not None:
        extra["top_p"] = facts.top_p
    if extra_body:
        extra["extra_body"] = dict(extra_body)
    return {"use_temperature": False if facts.temperature is None else facts.temperature, "extra_params": extra}


def metadata_text(served: str, facts: AiderFacts, window_tokens: int) -> str:
    """The text of model.metadata.json: what fits into a prompt, so that aider neither overruns it nor looks it up.

    window_tokens: as the server itself says, for prompt and answer together.
    """
    names = dict.fromkeys((served, served + facts.weak_suffix))
    row = {
        "max_tokens": facts.max_output_tokens,
        "max_input_tokens": window_tokens - facts.max_output_tokens,
        "max_output_tokens": facts.max_output_tokens,
        "input_cost_per_token": 0,  # the box costs by the hour, not by the token
        "output_cost_per_token": 0,
        "litellm_provider": "openai",
        "mode": "chat",
    }
    return json.dumps({f"openai/{name}": row for name in names}, indent=2) + "\n"


def arguments(
    served: str, facts: AiderFacts, base: str, *, settings_file: str, metadata_file: str, words: Sequence[str]
) -> list[str]:
    """aider's arguments: the model's, the user's own `words`, then the pins, which nothing before them can undo."""
    main = f"openai/{served}"
    models = ["--model", main, "--weak-model", main + facts.weak_suffix, "--editor-model", main]
    variables = [word for name, value in pinned_variables(base).items() for word in ("--set-env", f"{name}={value}")]
    files = ["--model-settings-file", settings_file, "--model-metadata-file", metadata_file]
    pins = [*models, "--openai-api-base", base, *variables, *files, *QUIET_WORDS]
    # After a `--` of the user's own everything is a file name, so the pins go before it.
    end = words.index("--") if "--" in words else len(words)
    return [*DEFAULT_WORDS, *facts.arguments, *words[:end], *pins, *words[end:]]
