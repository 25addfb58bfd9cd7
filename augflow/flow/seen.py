"""What a flow tells and shows of itself and of its samples, without moving.

Each method reads a copy of the flow, and leaves the rest to the room ``look``.
"""

from __future__ import annotations

import operator
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from augflow.flow.beside import Traced, copy_beside, pass_beside, some_beside, trace_beside
from augflow.flow.epochs import Epochs
from augflow.look.explanation import Explanation, described_move, row_of
from augflow.look.facts import Facts, Meaning, arrays_in
from augflow.look.grid import checked_count, grid_of_samples
from augflow.look.html import page_of
from augflow.look.predictions import check_can_predict, table_of_predictions
from augflow.look.strip import label_of, strip_of
from augflow.look.words import in_one_line
from augflow.order.schedule import Place

if TYPE_CHECKING:
    import pandas


class Seen(Epochs):
    """What an ``Iterator`` tells and shows; see there for the arguments."""

    # What a subclass knows of its samples

    def _facts(self) -> Facts:
        """What there is to say of this flow; subclasses add to it."""
        shape = (min(self.batch_size, int(self.n)),)
        try:
            empty = self._empty_batch()
        except Exception:
            # What shapes are may have to be learnt from a file, and that one may be broken.
            empty = None
        arrays = () if empty is None else arrays_in(empty)
        order = "in the order of the data"
        if self.shuffle:
            seed = "no seed" if self.seed is None else f"seed {self.seed}"
            order = f"shuffled, {seed}"
        return Facts(
            name=type(self).__name__,
            samples=int(self.n),
            unit="samples",
            batches=len(self),
            batch=tuple(
                (what, (*shape, *array.shape[1:]), str(array.dtype)) for what, array in arrays
            ),
            order=order,
            subset=getattr(self, "subset", None),
        )

    def _meaning(self) -> Meaning:
        """What the arrays of a batch mean."""
        return Meaning()

    def _empty_batch(self) -> Any:
        """A batch of no samples, as ``next()`` would give it; None where that is not known."""
        return None

    def _sample_names(self, indices: np.ndarray) -> list[Any]:
        """What samples are called in tables: int array of shape (batch,) to names."""
        return indices.tolist()

    def __repr__(self) -> str:
        try:
            return in_one_line(self._facts())
        except Exception:
            # A flow half made, in a traceback or a debugger, must not hide what went wrong.
            return object.__repr__(self)

    def _repr_html_(self) -> str | None:
        """What notebooks show: what the flow is, and six of its samples."""
        try:
            beside, meaning = copy_beside(self), self._meaning()
            pictures = strip_of(
                partial(some_beside, beside), int(self.n), meaning, self._sample_names
            )
            return page_of(self._facts(), pictures)
        except Exception:
            # As for ``__repr__``, which a notebook shows in its place.
            return None

    def _first_samples(self) -> Any:
        """A batch of the first samples that can be read, without the functions of ``map``.

        Raises:
            Exception: what reading raises where none can be read.
        """
        beside = copy_beside(self)
        beside._functions = ()
        last = int(self.n)
        for place in range(0, last, 2):
            part = some_beside(beside, list(range(place, min(place + 2, last))))
            if len(part.indices):
                return part.batch
        raise ValueError("none of this flow's samples can be read, so nothing can be mapped")

    def _draws(self) -> bool:
        """Whether two readings of a sample may differ."""
        return True

    def predictions(
        self,
        model: Any,
        rounds: int = 1,
        *,
        class_indices: Mapping[Any, int] | None = None,
        save_masks_to: Any = None,
    ) -> pandas.DataFrame:
        """What a model predicts for each sample, as a table in the order of the data.

        The flow stays where it is: its next batch is the one that would have come anyway.

        Args:
            model: one of Keras's, or anything with ``predict_on_batch`` or ``predict``, or a
                function from inputs to outputs.
            rounds: 1 (default): the images without random transforms, whatever the flow does; a
                larger number: the mean over so many random draws (test-time augmentation).
            class_indices: {name of a class: its number}, for a flow without targets: that of the
                training flow. None (default): those of this flow, if it has any.
            save_masks_to: a folder, for ``class_mode="mask"``: predicted masks are written there
                as PNG files of class numbers. None (default) for other flows.

        Returns:
            One row a sample, also for one that could not be read, whose predictions are empty
            (NaN, None). The first column is "filename" ("id" of a loader, "row" of a CSV file,
            otherwise "sample"). Then, with classes: "true", "predicted", and for each class, in
            the order of its number, a column of the model's outputs, named by the class. For
            numbers: "true" and "predicted", or a pair of columns for each target. For
            ``class_mode="input"``: "error", the mean squared error of the reconstruction. For
            masks: "predicted", the path, and "accuracy", the part of the pixels that are right.

        Raises:
            TypeError, ValueError: an argument that cannot be used, a model whose outputs do not
                fit the classes, or a flow that draws nothing for ``rounds`` above 1.
        """
        beside, meaning = copy_beside(self), self._meaning()
        if class_indices is not None:
            names = tuple(sorted(class_indices, key=class_indices.__getitem__))
            meaning = replace(meaning, class_names=names)
        if isinstance(getattr(self, "augment", None), bool):
            beside.augment = rounds != 1
        rounds = check_can_predict(meaning, rounds, save_masks_to, beside._draws)
        numbers = np.unique(beside._begin_epoch(0).order[: int(self.n)])
        frame = table_of_predictions(
            pass_beside(beside, rounds),
            model,
            meaning,
            numbers,
            self._sample_names(numbers),
            save_masks_to,
        )
        index = getattr(self, "dataframe_index", None)
        return frame if index is None or len(index) != len(frame) else frame.set_axis(index)

    def _without_draws(self, beside: Any) -> None:
        """Leave the random transforms of a copy out; where there is no switch, nothing changes."""
        if isinstance(getattr(beside, "augment", None), bool):
            beside.augment = False

    def show(self, n: int = 9, originals: bool = True, *, draws: int = 3, seed: int = 0) -> Any:
        """A figure of samples as the model gets them: original and draws, with labels, masks as
        outlines, boxes and keypoints; of volumes the middle slice.

        The flow stays where it is. Of a file that ``on_error="skip"`` leaves out the reason is
        written in its place.

        Args:
            n: samples, from all over the data. Defaults to 9.
            originals: whether each sample is shown without random transforms, too. Defaults to
                True; False shows one draw of each.
            draws: of each sample beside its original. Defaults to 3; a flow without random
                transforms shows its originals alone.
            seed: of the draws; another one shows others. Defaults to 0.

        Returns:
            A ``matplotlib.figure.Figure``: a notebook shows it, ``figure.savefig(path)`` keeps it.

        Raises:
            TypeError, ValueError: samples that are no pictures, or a number that cannot be used.
            ImportError: matplotlib is missing.
        """
        n, draws = checked_count("n", n, 1), checked_count("draws", draws, 1)
        seed = checked_count("seed", seed, 0)
        if not int(self.n):
            raise ValueError("this flow has no samples to show")
        drawn, still = copy_beside(self), copy_beside(self)
        self._without_draws(still)
        return grid_of_samples(
            int(self.n),
            partial(some_beside, still) if originals else None,
            partial(some_beside, drawn),
            n,
            (draws if drawn._draws() else 0) if originals else 1,
            seed,
            self._meaning(),
            self._sample_names,
        )

    def explain(self, batch: int | None = None, row: int | None = None) -> Any:
        """What went into a batch: for each sample its name, seeds, parameters, matrix and times.

        It is recomputed by the settings as they are now, in this process, while the flow stays
        where it is.

        Args:
            batch: its number in the current epoch, as for ``flow[batch]``; None (default): the
                batch that was handed over last.
            row: of the batch as it was handed over; None (default) for all.

        Returns:
            An ``Explanation``, or a list of them, one a row.

        Raises:
            ValueError: no batch was handed over yet, or the flow decides by methods of its own
                which samples come when.
            IndexError: there is no such batch or row.
        """
        place = self._place_to_explain(batch)
        beside, meaning = copy_beside(self), self._meaning()
        traced = trace_beside(beside, place)
        rows = [each for each in range(len(place.indices)) if each not in traced.left_out]
        explained = partial(self._explanation, place, traced, rows, meaning)
        if row is None:
            return [explained(each) for each in range(len(rows))]
        number = operator.index(row)
        if not -len(rows) <= number < len(rows):
            raise IndexError(f"row {number} is out of range: the batch has {len(rows)} rows")
        return explained(number % len(rows))

    def _place_to_explain(self, batch: int | None) -> Place:
        if batch is None:
            if self._last_place is None:
                raise ValueError(
                    "no batch was handed over yet, so there is none to explain: call next(flow) "
                    "first, or give the number of a batch, as flow.explain(0)"
                )
            return self._last_place
        if self.seed is None and self._drawn_seed is None:
            raise ValueError(
                "a flow without a seed draws one with its first batch: call next(flow) first"
            )
        number, length = operator.index(batch), len(self)
        if not -length <= number < length:
            raise IndexError(f"batch {number} is out of range: an epoch has {length} batches")
        schedule, position = self._current_schedule(), number % length
        epoch = self._epoch or schedule.epoch(self.total_batches_seen)
        return schedule.place(epoch, position, epoch.start + position)

    def _explanation(
        self, place: Place, traced: Traced, rows: list[int], meaning: Meaning, number: int
    ) -> Explanation:
        row, seeds = rows[number], place.seeds
        again = 0 if seeds.occurrences is None else seeds.occurrences[row]
        key = (seeds.base, seeds.epoch, seeds.samples[row], *((again,) if again else ()))
        drawn = traced.drawn[row] if traced.drawn else None
        parameters, matrix = described_move(drawn)
        inputs = traced.batch[0] if isinstance(traced.batch, tuple) else traced.batch
        return Explanation(
            name=self._sample_names(place.indices[row : row + 1])[0],
            index=int(place.indices[row]),
            label=label_of(traced.batch, number, meaning),
            epoch=place.key[0],
            batch=place.key[1],
            row=number,
            seeds={"flow": seeds.base, "batch": place.stream, "sample": key},
            parameters=parameters,
            matrix=matrix,
            seconds={} if traced.clock is None else traced.clock.of(row),
            inputs=row_of(inputs, number),
        )

    def _trace(self, place: Place) -> Traced:
        """Build the batch of a place once more; the flow is one of ``copy_beside``."""
        flow: Any = self
        batch = flow._get_batches_of_transformed_samples(place.indices)
        left_out = frozenset(bad.row for bad in self._noted or ())
        return Traced(batch, left_out, [], None)
