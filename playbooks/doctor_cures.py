"""Which cure is tried next: rows of causes and what cures them, in order. Pure: sizing is asked, no box is.

A cure is safe: it takes nothing away that is not made again, changes no model, ends no process but our own containers,
and never asks for more than the cards have.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from playbooks.log_causes import Diagnosis
from stacks.sizing import Fit, divides, fit

if TYPE_CHECKING:
    from stacks.settings import Settings

MOST_CURES = 3
OnBox = Literal["", "download", "disk", "old-containers", "start"]
# Tokens from which on a context is rounded down to a whole multiple: what people read, and what leaves the next start a
# few blocks of room, for what vLLM finds free differs by some MiB from start to start.
STEPS = ((8192, 1024), (1024, 256), (0, 16))
LESS_SHARE, LEAST_SHARE = 0.05, 0.75  # of a card's memory


@dataclass(frozen=True)
class Situation:
    """What a cure must know. gpus: the cards that the box really has; None: as its plan says.

    handed_in: the cloud brought the weights, nothing downloads them. old: names of our own containers beside the right
    one that are still there. starting: vLLM is about to start.
    """

    settings: "Settings"
    gpus: int | None = None
    handed_in: bool = False
    old: tuple[str, ...] = ()
    starting: bool = False


@dataclass(frozen=True)
class Cure:
    """One cure. says: what it changes, for people. values: of the stack's config; on_box: else what is done there."""

    name: str
    says: str
    values: Mapping[str, str | None] = field(default_factory=dict)
    on_box: OnBox = ""


Maker = Callable[[Diagnosis, Situation], Cure | None]


def next_cure(diagnosis: Diagnosis, situation: Situation, tried: Collection[str]) -> Cure | None:
    """The first cure of this cause that was not tried yet, and that can be; None if there is none, or enough were."""
    if len(tried) >= MOST_CURES:
        return None
    return next((cure for cure in cures(diagnosis, situation) if cure.name not in tried), None)


def cures(diagnosis: Diagnosis, situation: Situation) -> Iterable[Cure]:
    """Every cure of this cause that can be, in the order in which they are tried."""
    if diagnosis.details.get("memory") == "host":  # not the card's: nothing that a setting of vLLM's would change
        return ()
    return filter(None, (make(diagnosis, situation) for make in CURES.get(diagnosis.cause, ())))


def fit_context(diagnosis: Diagnosis, situation: Situation) -> Cure | None:
    """The longest context that vLLM names, rounded down; not one that leaves no room for an answer."""
    settings, named = situation.settings, diagnosis.details.get("longest_context")
    if not isinstance(named, int):
        return None
    tokens = rounded(min(named, settings.model.family.window_tokens))
    if not 2 * settings.model.family.aider.max_output_tokens <= tokens < settings.context:
        return None
    says = f"context {tokens} in place of {settings.context}: vLLM names {named} as the longest"
    return Cure("context", says, {"context": str(tokens)})


def rounded(tokens: int) -> int:
    """A round number of tokens, not more than `tokens`."""
    step = next(step for least, step in STEPS if tokens >= least)
    return tokens // step * step


def cache_in_fp8(_: Diagnosis, situation: Situation) -> Cure | None:
    """Half the bytes a token, where the cards compute so."""
    if situation.settings.kv_cache_dtype == "fp8" or not fitted(situation, kv_dtype="fp8").fits:
        return None
    return Cure("fp8-cache", "kvCacheDtype fp8: half the cache a token", {"kvCacheDtype": "fp8"})


def more_cards(_: Diagnosis, situation: Situation) -> Cure | None:
    """The model shared by more cards, as few more as sizing takes."""
    return on_cards(situation, range(situation.settings.tp + 1, cards(situation) + 1))


def other_cards(_: Diagnosis, situation: Situation) -> Cure | None:
    """The model shared by another number of cards, the more the better."""
    return on_cards(situation, range(cards(situation), 0, -1))


def on_cards(situation: Situation, numbers: Iterable[int]) -> Cure | None:
    """The first of these numbers of cards that sizing takes."""
    settings = situation.settings
    for tp in numbers:
        if tp != settings.tp and divides(settings.model, tp) and fitted(situation, tp=tp).fits:
            return Cure("tp", f"tp {tp} in place of {settings.tp}: cards that share the model", {"tp": str(tp)})
    return None


