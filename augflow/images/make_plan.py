"""What an ``ImageDataGenerator``, or a stranger with its methods, asks of each batch of a flow."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Protocol

import numpy as np

from augflow.base.settings import ReadSettings, StandardizeSettings, TransformSettings
from augflow.base.words import did_you_mean
from augflow.batch.image_plan import ImagePlan
from augflow.cache.images import ImageCache
from augflow.companions.moving import CompanionSettings
from augflow.companions.pipeline import Augmentation
from augflow.companions.pipeline_settings import make_augmentation
from augflow.order.fingerprint import digest
from augflow.transform import draw


class ImageFlow(Protocol):
    """The attributes of a flow of images that say what happens to them; all may change."""

    image_data_generator: Any
    data_format: str
    dtype: Any
    augment: bool


def make_image_plan(
    flow: ImageFlow,
    image_shape: tuple[int, int, int],
    working_dtype: str,
    *,
    read: ReadSettings | None = None,
    cache: ImageCache | None = None,
    companions: CompanionSettings | None = None,
    inputs_as_targets: bool = False,
    on_error: str = "raise",
) -> ImagePlan:
    """How the batches of a flow are built, by its attributes as they are now.

    Args:
        flow: says what happens to the images.
        image_shape: (height, width, channels).
        working_dtype: of the images between the stages, where there is arithmetic.
        read, companions, inputs_as_targets, on_error: see ``ImageSettings``.
        cache: where images that were read are kept, None for nowhere.
    """
    transform, standardize, custom = _stage_settings(flow.image_data_generator)
    if not flow.augment:
        transform = None
    if custom is None and _keeps_values(transform, standardize):
        # No arithmetic, so nothing is gained by floats on the way.
        working_dtype = np.dtype(flow.dtype).str
    return ImagePlan(
        image_shape=image_shape,
        dtype=np.dtype(flow.dtype).str,
        working_dtype=working_dtype,
        channels_first=flow.data_format == "channels_first",
        read=read,
        transform=transform,
        standardize=standardize,
        custom=custom,
        augmentation=user_augmentation(flow, companions),
        companions=companions,
        inputs_as_targets=inputs_as_targets,
        augment=bool(flow.augment),
        cache=None if cache is None else cache.place,
        on_error=on_error,
    )


def plan_digest(plan: ImagePlan) -> str:
    """A digest of all in a plan that changes pixels, but for the code of functions."""
    return digest(
        plan.image_shape,
        plan.dtype,
        plan.channels_first,
        plan.read,
        plan.transform,
        plan.standardize,
        plan.custom,
        plan.augmentation,
        plan.companions,
    )


def user_augmentation(
    flow: ImageFlow, companions: CompanionSettings | None = None
) -> Augmentation | None:
    """The user's own augmentation of a flow's images, None for none.

    Raises:
        TypeError, ValueError: it cannot be used, or does not fit the companions.
    """
    if not has_user_augmentation(flow):
        return None
    return make_augmentation(flow.image_data_generator.augmentation, companions)


def has_user_augmentation(flow: ImageFlow) -> bool:
    """Whether images pass through the user's own augmentation."""
    generator = flow.image_data_generator
    # What a stranger's attribute of this name means, nobody knows.
    given = getattr(generator, "augmentation", None) if is_transformer(generator) else None
    return given is not None and bool(flow.augment)


def own_methods(generator: Any) -> Any:
    """The generator where methods of its own move the images, and none of augflow's; or None."""
    return _stage_settings(generator)[2]


def sample_timeout(generator: Any) -> float | None:
    """Seconds that an image may take in a worker, None for any."""
    timeout: float | None = generator.timeout if is_transformer(generator) else None
    return timeout


def is_transformer(generator: Any) -> bool:
    """Whether it is an ``ImageDataGenerator``, and no stranger with methods of these names."""
    return hasattr(generator, "_stage_settings")


def validation_fraction(subset: str, generator: Any) -> float:
    """The part of the data that is for validation; checks the name of the subset.

    Raises:
        ValueError: an unknown subset, or a validation part of nothing.
    """
    if subset not in ("training", "validation"):
        raise ValueError(
            f'`subset` must be "training" or "validation". Received: {subset!r}'
            f"{did_you_mean(subset, ('training', 'validation'))}"
        )
    fraction = generator._validation_split
    if subset == "validation" and not fraction:
        raise ValueError(
            'subset="validation" needs a generator with `validation_split`, e.g. '
            f"ImageDataGenerator(validation_split=0.2). Received validation_split={fraction!r}"
        )
    return float(fraction or 0)


def _stage_settings(
    generator: Any,
) -> tuple[TransformSettings | None, StandardizeSettings | None, Any]:
    """Settings of a generator, or the generator itself where it has methods of its own."""
    if generator is None:
        return None, None, None
    settings = generator._stage_settings() if is_transformer(generator) else None
    return (*settings, None) if settings is not None else (None, None, generator)


def _keeps_values(
    transform: TransformSettings | None, standardize: StandardizeSettings | None
) -> bool:
    """Whether pixels are at most moved as a whole, by flips."""
    if standardize is not None and standardize != StandardizeSettings():
        return False
    if transform is None:
        return True
    return not draw.is_random(replace(transform, horizontal_flip=False, vertical_flip=False))
