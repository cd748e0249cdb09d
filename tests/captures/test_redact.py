"""Masks: what is a secret goes, what is none stays, and what differs still differs."""

from __future__ import annotations

import gzip
import json
import re
import zlib
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from proxy_core.captures import har, html_page, jsonl, markdown
from proxy_core.captures.bundle import bundle
from proxy_core.captures.captured import Answered, Captured, Finding, Hint
from proxy_core.captures.redact import Redactor
from proxy_core.captures.secrets import Level, kinds, looks_random, named_secret
from proxy_core.diagnosis.divergence import diverge
from proxy_core.diagnosis.outline import outline
from proxy_core.llama.said import Call, Said
from proxy_core.prompt import parse
from proxy_core.rules.patterns import pattern
from proxy_core.study.comparing.structure import structure
from tests.captures.kit import BODIES, PATIENT, captures, chat, request
from tests.prompt.test_spans import STYLES, VALUES

GITHUB = "ghp_" + "a1B2c3" * 6
OPENAI = "sk-proj-" + "Zz9_" * 12
PEM = "-----BEGIN RSA PRIVATE KEY-----\n" + "MIIEow0a\n" * 12 + "-----END RSA PRIVATE KEY-----"

ENVIRONMENT = b"API_KEY=correct-horse\nNAME=\xc3\xbc\xc3\xbf?>\n"

SECRETS = {
    "private key": (PEM, "MIIEow0a"),
    "private key that is cut off": (PEM[:120], "MIIEow0a"),
    "private key within JSON": (json.dumps({"pem": PEM}), "MIIEow0a"),
    "OpenAI": (f"use {OPENAI}.", OPENAI),
    "Anthropic": ("sk-ant-api03-" + "aB3_" * 20, "aB3_aB3_"),
    "Hugging Face": ("hf_" + "aB3d" * 9, "hf_aB3d"),
    "GitHub": (f"git clone https://{GITHUB}@github.com/a/b", GITHUB),
    "GitLab": ("glpat-aBcDeFgHiJkLmNoPqRsT", "aBcDeFg"),
    "AWS": ("id AKIA2345ABCDEFGH2345 ok", "2345ABCD"),
    "Google": ("AIza" + "aB3-" * 8 + "abc", "aB3-aB3-"),
    "Slack": ("xoxb-123456789012-123456789012-abcDEF", "123456789012-abc"),
    "Slack webhook": ("https://hooks.slack.com/services/T0000/B0000/" + "x1y2" * 6, "x1y2x1y2"),
    "Telegram": ("token 123456789:AAabcdefghijklmnopqrstuvwxyz0123456", "AAabcdef"),
    "Stripe": ("sk_live_abcdefghij0123", "abcdefghij"),
    "npm": ("//registry/:_authToken=npm_" + "a1B2" * 9, "a1B2a1B2"),
    "JWT": ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.abc_DEF-123", "abc_DEF"),
    "password in an address": ("postgres://bob:hunter2@db:5432/x", "hunter2"),
    "key in a query": ("GET https://h/x?api_key=abc12345&y=1", "abc12345"),
    "bearer": ("Authorization: Bearer abcd1234efgh5678", "abcd1234"),
    "basic": ("authorization: Basic Ym9iOmh1bnRlcjI=", "Ym9iOmh1"),
    "header of a command": ("curl -H 'X-Api-Key: abc12345' h", "abc12345"),
    "user of a command": ("curl -s -u bob:hunter2 http://h", "hunter2"),
    "option of a command": ("mysql --password=hunter2 x", "hunter2"),
    "cookie": ("Cookie: sid=abc; t=def", "sid=abc"),
    "environment": ("A=1\nexport DB_PASSWORD=correct-horse\nB=2", "correct-horse"),
    "environment, quoted": ("OPENAI_API_KEY='whatever'", "whatever"),
    "YAML": ("db:\n  password: hunter2\n", "hunter2"),
    "Markdown list": ("- api key: abc123def\n", "abc123def"),
    "Python": ('client_secret = "hunter2"', "hunter2"),
    "JSON in text": ('{"password": "hunter2"} and more', "hunter2"),
    "JSON in JSON in text": ('said {\\"password\\": \\"hunter2\\"}', "hunter2"),
    "NVIDIA": ("nvapi-" + "aB3_" * 16, "aB3_aB3_"),
    "Brave": ("the key BSAa1B2c3D4e5F6g7H8i9J0k1L2m3 of Brave", "a1B2c3D4"),
    "environment, numbered": ("    12→API_TOKEN=correct-horse", "correct-horse"),
    "environment, of a diff": ("@@ -1 +1 @@\n-API_TOKEN=correct-horse\n+API_TOKEN=correct-horse", "correct"),
    "environment, in Markdown": ("Run `API_TOKEN=correct-horse ./start`.", "correct-horse"),
    "YAML of a diff": ("+  password: hunter2\n", "hunter2"),
    "key on a line": ("The API key: abc123def\nok", "abc123def"),
    "key in a sentence": ("my Brave api key is abc123def, please", "abc123def"),
    "key behind an address": ("http://127.0.0.1:18789/#token=abc12345", "abc12345"),
    "XML": ("<db.password>correct-horse</db.password>", "correct-horse"),
    "netrc": ("machine example.org login bob password correct-horse", "correct-horse"),
    "hash": ("bob:$6$saltsalt$" + "aB3./" * 17 + ":19000:0:99999:7:::", "aB3./aB3"),
    "bcrypt": ("bob:$2y$10$" + "aB3./" * 10 + "abc", "aB3./aB3"),
    "file in an address": (f"data:text/plain;base64,{b64encode(ENVIRONMENT).decode()}", "QVBJX0tFWT"),
    "file in an address, for URLs": (f"see {urlsafe_b64encode(ENVIRONMENT).decode()} there", "QVBJX0tFWT"),
    "generic token": ('"deploy_token": "a1b2c3d4e5f6a7b8c9"', "a1b2c3d4"),
}


