"""``augmentation=``: albumentations or a function, each sample with numbers of its own."""

from __future__ import annotations

import os
import pickle
import random
import subprocess
import sys
import threading
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import augflow
from augflow import Boxes, ImageDataGenerator, Keypoints
from augflow.order.streams import SampleSeeds
from tests.companions.moving_world import SAMPLES, write_pairs
from tests.flow_world import force_workers, signatures, take

A = pytest.importorskip("albumentations")

SIZE = (24, 28)
MOVES: dict[str, Any] = {"rotation_range": 20, "horizontal_flip": True, "zoom_range": 0.2}


class FromGlobals(A.ImageOnlyTransform):
    """A transform that draws from what everybody shares."""

    def apply(self, img: np.ndarray, **parameters: Any) -> np.ndarray:
        shift = random.randint(0, 60) + np.random.randint(0, 60)
        return np.clip(img.astype(int) + shift, 0, 255).astype(np.uint8)


def pipeline() -> Any:
    """Something of everything: colours, moves, choices, and a transform of one's own."""
    return A.Compose(
        [
            A.HorizontalFlip(p=0.5),
            A.OneOf([A.GaussNoise(p=1), A.RandomBrightnessContrast(p=1)], p=0.8),
            A.Affine(rotate=(-30, 30), scale=(0.8, 1.2), p=0.7),
            A.Sequential([A.Transpose(p=0.5), A.Resize(*SIZE)], p=0.9),
            FromGlobals(p=0.9),
            A.CoarseDropout(p=0.3),
        ]
    )


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, pd.DataFrame]:
    folder = tmp_path_factory.mktemp("pairs")
    return folder, write_pairs(folder)


def flow_of(
    world: tuple[Path, pd.DataFrame], generator: ImageDataGenerator, **arguments: Any
) -> Any:
    common = {"class_mode": None, "target_size": SIZE, "batch_size": 4, "seed": 3}
    return generator.flow_from_dataframe(world[1], world[0], **(common | arguments))


def photos(count: int = 10) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, *SIZE, 3)).astype("float32")


# What comes out.


def test_it_runs_between_the_transforms_and_standardizing() -> None:
    images = photos()
    moved = ImageDataGenerator(**MOVES, workers=0).flow(images, batch_size=5, seed=2)
    arguments: dict[str, Any] = {
        "rescale": 1 / 255,
        "preprocessing_function": lambda image: image + 1,
    }
    generator = ImageDataGenerator(
        **MOVES, **arguments, augmentation=A.Compose([A.InvertImg(p=1)]), workers=0
    )
    for before, after in zip(
        take(moved, 4), take(generator.flow(images, batch_size=5, seed=2), 4), strict=True
    ):
        levels = np.clip(np.rint(before), 0, 255)
        np.testing.assert_allclose(after, (255 - levels + 1) / 255, rtol=1e-6)


def test_it_is_albumentations_with_the_samples_own_generator(
    world: tuple[Path, pd.DataFrame],
) -> None:
    # The noise and the choices of albumentations itself, called in this process.
    inner = A.Compose([A.GaussNoise(p=0.7), A.RandomBrightnessContrast(p=0.7)])
    generator = ImageDataGenerator(augmentation=inner, workers=2)
    plain = next(flow_of(world, ImageDataGenerator(workers=0), shuffle=False))
    with flow_of(world, generator, shuffle=False) as flow:
        batch = next(flow)
    reference = A.Compose([inner])
    seeds = SampleSeeds(3, 0, list(range(4)))
    for place in range(4):
        rng = seeds.generator(place)
        rng.integers(2**32)
        reference.set_random_state(rng, random.Random(int(rng.integers(2**63))))
        expected = reference(image=plain[place].astype(np.uint8))["image"]
        np.testing.assert_array_equal(batch[place], expected)


def test_no_two_samples_and_no_two_epochs_are_alike() -> None:
    images = np.full((12, *SIZE, 3), 100, "float32")
    noise = A.Compose([A.GaussNoise(std_range=(0.2, 0.3), p=1)])
    for workers in (0, 2):
        generator = ImageDataGenerator(augmentation=noise, workers=workers)
        with force_workers(generator.flow(images, batch_size=3, seed=1)) as flow:
            batches = np.concatenate(take(flow, 8))
        assert len({image.tobytes() for image in batches}) == 24


