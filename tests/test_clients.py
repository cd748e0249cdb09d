from __future__ import annotations

import json

import pytest

from proxy_core.clients import agent_name, recognize
from proxy_core.prompt import Api, Prompt, parse
from tests.clients.registry import CASES

SDK = {"user-agent": "OpenAI/JS 6.10.0"}


def prompt(system: str | None, user: str = "You are opencode, said a person") -> Prompt:
    messages = [{"role": "user", "content": user}]
    if system is not None:
        messages.insert(0, {"role": "system", "content": system})
    return parse("chat", json.dumps({"messages": messages}).encode())


@pytest.mark.parametrize(
    ("agent", "client"),
    [
        ("OpenClaw/2026.2.17", "openclaw"),
        ("claude-cli/2.1.0 (external, cli)", "claude-code"),
        ("opencode/1.0", "opencode"),
        ("codex_cli_rs/0.50", "codex"),
        ("QwenCode/0.3", "qwen-code"),
        ("HomeAssistant/2026.2", "home-assistant"),
        ("HermesAgent/0.9", "hermes"),
        ("hermes-agent/1.0", "hermes"),
        ("oh-my-pi/0.9", "pi"),
        ("Continue/1.5.29", "continue"),
        ("RooCode/3.50.0", "roo-code"),
        ("SillyTavern:UNKNOWN:Cohee#1207", "sillytavern"),
        ("pip/25.0", None),
        ("OpenAI/JS 6.10.0", None),
        ("Mozilla/5.0 opencode/1.0", None),
        ("", None),
    ],
)
def test_by_user_agent(agent: str, client: str | None) -> None:
    assert recognize({"user-agent": agent}, None) == client


@pytest.mark.parametrize(
    ("name", "value", "client"),
    [
        ("x-openwebui-chat-id", "c1", "open-webui"),
        ("x-title", "Aider", "aider"),
        ("x-title", "Kilo Code", "kilo-code"),
        ("x-title", "aider's friend", None),
        ("originator", "codex_cli_rs", "codex"),
        ("originator", "a person", None),
        ("x-other", "opencode", None),
    ],
)
def test_by_other_headers(name: str, value: str, client: str | None) -> None:
    assert recognize({**SDK, name: value}, None) == client


@pytest.mark.parametrize(
    ("system", "client"),
    [
        ("You are a personal assistant running inside OpenClaw.", "openclaw"),
        ("You are a personal assistant running inside Clawdbot.", "openclaw"),
        ("\n You are Claude Code, Anthropic's CLI", "claude-code"),
        ("You are an agent for Claude Code, Anthropic's official CLI", "claude-code"),
        ("You are a file search specialist for Claude Code, Anthropic's official CLI", "claude-code"),
        ("x-anthropic-billing-header: cc_version=2.1", "claude-code"),
        ("You are a specialized subagent within the goose AI framework", "goose"),
        ("You are Hermes Agent, an assistant", "hermes"),
        ("You are Hermes, messenger of the gods.", None),
        ("You are a tutor for Claude Code and other tools.", None),
        ("You are a coding agent running in the Codex CLI", "codex"),
        ("You are the Zed coding agent running inside the Zed editor.", "zed"),
        ("You are an expert coding assistant operating inside pi, a harness.", "pi"),
        ("You are an agent in the Continue CLI.", "continue"),
        ("You are Roo, a highly skilled software engineer", "roo-code"),
        ("Current time is 20:37:19. Today's date is 2024-12-20.\nYou are", "home-assistant"),
        ("Today's date is 2024-12-20. Current time is 20:37:19.", "home-assistant"),
        ("# `web_search`:\nCurrent Date & Time: 2026-04-12T23:38:40.919Z", "librechat"),
        ("You are the n8n Instance Agent.", "n8n"),
        ("Current time is money.", None),
        ("Help. You are Claude Code", None),
        ("You are opencoded", None),
        (None, None),
    ],
)
def test_by_the_prompts_opening(system: str | None, client: str | None) -> None:
    assert recognize(SDK, prompt(system)) == client


