import numpy as np
import pytest
import torch
from sklearn.datasets import make_blobs

from n2d import models
from n2d.method.autoencoder import refine, training
from n2d.method.autoencoder.checkpoint import Checkpoint


def test_soft_assignment_is_a_normalised_student_t_kernel():
    latent, centres = torch.tensor([[0.0, 0.0], [3.0, 4.0]]), torch.tensor([[0.0, 0.0], [0.0, 3.0]])
    expected = [[1 / (1 + 1 / 10), 1 / 10 / (1 + 1 / 10)], [1 / 26 / (1 / 26 + 1 / 11), 1 / 11 / (1 / 26 + 1 / 11)]]
    np.testing.assert_allclose(refine.soft_assignment(latent, centres), expected, rtol=1e-5)


def test_target_distribution_is_sharper_and_favours_small_clusters():
    q = torch.tensor([[0.9, 0.1], [0.6, 0.4], [0.8, 0.2]])
    weight = [[0.81 / 2.3, 0.01 / 0.7], [0.36 / 2.3, 0.16 / 0.7], [0.64 / 2.3, 0.04 / 0.7]]
    expected = np.array(weight) / np.sum(weight, axis=1, keepdims=True)
    np.testing.assert_allclose(refine.target_distribution(q), expected, rtol=1e-5)


def test_losses_are_those_of_the_papers():
    latent, centres = torch.tensor([[0.0, 1.0], [2.0, 0.0]]), torch.tensor([[0.0, 0.0], [4.0, 0.0]])
    q = refine.soft_assignment(latent, centres)
    assert refine.kl_divergence(latent, centres, q).item() == pytest.approx(0, abs=1e-6)
    p = torch.tensor([[1.0, 0.0], [0.5, 0.5]])
    expected = -np.log(q[0, 0].item()) / 2  # the second point lies in the middle
    assert refine.kl_divergence(latent, centres, p).item() == pytest.approx(expected, rel=1e-5)
    assert refine.kmeans_loss(latent, centres).item() == pytest.approx((1 + 2) / 2)


def test_losses_and_their_gradients_are_the_same_far_from_the_origin():
    """30 rows: torch.cdist multiplies matrices from 26 on. 1000 and all coordinates are multiples of 1/1024."""
    generator = torch.Generator().manual_seed(0)
    latent, centres = (torch.randint(-2048, 2048, (n, 8), generator=generator) / 1024 for n in (30, 4))
    p = refine.target_distribution(refine.soft_assignment(latent, centres))
    found = []
    for shift in (0, 1000):
        points, places = (t.add(shift).requires_grad_() for t in (latent, centres))
        assignment = refine.soft_assignment(points, places)
        losses = [refine.kl_divergence(points, places, p), refine.kmeans_loss(points, places)]
        found.append([assignment, *losses, *torch.autograd.grad(sum(losses), (points, places))])
    for near, far in zip(*found):
        torch.testing.assert_close(far, near, rtol=1e-6, atol=1e-7)
    torch.testing.assert_close(found[0][0], _by_cdist(latent, centres), rtol=1e-6, atol=1e-7)


def _by_cdist(latent, centres):
    similarity = 1 / (1 + torch.cdist(latent.double(), centres.double()).square())
    return (similarity / similarity.sum(dim=1, keepdim=True)).float()


def test_a_point_on_its_centre_has_a_gradient_of_zero():
    latent = torch.tensor([[1.0, 2.0]], requires_grad=True)
    refine.kmeans_loss(latent, torch.tensor([[1.0, 2.0], [5.0, 5.0]])).backward()
    torch.testing.assert_close(latent.grad, torch.zeros(1, 2))


@pytest.fixture(scope="module")
def blobs():
    x, y = make_blobs(600, 20, centers=4, cluster_std=4.0, random_state=0)
    x = ((x - x.mean(0)) / x.std(0)).astype(np.float32)
    ensemble = models.Ensemble((20, 64, 4), 2, seed=0)
    for member in ensemble:
        training.pretrain(member, x, epochs=20, batch_size=64, precision="fp32")
    return x, y, ensemble.state_dict()


def run(blobs, **settings):
    x, _, weights = blobs
    ensemble = models.Ensemble((20, 64, 4), 2)
    ensemble.load_state_dict(weights)
    defaults = {"n_clusters": 4, "epochs": 10, "tol": -1, "batch_size": 64, "learning_rate": 1e-3}
    return ensemble, *refine.refine(ensemble, x, **(defaults | {"tracked": range(600)} | settings))


def spread(latent, y):
    """Share of the variance that lies inside the classes."""
    means = np.stack([latent[y == c].mean(0) for c in range(4)])
    return ((latent - means[y]) ** 2).sum() / ((latent - latent.mean(0)) ** 2).sum()


