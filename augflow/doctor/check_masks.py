"""Masks: missing, broken, of another size, black and white, or changed by compression."""

from __future__ import annotations

from collections.abc import Iterator

from augflow.doctor.finding import Finding, counted
from augflow.doctor.look import HEIGHT, HIGH, LOW, VALUES, WIDTH
from augflow.doctor.survey import Survey


def check_masks(survey: Survey) -> Iterator[Finding]:
    """Findings about masks, where there are any."""
    samples, looks = survey.samples, survey.masks
    if not samples.has_masks:
        return
    without = [
        name for name, mask in zip(samples.names, samples.masks, strict=True) if mask is None
    ]
    if without:
        yield Finding(
            "mask-missing",
            f"{counted(len(without), 'image')} without a mask",
            "Add masks of the same name, or take the images out: a flow of masks refuses them.",
            tuple(without),
        )
    broken, sizes, black_white, lossy = [], [], [], []
    for place, row in enumerate(survey.mask_rows):
        path, name = str(samples.masks[row]), samples.names[row]
        if place in looks.reasons:
            broken.append(f"{path}: {looks.reasons[place]}")
            continue
        notes, image = looks.notes[place], survey.images.notes[row]
        size, of_image = (notes[WIDTH], notes[HEIGHT]), (image[WIDTH], image[HEIGHT])
        if row not in survey.images.reasons and size != of_image:
            sizes.append(f"{name}: {of_image[0]} x {of_image[1]}, its mask {size[0]} x {size[1]}")
        if path.lower().endswith((".jpg", ".jpeg")):
            lossy.append(path)
        elif notes[LOW] == 0 and notes[HIGH] == 255 and notes[VALUES] == 2:
            black_white.append(path)
    for code, title, cure, where in (
        (
            "broken-mask",
            f"{counted(len(broken), 'mask')} that cannot be read",
            "Make them anew, or take their images out.",
            broken,
        ),
        (
            "mask-size",
            f"{counted(len(sizes), 'mask')} of another size than the image",
            "Look whether they belong together, and make the mask from the image that is there: a "
            "mask of other proportions lies beside what it marks.",
            sizes,
        ),
        (
            "mask-black-white",
            f"{counted(len(black_white), 'mask')} of 0 and 255",
            'Pass mask_loader="binary" to the flow: values are taken for numbers of classes, and '
            "255 is none.",
            black_white,
        ),
        (
            "mask-lossy",
            f"{counted(len(lossy), 'mask')} saved as JPEG",
            "Save masks as PNG: JPEG changes the numbers of classes at every edge.",
            lossy,
        ),
    ):
        if where:
            yield Finding(code, title, cure, tuple(where))
