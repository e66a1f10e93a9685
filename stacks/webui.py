"""Open WebUI beside vLLM: its settings as data, and the two ports it is reached at.

Source of the names: env.py, config.py and utils/security_headers.py of open-webui 0.12.4, read 2026-11-26; it was run
with these settings, from PyPI. What is not set here has that version's default.
"""

from collections.abc import Mapping

BOX_PORT = 3000  # on the box's loopback only
INSIDE_PORT = 8080  # of its container
VLLM_PORT = 8000  # of vLLM's container: the one port that the seal lets Open WebUI open
PORTS_APART = 1000  # own_port of every stack is below 19000
LAST_PORT = 65_535
EMAIL = "admin@localhost"  # the one account; nobody is sent anything
SECRET_FILE, PASSWORD_FILE = "/etc/daybox/webui-secret", "/etc/daybox/webui-password"
DATA = "/var/lib/daybox/webui"  # accounts and chats; gone with the box
# What a model writes is shown as Markdown, and a picture's address may hold what was said: no host but this one.
POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; style-src 'self' 'unsafe-inline';"
    " img-src 'self' data: blob:; media-src 'self' data: blob:; font-src 'self' data:; worker-src 'self' blob:;"
    " connect-src 'self' data: blob: {sockets}; frame-src 'self' data: blob:; object-src 'none'; base-uri 'self';"
    " form-action 'self'"
)
FIXED: Mapping[str, str] = {
    "OPENAI_API_BASE_URL": f"http://vllm:{VLLM_PORT}/v1",
    "ENABLE_OLLAMA_API": "false",
    "ENABLE_PERSISTENT_CONFIG": "false",  # else its database keeps the old values
    "WEBUI_AUTH": "true",
    "ENABLE_SIGNUP": "false",
    "WEBUI_ADMIN_EMAIL": EMAIL,  # made before it answers: else the first who comes is admin, sign-up or not
    "WEBUI_SESSION_COOKIE_SAME_SITE": "strict",
    # It has no way out, and shall not wait for what it cannot reach.
    "OFFLINE_MODE": "true",
    "ENABLE_VERSION_UPDATE_CHECK": "false",
    "SCARF_NO_ANALYTICS": "true",
    "DO_NOT_TRACK": "true",
    "ANONYMIZED_TELEMETRY": "false",
    "ENABLE_COMMUNITY_SHARING": "false",
    "ENABLE_DIRECT_CONNECTIONS": "false",
    "ENABLE_WEB_SEARCH": "false",
    "ENABLE_IMAGE_GENERATION": "false",
    "ENABLE_IMAGE_EDIT": "false",
    # It would run in the browser, on this laptop, what a model wrote.
    "ENABLE_CODE_EXECUTION": "false",
    "ENABLE_CODE_INTERPRETER": "false",
    # Work that nobody asked for: after each chat, while somebody types, or at night, when it keeps an idle box.
    "ENABLE_TITLE_GENERATION": "false",
    "ENABLE_TAGS_GENERATION": "false",
    "ENABLE_FOLLOW_UP_GENERATION": "false",
    "ENABLE_AUTOCOMPLETE_GENERATION": "false",
    "ENABLE_AUTOMATIONS": "false",
}


def webui_port(port: int) -> int:
    """The second port on this laptop of the stack whose gateway has `port`."""
    return port + PORTS_APART if port + PORTS_APART <= LAST_PORT else port - PORTS_APART


def environment(port: int) -> dict[str, str]:
    """The container's environment, without its secrets. port: on this laptop, as the browser knows it."""
    names = ("127.0.0.1", "localhost")
    return {
        **FIXED,
        "CORS_ALLOW_ORIGIN": ";".join(f"http://{name}:{port}" for name in names),
        "CONTENT_SECURITY_POLICY": POLICY.format(sockets=" ".join(f"ws://{name}:{port}" for name in names)),
    }
