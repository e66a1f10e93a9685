"""What every client is started with: nothing of daybox's own tools, no provider, and proxies that lead nowhere."""

import os
from collections.abc import Mapping, Sequence

# Nobody listens on port 9 (discard): whatever is not for loopback ends there at once.
DEAD_PROXY = "http://127.0.0.1:9"
LOOPBACK_NAMES = ("127.0.0.1", "localhost")
PROGRAMS = "PATH"

# Variables that reach no client, by their ends: whichever the provider, a client finds its key, and its address, so.
KEY_ENDS = ("_API_KEY", "_APIKEY", "_AUTH_TOKEN", "_OAUTH_TOKEN")
BASE_ENDS = ("_API_BASE", "_BASE_URL", "_API_URL")
# And by their beginnings. The first row: tokens and settings of daybox and its tools. The others: providers that a
# client would choose, or send to, because their variable is set; not all name their keys as above.
# Kept: AWS_ACCESS_KEY_ID and the rest of AWS's, GOOGLE_APPLICATION_CREDENTIALS, DATABRICKS_CLIENT_SECRET, GH_TOKEN,
# GITHUB_TOKEN. They say who somebody is to a whole cloud, and `aws`, `gh`, `git push` that an unsealed client runs need
# them. Set alone, they lead most clients nowhere: Claude Code wants a switch as well (CLAUDE_), aider the name of a
# model (pinned). opencode and pi do offer Bedrock's, Vertex's and Copilot's models because of them (measured): opencode
# is held to one provider by `enabled_providers`, with which it has the box's model alone, and pi's row drops them.
DROPPED_BEGINNINGS = (
    *("DAYBOX_", "HF_", "HUGGING_FACE_", "LINODE_", "PULUMI_"),
    *("AIDER_", "CHATGPT_", "CLAUDE_", "CODEX_", "COPILOT_", "GITHUB_COPILOT_", "LITELLM_", "USE_LITELLM_PROXY"),
    *("AI_GATEWAY_", "AICORE_", "AIMLAPI_", "ANTHROPIC_", "AWS_BEARER_TOKEN_BEDROCK", "AWS_BEDROCK_", "AZURE_"),
    *("CEREBRAS_", "COHERE_", "COMETAPI_", "DASHSCOPE_", "DATAROBOT_", "DEEPSEEK_", "FIREWORKS_", "FRIENDLI_"),
    *("GEMINI_", "GIGACHAT_", "GOOGLE_API_KEY", "GOOGLE_GENERATIVE_AI_", "GRADIENT_AI_", "GROQ_", "HOSTED_VLLM_"),
    *("JINA_AI_", "MISTRAL_", "MOONSHOT_", "NVIDIA_NIM_", "OLLAMA_", "OPENAI_", "OPENROUTER_", "PERPLEXITY"),
    *("REPLICATE_", "RUNWAYML_", "SNOWFLAKE_JWT", "TOGETHER", "VERCEL_AI_", "VERCEL_OIDC_TOKEN", "VERTEXAI_"),
    *("VERTEX_", "VOYAGE_", "WATSONX_", "WML_", "WX_", "XAI_", "ZAI_"),
    # What loads code into a client, or has it report elsewhere; everywhere.py says how.
    *("BUN_OPTIONS", "DYLD_INSERT_LIBRARIES", "LD_AUDIT", "LD_PRELOAD", "NODE_OPTIONS", "OTEL_", "PYTHONPATH"),
)


def proxies() -> dict[str, str]:
    """Every proxy variable, in both cases of letters: loopback is spoken to directly, everything else ends at once."""
    upper = dict.fromkeys(("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY"), DEAD_PROXY)
    upper["NO_PROXY"] = ",".join(LOOPBACK_NAMES)
    return upper | {name.lower(): value for name, value in upper.items()}


def surroundings(inherited: Mapping[str, str], dropped: Sequence[str] = ()) -> dict[str, str]:
    """The user's own environment without providers and tokens, with dead proxies and a PATH that is the same anywhere.

    dropped: further beginnings.
    """
    beginnings, ends = (*DROPPED_BEGINNINGS, *dropped), (*KEY_ENDS, *BASE_ENDS)
    kept = {
        name: value
        for name, value in inherited.items()
        if not name.upper().startswith(beginnings) and not name.upper().endswith(ends)
    }
    return kept | {PROGRAMS: absolute(inherited.get(PROGRAMS, ""))} | proxies()


def absolute(path: str) -> str:
    """A PATH without what depends on where one stands; never empty, which means the folder one stands in.

    By `node_modules/.bin` in it, or `.`, a repository's `node` would be the interpreter of `#!/usr/bin/env node`, and
    its `git` the client's. A whole path stays, even one into the repository: a virtual environment's, which its tests
    need.
    """
    return os.pathsep.join(entry for entry in path.split(os.pathsep) if os.path.isabs(entry)) or os.defpath
