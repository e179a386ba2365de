"""Liger's losses, from hidden states: two logits of each token, whose first has the log-probability u."""

import importlib.metadata

import torch
from liger_kernel.chunked_loss import LigerFusedLinearGRPOLoss

VERSION = importlib.metadata.version("liger_kernel")
TOLERANCE = 2e-6  # it computes in float32


def setting(**options):
    def run(batch):
        loss = LigerFusedLinearGRPOLoss(compiled=False, use_ref_model=batch.f is not None, **options)
        hidden = torch.stack([batch.u - torch.log1p(-batch.u.exp()), torch.zeros_like(batch.u)], -1)
        o = batch.u.detach() if batch.o is None else batch.o
        a = batch.advantages
        return loss(hidden, torch.eye(2, dtype=batch.u.dtype), torch.zeros(batch.u.shape, dtype=torch.int64),
                    batch.mask, a, ref_per_token_logps=batch.f, old_per_token_logps=o)[0]

    return run


SETTINGS = {
    'LigerFusedLinearGRPOLoss(loss_type="dapo", beta=0)': setting(beta=0.0),
    'loss_type="cispo" (default)': setting(beta=0.0, loss_type="cispo"),
    'k3, alone': setting(beta=1.0),
    'beta=0.04': setting(beta=0.04),
    'loss_type="luspo", token-level ratios': setting(beta=0.0, loss_type="luspo"),
}