@pytest.mark.parametrize("name", SECRETS)
@pytest.mark.parametrize("where", ["text", "content", "arguments", "arguments of arguments", "key", "broken"])
def test_secrets_go_wherever_they_stand(name: str, where: str) -> None:
    text, secret = SECRETS[name]
    redactor = Redactor("secrets")
    if where == "text":
        masked = redactor.text(text)
    elif where == "broken":
        masked = redactor.body(json.dumps({"content": f"x\n{text}\n", "more": "x"})[:-9].encode()).decode()
    else:
        held: Any = {
            "content": {"content": text},
            "arguments": {"arguments": json.dumps({"command": text})},
            "arguments of arguments": {"arguments": json.dumps({"body": json.dumps({"command": text})})},
            "key": {text: 1},
        }[where]
        masked = redactor.body(json.dumps(held).encode()).decode()
        json.loads(masked)
    assert secret not in masked
    assert "[secret-" in masked
    assert redactor.masked >= 1


PLAIN = [
    "The password field is required; a token is a word, and a secret a secret.",
    "max_tokens=100 temperature=0.7 key=value",
    "POST /v1/chat/completions?beta=true",
    "task-sk-notes, risk-assessment-of-the-whole-thing, disk-0",
    "Use `API_KEY=$OPENAI_API_KEY` or API_KEY=${KEY}.",
    "Its password is read from a file, the secret is base64-encoded, and the first token: see below.",
    f"base64: {b64encode(b'Nothing that anybody could take for a secret.').decode()}",
    "MAX_TOKENS=4096 N_TOKENS=12345678",
    "It costs $1$2 or $2$10$, BSAfe, fc-match, <token></token> and <key>x</key>.",
    "commit 3f2a9b8c7d6e5f4a3b2c1d0e9f8a7b6c5d4e3f2a",
    "[secret-3f9a61c2] and [email-00000000]",
    "2026-02-18T20:48:11.123Z 550e8400-e29b-41d4-a716-446655440000",
    "version 1.2.3+4, @types/node, a@b, git log --oneline -- README.md",
    "-----BEGIN PRIVATE KEY----- begins a key, and this is none.",
    "data:image/png;base64,/9j4AAQ+BSA27ISPRnQbFQ511uieyC0tlhekR/XDhVZN0movdbhCJ1Iucu",
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk",
]


@pytest.mark.parametrize("text", PLAIN)
def test_what_is_no_secret_stays(text: str) -> None:
    assert Redactor("personal").text(text) == text


