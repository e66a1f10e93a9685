"""One stack's config as Settings: parsed once, at the border, every fault of it reported together."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from stacks import catalog, pair, sizing, vllm_args, volume_size
from stacks.catalog import Cloud, Device, Model, Plan
from stacks.errors import ConfigError, all_of
from stacks.places import stack_dir
from stacks.sizing import Fit
from stacks.values import (
    Secret,
    api_url,
    minutes,
    named,
    nearest,
    networks,
    notice_url,
    one_of,
    own_port,
    port_number,
    positive,
    positive_whole,
    required,
    served_name,
    share,
    yes_or_no,
)

T = TypeVar("T")

KEYS = (
    *("cloud", "plan", "region", "model", "architect", "servedName", "context", "sshFrom", "sshPublicKey"),
    *("tp", "kvCacheDtype", "maxNumSeqs", "maxNumBatchedTokens", "gpuMemoryUtilization", "vllmArgs"),
    *("idleMinutes", "maxLifetimeMinutes", "readyMinutes", "budgetUsd", "monthBudgetUsd"),
    *("volume", "volumeGib", "volumeDays"),
    *("selfDestruct", "force", "webui", "port", "url", "boxToken", "webhookUrl", "ntfyUrl"),
)
OPTIONAL_KEYS = ("boxToken", "webhookUrl", "ntfyUrl")  # a secret has no default in Pulumi.yaml
MOST_BATCHED_TOKENS = 8192  # what vLLM itself takes on the largest cards (engine/arg_utils.py)
BOX_SIDE = "198.51.100.1"  # how a box of the local cloud reaches what is 127.0.0.1 here; see scripts/cloud/link.py


@dataclass(frozen=True)
class Settings:
    """What one stack asks for. Minutes, USD and tokens as their names say; urls without a trailing slash.

    own_name: what clients ask for, if not daybox- and the model's. tp: cards that share the model.
    vllm_args: more words for vLLM, checked. fit: how the model fits the plan.
    architect: the second model, served beside the first; None: the first has both roles. architect_fit: how that fits.
    """

    stack: str
    cloud: Cloud
    plan: Plan
    region: str
    model: Model
    architect: Model | None
    own_name: str
    context: int
    tp: int
    kv_cache_dtype: str
    max_num_seqs: int
    max_num_batched_tokens: int
    gpu_memory_utilization: float
    vllm_args: tuple[str, ...]
    fit: Fit
    architect_fit: Fit | None
    ssh_from: tuple[str, ...]
    ssh_public_key: Path
    idle_minutes: float
    max_lifetime_minutes: float
    ready_minutes: float
    budget_usd: float | None
    month_budget_usd: float | None
    self_destruct: bool
    webui: bool
    volume: bool
    volume_gib: int
    volume_days: int
    port: int
    api_url: str
    box_token: str = field(default="", repr=False)
    webhook_url: str = field(default="", repr=False)
    ntfy_url: str = field(default="", repr=False)

    @classmethod
    def from_config(cls, stack: str, raw: Mapping[str, str]) -> "Settings":
        """One stack's settings, checked.

        raw: key without project prefix -> text, as `{"idleMinutes": "30"}`, the defaults of Pulumi.yaml included.
        Raises ConfigError: every fault, one a line, each `stacks/<stack>/<key>: fact; way out`.
        """
        return Reading(stack, raw).settings()

    @property
    def device(self) -> Device:
        """What vLLM computes on with this plan."""
        return sizing.device_of(self.plan)

    @property
    def served_name(self) -> str:
        """The name clients ask for: without a slash, and none that litellm knows."""
        return self.own_name or f"daybox-{self.model.name}"

    @property
    def architect_name(self) -> str:
        """The name under which the second model is served; empty if there is none."""
        return f"daybox-{self.architect.name}" if self.architect else ""

    @property
    def models(self) -> tuple[Model, ...]:
        """All that the box serves."""
        return (self.model, *([self.architect] if self.architect else []))

    @property
    def box_api_url(self) -> str:
        """The API as the box reaches it: the same, unless it listens on this laptop's loopback."""
        return self.api_url.replace("127.0.0.1", BOX_SIDE)

    @property
    def login_key(self) -> Path:
        """The private half of `ssh_public_key`."""
        return self.ssh_public_key.with_suffix("")


