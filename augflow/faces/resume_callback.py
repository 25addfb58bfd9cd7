"""A Keras callback with which a training that was killed goes on; imports Keras when it is made."""

from __future__ import annotations

import operator
import os
import warnings
from typing import Any

import numpy as np

from augflow.faces.checkpoint import Checkpoint

# What Keras says where an epoch ends before its last step, as the rest of one does.
_RAN_OUT = "Your input ran out of data"
# The end of the paths of variables that hold random states, which are no weights for Keras.
_SEED = "seed_generator_state"


class ResumeCallback:
    """Saves a training every ``every`` batches, and goes on with it in the middle of an epoch.

    A script that is started again, with the same flow, model and arguments, goes on with the batch
    after the last one that was saved: weights, optimizer, metrics of the epoch and random numbers
    of layers are those of that moment, and all batches to come are those of a training that was
    never killed. What is made is a ``keras.callbacks.Callback`` of Keras 3; see docs/resume.md.

    With it, ``fit`` reads the batches in the flow's own order, which is shuffled; Keras's shuffling
    of them, by Python's ``random``, has no effect.

    Args:
        path: a folder for the checkpoint, made if missing, and removed when ``fit`` has ended.
        flow: that ``fit`` reads. Its epochs have to be whole ones: no ``steps_per_epoch``.
        every: batches between two checkpoints; there is also one at the end of each epoch.
            Defaults to 100.

    Raises:
        TypeError, ValueError: an argument that cannot be used; when ``fit`` begins, a checkpoint of
            other data or settings.
    """

    def __new__(cls, path: str | os.PathLike[str], flow: Any, every: int = 100) -> Any:
        import keras

        every = _checked_every(every)
        if not hasattr(flow, "read_in_order"):
            raise TypeError(
                "ResumeCallback needs the flow that `fit` reads: ResumeCallback(path, flow). "
                f"Received: {flow!r}"
            )
        training = _Training(Checkpoint(os.fspath(path)), flow, every)

        class Resume(keras.callbacks.Callback):  # type: ignore[misc]
            """Hands Keras's calls on."""

            def on_train_begin(self, logs: Any = None) -> None:
                """Called by Keras once all is built."""
                training.begin(self.model, self.params)

            def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
                """Called by Keras before epoch ``epoch``, counted from 0."""
                training.begin_epoch(self.model, epoch)

            def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
                """Called by Keras before a step; by TensorFlow also before one without data."""
                if training.is_over():
                    training.keep(self.model)
                else:
                    training.begin_batch()

            def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
                """Called by Keras after the last of some batches."""
                if training.is_due(batch):
                    training.save(self.model)

            def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
                """Called by Keras after an epoch and its validation."""
                training.end_epoch()
                training.save(self.model)

            def on_train_end(self, logs: Any = None) -> None:
                """Called by Keras at the end, and not by what kills it."""
                training.end(self.model)

        return Resume()


