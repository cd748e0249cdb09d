"""Is a llama-server there, and what does it tell?"""

from __future__ import annotations

from collections.abc import Iterator

from proxy_core.checkup.findings import Finding, Level
from proxy_core.checkup.setup import Setup
from proxy_core.checkup.words import listed, number, plural
from proxy_core.llama.builds import needs
from proxy_core.serving import is_self
from proxy_core.visible import visible


def check_reachable(setup: Setup) -> Iterator[Finding]:
    """Who answers at the upstream's address."""
    level, saw, do = _reachable(setup)
    yield Finding("server", "reachable", level, saw, do)


def check_build(setup: Setup) -> Iterator[Finding]:
    """Which build it is, and what such a build logs."""
    for facts in setup.servers:
        if facts.state != "up" or facts.reason is not None:
            continue
        if facts.build is None:
            like = f" Its log is that of b{setup.build} or newer." if setup.build else ""
            saw = f"It does not say which build it is; one from outside git calls itself b0.{like}"
            yield Finding("server", "build", "unknown", saw)
            return
        yield Finding("server", "build", "ok", f"It is {visible(facts.build)}.")
        return


def check_verbosity(setup: Setup) -> Iterator[Finding]:
    """Whether its log holds what verdicts need."""
    if not _is_llama(setup):
        return
    build, verbosity = setup.build, setup.verbosity
    if build is None and verbosity is None:
        return
    wanted = needs(build, verbosity)
    at = "" if verbosity is None else f" at verbosity {verbosity}"
    if wanted:
        do = " ".join(f"{text[:1].upper()}{text[1:]}." for text in wanted)
        yield Finding("server", "verbosity", "hint", f"Its log leaves something out{at}.", do)
    elif verbosity is not None:
        yield Finding("server", "verbosity", "ok", f"Its log has all that verdicts need{at}.")


def check_router(setup: Setup) -> Iterator[Finding]:
    """A router tells only of the models that it has loaded."""
    if setup.server.model != "router":
        return
    names = listed([visible(model.model or "?") for model in setup.models])
    if setup.models:
        yield Finding("server", "router", "ok", f"It is a router; loaded: {names}.")
    else:
        saw = (
            "It is a router that has no model loaded, so there are no slots, context or template to look at."
        )
        yield Finding("server", "router", "unknown", saw, "Ask again once a client has used a model.")


def check_asleep(setup: Setup) -> Iterator[Finding]:
    """A server that sleeps has unloaded its model, and the cache with it."""
    if any(server.sleeping for server in setup.servers):
        saw = (
            "It sleeps: the model is unloaded and the cache is gone, so the next prompt of each "
            "conversation is cold."
        )
        do = "Start llama-server with a longer --sleep-idle-seconds, or without it."
        yield Finding("server", "asleep", "hint", saw, do)


def check_slots_endpoint(setup: Setup) -> Iterator[Finding]:
    """GET /slots tells how far a prompt is."""
    if any(server.slots_endpoint is False for server in setup.servers):
        saw = "GET /slots is switched off, so a prompt's progress shows only where the log tells it."
        yield Finding("server", "slots endpoint", "hint", saw, "Start llama-server with --slots.")


def _reachable(setup: Setup) -> tuple[Level, str, str]:
    url, facts, kind = setup.upstream, setup.server, setup.at_upstream.kind
    settings = setup.settings
    if is_self(url, settings.listen_host, settings.listen_port):
        saw = (
            f"--upstream {url} is the same address as --listen {settings.listen}: kvconsole would "
            "forward to itself."
        )
        return "problem", saw, "Give llama-server another --port than kvconsole, and name it with --upstream."
    if facts.state == "down":
        why = "nobody listens there" if facts.reason is None else facts.reason
        return "problem", f"No llama-server at {url}: {visible(why)}.", _where_else(setup)
    if facts.state == "unknown":
        why = visible(facts.reason or "it does not answer")
        saw = f"Somebody takes connections at {url}, but gives no answer: {why}."
        return "problem", saw, "Look at that program's own log; name another one with --upstream."
    if kind == "kvconsole":
        saw = f"A kvconsole answers at {url}, so that requests pass through two of them."
        return "hint", saw, "Point --upstream at llama-server itself, unless this is meant."
    if facts.state == "loading":
        saw = f"llama-server at {url} is loading its model."
        if not _is_llama(setup):
            saw = f"Somebody at {url} answers with 503, as llama-server does while it loads its model."
        return "hint", saw, "Ask again when it is ready."
    if kind == "ollama":
        saw = f"Ollama answers at {url}, which tells nothing of its cache."
        return "hint", saw, "Point --upstream at a llama-server."
    if not _is_llama(setup):
        why = visible(facts.reason or "it does not say who it is").removesuffix(": not a llama-server?")
        saw = f"Somebody answers at {url} who seems to be no llama-server: {why}."
        do = "If that is a proxy in front of llama-server, name llama-server's own address with --upstream."
        return "hint", saw, do
    if facts.reason is not None:
        saw = f"llama-server answers at {url}, but {visible(facts.reason)}; nor its slots and its template."
        return "unknown", saw, ""
    model = f" with {visible(facts.model)}" if facts.model and facts.model != "router" else ""
    slots = f", {plural(facts.slots, 'slot')}" if facts.slots else ""
    ctx = f" of {number(facts.ctx)} tokens" if facts.slots and facts.ctx else ""
    return "ok", f"llama-server answers at {url}{model}{slots}{ctx}.", ""


def _where_else(setup: Setup) -> str:
    if setup.elsewhere is not None:
        return (
            f"A llama-server answers at {setup.elsewhere}: --upstream {setup.elsewhere}. "
            "Its default port moves from 8080 to 9931 with newer builds."
        )
    logged = setup.logged_address
    if logged is not None and logged != setup.upstream:
        return f"Its log says that it listens on {visible(logged)}: --upstream {visible(logged)}."
    return "Start llama-server, or name its address with --upstream."


def _is_llama(setup: Setup) -> bool:
    """Also behind another server that writes its own name into the answers."""
    facts = setup.server
    return setup.at_upstream.kind == "llama-server" or facts.build is not None or facts.slots is not None
