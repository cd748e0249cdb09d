"""Python's own pauses, made rare: they are what a stream behind the proxy would feel first."""

from __future__ import annotations

import gc


def shorten() -> None:
    """Set aside what lives for ever and let full collections come seldom.

    A full collection holds up every thread for tens of milliseconds. To be called once start-up is over.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
