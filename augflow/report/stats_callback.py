"""A Keras callback that prints where a flow's time went; Keras is imported when it is made."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class StatsCallback:
    """Prints ``flow.stats()`` at the end of each epoch of ``model.fit``.

    What is made is a ``keras.callbacks.Callback``; Keras is imported at that moment.

    Args:
        flow: the flow that ``fit`` reads.
        print_function: takes the text. Defaults to ``print``.
    """

    def __new__(cls, flow: Any, print_function: Callable[[str], Any] = print) -> Any:
        import keras

        class PrintStats(keras.callbacks.Callback):  # type: ignore[misc]
            """Prints the flow's latest epoch and the advice for it."""

            def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
                """Called by Keras after epoch ``epoch``, counted from 0."""
                stats = flow.stats()
                print_function(f"\n{stats.latest or ''}\n{stats.advice}")

        return PrintStats()
