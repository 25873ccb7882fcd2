"""The same two training steps with their derivatives worked out by hand, in NumPy: what wengert saves you from writing.

They are what the demo and `bench/steps.py` time wengert against, so they are written as one would for speed: nothing is
computed twice, and the gradients of the RNN are accumulated in place.
"""

from __future__ import annotations

import numpy as np

from wengert.demo.models import Params


def cross_entropy(logits: np.ndarray, labels: np.ndarray) -> tuple[float, np.ndarray]:
    """Mean softmax cross-entropy and its cotangent with respect to the logits, (softmax - one-hot) / batch."""
    rows = np.arange(len(labels))
    shifted = logits - logits.max(axis=1, keepdims=True)
    picked = shifted[rows, labels]
    cotangent = np.exp(shifted, out=shifted)
    total = cotangent.sum(axis=1)
    cotangent /= total[:, None]
    cotangent[rows, labels] -= 1.0
    cotangent /= len(labels)
    return float((np.log(total) - picked).mean()), cotangent


def mlp_value_and_grad(params: Params, images: np.ndarray, labels: np.ndarray) -> tuple[float, Params]:
    """Loss of the MLP and its gradient, a dict like `params`."""
    pixels = images.reshape(len(images), -1)
    hidden = np.tanh(pixels @ params["W1"] + params["b1"])
    loss, d_logits = cross_entropy(hidden @ params["W2"] + params["b2"], labels)
    d_z = d_logits @ params["W2"].T
    d_z *= 1.0 - hidden * hidden
    return loss, {
        "W1": pixels.T @ d_z,
        "b1": d_z.sum(axis=0),
        "W2": hidden.T @ d_logits,
        "b2": d_logits.sum(axis=0),
    }


def rnn_value_and_grad(params: Params, images: np.ndarray, labels: np.ndarray) -> tuple[float, Params]:
    """Loss of the RNN and its gradient by back-propagation through time, a dict like `params`."""
    steps = images.shape[1]
    hidden = [np.zeros((len(images), len(params["b"])))]
    for t in range(steps):
        hidden.append(np.tanh(images[:, t] @ params["U"] + hidden[t] @ params["W"] + params["b"]))
    loss, d_logits = cross_entropy(hidden[-1] @ params["V"] + params["c"], labels)

    grads = {name: np.zeros_like(params[name]) for name in ("U", "W", "b")}
    d_hidden = d_logits @ params["V"].T
    for t in reversed(range(steps)):
        d_z = d_hidden * (1.0 - hidden[t + 1] * hidden[t + 1])
        grads["U"] += images[:, t].T @ d_z
        grads["W"] += hidden[t].T @ d_z
        grads["b"] += d_z.sum(axis=0)
        d_hidden = d_z @ params["W"].T
    grads["V"] = hidden[-1].T @ d_logits
    grads["c"] = d_logits.sum(axis=0)
    return loss, grads