def test_transforms_draw_independently() -> None:
    # albumentations' own set_random_seed gives each transform a generator of the same seed: of
    # two transforms of probability 1/2 then both run or none.
    both = A.Compose([A.HorizontalFlip(p=0.5), A.InvertImg(p=0.5)])
    images = np.zeros((64, 4, 4, 1), "float32")
    images[:, :, 0] = 255
    flow = ImageDataGenerator(augmentation=both, workers=0).flow(images, batch_size=64, seed=1)
    kinds = {tuple(image[0, [0, 1, 3], 0].tolist()) for image in next(flow)}
    assert len(kinds) == 4


@pytest.mark.parametrize("seed", [7, None])
def test_albumentations_alone_repeats_itself(seed: int | None) -> None:
    # Why augflow seeds each sample: two workers that unpickle one pipeline draw the same numbers.
    seeded = A.Compose([A.GaussNoise(p=1)], seed=seed)
    image = np.full((8, 8, 3), 128, np.uint8)
    workers = [pickle.loads(pickle.dumps(seeded)) for _ in range(2)]
    first = [worker(image=image)["image"] for worker in workers]
    np.testing.assert_array_equal(*first)


# Companions.


@pytest.mark.parametrize("mask_dtype", ["uint8", "int32", "float32"])
def test_masks_follow(world: tuple[Path, pd.DataFrame], mask_dtype: str) -> None:
    moving = A.Compose(
        [
            A.HorizontalFlip(p=0.5),
            A.VerticalFlip(p=0.5),
            A.Affine(rotate=(-40, 40), interpolation=0, p=0.8),
            A.GridDistortion(interpolation=0, p=0.5),
            A.RandomResizedCrop(SIZE, scale=(0.5, 1), interpolation=0, p=0.7),
        ]
    )
    generator = ImageDataGenerator(
        **MOVES, interpolation_order=0, fill_mode="constant", augmentation=moving, workers=0
    )
    flow = flow_of(
        world, generator, class_mode="mask", y_col="mask", color_mode="grayscale",
        mask_dtype=mask_dtype,
    )  # fmt: skip
    for images, masks in take(flow, 6):
        assert masks.dtype == mask_dtype
        np.testing.assert_array_equal(images, masks)


def test_boxes_and_points_follow(world: tuple[Path, pd.DataFrame]) -> None:
    arguments: dict[str, Any] = {
        "boxes": Boxes("boxes", labels="labels", max_boxes=3, format="coco"),
        "keypoints": Keypoints("points"),
        "shuffle": False,
    }
    plain = ImageDataGenerator(workers=0)
    flip = A.Compose([A.HorizontalFlip(p=1), A.RandomBrightnessContrast(p=1)])
    generator = ImageDataGenerator(augmentation=flip, workers=0)
    for (_, before), (_, after) in zip(
        take(flow_of(world, plain, **arguments), 3),
        take(flow_of(world, generator, **arguments), 3),
        strict=True,
    ):
        real = before["valid"]
        expected = before["boxes"].copy()
        expected[..., 0] = np.where(real, SIZE[1] - expected[..., 0] - expected[..., 2], 0)
        np.testing.assert_allclose(after["boxes"], expected, atol=1e-4)
        np.testing.assert_array_equal(after["labels"], before["labels"])
        points = before["keypoints"].copy()
        points[..., 0] = SIZE[1] - 1 - points[..., 0]
        np.testing.assert_allclose(after["keypoints"], points, atol=1e-4)


