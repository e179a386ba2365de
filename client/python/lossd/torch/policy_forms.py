"""Policy losses for PyTorch, by log-probabilities: one number for each sampled token, with its gradient.

    log_probs = model(tokens).log_softmax(-1).gather(-1, sampled[..., None])[..., 0]      # [B, T], with grad
    loss = lossd.torch.ppo(log_probs, advantages, old_log_probs=old, sample_weights=mask)
    loss.backward()

u is ln p of a token under the policy in training, o under the old policy, A the advantage; r = e^(u − o).
loss_spec.proto has the whole formulas, and proto/POLICY_LOSSES.md which setting of trl, verl and others is which loss.
"""

from __future__ import annotations

from typing import Any, Callable, Dict, Optional, Tuple, Union

import torch
from torch import Tensor

from lossd import _contract
from lossd._template import split_options
from lossd.client import Spec
from lossd.torch import _op
from lossd.torch._loss import NOWHERE, Prepared
from lossd.torch._module import _OPTIONS, _prepared, prepare


def policy(
    log_probs: Tensor,
    advantages: Optional[Tensor] = None,
    spec: Spec = None,
    *,
    old_log_probs: Optional[Tensor] = None,
    reference_log_probs: Optional[Tensor] = None,
    sampler_log_probs: Optional[Tensor] = None,
    labels: Optional[Tensor] = None,
    sample_weights: Optional[Tensor] = None,
    sequence_lengths: Optional[Tensor] = None,
    normalizer: Union[float, Tensor, None] = None,
    **options: Any,
) -> Tensor:
    """Returns any loss of log-probabilities, differentiable once with respect to them.

        lossd.torch.policy(log_probs, advantages, {"cispo": {"maximum_ratio": 5}}, old_log_probs=old)

    log_probs: u, [B, T] (the last axis is the sequence) or any other shape; [N] beside sequence_lengths. Rather float32
    or float64: bfloat16's step at −1.5 is 0.008. Or logits [B, T, C], beside `labels`.
    advantages: A of either sign, of that shape or one for each sequence. Without a form of a ratio they multiply the
    loss: spec None, cross entropy, is REINFORCE then. None is 1.
    old_log_probs, reference_log_probs, sampler_log_probs: o, f and q, of the shape of log_probs.
    labels: the sampled tokens, where log_probs are logits.
    sample_weights: ≥ 0; the mask: of a token of weight 0 nothing is read, NaN may stand there.
    sequence_lengths: of a packed batch, [S].
    normalizer: a number ≥ 0 in place of a mean's divisor, as the tokens of all micro-batches.

    options: loss()'s, and ratio={"level": "sequence"}, kl_penalty={"coefficient": 0.04},
    importance_weighting={"maximum": 2}, reduction="sequence_mean"; on_result sees policy_statistics, where
    outputs={"policy_statistics": True} asks for them.

    Returns and raises what loss() does. Inside torch.compile it runs uncompiled.
    """
    if labels is None:
        options.setdefault("activation", "log_probability")
    others = _others(advantages, old_log_probs, reference_log_probs, sampler_log_probs, sequence_lengths)
    return _uncompiled(_call)(spec, options, (log_probs, labels, sample_weights, normalizer), others)


def _call(
    spec: Spec,
    options: Dict[str, Any],
    batch: Tuple[Tensor, Optional[Tensor], Optional[Tensor], Any],
    others: Dict[str, Optional[Tensor]],
) -> Tensor:
    return _prepared(spec, options)(*batch, NOWHERE, others)


