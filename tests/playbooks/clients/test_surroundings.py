"""What a client inherits: the user's own environment, but no provider, no proxy, and no program of a repository's."""

import os
import subprocess
from pathlib import Path

import pytest

from playbooks.clients import CLIENTS
from playbooks.clients.client import Client
from playbooks.clients.start import prepare
from playbooks.clients.surroundings import absolute, surroundings
from tests.playbooks.clients.real_client import way_for

# Every variable that is a provider's key or address to litellm, which knows more providers than any client does.
# Source: litellm 1.81.10 (of aider 0.86.2): what llms/, main.py and utils.py ask the environment for, without what
# names regions, projects and terminals, and without KEPT.
PROVIDERS = """
    A2A_API_BASE AI211_API_KEY AI21_API_BASE AI21_API_KEY AIMLAPI_KEY AIML_API_BASE AIML_API_KEY ALEPHALPHA_API_KEY
    ALEPH_ALPHA_API_BASE ALEPH_ALPHA_API_KEY AMAZON_NOVA_API_BASE AMAZON_NOVA_API_KEY ANTHROPIC_API_BASE
    ANTHROPIC_API_KEY ANTHROPIC_BASE_URL ANYSCALE_API_BASE ANYSCALE_API_KEY ARK_API_BASE ARK_API_KEY
    AWS_BEDROCK_RUNTIME_ENDPOINT AZURE_AD_TOKEN AZURE_AI_API_BASE AZURE_AI_API_KEY AZURE_API_BASE AZURE_API_KEY
    AZURE_AUTHORITY_HOST AZURE_CLIENT_SECRET AZURE_DOCUMENT_INTELLIGENCE_API_KEY
    AZURE_DOCUMENT_INTELLIGENCE_ENDPOINT AZURE_OPENAI_API_KEY AZURE_PASSWORD BASETEN_API_BASE BASETEN_API_KEY
    BRAVE_API_BASE BRAVE_API_KEY BYTEZ_API_KEY CEREBRAS_API_BASE CEREBRAS_API_KEY CHATGPT_API_BASE CHATGPT_AUTH_FILE
    CHUTES_API_KEY CLARIFAI_API_KEY CLOUDFLARE_API_BASE CLOUDFLARE_API_KEY CODESTRAL_API_BASE CODESTRAL_API_KEY
    COHERE_API_BASE COHERE_API_KEY COMETAPI_API_BASE COMETAPI_API_KEY COMETAPI_BASE_URL COMETAPI_KEY
    COMPACTIFAI_API_KEY CO_API_KEY DASHSCOPE_API_BASE DASHSCOPE_API_KEY DATABRICKS_API_BASE DATABRICKS_API_KEY
    DATAFORSEO_API_BASE DATAROBOT_API_TOKEN DATAROBOT_ENDPOINT DEEPGRAM_API_BASE DEEPGRAM_API_KEY DEEPINFRA_API_BASE
    DEEPINFRA_API_KEY DEEPSEEK_API_BASE DEEPSEEK_API_KEY DOCKER_MODEL_RUNNER_API_BASE DOCKER_MODEL_RUNNER_API_KEY
    ELEVENLABS_API_BASE ELEVENLABS_API_KEY EMPOWER_API_BASE EMPOWER_API_KEY EXA_API_BASE EXA_API_KEY FAL_AI_API_BASE
    FAL_AI_API_KEY FEATHERLESS_AI_API_KEY FEATHERLESS_API_BASE FEATHERLESS_API_KEY FIRECRAWL_API_BASE
    FIRECRAWL_API_KEY FIREWORKSAI_API_KEY FIREWORKS_AI_API_KEY FIREWORKS_AI_TOKEN FIREWORKS_API_BASE
    FIREWORKS_API_KEY FRIENDLIAI_API_KEY FRIENDLI_API_BASE FRIENDLI_TOKEN GALADRIEL_API_BASE GALADRIEL_API_KEY
    GEMINI_API_BASE GEMINI_API_KEY GIGACHAT_API_BASE GIGACHAT_API_KEY GIGACHAT_AUTH_URL GIGACHAT_CREDENTIALS
    GITHUB_API_BASE GITHUB_API_KEY GITHUB_COPILOT_ACCESS_TOKEN_FILE GITHUB_COPILOT_API_KEY_FILE GOOGLE_API_KEY
    GOOGLE_PSE_API_BASE GOOGLE_PSE_API_KEY GRADIENT_AI_AGENT_ENDPOINT GRADIENT_AI_API_KEY GROQ_API_BASE GROQ_API_KEY
    HEROKU_API_BASE HEROKU_API_KEY HF_API_BASE HF_TOKEN HOSTED_VLLM_API_BASE HOSTED_VLLM_API_KEY
    HUGGINGFACE_API_BASE HUGGINGFACE_API_KEY HYPERBOLIC_API_BASE HYPERBOLIC_API_KEY INFINITY_API_KEY
    JINA_AI_API_BASE JINA_AI_API_KEY JINA_AI_TOKEN LAMBDA_API_BASE LAMBDA_API_KEY LANGGRAPH_API_BASE
    LANGGRAPH_API_KEY LEMONADE_API_BASE LEMONADE_API_KEY LINKUP_API_BASE LINKUP_API_KEY LITELLM_PROXY_API_BASE
    LITELLM_PROXY_API_KEY LLAMAFILE_API_BASE LLAMAFILE_API_KEY LLAMA_API_BASE LLAMA_API_KEY LM_STUDIO_API_BASE
    LM_STUDIO_API_KEY MANUS_API_BASE MANUS_API_KEY MARITALK_API_BASE MARITALK_API_KEY MILVUS_API_BASE MILVUS_API_KEY
    MINIMAX_API_BASE MINIMAX_API_KEY MISTRAL_API_BASE MISTRAL_API_KEY MISTRAL_AZURE_API_BASE MISTRAL_AZURE_API_KEY
    MOONSHOT_API_BASE MOONSHOT_API_KEY MORPH_API_BASE MORPH_API_KEY NANOGPT_API_KEY NEBIUS_API_BASE NEBIUS_API_KEY
    NLP_CLOUD_API_BASE NLP_CLOUD_API_KEY NOVITA_API_BASE NOVITA_API_KEY NSCALE_API_BASE NSCALE_API_KEY
    NVIDIA_NIM_API_BASE NVIDIA_NIM_API_KEY OLLAMA_API_BASE OLLAMA_API_KEY OPENAI_API_BASE OPENAI_API_KEY
    OPENAI_BASE_URL OPENAI_CHATGPT_API_BASE OPENAI_LIKE_API_BASE OPENAI_LIKE_API_KEY OPENROUTER_API_BASE
    OPENROUTER_API_KEY OR_API_KEY OVHCLOUD_API_BASE OVHCLOUD_API_KEY PALM_API_KEY PARALLEL_AI_API_BASE
    PARALLEL_AI_API_KEY PARALLEL_API_KEY PERPLEXITYAI_API_KEY PERPLEXITY_API_BASE PERPLEXITY_API_KEY
    PG_VECTOR_API_BASE PG_VECTOR_API_KEY POE_API_KEY PREDIBASE_API_BASE PREDIBASE_API_KEY PUBLICAI_API_KEY
    RAGFLOW_API_BASE RAGFLOW_API_KEY RECRAFT_API_BASE RECRAFT_API_KEY REPLICATE_API_BASE REPLICATE_API_KEY
    REPLICATE_API_TOKEN RUNWAYML_API_BASE RUNWAYML_API_KEY RUNWAYML_API_SECRET SAMBANOVA_API_BASE SAMBANOVA_API_KEY
    SEARXNG_API_BASE SEARXNG_API_KEY SNOWFLAKE_JWT STABILITY_API_BASE STABILITY_API_KEY STIMA_API_KEY
    SYNTHETIC_API_KEY TAVILY_API_BASE TAVILY_API_KEY TOGETHERAI_API_KEY TOGETHER_AI_API_BASE TOGETHER_AI_API_KEY
    TOGETHER_AI_TOKEN TOGETHER_API_KEY TOPAZ_API_BASE TOPAZ_API_KEY V0_API_BASE V0_API_KEY
    VERCEL_AI_GATEWAY_API_BASE VERCEL_AI_GATEWAY_API_KEY VERCEL_OIDC_TOKEN VERTEXAI_API_BASE VERTEXAI_CREDENTIALS
    VERTEX_API_BASE VERTEX_CREDENTIALS VLLM_API_BASE VOLCENGINE_API_BASE VOLCENGINE_API_KEY VOYAGE_AI_API_KEY
    VOYAGE_AI_TOKEN VOYAGE_API_KEY WANDB_API_BASE WANDB_API_KEY WATSONX_APIKEY WATSONX_API_BASE WATSONX_API_KEY
    WATSONX_IAM_URL WATSONX_TOKEN WATSONX_URL WATSONX_ZENAPIKEY WML_URL WX_API_KEY WX_URL XAI_API_BASE XAI_API_KEY
    XINFERENCE_API_BASE XINFERENCE_API_KEY ZAI_API_BASE ZAI_API_KEY
"""
# Of other clients. Source: their programs, of the versions that scripts/setup brings for the tests.
OTHERS = """
    AICORE_SERVICE_KEY AI_GATEWAY_API_KEY ANTHROPIC_OAUTH_TOKEN AWS_BEARER_TOKEN_BEDROCK CLAUDE_CODE_OAUTH_TOKEN
    CLAUDE_CODE_USE_BEDROCK CODEX_ACCESS_TOKEN CODEX_API_KEY COPILOT_GITHUB_TOKEN GITHUB_COPILOT_TOKEN
    GOOGLE_CLOUD_API_KEY GOOGLE_GENERATIVE_AI_API_KEY HF_TOKEN KIMI_API_KEY OPENCODE_API_KEY SOMEBODY_NEW_API_KEY
    Somebody_New_Base_Url XIAOMI_TOKEN_PLAN_CN_API_KEY
"""
# They say who somebody is to a whole cloud: `aws`, `terraform`, `gh`, `git push` need them, and no client of ours goes
# to a model by them.
KEPT = """
    AWS_ACCESS_KEY_ID AWS_PROFILE AWS_SECRET_ACCESS_KEY AWS_WEB_IDENTITY_TOKEN_FILE DATABRICKS_CLIENT_SECRET GH_TOKEN
    GITHUB_TOKEN GOOGLE_APPLICATION_CREDENTIALS
"""


