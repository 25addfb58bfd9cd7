"""Keras's configured defaults, read without importing Keras.

Keras keeps the image data format and the float type in memory once it is imported, and in
``keras.json`` before that. Both are looked up here each time, since a script may change them.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any


def data_format() -> str:
    """Keras's ``image_data_format``: "channels_last" unless configured otherwise."""
    return str(_configured("image_data_format", "channels_last"))


def floatx() -> str:
    """Keras's default float type: "float32" unless configured otherwise."""
    return str(_configured("floatx", "float32"))


def _configured(name: str, fallback: str) -> Any:
    # The submodule and not `keras`: while Keras is being imported the latter is half made.
    module = sys.modules.get("keras.src.backend.config")
    if module is not None and hasattr(module, name):
        return getattr(module, name)()
    return _configuration_file().get(name, fallback)


def _configuration_file() -> dict[str, Any]:
    folder = Path(os.environ.get("KERAS_HOME") or Path("~").expanduser() / ".keras")
    try:
        content = json.loads((folder / "keras.json").read_text())
    except (OSError, ValueError):
        # Keras, too, goes on with its defaults where the file is missing or unreadable.
        return {}
    return content if isinstance(content, dict) else {}
