"""What is kept of a request's path."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy_core.queries import clean_path, secrets_of, without
from tests.captures.kit import PATIENT


@pytest.mark.parametrize(
    ("path", "clean"),
    [
        ("/v1/messages?beta=true", "/v1/messages?beta=true"),
        ("/v1/x?api_key=abc&b=1", "/v1/x?api_key=…&b=1"),
        ("/v1/x?a=1&X-Amz-Signature=abc", "/v1/x?a=1&X-Amz-Signature=…"),
        ("http://bob:pw@h/v1", "http://h/v1"),
        ("/v1/x?a=1;api_key=abc;def&b=2", "/v1/x?a=1;api_key=…&b=2"),
        ("/v1/x?%61pi_k%65y=abc", "/v1/x?%61pi_k%65y=…"),
        ("/v1/x?credential=abc?d#token=e", "/v1/x?credential=…#token=…"),
    ],
)
def test_secrets_of_a_path_are_not_kept(path: str, clean: str) -> None:
    assert clean_path(path) == clean


@PATIENT
@given(st.text(max_size=60))
def test_a_clean_path_stays_clean(path: str) -> None:
    assert clean_path(clean_path(path)) == clean_path(path)


@pytest.mark.parametrize(
    ("said", "discreet"),
    [
        ("Incorrect API key provided: sekritkey.", "Incorrect API key provided: …."),
        ("Bearer sekritkey is none", "… is none"),
        ("no user bob:hunter2, or hunter2 is wrong", "no user …, or … is wrong"),
        ("of cookies c00kie and sid=c00kie", "of cookies … and …"),
        ("POST /v1/x?api_key=q%75ery refused: query", "POST /v1/x?api_key=… refused: …"),
        ("sekritkeys and en are words", "sekritkeys and en are words"),
        ("Bearer is a scheme", "Bearer is a scheme"),
    ],
)
def test_secrets_of_a_request_are_taken_out_of_what_a_server_says(said: str, discreet: str) -> None:
    headers = [
        (b"Authorization", b"Bearer sekritkey"),
        (b"proxy-authorization", b"Basic Ym9iOmh1bnRlcjI="),
        (b"cookie", b"sid=c00kie; lang=en"),
        (b"accept", b"a"),
    ]
    assert without(said, secrets_of(headers, b"/v1/x?api_key=q%75ery")) == discreet


@PATIENT
@given(st.binary(max_size=40), st.binary(max_size=40))
def test_no_header_is_too_odd_to_be_a_secret(value: bytes, target: bytes) -> None:
    secrets = secrets_of([(b"x-api-key", value)], target)
    assert "word" in without("a word", secrets) or "word" in secrets or "a word" in secrets
