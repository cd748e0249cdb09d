"""Two captured requests compared: their components, their settings, and where their prompts part."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from proxy_core.captures.bundle import Form, outlined
from proxy_core.captures.captured import Captured
from proxy_core.diagnosis.divergence import diverge
from proxy_core.diagnosis.further import further
from proxy_core.diagnosis.outline import Component
from proxy_core.study.comparing.structure import Piece, Setting, settings, structure
from proxy_core.verdict import Divergence


@dataclass(frozen=True)
class Compared:
    """Two requests in one form."""

    sides: tuple[Captured, Captured]
    bodies: tuple[bytes, bytes]
    form: Form
    pieces: tuple[Piece, ...] = ()
    """Their components; none where they can only be compared as texts."""
    settings: tuple[Setting, ...] = ()
    divergence: Divergence | None = None
    """None where they can only be compared as texts."""
    further: tuple[str, ...] = ()
    """What else changed behind that place."""
    note: str | None = None
    """Why they can only be compared as texts, in a sentence."""

    @property
    def identical(self) -> bool:
        """Whether the bodies are equal byte for byte."""
        return self.bodies[0] == self.bodies[1]

    @property
    def api(self) -> str | None:
        """The API of both; None where they can only be compared as texts."""
        return None if self.divergence is None else self.sides[1].api


def compared(before: Captured, after: Captured, form: Form) -> Compared:
    """Compare two requests; where one was not captured in that form, as its client sent it."""
    sides = (before, after)
    bodies = (_body(before, form), _body(after, form))
    outlines, why = outlined(sides, bodies)
    if outlines is None:
        return Compared(sides, bodies, form, note=why)
    parted = diverge(*outlines)
    return Compared(
        sides,
        bodies,
        form,
        tuple(structure(*outlines)),
        tuple(settings(*bodies)),
        parted,
        further(*outlines, parted),
    )


def _body(captured: Captured, form: Form) -> bytes:
    return captured.body if form == "sent" or captured.forwarded is None else captured.forwarded


def facts(found: Compared, names: tuple[str, str]) -> dict[str, Any]:
    """A comparison, for programs.

    `before` and `after`: `name` as given, `id`, `at` (seconds since the epoch), `client`, `api`, `lane`,
    `bytes`. `form`: `sent` or `forwarded`. `identical`: whether the bytes are equal. `note`: why there is no
    structure, else null. `components`, in the order in which the model sees them, or null: `change` (`same`,
    `changed`, `added`, `removed`, `moved`), `kind` (`system`, `tools`, `message`), `name`, `role`, and
    `before` and `after`, each null or an object with `message` (index in the request's list, from 0, or null)
    and `bytes` of text. `settings`: `name`, `before`, `after`, as they are spelled in the JSON, or null.
    `divergence`: see `verdict.Divergence`, or null. `further`: what else changed behind it.
    """
    known = found.divergence is not None
    return {
        "before": _side(found.sides[0], found.bodies[0], names[0]),
        "after": _side(found.sides[1], found.bodies[1], names[1]),
        "form": found.form,
        "identical": found.identical,
        "note": found.note,
        "components": [_piece(piece) for piece in found.pieces] if known else None,
        "settings": [setting._asdict() for setting in found.settings] if known else None,
        "divergence": _divergence(found.divergence),
        "further": list(found.further),
    }


def _side(captured: Captured, body: bytes, name: str) -> dict[str, Any]:
    told = {key: getattr(captured, key) for key in ("id", "at", "client", "api", "lane")}
    return {"name": name, **told, "bytes": len(body)}


def _piece(piece: Piece) -> dict[str, Any]:
    one = piece.component
    return {
        "change": piece.change,
        "kind": one.kind,
        "name": one.name,
        "role": one.role,
        "before": _component(piece.before),
        "after": _component(piece.after),
    }


def _component(one: Component | None) -> dict[str, Any] | None:
    return None if one is None else {"message": one.message, "bytes": len(one.text)}


def _divergence(parted: Divergence | None) -> dict[str, Any] | None:
    if parted is None:
        return None
    excerpt = None if parted.excerpt is None else parted.excerpt._asdict()
    return asdict(parted) | {"excerpt": excerpt}
