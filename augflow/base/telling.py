"""Lines such as "Found 100 images belonging to 2 classes.": printed, as Keras does, or logged."""

from __future__ import annotations

import logging

_logger = logging.getLogger("augflow")


def tell(line: object, verbose: bool) -> None:
    """Say something that is no warning.

    Args:
        line: is made a text.
        verbose: print it; otherwise it goes to the logger "augflow", at level INFO, which shows
            nothing of itself.
    """
    if verbose:
        print(line)
    else:
        _logger.info("%s", line)
