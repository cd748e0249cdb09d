"""`kvconsole rules test`: what rules make of a request body."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

import click

from console.diff_text import echo_diff
from console.rules_verbs.book import Book, open_book
from proxy_core.clients import recognize
from proxy_core.diff.unified import unified
from proxy_core.errors import ConfigError, PromptError
from proxy_core.prompt import Api, Prompt, parse
from proxy_core.rules import Normalized, Rule, RuleSet
from proxy_core.rules.look import Look
from proxy_core.rules.recall import Memory, Room
from proxy_core.visible import visible

_TOKENS_PER_BYTE = 0.25
"""Of a body, roughly: a token is four characters of English or of code."""
_SHOWN = 100
"""Characters of a text's beginning or end that are quoted."""


class Request(NamedTuple):
    """A request to try rules on."""

    body: bytes
    earlier: Sequence[bytes]
    """Earlier bodies of the same conversation, oldest first."""
    api: Api | None
    """None: told from the body."""
    client: str | None
    """None: told from the prompt."""
    context: int
    """Tokens that fit into the slot."""


class _Played(NamedTuple):
    rules: RuleSet
    prompt: Prompt
    client: str | None
    result: Normalized


def try_rule(typed: dict[str, Any], rule_id: str, request: Request, *, name: str, as_json: bool) -> int:
    """Print what a rule, or `all` that are on, makes of a request; gives the exit code, 1 if nothing matched.

    Raises:
        KvconsoleError: There is no such rule, or a body is no request.
    """
    book = open_book(typed)
    one = None if rule_id == "all" else book.need(rule_id)
    if request.client is not None:
        book.need_client(request.client)
    rules = book.rules if one is None else RuleSet(book.rules.rules, frozenset({one.id}), book.level)
    played = _play(rules, one, request, name)
    if as_json:
        click.echo(json.dumps(_facts(played), indent=2, ensure_ascii=False))
    else:
        _print(played, one, book, request, name)
    return 0 if played.result.matched else 1


def _play(rules: RuleSet, one: Rule | None, request: Request, name: str) -> _Played:
    room = Room(request.context, _TOKENS_PER_BYTE)
    memory: Memory = {}
    for number, body in enumerate(request.earlier, 1):
        prompt = _prompt(body, request.api, f"earlier body {number}")
        earlier = rules.apply(prompt, _client(prompt, one, request), memory, room)
        memory = {**memory, **earlier.writes}
    prompt = _prompt(request.body, request.api, visible(name))
    client = _client(prompt, one, request)
    return _Played(rules, prompt, client, rules.apply(prompt, client, memory, room))


def _prompt(body: bytes, api: Api | None, what: str) -> Prompt:
    for shape in [api] if api else _likely(body):
        try:
            return parse(shape, body)
        except PromptError as error:
            problem = error.message
    raise ConfigError(f"{what} is not a request that rules read: {problem}.", title="Test")


def _likely(body: bytes) -> list[Api]:
    """The APIs that a body may be for, the likeliest first."""
    try:
        top = json.loads(body)
    except (ValueError, RecursionError):
        top = None
    keys = top.keys() if isinstance(top, dict) else set()
    if "input" in keys or "instructions" in keys:
        return ["responses"]
    # Both know `messages`; Anthropic's system text stands beside them, and its tools have an input_schema.
    tools = top.get("tools") if isinstance(top, dict) else None
    schemas = isinstance(tools, list) and any(isinstance(t, dict) and "input_schema" in t for t in tools)
    return ["messages"] if "system" in keys or schemas else ["chat"]


def _client(prompt: Prompt, one: Rule | None, request: Request) -> str | None:
    """Who sent it. A rule that is tried alone is given its own client where nothing tells another."""
    told = request.client or recognize({}, prompt)
    return told if told is not None or one is None or one.client == "any" else one.client


def _print(played: _Played, one: Rule | None, book: Book, request: Request, name: str) -> None:
    result, prompt = played.result, played.prompt
    for failure in result.failures:
        click.echo(visible(failure), err=True)
    click.echo(f"{visible(name)}: {prompt.api}, client {played.client or 'not recognized'}")
    changes = Counter(edit.rule for edit in result.edits)
    for rule_id in sorted(result.matched):
        count = changes[rule_id]
        what = f"{count} change{'' if count == 1 else 's'}" if count else "nothing to change"
        click.echo(f"matched  {rule_id}  ({what})")
    if one is None:
        silent = [r.id for r in played.rules.running(prompt.api, played.client) if r.id not in result.matched]
        click.echo(f"no match for {len(silent)} more that ran: {', '.join(silent) or 'none'}")
        if played.client is None:
            click.echo("Rules of clients did not run; --client says whose request it is.")
    elif one.id not in result.matched:
        click.echo(f"no match for {one.id}")
        for reason in _why_not(one, played):
            click.echo(f"  {reason}")
    elif not result.edits and not request.earlier:
        click.echo("What it remembers may matter in later requests: give earlier bodies with --first.")
    if one is not None and one.id not in book.rules.enabled:
        click.echo(f"It is off at level {book.level}; here it was tried all the same.")
    lines = unified(prompt.body, result.body, prompt.api, (f"{name} as sent", f"{name} as forwarded"))
    if lines:
        click.echo()
    echo_diff(lines)


def _why_not(rule: Rule, played: _Played) -> list[str]:
    """What a person can do about a rule that did not match."""
    prompt, client = played.prompt, played.client
    if prompt.api not in rule.apis:
        return [f"It is for {', '.join(sorted(rule.apis))}, and this is a {prompt.api} request."]
    if not rule.runs_for(prompt.api, client):
        return [f"It is for the client {rule.client!r}; --client {rule.client} tries it as if it were that."]
    if not rule.looks:
        return ["Nothing that its action works on is in this request, or it has to see earlier ones first."]
    return [_looked(number, look, prompt) for number, look in enumerate(rule.looks, 1)]


def _looked(number: int, look: Look, prompt: Prompt) -> str:
    parts = [prompt.head, *prompt.messages] if prompt.head else list(prompt.messages)
    seen: Counter[str] = Counter()
    texts: list[bytes] = []
    for part in parts:
        first_message = seen[part.kind or ""] == 0
        seen[part.kind or ""] += 1
        texts += [s.text for s in part.segments if look.wants(s.kind, s.first, first_message)]
    kinds = " and ".join(kind for kind in ("system", "user", "assistant", "tool") if kind in look.kinds)
    told = f"look {number}, at {look.at!r}: found nothing in {len(texts)} {kinds} text"
    told += "" if len(texts) == 1 else "s"
    if not texts:
        return told
    text = texts[-1].decode(errors="replace")
    if look.at == "tail":
        return f"{told}; the last one ends with {json.dumps(text[-_SHOWN:], ensure_ascii=False)}"
    return f"{told}; the last one begins with {json.dumps(text[:_SHOWN], ensure_ascii=False)}"


def _facts(played: _Played) -> dict[str, Any]:
    result, prompt = played.result, played.prompt
    running = [rule.id for rule in played.rules.running(prompt.api, played.client)]
    return {
        "api": prompt.api,
        "client": played.client,
        "matched": sorted(result.matched),
        "not_matched": [rule_id for rule_id in running if rule_id not in result.matched],
        "failures": list(result.failures),
        "edits": [edit._asdict() for edit in result.edits],
        "body": result.body.decode(),
    }
