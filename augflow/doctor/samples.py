"""Which images, classes, parts and masks a folder holds."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from augflow.scan.folders import IMAGE_FORMATS, check_directory, find_classes, scan_classes

PARTS = {
    "train": "training",
    "training": "training",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
    "testing": "test",
    "eval": "test",
}
_IMAGE_FOLDERS = ("images", "image", "imgs", "img", "photos", "x")
_MASK_FOLDERS = ("masks", "mask", "labels", "label", "segmentations", "annotations", "y")
MASK_ENDINGS = (*IMAGE_FORMATS, "gif", "pgm", "npy")
# What cameras, browsers and programs write, and what Keras's flows pass over.
_OTHER_IMAGES = ("webp", "gif", "heic", "heif", "avif", "jfif", "jpe", "jp2", "psd", "tga", "pgm")


@dataclass
class Samples:
    """The images to look at; the lists have one entry an image.

    Attributes:
        paths: to open.
        names: to show.
        parts: "training", "validation", "test", or "" where there is one part.
        classes: names of classes, None where there are none.
        masks: paths of masks, None where there is none.
        has_masks: whether there are masks at all.
        missing: names of files that a table has and the disk has not.
        ignored: names of images with an ending that flows pass over.
        empty_classes: names of class folders without images.
        unused_masks: names of masks that belong to no image.
    """

    paths: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    parts: list[str] = field(default_factory=list)
    classes: list[str | None] = field(default_factory=list)
    masks: list[str | None] = field(default_factory=list)
    has_masks: bool = False
    missing: list[str] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)
    empty_classes: list[str] = field(default_factory=list)

    def add(
        self, path: str, name: str, part: str, label: str | None, mask: str | None = None
    ) -> None:
        """One image more."""
        self.paths.append(path)
        self.names.append(name)
        self.parts.append(part)
        self.classes.append(label)
        self.masks.append(mask)


def samples_of_folder(
    directory: str, validation: str | None = None, masks: str | None = None
) -> Samples:
    """The images below a folder.

    Folders called "train", "val", "test" and the like are parts; in each, "images" beside "masks"
    are images and their masks by name; folders of images are classes.

    Args:
        directory: the folder.
        validation: another folder, of the validation images; None (default) for none.
        masks: a folder of masks of the images in ``directory``; None (default): by names.

    Raises:
        FileNotFoundError, NotADirectoryError: a folder is none.
        ValueError: there are no images.
    """
    found = Samples()
    folders = find_classes(directory)
    parts = [name for name in folders if name.lower() in PARTS]
    if validation is not None:
        check_directory(validation)
        _add_part(found, directory, "training", "", masks)
        _add_part(found, validation, "validation", os.path.basename(os.path.abspath(validation)))
    elif parts and masks is None:
        for name in parts:
            _add_part(found, os.path.join(directory, name), PARTS[name.lower()], name)
    else:
        _add_part(found, directory, "", "", masks)
    if not found.paths:
        raise ValueError(
            f"no images ({', '.join(IMAGE_FORMATS)}) lie below {directory!r}. Give the folder that "
            "holds them, or one folder of images for each class"
        )
    return found


def _add_part(
    found: Samples, root: str, part: str, shown: str, mask_folder: str | None = None
) -> None:
    """Add the images of one part."""
    folders = {name.lower(): name for name in find_classes(root)}
    images = next((folders[name] for name in _IMAGE_FOLDERS if name in folders), None)
    masks = next((folders[name] for name in _MASK_FOLDERS if name in folders), None)
    if mask_folder is None and images is not None and masks is not None:
        mask_folder = os.path.join(root, masks)
        root, shown = os.path.join(root, images), os.path.join(shown, images)
    classes = find_classes(root)
    if mask_folder is not None:
        check_directory(mask_folder)
        inside = os.path.abspath(mask_folder)
        classes = [name for name in classes if os.path.abspath(os.path.join(root, name)) != inside]
    by_stem = {} if mask_folder is None else _masks_by_stem(mask_folder)
    found.has_masks = found.has_masks or mask_folder is not None
    flat, ignored = _files_in(root)
    scan = scan_classes(root, classes, IMAGE_FORMATS, keeps_bands=True)
    labels = [None] * len(flat) + [classes[number] for number in scan.class_numbers.tolist()]
    for name, label in zip([*flat, *scan.filenames], labels, strict=True):
        mask = by_stem.get(os.path.splitext(name)[0])
        found.add(os.path.join(root, name), os.path.join(shown, name), part, label, mask)
    filled = set(labels)
    for name in classes:
        ignored += [
            os.path.relpath(os.path.join(above, file), root)
            for above, _, files in os.walk(os.path.join(root, name))
            for file in files
            if file.lower().endswith(tuple("." + one for one in _OTHER_IMAGES))
        ]
    found.ignored += [os.path.join(shown, name) for name in ignored]
    found.empty_classes += [os.path.join(shown, name) for name in classes if name not in filled]


def _files_in(root: str) -> tuple[list[str], list[str]]:
    """Images in a folder itself: those with Keras's endings, and others."""
    names = sorted(entry.name for entry in os.scandir(root) if not entry.is_dir())
    endings = tuple("." + one for one in _OTHER_IMAGES)
    return (
        [name for name in names if name.lower().endswith(IMAGE_FORMATS)],
        [name for name in names if name.lower().endswith(endings)],
    )


def _masks_by_stem(root: str) -> dict[str, str]:
    """Paths of masks by their name below the folder, without the ending."""
    found = {}
    for above, folders, files in os.walk(root):
        folders.sort()
        for file in sorted(files):
            if file.lower().endswith(MASK_ENDINGS):
                path = os.path.join(above, file)
                found[os.path.splitext(os.path.relpath(path, root))[0]] = path
    return found
