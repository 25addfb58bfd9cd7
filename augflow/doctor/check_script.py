"""What is wrong with how a script uses its flows; the script is read, not run."""

from __future__ import annotations

from augflow.doctor.finding import Finding
from augflow.script.calls import read_script
from augflow.script.faults import faults_of
from augflow.script.source_code import read_code

_TITLES = {
    "augmented-validation": "images that a model is judged by are augmented",
    "shuffled-predict": "predictions of a shuffled flow",
    "preprocess-and-rescale": "preprocess_input and rescale together",
    "scaling-differs": "training and validation images are scaled differently",
    "rescale-above-one": "rescale makes values larger, not smaller",
    "mask-seeds": "images and masks do not get the same random numbers",
    "loss-and-classes": "loss and class_mode do not fit",
    "not-fitted": "statistics of the data that were never computed",
    "split-unused": "a validation_split that no flow uses",
    "steps-drop-data": "steps that leave samples out",
}
_CURES = {
    "augmented-validation": "Pass augment=False to that flow, or make it by a generator without "
    "random transforms: otherwise the accuracy is that of distorted images.",
    "shuffled-predict": "Pass shuffle=False to that flow: predictions come in the flow's order, "
    "and flow.filenames and flow.classes in the files'.",
    "preprocess-and-rescale": "Leave rescale out: preprocess_input expects levels from 0 to 255 "
    "and scales them itself. rescale multiplies what it made once more.",
    "scaling-differs": "Give both generators the same rescale and preprocessing_function.",
    "rescale-above-one": "It is rescale=1/255: levels from 0 to 255 become values from 0 to 1.",
    "mask-seeds": "Pass the same seed= (and shuffle=) to both flows and the same ranges to both "
    'generators; or take one flow with class_mode="mask".',
    "loss-and-classes": 'class_mode="categorical" (the default) goes with '
    'categorical_crossentropy, "sparse" with sparse_categorical_crossentropy, "binary" with '
    "binary_crossentropy and one output.",
    "not-fitted": "Call generator.fit(images) (or fit(flow)) before the first batch.",
    "split-unused": 'Pass subset="training" and subset="validation" to the flows: without it each '
    "flow has all images, those of validation, too.",
    "steps-drop-data": "Leave it out: a flow knows its length, len(flow), with the last, shorter "
    "batch. // and int() leave that batch out.",
}


def check_script(path: str) -> list[Finding]:
    """Findings about a script or a notebook.

    Args:
        path: of it.

    Raises:
        OSError: it cannot be read.
        ValueError: a notebook that is none.
    """
    try:
        script = read_script(read_code(path))
    except SyntaxError as error:
        return [
            Finding(
                "unreadable-script",
                f"{path} is no Python: {error.msg}",
                "Correct it; nothing else of it was looked at.",
                (f"line {error.lineno}",),
            )
        ]
    places: dict[str, set[tuple[int, str]]] = {}
    for fault in faults_of(script):
        places.setdefault(fault.code, set()).add((fault.line, fault.text))
    return [
        Finding(
            code,
            _TITLES[code],
            _CURES[code],
            tuple(f"line {line}: {text}" for line, text in sorted(found)),
        )
        for code, found in places.items()
    ]
