"""Open WebUI: a clock that the person put into the system prompt, and tasks beside the chat."""

from __future__ import annotations

from collections.abc import Iterator

from tests.clients.case import Case, Sent
from tests.clients.plain import instructions
from tests.clients.story import Ask, Model, Person, asks
from tests.clients.wire import chat, chat_messages, openai_python, sent

_TASKS = {
    "title": "Generate a concise, 3-5 word title with an emoji summarizing the chat history.",
    "tags": "Generate 1-3 broad tags categorizing the main themes of the chat history.",
}
_HEADERS = openai_python("Open WebUI/0.8.1")


def requests(short: bool) -> Iterator[Sent]:
    """The template's variables are filled in anew in each request; chats have no tools here."""
    for ask in asks(short):
        now = f"Current date: {ask.at:%Y-%m-%d}\nCurrent time: {ask.at:%H:%M:%S}"
        system = f"You are a helpful assistant of Mara's.\n{now}\n\n{instructions(short)}"
        path, body = chat([{"role": "system", "content": system}, *chat_messages(ask.said)])
        yield sent(ask, path, _HEADERS, body)
        if ask.turn == 1:
            for name in _TASKS:
                yield task(ask, name)


def task(ask: Ask, name: str) -> Sent:
    """A request for a title or for tags, with the chat as text."""
    spoken = {Person: "USER", Model: "ASSISTANT"}
    lines = [f"{spoken[type(one)]}: {one.text}" for one in ask.said if type(one) in spoken]
    history = "\n".join(lines)
    text = f"### Task:\n{_TASKS[name]}\n### Chat History:\n<chat_history>\n{history}\n</chat_history>"
    path, body = chat([{"role": "user", "content": text}])
    return sent(ask, path, _HEADERS, body, lane=name)


CASES = (Case("open-webui", "open-webui", "a clock near the top, tasks in between", requests),)
