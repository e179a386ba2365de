"""Policy statistics of a batch's parts, put together to those of the batch."""

from __future__ import annotations

import math
from typing import Any, Optional, Sequence, Tuple

from lossd.results import PolicyStatistics

_COUNTS = ("clipped_high_count", "clipped_low_count", "dual_clipped_count", "weight_high_count", "weight_low_count")
_MEANS = ("ratio_mean", "ratio_mean_square", "kl_k1", "kl_k3", "reference_kl_k1", "reference_kl_k3")


def merged_policy(parts: Sequence[Tuple[Optional[PolicyStatistics], int]]) -> Optional[PolicyStatistics]:
    """Returns the whole batch's statistics, of each part's and its valid samples; None where there are none.

    Counts, minimum and maximum are exact; a mean is that of the parts' means, weighed by their samples.
    """
    first = parts[0][0] if parts else None
    if first is None:
        return None
    done = PolicyStatistics(0, 0, 0)
    for name in _COUNTS:
        if getattr(first, name) is not None:
            setattr(done, name, sum(getattr(part, name) for part, _ in parts))
    total = sum(count for _, count in parts)
    filled = [(part, count) for part, count in parts if count]
    for name in _MEANS:
        if getattr(first, name) is not None:
            setattr(done, name, sum(getattr(part, name) * count for part, count in filled) / max(total, 1))
    if first.ratio_mean is not None:
        _merge_ratio(done, [part for part, _ in filled], total)
    return done


def _merge_ratio(done: PolicyStatistics, parts: Sequence[Any], total: int) -> None:
    """Sets the extremes of the ratio, and how many samples it is worth."""
    done.ratio_min = min((part.ratio_min for part in parts), default=0.0)
    done.ratio_max = max((part.ratio_max for part in parts), default=0.0)
    mean, square = done.ratio_mean or 0.0, done.ratio_mean_square or 0.0
    done.effective_sample_size = total * mean * (mean / square) if square else 0.0
    if math.isnan(square):
        done.effective_sample_size = math.nan