@pytest.mark.parametrize("name", [*PROVIDERS.split(), *OTHERS.split()])
def test_no_key_and_no_address_of_a_provider_is_inherited(name: str) -> None:
    assert name not in surroundings({name: "theirs"})


@pytest.mark.parametrize("name", [*KEPT.split(), "DATABASE_URL", "EDITOR", "HOME", "TERM", "VIRTUAL_ENV"])
def test_what_the_users_own_commands_need_is(name: str) -> None:
    assert surroundings({name: "mine"})[name] == "mine"


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name)
def test_what_its_row_sets_reaches_a_client_whatever_was_exported(client: Client, tmp_path: Path) -> None:
    way = way_for(tmp_path)
    set_by_row = client.variables(way)
    exported = dict.fromkeys([*set_by_row, *PROVIDERS.split(), *OTHERS.split()], "theirs")
    given = prepare(client, way, [], exported).environment
    assert {name: given[name] for name in set_by_row} == set_by_row
    assert "theirs" not in given.values()


@pytest.mark.parametrize("entry", ["node_modules/.bin", ".", ""])
def test_a_repository_brings_no_interpreter(tmp_path: Path, entry: str) -> None:
    """A client is a script, as npm installs it: `env` looks for what runs it on PATH."""
    mine, repository = tmp_path / "bin", tmp_path / "repository"
    for folder, words in ((mine, "mine"), (repository / entry, "the repository's")):
        folder.mkdir(parents=True)
        (folder / "runtime").write_text(f'#!/bin/sh\necho "{words}"\n')
        (folder / "runtime").chmod(0o755)
    (mine / "client").write_text("#!/usr/bin/env runtime\n")
    (mine / "client").chmod(0o755)
    given = surroundings({"PATH": f"{entry}:{mine}:/usr/bin:/bin"})
    said = subprocess.run([mine / "client"], cwd=repository, env=given, capture_output=True, text=True, check=True)
    assert said.stdout == "mine\n"


@pytest.mark.parametrize(
    ("path", "left"),
    [
        ("/usr/bin:/bin", "/usr/bin:/bin"),
        ("/repo/.venv/bin:bin:/bin", "/repo/.venv/bin:/bin"),
        ("~/bin:../x:/bin:", "/bin"),
        ("node_modules/.bin", os.defpath),  # an empty PATH would be the folder one stands in
        ("", os.defpath),
    ],
)
def test_a_path_is_the_same_wherever_one_stands(path: str, left: str) -> None:
    assert absolute(path) == left
    assert surroundings({"PATH": path})["PATH"] == left


def test_without_a_path_the_usual_one_is_given() -> None:
    """bash, given none, may look into the folder it stands in."""
    assert surroundings({})["PATH"] == os.defpath