class Reading:
    """Reads key after key and collects the faults; `values` has what could be read, by the names of Settings.

    fit: how the model fits the plan; None if a setting that decides it could not be read. architect_fit: how the second
    model fits beside it, if one is asked for.
    """

    def __init__(self, stack: str, raw: Mapping[str, str]) -> None:
        self.stack, self.raw = stack, raw
        self.faults: list[ConfigError] = []
        self.values: dict[str, Any] = {}
        self.fit: Fit | None = None
        self.architect_fit: Fit | None = None
        self._unknown_keys()
        self._box()
        self._vllm()
        self._limits()
        self._volume()
        self._fits()

    def settings(self) -> Settings:
        """The settings. Raises ConfigError with every fault, one a line."""
        if self.faults:
            raise all_of(self.faults)
        return Settings(stack=self.stack, **self.values)

    def _unknown_keys(self) -> None:
        for key in sorted(set(self.raw) - set(KEYS)):
            self.fault(key, "is no setting of daybox", nearest(key, KEYS))

    def _box(self) -> None:
        self.read("cloud", lambda text: named(catalog.CLOUDS, text))
        self.read("plan", lambda text: named(catalog.PLANS, text))
        self._same_cloud()
        self.read("region", required)
        self.read("sshFrom", networks)
        self.read("sshPublicKey", self._public_key)
        self.read("webui", yes_or_no)
        self.read("port", lambda text: port_number(text) if text else own_port(self.stack))
        cloud = self.values.get("cloud")
        self.read("url", lambda text: api_url(cloud, text) if cloud else text, name="api_url")
        self.values["box_token"] = self.raw.get("boxToken", "")
        self.read("webhookUrl", notice_url)
        self.read("ntfyUrl", notice_url)

    def _same_cloud(self) -> None:
        cloud, plan = self.values["cloud"], self.values["plan"]
        if cloud and plan and not cloud.has(plan):
            self.fault("plan", f"{cloud.name} has no {plan.name}", f"see fab plans --cloud {cloud.name}")

    def _vllm(self) -> None:
        self.read("model", lambda text: named(catalog.MODELS, text))
        self.read("architect", lambda text: named(catalog.MODELS, text) if text else None)
        self.read("servedName", lambda text: served_name(text) if text else "", name="own_name")
        self._two_models()
        self.read("context", positive_whole)
        self.read("tp", lambda text: positive_whole(text) if text else None)
        self.read("kvCacheDtype", one_of(*sizing.KV_BYTES))
        self.read("maxNumSeqs", lambda text: positive_whole(text) if text else None)
        self.read("maxNumBatchedTokens", lambda text: positive_whole(text) if text else None)
        self.read("gpuMemoryUtilization", share)
        self.read("vllmArgs", vllm_args.read)

    def _two_models(self) -> None:
        """The same model in both roles needs no second vLLM; of two, each must be asked for by a name of its own."""
        model, architect, own_name = (self.values[name] for name in ("model", "architect", "own_name"))
        if not (model and architect) or model == architect:
            self.values["architect"] = None
            return
        main = own_name or f"daybox-{model.name}"
        if f"daybox-{architect.name}" in (main, main + model.family.aider.weak_suffix):
            fact = f"daybox-{architect.name} is the name of the second model"
            self.fault("servedName", fact, "choose another, or leave it empty")

    def _limits(self) -> None:
        self.read("idleMinutes", minutes)
        self.read("maxLifetimeMinutes", minutes)
        self.read("readyMinutes", minutes)
        self.read("budgetUsd", lambda text: positive(text) if text else None)
        self.read("monthBudgetUsd", lambda text: positive(text) if text else None)
        self.read("selfDestruct", yes_or_no)

    def _volume(self) -> None:
        """Whether there is a volume, and one that holds the model."""
        self.read("volume", yes_or_no)
        self.read("volumeDays", volume_size.volume_days)
        asked = self.read("volumeGib", volume_size.volume_gib)
        models = [model for model in (self.values["model"], self.values["architect"]) if model]
        least = volume_size.least_gib(*models) if models else 0
        if asked and asked < least:
            names = " and ".join(model.name for model in models)
            self.fault(
                "volumeGib",
                f"{names} with vLLM's cache need{'s' if len(models) == 1 else ''} {least}",
                "leave it empty, or raise it",
            )
        self.values["volume_gib"] = asked or least

    def _fits(self) -> None:
        """What model and plan decide together: cards, sequences, and whether it fits; `force` overrules the last."""
        force = self.read("force", yes_or_no)
        del self.values["force"]
        model, plan, architect = (self.values[name] for name in ("model", "plan", "architect"))
        self.fit = self._sized(model, plan) if model and plan else None
        if self.fit and architect:
            both = pair.pair(model, self.fit.tp, architect, self.fit.context, self._terms(plan))
            self.fit, self.architect_fit = both.main, both.architect
        self.values["fit"], self.values["architect_fit"] = self.fit, self.architect_fit
        for key, fit in (("model", self.fit), ("architect", self.architect_fit)):
            if fit and not force:
                for reason in fit.reasons:
                    self.fault(key, reason, f"see what does: fab fit {fit.model} --context {fit.context}")

    def _terms(self, plan: Plan) -> pair.Terms:
        """What two models are served with."""
        values = self.values
        whole = sizing.whole_gib(plan, values["gpu_memory_utilization"])
        return pair.Terms(
            plan, values["kv_cache_dtype"], whole, values["max_num_seqs"], values["max_num_batched_tokens"]
        )

    def _sized(self, model: Model, plan: Plan) -> Fit | None:
        """How the model fits the plan; None if a setting that decides it could not be read."""
        values, device = self.values, sizing.device_of(plan)
        values["tp"] = values["tp"] or sizing.most_cards(model, plan)
        values["max_num_seqs"] = values["max_num_seqs"] or device.sequences
        values["max_num_batched_tokens"] = values["max_num_batched_tokens"] or device.batched_tokens
        self._steps(model)
        if not (values["context"] and values["kv_cache_dtype"] and values["gpu_memory_utilization"]):
            return None
        return sizing.fit(
            model,
            plan,
            values["context"],
            tp=values["tp"],
            kv_dtype=values["kv_cache_dtype"],
            memory_share=values["gpu_memory_utilization"],
            sequences=values["max_num_seqs"],
            batched_tokens=values["max_num_batched_tokens"],
        )

    def _steps(self, model: Model) -> None:
        """What vLLM would refuse at its start, or spoil while it serves."""
        sequences, tokens = self.values["max_num_seqs"], self.values["max_num_batched_tokens"]
        if tokens < sequences:
            self.fault("maxNumBatchedTokens", f"{tokens} are fewer than the {sequences} of maxNumSeqs", "raise it")
        if tokens > MOST_BATCHED_TOKENS:
            fact = f"{tokens} are more than {MOST_BATCHED_TOKENS}, whose memory nobody measured"
            self.fault("maxNumBatchedTokens", fact, "lower it")
        drafts = any(word.startswith("--speculative-config") for word in self.values["vllm_args"] or ())
        if drafts and not model.family.ngram:
            self.fault("vllmArgs", f"drafts corrupt what {model.name} writes", "leave --speculative-config out")

    def read(self, key: str, parse: Callable[[str], T], *, name: str = "") -> T | None:
        """`parse` of the key's text, kept in `values`; None if it raises ValueError(fact, hint), which is a fault."""
        value, text = None, self.raw.get(key, "")
        try:
            value = None if isinstance(text, Secret) else parse(text.strip())
        except ValueError as error:
            self.fault(key, *error.args)
        self.values[name or snake(key)] = value
        return value

    def fault(self, key: str, fact: str, hint: str = "") -> None:
        """Remember what is wrong with the key."""
        way_out = hint or f"set it: pulumi config set -s {self.stack} daybox:{key} VALUE"
        self.faults.append(
            ConfigError(f"stacks/{self.stack}/{key}: {fact}", hint=way_out.replace("{stack}", self.stack))
        )

    def _public_key(self, text: str) -> Path:
        try:
            path = Path(text).expanduser() if text else stack_dir(self.stack) / "login_ed25519.pub"
        except RuntimeError:
            raise ValueError(f"{text!r} is in nobody's home", "write the whole path") from None
        if path.suffix != ".pub":
            raise ValueError(f"{text!r} is not the path of a public key", "name the file that ends in .pub")
        if not path.is_file():
            raise ValueError(f"{path} does not exist", f"make it: source scripts/env {self.stack}")
        return path


def snake(key: str) -> str:
    """`idleMinutes` -> `idle_minutes`, the form that Settings has."""
    return re.sub("[A-Z]", lambda letter: f"_{letter[0].lower()}", key)
