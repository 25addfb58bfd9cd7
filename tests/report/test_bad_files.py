"""on_error="skip": broken files are left out, counted and named, and nothing else changes."""

from __future__ import annotations

import copy
import errno
import pickle
import shutil
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import augflow
from augflow import ImageDataGenerator, ImageReadError
from augflow.batch import image_plan as batch
from augflow.batch.plan import BadSample
from augflow.report.bad_files import FILES, BadFiles
from tests.flow_world import SAMPLES, SIZE, signature, signatures, table_of, take, write_folder

BATCH = 4
LENGTH = 5  # batches an epoch: four of 4 and one of 3 samples
AFFINE: dict[str, Any] = {
    "rotation_range": 25,
    "width_shift_range": 0.2,
    "zoom_range": 0.3,
    "horizontal_flip": True,
    "brightness_range": (0.7, 1.3),
}
# Rows of the table, which are the positions of the files in a flow's list.
EMPTY, CUT, TEXT, CUT_PNG = 1, 5, 13, 9
BROKEN = (EMPTY, CUT, CUT_PNG, TEXT)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_folder(tmp_path_factory.mktemp("whole"))


@pytest.fixture(scope="module")
def folder(whole: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same folder with four broken files."""
    folder = tmp_path_factory.mktemp("broken") / "photos"
    shutil.copytree(whole, folder)
    names = table_of(folder)["filename"]
    (folder / names[EMPTY]).write_bytes(b"")
    for row in (CUT, CUT_PNG):
        content = (folder / names[row]).read_bytes()
        (folder / names[row]).write_bytes(content[: len(content) // 2])
    (folder / names[TEXT]).write_text("404 not found")
    return folder


def make_flow(folder: Path, workers: int = 0, generator: Any = None, **options: Any) -> Any:
    generator = generator or ImageDataGenerator(workers=workers, **AFFINE)
    settings = {"target_size": SIZE, "batch_size": BATCH, "seed": 3, "class_mode": "sparse"}
    return generator.flow_from_directory(folder, **(settings | options))


def quiet(flow: Any, count: int = LENGTH) -> list[Any]:
    """The next batches; the report at the end of the epoch is looked at elsewhere."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "augflow: .* could not be read")
        return take(flow, count)


def without(batches: list[Any], flow: Any, epochs: int = 1) -> list[Any]:
    """Batches of the whole folder without the rows of the files that are broken."""
    kept = []
    for number, batch_ in enumerate(batches):
        schedule = flow._current_schedule()
        start = number // LENGTH * LENGTH
        place = schedule.place(schedule.epoch(start), number % LENGTH, number)
        good = ~np.isin(place.indices, BROKEN)
        kept.append(tuple(part[good] for part in batch_))
    return kept


@pytest.mark.parametrize("workers", [0, 1, 2, 5])
def test_the_other_samples_are_what_they_would_be(whole: Path, folder: Path, workers: int) -> None:
    with make_flow(whole) as good, make_flow(folder, workers, on_error="skip") as flow:
        wanted = without(take(good, 2 * LENGTH), good)
        batches = quiet(flow, 2 * LENGTH)
        assert signatures(batches) == signatures(wanted)
        assert sum(len(labels) for _, labels in batches[:LENGTH]) == SAMPLES - len(BROKEN)
        names = table_of(folder)["filename"]
        assert set(flow.bad_files) == {str(folder / names[row]) for row in BROKEN}
        assert flow.bad_files[str(folder / names[EMPTY])] == "the file is empty"


@pytest.mark.parametrize("workers", [0, 2])
def test_by_index_it_is_the_same(folder: Path, workers: int) -> None:
    with make_flow(folder, workers, on_error="skip") as flow:
        wanted = signatures(quiet(flow))
    with make_flow(folder, workers, on_error="skip") as flow:
        order = [3, 0, 4, 1, 2]
        with pytest.warns(UserWarning, match=r"4 file\(s\) could not be read.*in epoch 1"):
            found = {position: signature(flow[position]) for position in order}
        assert [found[position] for position in range(LENGTH)] == wanted


@pytest.mark.parametrize("workers", [0, 2])
def test_a_batch_of_broken_files_alone_while_shuffling(folder: Path, workers: int) -> None:
    # With batches of one, each broken file is a batch, as a short last batch may be.
    options = {"batch_size": 1, "on_error": "skip", "class_mode": None}
    with make_flow(folder, workers, **options) as flow:
        with pytest.warns(UserWarning, match=r"4 batch\(es\) held nothing else; another"):
            batches = signatures(take(flow, SAMPLES))
        order = flow.index_array.tolist()
    with make_flow(folder, workers, **options) as by_index, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert [signature(by_index[k]) for k in reversed(range(SAMPLES))] == batches[::-1]
    for place, row in enumerate(order):
        before = next(k for k in range(place - 1, -9, -1) if order[k] not in BROKEN)
        assert (batches[place] == batches[before]) == (row in BROKEN)
    # In a fixed order they would be missing in each epoch, and predictions would be shifted.
    flow = make_flow(folder, workers, shuffle=False, **options)
    with flow, pytest.raises(ImageReadError, match="None of the 1 file"):
        take(flow, SAMPLES)


def test_by_default_the_name_stops_the_run(folder: Path) -> None:
    with make_flow(folder) as flow, pytest.raises(ImageReadError, match=r"cannot read image '.*"):
        take(flow, LENGTH)
    with make_flow(folder) as flow:
        assert flow.bad_files == {}


def drawing_nothing(image: np.ndarray) -> np.ndarray:
    return image[::-1]


class Own(ImageDataGenerator):
    """Methods of its own, so that batches are built by them."""

    def apply_transform(self, x: np.ndarray, transform_parameters: dict[str, Any]) -> np.ndarray:
        return super().apply_transform(x, transform_parameters) + 1


@pytest.mark.parametrize("kind", ["function", "methods"])
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_users_functions_draw_nothing_else(
    whole: Path, folder: Path, kind: str, data_format: str
) -> None:
    def generator() -> ImageDataGenerator:
        if kind == "methods":
            return Own(workers=0, data_format=data_format, **AFFINE)
        return ImageDataGenerator(
            workers=0, data_format=data_format, preprocessing_function=drawing_nothing, **AFFINE
        )

    with (
        make_flow(whole, generator=generator()) as good,
        make_flow(folder, generator=generator(), on_error="skip") as flow,
    ):
        assert signatures(quiet(flow)) == signatures(without(take(good, LENGTH), good))


def test_inputs_as_targets_stay_aligned(folder: Path) -> None:
    with make_flow(folder, 2, on_error="skip", class_mode="input") as flow:
        for inputs, targets in quiet(flow):
            np.testing.assert_array_equal(inputs, targets)
            assert len(inputs) == len(targets) <= BATCH


@pytest.mark.parametrize("workers", [0, 2])
def test_targets_and_weights_of_a_table_stay_aligned(folder: Path, workers: int) -> None:
    table = table_of(folder)
    missing = {"filename": "cat/gone.jpg", "class": "cat", "id": 99.0, "half": 49.5, "weight": 7}
    table = pd.concat([table, pd.DataFrame([missing])], ignore_index=True)
    with ImageDataGenerator(workers=workers).flow_from_dataframe(
        table,
        str(folder),
        y_col=["id", "half"],
        weight_col="weight",
        class_mode="multi_output",
        target_size=SIZE,
        batch_size=BATCH,
        seed=1,
        validate_filenames=False,
        on_error="skip",
    ) as flow:
        batches = quiet(flow)
        rows = np.concatenate([targets[0] for _, targets, _ in batches]).astype(int)
        assert sorted(rows) == sorted(set(range(SAMPLES)) - set(BROKEN))
        for images, (ids, halves), weights in batches:
            assert len(images) == len(ids)
            np.testing.assert_array_equal(halves * 2, ids)
            np.testing.assert_array_equal(weights, table["weight"].to_numpy()[ids.astype(int)])
        gone = str(folder / "cat/gone.jpg")
        assert flow.bad_files[gone] == "FileNotFoundError: No such file or directory"
        assert len(flow.bad_files) == len(BROKEN) + 1


@pytest.mark.parametrize("workers", [0, 2])
def test_one_report_an_epoch(folder: Path, workers: int) -> None:
    with make_flow(folder, workers, on_error="skip") as flow:
        for epoch in (1, 2):
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                take(flow, LENGTH - 1)
                assert caught == []
                next(flow)
            messages = [str(each.message) for each in caught]
            assert len(messages) == 1 and f"left out in epoch {epoch}: " in messages[0]
            assert all(
                str(folder / table_of(folder)["filename"][row]) in messages[0] for row in BROKEN
            )
        assert len(flow.bad_files) == len(BROKEN)


def test_nothing_is_reported_where_nothing_is_left_out(whole: Path) -> None:
    with make_flow(whole, on_error="skip") as flow, warnings.catch_warnings():
        warnings.simplefilter("error")
        take(flow, LENGTH)
        assert flow.bad_files == {}


def test_a_part_of_an_epoch_is_reported_at_its_end(folder: Path) -> None:
    flow = make_flow(folder, on_error="skip", shuffle=False)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        next(flow)
        # As Keras does before the first epoch.
        flow.on_epoch_end()
        flow.on_epoch_begin()
    with pytest.warns(UserWarning, match=r"1 file\(s\)"):
        flow.on_epoch_end()
    next(flow)
    with pytest.warns(UserWarning, match=r"1 file\(s\)"):
        flow.close()


def test_a_batch_without_any_sample_is_an_error(folder: Path) -> None:
    with make_flow(folder, on_error="skip", batch_size=1, shuffle=False) as flow:
        next(flow)
        with pytest.raises(ImageReadError, match=r"None of the 1 file\(s\) of this batch"):
            next(flow)
        # The flow has moved on.
        images, _ = next(flow)
        assert images.shape == (1, *SIZE, 3)
        assert list(flow.bad_files) == [str(folder / table_of(folder)["filename"][EMPTY])]


@pytest.mark.parametrize("workers", [0, 2])
def test_errors_of_a_users_function_are_no_broken_files(whole: Path, workers: int) -> None:
    def fail(image: np.ndarray) -> np.ndarray:
        raise FileNotFoundError("weights.npz")

    generator = ImageDataGenerator(workers=workers, preprocessing_function=fail)
    with (
        make_flow(whole, generator=generator, on_error="skip") as flow,
        pytest.raises(FileNotFoundError, match=r"weights\.npz"),
    ):
        next(flow)


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENOMEM])
def test_what_has_run_out_says_nothing_of_a_file(
    whole: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def fail(*_: Any) -> None:
        raise OSError(number, "run out", "a.jpg")

    monkeypatch.setattr(batch, "read_image", fail)
    with make_flow(whole, on_error="skip") as flow, pytest.raises(OSError, match="run out"):
        next(flow)


@pytest.mark.parametrize("where", ["ram", "folder"])
@pytest.mark.parametrize("workers", [0, 2])
def test_a_cache_holds_no_broken_file(
    folder: Path, tmp_path: Path, where: str, workers: int
) -> None:
    with make_flow(folder, workers, on_error="skip") as flow:
        wanted = signatures(quiet(flow, 2 * LENGTH))
    cache = "ram" if where == "ram" else tmp_path / "cache"
    with make_flow(folder, workers, on_error="skip", cache=cache) as flow:
        assert signatures(quiet(flow, 2 * LENGTH)) == wanted
        info = flow.cache_info()
        assert (info.images, info.cached) == (SAMPLES, SAMPLES - len(BROKEN))
        assert len(flow.bad_files) == len(BROKEN)


def test_a_file_that_is_repaired_comes_back(folder: Path, whole: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "photos")
    with make_flow(tmp_path / "photos", on_error="skip", cache="ram") as flow:
        quiet(flow)
        shutil.copytree(whole, tmp_path / "photos", dirs_exist_ok=True)
        assert sum(len(labels) for _, labels in take(flow, LENGTH)) == SAMPLES


def test_saved_images_are_those_that_are_there(folder: Path, whole: Path, tmp_path: Path) -> None:
    saved = {}
    for name, source in (("whole", whole), ("broken", folder)):
        (tmp_path / name).mkdir()
        with make_flow(source, on_error="skip", save_to_dir=str(tmp_path / name)) as flow:
            quiet(flow)
        saved[name] = {path.name for path in (tmp_path / name).iterdir()}
    # The random numbers in the names are the same, too.
    assert saved["broken"] == {
        name for name in saved["whole"] if int(name.split("_")[1]) not in BROKEN
    }


def test_copies_begin_anew(folder: Path) -> None:
    with make_flow(folder, on_error="skip") as flow:
        quiet(flow)
        for twin in (copy.copy(flow), pickle.loads(pickle.dumps(flow))):
            assert twin.bad_files == {} and twin.on_error == "skip"
            twin.close()


@pytest.mark.parametrize("value", ["ignore", None, True])
def test_other_values_are_refused(whole: Path, value: Any) -> None:
    with pytest.raises(ValueError, match="on_error"):
        make_flow(whole, on_error=value)


@pytest.mark.heavy
@pytest.mark.parametrize("workers", [0, 2])
def test_fit_goes_on(folder: Path, workers: int) -> None:
    keras = pytest.importorskip("keras")
    model = keras.Sequential(
        [keras.Input((*SIZE, 3)), keras.layers.Flatten(), keras.layers.Dense(2)]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(loss=loss, optimizer=keras.optimizers.SGD(1e-9))
    with (
        make_flow(folder, workers, on_error="skip") as flow,
        warnings.catch_warnings(record=True) as caught,
    ):
        warnings.simplefilter("always")
        history = model.fit(flow, epochs=2, verbose=0)
        assert np.isfinite(history.history["loss"]).all()
        assert len(flow.bad_files) == len(BROKEN)
        own = [str(each.message) for each in caught if "left out" in str(each.message)]
        assert ["4 file(s)" in text for text in own] == [True, True]
        assert [f"in epoch {number}:" in own[number - 1] for number in (1, 2)] == [True, True]


# verify


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_verify_lists_what_is_wrong(folder: Path, workers: int) -> None:
    names = table_of(folder)["filename"]
    wanted = [names[row] for row in sorted(BROKEN)]
    with make_flow(folder) as flow:
        found = augflow.verify(flow, workers=workers)
        assert found["filename"].tolist() == wanted
        assert [flow.filenames[row] for row in sorted(BROKEN)] == wanted
    by_folder = augflow.verify(folder, workers=workers)
    pd.testing.assert_frame_equal(by_folder, found)
    paths = [folder / name for name in names] + [folder / "gone.jpg"]
    by_list = augflow.verify(paths, workers=workers)
    assert by_list["filename"].tolist() == [folder / name for name in wanted] + [paths[-1]]
    assert by_list["reason"].tolist()[:-1] == found["reason"].tolist()
    assert by_list["reason"].tolist()[-1] == "FileNotFoundError: No such file or directory"
    assert found["reason"].tolist()[0] == "the file is empty"


def test_verify_goes_where_a_flow_goes(folder: Path, tmp_path: Path) -> None:
    """Into class folders that are links, and to files beside them."""
    (tmp_path / "linked").symlink_to(folder / "cat")
    (tmp_path / "deep" / "below").mkdir(parents=True)
    for place in ("beside.jpg", "deep/below/1.png", "deep/2.bmp"):
        (tmp_path / place).write_bytes(b"")
    (tmp_path / "deep" / "notes.txt").write_text("no image")
    found = augflow.verify(tmp_path, workers=0)["filename"].tolist()
    linked = [f"linked/{row:02d}" for row in (EMPTY, CUT, CUT_PNG)]
    assert [name.rsplit(".", 1)[0] for name in found] == [
        "beside",
        "deep/2",
        "deep/below/1",
        *linked,
    ]


@pytest.mark.parametrize("workers", [0, 2])
def test_verify_of_many_files_keeps_their_order(
    whole: Path, folder: Path, workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = sorted(str(path) for path in whole.rglob("*.jpg"))
    broken = str(folder / table_of(folder)["filename"][TEXT])
    paths = pd.Series([broken if row % 37 == 5 else good[row % len(good)] for row in range(300)])
    found = augflow.verify(paths, workers=workers)
    assert found["filename"].tolist() == [broken] * sum(paths == broken)


def test_verify_of_a_whole_folder_is_empty(whole: Path) -> None:
    for nothing in (whole, []):
        found = augflow.verify(nothing, workers=0)
        assert found.columns.tolist() == ["filename", "reason"] and len(found) == 0


def test_verify_says_what_it_takes(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="gone"):
        augflow.verify(tmp_path / "gone")
    for wrong in (3, {"a.jpg": 1}, [1, 2], None):
        with pytest.raises(TypeError, match="a flow from"):
            augflow.verify(wrong)
    with pytest.raises(ValueError, match="workers"):
        augflow.verify(tmp_path, workers=-1)
    # Not the answer of a folder in which all is well.
    with pytest.raises(ValueError, match=r"no images .* so nothing was verified"):
        augflow.verify(tmp_path)


def test_what_verify_finds_can_be_left_out(folder: Path) -> None:
    table = table_of(folder)
    bad = augflow.verify(folder, workers=0)
    good = table[~table["filename"].isin(bad["filename"])]
    with ImageDataGenerator(workers=0).flow_from_dataframe(
        good, str(folder), target_size=SIZE, class_mode="sparse", batch_size=SAMPLES
    ) as flow:
        assert len(next(flow)[0]) == SAMPLES - len(BROKEN)


# The report itself


def test_what_is_read_ahead_waits_for_its_own_report() -> None:
    """TensorFlow's thread reads in the next epoch before Keras ends this one."""
    files = BadFiles(FILES)
    files.leave_out([BadSample(0, "a.jpg", "cut")], 2)
    with pytest.warns(UserWarning, match=r"1 file\(s\).*in epoch 1: 'a.jpg' \(cut\)"):
        for position in (1, 0):
            files.batch_was_read(0, position, 2)
    files.leave_out([BadSample(0, "b.jpg", "cut")], 2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        files.batch_was_read(2, 0, 2)
        files.epoch_has_ended()
    with pytest.warns(UserWarning, match=r"1 file\(s\).*in epoch 2: 'b.jpg'"):
        files.batch_was_read(2, 1, 2)
    assert files.reasons == {"a.jpg": "cut", "b.jpg": "cut"}


def test_a_report_shows_five_names() -> None:
    files = BadFiles(FILES)
    files.leave_out([BadSample(row, f"{row}.jpg", "cut") for row in range(7)], 8)
    with pytest.warns(UserWarning, match=r"7 file\(s\).*'4\.jpg' \(cut\), \.\.\.\. The flow's"):
        files.report()