PERSONAL = {
    "home": ("ls /home/anna/work", "anna", "/home/[name-", "/work"),
    "macOS": ("/Users/anna/x", "anna", "/Users/[name-", "/x"),
    "Windows": (r"C:\Users\Anna\x", "Anna", "C:\\Users\\[name-", "\\x"),
    "Windows, two words": (r"C:\Users\Anna Bee\x", "Bee", "C:\\Users\\[name-", "\\x"),
    "volume": ("in /mnt/annas-disk/y", "annas", "/mnt/[name-", "/y"),
    "shell": ("anna@laptop:~/x$ ls", "anna", "[name-", ":~/x$ ls"),
    "e-mail": ("to anna.b+c@mail.example.org, please", "anna", "[email-", ", please"),
    "telephone": ("call +4915112345678!", "4915112", "[phone-", "!"),
    "telephone, in two": ("call +49 151 12345678!", "1234", "[phone-", "!"),
    "telephone, spaced": ("call +49 151 1234 5678!", "1234", "[phone-", "!"),
}


@pytest.mark.parametrize("name", PERSONAL)
def test_personal_things_go_only_when_asked(name: str) -> None:
    text, gone, mask, stays = PERSONAL[name]
    assert Redactor("secrets").text(text) == text
    masked = Redactor("personal").text(text)
    assert gone not in masked
    assert mask in masked
    assert masked.endswith(stays)


@pytest.mark.parametrize(
    ("body", "left"),
    [
        ({"password": "hunter2"}, []),
        ({"apiKey": "x", "client-secret": "y", "GITHUB_TOKEN": "abcd1234"}, []),
        ({"password": 123456}, ["123456"]),
        ({"credentials": ["a b c", "d"]}, ["a b c"]),
        ({"token": "the"}, None),
        ({"max_tokens": 100, "prompt_cache_key": "agent-12345678", "key": "name"}, None),
        ({"sessionKey": "agent:main:1234", "signature": "EqQBCgIYAhIM1234"}, None),
        ({"properties": {"password": {"type": "string"}}, "required": ["password"]}, None),
        ({"password": "", "secret": None, "token": True}, None),
    ],
)
def test_the_name_of_a_member_tells(body: Any, left: list[str] | None) -> None:
    data = json.dumps(body).encode()
    masked = Redactor("secrets").body(data)
    if left is None:
        assert masked == data
        return
    assert json.loads(masked).keys() == body.keys()
    for value in body.values():
        for each in value if isinstance(value, list) else [value]:
            assert json.dumps(each) not in masked.decode().replace(": ", ":").split(":", 1)[1]
    assert all(text not in masked.decode() for text in left)


@PATIENT
@given(VALUES, STYLES, st.sampled_from(["secrets", "personal"]), st.data())
def test_json_stays_json_and_the_rest_keeps_its_bytes(
    tree: Any, style: dict[str, Any], level: Level, data: st.DataObject
) -> None:
    plain = json.dumps({"a": tree}, **style).encode()
    assume(b"@" not in plain)
    redactor = Redactor(level)
    assert redactor.body(plain) == plain
    name, (text, secret) = data.draw(st.sampled_from(sorted(SECRETS.items())))
    body = json.dumps({"a": tree, "b": [tree, {"c": text}], "d": tree}, **style).encode()
    masked = redactor.body(body)
    back = json.loads(masked)
    assert (back["a"], back["b"][0], back["d"]) == (tree, tree, tree)
    assert secret not in back["b"][1]["c"], name


@PATIENT
@given(BODIES, st.sampled_from(["secrets", "personal"]))
def test_any_bytes_can_be_masked_and_masking_twice_is_masking_once(body: bytes, level: Level) -> None:
    redactor = Redactor(level)
    once = redactor.body(body)
    assert redactor.body(once) == once


@pytest.mark.parametrize("name", SECRETS)
def test_masking_twice_is_masking_once(name: str) -> None:
    redactor = Redactor("personal")
    once = redactor.text(SECRETS[name][0])
    assert redactor.text(once) == once


def test_equal_secrets_have_equal_masks_and_others_have_others() -> None:
    redactor = Redactor("secrets")
    first = redactor.text(f"API_KEY={OPENAI}; and {OPENAI}")
    mask = first.split("=")[1].split(";")[0]
    assert first == f"API_KEY={mask}; and {mask}"
    assert redactor.body(json.dumps({"api_key": OPENAI}).encode()) == json.dumps({"api_key": mask}).encode()
    assert mask not in redactor.text(f"API_KEY={OPENAI}x")


