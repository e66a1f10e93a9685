"""What the Hub says of a model, made into a row: its config.json, and the names and sizes of its files. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from stacks.aider_facts import AiderFacts
from stacks.errors import ModelError
from stacks.families import Family
from stacks.hub_layers import ANOTHER, Config, attention_of, window_tokens
from stacks.hub_quantization import quantization_of
from stacks.models import MODELS, Model

INDEX = "model.safetensors.index.json"
TEMPLATES = ("chat_template.jinja", "chat_template.json")
GGUF, PICKLE = (".gguf",), (".bin", ".pt", ".pth", ".ckpt", ".pkl")
MOST_BYTES = 10**15  # the largest weights so far are 2 * 10**12 bytes
DIFF_FROM_BILLIONS = 24  # smaller models write malformed diffs; facts on aider, 2026-11-20


@dataclass(frozen=True)
class Card:
    """What the Hub says of a model beside config.json; empty where it says nothing.

    site: the Hub's host. parameters: as the Hub counts them, packed ones unpacked. tokenizer, quantization:
    tokenizer_config.json and hf_quant_config.json, parsed.
    """

    site: str = "huggingface.co"
    licence: str = ""
    parameters: int = 0
    tokenizer: Mapping[str, Any] = field(default_factory=dict)
    quantization: Mapping[str, Any] = field(default_factory=dict)


SILENT = Card()


def model_of(
    hub_id: str, revision: str, config: Mapping[str, Any], weights_bytes: int, files: Sequence[str], card: Card = SILENT
) -> Model:
    """The model's row. config: config.json, parsed; files: paths in the repository.

    Raises ModelError for what daybox does not serve (pickle, GGUF, code of its own, no chat template, a quantization
    it does not know) and for what it cannot size.
    """
    path = f"{card.site}/{hub_id}"
    refuse_files(path, files)
    refuse_code(path, config)
    refuse_without_template(path, files, card)
    row = next((row for row in MODELS if row.hub_id == hub_id), None)
    billions = round(card.parameters / 1e9, 3) or (row.billions if row else 0)
    known = row.family if row else stranger(billions)
    return Model(
        name=hub_id.rpartition("/")[2].lower(),
        hub_id=hub_id,
        family=family_of(f"{path}/config.json", revision, config, card, known),
        billions=billions,
        weights_gb=weights_bytes / 1e9,
        quantization=quantization_of(f"{path}/config.json", config, card.quantization),
        source=f"the Hub's list of files at {revision[:12]}",
        revision=revision,
    )


def refuse_files(path: str, files: Iterable[str]) -> None:
    """Raises ModelError, which names a file, unless there are safetensors at the top: folders hold other forms."""
    top = [name for name in files if "/" not in name]
    if any(name.endswith(".safetensors") for name in top):
        return
    for suffixes, fact in ((GGUF, "GGUF, which daybox does not serve"), (PICKLE, "pickle, which runs code when read")):
        if found := next((name for name in top if name.endswith(suffixes)), None):
            raise ModelError(
                f"{path}/{found}: its weights are {fact}",
                hint="choose a repository with .safetensors: the original, or an AWQ, GPTQ or FP8 form of it",
            )
    raise ModelError(f"{path}: it has no .safetensors at its top level", hint=ANOTHER)


def refuse_code(path: str, config: Mapping[str, Any]) -> None:
    """Raises ModelError if config.json asks for code of the repository: trust_remote_code is never passed."""
    if config.get("auto_map"):
        raise ModelError(
            f"{path}/config.json: auto_map asks for code of its own, which daybox never runs",
            hint="choose a repository of the same model without it, or a model that `fab models` lists",
        )


def refuse_without_template(path: str, files: Iterable[str], card: Card) -> None:
    """Raises ModelError if nothing says how a conversation is written down.

    Mistral's tokenizer knows by itself; vLLM takes it where Mistral's own form of the weights lies beside it
    (tokenizers/registry.py).
    """
    names = set(files)
    mistral = "tekken.json" in names and any(name.startswith("consolidated") for name in names)
    if not (names.intersection(TEMPLATES) or card.tokenizer.get("chat_template") or mistral):
        raise ModelError(
            f"{path}: it has no chat template, so it goes on with a text and does not answer",
            hint="choose the form of it that follows instructions, often called -Instruct or -it",
        )


def bytes_of_weights(path: str, sizes: Mapping[str, int], index: Mapping[str, Any]) -> int:
    """All weights that vLLM loads. sizes: file -> bytes; index: INDEX, parsed, empty if there is none.

    Raises ModelError, which names the file, if one of them is not there.
    """
    parts = index.get("weight_map", {})
    if not isinstance(parts, Mapping) or not all(isinstance(name, str) for name in parts.values()):
        raise ModelError(f"{path}/{INDEX}: weight_map does not name files", hint=ANOTHER)
    names = set(parts.values()) or weights_without_index(sizes)
    for name in sorted(names):
        if not 0 < sizes.get(name, 0) < MOST_BYTES:
            raise ModelError(f"{path}/{name}: it is part of the weights, and is not there or has no size", hint=ANOTHER)
    return sum(sizes[name] for name in names)


def weights_without_index(names: Iterable[str]) -> set[str]:
    """The safetensors at the top; `consolidated` ones are the same weights again, in Mistral's own form."""
    top = {name for name in names if name.endswith(".safetensors") and "/" not in name}
    return {name for name in top if not name.startswith("consolidated")} or top


def stranger(billions: float) -> Family:
    """What is assumed of a model that is not in the catalog. Rounded, because 23.6 billion are sold as 24."""
    edit_format = "diff" if round(billions) >= DIFF_FROM_BILLIONS else "whole"
    return Family((), 0, 0, "unknown", AiderFacts(edit_format, max_output_tokens=4096), "")


def family_of(path: str, revision: str, config: Mapping[str, Any], card: Card, known: Family) -> Family:
    """`known` with the numbers of config.json in place of its own. path: of config.json, for errors."""
    text = Config.from_json(path, config)
    return replace(
        known,
        attention=attention_of(text),
        heads=text.number("num_attention_heads"),
        window_tokens=window_tokens(text),
        licence=card.licence or known.licence,
        source=f"the Hub's config.json at {revision[:12]}",
        vision=isinstance(config.get("vision_config"), Mapping),
    )