def cards(situation: Situation) -> int:
    """How many cards there are."""
    plan = situation.settings.plan.gpus
    return plan if situation.gpus is None else min(plan, situation.gpus)


def fitted(situation: Situation, *, tp: int | None = None, kv_dtype: str = "", share: float | None = None) -> Fit:
    """What sizing says to the stack's settings, with this much of them changed."""
    settings = situation.settings
    return fit(
        settings.model,
        settings.plan,
        settings.context,
        tp=tp or settings.tp,
        kv_dtype=kv_dtype or settings.kv_cache_dtype,
        memory_share=share or settings.gpu_memory_utilization,
        budget_gib=None if share or not settings.architect else settings.fit.budget_gib,
        sequences=settings.max_num_seqs,
        batched_tokens=settings.max_num_batched_tokens,
    )


def fewer_sequences(diagnosis: Diagnosis, situation: Situation) -> Cure | None:
    """Fewer requests at once: fewer graphs to capture and smaller states; as many as vLLM names, if it does."""
    if diagnosis.details.get("phase") == "load":
        return None
    now, named = situation.settings.max_num_seqs, diagnosis.details.get("blocks")
    fewer = named if isinstance(named, int) else now // 2
    if not 1 <= fewer < now:
        return None
    return Cure("sequences", f"maxNumSeqs {fewer} in place of {now}: requests at once", {"maxNumSeqs": str(fewer)})


def smaller_share(diagnosis: Diagnosis, situation: Situation) -> Cure | None:
    """Less of each card for the cache, more for what is computed; of no use while weights are loaded."""
    settings = situation.settings
    share = round(settings.gpu_memory_utilization - LESS_SHARE, 2)
    late = diagnosis.details.get("phase") in ("capture", "run")
    if not (late and cards(situation) and share >= LEAST_SHARE and fitted(situation, share=share).fits):
        return None
    says = f"gpuMemoryUtilization {share} in place of {settings.gpu_memory_utilization}: more room beside the cache"
    return Cure("share", says, {"gpuMemoryUtilization": str(share)})


def download(_: Diagnosis, situation: Situation) -> Cure | None:
    """The weights anew; not where the cloud handed them in, for they would be the same."""
    if situation.handed_in:
        return None
    name = situation.settings.model.name
    return Cure("download", f"the files of {name} are removed from the box and downloaded again", on_box="download")


def free_disk(_: Diagnosis, situation: Situation) -> Cure | None:
    """What nobody needs."""
    says = "the disk is freed: dangling images, models that are not the stack's, old journals, package archives"
    return Cure("disk", says, on_box="disk")


def stop_old(_: Diagnosis, situation: Situation) -> Cure | None:
    """Our own containers of earlier; what else holds a card's memory is not ours to end."""
    if not situation.old:
        return None
    return Cure("old-containers", f"removed: our old {', '.join(situation.old)}", on_box="old-containers")


def start(_: Diagnosis, situation: Situation) -> Cure | None:
    """The container anew, and whatever else does not run; not in the middle of a start."""
    return None if situation.starting else Cure("start", "vLLM is started again", on_box="start")


MEMORY: tuple[Maker, ...] = (fit_context, cache_in_fp8, more_cards)
WEIGHTS: tuple[Maker, ...] = (download,)
ANEW: tuple[Maker, ...] = (start,)
# A cause that is not here has no safe cure: its own words say what a person may do.
CURES: Mapping[str, tuple[Maker, ...]] = {
    "kv-too-small": MEMORY,
    # Nothing at all is left for a cache, so neither a shorter context nor a smaller one helps.
    "kv-none": (more_cards, fewer_sequences),
    # By its phase: while weights are loaded only more cards help; later what is computed beside them must shrink.
    "out-of-memory": (fewer_sequences, smaller_share, more_cards),
    "context-above-model": (fit_context,),
    "mamba-blocks": (fewer_sequences,),
    "tp-does-not-divide": (other_cards,),
    "too-few-gpus": (other_cards,),
    **dict.fromkeys(("weights-damaged", "no-weights", "not-downloaded", "no-tokenizer"), WEIGHTS),
    "disk-full": (free_disk,),
    "gpu-memory-taken": (stop_old,),
    **dict.fromkeys(("stopped-cleanly", "healthy", "unknown", "illegal-access"), ANEW),
}
