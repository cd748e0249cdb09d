"""The README names all that is masked."""

from __future__ import annotations

from pathlib import Path

import pytest

from proxy_core.captures.secrets import Kind, kinds

README = (Path(__file__).parents[2] / "README.md").read_text()


@pytest.mark.parametrize("kind", kinds("personal"), ids=lambda kind: kind.what[:30])
def test_the_readme_lists_each_kind_of_secret(kind: Kind) -> None:
    secrets, _, personal = README.partition("`--redact=personal` masks as well:")
    assert f"\n- {kind.what}\n" in (secrets if kind in kinds("secrets") else personal)
