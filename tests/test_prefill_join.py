from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from proxy_core.prefill_join import Request, assign
from proxy_core.prefill_task import PromptTask


def task(number: int, *, seen: float = 50.0, total: int | None = None, port: int | None = None) -> PromptTask:
    return PromptTask((port, number, number), seen, total=total)


def joined(requests: list[Request], tasks: list[PromptTask]) -> dict[int, int | None]:
    return {key: found.place[2] for key, found in assign(requests, tasks).items()}


def test_by_order() -> None:
    requests = [Request(1, 10.0), Request(2, 20.0), Request(3, 30.0)]
    assert joined(requests, [task(7)]) == {1: 7}
    assert joined(requests, [task(7), task(8), task(9)]) == {1: 7, 2: 8, 3: 9}


def test_a_task_is_no_older_than_its_request() -> None:
    assert joined([Request(1, 10.0), Request(2, 20.0)], [task(7, seen=15.0), task(8)]) == {1: 7, 2: 8}
    assert joined([Request(1, 10.0)], [task(7, seen=5.0)]) == {}


def test_strangers_are_told_by_size() -> None:
    requests = [Request(1, 10.0, tokens=1000)]
    assert joined(requests, [task(7, total=50), task(8, total=990)]) == {1: 8}
    assert joined(requests, [task(7, total=900), task(8, total=990)]) == {}
    assert joined(requests, [task(7), task(8)]) == {}


def test_a_moment_apart_means_nothing() -> None:
    alike = [Request(1, 10.0), Request(2, 10.1)]
    assert joined(alike, [task(7)]) == {}
    assert joined(alike, [task(7), task(8)]) == {}
    unlike = [Request(1, 10.0, tokens=100), Request(2, 10.1, tokens=9000)]
    assert joined(unlike, [task(7, total=100), task(8, total=9000)]) == {1: 7, 2: 8}
    assert joined(unlike, [task(7, total=9000), task(8, total=100)]) == {1: 8, 2: 7}


def test_the_third_is_not_touched_by_the_doubt_about_the_first_two() -> None:
    requests = [Request(1, 10.0), Request(2, 10.1), Request(3, 20.0)]
    assert joined(requests, [task(7), task(8), task(9)]) == {3: 9}


def test_two_children_have_no_common_order() -> None:
    requests = [Request(1, 10.0), Request(2, 20.0)]
    assert joined(requests, [task(0, port=1), task(0, port=2)]) == {}


@given(
    st.lists(st.builds(Request, st.integers(0, 9), st.floats(0, 99), tokens=st.none() | st.integers(1, 999))),
    st.lists(
        st.builds(
            task,
            st.integers(0, 9),
            seen=st.floats(0, 99),
            total=st.none() | st.integers(1, 999),
            port=st.sampled_from([None, 1]),
        )
    ),
)
def test_no_task_works_for_two(requests: list[Request], tasks: list[PromptTask]) -> None:
    unique = list({request.record: request for request in requests}.values())
    found = assign(unique, tasks)
    assert len({id(known) for known in found.values()}) == len(found)
    began = {request.record: request.began for request in unique}
    assert all(known.seen >= began[key] for key, known in found.items())
