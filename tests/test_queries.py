"""What is kept of a request's path."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy_core.queries import clean_path
from tests.captures.kit import PATIENT


@pytest.mark.parametrize(
    ("path", "clean"),
    [
        ("/v1/messages?beta=true", "/v1/messages?beta=true"),
        ("/v1/x?api_key=abc&b=1", "/v1/x?api_key=…&b=1"),
        ("/v1/x?a=1&X-Amz-Signature=abc", "/v1/x?a=1&X-Amz-Signature=…"),
        ("http://bob:pw@h/v1", "http://h/v1"),
    ],
)
def test_secrets_of_a_path_are_not_kept(path: str, clean: str) -> None:
    assert clean_path(path) == clean


@PATIENT
@given(st.text(max_size=60))
def test_a_clean_path_stays_clean(path: str) -> None:
    assert clean_path(clean_path(path)) == clean_path(path)