def test_boxes_that_leave_take_their_labels_with_them(world: tuple[Path, pd.DataFrame]) -> None:
    cells = [[[0.0, 0.0, 8.0, 8.0], [20.0, 10.0, 30.0, 30.0]]] * SAMPLES
    points = [[[1.0, 1.0], [25.0, 20.0], [float("nan"), 2.0]]] * SAMPLES
    table = world[1].assign(boxes=cells, points=points)
    crop = A.Compose([A.Crop(10, 8, 28, 24, p=1), A.Resize(*SIZE)])
    flow = flow_of(
        (world[0], table), ImageDataGenerator(augmentation=crop, workers=0),
        boxes=Boxes("boxes", labels="labels"), keypoints=Keypoints("points"),
    )  # fmt: skip
    targets = next(flow)[1]
    assert targets["valid"].tolist() == [[True, False]] * 4
    assert targets["labels"].tolist() == [[3, -1]] * 4
    assert targets["visible"].tolist() == [[False, True, False]] * 4


@pytest.mark.parametrize(
    ("transform", "left", "shift"),
    [(A.NoOp(), 0, 0), (A.RandomBrightnessContrast(p=1), 0, 0), (A.HorizontalFlip(p=1), 0, 0),
     (A.Affine(translate_px={"x": (4, 4), "y": (0, 0)}, p=1), 4, 4)],
)  # fmt: skip
def test_visibility_counts_as_without_albumentations(
    world: tuple[Path, pd.DataFrame], transform: Any, left: int, shift: int
) -> None:
    # One box far inside, and one at the right edge of which the shift leaves a half.
    folder, table = world
    width = SIZE[1]
    boxes = [[3 / width, 0.1, 11 / width, 0.3], [(width - 8) / width, 0.2, 1.0, 0.9]]
    cells = [[[(a + c) / 2, (b + d) / 2, c - a, d - b] for a, b, c, d in boxes]] * SAMPLES
    table = table.assign(boxes=cells)
    for visibility, most in ((1.0, 1 + (not shift)), (0.5, 2), (0.51, 1 + (not shift))):
        flow = flow_of(
            (folder, table), ImageDataGenerator(augmentation=transform, workers=0),
            boxes=Boxes("boxes", format="yolo", min_visibility=visibility),
        )  # fmt: skip
        assert next(flow)[1]["valid"].sum(axis=1).tolist() == [most] * 4


def test_dropout_looks_at_labels_and_masks(world: tuple[Path, pd.DataFrame]) -> None:
    size = {"hole_height_range": (0.9, 1.0), "hole_width_range": (0.9, 1.0), "fill": 200, "p": 1.0}
    common: dict[str, Any] = {"shuffle": False, "batch_size": SAMPLES}
    for label, samples in ((0, range(0, SAMPLES, 3)), (3, range(SAMPLES)), (9, ())):
        transform = A.ConstrainedCoarseDropout(bbox_labels=[label], **size)
        images, targets = next(
            flow_of(
                world, ImageDataGenerator(augmentation=transform, workers=0), **common,
                boxes=Boxes("boxes", labels="labels"),
            )
        )  # fmt: skip
        hit = (images == 200).any(axis=(1, 2, 3))
        assert np.flatnonzero(hit).tolist() == list(samples)
        assert targets["labels"][:, 1].tolist() == [3] * SAMPLES
    of_masks = {"class_mode": "mask", "y_col": "mask", "color_mode": "grayscale"}
    _, before = next(flow_of(world, ImageDataGenerator(workers=0), **common, **of_masks))
    transform = A.ConstrainedCoarseDropout(mask_indices=[1], **size)
    generator = ImageDataGenerator(augmentation=transform, workers=0)
    images, _ = next(flow_of(world, generator, **common, **of_masks))
    hit = (images == 200).any(axis=(1, 2, 3))
    np.testing.assert_array_equal(hit, (before == 1).any(axis=(1, 2, 3)))
    dropped = A.MaskDropout(max_objects=(9, 9), fill=200, p=1)
    generator = ImageDataGenerator(augmentation=dropped, workers=0)
    images, after = next(flow_of(world, generator, **common, **of_masks))
    np.testing.assert_array_equal(images == 200, before > 0)
    assert not after.any()


