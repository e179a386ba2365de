"""lossd's class weights, losses, counts and information measures against scikit-learn and SciPy."""

import numpy as np
import pytest
import scipy.spatial.distance
import scipy.special
import scipy.stats
import sklearn.metrics
import sklearn.utils.class_weight as sklearn_weights

from lossd_client import array, assert_close, tensor

ROUNDINGS = 64


def draw(seed, samples=200, classes=5, probabilities=(0.6, 0.2, 0.1, 0.08, 0.02)):
    generator = np.random.default_rng(seed)
    return (generator, 2 * generator.standard_normal((samples, classes)),
            generator.choice(classes, p=probabilities, size=samples))


def balanced(lossd, **request):
    answer = lossd.class_weights(schemes=[{"scheme": "WEIGHT_SCHEME_BALANCED"}], **request)
    return np.array(answer.weights[0].values)


@pytest.mark.parametrize("classes", (2, 5, 100))
def test_balanced_class_weights(lossd, classes):
    generator = np.random.default_rng(71)
    labels = np.minimum(generator.geometric(min(1, 3 / classes), size=1000), classes) - 1
    labels = np.concatenate([np.arange(classes), labels])  # none is empty
    peer = sklearn_weights.compute_class_weight("balanced", classes=np.arange(classes), y=labels)
    assert_close(balanced(lossd, labels=tensor(labels)), peer, ROUNDINGS)
    counts = np.bincount(labels).astype(np.float64)
    assert_close(balanced(lossd, counts=tensor(counts)), peer, ROUNDINGS)


def test_balanced_class_weights_of_weighted_samples(lossd):
    generator, _, labels = draw(72)
    s = generator.random(labels.size)
    peer = sklearn_weights.compute_class_weight(
        "balanced", classes=np.arange(5), y=labels, sample_weight=s)
    ours = balanced(lossd, labels=tensor(labels), sample_weights=tensor(s))
    assert_close(ours, peer, ROUNDINGS)


def test_a_class_without_samples(lossd):
    """scikit-learn counts the classes that are there and refuses the others; lossd counts the same
    way, so that the present ones weigh the same, and gives the absent one 0 and its name."""
    labels = np.array([0, 0, 0, 2])
    with pytest.raises(ValueError):
        sklearn_weights.compute_class_weight("balanced", classes=np.arange(3), y=labels)
    peer = sklearn_weights.compute_class_weight("balanced", classes=np.array([0, 2]), y=labels)
    ours = balanced(lossd, labels=tensor(labels), class_count=3)
    assert_close(ours, [peer[0], 0, peer[1]], ROUNDINGS)
    answer = lossd.class_weights(labels=tensor(labels), class_count=3)
    assert list(answer.empty_classes) == [1]


def test_the_scheme_of_a_loss_is_the_balanced_log_loss(lossd):
    """Weights that lossd takes from the batch itself; scikit-learn's as sample weights."""
    _, logits, labels = draw(73)
    peer = sklearn.metrics.log_loss(
        labels, scipy.special.softmax(logits, axis=-1), labels=np.arange(5),
        sample_weight=sklearn_weights.compute_sample_weight("balanced", labels))
    answer = lossd.compute(
        logits, labels, {"class_weighting": {"scheme": {"scheme": "WEIGHT_SCHEME_BALANCED"}}},
        reduction="mean")
    assert_close(answer.loss, peer, ROUNDINGS)
    assert_close(answer.class_weights, sklearn_weights.compute_class_weight(
        "balanced", classes=np.arange(5), y=labels), ROUNDINGS)


@pytest.mark.parametrize("weighted", (False, True))
@pytest.mark.parametrize("normalize", (False, True))
def test_log_loss(lossd, normalize, weighted):
    generator, logits, labels = draw(74)
    s = generator.random(labels.size) if weighted else None
    peer = sklearn.metrics.log_loss(
        labels, scipy.special.softmax(logits, axis=-1), normalize=normalize, sample_weight=s,
        labels=np.arange(5))
    answer = lossd.compute(logits, labels, sample_weights=s,
                           reduction="mean" if normalize else "sum")
    assert_close(answer.loss, peer, ROUNDINGS)


@pytest.mark.parametrize("weighted", (False, True))
def test_binary_log_loss_and_brier_score(lossd, weighted):
    generator, logits, _ = draw(75)
    z, labels = logits[:, 0], generator.integers(2, size=len(logits))
    s = generator.random(labels.size) if weighted else None
    p = scipy.special.expit(z)
    for loss, peer in ((None, sklearn.metrics.log_loss(labels, p, sample_weight=s)),
                       ("squared_error", sklearn.metrics.brier_score_loss(
                           labels, p, sample_weight=s))):
        spec = {"activation": "ACTIVATION_SIGMOID", **({loss: {}} if loss else {})}
        answer = lossd.compute(z, labels, spec, sample_weights=s, reduction="mean")
        assert_close(answer.loss, peer, ROUNDINGS)


def test_where_log_loss_clips(lossd):
    """scikit-learn sees probabilities, which are 0 long before the logits run out: its loss stops
    at −ln ε of what it clips to; lossd's is the logits' own."""
    logits, labels = np.array([[800.0, 0.0]]), np.array([1])
    peer = sklearn.metrics.log_loss(labels, scipy.special.softmax(logits, axis=-1), labels=[0, 1])
    answer = lossd.compute(logits, labels)
    assert_close(peer, -np.log(np.finfo(np.float64).eps), ROUNDINGS)
    assert_close(answer.losses, [800.0], 1)


def test_counts_of_correct_and_predicted(lossd):
    _, logits, labels = draw(76)
    answer = lossd.compute(logits, labels, class_statistics=True, top_k=[1, 2, 3, 7])
    statistics = answer.message.class_statistics
    matrix = sklearn.metrics.confusion_matrix(labels, logits.argmax(-1), labels=np.arange(5))
    assert list(statistics.count) == list(matrix.sum(1))
    assert list(statistics.predicted_count) == list(matrix.sum(0))
    assert list(statistics.correct_count) == list(matrix.diagonal())
    expected = [sklearn.metrics.top_k_accuracy_score(
        labels, logits, k=k, normalize=False, labels=np.arange(5)) for k in (1, 2, 3)]
    assert list(answer.message.top_k_correct) == expected + [200]


def test_entropy_divergence_and_jensen_shannon(lossd):
    generator, _, _ = draw(77)
    p, q = generator.dirichlet(np.ones(6), size=(2, 20))
    answer = lossd.information(p, q)
    assert_close(array(answer.entropy), scipy.stats.entropy(p, axis=-1), ROUNDINGS)
    assert_close(array(answer.kl_divergence), scipy.stats.entropy(p, q, axis=-1), ROUNDINGS)
    # SciPy's is the square root, the distance.
    assert_close(array(answer.jensen_shannon),
                 scipy.spatial.distance.jensenshannon(p, q, axis=-1) ** 2, ROUNDINGS)
    assert_close(lossd.compute(np.log(q), p, {"jensen_shannon": {}}).losses,
                 scipy.spatial.distance.jensenshannon(p, q, axis=-1) ** 2, ROUNDINGS)
