"""What a setting is run on."""

from typing import NamedTuple, Optional

import torch


class Batch(NamedTuple):
    """Tensors of float64, [B, T]; u takes a gradient. `advantages` are [B] or [B, T]."""

    u: torch.Tensor
    o: Optional[torch.Tensor]
    f: Optional[torch.Tensor]
    q: Optional[torch.Tensor]
    advantages: Optional[torch.Tensor]
    mask: torch.Tensor

    @property
    def token_advantages(self):
        a = self.advantages
        return a if a.dim() == 2 else a[:, None].expand_as(self.u)
