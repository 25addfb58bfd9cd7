"""How people use Keras's class, pattern by pattern: change the import, and nothing else.

The numbers are those of the project's list of usage patterns, which was read off public scripts.
"""

from __future__ import annotations

import copy
import os
import pickle
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import augflow
from augflow import (
    DataFrameIterator,
    DirectoryIterator,
    ImageDataGenerator,
    Iterator,
    NumpyArrayIterator,
)
from tests.flow_world import (
    SAMPLES,
    SIZE,
    force_workers,
    numbered_images,
    signature,
    signatures,
    table_of,
    take,
    write_folder,
)

REPOSITORY = Path(__file__).parents[1]
AFFINE: dict[str, Any] = {"rotation_range": 25, "zoom_range": 0.3, "horizontal_flip": True}
BOTH = pytest.mark.parametrize("workers", [0, 2])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_folder(tmp_path_factory.mktemp("images") / "all")


@pytest.fixture(scope="module")
def table(folder: Path) -> pd.DataFrame:
    return table_of(folder)


@pytest.fixture(scope="module")
def keras_image() -> Any:
    """Keras's own module, to compare with."""
    from keras.src.legacy.preprocessing import image

    return image


def from_folder(folder: Path, workers: int = 0, augment: Any = None, **settings: Any) -> Any:
    settings = {"target_size": SIZE, "batch_size": 8, "seed": 5, **settings}
    return ImageDataGenerator(**AFFINE, workers=workers).flow_from_directory(folder, **settings)