def test_another_export_has_other_masks() -> None:
    assert Redactor("secrets").text(OPENAI) != Redactor("secrets").text(OPENAI)
    assert Redactor("secrets", b"k").text(OPENAI) == Redactor("secrets", b"k").text(OPENAI)


def test_diffs_stay_true() -> None:
    was = chat(f"Key: {OPENAI}\nClock: 20:48", "Hi", f"I have {GITHUB}")
    same = chat(f"Key: {OPENAI}\nClock: 20:48", "Hi", f"I have {GITHUB}", "Next")
    other = chat(f"Key: {OPENAI}\nClock: 20:49", "Hi", f"I have {GITHUB}", "Next")
    rotated = chat(f"Key: {OPENAI[:-4]}aaaa\nClock: 20:48", "Hi", f"I have {GITHUB}", "Next")
    redactor = Redactor("secrets")
    before, *after = (
        outline(parse("chat", redactor.body(json.dumps(body).encode())), "first")
        for body in (was, same, other, rotated)
    )
    assert [diverge(before, one).how for one in after] == ["extended", "changed", "changed"]
    clock = diverge(before, after[1]).excerpt
    assert clock is not None
    assert (clock.previous, clock.current) == ("8", "9")
    key = diverge(before, after[2]).excerpt
    assert key is not None
    assert key.shared.startswith("Key: [secret-")


def test_what_is_learned_goes_everywhere() -> None:
    one = request(chat("DB_PASSWORD=hunter2hunter2", "What is it?", "It is hunter2hunter2."))
    two = request(chat("Nothing here", "Is it hunter2hunter2?"))
    redactor = Redactor("secrets")
    assert b"hunter2" in redactor.captured(two).body
    redactor.learn([one, two])
    for each in (one, two):
        assert b"hunter2" not in redactor.captured(each).body


def test_names_are_learned_as_whole_words() -> None:
    one = request(chat("cd /home/anna/x; ls /home/user", "-rw-r--r-- 1 anna anna 12 annals", "user"))
    redactor = Redactor("personal")
    redactor.learn([one])
    system, first, second = json.loads(redactor.captured(one).body)["messages"]
    assert "anna" not in system["content"] + first["content"].replace("annals", "")
    assert first["content"].endswith(" 12 annals")
    assert (first["role"], second["content"]) == ("user", "user")


def test_words_are_not_learned() -> None:
    redactor = Redactor("secrets")
    redactor.learn([request({"password": "required", "messages": []})])
    assert redactor.text("it is required") == "it is required"


@PATIENT
@given(
    st.sampled_from(sorted(SECRETS)),
    st.sampled_from(["body", "forwarded", "call", "header", "answer", "said"]),
)
def test_no_secret_of_any_kind_is_in_an_export(name: str, place: str) -> None:
    text, secret = SECRETS[name]
    body = json.dumps(chat("Be brief.", text if place == "body" else "Hi")).encode()
    other = json.dumps(chat("Be brief.", text)).encode() if place == "forwarded" else body
    call = Call("exec", json.dumps({"command": text if place == "call" else "ls"}))
    wire = json.dumps({"choices": [{"message": {"content": text if place == "answer" else "ok"}}]}).encode()
    one = request(
        body,
        forwarded=other,
        path=f"/v1/chat/completions?api_key={GITHUB}",
        headers={"user-agent": text if place == "header" else "x/1"},
        answer=Answered(200, "application/json", wire, Said(text if place == "said" else "", "", (call,))),
    )
    before = request(json.dumps(chat("Be kind.", "Hi")).encode(), forwarded=body)
    redactor = Redactor("secrets")
    redactor.learn([before, one])
    was, now = redactor.captured(before), redactor.captured(one)
    for written in _every_format(was, now):
        assert secret not in written
        assert GITHUB not in written


def _every_format(was: Captured, now: Captured) -> list[str]:
    return [
        jsonl.line(now).decode(),
        b"".join(har.write([was, now])).decode(),
        "".join(markdown.write([bundle(now, was)])),
        "".join(html_page.write([bundle(now, was), bundle(now, None)])),
    ]