@pytest.mark.parametrize("loss", ["KLD", "KM"])
def test_refinement_draws_clusters_together(blobs, loss):
    ensemble, centres, history, evolution = run(blobs, loss=loss)
    assert centres.shape == (4, 8) and len(history) == 10 and evolution.shape == (11, 600, 8)
    assert spread(evolution[-1], blobs[1]) < 0.5 * spread(evolution[0], blobs[1])
    np.testing.assert_array_equal(evolution[-1], training.encode(ensemble, blobs[0]))
    nearest = ((evolution[-1][:, None] - centres) ** 2).sum(2).min(1)
    assert nearest.mean() < ((evolution[-1] - evolution[-1].mean(0)) ** 2).sum(1).mean() / 2


def test_weights_of_the_losses_decide_what_is_trained(blobs):
    _, _, without, _ = run(blobs, loss="KM", cluster_weight=0.0)
    _, _, alone, _ = run(blobs, loss="KM", reconstruction_weight=0.0, cluster_weight=1.0)
    assert without[-1]["reconstruction"] < without[0]["reconstruction"]
    assert alone[-1]["clustering"] < 0.7 * without[-1]["clustering"]
    assert alone[-1]["reconstruction"] > without[-1]["reconstruction"]


def test_refinement_stops_when_few_points_change(blobs):
    _, _, history, evolution = run(blobs, loss="KLD", epochs=50, tol=0.01)
    assert len(history) < 50 and len(evolution) == len(history) + 1
    assert history[-1]["changed"] <= 0.01
    assert all(row["changed"] > 0.01 for row in history[:-1])


def test_same_seed_same_refinement(blobs):
    (_, a, _, _), (_, b, _, _), (_, c, _, _) = (run(blobs, seed=seed, epochs=2) for seed in (1, 1, 2))
    assert np.array_equal(a, b) and not np.array_equal(a, c)


@pytest.mark.parametrize("loss", ["KLD", "KM"])
def test_stopped_at_any_step_it_ends_with_the_same_centres(blobs, loss, tmp_path, monkeypatch):
    """The 14th step is the fourth of the second epoch: 600 samples are ten batches."""
    ensemble, centres, history, evolution = run(blobs, loss=loss, epochs=3, augment=(4, 5))
    write, steps = Checkpoint.write, []

    def write_and_stop(checkpoint, state):
        write(checkpoint, state)
        steps.append(state["step"])
        if len(steps) == 14:
            raise KeyboardInterrupt

    monkeypatch.setattr(Checkpoint, "write", write_and_stop)
    with pytest.raises(KeyboardInterrupt):
        run(blobs, loss=loss, epochs=3, augment=(4, 5), checkpoint=Checkpoint(tmp_path / "c.pt", "", every=0))
    assert steps[-1] == 4 and not Checkpoint.running
    checkpoint = Checkpoint(tmp_path / "c.pt", "", every=0)
    again, centres_again, history_again, evolution_again = run(
        blobs, loss=loss, epochs=3, augment=(4, 5), checkpoint=checkpoint
    )
    assert np.array_equal(centres_again, centres) and history_again == history
    assert np.array_equal(evolution_again, evolution)
    assert all(torch.equal(a, b) for a, b in zip(again.parameters(), ensemble.parameters()))


def test_refinement_sees_distorted_images_and_aims_at_the_assignments_of_the_plain_ones(blobs, monkeypatch):
    seen, targets = [], []
    loss = refine.LOSSES["KLD"]
    monkeypatch.setattr(
        training, "distort", lambda images, shape, draws: seen.append(shape) or images + 100 * draws[:, :1]
    )
    monkeypatch.setitem(refine.LOSSES, "KLD", lambda h, c, p: targets.append(p) or loss(h, c, p))
    run(blobs, epochs=1, augment=(4, 5))
    assert set(seen) == {(4, 5)} and len(seen) == 10
    augmented = torch.cat(targets).sort(0).values
    targets.clear()
    run(blobs, epochs=1)
    torch.testing.assert_close(augmented, torch.cat(targets).sort(0).values, rtol=1e-4, atol=1e-6)


def test_a_loss_that_is_no_number_stops_and_never_gets_into_the_checkpoint(blobs, tmp_path):
    path = tmp_path / "c.pt"
    with pytest.raises(training.DivergenceError, match="the loss of the KM refinement became .* in epoch 1: scale"):
        checkpoint = Checkpoint(path, "", every=0)
        run(blobs, loss="KM", learning_rate=1e30, precision="fp32", checkpoint=checkpoint)
    state = Checkpoint(path, "").state
    assert all(tensor.isfinite().all() for tensor in state["total"])


def test_a_diverging_pretraining_leaves_the_last_good_checkpoint(blobs, tmp_path):
    path, model = tmp_path / "c.pt", models.DenseAutoencoder((20, 64, 4))
    with pytest.raises(training.DivergenceError, match="the loss of autoencoder became .* in epoch"):
        checkpoint = Checkpoint(path, "", every=0)
        training.pretrain(model, blobs[0], learning_rate=1e30, batch_size=64, precision="fp32", checkpoint=checkpoint)
    assert Checkpoint(path, "").state["total"].isfinite()
