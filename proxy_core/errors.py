"""Errors that a person reads.

KvconsoleError
├── ConfigError         a setting or configuration file is wrong
├── ListenError         the proxy cannot listen where it was told to
├── LogSourceError      a log cannot be read
├── ChildError          the llama-server that kvconsole was to start did not start
├── RuleError           a rule file is wrong
├── ThemeError          a theme file is wrong
├── JournalError        the journal cannot be read
└── PromptError         a request body is not one that rules can read
"""

from __future__ import annotations


class KvconsoleError(Exception):
    """Something a person can act on.

    Args:
        message: What happened, where (file, line, key) and what to do, in sentences.
        title: A few words for a heading; each subclass has its own.
    """

    title = "kvconsole cannot go on"

    def __init__(self, message: str, *, title: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        if title is not None:
            self.title = title


class ConfigError(KvconsoleError):
    """A setting or configuration file is wrong."""

    title = "Configuration"


class ListenError(KvconsoleError):
    """The proxy cannot listen where it was told to."""

    title = "Cannot listen"


class LogSourceError(KvconsoleError):
    """A log cannot be read."""

    title = "Log"


class ChildError(KvconsoleError):
    """The llama-server that kvconsole was to start did not start."""

    title = "Server did not start"


class RuleError(KvconsoleError):
    """A rule file is wrong; the rules in force stay."""

    title = "Rules"


class ThemeError(KvconsoleError):
    """A theme file is wrong; the theme in force stays."""

    title = "Theme"


class PromptError(KvconsoleError):
    """A request body is not one that rules can read; it is forwarded untouched."""

    title = "Not normalized"


class JournalError(KvconsoleError):
    """The journal cannot be read, or has no such entry."""

    title = "Journal"


class CaptureError(KvconsoleError):
    """A source of captured requests cannot be read at all."""

    title = "Captures"
