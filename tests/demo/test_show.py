"""`kvconsole demo`: what it prints, what it shows, and what it leaves alone."""

from __future__ import annotations

import re
import signal
import statistics
import subprocess
import sys
import threading
from itertools import islice
from pathlib import Path
from typing import get_args

import pytest

from console.demo.conversation import steps
from console.demo.openclaw_wire import Api
from console.demo.play import TURNS_BEFORE, Player, endless
from proxy_core.rules import RuleSet, shipped_rules
from proxy_core.state import State, load_state, save_state
from tests.console_process import BOUND, COMMAND, finished
from tests.pseudo_terminal import in_terminal
from tests.real_llama import LlamaServer
from tests.running import running_engine

_ROW = re.compile(
    r"\d\d:\d\d:\d\d +(?P<turn>\d*) +(?P<rules>on|off) +(?P<tokens>[\d ]+?) +(?P<reused><?\d+) %"
    r" +(?P<sim>\d\.\d{3}|–) +(?P<f_keep>\d\.\d{3}|–) +\d+(?:\.\d)? m?s +(?P<edits>\d+)"
)
_PER_SESSION = sum(len(step.uses) + 1 for step in steps())


@pytest.fixture
def persons_own(isolated_home: Path, monkeypatch: pytest.MonkeyPatch) -> dict[Path, bytes]:
    """Files and a variable of the person's own, none of which would let the demo do its work."""
    off = {rule.id: False for rule in shipped_rules()}
    save_state(isolated_home / "state" / "state.json", State(theme="kvconsole-light", rules=off))
    (isolated_home / "config").mkdir()
    (isolated_home / "config" / "kvconsole.toml").write_text("this is no TOML\n")
    monkeypatch.setenv("KVCONSOLE_UPSTREAM", "neither is this an address")
    return {path: path.read_bytes() for path in isolated_home.rglob("*") if path.is_file()}


@pytest.mark.parametrize("api", get_args(Api))
def test_headless_prints_what_the_rules_buy(api: Api, persons_own: dict[Path, bytes]) -> None:
    ran = finished("demo", "--headless", "--api", api)
    assert {path: path.read_bytes() for path in persons_own} == persons_own
    assert (ran.returncode, ran.stderr) == (0, "")
    heading, *lines = ran.stdout.split("\n\n")[0].splitlines()
    assert heading.split() == ["time", "turn", "rules", "tokens", "reused", "sim", "f_keep", "eval", "edits"]
    rows = [row for line in lines if (row := _ROW.fullmatch(line))]
    assert len(rows) == len(lines)
    # The rules go on once, at the beginning of a turn.
    states = [row["rules"] for row in rows]
    first_on = states.index("on")
    assert states == ["off"] * first_on + ["on"] * (len(rows) - first_on)
    assert rows[first_on]["turn"] == str(TURNS_BEFORE + 1)
    assert all((row["edits"] != "0") == (row["rules"] == "on") for row in rows)
    assert all(row["sim"] != "–" for row in rows[1:])
    turns = [row for row in rows if row["turn"]]
    assert [int(row["turn"]) for row in turns] == list(range(1, len(turns) + 1))
    off = _median([row for row in turns if row["rules"] == "off"][1:])
    on = _median([row for row in turns if row["rules"] == "on"][1:])
    assert off < 35
    assert on > 95
    assert f"rules off  {off:>3} % reused, prompt eval" in ran.stdout
    assert f"rules on   {on:>3} % reused, prompt eval" in ran.stdout
    assert "Rows without a number go on with a turn" in ran.stdout
    # A tool's result is only appended, so the prefix holds with and without rules.
    assert all(int(row["reused"]) > 95 for row in rows if not row["turn"])


def _median(rows: list[re.Match[str]]) -> int:
    return round(statistics.median(int(row["reused"]) for row in rows))


def test_without_the_extra_it_says_what_to_install() -> None:
    script = """
import sys
sys.modules["xllamacpp"] = None
from console.cli import main
main(["demo", "--headless"])
"""
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=BOUND)
    assert ran.returncode == 2
    assert ran.stderr == "Demo: The demo needs llama.cpp's server: pip install 'kvconsole[demo]'\n"
    assert ran.stdout == ""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_headless_and_clears_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    command = [*COMMAND, "demo", "--headless"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline().startswith("time")
        assert any(folder.iterdir())
        process.send_signal(number)
        assert process.wait(BOUND) == 128 + number
        assert "Traceback" not in process.stderr.read()
    assert not any(folder.iterdir())


@pytest.mark.parametrize("api", get_args(Api))
def test_sessions_differ_in_ids_and_clock(api: Api) -> None:
    moves = list(islice(endless(api), _PER_SESSION + 1))
    first, again = moves[0], moves[_PER_SESSION]
    assert (first.turn, again.turn) == (1, len(steps()) + 1)
    assert first.begins_turn
    assert again.begins_turn
    one, other = first.request.body.decode(), again.request.body.decode()
    assert one != other
    for pattern in (r'message_id\\": \\"([0-9a-f-]{36})', r"\[\w{3} \d{4}-\d\d-\d\d \d\d:\d\d UTC\]"):
        found, later = set(re.findall(pattern, one)), set(re.findall(pattern, other))
        assert found
        assert later
        assert not found & later
    # Apart from these it is the same prompt.
    assert len(one) == len(other)


def test_a_move_knows_its_turn() -> None:
    moves = list(islice(endless("chat"), _PER_SESSION))
    uses = [len(step.uses) for step in steps()]
    assert [move.turn for move in moves] == [n for n, use in enumerate(uses, 1) for _ in range(use + 1)]
    assert [move.begins_turn for move in moves] == [first for use in uses for first in [True] + [False] * use]
    assert {move.rules_on for move in moves if move.turn <= TURNS_BEFORE} == {False}
    assert {move.rules_on for move in moves if move.turn > TURNS_BEFORE} == {True}


def test_the_player_switches_once_and_stops_when_told(llama: LlamaServer) -> None:
    switched: list[int] = []
    on = threading.Event()
    with running_engine(llama.url) as running:

        def rules_on() -> None:
            switched.append(len(running.prompts()))
            on.set()

        player = Player(f"127.0.0.1:{running.engine.port}", "chat", rules_on)
        player.start()
        assert on.wait(BOUND)
        running.wait_ended(switched[0] + 2)
        player.stop()
        before = sum(move.turn <= TURNS_BEFORE for move in islice(endless("chat"), _PER_SESSION))
        assert switched == [before]


def test_on_screen_the_rules_go_on_by_themselves_and_nothing_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, isolated_home: Path
) -> None:
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    rules = RuleSet.of(tuple(shipped_rules()), {}, "careful")
    with in_terminal("demo", "--level", "careful") as terminal:
        terminal.wait_for("rules bypassed")
        (home,) = folder.iterdir()
        terminal.wait_for(f"rules {len(rules.enabled)}/{len(rules.rules)}")
        state, _ = load_state(next(home.glob("*state*")) / "state.json")
        assert state.requests > 0
        terminal.press("q")
        assert terminal.wait_ended() == 0
        assert terminal.attributes == terminal.before
    assert not any(folder.iterdir())
    assert not isolated_home.exists()
