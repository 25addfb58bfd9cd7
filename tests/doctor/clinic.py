"""Folders and scripts for the doctor: a clean pair, and one with planted faults."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
from PIL import Image

CLEAN_SCRIPT = """
from keras.applications.resnet50 import preprocess_input
from augflow import ImageDataGenerator

training = ImageDataGenerator(preprocessing_function=preprocess_input, rotation_range=20)
still = ImageDataGenerator(preprocessing_function=preprocess_input)
settings = dict(target_size=(64, 64), class_mode="categorical")
train_flow = training.flow_from_directory("data/train", **settings, seed=1)
val_flow = still.flow_from_directory("data/val", **settings, shuffle=False)
model.compile("adam", loss="categorical_crossentropy")
model.fit(train_flow, validation_data=val_flow, steps_per_epoch=len(train_flow), epochs=2)
probabilities = model.predict(val_flow)
image_flow = training.flow_from_directory("images", class_mode=None, seed=7)
mask_flow = training.flow_from_directory("masks", class_mode=None, seed=7)
pairs = zip(image_flow, mask_flow)
"""

# The code of each planted fault of a script, and the words that plant it.
BAD_SCRIPT = """
import tensorflow as tf
from tensorflow.keras.preprocessing.image import ImageDataGenerator
from tensorflow.keras.applications.vgg16 import preprocess_input

batch = 32
train = ImageDataGenerator(preprocessing_function=preprocess_input, rescale=1./255,
                           zoom_range=0.2, validation_split=0.2, featurewise_center=True)
unscaled = ImageDataGenerator(rescale=255)
flow = train.flow_from_directory("data/train", batch_size=batch, class_mode="sparse")
val = train.flow_from_directory("data/val", batch_size=batch)
test = unscaled.flow_from_directory("data/test", batch_size=batch)
model.compile(optimizer="adam", loss="categorical_crossentropy")
model.fit_generator(flow, steps_per_epoch=flow.samples // batch, validation_data=val)
model.fit(flow, validation_data=test, validation_steps=int(test.n / batch))
model.predict(test)
pairs = zip(train.flow_from_directory("images", seed=1), train.flow_from_directory("masks", seed=2))
"""
BAD_SCRIPT_CODES = {
    "augmented-validation",
    "shuffled-predict",
    "preprocess-and-rescale",
    "scaling-differs",
    "rescale-above-one",
    "mask-seeds",
    "loss-and-classes",
    "not-fitted",
    "split-unused",
    "steps-drop-data",
}
BAD_FOLDER_CODES = {
    "leak",
    "near-leak",
    "two-labels",
    "classes-differ",
    "empty",
    "truncated",
    "no-image",
    "empty-class",
    "one-image-class",
    "sixteen-bits",
    "orientation",
    "transparent",
    "ending-ignored",
    "ending-lies",
    "duplicate",
    "near-duplicate",
    "imbalance",
    "tiny",
    "modes",
    "aspect-ratios",
}
BAD_MASK_CODES = {"broken-mask", "mask-missing", "mask-size", "mask-black-white", "mask-lossy"}


def picture(seed: int, size: tuple[int, int] = (96, 72)) -> Image.Image:
    """An image of coarse noise, like no other; ``size`` is (width, height)."""
    levels = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return Image.fromarray(levels).resize(size, Image.Resampling.BICUBIC)


def save(path: Path, image: Image.Image, **settings: object) -> Path:
    """Write an image, and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, **settings)
    return path


def clean_folder(root: Path, images: int = 8) -> Path:
    """Two parts of three classes."""
    for part in ("train", "val"):
        for label in ("cat", "dog", "owl"):
            for number in range(images):
                seed = len(part) * 10_000 + ord(label[0]) * 100 + number
                save(root / part / label / f"{number}.jpg", picture(seed), quality=92)
    return root


def bad_folder(root: Path) -> Path:
    """A folder with all faults of ``BAD_FOLDER_CODES``, once each."""
    train, val = clean_folder(root) / "train", root / "val"
    shutil.copy(train / "cat/0.jpg", val / "cat/leak.jpg")
    save(val / "cat/near.jpg", Image.open(train / "cat/1.jpg").resize((80, 60)), quality=70)
    shutil.copy(train / "cat/2.jpg", train / "dog/cat.jpg")
    shutil.copy(train / "cat/3.jpg", train / "cat/again.jpg")
    save(train / "cat/anew.jpg", Image.open(train / "cat/4.jpg"), quality=60)
    (train / "cat/empty.jpg").touch()
    whole = (train / "cat/5.jpg").read_bytes()
    (train / "cat/cut.jpg").write_bytes(whole[: len(whole) // 2])
    (train / "cat/text.jpg").write_text("<html>not found</html>")
    (train / "nothing").mkdir()
    save(train / "rare/0.jpg", picture(1))
    for number in range(160):
        save(train / "many" / f"{number}.jpg", picture(80_000 + number))
    deep = np.random.default_rng(3).integers(0, 65536, (72, 96)).astype(np.uint16)
    save(train / "dog/deep.png", Image.fromarray(deep))
    exif = Image.Exif()
    exif[0x0112] = 6
    save(train / "dog/turned.jpg", picture(4), exif=exif)
    glass = picture(5).convert("RGBA")
    glass.putalpha(100)
    save(train / "dog/glass.png", glass)
    save(train / "dog/new.webp", picture(6))
    save(train / "dog/lies.jpg", picture(7), format="PNG")
    save(train / "dog/gray.jpg", picture(8).convert("L"))
    save(train / "dog/icon.png", picture(9, (8, 8)))
    for number in range(24):
        save(train / "owl" / f"wide{number}.jpg", picture(90_000 + number, (240, 60)))
    return root


def clean_masks(root: Path) -> Path:
    """Images, and masks of the classes 0, 1 and 2."""
    for number in range(4):
        save(root / "images" / f"{number}.jpg", picture(number))
        values = np.random.default_rng(number).integers(0, 3, (72, 96)).astype(np.uint8)
        save(root / "masks" / f"{number}.png", Image.fromarray(values))
    return root


def bad_masks(root: Path) -> Path:
    """A folder with all faults of ``BAD_MASK_CODES``, once each."""
    clean_masks(root)
    save(root / "images/alone.jpg", picture(20))
    save(root / "masks/0.png", Image.fromarray(np.eye(72, 96, dtype=np.uint8) * 255))
    save(root / "masks/1.png", Image.fromarray(np.ones((40, 40), np.uint8)))
    (root / "masks/2.png").write_bytes(b"nothing")
    (root / "masks/3.png").unlink()
    save(root / "masks/3.jpg", Image.fromarray(np.eye(72, 96, dtype=np.uint8)))
    return root
