"""``flow.predictions``: one row a sample, in the order of the data, whatever the flow is doing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import augflow
from augflow import ImageDataGenerator
from tests.flow.line_source import LineSource
from tests.flow_world import signatures, table_of, take, write_folder

SIZE = {"target_size": (20, 24), "batch_size": 8, "verbose": False}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_folder(tmp_path_factory.mktemp("predictions") / "photos")


def generator(**changes: Any) -> ImageDataGenerator:
    settings = {"rotation_range": 90, "rescale": 1 / 255, "workers": 0}
    return ImageDataGenerator(**settings | changes)


def directory(folder: Path, **changes: Any) -> Any:
    split = 0.3 if changes.get("subset") else 0.0
    made = generator(validation_split=split)
    return made.flow_from_directory(folder, **SIZE | {"seed": 1, "augment": True} | changes)


def table(folder: Path, **changes: Any) -> Any:
    rows = changes.pop("rows", table_of(folder))
    made = generator(validation_split=0.3 if changes.get("subset") else 0.0)
    settings = SIZE | {"seed": 1, "augment": True}
    return made.flow_from_dataframe(rows, folder, **settings | changes)


def corner(inputs: np.ndarray) -> np.ndarray:
    """(batch, 1), different for each photograph and each way it is turned."""
    return np.asarray(inputs)[:, :7, :9].mean(axis=(1, 2, 3)).reshape(-1, 1)


def two(inputs: np.ndarray) -> np.ndarray:
    return np.concatenate([1 - corner(inputs), corner(inputs)], axis=1)


def of_files(flow: Any, folder: Path) -> np.ndarray:
    """What ``corner`` makes of the files as they are, read with Pillow."""
    images = []
    for name in flow.filenames:
        with Image.open(folder / name) as file:
            resized = file.convert("RGB").resize((24, 20), Image.Resampling.NEAREST)
            images.append(np.asarray(resized, "float32") / 255)
    return corner(np.stack(images))


@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("subset", [None, "training", "validation"])
@pytest.mark.parametrize("class_mode", ["categorical", "sparse", "binary"])
def test_classes_in_the_order_of_the_files(
    class_mode: str, subset: str | None, shuffle: bool, folder: Path
) -> None:
    settings = {"class_mode": class_mode, "subset": subset}
    flow = directory(folder, shuffle=shuffle, **settings)
    frame = flow.predictions(two)
    assert list(frame.columns) == ["filename", "true", "predicted", "cat", "flower"]
    assert frame["filename"].tolist() == flow.filenames
    assert frame["true"].tolist() == [name.split("/")[0] for name in flow.filenames]
    expected = of_files(flow, folder)[:, 0]
    assert np.allclose(frame["flower"], expected, atol=1e-6)
    assert np.allclose(frame["cat"], 1 - expected, atol=1e-6)
    chosen = np.where(expected > 0.5, "flower", "cat")
    assert frame["predicted"].tolist() == chosen.tolist()


def test_one_sigmoid_stands_for_two_classes(folder: Path) -> None:
    flow = directory(folder, class_mode="binary")
    frame, both = flow.predictions(corner), flow.predictions(two)
    pd.testing.assert_frame_equal(frame, both)
    # Also a model that gives no second axis.
    pd.testing.assert_frame_equal(flow.predictions(lambda x: corner(x)[:, 0]), both)


def test_the_flow_stays_where_it_is(folder: Path) -> None:
    for make in (lambda: directory(folder), lambda: directory(folder, seed=None)):
        np.random.seed(1)
        plain = make()
        expected = signatures(take(plain, 5))
        np.random.seed(1)
        flow = make()
        flow.predictions(two)
        first = take(flow, 2)
        flow.predictions(two, rounds=2)
        assert signatures([*first, *take(flow, 3)]) == expected


@pytest.mark.parametrize("augment", [True, False])
def test_rounds_are_the_mean_over_augmented_draws(augment: bool, folder: Path) -> None:
    flow = directory(folder, augment=augment)
    frame = flow.predictions(two, rounds=3)
    same = directory(folder, shuffle=False)
    drawn = [np.concatenate([two(next(same)[0]) for _ in range(3)]) for _ in range(3)]
    assert np.allclose(frame[["cat", "flower"]], np.mean(drawn, axis=0), atol=1e-6)
    assert not np.allclose(drawn[0], drawn[1], atol=1e-3)
    assert not np.allclose(frame["flower"], flow.predictions(two)["flower"], atol=1e-3)


def test_any_number_of_workers_gives_the_same(folder: Path) -> None:
    def frame(workers: int) -> pd.DataFrame:
        with generator(workers=workers).flow_from_directory(folder, **SIZE, seed=3) as flow:
            return flow.predictions(two, rounds=2)

    pd.testing.assert_frame_equal(frame(0), frame(2))


@pytest.mark.parametrize("rounds", [1, 2])
def test_a_broken_file_has_an_empty_row(rounds: int, tmp_path: Path) -> None:
    broken = write_folder(tmp_path / "photos")
    for name in ("00.png", "05.jpg"):
        (broken / "cat" / name).write_bytes(b"no image")
    flow = directory(broken, on_error="skip", batch_size=1)
    with pytest.warns(UserWarning, match=r"2 sample\(s\) could not be read"):
        frame = flow.predictions(two, rounds=rounds)
    assert frame["filename"].tolist() == flow.filenames
    empty = frame["filename"].isin(["cat/00.png", "cat/05.jpg"])
    assert frame.loc[empty, "predicted"].isna().all() and frame.loc[empty, "cat"].isna().all()
    assert frame[~empty].notna().all().all() and flow.bad_files == {}
    with pytest.raises(augflow.ImageReadError, match=r"00\.png"):
        directory(broken).predictions(two)


def test_values_of_a_regression(folder: Path) -> None:
    flow = table(folder, class_mode="raw", y_col="id")
    frame = flow.predictions(corner)
    assert list(frame.columns) == ["filename", "true", "predicted"]
    assert frame["true"].tolist() == list(range(19))
    assert np.allclose(frame["predicted"], of_files(flow, folder)[:, 0], atol=1e-6)
    pair = table(folder, class_mode="raw", y_col=["id", "half"]).predictions(two)
    assert list(pair.columns) == [
        "filename", "true_id", "true_half", "predicted_id", "predicted_half"
    ]  # fmt: skip
    assert np.allclose(pair["true_half"], np.arange(19) / 2)
    assert np.allclose(pair["predicted_half"], frame["predicted"])


def test_several_outputs(folder: Path) -> None:
    rows = table_of(folder)
    rows["number"] = np.arange(19) % 2
    settings = {"class_mode": "multi_output", "y_col": ["number", "half"], "rows": rows}
    flow = table(folder, **settings)
    frame = flow.predictions(lambda x: [two(x), corner(x)])
    assert list(frame.columns) == [
        "filename", "true_number", "predicted_number", "number_0", "number_1", "true_half",
        "predicted_half",
    ]  # fmt: skip
    assert frame["true_number"].tolist() == rows["number"].tolist()
    assert np.allclose(frame["true_half"], rows["half"])
    named = flow.predictions(lambda x: {"number": two(x), "half": corner(x)})
    pd.testing.assert_frame_equal(named, frame)


def test_several_labels(folder: Path) -> None:
    rows = table_of(folder)
    rows["class"] = [["a"], ["a", "b"], ["b"]] * 6 + [["a"]]
    frame = table(folder, rows=rows).predictions(lambda x: np.tile([0.9, 0.2], (len(x), 1)))
    assert frame["true"].tolist()[:3] == [("a",), ("a", "b"), ("b",)]
    assert frame["predicted"].tolist() == [("a",)] * 19
    assert frame["b"].tolist() == [0.2] * 19


def test_an_autoencoder_has_an_error(folder: Path) -> None:
    flow = directory(folder, class_mode="input")
    frame = flow.predictions(lambda x: x + 0.5)
    assert list(frame.columns) == ["filename", "error"]
    assert np.allclose(frame["error"], 0.25, atol=1e-5)
    assert np.allclose(flow.predictions(lambda x: x + 0.5, rounds=2)["error"], 0.25, atol=1e-5)


def test_without_targets_the_classes_are_the_training_flows(folder: Path) -> None:
    training = directory(folder)
    flow = directory(folder, class_mode=None)
    frame = flow.predictions(two, class_indices=training.class_indices)
    pd.testing.assert_frame_equal(frame, training.predictions(two).drop(columns="true"))
    assert list(flow.predictions(two).columns) == ["filename", "predicted", 0, 1]
    assert list(flow.predictions(corner).columns) == ["filename", "predicted"]


def test_rows_of_a_table_keep_their_index(folder: Path) -> None:
    rows = table_of(folder).sample(frac=1, random_state=0)
    rows.index = [f"row {number}" for number in range(19)]
    for subset in (None, "validation"):
        flow = table(folder, rows=rows, subset=subset)
        frame = flow.predictions(two)
        assert (rows.loc[frame.index, "class"] == frame["true"]).all()
        assert len(frame) == len(flow.filenames)


def test_inputs_beside_the_image_and_weights_reach_the_model(folder: Path) -> None:
    flow = table(folder, extra_cols=["id"], weight_col="weight")

    def model(inputs: Any) -> np.ndarray:
        image, numbers = inputs
        return np.concatenate([corner(image), numbers], axis=1)

    assert flow.predictions(model)["flower"].tolist() == list(range(19))
    alone = table(folder, extra_cols=["id"], class_mode=None)
    assert alone.predictions(model)[1].tolist() == list(range(19))


def test_a_class_may_be_called_as_a_column(folder: Path) -> None:
    rows = table_of(folder)
    rows["class"] = np.where(rows["class"] == "cat", "true", "false")
    frame = table(folder, rows=rows).predictions(two)
    assert list(frame.columns) == [
        "filename", "true", "predicted", "false", "probability of true"
    ]  # fmt: skip
    assert set(frame["true"]) == {"true", "false"}


def test_arrays_loaders_and_lines(tmp_path: Path) -> None:
    images = np.random.default_rng(0).random((9, 8, 8, 3)).astype("float32")
    numbers = np.arange(9) % 3
    three = lambda x: np.eye(3)[np.arange(len(x)) % 3]  # noqa: E731
    for targets in (numbers, np.eye(3)[numbers]):
        flow = generator(rescale=None).flow(images, targets, batch_size=9, seed=1)
        frame = flow.predictions(three)
        assert list(frame.columns) == ["sample", "true", "predicted", 0, 1, 2]
        assert frame["true"].tolist() == numbers.tolist() == frame["predicted"].tolist()
    real = generator(rescale=None).flow(images, numbers / 2, seed=1).predictions(corner)
    assert list(real.columns) == ["sample", "true", "predicted"]
    assert np.allclose(real["predicted"], corner(images)[:, 0])

    ids = list("abcdefg")
    loader = augflow.flow_from_loader(
        lambda name: np.full(2, ord(name), "float32"), ids, [0, 1] * 3 + [1], num_classes=2,
        batch_size=3, workers=0, augment=lambda sample, rng: sample + rng.random(),
    )  # fmt: skip
    frame = loader.predictions(lambda x: x)
    assert frame["id"].tolist() == ids and frame["true"].tolist() == [0, 1] * 3 + [1]
    assert (frame[1] > [ord(name) for name in ids]).all()

    arrays = augflow.flow_from_arrays({"a": np.arange(7.0)}, np.arange(7) / 2, batch_size=2)
    frame = arrays.predictions(lambda inputs: inputs["a"])
    assert frame["predicted"].tolist() == list(range(7)) == (frame["true"] * 2).tolist()

    file = tmp_path / "rows.csv"
    pd.DataFrame({"a": range(20), "b": range(20)}).to_csv(file, index=False)
    split = {"validation_split": 0.3, "subset": "training", "batch_size": 4, "workers": 0}
    rows = augflow.flow_from_csv(file, ["a"], "b", shuffle=True, **split)
    frame = rows.predictions(lambda x: x)
    assert frame["row"].tolist() == list(range(6, 20)) == frame["predicted"].tolist()
    assert frame["true"].tolist() == list(range(6, 20))

    from augflow.flow.from_source import SourceFlow

    text = tmp_path / "lines.txt"
    text.write_text("".join(f"{number}\n" for number in range(9)))
    source = SourceFlow(LineSource(str(text), np.arange(9.0)), batch_size=4, workers=0)
    frame = source.predictions(lambda x: x[:, 0] - ord("0"))
    assert frame["predicted"].tolist() == list(range(9)) == frame["true"].tolist()


def test_an_array_of_two_numbers_is_binary() -> None:
    flow = augflow.flow_from_arrays(np.arange(4.0), np.array([0, 1, 1, 0]))
    frame = flow.predictions(lambda x: x / 4)
    assert frame["predicted"].tolist() == [0, 0, 0, 1]
    assert frame[1].tolist() == [0, 0.25, 0.5, 0.75]


@pytest.mark.parametrize("classes", [1, 3])
def test_masks_are_saved(classes: int, folder: Path, tmp_path: Path) -> None:
    for name in table_of(folder)["filename"]:
        with Image.open(folder / name) as file:
            mask = np.zeros((file.height, file.width), np.uint8)
        mask[: len(mask) // 2] = 1
        path = (tmp_path / "masks" / name).with_suffix(".png")
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(mask).save(path)
    flow = directory(folder, class_mode="mask", mask_directory=tmp_path / "masks")

    def model(images: np.ndarray) -> np.ndarray:
        made = np.zeros((len(images), 20, 24, classes), "float32")
        made[:, :10, :, -1] = 1
        if classes > 1:
            made[:, 10:, :, 0] = 1
        return made

    frame = flow.predictions(model, save_masks_to=tmp_path / "made")
    assert list(frame.columns) == ["filename", "predicted", "accuracy"]
    assert frame["filename"].tolist() == flow.filenames
    saved = np.asarray(Image.open(frame["predicted"][0]))
    assert np.unique(saved[:10]).tolist() == [max(1, classes - 1)] and not saved[10:].any()
    expected = 1.0 if classes == 1 else 0.5
    assert np.allclose(frame["accuracy"], expected, atol=0.06)
    with pytest.raises(ValueError, match="masks of differently moved images"):
        flow.predictions(model, rounds=2, save_masks_to=tmp_path)
    with pytest.raises(ValueError, match="save_masks_to"):
        flow.predictions(model)


@pytest.mark.parametrize(
    ("model", "arguments", "error", "message"),
    [
        (two, {"rounds": 0}, ValueError, "at least 1. Received: 0"),
        (two, {"rounds": 1.5}, TypeError, "Received: 1.5"),
        (two, {"rounds": True}, TypeError, "Received: True"),
        (3, {}, TypeError, "predict_on_batch.*Received: int"),
        (lambda x: np.zeros((len(x), 3)), {}, ValueError, "3 value.*2 classes"),
        (lambda x: np.zeros((2, 2)), {}, ValueError, r"shape \(2, 2\) for 8 samples"),
        (two, {"save_masks_to": "x"}, ValueError, "save_masks_to.*'x'"),
    ],
)
def test_what_cannot_be_used_is_an_error(
    model: Any, arguments: dict[str, Any], error: type[Exception], message: str, folder: Path
) -> None:
    with pytest.raises(error, match=message):
        directory(folder).predictions(model, **arguments)


def test_without_draws_there_is_nothing_to_average(folder: Path) -> None:
    plain = ImageDataGenerator(workers=0).flow_from_directory(folder, **SIZE)
    with pytest.raises(ValueError, match="rounds=2 averages over random draws"):
        plain.predictions(two, rounds=2)
    with pytest.raises(ValueError, match="rounds=2"):
        augflow.flow_from_arrays(np.arange(4.0)).predictions(lambda x: x, rounds=2)


def test_a_flow_with_indices_of_its_own_has_no_order_of_files(folder: Path) -> None:
    flow = directory(folder)
    flow.index_generator = iter([np.arange(3)])
    with pytest.raises(TypeError, match="index_generator"):
        flow.predictions(two)


def test_a_sampler_and_left_out_remainders_leave_out_nothing(folder: Path) -> None:
    frame = directory(folder, sampler="balanced").predictions(two)
    assert frame["filename"].nunique() == 19
    flow = augflow.flow_from_arrays(np.arange(7.0), batch_size=3, drop_remainder=True)
    assert flow.predictions(lambda x: x)["predicted"].tolist() == list(range(7))


@pytest.mark.heavy
def test_a_model_of_keras(folder: Path) -> None:
    import keras

    keras.utils.set_random_seed(0)
    inputs = keras.Input((20, 24, 3))
    pooled = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(4, 3)(inputs))
    model = keras.Model(inputs, keras.layers.Dense(2, activation="softmax")(pooled))
    frame = directory(folder).predictions(model)
    plain = directory(folder, shuffle=False, augment=False)
    assert np.allclose(frame[["cat", "flower"]], model.predict(plain, verbose=0), atol=1e-6)
