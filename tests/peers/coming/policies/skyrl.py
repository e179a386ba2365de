"""SkyRL's losses, which are sums of advantages that the reduction has scaled."""

import importlib.metadata

import policies.without_ray  # noqa: F401, before skyrl
from skyrl.backends.skyrl_train.utils import ppo_utils
from skyrl.train.config.config import AlgorithmConfig

VERSION = importlib.metadata.version("skyrl")
TOLERANCE = 1e-6  # some of it computes in float32


def setting(name, reduction=None, config=None, **nested):
    config = AlgorithmConfig(policy_loss_type=name, **(config or {}))
    if reduction:
        config.loss_reduction = reduction
    for part, values in nested.items():
        for key, value in values.items():
            setattr(getattr(config, part), key, value)

    def run(batch):
        a = batch.mask if batch.advantages is None else batch.token_advantages
        if reduction:
            a = ppo_utils.apply_loss_reduction_to_advantages_minibatch(a, batch.mask, reduction, len(a), 8)
        o = batch.u.detach() if batch.o is None else batch.o
        loss = ppo_utils.PolicyLossRegistry.get(name)
        return loss(batch.u, o, a, config, loss_mask=batch.mask)[0]

    return run


def penalty(name):
    def run(batch):
        return ppo_utils.compute_approx_kl(batch.u, batch.f, batch.mask, name).sum() / batch.mask.sum()

    return run


_DPPO = {"dppo_type": "binary_tv", "delta_low": 0.2, "delta_high": 0.2}

SETTINGS = {
    'policy_loss_type "regular", token_mean': setting("regular", "token_mean"),
    '"dual_clip", token_mean': setting("dual_clip", "token_mean"),
    '"regular", sequence_mean': setting("regular", "sequence_mean"),
    '"regular", seq_mean_token_sum_norm, max_seq_len 8': setting("regular", "seq_mean_token_sum_norm"),
    '"importance_sampling"': setting("importance_sampling"),
    '"cross_entropy"': setting("cross_entropy"),
    '"gspo", sequence_mean': setting("gspo", "sequence_mean"),
    '"cispo", 0.2 and 0.2': setting(
        "cispo", "token_mean", cispo={"cispo_eps_clip_low": 0.2, "cispo_eps_clip_high": 0.2}),
    '"sapo", sequence_mean': setting("sapo", "sequence_mean"),
    '"dppo", threshold 0.2': setting("dppo", "token_mean", dppo=_DPPO),
    'kl_estimator_type "k1", alone': penalty("k1"),
    'kl_estimator_type "k2", alone': penalty("k2"),
    'kl_estimator_type "k3", alone': penalty("k3"),
}
