"""Python's own pauses, made rare: they are what a stream behind the proxy would feel first."""

from __future__ import annotations

import gc
import sys

_SWITCH_SECONDS = 0.001


def shorten() -> None:
    """Set aside what lives for ever, let full collections come seldom, and let threads take turns sooner.

    A full collection holds up every thread for tens of milliseconds. A thread that draws, or cuts a body for
    the journal, would keep the proxy's waiting for 5 ms at a time. To be called once start-up is over.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
    sys.setswitchinterval(_SWITCH_SECONDS)
