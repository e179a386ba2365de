"""The Python package's losses in JAX and Keras, beside those that they bring, and the listings of its page."""

import os

os.environ.setdefault("JAX_ENABLE_X64", "1")

import jax
import jax.numpy as jnp
import keras
import numpy as np
import pytest
from jax.test_util import check_grads

import lossd as package
import lossd.jax
import lossd.keras
import pages

Z = np.random.default_rng(1).standard_normal((6, 4))
Y = np.arange(6) % 4


@pytest.fixture(autouse=True)
def address(lossd, monkeypatch):
    monkeypatch.setenv("LOSSD_ADDRESS", lossd.address)


def cross_entropy(z, y=Y):
    return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(z), y[:, None], 1))


def test_jax_s_gradients_inside_jit():
    z = jnp.asarray(Z)
    value, gradient = jax.jit(jax.value_and_grad(lambda z: package.jax.loss(2 * z, Y)))(z)
    expected = jax.value_and_grad(lambda z: cross_entropy(2 * z))(z)
    np.testing.assert_allclose(value, expected[0], rtol=1e-14)
    np.testing.assert_allclose(gradient, expected[1], rtol=1e-12, atol=1e-16)


@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
def test_jax_s_own_check_of_gradients(reduction):
    for spec in ("focal", "poly1", {"cross_entropy": {}, "label_smoothing": 0.1}):
        check_grads(lambda z: package.jax.loss(z, Y, spec, reduction=reduction), (jnp.asarray(Z),), 1, ["rev"])
    images = jnp.asarray(np.random.default_rng(2).standard_normal((2, 4, 3)))
    check_grads(lambda z: package.jax.loss(z, Y.reshape(2, 3), class_axis=1, reduction=reduction), (images,), 1, ["rev"])


def test_jax_s_types_weights_and_normalizer():
    for dtype in (jnp.bfloat16, jnp.float16, jnp.float32):
        gradient = jax.grad(lambda z: package.jax.loss(z, Y))(jnp.asarray(Z, dtype))
        assert gradient.dtype == dtype
        expected = jax.grad(cross_entropy)(jnp.asarray(Z, dtype).astype(jnp.float64))
        np.testing.assert_allclose(np.asarray(gradient, np.float64), expected, rtol=2**-7, atol=1e-6)
    mask = jnp.array([1, 0, 1, 1, 0, 1])
    weighted = jax.jit(jax.grad(lambda z, n: package.jax.loss(z, Y, sample_weights=mask, normalizer=n)))(Z, 4.0)
    kept = mask == 1
    np.testing.assert_allclose(weighted[kept], jax.grad(lambda z: cross_entropy(z, Y[kept]))(Z[kept]), rtol=1e-12)
    assert not np.asarray(weighted[~kept]).any()


def test_jax_asks_for_no_gradient_that_it_does_not_need(monkeypatch):
    asked = []
    make = package.jax.batch_template
    monkeypatch.setattr(package.jax, "batch_template", lambda *given: asked.append(given[2]) or make(*given))
    package.jax.loss(Z, Y).block_until_ready()
    jax.jit(lambda z: package.jax.loss(z, Y))(Z).block_until_ready()
    assert asked == [False, False]
    jax.grad(lambda z: package.jax.loss(z, Y))(Z).block_until_ready()
    assert asked == [False, False, True]


def test_jax_is_told_what_is_wrong():
    with pytest.raises(ValueError, match="labels requires a gradient"):
        jax.grad(lambda t: package.jax.loss(Z, t))(jnp.ones((6, 4)))
    with pytest.raises(ValueError, match="teacher_logits is no argument"):
        package.jax.loss(Z, None, "kl_divergence", teacher_logits=Z)
    with pytest.raises(ValueError, match="did you mean label_smoothing"):
        package.jax.loss(Z, Y, lable_smoothing=0.1)
    with pytest.raises(Exception, match=r"labels\[0\] = 4 is not in \[0, 4\)"):
        jax.jit(lambda z: package.jax.loss(z, Y + 4))(Z).block_until_ready()


def fitted(loss, y, units, x):
    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.Input((5,)), keras.layers.Dense(units)])
    model.compile("sgd", loss=loss)
    return model.fit(x, y, epochs=3, verbose=0, shuffle=False).history["loss"]


def test_keras_trains_as_with_its_own_losses():
    x = np.random.default_rng(3).standard_normal((300, 5)).astype(np.float32)
    classes = (x[:, 0] > 0).astype(int) + (x[:, 1] > 0)
    for y in (classes, classes[:, None]):
        np.testing.assert_allclose(
            fitted(package.keras.Loss(), y, 3, x),
            fitted(keras.losses.SparseCategoricalCrossentropy(from_logits=True), y, 3, x), rtol=1e-5)
    one_hot = np.eye(3)[classes]
    np.testing.assert_allclose(
        fitted(package.keras.Loss(label_smoothing=0.1), one_hot, 3, x),
        fitted(keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1), one_hot, 3, x), rtol=1e-5)
    many = (x[:, :3] > 0).astype(int)
    np.testing.assert_allclose(
        fitted(package.keras.Loss({"focal": {"gamma": 2}}, activation="sigmoid"), many, 3, x),
        fitted(keras.losses.BinaryFocalCrossentropy(from_logits=True), many, 3, x), rtol=1e-4)


def test_keras_saves_a_loss():
    made = package.keras.Loss({"focal": {"gamma": 1}}, label_smoothing=0.1)
    again = keras.losses.deserialize(keras.losses.serialize(made))
    assert again.get_config() == made.get_config()
    assert again.get_config()["label_smoothing"] == 0.1


def test_the_page_s_listings():
    names = {"parameters": jnp.asarray(np.random.default_rng(4).standard_normal((9, 7))),
             "x": jnp.asarray(np.random.default_rng(5).standard_normal((20, 9))), "labels": jnp.arange(20) % 7}
    ran = 0
    for block in pages.blocks("client/python/README.md", "python"):
        code = "\n".join(block.lines)
        if "import jax" in code or "import keras" in code:
            exec(code, names)
            ran += 1
    assert ran == 2 and names["gradients"].shape == (9, 7)
    names["model"].fit(names["x"], names["labels"], verbose=0)