def test_class_numbers_do_not_wrap(world: tuple[Path, pd.DataFrame]) -> None:
    class Below(A.DualTransform):
        _targets = A.HorizontalFlip._targets

        def apply(self, img: np.ndarray, **parameters: Any) -> np.ndarray:
            return img

        def apply_to_mask(self, mask: np.ndarray, **parameters: Any) -> np.ndarray:
            return mask.astype(np.float32) - 0.6

    flow = flow_of(
        world, ImageDataGenerator(augmentation=Below(p=1), workers=0), class_mode="mask",
        y_col="mask", mask_dtype="uint16",
    )  # fmt: skip
    with pytest.raises(ValueError, match="after the augmentation has values from -1 to"):
        next(flow)


def test_colours_alone_are_spared_the_companions(world: tuple[Path, pd.DataFrame]) -> None:
    generator = ImageDataGenerator(augmentation=A.Compose([A.InvertImg(p=1)]), workers=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        flow = flow_of(world, generator, boxes=Boxes("boxes"), keypoints=Keypoints("points"))
        _, after = next(flow)
    _, before = next(
        flow_of(
            world,
            ImageDataGenerator(workers=0),
            boxes=Boxes("boxes"),
            keypoints=Keypoints("points"),
        )
    )
    for name, values in before.items():
        np.testing.assert_array_equal(after[name], values)


class Darker:
    """Something whose method augments."""

    def go(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        return image // 2


def test_methods_can_be_photometric(world: tuple[Path, pd.DataFrame]) -> None:
    function = augflow.photometric(Darker().go)
    function = pickle.loads(pickle.dumps(function))
    generator = ImageDataGenerator(augmentation=function, workers=0)
    images, masks = next(
        flow_of(world, generator, class_mode="mask", y_col="mask", color_mode="grayscale")
    )
    np.testing.assert_array_equal(images, masks // 2)
    for wrong in (A.HorizontalFlip(), "flip"):
        with pytest.raises(TypeError, match="photometric takes a function"):
            augflow.photometric(wrong)
    with pytest.raises(TypeError, match="ufunc"):
        ImageDataGenerator(augmentation=np.add)


# Seeds.


def test_boxes_that_are_split_need_room(world: tuple[Path, pd.DataFrame]) -> None:
    shuffling = ImageDataGenerator(augmentation=A.RandomGridShuffle(p=1), workers=0)
    for most, message in ((2, "more than max_boxes=2"), (20, None)):
        flow = shuffling.flow_from_dataframe(
            world[1], world[0], class_mode=None, seed=1, boxes=Boxes("boxes", max_boxes=most)
        )
        if message is None:
            assert next(flow)[1]["valid"].sum() > 2 * SAMPLES
        else:
            with pytest.raises(ValueError, match=message):
                next(flow)


def test_batches_are_equal_for_any_number_of_workers(world: tuple[Path, pd.DataFrame]) -> None:
    def noisy(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        shift = rng.integers(0, 50) + np.random.randint(50) + random.randint(0, 50)
        return np.minimum(image.astype(int) + shift, 255)

    for augmentation in (pipeline(), noisy):
        found = []
        for workers in (0, 1, 2, 5):
            generator = ImageDataGenerator(**MOVES, augmentation=augmentation, workers=workers)
            with flow_of(world, generator) as flow:
                found.append(signatures([*take(flow, 2 * len(flow)), flow[2], flow[0]]))
            images = photos()
            with force_workers(generator.flow(images, batch_size=4, seed=5)) as flow:
                found[-1] += signatures(take(flow, 6))
        assert found[1:] == found[:1] * 3


def test_companions_are_equal_for_any_number_of_workers(world: tuple[Path, pd.DataFrame]) -> None:
    found = []
    for workers in (0, 1, 2, 5):
        generator = ImageDataGenerator(**MOVES, augmentation=pipeline(), workers=workers)
        flow = flow_of(
            world, generator, class_mode="mask", y_col="mask",
            boxes=Boxes("boxes", labels="labels"), keypoints=Keypoints("points"),
        )  # fmt: skip
        with flow:
            batches = take(flow, len(flow))
        found.append(signatures([images, *t.values()] for images, t in batches))
    assert found[1:] == found[:1] * 3


def test_the_callers_random_numbers_are_left_alone() -> None:
    flow = ImageDataGenerator(augmentation=A.Compose([FromGlobals(p=1)]), workers=0).flow(
        photos(4), batch_size=4, seed=1
    )
    random.seed(1)
    np.random.seed(1)
    expected = random.random(), np.random.random()
    random.seed(1)
    np.random.seed(1)
    next(flow)
    assert (random.random(), np.random.random()) == expected


def test_a_copy_of_the_flow_goes_on(world: tuple[Path, pd.DataFrame]) -> None:
    flow = flow_of(world, ImageDataGenerator(augmentation=pipeline(), workers=0))
    next(flow)
    copied = pickle.loads(pickle.dumps(flow))
    assert signatures(take(copied, 3)) == signatures(take(flow, 3))


def test_the_users_pipeline_is_not_changed(world: tuple[Path, pd.DataFrame]) -> None:
    given = pipeline()
    next(flow_of(world, ImageDataGenerator(augmentation=given, workers=0)))
    assert given.main_compose and given.processors == {}


# What may be given.


@pytest.mark.parametrize(
    "augmentation",
    [
        A.HorizontalFlip(p=1),
        A.Compose([A.HorizontalFlip(p=1)]),
        A.Compose([A.Compose([A.HorizontalFlip(p=1)])]),
        A.ReplayCompose([A.HorizontalFlip(p=1)]),
        A.Sequential([A.HorizontalFlip(p=1)], p=1),
        A.OneOf([A.HorizontalFlip(p=1)], p=1),
        A.SomeOf([A.HorizontalFlip(p=1)], n=1, p=1),
        A.to_dict(A.Compose([A.HorizontalFlip(p=1)])),
        A.Compose([A.HorizontalFlip(p=1), A.ToFloat(max_value=1)]),
        lambda image, rng: image[:, ::-1],
    ],
    ids=lambda one: type(one).__name__,
)
def test_everything_that_flips(augmentation: Any) -> None:
    images = photos(4)
    flow = ImageDataGenerator(augmentation=augmentation, workers=0).flow(
        images, batch_size=4, shuffle=False, seed=1
    )
    np.testing.assert_array_equal(next(flow), images[:, :, ::-1])


def test_augment_false_leaves_it_out(world: tuple[Path, pd.DataFrame]) -> None:
    generator = ImageDataGenerator(
        augmentation=A.Compose([A.InvertImg(p=1)]), validation_split=0.5, workers=0
    )
    images = photos(4)
    flow = generator.flow(images, shuffle=False, augment=False)
    np.testing.assert_array_equal(next(flow), images)
    plain = flow_of(world, ImageDataGenerator(workers=0))
    assert signatures(take(flow_of(world, generator, augment=False), 3)) == signatures(
        take(plain, 3)
    )
    with pytest.warns(UserWarning, match="validation images will be augmented"):
        generator.flow(images, subset="validation")


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_channels(channels: int, data_format: str) -> None:
    images = np.random.default_rng(1).integers(0, 256, (4, *SIZE, channels)).astype("float32")
    given = images if data_format == "channels_last" else images.transpose(0, 3, 1, 2)
    generator = ImageDataGenerator(
        augmentation=A.Compose([A.VerticalFlip(p=1)]), data_format=data_format, workers=0
    )
    batch = next(generator.flow(given, shuffle=False, batch_size=4))
    expected = images[:, ::-1]
    if data_format == "channels_first":
        expected = expected.transpose(0, 3, 1, 2)
    np.testing.assert_array_equal(batch, expected)


def test_a_subclass_with_methods_of_its_own() -> None:
    class Own(ImageDataGenerator):
        def standardize(self, x: np.ndarray) -> np.ndarray:
            return -x

    images = photos(4)
    generator = Own(augmentation=A.Compose([A.InvertImg(p=1)]), workers=0)
    np.testing.assert_array_equal(next(generator.flow(images, shuffle=False)), images - 255)


def test_a_new_augmentation_is_taken_up() -> None:
    images = photos(4)
    generator = ImageDataGenerator(workers=0)
    flow = generator.flow(images, shuffle=False)
    np.testing.assert_array_equal(next(flow), images)
    generator.augmentation = A.Compose([A.InvertImg(p=1)])
    np.testing.assert_array_equal(next(flow), 255 - images)


# What is refused.


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([A.HorizontalFlip()], r"A\.Compose"),
        (A.HorizontalFlip, "call it"),
        ("flip", "Received: 'flip'"),
        ({"a": 1}, r"A\.to_dict.*no pipeline can be made"),
        (lambda image: image, r"f\(image, rng\)"),
    ],
)
def test_wrong_augmentations(value: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        ImageDataGenerator(augmentation=value)


def test_other_shapes_and_types_are_refused() -> None:
    images = photos(4)
    for augmentation, error, message in (
        (A.RandomCrop(8, 8), ValueError, r"\(24, 28, 3\).*Received: \(8, 8, 3\).*A\.Resize"),
        (lambda image, rng: image[..., 0], ValueError, r"Received: \(24, 28\)"),
        (lambda image, rng: image[:5], ValueError, "return an image of that size"),
        (lambda image, rng: None, TypeError, "NoneType"),
        (lambda image, rng: image.astype(complex), TypeError, "one of dtype complex128"),
    ):
        flow = ImageDataGenerator(augmentation=augmentation, workers=0).flow(images)
        with pytest.raises(error, match=message) as raised:
            next(flow)
        assert any("sample" in note for note in raised.value.__notes__)


def test_images_that_are_no_levels_are_refused(tmp_path: Path) -> None:
    generator = ImageDataGenerator(augmentation=A.HorizontalFlip())
    for images in (photos(2) / 255, photos(2) - 128, photos(2) * 2, photos(2) * np.nan):
        with pytest.raises(ValueError, match="rescale=1/255"):
            generator.flow(images)
    generator.flow(photos(2) / 255, augment=False)
    generator.flow(np.round(photos(2) / 255))

    from PIL import Image

    Image.fromarray(np.full((9, 9), 30_000, np.uint16)).save(tmp_path / "a.png")
    generator = ImageDataGenerator(augmentation=A.HorizontalFlip(), workers=0)
    flow = generator.flow_from_directory(tmp_path, class_mode=None, color_mode="grayscale")
    with pytest.raises(ValueError, match=r"8-bit levels.*30000"):
        next(flow)
    with pytest.raises(ValueError, match=r"files of uint16"):
        generator.flow_from_directory(tmp_path, class_mode=None, color_mode="unchanged")


def test_what_companions_cannot_follow(world: tuple[Path, pd.DataFrame]) -> None:
    masks = {"class_mode": "mask", "y_col": "mask"}

    def darker(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        return image // 2

    with pytest.raises(ValueError, match=r"cannot follow.*augflow\.photometric"):
        flow_of(world, ImageDataGenerator(augmentation=darker), **masks)
    with pytest.raises(ValueError, match="cannot follow"):
        flow_of(world, ImageDataGenerator(augmentation=darker), with_transform_matrix=True)
    photometric = augflow.photometric(darker)
    assert photometric is darker
    images, targets = next(flow_of(world, ImageDataGenerator(augmentation=darker), **masks))
    assert images.max() == 2 and targets.max() == 4

    own = A.Compose([A.HorizontalFlip()], bbox_params=A.BboxParams("coco"))
    with pytest.raises(ValueError, match="leave bbox_params"):
        flow_of(world, ImageDataGenerator(augmentation=own), boxes=Boxes("boxes"))

    matrix = {"with_transform_matrix": True}
    with pytest.raises(ValueError, match=r"HorizontalFlip, Affine, .*augment=False"):
        flow_of(world, ImageDataGenerator(augmentation=pipeline()), **matrix)
    next(flow_of(world, ImageDataGenerator(augmentation=pipeline()), augment=False, **matrix))
    colours = A.Compose([A.RandomBrightnessContrast()])
    next(flow_of(world, ImageDataGenerator(augmentation=colours, workers=0), **matrix))


class Open(A.ImageOnlyTransform):
    """A transform that nobody can copy."""

    def __init__(self) -> None:
        super().__init__(p=1)
        self.lock = threading.Lock()


def test_a_pipeline_that_cannot_be_copied_is_refused() -> None:
    with pytest.raises(TypeError, match=r"`augmentation` cannot be copied: TypeError: .*lock"):
        ImageDataGenerator(augmentation=A.Compose([Open()])).flow(photos(2))


@pytest.mark.parametrize(
    ("transform", "message"),
    [
        (A.MaskDropout(p=1), "MaskDropout looks at one mask an image"),
        (A.ConstrainedCoarseDropout(mask_indices=[1], p=1), "looks at one mask"),
        (A.ConstrainedCoarseDropout(bbox_labels=[1], p=1), "looks at boxes"),
        (A.BBoxSafeRandomCrop(p=1), "looks at boxes"),
        (A.CropNonEmptyMaskIfExists(8, 8, p=1), "looks at masks"),
        (A.HistogramMatching(p=1), "needs 'hm_metadata' beside the image"),
        (A.FDA(p=1), "needs 'fda_metadata' beside the image"),
        (A.Mosaic(p=1), "beside the image"),
        (A.OverlayElements(p=1), "beside the image"),
    ],
)
def test_what_a_transform_looks_at_has_to_be_there(transform: Any, message: str) -> None:
    generator = ImageDataGenerator(augmentation=A.Compose([A.OneOf([A.NoOp(), transform])]))
    with pytest.raises(ValueError, match=message):
        generator.flow(photos(2))
    generator.flow(photos(2), augment=False)


def test_labels_and_single_masks_are_asked_for(world: tuple[Path, pd.DataFrame]) -> None:
    by_label = ImageDataGenerator(augmentation=A.ConstrainedCoarseDropout(bbox_labels=[3]))
    with pytest.raises(ValueError, match="looks at the boxes' labels"):
        flow_of(world, by_label, boxes=Boxes("boxes"))
    by_name = ImageDataGenerator(augmentation=A.ConstrainedCoarseDropout(bbox_labels=["cat"]))
    with pytest.raises(ValueError, match="class numbers"):
        flow_of(world, by_name, boxes=Boxes("boxes", labels="labels"))
    dropout = ImageDataGenerator(augmentation=A.MaskDropout())
    with pytest.raises(ValueError, match="looks at one mask an image"):
        flow_of(world, dropout, class_mode="mask", y_col=["mask", "mask"])
    padding = ImageDataGenerator(augmentation=A.Affine(fill_mask=-1))
    with pytest.raises(ValueError, match=r"fill_mask=-1.*uint8"):
        flow_of(world, padding, class_mode="mask", y_col="mask")


# Of the package itself.


def run(script: str, **environment: str) -> str:
    finished = subprocess.run(
        [sys.executable, "-c", script],
        env={k: v for k, v in os.environ.items() if k != "NO_ALBUMENTATIONS_UPDATE"} | environment,
        capture_output=True,
        encoding="utf-8",
        timeout=60,
    )
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


LISTEN = """
import sys
asked = []
def listen(event, details):
    if event in ("socket.connect", "socket.getaddrinfo", "urllib.Request"):
        asked.append(event)
        raise OSError("no network in this test")
sys.addaudithook(listen)
"""


def test_it_asks_no_network() -> None:
    script = LISTEN + "import augflow, albumentations; print(asked)"
    assert run(script) == "[]\n"
    # So that this test can fail: without augflow it asks.
    assert run(LISTEN + "import albumentations; print(bool(asked))") == "True\n"
    # Who wants to be asked, is.
    script = LISTEN + "import augflow, albumentations; print(bool(asked))"
    assert run(script, NO_ALBUMENTATIONS_UPDATE="0") == "True\n"


def test_it_says_when_it_is_missing() -> None:
    script = """
import sys
sys.modules["albumentations"] = None
from augflow import ImageDataGenerator
ImageDataGenerator(augmentation=lambda image, rng: image)
try:
    ImageDataGenerator(augmentation={"transform": {}})
except ImportError as error:
    print(error)
"""
    assert "pip install '.[albumentations]'" in run(script)
