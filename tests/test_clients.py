from __future__ import annotations

import json

import pytest

from proxy_core.clients import agent_name, recognize
from proxy_core.prompt import Prompt, parse


def prompt(system: str | None) -> Prompt:
    messages = [{"role": "user", "content": "You are opencode, said a person"}]
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
        ("OpenAI/JS 6.10.0", None),
        ("Mozilla/5.0 opencode/1.0", None),
        ("", None),
    ],
)
def test_by_user_agent(agent: str, client: str | None) -> None:
    assert recognize({"user-agent": agent}, None) == client


@pytest.mark.parametrize(
    ("system", "client"),
    [
        ("You are a personal assistant running inside OpenClaw.", "openclaw"),
        ("You are a personal assistant running inside Clawdbot.", "openclaw"),
        ("\n You are Claude Code, Anthropic's CLI", "claude-code"),
        ("x-anthropic-billing-header: cc_version=2.1", "claude-code"),
        ("You are a coding agent running in the Codex CLI", "codex"),
        ("Help. You are Claude Code", None),
        (None, None),
    ],
)
def test_by_the_prompts_opening(system: str | None, client: str | None) -> None:
    assert recognize({"user-agent": "OpenAI/JS 6.10.0"}, prompt(system)) == client


def test_a_client_that_names_itself_is_believed_before_its_prompt() -> None:
    assert recognize({"user-agent": "opencode/1.0"}, prompt("You are Claude Code")) == "opencode"


def test_a_prompt_replayed_with_curl_is_its_clients() -> None:
    opening = prompt("You are a personal assistant running inside OpenClaw.")
    assert recognize({"user-agent": "curl/8"}, opening) == "openclaw"
    # A tool is no client of its own: the rules of any client may run.
    assert recognize({"user-agent": "curl/8"}, prompt("hello")) is None


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
