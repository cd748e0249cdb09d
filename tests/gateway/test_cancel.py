from __future__ import annotations

from tests.fake_upstream import FakeUpstream
from tests.gateway.test_streams import CHAT, DELTA, PATHS
from tests.running import Running, asked


def status_of_the_only_turn(run: Running) -> str:
    [record] = run.wait_ended(1)
    assert record.exchange is not None
    return record.exchange.status


def test_a_client_that_leaves_before_the_answer_takes_the_request_with_it(
    run: Running, fake: FakeUpstream
) -> None:
    with asked(run, "POST", PATHS["chat"], CHAT):
        call = fake.next()
    assert call.is_closed_by_peer()
    assert status_of_the_only_turn(run) == "cancelled"


def test_a_client_that_leaves_in_a_stream_takes_the_request_with_it(run: Running, fake: FakeUpstream) -> None:
    with asked(run, "POST", PATHS["chat"], CHAT) as client:
        call = fake.next()
        call.start("text/event-stream")
        answer = client.getresponse()
        call.chunk(DELTA)
        assert answer.read1(65536) == DELTA
        answer.close()
    assert call.is_closed_by_peer()
    assert status_of_the_only_turn(run) == "cancelled"


def test_a_client_that_leaves_after_the_last_event_cancels_nothing(run: Running, fake: FakeUpstream) -> None:
    with asked(run, "POST", PATHS["chat"], CHAT) as client:
        call = fake.next()
        call.start("text/event-stream")
        answer = client.getresponse()
        call.chunk(b"data: [DONE]\n\n")
        assert answer.read1(65536) == b"data: [DONE]\n\n"
        answer.close()
    assert call.is_closed_by_peer()
    assert status_of_the_only_turn(run) == "done"


def test_words_of_the_model_do_not_end_a_stream(run: Running, fake: FakeUpstream) -> None:
    quoting = b'data: {"choices":[{"delta":{"content":"it ends in data: [DONE]"}}]}\n\n'
    with asked(run, "POST", PATHS["chat"], CHAT) as client:
        call = fake.next()
        call.start("text/event-stream")
        answer = client.getresponse()
        call.chunk(quoting)
        assert answer.read1(65536) == quoting
        answer.close()
    assert call.is_closed_by_peer()
    assert status_of_the_only_turn(run) == "cancelled"


def test_a_request_that_was_never_sent_whole_goes_nowhere(run: Running, fake: FakeUpstream) -> None:
    with asked(run, "POST", PATHS["chat"], headers=[("Content-Length", "100")]) as client:
        client.send(b"half")
    with asked(run, "GET", "/after") as client:
        call = fake.next()
        assert call.target == "/after"
        call.answer(b"")
        client.getresponse().read()
    assert not run.prompts()
