"""scikit-learn's bundled handwritten digits: 1797 images of 8 x 8 pixels, no download."""

from __future__ import annotations

import importlib
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Digits:
    """Images (n, 8, 8) scaled to [-1, 1] and labels (n,), split once into a training and a held-out part."""

    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray


def load(seed: int = 0, held_out: int = 360) -> Digits:
    """The digits, shuffled by `seed`, with `held_out` images set aside."""
    bunch = importlib.import_module("sklearn.datasets").load_digits()
    images = np.ascontiguousarray(bunch.images, dtype=np.float64) / 8.0 - 1.0
    labels = bunch.target.astype(np.int64)
    order = np.random.default_rng(seed).permutation(len(labels))
    test, train = order[:held_out], order[held_out:]
    return Digits(images[train], labels[train], images[test], labels[test])
