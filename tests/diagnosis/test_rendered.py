"""A chat template that makes another text of messages that came again as they were."""

from __future__ import annotations

from pathlib import Path

import pytest

from console.demo import build_model
from tests.diagnosis.scenes import EXACT, flags, loop, off_by, scene, verdict, words
from tests.real_llama import LlamaFactory, LlamaServer
from tests.rules.talk import assistant, user

_ALWAYS = "{%- if message.reasoning_content -%}"
_SINCE_LAST_USER = "{%- if message.reasoning_content and loop.index0 > last.user -%}"
_FIND = (
    "{%- set last = namespace(user=-1) -%}"
    "{%- for message in messages -%}"
    "{%- if message.role == 'user' -%}{%- set last.user = loop.index0 -%}{%- endif -%}"
    "{%- endfor -%}"
)


@pytest.fixture
def forgetful(llama_factory: LlamaFactory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LlamaServer:
    """A server whose template leaves out what the model thought before the latest question."""
    template = build_model.TEMPLATE.read_text(encoding="utf-8")
    assert _ALWAYS in template
    changed = tmp_path / "forgetful.jinja"
    changed.write_text(_FIND + template.replace(_ALWAYS, _SINCE_LAST_USER), encoding="utf-8")
    monkeypatch.setattr(build_model, "TEMPLATE", changed)
    build_model.build(tmp_path / "forgetful.gguf")
    return llama_factory(model=tmp_path / "forgetful.gguf")


def test_thoughts_that_the_template_leaves_out_are_its_doing(forgetful: LlamaServer) -> None:
    outputs = [words(20, f"room {number}") for number in range(4)]
    thought = loop(outputs, thoughts=True)
    with scene(forgetful.url, forgetful.log_path) as found:
        before = found.ask(thought)
        record = found.ask([*thought, assistant("All is well."), user(f"And outside? {words(6)}")])
        exact = found.counted(record)
    assert verdict(record).headline == exact.verdict.headline == "reasoning dropped: by the chat template"
    # The server says that this template cannot keep thoughts, so another template is what helps.
    assert flags(record) == ["--chat-template-file FILE"]
    assert before.prompt_tokens is not None
    assert record.cached_n is not None
    assert record.cached_n < before.prompt_tokens - 100
    assert off_by(exact, record) <= EXACT
    left = exact.normalized
    assert left is not None
    assert left.how == "rendered"
    assert left.excerpt is not None
    assert (left.excerpt.previous, left.excerpt.current) == ("<think>", "")
