"""The demo's models against their hand-written twins, the training loop, and the command line."""

import numpy as np
import pytest
import wengert as wg
import wengert.numpy as wnp
from wengert import demo, reference
from wengert.__main__ import main
from wengert.demo import by_hand, training
from wengert.demo.digits import Digits
from wengert.demo.training import TASKS, Task

reference_numpy = pytest.importorskip("wengert.reference.numpy")
ENGINES = [pytest.param(wg, wnp, id="wengert"), pytest.param(reference, reference_numpy, id="reference")]


def random_batch(rng, count=7):
    return rng.uniform(-1, 1, (count, 8, 8)), rng.integers(0, 10, count)


def by_differences(f, params, step=1e-6):
    """Central differences of a scalar function of a dict of arrays."""
    grads = {}
    for name, p in params.items():
        grads[name] = np.empty_like(p)
        for index in np.ndindex(p.shape):
            values = []
            for sign in (1, -1):
                moved = {**params, name: p.copy()}
                moved[name][index] += sign * step
                values.append(f(moved))
            grads[name][index] = (values[0] - values[1]) / (2 * step)
    return grads


@pytest.mark.parametrize("task", TASKS, ids=lambda t: t.name)
@pytest.mark.parametrize(("engine", "xp"), ENGINES)
def test_wengert_and_the_hand_written_step_agree(task, engine, xp):
    rng = np.random.default_rng(0)
    params = task.init(rng)
    images, labels = random_batch(rng)
    loss, grads = engine.value_and_grad(lambda p: task.loss(p, images, labels, xp))(params)
    want_loss, want = task.by_hand(params, images, labels)
    assert abs(float(loss) - want_loss) <= 1e-10
    assert list(grads) == list(params)
    for name in params:
        np.testing.assert_allclose(grads[name], want[name], rtol=0, atol=1e-10)


@pytest.mark.parametrize(
    ("init", "value_and_grad"),
    [
        (lambda rng: training.models.mlp_init(rng, hidden=3), by_hand.mlp_value_and_grad),
        (lambda rng: training.models.rnn_init(rng, hidden=3), by_hand.rnn_value_and_grad),
    ],
    ids=["MLP", "RNN"],
)
def test_the_hand_written_step_is_right(init, value_and_grad):
    rng = np.random.default_rng(1)
    params = init(rng)
    images, labels = random_batch(rng, 4)
    want = by_differences(lambda p: value_and_grad(p, images, labels)[0], params)
    _, grads = value_and_grad(params, images, labels)
    for name in params:
        np.testing.assert_allclose(grads[name], want[name], atol=1e-8)


def test_cross_entropy_by_hand_does_not_overflow():
    loss, cotangent = by_hand.cross_entropy(np.array([[1e4, -1e4, 0.0]]), np.array([1]))
    assert loss == 2e4
    np.testing.assert_array_equal(cotangent, [[1.0, -1.0, 0.0]])


def two_classes(rng, count):
    """Images whose left or right half is bright: a problem that a few steps solve."""
    labels = rng.integers(0, 2, count)
    images = rng.uniform(-0.3, 0.3, (count, 8, 8))
    images[labels == 0, :, :4] += 0.5
    images[labels == 1, :, 4:] += 0.5
    return images, labels


@pytest.mark.parametrize("task", TASKS, ids=lambda t: t.name)
def test_training_learns_and_follows_the_hand_written_twin(task):
    rng = np.random.default_rng(2)
    data = Digits(*two_classes(rng, 100), *two_classes(rng, 50))
    epochs = []
    run = training.train(task, data, wg.value_and_grad(task.loss), 4, seed=3, progress=lambda run, e: epochs.append(e))
    assert epochs == [0, 1, 2, 3]
    assert len(run.losses) == len(run.losses_by_hand) == len(run.seconds) == len(run.seconds_by_hand) == 8
    np.testing.assert_allclose(run.losses, run.losses_by_hand, rtol=1e-10)
    assert run.largest_difference <= 1e-10
    assert run.losses[-1] < 0.1 * run.losses[0]
    assert run.accuracy >= 0.95
    assert run.step_time > 0
    assert run.step_time_by_hand > 0


def test_a_wrong_gradient_shows_as_a_difference():
    task = TASKS[0]
    rng = np.random.default_rng(2)
    data = Digits(*two_classes(rng, 64), *two_classes(rng, 10))

    def slightly_wrong(params, images, labels):
        loss, grads = task.by_hand(params, images, labels)
        return loss, {name: g * (1 + 1e-3 * (name == "W1")) for name, g in grads.items()}

    assert training.train(task, data, slightly_wrong, 2, seed=3).largest_difference > 1e-6


def test_digits_are_split_without_overlap():
    pytest.importorskip("sklearn")
    data = training.Digits(*vars(demo_digits(0)).values())
    assert data.train_images.shape == (1437, 8, 8)
    assert data.test_images.shape == (360, 8, 8)
    assert data.train_images.min() >= -1.0
    assert data.train_images.max() <= 1.0
    train = {image.tobytes() for image in data.train_images}
    # A handful of the 1797 scans are identical; none may be shared because of the split itself.
    assert sum(image.tobytes() in train for image in data.test_images) <= 2
    assert not np.array_equal(demo_digits(1).test_labels, data.test_labels)


def demo_digits(seed):
    from wengert.demo import digits

    return digits.load(seed)


def test_the_whole_demo(tmp_path, capsys, monkeypatch):
    for extra in ("sklearn", "rich", "matplotlib"):
        pytest.importorskip(extra)
    from wengert.demo import show

    # The whole problem set has tests of its own; here two of its columns and two epochs are enough.
    monkeypatch.setattr(show, "_CHECKS", (("reverse", "wengert", "reverse"), ("forward", "wengert", "forward")))
    monkeypatch.setattr(training, "TASKS", tuple(lenient(task) for task in TASKS))
    picture = tmp_path / "curves.png"
    assert main(["demo", "--epochs", "2", "--out", str(picture)]) == 0
    printed = capsys.readouterr().out
    assert "MLP" in printed
    assert "RNN" in printed
    assert "curves.png" in printed.replace("\n", "")
    assert picture.read_bytes().startswith(b"\x89PNG")


def lenient(task):
    return Task(**{**vars(task), "required_accuracy": 0.5})


def test_the_demo_fails_if_a_check_fails(tmp_path, monkeypatch, capsys):
    pytest.importorskip("sklearn")
    from wengert.demo import show

    results = [("P1", "grad/W", False, 0.5, "off by a half"), ("P1", "primal/z", True, 0.0, "")]
    monkeypatch.setattr(show.problems, "check_all", lambda engine, mode: iter(results))
    monkeypatch.setattr(training, "TASKS", ())
    monkeypatch.setattr(show, "draw", lambda runs, out: None)
    assert show.run(tmp_path / "none.png", 1, 0) == 1
    printed = capsys.readouterr().out
    assert "off by a half" in printed
    assert "1/2" in printed


def test_missing_extras_are_named(monkeypatch, capsys):
    monkeypatch.setattr(demo, "_EXTRAS", ("rich", "a_package_nobody_has"))
    assert main(["demo"]) == 1
    message = capsys.readouterr().err
    assert "a_package_nobody_has" in message
    assert "pip install 'wengert[demo]'" in message


def test_a_command_is_required(capsys):
    with pytest.raises(SystemExit) as stop:
        main([])
    assert stop.value.code == 2
    assert "demo" in capsys.readouterr().err
