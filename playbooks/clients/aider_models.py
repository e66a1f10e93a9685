"""What aider is told of the box's models: how each is talked to, and how much fits into its prompts."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from playbooks.clients.client import Way
from stacks.catalog import MODELS
from stacks.values import named

if TYPE_CHECKING:
    from stacks.aider_facts import AiderFacts


def facts_of(catalog_name: str) -> "AiderFacts":
    """What aider must be told of a model of the catalog, thinking switched off where it can be."""
    family = named(MODELS, catalog_name).family
    if not family.thinking_off:
        return family.aider
    off = {"chat_template_kwargs": json.loads(family.thinking_off)}
    return replace(family.aider, extra_body={**family.aider.extra_body, **off})


def answer_tokens(facts: "AiderFacts", window_tokens: int) -> int:
    """What is taken off the window for an answer: as the model's facts say, and at most half of a small window."""
    return min(facts.max_output_tokens, window_tokens // 2)


def settings_text(way: Way) -> str:
    """The text of model.settings.yml. It holds the gateway key: 0600.

    Its last entry is the one pin that holds against every model name, base and key set elsewhere, be it a Claude model
    put in by a repository's .env.
    """
    import yaml  # 20 ms: `fab -l` needs it not

    pin = {
        "name": "aider/extra_params",
        # No retries in here: aider has its own, and ours would multiply them.
        "extra_params": {"api_base": way.base, "api_key": way.key, "max_retries": 0},
    }
    return str(yaml.safe_dump([*model_entries(way), pin], sort_keys=False, allow_unicode=True))


def model_entries(way: Way) -> Iterator[dict[str, Any]]:
    """The settings of each model; and of the first one's second name for commit messages, if it has one."""
    facts = facts_of(way.catalog_name)
    yield entry(way.model, way, facts, facts, way.window_tokens)
    if facts.weak_suffix:
        short = sampling(facts, facts.weak_max_output_tokens, facts.weak_extra_body)
        yield {"name": weak_name(way), "edit_format": "whole", **short}
    if way.architect:
        yield entry(way.architect, way, facts_of(way.architect_catalog_name), facts, way.architect_window_tokens)


def entry(served: str, way: Way, facts: "AiderFacts", editor: "AiderFacts", window_tokens: int) -> dict[str, Any]:
    """The settings of one model. editor: facts of the model that writes the edits, and the commit messages."""
    return {
        "name": f"openai/{served}",
        "edit_format": facts.edit_format,
        "editor_edit_format": "editor-diff" if editor.edit_format == "diff" else "editor-whole",
        "weak_model_name": weak_name(way),
        "editor_model_name": f"openai/{way.model}",
        "use_repo_map": facts.use_repo_map,
        **({"reminder": facts.reminder} if facts.reminder else {}),
        **sampling(facts, answer_tokens(facts, window_tokens), facts.extra_body),
    }


def weak_name(way: Way) -> str:
    """As aider names who writes commit messages."""
    return f"openai/{way.model}{facts_of(way.catalog_name).weak_suffix}"


def sampling(facts: "AiderFacts", max_tokens: int, extra_body: Mapping[str, object]) -> dict[str, Any]:
    """The keys of an entry that say how answers are drawn."""
    extra: dict[str, Any] = {"max_tokens": max_tokens}
    if facts.top_p is not None:
        extra["top_p"] = facts.top_p
    if extra_body:
        extra["extra_body"] = dict(extra_body)
    return {"use_temperature": False if facts.temperature is None else facts.temperature, "extra_params": extra}


def metadata_text(way: Way) -> str:
    """The text of model.metadata.json: what fits into a prompt, so that aider neither overruns it nor looks it up."""
    main = metadata(facts_of(way.catalog_name), way.window_tokens)
    rows = {f"openai/{way.model}": main, weak_name(way): main}
    if way.architect:
        second = facts_of(way.architect_catalog_name)
        rows[f"openai/{way.architect}"] = metadata(second, way.architect_window_tokens)
    return json.dumps(rows, indent=2) + "\n"


def metadata(facts: "AiderFacts", window_tokens: int) -> dict[str, object]:
    """How many tokens of one model's window are for the prompt, and how many for the answer."""
    answer = answer_tokens(facts, window_tokens)
    return {
        "max_tokens": answer,
        "max_input_tokens": window_tokens - answer,
        "max_output_tokens": answer,
        "input_cost_per_token": 0,  # the box costs by the hour, not by the token
        "output_cost_per_token": 0,
        "litellm_provider": "openai",
        "mode": "chat",
    }