@pytest.mark.parametrize(
    ("system", "client"),
    [
        (
            "You are Fork.\n<env>\n  Working directory: /w\n  Is directory a git repo: yes\n</env>",
            "opencode",
        ),
        (
            "<env>\n  Working directory: /w\n  Workspace root folder: /\n  Is directory a git repo: no\n",
            "opencode",
        ),
        ("Someone.\n<env>\nWorking directory: /w\nIs directory a git repo: yes\n</env>", None),
        ("I am Sol.\n\n═══\nMEMORY (your personal notes) [49% — 1,085/2,200 chars]\n═══\n", "hermes"),
        ("A MEMORY (your personal notes) [49% — 1,085/2,200 chars]", None),
        ("ROLE\n\nYou are a helpful assistant operating in the Oh My Pi coding harness.", "pi"),
        ("I am Sol.\n\nConversation started: Sunday, April 26, 2026\nModel: m", "hermes"),
        ("I am Sol. Conversation started: Sunday, April 26, 2026", None),
        ("Be brief.\nUser Context:\n1. [2026-01-04] Likes tea", "open-webui"),
        ("Be brief.\n\n# `web_search`:\nCurrent Date & Time: 2026-04-12T23:38:40.919Z", "librechat"),
        ("Act as an expert.\n- Platform: Linux-6.12\n- Shell: SHELL=/bin/bash\n", "aider"),
        ("- Platform: games\n- Shell: sea\n", None),
    ],
)
def test_by_a_frame_within_the_system_prompt(system: str, client: str | None) -> None:
    assert recognize(SDK, prompt(system)) == client


@pytest.mark.parametrize(
    ("user", "client"),
    [
        ("<environment_context>\n  <cwd>/w</cwd>\n</environment_context>", "codex"),
        ("What is <environment_context>\n  <cwd>?", None),
        ("This is the Qwen Code. We are setting up the context for our chat.", "qwen-code"),
        ("<system-reminder>\nThis is the Qwen Code. We are setting up the context for", "qwen-code"),
        ("### Task:\nGenerate 1-3 broad tags categorizing", "open-webui"),
        ("### Task:\nGenerate electricity", None),
    ],
)
def test_by_the_first_user_message(user: str, client: str | None) -> None:
    assert recognize(SDK, prompt("Be brief.", user)) == client


def test_a_fork_goes_by_the_prompt_that_it_kept() -> None:
    env = "<env>\n  Working directory: /w\n  Is directory a git repo: no\n</env>"
    kept, own = prompt(f"You are Kilo Code,\n{env}"), prompt("You are Kilo Code, an engineer.")
    assert recognize(SDK, kept) == "opencode"
    assert recognize({**SDK, "x-title": "Kilo Code"}, kept) == "opencode"
    assert recognize(SDK, own) == "kilo-code"
    assert recognize({**SDK, "x-title": "Kilo Code"}, own) == "kilo-code"


def test_a_client_that_names_itself_is_believed_before_its_prompt() -> None:
    assert recognize({"user-agent": "opencode/1.0"}, prompt("You are Claude Code")) == "opencode"


def test_a_prompt_replayed_with_curl_is_its_clients() -> None:
    opening = prompt("You are a personal assistant running inside OpenClaw.")
    assert recognize({"user-agent": "curl/8"}, opening) == "openclaw"
    # A tool is no client of its own: only rules for any client may run.
    assert recognize({"user-agent": "curl/8"}, prompt("hello")) is None


@pytest.mark.parametrize("name", CASES)
def test_every_client_that_is_played_is_recognized_in_all_its_requests(name: str) -> None:
    apis: dict[str, Api] = {
        "/v1/chat/completions": "chat",
        "/v1/responses": "responses",
        "/v1/messages": "messages",
    }
    for sent in CASES[name].requests(True):
        headers = {key.lower(): value for key, value in sent.headers.items()}
        api = apis[sent.path.partition("?")[0]]
        assert recognize(headers, parse(api, sent.body)) == CASES[name].client


@pytest.mark.parametrize(
    ("agent", "shown"),
    [
        ("OpenAI/JS 6.10.0", "OpenAI/JS"),
        ("Anthropic/Python 0.70", "Anthropic/Python"),
        ("python-httpx/0.28.1", "python-httpx"),
        ("my-own-tool/1.0 (x)", "my-own-tool"),
        ("word of mine", "word"),
        ("x" * 60, "x" * 24),
        ("", None),
    ],
)
def test_what_to_show_for_the_others(agent: str, shown: str | None) -> None:
    assert agent_name({"user-agent": agent} if agent else {}) == shown
