"""torchrl's losses: the objectives and the aggregation of its modules, without their networks."""

import importlib.metadata
import types

import torch
from torchrl.objectives.llm.grpo import CISPOLoss, DAPO, GRPOLoss

VERSION = importlib.metadata.version("torchrl")


def setting(kind, low=0.2, high=0.2, aggregation="token_mean"):
    def run(batch):
        made = kind.__new__(kind)
        torch.nn.Module.__init__(made)
        made.clip_epsilon_low, made.clip_epsilon_high = torch.tensor(low).double(), torch.tensor(high).double()
        made.aggregation, made.reduction = aggregation, "mean"
        made._reduce_loss = types.MethodType(_reduce, made)
        losses = kind._compute_policy_objective(made, (batch.u - batch.o)[..., None], batch.token_advantages[..., None])
        return kind._aggregate_loss_value(made, losses[0], batch.mask.bool()).squeeze()

    return run


def _reduce(self, value, tensordict=None, reduction="mean", mask=None):
    return value[mask].mean()[None]


SETTINGS = {
    'GRPOLoss()': setting(GRPOLoss),
    'DAPO()': setting(DAPO, high=0.28),
    'GRPOLoss(aggregation="prompt_mean")': setting(GRPOLoss, aggregation="prompt_mean"),
    'GRPOLoss(aggregation="prompt_mean"), a sequence without tokens': setting(GRPOLoss, aggregation="prompt_mean"),
    'CISPOLoss()': setting(CISPOLoss),
}