class _Training:
    """One training: which epoch of Keras's it is in, and how many batches of it are done.

    Args:
        checkpoint: where to save it.
        flow: its data.
        every: batches between two checkpoints.
    """

    def __init__(self, checkpoint: Checkpoint, flow: Any, every: int) -> None:
        self._checkpoint = checkpoint
        self._flow = flow
        self._every = every
        self._epoch = 0
        # Of the flow's epoch: the batches before it, those of it that an earlier process has
        # done, and those that are done by now.
        self._start = 0
        self._done_before = 0
        self._done = 0
        self._restored: dict[str, Any] | None = None
        self._is_first_epoch = True
        self._filter: Any = None
        # Variables and their values at the end of the rest of an epoch.
        self._kept: list[tuple[Any, np.ndarray]] = []
        # Of torch's generators at the last step, where the next one is in another epoch or process.
        self._states: list[np.ndarray] = []
        # Where the flow stands before Keras looks at its batches, as it does before it begins.
        self._begin = flow.total_batches_seen

    def begin(self, model: Any, params: dict[str, Any]) -> None:
        """Go to where the checkpoint was made; to the flow's place where there is none."""
        flow, length = self._flow, len(self._flow)
        if params.get("steps") != length:
            raise ValueError(
                f"ResumeCallback needs epochs of the whole flow, which has {length} batches, and "
                f"`fit` counts {params.get('steps')}: leave `steps_per_epoch` out, and give `fit` "
                "the flow that the callback has"
            )
        if flow.workers > 1 or flow.use_multiprocessing:
            raise ValueError(
                "ResumeCallback needs a flow that one thread reads: leave Keras's `workers` and "
                "`use_multiprocessing` out; the flow has workers of its own. Received: workers="
                f"{flow.workers}, use_multiprocessing={flow.use_multiprocessing}"
            )
        self._restored = restored = self._checkpoint.read()
        if restored is not None:
            # Keras does so at the first step; by then it is too late to restore the metrics.
            model._symbolic_build(data_batch=flow[0])
        try:
            self._start = flow.read_in_order(
                flow.state_after(self._begin, 0) if restored is None else restored["flow"]
            )
        except ValueError as error:
            folder = str(self._checkpoint.folder)
            error.add_note(f"augflow: the checkpoint is in {folder!r}: remove it to begin anew")
            raise
        self._done_before = self._done = flow.batch_index
        self._is_first_epoch = True
        if restored is not None:
            model._initial_epoch = restored["epoch"]
            # For a training of which no epoch is left.
            self._states = _restore(model, self._checkpoint, restored)

    def begin_epoch(self, model: Any, epoch: int) -> None:
        """Take over the weights, after all other callbacks; count the batches anew."""
        if not self._is_first_epoch:
            self._start += len(self._flow)
            self._done_before = self._done = 0
        elif self._restored is None:
            self._epoch = epoch
        elif epoch != self._restored["epoch"]:
            raise ValueError(
                f"the checkpoint was made in epoch {self._restored['epoch']} (from 0), and `fit` "
                f"begins with epoch {epoch}: put ResumeCallback behind BackupAndRestore in the "
                "list of callbacks"
            )
        else:
            self._states = _restore(model, self._checkpoint, self._restored)
        self._epoch, self._is_first_epoch = epoch, False
        if self._done_before:
            self._filter = warnings.catch_warnings()
            self._filter.__enter__()
            warnings.filterwarnings("ignore", message=_RAN_OUT)

    def begin_batch(self) -> None:
        """Let torch's generators go on where they were at the last step.

        What Keras reads by draws of them, too, at the beginning and the end of each epoch.
        """
        _set_torch_states(self._states)
        self._states = []

    def is_due(self, batch: int) -> bool:
        """Take note that Keras has come to this batch of its epoch; whether to save it.

        The last one of an epoch is not: validation follows, and the end of the epoch.
        """
        before, length = self._done, len(self._flow)
        self._done = min(self._done_before + batch + 1, length)
        if self.is_over():
            self._states = _torch_states()
        return self._done // self._every > before // self._every and self._done < length

    def is_over(self) -> bool:
        """Whether all batches of the epoch are done."""
        return self._done == len(self._flow)

    def keep(self, model: Any) -> None:
        """Remember all variables before a step without data, which ends the rest of an epoch.

        TensorFlow finds out within the step that there is no batch, when what does not depend on
        one has been done already: random states and counters have moved.
        """
        optimizer = [] if model.optimizer is None else model.optimizer.variables
        self._kept = [(each, _value(each)) for each in (*model.variables, *optimizer)]

    def end_epoch(self) -> None:
        """The epoch is over; after a stop before its last batch the next one follows, too."""
        self._done = len(self._flow)
        for variable, value in self._kept:
            variable.assign(value)
        self._kept = []
        self._stop_filter()

    def save(self, model: Any) -> None:
        """Make a checkpoint of this moment."""
        flow, is_over = self._flow, self.is_over()
        if flow.shard is not None and flow.shard[0] != 0:
            # The first process writes for all: they have the same weights, and the same state.
            return
        start, done = (self._start + len(flow), 0) if is_over else (self._start, self._done)
        self._checkpoint.write(
            {"epoch": self._epoch + is_over, "flow": flow.state_after(start, done)},
            model.save_weights,
            [
                *(self._states or _torch_states()),
                *map(_value, _variables(model, with_metrics=not is_over)),
            ],
        )

    def end(self, model: Any) -> None:
        """The training is done: another one begins at its beginning."""
        self._stop_filter()
        self._begin = self._flow.read_in_order(None)
        if self._restored is not None:
            model._initial_epoch = None
        if self._flow.shard is None or self._flow.shard[0] == 0:
            self._checkpoint.remove()

    def _stop_filter(self) -> None:
        if self._filter is not None:
            self._filter.__exit__(None, None, None)
            self._filter = None


def _restore(model: Any, checkpoint: Checkpoint, state: dict[str, Any]) -> list[np.ndarray]:
    """Set all variables of a model; the states of torch's generators, for later."""
    if model.optimizer is not None and not model.optimizer.built:
        model.optimizer.build(model.trainable_variables)
    model.load_weights(checkpoint.weights_of(state))
    with_metrics = bool(state["flow"]["batch_index"])
    variables = _variables(model, with_metrics)
    values = checkpoint.variables_of(state)
    border = len(values) - len(variables)
    for variable, value in zip(variables, values[border:], strict=True):
        variable.assign(value)
    return values[:border]


def _value(variable: Any) -> np.ndarray:
    import keras

    return np.array(keras.ops.convert_to_numpy(variable))


def _variables(model: Any, with_metrics: bool) -> list[Any]:
    """What the weights leave out: random states of layers, and in an epoch the metrics so far."""
    seeds = [each for each in model.non_trainable_variables if each.path.endswith(_SEED)]
    return [*seeds, *model.metrics_variables] if with_metrics else seeds


def _torch_states() -> list[np.ndarray]:
    """The states of torch's own generators, of which its dropout draws; none on other backends."""
    import keras

    if keras.backend.backend() != "torch":
        return []
    import torch

    states = [torch.get_rng_state(), *torch.cuda.get_rng_state_all()]
    return [state.numpy() for state in states]


def _set_torch_states(states: list[np.ndarray]) -> None:
    if not states:
        return
    import torch

    torch.set_rng_state(torch.from_numpy(states[0]))
    # On a machine with other GPUs they go on with the seeds they have.
    if len(states) - 1 == torch.cuda.device_count():
        torch.cuda.set_rng_state_all([torch.from_numpy(state) for state in states[1:]])


def _checked_every(every: Any) -> int:
    try:
        number = operator.index(every)
    except TypeError:
        raise TypeError(f"`every` must be an int, of batches. Received: {every!r}") from None
    if number < 1 or isinstance(every, bool):
        raise ValueError(f"`every` must be at least 1 batch. Received: {every!r}")
    return number