@PATIENT
@given(
    st.lists(st.sampled_from(["a", "b", f"key {OPENAI}", f"token={GITHUB}x"]), max_size=6), st.integers(0, 6)
)
def test_what_differs_still_differs_in_the_same_places(said: list[str], kept: int) -> None:
    bodies = [
        json.dumps(chat(f"Be brief. {key}", *texts)).encode()
        for key, texts in ((OPENAI, said), (GITHUB, said[:kept]))
    ]
    redactor = Redactor("personal")
    changes = [
        [piece.change for piece in structure(*(outline(parse("chat", body)) for body in pair))]
        for pair in (bodies, [redactor.body(body) for body in bodies])
    ]
    assert changes[0] == changes[1]


def test_nothing_of_a_request_is_forgotten() -> None:
    leak = f"Authorization: Bearer {OPENAI}"
    one = request(
        chat(leak),
        forwarded=json.dumps(chat(f"x {leak}")).encode(),
        path=f"/v1/chat/completions?token={OPENAI}",
        headers={"user-agent": leak},
        session=OPENAI,
        answer=Answered(200, "application/json", json.dumps({"a": leak}).encode(), None),
        finding=Finding("system changed", leak, evidence=(leak,), advice=(Hint(leak, leak),)),
        note=leak,
    )
    redactor = Redactor("secrets")
    masked = redactor.captured(one)
    assert all(OPENAI not in text for text in _every_format(masked, masked))


def test_a_secret_that_a_stream_cuts_in_two_goes() -> None:
    pieces = [GITHUB[:10], GITHUB[10:]]
    events = [{"choices": [{"index": 0, "delta": {"content": piece}}]} for piece in pieces]
    body = b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events)
    one = request(chat("x"), answer=Answered(200, "text/event-stream", body))
    masked = Redactor("secrets").captured(one)
    assert masked.answer is not None
    assert masked.answer.body is None
    assert masked.answer.said is not None
    assert masked.answer.said.text.startswith("[secret-")


def test_calls_are_masked_and_stay_json() -> None:
    said = Said("", GITHUB, (Call("exec", json.dumps({"command": f"echo {GITHUB}", "password": "x"})),))
    masked = Redactor("secrets").captured(request(chat("x"), answer=Answered(200, "", None, said))).answer
    assert masked is not None
    assert masked.said is not None
    assert json.loads(masked.said.calls[0].arguments)["password"].startswith("[secret-")
    assert GITHUB not in repr(masked)


@PATIENT
@given(captures())
def test_every_request_can_be_masked(one: Captured) -> None:
    masked = Redactor("personal").captured(one)
    assert (masked.forwarded is None) == (one.forwarded is None)
    assert (masked.forwarded == masked.body) or one.forwarded != one.body


@pytest.mark.parametrize("pack", [gzip.compress, lambda body: body.decode().encode("utf-16"), zlib.compress])
def test_what_is_no_text_goes_whole(pack: Callable[[bytes], bytes]) -> None:
    redactor = Redactor("secrets")
    bodies = [pack(json.dumps(chat(f"key {OPENAI}", said)).encode()) for said in "xyx"]
    masked = [redactor.captured(request(body)).body for body in bodies]
    assert all(re.fullmatch(rb"\[binary-[0-9a-f]{8}\]", body) for body in masked)
    assert masked[0] == masked[2] != masked[1]
    assert redactor.body("caf\xe9".encode("latin-1")) == b"caf\xe9"


def test_what_is_untouched_stays_the_same_object() -> None:
    one = request(chat("x"))
    masked = Redactor("secrets").captured(request(one.body, forwarded=one.body))
    assert masked.body is one.body
    assert masked.forwarded is masked.body


@pytest.mark.parametrize("kind", kinds("personal"), ids=lambda kind: kind.what[:30])
def test_every_kind_can_be_found(kind: Any) -> None:
    assert kind.what
    assert all(word == word.lower() for word in kind.near)
    assert all(pattern(find).groups <= 1 for find in kind.find)


def test_names_of_members() -> None:
    sure = ["password", "DB_PASSWORD", "apiKey", "X-Api-Key", "client_secret", "accessToken", "Cookie"]
    assert all(named_secret(name) == "sure" for name in sure)
    assert all(named_secret(name) == "likely" for name in ("token", "GITHUB_TOKEN", "key"))
    assert not any(
        named_secret(name) for name in ("tokens", "max_tokens", "keyboard", "cache_key", "secretary")
    )
    assert looks_random("abcd1234")
    assert not looks_random("required")
