"""The model as the checks of `fab verify` ask it, and the two ways in which a check does not pass."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from stacks.aider_facts import AiderFacts
from stacks.ssh import Target

if TYPE_CHECKING:
    from stacks.families import Family
    from stacks.settings import Settings


def user(text: str) -> dict[str, str]:
    """A message of the user."""
    return {"role": "user", "content": text}


def thinks(family: "Family") -> bool:
    """Whether it thinks, and cannot be told not to."""
    return bool(family.reasoning_parser and not family.thinking_off)


class SkippedError(Exception):
    """Why a check says nothing about this box."""


class FailedError(Exception):
    """What a check found."""


@dataclass(frozen=True)
class Served:
    """The model as a check asks it. window: tokens; tools: whether a parser for its tool calls is served.

    hybrid: some of its layers keep a state instead of every token. thinks: and cannot be told not to. beside: it is the
    second model.
    """

    target: Target
    name: str
    window: int
    facts: AiderFacts
    tools: bool
    hybrid: bool = False
    thinks: bool = False
    beside: bool = False

    @classmethod
    def of(cls, target: Target, settings: "Settings") -> "Served":
        """The model of these settings."""
        from stacks.attention import Recurrent
        from stacks.engines import vllm_words

        family = settings.model.family
        return cls(
            target=target,
            name=settings.served_name,
            window=settings.context,
            facts=family.aider,
            tools=any(word.startswith("--tool-call-parser") for word in vllm_words(settings)),
            hybrid=any(isinstance(part, Recurrent) for part in family.attention),
            thinks=thinks(family),
        )

    @classmethod
    def architect(cls, target: Target, settings: "Settings") -> "Served | None":
        """The second model of these settings, as far as one completion needs it; None if there is none."""
        model, fit = settings.architect, settings.architect_fit
        if model is None or fit is None:
            return None
        return cls(
            target=target,
            name=settings.architect_name,
            window=fit.context,
            facts=model.family.aider,
            tools=False,
            thinks=thinks(model.family),
            beside=True,
        )

    @property
    def quiet(self) -> dict[str, Any]:
        """What a model that cannot stop thinking is told, so that it comes to its answer."""
        return {"reasoning_effort": "low"} if self.thinks else {}