def run_python(code: str) -> str:
    """Run code in a fresh Python; what it printed."""
    finished = subprocess.run(
        [sys.executable, "-c", code],
        cwd=REPOSITORY,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return finished.stdout


# 6, 8, 10, 16: attributes

ATTRIBUTES = (
    "samples",
    "n",
    "batch_size",
    "seed",
    "shuffle",
    "class_indices",
    "num_classes",
    "filenames",
    "filepaths",
    "image_shape",
    "target_size",
    "color_mode",
    "class_mode",
    "data_format",
    "directory",
    "dtype",
    "split",
    "subset",
    "interpolation",
    "batch_index",
    "total_batches_seen",
    "index_array",
    "white_list_formats",
    "sample_weight",
    "save_to_dir",
    "save_prefix",
    "save_format",
    "keep_aspect_ratio",
)


def test_6_and_16_attributes_are_those_of_keras(folder: Path, keras_image: Any) -> None:
    settings = {"target_size": SIZE, "batch_size": 8, "seed": 5}
    ours = ImageDataGenerator(**AFFINE).flow_from_directory(folder, **settings)
    theirs = keras_image.ImageDataGenerator(**AFFINE).flow_from_directory(folder, **settings)
    for name in ATTRIBUTES:
        assert getattr(ours, name) == getattr(theirs, name), name
    np.testing.assert_array_equal(ours.classes, theirs.classes)
    np.testing.assert_array_equal(ours.labels, theirs.labels)
    assert ours.samples // ours.batch_size == 2
    assert {number: name for name, number in ours.class_indices.items()}[1] == "flower"
    assert isinstance(ours.image_data_generator, ImageDataGenerator)


# 9: one generator for both parts


def test_9_a_validation_flow_that_augments_warns_once(folder: Path) -> None:
    generator = ImageDataGenerator(**AFFINE, validation_split=0.3, workers=0)
    with pytest.warns(UserWarning, match="augment=False") as caught:
        flow = generator.flow_from_directory(folder, target_size=SIZE, subset="validation")
        take(flow, 3)
    assert len(caught) == 1
    assert caught[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        generator.flow_from_directory(folder, subset="training")
        generator.flow_from_directory(folder, subset="validation", augment=True)
        generator.flow_from_directory(folder, subset="validation", augment=False)
        plain = ImageDataGenerator(validation_split=0.3, rescale=1 / 255)
        plain.flow_from_directory(folder, subset="validation")


@BOTH
def test_9_augment_false_leaves_out_the_random_transforms_alone(folder: Path, workers: int) -> None:
    settings = {"target_size": SIZE, "batch_size": 8, "seed": 5, "subset": "validation"}
    rest = {"rescale": 1 / 255, "validation_split": 0.5, "workers": workers}
    random = ImageDataGenerator(**AFFINE, **rest)
    plain = ImageDataGenerator(**rest)
    with (
        random.flow_from_directory(folder, augment=False, **settings) as ours,
        plain.flow_from_directory(folder, **settings) as due,
    ):
        assert signatures(take(ours, 3)) == signatures(take(due, 3))


# 11: arrays, and one image made a batch


def test_11_one_image_made_a_batch() -> None:
    image = numbered_images(1)[0] + 7
    batch = next(ImageDataGenerator(rescale=0.5).flow(np.expand_dims(image, 0), batch_size=1))
    np.testing.assert_array_equal(batch, image[np.newaxis] / 2)


# 12: a function by position


def test_12_a_function_by_position_is_an_error() -> None:
    def preprocess_input(image: np.ndarray) -> np.ndarray:
        return image / 127.5 - 1

    with pytest.raises(TypeError, match=r"preprocessing_function="):
        ImageDataGenerator(preprocess_input)  # type: ignore[arg-type]
    flow = ImageDataGenerator(preprocessing_function=preprocess_input).flow(numbered_images(4) * 0)
    assert np.unique(next(flow)).tolist() == [-1]


# 13 and 14: next in all spellings, loops


def test_13_every_spelling_of_next(folder: Path) -> None:
    due = signatures(take(from_folder(folder), 4))
    flow = from_folder(folder)
    batches = [flow.next(), next(flow), flow.__next__(), next(iter(flow))]
    assert signatures(batches) == due


@BOTH
def test_14_a_loop_with_a_break(folder: Path, workers: int) -> None:
    with from_folder(folder, workers) as flow:
        count = 0
        for images, labels in flow:
            assert len(images) == len(labels)
            count += 1
            if count > len(flow):
                break
        assert count == 4
        assert flow.total_batches_seen == 4


@BOTH
def test_14_loops_that_watch_the_counters(folder: Path, keras_image: Any, workers: int) -> None:
    settings = {"target_size": SIZE, "batch_size": 8, "seed": 5}
    theirs = keras_image.ImageDataGenerator().flow_from_directory(folder, **settings)
    counters = []
    with from_folder(folder, workers) as ours:
        for flow in (ours, theirs):
            seen = []
            for turn in range(8):
                next(flow)
                seen.append((flow.batch_index, flow.total_batches_seen, flow.index_array.tolist()))
                if turn == 4:
                    flow.reset()
            counters.append(seen)
    assert counters[0] == counters[1]


def test_14_one_pass_until_batch_index_is_zero(folder: Path) -> None:
    flow = from_folder(folder, shuffle=False)
    labels = [next(flow)[1]]
    while flow.batch_index != 0:
        labels.append(next(flow)[1])
    np.testing.assert_array_equal(np.concatenate(labels).argmax(axis=1), flow.classes)


# 15: by index


@BOTH
def test_15_by_index(folder: Path, workers: int) -> None:
    with from_folder(folder, workers) as flow:
        assert flow[0][0][0].shape == (*SIZE, 3)
        assert signature(flow[-1]) == signature(flow[2]) == signature(flow[np.int64(2)])
        assert len(flow[2][0]) == 3
        for index in (3, -4, 1000):
            with pytest.raises(IndexError, match="3 batches"):
                flow[index]
        # Keras raises ValueError, which scripts may catch.
        with pytest.raises(ValueError, match="out of range"):
            flow[3]
        with pytest.raises(TypeError):
            flow["0"]


def test_15_a_wrapper_that_reads_index_array(table: pd.DataFrame, folder: Path) -> None:
    """To join each batch with other columns, e.g. a second input."""
    flow = ImageDataGenerator(workers=2).flow_from_dataframe(
        table, folder, y_col="id", class_mode="raw", target_size=SIZE, batch_size=8, seed=3
    )
    assert flow.index_array is None
    with flow:
        for _ in range(2):
            for position in range(len(flow)):
                labels = flow[position][1]
                order = flow.index_array[position * 8 : (position + 1) * 8]
                np.testing.assert_array_equal(table["id"].to_numpy()[order], labels)
            flow.on_epoch_end()


def test_15_a_custom_loop_that_stops_early_sees_new_batches_each_epoch() -> None:
    """By index, fewer steps than batches, then on_epoch_end(), which permutes anew in Keras."""
    flow = ImageDataGenerator(workers=0).flow(numbered_images(60), np.arange(60), 6, seed=1)
    epochs = []
    for _ in range(4):
        epochs.append(np.concatenate([flow[position][1] for position in range(4)]).tolist())
        flow.on_epoch_end()
    for first in range(4):
        for second in range(first):
            assert epochs[first] != epochs[second], (first, second)


# 17: images and masks


@BOTH
def test_17_zip_of_two_flows_with_one_seed(workers: int) -> None:
    """Masks move as their images do; ``fit`` on both with one seed."""
    stream = np.random.RandomState(0)
    images = stream.uniform(0, 255, (10, 12, 14, 3))
    masks = images[..., :1]
    settings = {**AFFINE, "featurewise_center": True, "workers": workers}
    pair = []
    for array in (images, masks):
        generator = ImageDataGenerator(**settings)
        generator.fit(array, augment=True, seed=3)
        pair.append((generator, force_workers(generator.flow(array, batch_size=4, seed=3))))
    for turn, (image_batch, mask_batch) in enumerate(zip(pair[0][1], pair[1][1], strict=True)):
        pixels = image_batch[..., :1] + pair[0][0].mean[..., :1]
        np.testing.assert_allclose(pixels, mask_batch + pair[1][0].mean, atol=1e-3)
        if turn == 6:
            break
    for _, flow in pair:
        flow.close()


# 18: tf.data


@BOTH
def test_18_tf_data_from_generator(folder: Path, workers: int) -> None:
    import tensorflow as tf

    due = signatures(take(from_folder(folder), 5))
    with from_folder(folder, workers) as flow:
        dataset = tf.data.Dataset.from_generator(
            lambda: flow,
            output_types=(tf.float32, tf.float32),
            output_shapes=([None, *SIZE, 3], [None, 2]),
        )
        batches = [
            (images.numpy(), labels.numpy()) for images, labels in dataset.prefetch(2).take(5)
        ]
    assert signatures(batches) == due


# 19: subclasses


class RecipeIterator(DirectoryIterator):
    """The recipe that is copied around for DICOM files, for files of its own."""

    def _get_batches_of_transformed_samples(self, index_array: np.ndarray) -> Any:
        self.asked_for = [*getattr(self, "asked_for", ()), *index_array]
        batch_x = np.zeros((len(index_array), *self.image_shape), dtype=self.dtype)
        for i, j in enumerate(index_array):
            with Image.open(self.filepaths[j]) as picture:
                x = np.asarray(picture.convert("RGB").resize(SIZE[::-1], Image.Resampling.NEAREST))
            x = x.astype(self.dtype)
            if self.image_data_generator:
                params = self.image_data_generator.get_random_transform(x.shape)
                x = self.image_data_generator.apply_transform(x, params)
                x = self.image_data_generator.standardize(x)
            batch_x[i] = x
        batch_y = np.zeros((len(batch_x), len(self.class_indices)), dtype=self.dtype)
        for i, n_observation in enumerate(index_array):
            batch_y[i, self.classes[n_observation]] = 1.0
        return batch_x, batch_y


class RecipeNext(RecipeIterator):
    """With the method ``next`` of old Keras."""

    def next(self) -> Any:
        with self.lock:
            index_array = next(self.index_generator)
        return self._get_batches_of_transformed_samples(index_array)


class FilesAndSuper(DirectoryIterator):
    """The files' names beside what the base makes."""

    def _get_batches_of_transformed_samples(self, index_array: np.ndarray) -> Any:
        x, y = super()._get_batches_of_transformed_samples(index_array)
        return x, y, np.array([self.filenames[i] for i in index_array])


class FramesAndSuper(DataFrameIterator):
    def _get_batches_of_transformed_samples(self, index_array: np.ndarray) -> Any:
        tup = super()._get_batches_of_transformed_samples(index_array)
        return tup[0], {"id": tup[1], "double": 2 * tup[1]}


class Numbers(Iterator):
    """Own data, nothing of images."""

    def _get_batches_of_transformed_samples(self, index_array: np.ndarray) -> Any:
        return index_array, np.random.uniform(size=len(index_array))


def iterator_arguments(**settings: Any) -> dict[str, Any]:
    return {"target_size": SIZE, "batch_size": 8, "seed": 5, **settings}


@BOTH
@pytest.mark.parametrize("recipe", [RecipeIterator, RecipeNext])
def test_19_recipe_for_other_files(recipe: Any, folder: Path, workers: int) -> None:
    generator = ImageDataGenerator(**AFFINE, workers=workers)
    due = take(from_folder(folder), 7)
    flow = recipe(folder, generator, **iterator_arguments())
    batches = [flow.next() for _ in range(7)]
    for batch, expected in zip(batches, due, strict=True):
        np.testing.assert_allclose(batch[0], expected[0], atol=0.05)
        np.testing.assert_array_equal(batch[1], expected[1])
    assert sorted(flow.asked_for[:SAMPLES]) == list(range(SAMPLES))
    assert len(flow.asked_for) == 2 * SAMPLES + 8
    # By index and by next(), it is the override that is called, with the same draws.
    other = recipe(folder, generator, **iterator_arguments())
    assert signatures([other[2], other[0], next(other)]) == signatures(
        [batches[2], batches[0], batches[0]]
    )


@BOTH
def test_19_override_that_calls_super(folder: Path, workers: int) -> None:
    due = take(from_folder(folder), 7)
    flow = FilesAndSuper(
        folder, ImageDataGenerator(**AFFINE, workers=workers), **iterator_arguments()
    )
    for images, labels in due:
        ours = next(flow)
        assert signature(ours[:2]) == signature((images, labels))
        assert [name.split(os.sep)[0] for name in ours[2]] == [
            ["cat", "flower"][number] for number in labels.argmax(axis=1)
        ]


def test_19_override_in_a_dataframe_iterator(folder: Path, table: pd.DataFrame) -> None:
    flow = FramesAndSuper(
        table,
        folder,
        ImageDataGenerator(**AFFINE, workers=2),
        y_col="id",
        class_mode="raw",
        **iterator_arguments(),
    )
    images, targets = next(flow)
    np.testing.assert_array_equal(targets["double"], 2 * targets["id"])
    assert images.shape == (8, *SIZE, 3)


def test_19_subclass_of_iterator_is_the_same_as_keras(keras_image: Any) -> None:
    class KerasNumbers(keras_image.Iterator):
        def _get_batches_of_transformed_samples(self, index_array: np.ndarray) -> Any:
            return index_array, np.random.uniform(size=len(index_array))

    ours, theirs = (kind(11, 4, True, 3) for kind in (Numbers, KerasNumbers))
    assert signatures(take(ours, 7)) == signatures(take(theirs, 7))
    with pytest.raises(NotImplementedError, match="_get_batches_of_transformed_samples"):
        next(Iterator(4, 2, False, 1))


def test_19_own_order_is_the_same_as_keras(keras_image: Any) -> None:
    """``_set_index_array`` overridden, with and without super()."""

    def subclasses(base: Any) -> list[Any]:
        class Backwards(base):
            def _set_index_array(self) -> None:
                super()._set_index_array()
                self.index_array = self.index_array[::-1]

            def _get_batches_of_transformed_samples(self, index_array: np.ndarray) -> Any:
                return index_array, np.random.uniform(size=len(index_array))

        class Balanced(Backwards):
            def _set_index_array(self) -> None:
                self.index_array = np.random.choice(self.n, self.n, replace=True)

        return [Backwards, Balanced]

    for ours, theirs in zip(subclasses(Iterator), subclasses(keras_image.Iterator), strict=True):
        for shuffle in (True, False):
            due = signatures(take(theirs(11, 4, shuffle, 3), 7))
            assert signatures(take(ours(11, 4, shuffle, 3), 7)) == due, (ours.__name__, shuffle)
            flow = ours(11, 4, shuffle, 3)
            for epoch in range(2):
                batches = [flow[position] for position in (2, 0, 1)]
                assert signatures(batches) == [due[3 * epoch + k] for k in (2, 0, 1)], ours
                flow.on_epoch_end()


class Inverting(ImageDataGenerator):
    def standardize(self, x: np.ndarray) -> np.ndarray:
        return 255 - super().standardize(x)


class Shifting(ImageDataGenerator):
    def get_random_transform(self, img_shape: Any, seed: Any = None) -> dict[str, Any]:
        parameters = super().get_random_transform(img_shape, seed)
        parameters["tx"] = 3
        return parameters


class Painting(ImageDataGenerator):
    def apply_transform(self, x: np.ndarray, transform_parameters: dict[str, Any]) -> np.ndarray:
        x = super().apply_transform(x, transform_parameters)
        x[:2] = np.random.uniform(0, 255)
        return x


def keras_twin(kind: Any, keras_image: Any) -> Any:
    """The same subclass of Keras's own class."""
    namespace = {name: value for name, value in vars(kind).items() if not name.startswith("__")}

    class Twin(keras_image.ImageDataGenerator):
        pass

    for name, function in namespace.items():
        # super() without arguments looks at the cell of the class that the code was written in.
        cell = (type(function.__closure__[0]))(Twin)
        twin = type(function)(function.__code__, globals(), name, function.__defaults__, (cell,))
        setattr(Twin, name, twin)
    return Twin


@BOTH
@pytest.mark.parametrize("kind", [Inverting, Shifting, Painting])
def test_19_subclass_of_the_generator(
    kind: Any, workers: int, folder: Path, keras_image: Any
) -> None:
    settings = iterator_arguments()
    theirs = keras_twin(kind, keras_image)(**AFFINE).flow_from_directory(folder, **settings)
    with kind(**AFFINE, workers=workers).flow_from_directory(folder, **settings) as ours:
        for _ in range(4):
            batch, due = next(ours), next(theirs)
            np.testing.assert_allclose(batch[0], due[0], atol=0.05)
            np.testing.assert_array_equal(batch[1], due[1])
        assert ours._engine.workers == workers


@BOTH
def test_19_augment_false_with_a_subclass_of_the_generator(folder: Path, workers: int) -> None:
    settings = iterator_arguments(shuffle=False)
    due = ImageDataGenerator(workers=0).flow_from_directory(folder, **settings)
    random = Inverting(**AFFINE, workers=workers)
    with random.flow_from_directory(folder, augment=False, **settings) as flow:
        for _ in range(3):
            np.testing.assert_array_equal(next(flow)[0], 255 - next(due)[0])


def test_19_method_replaced_on_the_object(folder: Path) -> None:
    """As in ``datagen.standardize = function``."""
    generator = ImageDataGenerator(workers=0)
    generator.standardize = lambda image: image * 0 + 9  # type: ignore[method-assign]
    flow = generator.flow_from_directory(folder, target_size=SIZE)
    assert np.unique(next(flow)[0]).tolist() == [9]


@BOTH
def test_a_keras_generator_in_our_iterator(folder: Path, keras_image: Any, workers: int) -> None:
    generator = keras_image.ImageDataGenerator(**AFFINE, rescale=1 / 255)
    generator.workers = workers
    theirs = keras_image.DirectoryIterator(folder, generator, **iterator_arguments())
    with DirectoryIterator(folder, generator, **iterator_arguments()) as ours:
        for _ in range(4):
            batch, due = next(ours), next(theirs)
            # Its own methods are called, so the pixels are Keras's to the last bit.
            np.testing.assert_array_equal(batch[0], due[0])
            np.testing.assert_array_equal(batch[1], due[1])


def test_a_keras_generator_without_augmentation(folder: Path, keras_image: Any) -> None:
    generator = keras_image.ImageDataGenerator(**AFFINE)
    plain = keras_image.ImageDataGenerator()
    settings = iterator_arguments(shuffle=False)
    due = keras_image.DirectoryIterator(folder, plain, **settings)
    flow = DirectoryIterator(folder, generator, augment=False, **settings)
    np.testing.assert_array_equal(next(flow)[0], next(due)[0])


def test_iterators_without_a_generator(folder: Path, table: pd.DataFrame) -> None:
    images = next(DirectoryIterator(folder, None, **iterator_arguments()))[0]
    rows = next(DataFrameIterator(table, folder, None, **iterator_arguments()))[0]
    np.testing.assert_array_equal(images, rows)


# 20: attributes set from outside


@BOTH
def test_20_fewer_samples(folder: Path, workers: int) -> None:
    with from_folder(folder, workers, shuffle=False) as flow:
        next(flow)
        flow.reset()
        flow.n = 10
        flow._set_index_array()
        assert len(flow) == 2
        assert [len(batch[0]) for batch in take(flow, 4)] == [8, 2, 8, 2]
        np.testing.assert_array_equal(flow.index_array, np.arange(10))


@BOTH
def test_20_another_directory(folder: Path, tmp_path: Path, workers: int) -> None:
    other = tmp_path / "dark"
    for name in ("cat", "flower"):
        (other / name).mkdir(parents=True)
        for file in (folder / name).iterdir():
            Image.new("RGB", (9, 9), (7, 7, 7)).save(other / name / file.name, quality=100)
    with from_folder(folder, workers) as flow:
        assert next(flow)[0].std() > 10
        flow.directory = other
        assert flow.filepaths[0] == str(other / flow.filenames[0])
        for _ in range(5):
            assert np.ptp(next(flow)[0]) <= 1


@BOTH
def test_20_other_files(folder: Path, workers: int) -> None:
    """All names replaced by one: every image of the next batches is that one."""
    with from_folder(folder, workers, shuffle=False) as flow:
        flow.image_data_generator = ImageDataGenerator(workers=workers)
        first = next(flow)[0][3]
        flow.filenames = [flow.filenames[3]] * flow.samples
        for _ in range(4):
            for image in next(flow)[0]:
                np.testing.assert_array_equal(image, first)


@BOTH
def test_20_other_paths(folder: Path, workers: int) -> None:
    with from_folder(folder, workers, shuffle=False) as flow:
        flow.image_data_generator = ImageDataGenerator(workers=workers)
        first = next(flow)[0][3]
        flow.filepaths = [flow.filepaths[3]] * flow.samples
        np.testing.assert_array_equal(next(flow)[0][0], first)


@BOTH
def test_20_an_order_from_outside(workers: int) -> None:
    generator = ImageDataGenerator(preprocessing_function=lambda image: image, workers=workers)
    flow = generator.flow(numbered_images(10), np.arange(10), batch_size=4, seed=1)
    with force_workers(flow):
        flow[0]
        order = np.array([9, 9, 0, 1, 2, 3, 4, 5, 6, 8])
        flow.index_array = order
        for position in range(3):
            images, labels = flow[position]
            np.testing.assert_array_equal(labels, order[4 * position :][:4])
            np.testing.assert_array_equal(images[:, 0, 0, 0], labels)
        # It holds for one epoch, as in Keras.
        flow.on_epoch_end()
        assert sorted(np.concatenate([flow[k][1] for k in range(3)])) == list(range(10))


@BOTH
def test_20_another_batch_size(folder: Path, workers: int) -> None:
    with from_folder(folder, workers, shuffle=False) as flow:
        next(flow)
        flow.reset()
        flow.batch_size = 5
        assert len(flow) == 4
        assert [len(batch[0]) for batch in take(flow, 5)] == [5, 5, 5, 4, 5]


@BOTH
def test_20_another_seed_and_order(folder: Path, workers: int) -> None:
    with from_folder(folder, seed=9, shuffle=False) as due, from_folder(folder, workers) as flow:
        flow.seed, flow.shuffle = 9, False
        assert signatures(take(flow, 4)) == signatures(take(due, 4))


@BOTH
def test_20_labels_and_weights_from_outside(folder: Path, workers: int) -> None:
    with from_folder(folder, workers, shuffle=False, class_mode="sparse") as flow:
        next(flow)
        flow.classes = np.arange(100, 100 + SAMPLES)
        np.testing.assert_array_equal(next(flow)[1], np.arange(108, 116))


@BOTH
def test_20_other_sizes(folder: Path, workers: int) -> None:
    with from_folder(folder, workers) as flow:
        next(flow)
        flow.target_size = (9, 7)
        assert next(flow)[0].shape == (8, 9, 7, 3)
        flow.color_mode = "grayscale"
        assert next(flow)[0].shape == (3, 9, 7, 1)


@BOTH
def test_statistics_set_after_the_flow_was_made(folder: Path, workers: int) -> None:
    """``datagen.mean = ...`` of a saved training run, or ``fit`` after ``flow``."""
    generator = ImageDataGenerator(featurewise_center=True, workers=workers)
    with pytest.warns(UserWarning, match="fit"):
        flow = generator.flow_from_directory(folder, **iterator_arguments(shuffle=False))
    with flow, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        plain = next(flow)[0]
        flow.reset()
        generator.mean = np.array([1.0, 2.0, 3.0]).reshape(1, 1, 3)
        np.testing.assert_allclose(next(flow)[0], plain - [1, 2, 3], atol=1e-4)
        generator.fit(plain)
        flow.reset()
        np.testing.assert_allclose(next(flow)[0].mean(axis=(0, 1, 2)), 0, atol=1e-2)
        generator.rescale = 0.5
        flow.reset()
        next(flow)
        assert signature(flow[0]) == signature(flow[0])


# 21: one image, saved images


def test_21_transforms_called_directly(keras_image: Any) -> None:
    image = np.random.RandomState(0).uniform(0, 255, (14, 11, 3)).astype("float32")
    settings = {**AFFINE, "channel_shift_range": 30.0, "width_shift_range": 0.2}
    ours = ImageDataGenerator(**settings)
    theirs = keras_image.ImageDataGenerator(**settings)
    before = image.copy()
    parameters = ours.get_random_transform(image.shape, seed=4)
    assert parameters == theirs.get_random_transform(image.shape, seed=4)
    np.testing.assert_allclose(
        ours.apply_transform(image, parameters),
        theirs.apply_transform(image, parameters),
        atol=0.05,
    )
    np.random.seed(6)
    first = ours.random_transform(image)
    np.random.seed(6)
    np.testing.assert_allclose(first, theirs.random_transform(image), atol=0.05)
    np.testing.assert_allclose(
        ours.apply_transform(image, {"flip_horizontal": True}), image[:, ::-1]
    )
    np.testing.assert_array_equal(image, before)


@BOTH
def test_21_save_to_dir(folder: Path, tmp_path: Path, workers: int) -> None:
    due = from_folder(folder)
    flow = from_folder(folder, workers, save_to_dir=tmp_path, save_prefix="aug", save_format="jpeg")
    with flow:
        assert signature(next(flow)) == signature(next(due))
        next(flow)
    names = sorted(file.name for file in tmp_path.iterdir())
    assert len(names) == 16
    numbers = sorted(int(name.split("_")[1]) for name in names)
    assert numbers == sorted(flow.index_array[:16])
    assert all(name.startswith("aug_") and name.endswith(".jpeg") for name in names)
    with Image.open(tmp_path / names[0]) as picture:
        assert picture.size == SIZE[::-1]


# Copies


def make_array_flow() -> Any:
    pixels = np.random.RandomState(1).uniform(0, 255, (11, 6, 5, 3))
    generator = ImageDataGenerator(**AFFINE, workers=0)
    return generator.flow(pixels, np.arange(11), batch_size=4, seed=2)


@pytest.mark.parametrize("taken", [0, 1, 3, 4])
@pytest.mark.parametrize("way", ["pickle", "deepcopy", "copy"])
def test_copies_go_on_identically(folder: Path, way: str, taken: int) -> None:
    copies = {
        "pickle": lambda flow: pickle.loads(pickle.dumps(flow)),
        "deepcopy": copy.deepcopy,
        "copy": copy.copy,
    }
    for flow in (from_folder(folder, 2), make_array_flow(), Numbers(11, 4, True, 3)):
        take(flow, taken)
        twin = copies[way](flow)
        assert type(twin) is type(flow)
        assert [len(twin), twin.n, twin.batch_index] == [len(flow), flow.n, flow.batch_index]
        assert signatures([twin[1], *take(twin, 5)]) == signatures([flow[1], *take(flow, 5)])
        twin.reset()
        assert flow.batch_index == 2 if taken in (0, 3) else True
        with twin.lock:
            assert not flow.lock.locked()
        for used in (twin, flow):
            getattr(used, "close", lambda: None)()


def test_copies_by_index_go_on_identically(folder: Path) -> None:
    flow = from_folder(folder)
    for position in range(3):
        flow[position]
    flow.on_epoch_end()
    flow[2]
    flow.index_array = np.arange(SAMPLES)[::-1]
    twin = pickle.loads(pickle.dumps(flow))
    for used in (flow, twin):
        used[0], used[1]
    assert signatures([flow[0], flow[2]]) == signatures([twin[0], twin[2]])
    for used in (flow, twin):
        used.on_epoch_end()
    assert signature(flow[0]) == signature(twin[0])


def test_a_copy_with_an_own_order_goes_on_identically() -> None:
    class Random(Numbers):
        def _set_index_array(self) -> None:
            self.index_array = np.random.permutation(self.n)[::-1]

    flow = Random(11, 4, False, 3)
    take(flow, 4)
    twin = copy.deepcopy(flow)
    assert signatures([flow[0], flow[1], next(flow)]) == signatures([twin[0], twin[1], next(twin)])


# Keras's base class

MAKE_FLOW = """
import numpy as np
from augflow import ImageDataGenerator
flow = ImageDataGenerator().flow(np.zeros((4, 5, 5, 1)), batch_size=2, seed=1)
"""
CHECK = """
assert isinstance(flow, keras.utils.PyDataset)
assert issubclass(type(flow), keras.utils.PyDataset)
assert type(flow).__name__ == flow.__class__.__name__ == "NumpyArrayIterator"
assert len(flow) == flow.num_batches == 2
assert next(flow).shape == flow[1].shape == (2, 5, 5, 1)
print("done")
"""


@pytest.mark.parametrize(
    "code",
    [
        pytest.param("import keras\n" + MAKE_FLOW, id="before"),
        pytest.param(
            MAKE_FLOW + "next(flow); assert isinstance(flow, object)\nimport keras\n", id="after"
        ),
        pytest.param(
            MAKE_FLOW + "import keras, pickle\nflow = pickle.loads(pickle.dumps(flow))\n",
            id="pickled after",
        ),
    ],
)
def test_keras_imported_before_or_after_the_flow_was_made(code: str) -> None:
    assert "done" in run_python(code + CHECK)


def test_iterators_are_datasets_of_keras() -> None:
    import keras

    for kind in (Iterator, DirectoryIterator, DataFrameIterator, NumpyArrayIterator, Numbers):
        assert issubclass(kind, Iterator)
    flow = Numbers(4, 2, False, 1, workers=2, use_multiprocessing=False, max_queue_size=3)
    assert isinstance(flow, keras.utils.PyDataset)
    assert isinstance(flow, augflow.Iterator)
    assert not isinstance(flow, DirectoryIterator)
    with pytest.raises(TypeError, match="speed"):
        Iterator(4, 2, False, 1, speed=3)


# A flat folder


def test_images_without_class_folders(folder: Path) -> None:
    flat = folder / "cat"
    flow = ImageDataGenerator().flow_from_directory(
        flat, target_size=SIZE, class_mode=None, shuffle=False, batch_size=4
    )
    assert flow.samples == 11 and flow.filenames == sorted(os.listdir(flat))
    assert [len(batch) for batch in take(flow, 3)] == [4, 4, 3]
    # Tests without labels are laid out like this for Keras itself, too.
    nested = ImageDataGenerator().flow_from_directory(
        folder, classes=["cat"], target_size=SIZE, class_mode=None, shuffle=False, batch_size=4
    )
    np.testing.assert_array_equal(nested[0], flow[0])
    with pytest.raises(ValueError, match="class"):
        ImageDataGenerator().flow_from_directory(flat)


# Imports in the wild


def test_module_with_the_helpers() -> None:
    from augflow.preprocessing import image

    assert image.ImageDataGenerator is ImageDataGenerator
    assert image.DirectoryIterator is DirectoryIterator
    array = image.img_to_array(Image.new("RGB", (3, 2), (1, 2, 3)))
    assert array.shape == (2, 3, 3)


@BOTH
def test_20_paths_where_keras_keeps_them(folder: Path, workers: int) -> None:
    class OneFile(DirectoryIterator):
        def __init__(self, *arguments: Any, **settings: Any) -> None:
            super().__init__(*arguments, **settings)
            self._filepaths = [self._filepaths[3]] * self.samples

    generator = ImageDataGenerator(workers=workers)
    with OneFile(folder, generator, SIZE, batch_size=4, shuffle=False) as flow:
        images, _ = next(flow)
        assert flow.filepaths == [str(folder / flow.filenames[3])] * flow.samples
    plain = generator.flow_from_directory(folder, target_size=SIZE, shuffle=False)
    with plain:
        wanted = plain[0][0][3]
    np.testing.assert_array_equal(images, np.stack([wanted] * 4))
