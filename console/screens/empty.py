"""What the panes say while there is nothing to show: what to do next, to the letter."""

from __future__ import annotations

from console.model import Model
from proxy_core.exchange import Record
from proxy_core.settings import Settings


def turns(address: str, model: Model) -> str:
    """How to point a client at kvconsole."""
    lines = [
        "No request yet. Point your agent client at kvconsole instead of llama-server:",
        "",
        f"  OpenClaw, OpenAI clients   baseUrl http://{address}/v1",
        f"  Claude Code                ANTHROPIC_BASE_URL=http://{address}",
        "",
        f'or try: curl -d \'{{"prompt":"Hi","n_predict":8}}\' {address}/completion',
    ]
    if model.upstream.state == "down":
        # First, since a low pane shows the beginning.
        missing = f"llama-server is not there: {model.upstream.url}. Start it, or pass --upstream URL."
        lines = [missing, "", *lines]
    return "\n".join(lines)


def log(settings: Settings) -> str:
    """How to give kvconsole the server's log, or that it is waiting for it."""
    if settings.log:
        names = ", ".join("standard input" if name == "-" else name for name in settings.log)
        return f"Waiting for lines of {names}. A file that was followed before is read from its end."
    return (
        "No log. Without one, sim_best and f_keep stay unknown. Any of these brings it:\n"
        "\n"
        "  llama-server … --log-file server.log      and  kvconsole --log server.log\n"
        "  llama-server … 2>&1 | kvconsole --log -\n"
        "  kvconsole run -- llama-server …"
    )


def why_waiting() -> str:
    """What the why pane is for."""
    return (
        "The selected turn is explained here: where its prompt left the one before, whether the client or "
        "the server lost the cache, what it cost, and what to do."
    )


def diff_waiting() -> str:
    """What the diff is for."""
    return "The selected request shows here: as its client sent it, beside what was forwarded."


def diff_direct(address: str) -> str:
    """Why a turn from the log alone has no diff."""
    return (
        "This turn was not proxied: its client talks to llama-server directly, and only the log tells of it. "
        f"Point the client at http://{address} to see its requests."
    )


def diff_gone(record: Record) -> str:
    """Why an old request has no diff any more."""
    return f"The body of request {record.id} {_gone(record)}"


def diff_no_previous(record: Record) -> str:
    """Why a request cannot be compared with the one before."""
    diagnosis = record.diagnosis
    if diagnosis is None and record.recalled:
        return "Which request this one continues was not found out in its time. v shows what rules changed."
    if diagnosis is None:
        return "Which request this one continues is worked out when it has ended. v shows what rules changed."
    why = diagnosis.why_none or "No earlier request belongs to its conversation."
    stop = "" if why.endswith((".", "!", "?")) else "."
    return f"There is nothing to compare it with. {why}{stop} v shows what rules changed."


def diff_previous_gone(record_id: int, record: Record) -> str:
    """Why the request before, which `record` continues, cannot be shown any more."""
    return (
        f"The body of request {record_id}, which this one continues, {_gone(record)} "
        "v shows what rules changed."
    )


def no_page(record: Record) -> str:
    """Why a turn cannot be exported."""
    if record.exchange is None:
        return "This turn was not proxied: there is no request to export."
    if record.open:
        return "This request is under way. It can be exported when it has ended."
    return "This request is not in the journal, which keeps what can be exported."


def _gone(record: Record) -> str:
    """What became of a body, and what keeps more of them."""
    if record.name is None:
        return "is no longer in memory. Raise max_bodies to keep more of them."
    return "is not in the journal, or no longer. Raise journal_days or journal_size to keep more of them."
