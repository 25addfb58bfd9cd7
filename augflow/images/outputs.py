"""A batch of images as the model gets it: inputs, targets, weights, and what moves with them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from augflow.batch.image_plan import ImagePlan
from augflow.batch.targets import batch_targets
from augflow.companions.arrange import Arrangement, ImageRows, arrange_companions
from augflow.images.arguments import FileArguments
from augflow.images.make_plan import own_methods, plan_digest
from augflow.order.fingerprint import digest

if TYPE_CHECKING:
    import pandas

WITHOUT_CLASSES = frozenset({"input", "mask", "multi_output", "raw", None})


class LabelledFlow(Protocol):
    """The attributes of a flow of files that say what its targets are; all may change."""

    class_mode: str | None
    classes: Any
    class_indices: dict[Any, int]
    data_format: str
    dtype: Any

    @property
    def labels(self) -> Any:
        """The target of each sample."""

    @property
    def sample_weight(self) -> Any:
        """The weight of each sample, or None."""

    def _image_shape(self) -> tuple[int, int, int]: ...


def files_fingerprint(flow: Any, plan: ImagePlan) -> dict[str, str]:
    """What the batches of a flow of files depend on, see ``Resumable._fingerprint``."""
    # A subclass may have none of these.
    labels = [getattr(flow, name, None) for name in ("classes", "_targets", "_sample_weight")]
    return {
        "the file list": digest(list(flow.filenames)),
        "labels or weights": digest(flow.class_mode, *labels),
        "settings of the images": digest(flow.sampler, flow.augment, plan_digest(plan)),
    }


def with_targets(
    flow: LabelledFlow,
    inputs: Any,
    arrays: list[np.ndarray],
    indices: np.ndarray,
    arrangement: Arrangement | None,
) -> Any:
    """A batch as ``next()`` gives it: inputs, (inputs, targets) or (inputs, targets, weights).

    Args:
        flow: says what the targets are.
        inputs: of the model.
        arrays: of the batch, as its plan lays them out.
        indices: int array of shape (batch,), positions of the samples.
        arrangement: what moves with the images, None for nothing.
    """
    targets: Any = None
    if flow.class_mode == "input":
        targets = arrays[1]
    elif flow.class_mode not in (None, "mask"):
        numbered = flow.class_mode not in WITHOUT_CLASSES
        targets = batch_targets(
            flow.class_mode,
            indices,
            flow.classes if numbered else None,
            len(flow.class_indices) if numbered else None,
            None if numbered else flow.labels,
            flow.dtype,
        )
    if arrangement is not None:
        channels_first = flow.data_format == "channels_first"
        targets = arrangement.beside(targets, arrays, flow._image_shape(), channels_first)
    if targets is None:
        # Keras would take a bare tuple for inputs and targets.
        return (inputs,) if isinstance(inputs, tuple) else inputs
    weights = flow.sample_weight
    return (inputs, targets) if weights is None else (inputs, targets, weights[indices])


def arrangement_of(
    flow: Any,
    arguments: FileArguments,
    dataframe: pandas.DataFrame | None = None,
    mask_column: Any = None,
) -> Arrangement | None:
    """What moves with the images of a flow; None for nothing.

    Args:
        flow: a ``FileIterator`` that knows its files and its class mode.
        arguments: it was asked for.
        dataframe: with a row for each file; None for a directory.
        mask_column: column or columns of the dataframe that hold masks.

    Raises:
        TypeError, ValueError, FileNotFoundError: see ``arrange_companions``.
    """
    images = ImageRows(
        filenames=flow.filenames,
        root=flow._paths.place(flow._root()),
        path=flow._path,
        read=flow._reading.settings_of_any(flow),
        dataframe=dataframe,
        mask_column=mask_column,
        is_part=flow.split is not None,
        skips=flow.on_error == "skip",
        options=flow.storage_options,
    )
    stranger = own_methods(flow.image_data_generator)
    return arrange_companions(arguments.companions, flow.class_mode == "mask", images, stranger)
