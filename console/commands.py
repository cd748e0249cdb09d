"""Every key of the main screen, once: bindings, key line, help and palette are made from this list."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from textual.binding import Binding

from console.widgets.keyline import Key

Area = Literal["panes", "requests", "rules", "screen"]
Pane = Literal["turns", "why", "diff", "lanes", "rules", "log"]

PANES: tuple[Pane, ...] = ("turns", "why", "diff", "lanes", "rules", "log")


@dataclass(frozen=True)
class Command:
    """Something a person can do anywhere on the main screen."""

    key: str
    """Textual's name of the key."""
    shown: str
    """The key as people write it."""
    action: str
    label: str
    """A word for the key line."""
    title: str
    """`area: Verb object`, for the palette."""
    help: str
    """One sentence."""
    area: Area

    @property
    def binding(self) -> Binding:
        """The key's binding; its id lets a keymap move it."""
        name = self.action.replace("('", ".").replace("')", "")
        return Binding(self.key, self.action, self.label, show=False, tooltip=self.help, id=name)

    @property
    def on_line(self) -> Key:
        """The key for the key line."""
        return Key(self.shown, self.label, self.action)


TURNS = Command("t", "t", "pane('turns')", "turns", "show: Turns", "Go to the table of turns.", "panes")
WHY = Command("e", "e", "pane('why')", "why", "show: Why", "Explain the selected turn.", "panes")
LANES = Command(
    "s",
    "s",
    "pane('lanes')",
    "slots",
    "show: Slots and lanes",
    "Go to slots, conversations, and what was saved and lost.",
    "panes",
)
DIFF = Command(
    "d", "d", "pane('diff')", "diff", "show: Diff", "Go to the diff of the selected request.", "panes"
)
RULES = Command("r", "r", "pane('rules')", "rules", "show: Rules", "Go to the rules.", "panes")
LOG = Command("l", "l", "pane('log')", "log", "show: Log", "Go to llama-server's log.", "panes")
ZOOM = Command(
    "z",
    "z",
    "zoom",
    "zoom",
    "show: Maximize pane",
    "Give the focused pane the whole screen, or not.",
    "panes",
)
OLDER = Command(
    "left_square_bracket",
    "[",
    "step(-1)",
    "older",
    "request: Previous",
    "Select the request before.",
    "requests",
)
NEWER = Command(
    "right_square_bracket", "]", "step(1)", "newer", "request: Next", "Select the request after.", "requests"
)
FOLLOW = Command(
    "f",
    "f",
    "follow",
    "follow",
    "request: Follow the newest",
    "Select the newest request, and stay with it.",
    "requests",
)
COMPARE = Command(
    "v",
    "v",
    "compare",
    "raw/previous",
    "diff: Raw or previous",
    "Compare with what the client sent, or with the request before.",
    "requests",
)
EXPORT = Command(
    "x",
    "x",
    "export",
    "export",
    "request: Export…",
    "Write the selected request and the one before it as a page, with secrets masked.",
    "requests",
)
BYPASS = Command(
    "b",
    "b",
    "app.bypass",
    "bypass",
    "rules: Pass everything through",
    "Pass every request through untouched, or not.",
    "rules",
)
LEVEL = Command(
    "L",
    "L",
    "app.next_level",
    "level",
    "level: Next",
    "Change to the next level: safe, careful, aggressive.",
    "rules",
)
THEME = Command("T", "T", "app.next_theme", "theme", "theme: Next", "Change to the next theme.", "screen")
PALETTE = Command(
    "ctrl+p",
    "ctrl+p",
    "app.command_palette",
    "palette",
    "help: Commands",
    "Find a command by name.",
    "screen",
)
HELP = Command("question_mark", "?", "app.help", "help", "help: Keys", "Show every key.", "screen")
QUIT = Command("q", "q", "app.quit", "quit", "quit: Leave kvconsole", "Stop the proxy and leave.", "screen")

COMMANDS = (
    TURNS,
    WHY,
    DIFF,
    LANES,
    RULES,
    LOG,
    ZOOM,
    OLDER,
    NEWER,
    FOLLOW,
    COMPARE,
    EXPORT,
    LEVEL,
    BYPASS,
    THEME,
    PALETTE,
    HELP,
    QUIT,
)

