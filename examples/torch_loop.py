"""Train a classifier in a plain loop of torch, with a flow in the place of a DataLoader.

    python examples/torch_loop.py

The data are scans of handwritten digits in class folders. Batches are made by worker processes, and
torch gets them without a copy. In the middle of the last epoch the loop stops, as if it had been
killed; another loader goes on from the state of the first one, with the very next batch.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from augflow import ImageDataGenerator
from sample_data import write_digits

try:
    import torch
except ImportError:
    sys.exit("skipped: torch is not installed (pip install torch)")

SIDE = 16


def make_flow(folder: Path, subset: str) -> Any:
    """Digits of one subset, with small random turns and shifts for training."""
    generator = ImageDataGenerator(
        rotation_range=10,
        width_shift_range=0.1,
        height_shift_range=0.1,
        rescale=1 / 255,
        validation_split=0.2,
    )
    return generator.flow_from_directory(
        folder,
        target_size=(SIDE, SIDE),
        color_mode="grayscale",
        class_mode="sparse",
        batch_size=64,
        seed=1,
        subset=subset,
        augment=subset == "training",
    )


def accuracy(model: torch.nn.Module, loader: Any) -> float:
    """The fraction of one epoch's images whose digit the model names."""
    right = total = 0
    with torch.no_grad():
        for images, labels in loader:
            right += int((model(images).argmax(1) == labels).sum())
            total += len(labels)
    return right / total


def main() -> None:
    """Write the digits, train, stop and go on."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=8)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="augflow-")) / "digits"
    write_digits(folder)

    torch.manual_seed(0)
    model = torch.nn.Sequential(
        torch.nn.Conv2d(1, 16, 3, padding=1),
        torch.nn.ReLU(),
        torch.nn.MaxPool2d(2),
        torch.nn.Conv2d(16, 32, 3, padding=1),
        torch.nn.ReLU(),
        torch.nn.MaxPool2d(2),
        torch.nn.Flatten(),
        torch.nn.Linear(32 * (SIDE // 4) ** 2, 10),
    )
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)

    def step(images: torch.Tensor, labels: torch.Tensor) -> float:
        loss = torch.nn.functional.cross_entropy(model(images), labels.long())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return float(loss)

    with make_flow(folder, "training") as flow, make_flow(folder, "validation") as validation:
        loader = flow.to_torch(channels_first=True)
        for epoch in range(options.epochs):
            is_last = epoch == options.epochs - 1
            for number, (images, labels) in enumerate(loader, 1):
                loss = step(images, labels)
                if is_last and number == len(loader) // 2:
                    break
            print(f"epoch {epoch}: loss {loss:.3f} after {number} of {len(loader)} batches")

        # As in another process: the state goes through JSON.
        state = json.dumps(loader.state_dict())
        with make_flow(folder, "training") as other:
            resumed = other.to_torch(channels_first=True)
            resumed.load_state_dict(json.loads(state))
            rest = [step(images, labels) for images, labels in resumed]
        print(f"went on with the {len(rest)} batches that were left")
        found = accuracy(model, validation.to_torch(channels_first=True))
    print(f"validation accuracy {100 * found:.1f} %")


if __name__ == "__main__":
    main()
