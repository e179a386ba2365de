"""trl's losses: GRPOTrainer's own code, on what stands for a trainer and gives it log-probabilities."""

import collections
import importlib.metadata
import types

import torch
from trl.trainer.grpo_trainer import GRPOTrainer

VERSION = importlib.metadata.version("trl")


class _Accelerator:
    num_processes = 1
    sync_gradients = True

    def gather(self, values):
        return values

    def reduce(self, values, reduction):
        return values


def _trainer(u, options):
    """Returns what GRPOTrainer._compute_loss reads of a trainer."""
    arguments = types.SimpleNamespace(
        use_bias_correction_kl=True, delta=None, sapo_temperature_pos=1.0, sapo_temperature_neg=1.05, vespo_k_pos=2.0,
        vespo_lambda_pos=3.0, vespo_k_neg=3.0, vespo_lambda_neg=2.0, steps_per_generation=1)
    made = types.SimpleNamespace(
        args=arguments, accelerator=_Accelerator(), model=types.SimpleNamespace(training=True),
        aux_loss_enabled=False, top_entropy_quantile=1.0, off_policy_mask_threshold=None, beta=0.0,
        importance_sampling_level="token", loss_type="dapo", epsilon_low=0.2, epsilon_high=0.2, use_vllm=False,
        vllm_importance_sampling_correction=False, current_gradient_accumulation_steps=1, max_completion_length=8,
        _entropy_bonus_enabled=False, _metrics=collections.defaultdict(lambda: collections.defaultdict(list)),
        get_gamma_weights=GRPOTrainer.get_gamma_weights,
        _get_per_token_logps_and_entropies=lambda *_, **__: (u, torch.zeros_like(u), None))
    for name, value in options.items():
        setattr(arguments if hasattr(arguments, name) else made, name, value)
    return made


def setting(**options):
    def run(batch):
        empty = torch.zeros((len(batch.u), 0), dtype=torch.int64)
        inputs = {
            "prompt_ids": empty, "prompt_mask": empty, "completion_ids": torch.zeros(batch.u.shape, dtype=torch.int64),
            "completion_mask": batch.mask, "advantages": batch.advantages, "old_per_token_logps": batch.o,
            "ref_per_token_logps": batch.f, "num_items_in_batch": batch.mask.sum()}
        if options.get("use_vllm"):
            inputs["importance_sampling_ratio"] = (batch.o - batch.q).exp().clamp(max=3)
        return GRPOTrainer._compute_loss(_trainer(batch.u, options), None, inputs)

    return run


_SEQUENCE = {"importance_sampling_level": "sequence"}

SETTINGS = {
    'loss_type="dapo" (default), beta=0': setting(),
    'loss_type="bnpo"': setting(loss_type="bnpo"),
    'loss_type="dapo", epsilon_high=0.28': setting(epsilon_high=0.28),
    'loss_type="dapo", delta=3': setting(delta=3),
    'loss_type="grpo"': setting(loss_type="grpo"),
    'loss_type="grpo", a sequence without tokens': setting(loss_type="grpo"),
    'loss_type="dr_grpo", max_completion_length=8': setting(loss_type="dr_grpo"),
    'importance_sampling_level="sequence", loss_type="grpo"': setting(loss_type="grpo", **_SEQUENCE),
    'the same, epsilon=3e-4, epsilon_high=4e-4': setting(
        loss_type="grpo", epsilon_low=3e-4, epsilon_high=4e-4, **_SEQUENCE),
    'importance_sampling_level="sequence", loss_type="dapo"': setting(**_SEQUENCE),
    'importance_sampling_level="sequence", loss_type="grpo", advantages A*': setting(loss_type="grpo", **_SEQUENCE),
    'loss_type="cispo", epsilon_high=5': setting(loss_type="cispo", epsilon_high=5),
    'loss_type="cispo", default epsilon_high': setting(loss_type="cispo"),
    'loss_type="sapo"': setting(loss_type="sapo"),
    'loss_type="vespo"': setting(loss_type="vespo"),
    'beta=0.04': setting(beta=0.04),
    'beta=0.04, use_bias_correction_kl=False': setting(beta=0.04, use_bias_correction_kl=False),
    'vllm_importance_sampling_mode="token_truncate", cap 3': setting(
        use_vllm=True, vllm_importance_sampling_correction=True),
}
