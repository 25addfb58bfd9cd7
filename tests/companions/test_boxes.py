"""Boxes, keypoints and matrices: against pixels that were drawn, warped and looked at."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from augflow import Boxes, ImageDataGenerator, Keypoints, map_boxes, map_points
from augflow.companions.annotations import from_edges, to_edges
from augflow.companions.moving import clip_boxes
from tests.companions.moving_world import SAMPLES, write_pairs
from tests.flow_world import signatures, take

MOVES: dict[str, Any] = {
    "rotation_range": 30,
    "width_shift_range": 0.2,
    "height_shift_range": 0.2,
    "shear_range": 10,
    "zoom_range": 0.3,
    "horizontal_flip": True,
    "vertical_flip": True,
}
SIZE = (24, 28)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, pd.DataFrame]:
    folder = tmp_path_factory.mktemp("pairs")
    return folder, write_pairs(folder)


def flow_of(
    world: tuple[Path, pd.DataFrame], generator: ImageDataGenerator, **arguments: Any
) -> Any:
    common = {"class_mode": None, "target_size": SIZE, "batch_size": 4, "seed": 3}
    return generator.flow_from_dataframe(world[1], world[0], **(common | arguments))


def bounds(pixels: np.ndarray) -> tuple[int, int, int, int] | None:
    """The edges of what is set, (x_min, y_min, x_max, y_max); None for nothing."""
    rows, columns = np.flatnonzero(pixels.any(axis=1)), np.flatnonzero(pixels.any(axis=0))
    if not len(rows):
        return None
    return columns[0], rows[0], columns[-1] + 1, rows[-1] + 1


def drawn_boxes(folder: Path, count: int, size: tuple[int, int]) -> pd.DataFrame:
    """Pictures of one white box each, and their edges."""
    generator = np.random.default_rng(11)
    height, width = size
    rows = []
    for number in range(count):
        left, top = generator.integers(2, width // 2), generator.integers(2, height // 2)
        right = left + generator.integers(width // 5, width // 2 - 2)
        bottom = top + generator.integers(height // 5, height // 2 - 2)
        pixels = np.zeros(size, np.uint8)
        pixels[top:bottom, left:right] = 1
        Image.fromarray(pixels).save(folder / f"{number}.png")
        rows.append({"filename": f"{number}.png", "boxes": [[left, top, right, bottom]]})
    return pd.DataFrame(rows)


# Boxes against pixels.


@pytest.mark.parametrize(
    ("moves", "size", "target", "tolerance"),
    [
        # What moves whole pixels is exact.
        ({}, (40, 60), (40, 60), 0),
        ({"horizontal_flip": True, "vertical_flip": True}, (40, 60), (40, 60), 0),
        ({"width_shift_range": [9], "height_shift_range": [5]}, (40, 60), (40, 60), 0),
        ({"width_shift_range": [9], "horizontal_flip": True}, (80, 120), (160, 240), 0),
        # Otherwise a pixel belongs to a box if its middle does: half a pixel at each edge, and
        # once more where the image was resized first, by picking pixels, and where it was cropped
        # through the box: with "constant" SciPy fills from the middle of the outermost pixels on.
        ({"zoom_range": 0.4, "vertical_flip": True}, (80, 120), (80, 120), 0.51),
        ({"zoom_range": 0.4, "vertical_flip": True}, (80, 120), (170, 130), 2.0),
        # The corner of a turned box is less than a pixel.
        (MOVES, (80, 120), (80, 120), 1.5),
        (MOVES, (80, 120), (170, 130), 2.5),
    ],
)
@pytest.mark.parametrize("keep_aspect_ratio", [False, True, "pad"])
def test_boxes_are_where_their_pixels_are(
    tmp_path: Path, moves: Any, size: Any, target: Any, tolerance: float, keep_aspect_ratio: Any
) -> None:
    table = drawn_boxes(tmp_path, 60, size)
    generator = ImageDataGenerator(**moves, fill_mode="constant", interpolation_order=0, workers=0)
    flow = generator.flow_from_dataframe(
        table,
        tmp_path,
        class_mode=None,
        color_mode="grayscale",
        target_size=target,
        keep_aspect_ratio=keep_aspect_ratio,
        boxes=Boxes("boxes"),
        batch_size=60,
        seed=2,
    )
    images, targets = next(flow)
    seen = 0
    for image, box, valid in zip(images, targets["boxes"], targets["valid"], strict=True):
        expected = bounds(image[..., 0] > 0)
        if expected is None:
            # Less than a pixel may be left of it, between the pixels.
            assert not valid[0] or min(box[0, 2:] - box[0, :2]) <= 2 * tolerance
            continue
        assert valid[0]
        difference = box[0] - np.array(expected)
        # Of a turned box that is cut at the image's edge, corners may lie outside: then it is
        # larger than what is seen of it, never smaller.
        outwards = difference * (1, 1, -1, -1)
        assert outwards.max() <= max(tolerance, 1e-4)
        cut = (box[0] <= 0) | (box[0] >= (target[1], target[0], target[1], target[0]))
        if "rotation_range" not in moves or not cut.any():
            np.testing.assert_allclose(difference, 0, atol=max(tolerance, 1e-4))
            seen += 1
    assert seen > 8


def test_every_format_is_the_same_box(world: tuple[Path, pd.DataFrame]) -> None:
    folder, table = world
    sizes = [Image.open(folder / name).size[::-1] for name in table["filename"]]
    edges = [np.array(cell) for cell in table["boxes"]]
    given = {
        name: [from_edges(one, name, *size) for one, size in zip(edges, sizes, strict=True)]
        for name in ("pascal_voc", "coco", "yolo")
    }
    assert given["coco"][0][0].tolist() == [4, 5, 16, 17]
    assert given["yolo"][0][0].tolist() == [12 / 44, 13.5 / 30, 16 / 44, 17 / 30]
    found = {}
    for name, values in given.items():
        generator = ImageDataGenerator(**MOVES, workers=0)
        flow = flow_of((folder, table.assign(b=values)), generator, boxes=Boxes("b", format=name))
        targets = next(flow)[1]
        boxes, valid = targets["boxes"], targets["valid"]
        found[name] = np.where(
            valid[..., None], to_edges(boxes.reshape(-1, 4), name, *SIZE).reshape(boxes.shape), -1
        )
    np.testing.assert_allclose(found["coco"], found["pascal_voc"], atol=1e-4)
    np.testing.assert_allclose(found["yolo"], found["pascal_voc"], atol=1e-4)


@settings(max_examples=80)
@given(
    st.lists(st.tuples(*[st.integers(-12, 30)] * 4), max_size=6),
    st.sampled_from([0.0, 0.25, 0.5, 1.0]),
)
def test_visibility_is_what_is_left_of_the_area(corners: Any, min_visibility: float) -> None:
    # Sides may have any order, and no length.
    boxes = np.array([[min(a, c), min(b, d), max(a, c), max(b, d)] for a, b, c, d in corners])
    boxes = boxes.reshape(-1, 4).astype(float)
    clipped, kept = clip_boxes(boxes, 16, 20, min_visibility)
    expected = []
    for number, (left, top, right, bottom) in enumerate(boxes.astype(int).tolist()):
        # Counted on a canvas that holds all of it.
        canvas = np.zeros((60, 60), bool)
        canvas[top + 20 : bottom + 20, left + 20 : right + 20] = True
        inside = int(canvas[20:36, 20:40].sum())
        if inside and inside >= min_visibility * int(canvas.sum()):
            expected.append(number)
    assert kept.tolist() == expected
    for box, number in zip(clipped.tolist(), expected, strict=True):
        left, top, right, bottom = boxes[number]
        assert box == [max(left, 0), max(top, 0), min(right, 20), min(bottom, 16)]


def test_padding_labels_and_order(world: tuple[Path, pd.DataFrame]) -> None:
    folder, table = world
    cells = [[] if number % 4 == 0 else cell for number, cell in enumerate(table["boxes"])]
    labels = [[] if number % 4 == 0 else cell for number, cell in enumerate(table["labels"])]
    table = table.assign(boxes=cells, labels=labels)
    generator = ImageDataGenerator(workers=0)
    flow = flow_of(
        (folder, table), generator, boxes=Boxes("boxes", labels="labels", max_boxes=5),
        shuffle=False, batch_size=SAMPLES,
    )  # fmt: skip
    _, targets = next(flow)
    assert {name: (array.shape, str(array.dtype)) for name, array in targets.items()} == {
        "boxes": ((SAMPLES, 5, 4), "float32"),
        "labels": ((SAMPLES, 5), "int32"),
        "valid": ((SAMPLES, 5), "bool"),
    }
    for number in range(SAMPLES):
        count = 0 if number % 4 == 0 else 2
        assert targets["valid"][number].tolist() == [True] * count + [False] * (5 - count)
        wanted = [number % 3, 3][:count] + [-1] * (5 - count)
        assert targets["labels"][number].tolist() == wanted
        assert not targets["boxes"][number, count:].any()
    # Without max_boxes as many as the fullest row has, and beside a class as "target".
    table = table.assign(**{"class": ["a", "b"] * 5 + ["a"]})
    flow = flow_of((folder, table), generator, boxes=Boxes("boxes"), class_mode="sparse")
    _, targets = next(flow)
    assert list(targets) == ["target", "boxes", "valid"]
    assert targets["boxes"].shape == (4, 2, 4) and targets["target"].shape == (4,)


def test_dropped_boxes_take_their_labels_with_them(tmp_path: Path) -> None:
    Image.new("L", (40, 40)).save(tmp_path / "a.png")
    boxes = [[0, 0, 10, 10], [30, 30, 40, 40], [15, 15, 25, 25], [0, 25, 40, 40]]
    table = pd.DataFrame({"filename": ["a.png"], "boxes": [boxes], "labels": [[4, 5, 6, 7]]})
    generator = ImageDataGenerator(height_shift_range=[20], width_shift_range=[0], workers=0)
    for min_visibility, expected in ((0.0, {(4, 6), (5, 6, 7), (4, 6, 7)}), (0.9, None)):
        found = set()
        for seed in range(6):
            flow = generator.flow_from_dataframe(
                table, tmp_path, class_mode=None, target_size=(40, 40), seed=seed,
                boxes=Boxes("boxes", labels="labels", min_visibility=min_visibility),
            )  # fmt: skip
            targets = next(flow)[1]
            found.add(tuple(targets["labels"][targets["valid"]].tolist()))
        if expected is None:
            # Half of the box in the middle, 6, leaves the image either way.
            assert all(6 not in labels for labels in found)
        else:
            assert found <= expected and len(found) == 2


# Loaders.


def test_loaders_for_tables_and_directories(world: tuple[Path, pd.DataFrame]) -> None:
    folder, table = world
    generator = ImageDataGenerator(**MOVES, workers=2)
    by_column = flow_of(
        world, generator, boxes=Boxes("boxes", labels="labels"), keypoints=Keypoints("points")
    )

    def parse(number: int) -> dict[str, Any]:
        return {"boxes": table["boxes"][number], "labels": table["labels"][number]}

    rows = table.assign(number=np.arange(SAMPLES))
    by_loader = flow_of(
        (folder, rows),
        generator,
        boxes=Boxes("number", loader=parse, max_boxes=2),
        keypoints=Keypoints("number", loader=lambda number: table["points"][number], max_points=2),
    )
    by_path = generator.flow_from_directory(
        folder,
        classes=["images"],
        class_mode=None,
        target_size=SIZE,
        batch_size=4,
        seed=3,
        boxes=Boxes(loader=lambda path: parse(int(Path(path).stem)), max_boxes=2),
        keypoints=Keypoints(
            loader=lambda path: table["points"][int(Path(path).stem)], max_points=2
        ),
    )
    found = []
    for flow in (by_column, by_loader, by_path):
        with flow:
            found.append([list(t.values()) for _, t in take(flow, 3)])
    assert signatures(found[0]) == signatures(found[1]) == signatures(found[2])


# Keypoints.


@pytest.mark.parametrize("order", [0, 1])
def test_a_point_stays_on_its_pixel(tmp_path: Path, order: int) -> None:
    generator = np.random.default_rng(0)
    rows = []
    for number in range(12):
        x, y = generator.integers(0, 50), generator.integers(0, 30)
        pixels = np.zeros((30, 50), np.uint8)
        pixels[y, x] = 250
        Image.fromarray(pixels).save(tmp_path / f"{number}.png")
        rows.append({"filename": f"{number}.png", "points": [[x, y]]})
    moving = ImageDataGenerator(
        horizontal_flip=True,
        vertical_flip=True,
        width_shift_range=[7],
        height_shift_range=[4],
        fill_mode="constant",
        interpolation_order=order,
        workers=0,
    )
    flow = moving.flow_from_dataframe(
        pd.DataFrame(rows), tmp_path, class_mode=None, color_mode="grayscale",
        target_size=(30, 50), keypoints=Keypoints("points", max_points=2), seed=1,
    )  # fmt: skip
    images, targets = next(flow)
    assert targets["keypoints"].dtype == np.float32 and targets["visible"].shape == (12, 2)
    for image, points, visible in zip(images, *targets.values(), strict=True):
        assert not visible[1] and not points[1].any()
        assert visible[0] == (image.max() > 200)
        if visible[0]:
            y, x = np.unravel_index(image[..., 0].argmax(), (30, 50))
            np.testing.assert_allclose(points[0], (x, y), atol=1e-4)


def test_points_that_are_not_there(world: tuple[Path, pd.DataFrame]) -> None:
    folder, table = world
    nan = float("nan")
    cells = [[[3, 4, 2], [5, 6, 0], [nan, nan, 1], [-9, 4, 1]]] * SAMPLES
    generator = ImageDataGenerator(workers=0)
    flow = flow_of((folder, table.assign(p=cells)), generator, keypoints=Keypoints("p"))
    targets = next(flow)[1]
    assert targets["visible"].tolist() == [[True, False, False, False]] * 4
    # A point outside keeps its coordinates, one that is not there has none.
    assert (targets["keypoints"][:, 3, 0] < -3).all()
    assert not targets["keypoints"][:, 1:3].any()


def test_what_was_cropped_away_does_not_come_back(tmp_path: Path) -> None:
    # The middle third is kept; zooming out shows the fill value where the rest had been.
    Image.new("L", (90, 30), 200).save(tmp_path / "a.png")
    table = pd.DataFrame(
        {
            "filename": ["a.png"],
            "boxes": [[[0, 0, 20, 30], [20, 10, 50, 20]]],
            "points": [[[10, 15], [45, 15]]],
        }
    )
    generator = ImageDataGenerator(zoom_range=(3, 3), fill_mode="constant", workers=0)
    flow = generator.flow_from_dataframe(
        table, tmp_path, class_mode=None, target_size=(30, 30), keep_aspect_ratio=True,
        boxes=Boxes("boxes"), keypoints=Keypoints("points"),
    )  # fmt: skip
    _, targets = next(flow)
    assert targets["valid"].tolist() == [[True, False]]
    np.testing.assert_allclose(targets["boxes"][0, 0], [10, 40 / 3, 50 / 3, 50 / 3], atol=1e-4)
    assert targets["visible"].tolist() == [[False, True]]


# The matrix.


@pytest.mark.parametrize("keep_aspect_ratio", [False, True, "pad"])
def test_the_matrix_leads_back_to_the_file(tmp_path: Path, keep_aspect_ratio: Any) -> None:
    # The file's own coordinates are its colours, so pixels can be asked where they come from.
    rows = []
    for number, (height, width) in enumerate([(90, 120), (120, 90), (100, 100), (64, 125)]):
        down, right = np.mgrid[:height, :width]
        pixels = np.stack([2 * right, 2 * down, np.full_like(down, 255)], axis=2)
        Image.fromarray(pixels.astype(np.uint8)).save(tmp_path / f"{number}.png")
        rows.append({"filename": f"{number}.png"})
    generator = ImageDataGenerator(**MOVES, fill_mode="constant", workers=0)
    flow = generator.flow_from_dataframe(
        pd.DataFrame(rows), tmp_path, class_mode=None, target_size=(200, 180), seed=6,
        interpolation="bilinear", keep_aspect_ratio=keep_aspect_ratio, with_transform_matrix=True,
    )  # fmt: skip
    seen = 0
    for images, targets in take(flow, 3):
        assert targets["transform_matrix"].dtype == np.float64
        for image, matrix in zip(images, targets["transform_matrix"], strict=True):
            # Where no fill value was mixed in, away from the edges.
            whole = image[..., 2] > 254.9
            whole[1:-1, 1:-1] &= whole[2:, 1:-1] & whole[:-2, 1:-1]
            y, x = np.nonzero(whole)
            found = map_points(matrix, np.stack([x, y], axis=1))
            colours = image[y, x, :2] / 2
            inner = (colours > 1).all(axis=1) & (colours < colours.max(axis=0) - 1).all(axis=1)
            np.testing.assert_allclose(found[inner], colours[inner], atol=0.35)
            seen += int(inner.sum())
    assert seen > 50_000


def test_boxes_and_points_go_there_and_back(world: tuple[Path, pd.DataFrame]) -> None:
    generator = ImageDataGenerator(zoom_range=0.2, horizontal_flip=True, workers=0)
    flow = flow_of(
        world, generator, shuffle=False, batch_size=SAMPLES, with_transform_matrix=True,
        keypoints=Keypoints("points"), boxes=Boxes("boxes"),
    )  # fmt: skip
    targets = next(flow)[1]
    points = map_points(targets["transform_matrix"], targets["keypoints"])
    np.testing.assert_allclose(points, np.array(world[1]["points"].tolist()), atol=1e-4)
    boxes = map_boxes(targets["transform_matrix"], targets["boxes"])
    height, width = SIZE
    inner = (targets["boxes"] > 0) & (targets["boxes"] < (width, height, width, height))
    untouched = inner.all(axis=2)
    assert untouched.sum() > 8
    expected = np.array(world[1]["boxes"].tolist())
    np.testing.assert_allclose(boxes[untouched], expected[untouched], atol=1e-4)


def test_matrices_take_batches_and_single_samples() -> None:
    matrix = np.array([[0.0, -1.0, 9.0], [2.0, 0.0, 1.0], [0.0, 0.0, 1.0]])
    points = np.array([[0.0, 0.0], [1.0, 2.0]])
    assert map_points(matrix, points).tolist() == [[9, 1], [7, 3]]
    assert map_points(np.stack([matrix] * 3), np.stack([points] * 3)).shape == (3, 2, 2)
    # The pixel (0, 0), a box of one pixel, becomes a box around (9, 1).
    assert map_boxes(matrix, np.array([[0, 0, 1, 1]])).tolist() == [[9, 0.5, 10, 2.5]]
    assert map_boxes(np.stack([matrix] * 3), np.zeros((3, 5, 4))).shape == (3, 5, 4)


def test_exif_turns_boxes_too(tmp_path: Path) -> None:
    pixels = np.zeros((30, 50), np.uint8)
    pixels[4:12, 30:45] = 255
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(pixels).save(tmp_path / "a.png", exif=exif)
    upright = np.rot90(pixels, -1)
    table = pd.DataFrame({"filename": ["a.png"], "boxes": [[bounds(upright > 0)]]})
    flow = ImageDataGenerator(workers=0).flow_from_dataframe(
        table, tmp_path, class_mode=None, color_mode="grayscale", target_size=(100, 60),
        exif=True, boxes=Boxes("boxes"),
    )  # fmt: skip
    images, targets = next(flow)
    assert targets["boxes"][0, 0].tolist() == list(bounds(images[0, ..., 0] > 0) or ())


def test_files_of_a_loader_have_the_size_that_it_gives(tmp_path: Path) -> None:
    # Arrays, whose size no header of a picture tells.
    pixels = np.zeros((30, 50, 1), np.uint8)
    pixels[4:12, 30:45] = 255
    np.save(tmp_path / "a.npy", pixels)
    (tmp_path / "a.raw").write_bytes(pixels.tobytes())
    boxes = [[list(bounds(pixels[..., 0] > 0) or ())]] * 2
    table = pd.DataFrame({"filename": ["a.npy", "a.raw"], "boxes": boxes})
    flow = ImageDataGenerator(workers=0).flow_from_dataframe(
        table, tmp_path, class_mode=None, color_mode="grayscale", target_size=(60, 100),
        formats={"npy": None, "raw": lambda path: np.fromfile(path, np.uint8).reshape(30, 50, 1)},
        boxes=Boxes("boxes"),
    )  # fmt: skip
    images, targets = next(flow)
    for image, box in zip(images, targets["boxes"], strict=True):
        assert box[0].tolist() == list(bounds(image[..., 0] > 0) or ())


# What must be said early, and the same batches everywhere.


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"boxes": Boxes("nothing")}, KeyError, "nothing"),
        ({"boxes": "boxes"}, TypeError, r"augflow\.Boxes"),
        ({"keypoints": Boxes("boxes")}, TypeError, r"augflow\.Keypoints"),
        ({"boxes": Boxes("text")}, TypeError, r"row 0, column 'text'.*json\.loads"),
        ({"boxes": Boxes("points")}, ValueError, r"row 0.*shape \(boxes, 4\)"),
        ({"boxes": Boxes("boxes", max_boxes=1)}, ValueError, "row 0.*more than max_boxes=1"),
        ({"boxes": Boxes("boxes", format="yolo")}, ValueError, "row 0.*fractions"),
        ({"boxes": Boxes("reversed")}, ValueError, "row 0.*negative side.*'pascal_voc'"),
        (
            {"boxes": Boxes("boxes", labels="points")},
            ValueError,
            r"row 0, column 'points'.*2 label",
        ),
        ({"boxes": Boxes("boxes", labels="large")}, ValueError, "row 0, column 'large'.*int32"),
        ({"boxes": Boxes("dicts")}, ValueError, r"row 0, column 'dicts'.*shape \(boxes, 4\)"),
        ({"boxes": Boxes("empty")}, ValueError, "row 0, column 'empty'.*an empty list"),
        ({"keypoints": Keypoints("boxes")}, ValueError, "row 0.*keypoints, 2"),
        ({"keypoints": Keypoints("points", max_points=1)}, ValueError, "row 0.*max_points=1"),
    ],
)
def test_wrong_columns_are_named(
    world: tuple[Path, pd.DataFrame], arguments: Any, error: Any, message: str
) -> None:
    folder, table = world
    table = table.assign(
        text="[[1, 2, 3, 4]]",
        reversed=[[[9.0, 9.0, 1.0, 12.0]]] * SAMPLES,
        large=[[1, 2**31]] * SAMPLES,
        dicts=[{"boxes": [[1, 2, 3, 4]], "labels": [1]}] * SAMPLES,
        empty=np.nan,
    )
    with pytest.raises(error, match=message):
        flow_of((folder, table), ImageDataGenerator(), **arguments)


def test_wrong_settings() -> None:
    for arguments, message in (
        ({}, "column"),
        ({"column": "b", "format": "voc"}, "format"),
        ({"loader": len}, "max_boxes"),
        ({"column": "b", "max_boxes": 0}, "max_boxes"),
        ({"column": "b", "min_visibility": 2}, "min_visibility"),
        ({"loader": len, "labels": "l", "max_boxes": 1}, "dict|labels"),
    ):
        with pytest.raises(ValueError, match=message):
            Boxes(**arguments)
    with pytest.raises(TypeError, match="loader"):
        Keypoints(loader="json")  # type: ignore[arg-type]


def test_a_directory_has_no_columns(world: tuple[Path, pd.DataFrame]) -> None:
    with pytest.raises(ValueError, match=r"a directory has no columns.*loader="):
        ImageDataGenerator().flow_from_directory(world[0], boxes=Boxes("boxes"))


def test_a_loader_is_tried_early(world: tuple[Path, pd.DataFrame]) -> None:
    with pytest.raises(ValueError, match="shape") as error:
        flow_of(world, ImageDataGenerator(), boxes=Boxes(loader=lambda path: 3, max_boxes=1))
    assert "00.png" in error.value.__notes__[0]


def test_loaders_may_meet_a_missing_file_first(tmp_path: Path) -> None:
    write_pairs(tmp_path)

    def read(path: str) -> list[list[float]]:
        if path.endswith("00.png"):
            raise FileNotFoundError(path)
        return [[1, 2, 3, 4]]

    arguments: Any = {
        "target_size": (8, 8),
        "class_mode": None,
        "shuffle": False,
        "boxes": Boxes(loader=read, max_boxes=1),
        "keypoints": Keypoints(loader=lambda path: [read(path)[0][:2]], max_points=1),
    }
    generator = ImageDataGenerator(workers=0)
    with pytest.raises(FileNotFoundError):
        generator.flow_from_directory(tmp_path / "images", **arguments)
    flow = generator.flow_from_directory(tmp_path / "images", on_error="skip", **arguments)
    with pytest.warns(UserWarning, match="1 file.*were left out"):
        assert len(next(flow)[0]) == SAMPLES - 1
    assert len(flow.bad_files) == 1


def test_batches_are_equal_for_any_number_of_workers(world: tuple[Path, pd.DataFrame]) -> None:
    found = []
    for workers in (0, 1, 2, 5):
        flow = flow_of(
            world, ImageDataGenerator(**MOVES, workers=workers), with_transform_matrix=True,
            boxes=Boxes("boxes", labels="labels"), keypoints=Keypoints("points"),
        )  # fmt: skip
        with flow:
            batches = [*take(flow, 2 * len(flow)), flow[1], flow[0]]
            found.append(signatures([images, *t.values()] for images, t in batches))
    assert found[1:] == found[:1] * 3


def test_shapes_of_the_matrix_have_to_fit() -> None:
    one, batch = np.eye(3), np.repeat(np.eye(3)[None], 8, 0)
    assert map_boxes(one, []).shape == (0, 4) and map_points(one, []).shape == (0, 2)
    assert map_boxes(batch, []).shape == (8, 0, 4)
    assert map_boxes(batch, np.zeros((3, 4))).shape == (8, 3, 4)
    for matrix, boxes, message in (
        (one, [1, 2, 3, 4], r"\(boxes, 4\).*shape \(4,\)"),
        (one, np.zeros((2, 2)), r"\(boxes, 4\)"),
        (np.eye(2), np.zeros((2, 4)), r"\(3, 3\)"),
        (batch, np.zeros((7, 2, 4)), "same batch"),
        (batch, np.zeros((8, 4)), r"boxes\[:, None\]"),
    ):
        with pytest.raises(ValueError, match=message):
            map_boxes(matrix, boxes)
    with pytest.raises(ValueError, match=r"points\[:, None\]"):
        map_points(batch, np.zeros((8, 2)))


def test_what_cells_may_hold(world: tuple[Path, pd.DataFrame]) -> None:
    folder, table = world
    generator = ImageDataGenerator(workers=0)
    floats = table.assign(labels=[[1.0, 3.0]] * SAMPLES)
    _, targets = next(flow_of((folder, floats), generator, boxes=Boxes("boxes", labels="labels")))
    assert targets["labels"].tolist() == [[1, 3]] * 4
    flat = table.assign(boxes=[[0, 0, 10, 10]] * SAMPLES)
    with pytest.raises(ValueError, match=r"is a list of one: \[\[0\.0.*groupby\(x_col\)"):
        flow_of((folder, flat), generator, boxes=Boxes("boxes"))
    far = table.assign(points=[[[float("inf"), 1.0]]] * SAMPLES)
    with pytest.raises(ValueError, match="finite numbers, or NaN"):
        flow_of((folder, far), generator, keypoints=Keypoints("points"))
    with pytest.raises(ValueError, match="`min_visibility` must be from 0 to 1"):
        Boxes("boxes", min_visibility="a")  # type: ignore[arg-type]


def test_errors_of_loaders_name_the_value(world: tuple[Path, pd.DataFrame]) -> None:
    folder, table = world
    texts = table.assign(text=[*["[]"] * (SAMPLES - 1), "?"])
    flow = flow_of(
        (folder, texts), ImageDataGenerator(workers=0), batch_size=SAMPLES,
        boxes=Boxes("text", loader=json.loads, max_boxes=2),
    )  # fmt: skip
    with pytest.raises(ValueError, match="Expecting value") as error:
        next(flow)
    notes = " ".join(error.value.__notes__)
    assert "the loader of Boxes was given '?' of column 'text'" in notes and "10.png" in notes
