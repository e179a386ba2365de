"""verl's losses: its core_algos, which want Ray for nothing that runs here."""

import importlib.metadata

import policies.without_ray  # noqa: F401, before verl
import torch
from verl.trainer.ppo import core_algos
from verl.workers.config import ActorConfig, PolicyLossConfig

VERSION = importlib.metadata.version("verl")


def setting(name, mode="token-mean", policy_loss=None, **options):
    config = ActorConfig(strategy="fsdp", rollout_n=1, ppo_micro_batch_size_per_gpu=1,
                         policy_loss=PolicyLossConfig(loss_mode=name, **(policy_loss or {})), **options)

    def run(batch):
        o = batch.u.detach() if batch.o is None else batch.o
        return core_algos.get_policy_loss_fn(name)(
            old_log_prob=o, log_prob=batch.u, advantages=batch.token_advantages, response_mask=batch.mask,
            loss_agg_mode=mode, config=config)[0]

    return run


def padded(run):
    """Returns the setting of a batch with four more columns of padding."""

    def wider(batch):
        def wide(tensor):
            return torch.nn.functional.pad(tensor, (0, 4))

        return run(batch._replace(u=wide(batch.u), o=wide(batch.o), mask=wide(batch.mask),
                                  advantages=wide(batch.token_advantages)))

    return wider


def penalty(name):
    def run(batch):
        return core_algos.agg_loss(core_algos.kl_penalty(batch.u, batch.f, name), batch.mask, "token-mean")

    return run


_MEANS = "seq-mean-token-mean"
_NORM = setting("vanilla", "seq-mean-token-sum-norm")

SETTINGS = {
    'policy_loss "vanilla", token-mean (default)': setting("vanilla"),
    '"vanilla", seq-mean-token-sum': setting("vanilla", "seq-mean-token-sum"),
    '"vanilla", seq-mean-token-sum-norm': _NORM,
    '"vanilla", seq-mean-token-sum-norm, four more columns of padding': padded(_NORM),
    '"vanilla", seq-mean-token-mean, a sequence without tokens': setting("vanilla", _MEANS),
    '"gspo", seq-mean-token-mean': setting("gspo", _MEANS),
    '"gspo", clip_ratio_low=3e-4, clip_ratio_high=4e-4, seq-mean-token-mean': setting(
        "gspo", _MEANS, clip_ratio_low=3e-4, clip_ratio_high=4e-4),
    '"gspo", token-mean (default)': setting("gspo"),
    '"gpg"': setting("gpg"),
    '"cispo" (default)': setting("cispo"),
    '"cispo", clip_ratio_low=1, clip_ratio_high=3': setting("cispo", clip_ratio_low=1, clip_ratio_high=3),
    '"dro", beta=0.05': setting("dro", policy_loss={"dro_beta": 0.05}),
    '"sapo"': setting("sapo", _MEANS),
    '"dppo_tv", threshold 0.1, clip_ratio_c=20': setting(
        "dppo_tv", clip_ratio_low=0.1, clip_ratio_high=0.1, clip_ratio_c=20.0),
    '"dppo_tv", threshold 0.2, default clip_ratio_c': setting("dppo_tv"),
    '"geo_mean" (GMPO)': setting("geo_mean"),
    'kl_loss_type "k1", alone': penalty("k1"),
    'kl_loss_type "k2", alone': penalty("k2"),
    'kl_loss_type "k3", alone': penalty("k3"),
}
