"""The two networks of the demo: plain functions of a dict of parameters, differentiated by `wengert.value_and_grad`."""

from __future__ import annotations

from typing import Any

import numpy as np

import wengert.numpy as wnp

Params = dict[str, np.ndarray]


def cross_entropy(logits: Any, labels: np.ndarray, xp: Any = wnp) -> Any:
    """Mean over the batch of -log softmax(logits)[label]; logits (batch, classes), labels (batch,) integers."""
    log_probabilities = xp.log_softmax(logits, axis=-1)
    return -xp.mean(log_probabilities[np.arange(len(labels)), labels])


def mlp_logits(params: Any, images: np.ndarray, xp: Any = wnp) -> Any:
    """One hidden tanh layer: images (batch, 8, 8) -> logits (batch, 10)."""
    pixels = images.reshape(len(images), -1)
    hidden = xp.tanh(pixels @ params["W1"] + params["b1"])
    return hidden @ params["W2"] + params["b2"]


def rnn_logits(params: Any, images: np.ndarray, xp: Any = wnp) -> Any:
    """A tanh RNN that reads an image row by row: images (batch, steps, pixels) -> logits (batch, 10)."""
    hidden = np.zeros((len(images), len(params["b"])))
    for t in range(images.shape[1]):
        hidden = xp.tanh(images[:, t] @ params["U"] + hidden @ params["W"] + params["b"])
    return hidden @ params["V"] + params["c"]


def mlp_loss(params: Any, images: np.ndarray, labels: np.ndarray, xp: Any = wnp) -> Any:
    """Cross-entropy of the MLP on one batch."""
    return cross_entropy(mlp_logits(params, images, xp), labels, xp)


def rnn_loss(params: Any, images: np.ndarray, labels: np.ndarray, xp: Any = wnp) -> Any:
    """Cross-entropy of the RNN on one batch."""
    return cross_entropy(rnn_logits(params, images, xp), labels, xp)


def mlp_init(rng: np.random.Generator, pixels: int = 64, hidden: int = 128, classes: int = 10) -> Params:
    """Parameters of the MLP: normal weights of variance 1 / fan-in, zero biases."""
    return {
        "W1": rng.normal(0, pixels**-0.5, (pixels, hidden)),
        "b1": np.zeros(hidden),
        "W2": rng.normal(0, hidden**-0.5, (hidden, classes)),
        "b2": np.zeros(classes),
    }


def rnn_init(rng: np.random.Generator, pixels: int = 8, hidden: int = 64, classes: int = 10) -> Params:
    """Parameters of the RNN; an orthogonal recurrent matrix, so that the first rows are still felt at the end."""
    return {
        "U": rng.normal(0, pixels**-0.5, (pixels, hidden)),
        "W": np.linalg.qr(rng.normal(size=(hidden, hidden)))[0],
        "b": np.zeros(hidden),
        "V": rng.normal(0, hidden**-0.5, (hidden, classes)),
        "c": np.zeros(classes),
    }