IN_PALETTE = (
    Command("n", "n", "diff_change(1)", "next", "diff: Next change", "Go to the next change.", "requests"),
    Command(
        "p", "p", "diff_change(-1)", "back", "diff: Previous change", "Go to the one before.", "requests"
    ),
    Command(
        "a",
        "a",
        "all_clients",
        "clients",
        "rules: Show every client",
        "Show or fold the rules of clients that are not here.",
        "rules",
    ),
    Command(
        "space",
        "space",
        "switch_advised",
        "switch",
        "why: Switch the advised rule",
        "Switch the rule that is marked in the advice for the selected turn, or undo that.",
        "rules",
    ),
    Command("slash", "/", "search_log", "search", "log: Search", "Search the log.", "screen"),
    Command(
        "w", "w", "follow_log", "follow", "log: Follow or hold", "Follow the log's end, or stay.", "screen"
    ),
)
"""What panes can do, for the palette; the panes bind the keys themselves."""

_PALETTE = Key("^p", "palette", "app.command_palette")

KEY_LINES: dict[Pane, tuple[Key, ...]] = {
    "turns": (WHY.on_line, DIFF.on_line, LANES.on_line, RULES.on_line, HELP.on_line, _PALETTE),
    "why": (
        Key("space", "switch rule", "switch_advised"),
        DIFF.on_line,
        OLDER.on_line,
        NEWER.on_line,
        HELP.on_line,
        _PALETTE,
    ),
    "lanes": (
        Key("enter", "its latest turn", "lane_turn"),
        WHY.on_line,
        TURNS.on_line,
        LOG.on_line,
        HELP.on_line,
        _PALETTE,
    ),
    "rules": (
        Key("space", "switch rule", "switch_rule"),
        LEVEL.on_line,
        Key("a", "all clients", "all_clients"),
        BYPASS.on_line,
        HELP.on_line,
        _PALETTE,
    ),
    "diff": (
        Key("n", "next change", "diff_change(1)"),
        Key("p", "previous", "diff_change(-1)"),
        COMPARE.on_line,
        NEWER.on_line,
        HELP.on_line,
        _PALETTE,
    ),
    "log": (
        Key("/", "search", "search_log"),
        Key("w", "follow", "follow_log"),
        TURNS.on_line,
        DIFF.on_line,
        HELP.on_line,
        _PALETTE,
    ),
}
"""What the key line shows while a pane has the focus."""

IN_PANES: tuple[tuple[Pane, tuple[tuple[str, str], ...]], ...] = (
    (
        "turns",
        (
            ("↑ ↓ j k", "Select a request; at the last one, the newest is followed."),
            ("g G", "Go to the oldest and the newest request; home and end do the same."),
            ("enter", "Open its diff."),
        ),
    ),
    (
        "why",
        (
            ("space", "Switch the marked rule on; the next request obeys. Once more undoes it."),
            ("n p", "Mark the next and the previous of the advised rules."),
            ("↑ ↓ j k", "Scroll."),
        ),
    ),
    (
        "lanes",
        (
            ("↑ ↓ j k", "Select a conversation; the ledger counts it beside all."),
            ("enter", "Go to its latest turn. ■ its slot still holds its prompt, □ no longer."),
            ("tab", "Go to slots and ledger, where they have to be scrolled."),
        ),
    ),
    (
        "diff",
        (
            ("n p", "Go to the next and the previous change."),
            ("enter", "Unfold what the line hides."),
            ("u", "Unfold everything, or fold it again."),
            ("← →", "Scroll long lines."),
        ),
    ),
    (
        "rules",
        (
            ("space", "Switch the rule, as enter does; the next request obeys."),
            ("a", "Show or fold the rules of clients that are not here."),
        ),
    ),
    (
        "log",
        (
            ("/", "Search; enter gives the keys to the log, escape ends."),
            ("n N", "Go to the next hit above, and below."),
            ("w", "Follow the end, or stay."),
        ),
    ),
)
"""Keys that work while a pane has the focus, for the help."""
