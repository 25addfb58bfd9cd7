"""Settings that Keras takes and nobody means: one warning each, that names the setting."""

from __future__ import annotations

from typing import Any

import numpy as np

from augflow.base.warn_user import warn_user
from augflow.transform.preprocess_input import recognise

# So many images of an array tell what its values are.
_IMAGES_LOOKED_AT = 64


def warn_before_flow(
    generator: Any, subset: str | None, augment: bool | None, of_files: bool
) -> None:
    """Warn of what a flow that is being made cannot be meant to do.

    Args:
        generator: an ``ImageDataGenerator`` that makes it.
        subset, augment: of the flow, as given.
        of_files: whether its images are files.
    """
    _warn_of_settings(generator, of_files)
    if subset is not None:
        # No setting of the stages: flows need not notice.
        generator.__dict__["_has_subsets"] = True
    if (
        subset == "validation"
        and augment is None
        and generator._is_random()
        and not generator._warned_of_augmented_validation
    ):
        generator._warned_of_augmented_validation = True
        warn_user(
            "the validation images will be augmented like the training images: pass "
            "augment=False to this flow to leave the random transforms out, or augment=True "
            "to keep them and silence this warning.",
        )
    generator._warn_if_not_fitted()


def _warn_of_settings(generator: Any, of_files: bool) -> None:
    """Warn of settings of an ``ImageDataGenerator`` that contradict each other, or the images.

    Args:
        generator: whose flow is being made.
        of_files: whether its images are files, whose levels go from 0 to 255.
    """
    rescale, brightness = generator.rescale, generator.brightness_range
    if rescale not in (None, 0, 1) and recognise(generator.preprocessing_function) is not None:
        warn_user(
            f"augflow: `rescale`={rescale:g} multiplies what `preprocessing_function` has made: a "
            "model's preprocess_input expects levels from 0 to 255 and scales them itself. Leave "
            "one of the two out."
        )
    if of_files and rescale is not None and rescale > 1:
        warn_user(
            f"augflow: `rescale`={rescale:g} makes values up to {255 * rescale:g} of levels from "
            "0 to 255. For values from 0 to 1 it is rescale=1/255."
        )
    if brightness is not None and min(brightness) < 0:
        warn_user(
            f"augflow: `brightness_range`={tuple(brightness)} has factors below 0, which make an "
            "image black: 1 is its own brightness, (0.8, 1.2) a fifth darker to a fifth brighter."
        )


def warn_of_unused_split(flow: Any) -> None:
    """Warn of a ``validation_split`` that no flow of the generator has asked for.

    Args:
        flow: that is about to give its first batch. By then the others have been made, too.
    """
    generator = flow.image_data_generator
    fraction = getattr(generator, "_validation_split", None)
    if fraction and flow.subset is None and not getattr(generator, "_has_subsets", True):
        warn_user(
            f"augflow: `validation_split`={fraction:g} has no effect on this flow, which has all "
            'images: pass subset="training" or subset="validation".'
        )


def warn_of_array(generator: Any, images: np.ndarray) -> None:
    """Warn where images of an array are changed as if their values were levels.

    Args:
        generator: an ``ImageDataGenerator`` that transforms them.
        images: array of shape (samples, ...).
    """
    if getattr(generator, "brightness_range", None) is None or not len(images):
        return
    highest = float(np.max(images[:_IMAGES_LOOKED_AT]))
    if 0 < highest <= 1:
        warn_user(
            "augflow: `brightness_range` counts in levels from 0 to 255, as in Keras, and these "
            f"images have values up to {highest:g}: they become black. Give the array its levels, "
            "and rescale=1/255."
        )
