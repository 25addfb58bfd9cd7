"""What flows of files are asked for beyond Keras's arguments: taken, checked and set in one place.

The arguments themselves are explained where they are typed, in the docstrings of
``ImageDataGenerator.flow_from_directory`` and ``flow_from_dataframe``.
"""

from __future__ import annotations

import difflib
import inspect
import operator
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from augflow.base.checks import checked_choice, checked_switch
from augflow.base.warn_user import warn_user
from augflow.base.words import did_you_mean
from augflow.cache.flow_slots import checked_cache
from augflow.companions.arguments import CompanionArguments
from augflow.images.balance import checked_sampler
from augflow.images.make_plan import validation_fraction
from augflow.order.shard import check_not_saved, checked_shard
from augflow.read.loaders import checked_formats
from augflow.read.placement import checked_keep_aspect_ratio
from augflow.read.resize import CHANNELS, FILTERS
from augflow.read.scaled import DECODE_MODES
from augflow.scan.class_order import checked_class_order


@dataclass(frozen=True)
class FileArguments:
    """See the module; the defaults are those of the four signatures that have these arguments."""

    augment: bool | None = None
    sampler: Any = None
    class_order: str = "text"
    decode: str = "exact"
    on_error: str = "raise"
    formats: Any = None
    exif: bool = False
    cache: Any = None
    storage_options: Any = None
    drop_remainder: bool = False
    shard: Any = None
    verbose: bool = True
    companions: CompanionArguments = field(default_factory=CompanionArguments)

    @classmethod
    def among(cls, given: Mapping[str, Any]) -> FileArguments:
        """Those among the arguments of a call, e.g. its ``locals()``."""
        check_not_saved(given["shard"], given["save_to_dir"])
        companions = CompanionArguments(
            **{each.name: given[each.name] for each in fields(CompanionArguments)}
        )
        return cls(**{name: given[name] for name in cls._attributes()}, companions=companions)

    def checked(self, class_mode: str | None, shuffle: Any) -> FileArguments:
        """The same, without what cannot be used.

        Args:
            class_mode: of the flow, as ``companions.class_mode`` gives it.
            shuffle: of the flow.

        Raises:
            TypeError, ValueError: an argument of the wrong type, or none of the choices.
        """
        checked_formats(self.formats)
        return FileArguments(
            augment=checked_augment(self.augment),
            sampler=checked_sampler(self.sampler, class_mode, shuffle),
            class_order=checked_class_order(self.class_order),
            decode=checked_choice("decode", self.decode, DECODE_MODES),
            on_error=checked_choice("on_error", self.on_error, ("raise", "skip")),
            formats=self.formats,
            exif=checked_switch("exif", self.exif),
            cache=checked_cache(self.cache),
            storage_options=_checked_options(self.storage_options),
            drop_remainder=checked_switch("drop_remainder", self.drop_remainder),
            shard=checked_shard(self.shard),
            verbose=checked_switch("verbose", self.verbose),
            companions=self.companions,
        )

    def set_on(self, flow: Any) -> None:
        """Set a flow's attributes, which may be changed from outside from then on."""
        for name in self._attributes():
            setattr(flow, name, getattr(self, name))
        endings = checked_formats(self.formats)
        if endings:
            flow.white_list_formats = (*flow.white_list_formats, *endings)

    @classmethod
    def _attributes(cls) -> list[str]:
        return [each.name for each in fields(cls) if each.name != "companions"]


def checked_augment(augment: Any) -> bool:
    """Whether the random transforms are applied; None stands for yes.

    Raises:
        TypeError: something else than a bool, e.g. the word "False".
    """
    return True if augment is None else checked_switch("augment", augment)


def check_class_mode(class_mode: Any, allowed: frozenset[str | None]) -> None:
    """Raise unless the class mode is one of the allowed."""
    if class_mode not in allowed:
        raise ValueError(
            f"`class_mode` must be one of {sorted(allowed, key=str)}. Received: {class_mode!r}"
            f"{did_you_mean(class_mode, allowed)}"
        )


def checked_target_size(target_size: Any) -> tuple[int, int]:
    """The height and width that all images are resized to, as ints.

    Raises:
        TypeError, ValueError: something else than two ints of at least 1.
    """
    try:
        height, width = (operator.index(side) for side in target_size)
    except (TypeError, ValueError):
        raise TypeError(
            f"`target_size` must be two ints, (height, width). Received: {target_size!r}"
        ) from None
    if height < 1 or width < 1:
        raise ValueError(f"`target_size` must be at least (1, 1). Received: {target_size!r}")
    return height, width


def split_of(subset: str | None, generator: Any) -> tuple[float, float] | None:
    """The fraction of each class that a subset takes: validation first, then training.

    Raises:
        ValueError: an unknown subset, or a validation part of nothing.
    """
    if subset is None:
        return None
    border = validation_fraction(subset, generator)
    return (0, border) if subset == "validation" else (border, 1)


def check_reading(color_mode: Any, interpolation: Any, keep_aspect_ratio: Any) -> None:
    """Raise ``ValueError`` unless these say how an image is read."""
    checked_keep_aspect_ratio(keep_aspect_ratio)
    if color_mode not in (*CHANNELS, "unchanged"):
        raise ValueError(
            '`color_mode` must be "rgb", "rgba", "grayscale" or "unchanged". '
            f"Received: {color_mode!r}{did_you_mean(color_mode, (*CHANNELS, 'unchanged'))}"
        )
    if interpolation not in FILTERS:
        raise ValueError(
            f"`interpolation` must be one of {sorted(FILTERS)}. Received: {interpolation!r}"
            f"{did_you_mean(interpolation, FILTERS)}"
        )


def _checked_options(options: Any) -> dict[str, Any] | None:
    # Its values may be secret, so no message shows them.
    if options is None or (
        isinstance(options, Mapping) and all(isinstance(n, str) for n in options)
    ):
        return None if options is None else dict(options)
    raise TypeError(
        "`storage_options` must be a dict of fsspec's options, e.g. {'anon': True}. Received an "
        f"object of type {type(options).__name__}"
    )


def without_deprecated(
    deprecated: dict[str, Any], class_mode: str | None, generator: type
) -> str | None:
    """Warn about arguments of old Keras, and of nobody's; the class mode that is meant.

    Args:
        deprecated: arguments that ``flow_from_dataframe`` does not have.
        class_mode: as given.
        generator: the class whose method it is.
    """
    advice = {
        "has_ext": "file names must have their endings",
        "sort": "rows keep their order if shuffle=False",
        "drop_duplicates": "use dataframe.drop_duplicates()",
    }
    for name in deprecated:
        if name in advice:
            warn_user(
                f"`{name}` is deprecated and has no effect: {advice[name]}.",
                DeprecationWarning,
            )
        else:
            _warn_of_unknown(name, generator)
    if class_mode == "other":
        warn_user(
            'class_mode="other" is deprecated, use class_mode="raw".',
            DeprecationWarning,
        )
        return "raw"
    return class_mode


def _warn_of_unknown(name: str, generator: Any) -> None:
    """Say that an argument is not known; Keras ignores such, and scripts have them."""
    known = inspect.signature(generator.flow_from_dataframe).parameters
    near = difflib.get_close_matches(name, known, 1)
    hint = f" Did you mean `{near[0]}`?" if near else ""
    if name in inspect.signature(generator).parameters:
        hint = " It is an argument of `ImageDataGenerator`."
    warn_user(f"`flow_from_dataframe` has no argument `{name}`, which has no effect.{hint}")