def _uncompiled(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Returns the function as torch.compile is to take it: as it is."""
    if not _op.is_compiling():
        return function
    disabled: Callable[..., Tensor] = torch.compiler.disable(function)  # type: ignore[attr-defined,unused-ignore]
    return disabled


def _others(
    advantages: Optional[Tensor],
    old: Optional[Tensor],
    reference: Optional[Tensor],
    sampler: Optional[Tensor],
    lengths: Optional[Tensor],
) -> Dict[str, Optional[Tensor]]:
    """Returns what a rollout has, by the names of the request's arrays."""
    rollout = {"advantages": advantages, "old_log_probs": old, "reference_log_probs": reference,
               "sampler_log_probs": sampler}  # fmt: skip
    found = {f"rollout.{name}": tensor if tensor is None or tensor.is_floating_point() else tensor.double()
             for name, tensor in rollout.items()}  # fmt: skip
    return {**found, "sequence_lengths": lengths}


def reinforce(log_probs: Tensor, advantages: Tensor, **options: Any) -> Tensor:
    """−A u."""
    return policy(log_probs, advantages, {"cross_entropy": {}}, **options)


def importance_sampling(log_probs: Tensor, advantages: Tensor, *, old_log_probs: Tensor, **options: Any) -> Tensor:
    """−A r."""
    return policy(log_probs, advantages, {"importance_sampling": {}}, old_log_probs=old_log_probs, **options)


def ppo(
    log_probs: Tensor,
    advantages: Tensor,
    *,
    old_log_probs: Tensor,
    epsilon_low: float = 0.2,
    epsilon_high: float = 0.2,
    dual_clip: Optional[float] = None,
    **options: Any,
) -> Tensor:
    """−min(r A, clip(r, 1 − ε_low, 1 + ε_high) A), and for A < 0 at most −dual_clip A. Schulman et al., 2017. With
    reduction="sequence_mean" GRPO's, and with ratio={"level": "sequence"} besides, GSPO."""
    form = {"epsilon_low": epsilon_low, "epsilon_high": epsilon_high, "dual_clip": dual_clip}
    return policy(log_probs, advantages, {"ppo": form}, old_log_probs=old_log_probs, **options)


def cispo(
    log_probs: Tensor,
    advantages: Tensor,
    *,
    old_log_probs: Tensor,
    minimum_ratio: float = 0.0,
    maximum_ratio: float = 4.0,
    **options: Any,
) -> Tensor:
    """−w A u with w = r clipped and held constant: every token keeps a gradient. MiniMax-M1, 2025."""
    form = {"minimum_ratio": minimum_ratio, "maximum_ratio": maximum_ratio}
    return policy(log_probs, advantages, {"cispo": form}, old_log_probs=old_log_probs, **options)


def dro(
    log_probs: Tensor, advantages: Tensor, *, old_log_probs: Tensor, beta: float = 0.05, **options: Any
) -> Tensor:
    """−A u + ½ β (u − o)². Richemond et al., 2024."""
    return policy(log_probs, advantages, {"dro": {"beta": beta}}, old_log_probs=old_log_probs, **options)


def sapo(
    log_probs: Tensor,
    advantages: Tensor,
    *,
    old_log_probs: Tensor,
    tau_positive: float = 1.0,
    tau_negative: float = 1.05,
    **options: Any,
) -> Tensor:
    """−A (4/τ) σ(τ (r − 1)). Gao et al., 2025."""
    form = {"tau_positive": tau_positive, "tau_negative": tau_negative}
    return policy(log_probs, advantages, {"sapo": form}, old_log_probs=old_log_probs, **options)


def dppo(
    log_probs: Tensor,
    advantages: Tensor,
    *,
    old_log_probs: Tensor,
    divergence: Optional[str] = None,
    threshold_low: float = 0.2,
    threshold_high: float = 0.2,
    **options: Any,
) -> Tensor:
    """−A r, masked where the token's probability has moved too far: divergence "total_variation" or "kl". Qi et al.,
    2026."""
    form = {"divergence": divergence, "threshold_low": threshold_low, "threshold_high": threshold_high}
    return policy(log_probs, advantages, {"dppo": form}, old_log_probs=old_log_probs, **options)


class PolicyLoss(torch.nn.Module):
    """policy() as a module: spec and options, checked once.

        criterion = lossd.torch.PolicyLoss({"ppo": {"dual_clip": 3}}, reduction="sequence_mean")
        criterion(log_probs, advantages, old_log_probs=old, sample_weights=mask).backward()
    """

    def __init__(self, spec: Spec = None, *, activation: str = "log_probability", **options: Any) -> None:
        super().__init__()
        fields, others = split_options({"activation": activation, **options}, _OPTIONS)
        self._prepared: Prepared = prepare(spec, **others, fields=fields)

    def forward(
        self,
        log_probs: Tensor,
        advantages: Optional[Tensor] = None,
        *,
        old_log_probs: Optional[Tensor] = None,
        reference_log_probs: Optional[Tensor] = None,
        sampler_log_probs: Optional[Tensor] = None,
        labels: Optional[Tensor] = None,
        sample_weights: Optional[Tensor] = None,
        sequence_lengths: Optional[Tensor] = None,
        normalizer: Union[float, Tensor, None] = None,
    ) -> Tensor:
        """Returns the loss, as policy() does; for logits beside `labels` the module's activation is "softmax"."""
        others = _others(advantages, old_log_probs, reference_log_probs, sampler_log_probs, sequence_lengths)
        return _uncompiled(self._prepared)(log_probs, labels, sample_weights, normalizer, NOWHERE, others)

    def extra_repr(self) -> str:
        return self._prepared.text


class _OfForm(PolicyLoss):
    """A form's loss as a module."""

    _form = ""

    def __init__(self, *, activation: str = "log_probability", reduction: str = "mean", **options: Any) -> None:
        spec, others = _split_form(self._form, options)
        super().__init__(spec, activation=activation, reduction=reduction, **others)


def _split_form(form: str, options: Dict[str, Any]) -> Tuple[Dict[str, Any], Dict[str, Any]]:
    """Returns the LossSpec of a form's own parameters among the options, and the other options."""
    own = _contract.LossSpec.DESCRIPTOR.fields_by_name[form].message_type.fields_by_name
    return ({form: {name: value for name, value in options.items() if name in own}},
            {name: value for name, value in options.items() if name not in own})  # fmt: skip


class ImportanceSamplingLoss(_OfForm):
    """importance_sampling() as a module."""

    _form = "importance_sampling"


class PpoLoss(_OfForm):
    """ppo() as a module: PpoLoss(epsilon_high=0.28, reduction="sequence_mean")."""

    _form = "ppo"


class CispoLoss(_OfForm):
    """cispo() as a module."""

    _form = "cispo"


class DroLoss(_OfForm):
    """dro() as a module."""

    _form = "dro"


class SapoLoss(_OfForm):
    """sapo() as a module."""

    _form = "sapo"


class DppoLoss(_OfForm):
    """dppo() as a module."""

    _form = "dppo"
