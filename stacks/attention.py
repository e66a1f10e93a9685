"""Kinds of attention layers, and what each keeps of what it has read: bytes on one card. Arithmetic alone.

Source: vLLM 0.33, v1/kv_cache_interface.py, v1/core/kv_cache_planning.py, platforms/interface.py (0.32 computes the
same); `tests/e2e/test_sizing.py` asks vLLM itself.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from functools import cache as remembered

CONVOLUTION_BYTES = 2 * 3  # a recurrent layer's convolution remembers 3 steps of each channel, in 16 bits


@dataclass(frozen=True)
class Cache:
    """How one card caches: tp cards share the heads, value_bytes a number, block_tokens the least that is given out.

    in_flight_tokens: scheduled and not yet settled; a sliding window lets go of none of them.
    """

    tp: int
    value_bytes: int
    block_tokens: int
    in_flight_tokens: int


@dataclass(frozen=True)
class Growing(ABC):
    """Layers that keep something of every token."""

    layers: int

    @abstractmethod
    def token_bytes(self, cache: Cache) -> int:
        """What one layer keeps of one token."""

    @abstractmethod
    def divides(self, tp: int) -> bool:
        """Whether `tp` cards can share it."""

    def page_bytes(self, cache: Cache) -> int:
        """One layer's share of a block."""
        return self.token_bytes(cache) * cache.block_tokens

    def blocks(self, context: int, cache: Cache) -> int:
        """Blocks that one sequence of `context` tokens holds in each layer."""
        return -(-context // cache.block_tokens)


@dataclass(frozen=True)
class Full(Growing):
    """Layers that keep keys and values of every token; heads are replicated where there are more cards than heads."""

    kv_heads: int
    head_dim: int

    def token_bytes(self, cache: Cache) -> int:
        """What one layer keeps of one token."""
        return 2 * max(1, self.kv_heads // cache.tp) * self.head_dim * cache.value_bytes

    def divides(self, tp: int) -> bool:
        """Whether `tp` cards can share the heads."""
        return self.kv_heads % tp == 0 or tp % self.kv_heads == 0


@dataclass(frozen=True)
class Sliding(Full):
    """Layers that keep the last `window` tokens, and those that are in flight."""

    window: int

    def blocks(self, context: int, cache: Cache) -> int:
        """One more than the window fills: it may begin in the middle of a block."""
        return super().blocks(min(self.window - 1 + cache.in_flight_tokens, context), cache) + 1


@dataclass(frozen=True)
class Latent(Growing):
    """Layers that keep one compressed vector of every token (MLA): each card has all of it."""

    width: int

    def token_bytes(self, cache: Cache) -> int:
        """What one layer keeps of one token."""
        return self.width * cache.value_bytes

    def divides(self, tp: int) -> bool:
        """Nothing is shared, so any number of cards will do."""
        return True


@dataclass(frozen=True)
class Recurrent:
    """Layers that keep a state of each sequence, however long (GDN, Mamba2): heads x head_dim x state_dim numbers.

    groups: of heads that read and write alike; what these and the heads take in passes the convolution. states: kept of
    each sequence, as prefix caching (cache mode `align`) has them. number_bytes: of a number in the state.
    """

    layers: int
    heads: int
    head_dim: int
    state_dim: int
    groups: int
    states: int
    number_bytes: int

    def page_bytes(self, cache: Cache) -> int:
        """One layer's share of a block: a whole state."""
        groups = self.groups if self.groups % cache.tp == 0 else cache.tp  # fewer groups than cards: replicated
        channels = self.heads * self.head_dim + 2 * groups * self.state_dim
        numbers = self.heads * self.head_dim * self.state_dim
        return (numbers * self.number_bytes + channels * CONVOLUTION_BYTES) // cache.tp

    def blocks(self, context: int, cache: Cache) -> int:
        """Blocks that one sequence holds in each layer."""
        return self.states

    def divides(self, tp: int) -> bool:
        """Whether `tp` cards can share the heads."""
        return self.heads % tp == 0


Layers = Full | Sliding | Latent | Recurrent


def delta_net(layers: int, *, key_heads: int, value_heads: int, dim: int = 128, number_bytes: int = 4) -> Recurrent:
    """Gated delta net: a state of dim x dim for each value head; queries, keys and values pass the convolution.

    number_bytes: 4 where config.json has `mamba_ssm_dtype: float32` (Qwen3.5 and later), 2 where it says nothing.
    """
    return Recurrent(layers, value_heads, dim, dim, groups=key_heads, states=2, number_bytes=number_bytes)


def mamba2(layers: int, *, heads: int, head_dim: int, groups: int, state_dim: int = 128) -> Recurrent:
    """Mamba2: a state of head_dim x state_dim for each head; its input, B and C pass the convolution.

    A third state is a checkpoint within a prompt (mamba_mixer2.py). float32 is what Nemotron-H has.
    """
    return Recurrent(layers, heads, head_dim, state_dim, groups=groups, states=3, number_bytes=4)


def growing(attention: tuple[Layers, ...]) -> tuple[Full | Latent, ...]:
    """The layers whose cache grows with every token."""
    return tuple(part for part in attention if type(part) in (Full, Latent))  # type: ignore[misc]


def bytes_per_token(attention: tuple[Layers, ...], cache: Cache) -> int:
    """What one more token adds on each card."""
    return sum(part.layers * part.token_bytes(cache) for part in growing(attention))


def bytes_needed(attention: tuple[Layers, ...], cache: Cache, context: int) -> int:
    """What one sequence of `context` tokens needs on each card, and the one block that vLLM holds back for itself.

    attention: each kind of layers once.
    """
    return block_bytes(attention, cache) * (blocks_needed(attention, cache, context) + 1)


@remembered  # asked again for every context that is tried
def block_bytes(attention: tuple[Layers, ...], cache: Cache) -> int:
    """One block on each card: a page of every layer of a group."""
    return group_layers(attention) * page_bytes(attention, cache)


def blocks_needed(attention: tuple[Layers, ...], cache: Cache, context: int) -> int:
    """Blocks that one sequence of `context` tokens holds: each group has its own, all out of one pool."""
    size = group_layers(attention)
    return sum(-(-part.layers // size) * part.blocks(context, with_page(part, attention, cache)) for part in attention)


@remembered
def group_layers(attention: tuple[Layers, ...]) -> int:
    """Layers that share one table of blocks: as many as the rarest kind has, unless others have hardly more."""
    fewest, most = min(part.layers for part in attention), max(part.layers for part in attention)
    return most if most < 1.5 * fewest else fewest


def page_bytes(attention: tuple[Layers, ...], cache: Cache) -> int:
    """A page, the same for all layers: the largest of them."""
    cache = with_states(attention, cache)
    return max(part.page_bytes(cache) for part in attention)


@remembered
def with_page(part: Layers, attention: tuple[Layers, ...], cache: Cache) -> Cache:
    """`cache` as these layers use it: where a token takes less, a page has room for more of them."""
    cache = with_states(attention, cache)
    times, rest = divmod(page_bytes(attention, cache), part.page_bytes(cache))
    return cache if rest else replace(cache, block_tokens=cache.block_tokens * times)


def with_states(attention: tuple[Layers, ...], cache: Cache) -> Cache:
    """`cache` with blocks as large as vLLM makes them: a page of attention is no smaller than a recurrent state."""
    states = [part.page_bytes(cache) for part in attention if isinstance(part, Recurrent)]
    pages = [part.page_bytes(cache) for part in attention if not isinstance(part, Recurrent)]
    if not (states and pages):
        return cache
    return replace(cache, block_tokens=cache.block_tokens * -(-max(states) // max(pages)))
