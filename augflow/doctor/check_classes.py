"""Classes: empty ones, tiny ones, and parts that do not have the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from augflow.doctor.finding import Finding, counted
from augflow.doctor.survey import Survey

_IMBALANCE = 10  # times


def check_classes(survey: Survey) -> Iterator[Finding]:
    """Findings about classes and how many images they have."""
    samples = survey.samples
    if samples.empty_classes:
        yield Finding(
            "empty-class",
            counted(len(samples.empty_classes), "class folder is", "class folders are") + " empty",
            "Fill it, or delete it: flow_from_directory counts it as a class, so the model needs "
            "an output that is never right. (Folders such as .ipynb_checkpoints, too.)",
            tuple(samples.empty_classes),
        )
    counts: dict[str, Counter[str]] = {}
    for part, label in zip(samples.parts, samples.classes, strict=True):
        if label is not None:
            counts.setdefault(part, Counter())[label] += 1
    yield from _differing(counts)
    trained = counts.get("training") or counts.get("") or Counter()
    if len(trained) < 2:
        return
    # A table of one row an image has names as its labels, not classes.
    alone = sorted(label for label, number in trained.items() if number == 1)
    if alone and len(alone) < len(trained):
        yield Finding(
            "one-image-class",
            counted(len(alone), "class has one image", "classes have one image each"),
            "Find more images, or leave the class out: it cannot be in training and in validation.",
            tuple(alone),
        )
    several = {label: number for label, number in trained.items() if number > 1}
    if several and max(several.values()) >= _IMBALANCE * min(several.values()):
        ordered = sorted(several.items(), key=lambda item: -item[1])
        yield Finding(
            "imbalance",
            f"the largest class has {ordered[0][1] / ordered[-1][1]:.0f} times the images of the "
            "smallest",
            'Pass class_weight=flow.class_weight() to fit, or sampler="balanced" to the flow; and '
            "judge by the accuracy of each class.",
            tuple(f"{label}: {number:,}" for label, number in ordered),
        )


def _differing(counts: dict[str, Counter[str]]) -> Iterator[Finding]:
    """Classes that not all parts have."""
    training = counts.get("training")
    if training is None:
        return
    where = []
    for part, classes in counts.items():
        if set(classes) != set(training):
            lacks, adds = sorted(set(training) - set(classes)), sorted(set(classes) - set(training))
            where += [f"{part} lacks {name}" for name in lacks]
            where += [f"only {part} has {name}" for name in adds]
    if where:
        yield Finding(
            "classes-differ",
            "training and the other parts do not have the same classes",
            "Pass the same classes=[...] to all flows: each flow numbers the folders that it "
            "finds, so the same number means another class.",
            tuple(where),
        )
