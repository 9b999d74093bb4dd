"""How much each branch counts: weights fitted on held-out products, for every combination an item can come with."""

import torch
from torch import Tensor

from catalog.learning.head import FIRST_MIX, Fusion, pattern
from catalog.learning.objective import subset_loss

SHRINKAGE = 4.0  # held-out products' worth of log-loss that one unit of a log weight away from the default costs
LEAST = 20  # held-out products below which the defaults stand
PATTERNS = {1: (0.0, 1.0), 2: (1.0, 0.0), 3: (1.0, 1.0)}


def fit_mix(parts: Tensor, present: Tensor, target: Tensor) -> Tensor:
    """The mix (4, 3) of least held-out log-loss; weights are positive and drawn towards `FIRST_MIX`.

    `parts` (n, 3, classes): each branch alone; `present` (n, 2); `target` bool (n, classes). Items that have both text
    and picture also count as items with either alone, for that is how others will come.
    """
    mix = FIRST_MIX.clone()
    for number, shown in PATTERNS.items():
        needed = torch.tensor(shown)
        usable = (present >= needed).all(1) & target.any(1)
        if int(usable.sum()) >= LEAST:
            mix[number] = _fit(parts[usable], target[usable], FIRST_MIX[number])
    return mix


def _fit(parts: Tensor, target: Tensor, start: Tensor) -> Tensor:
    active = start > 0
    first = start[active].log()
    log_weight = first.clone().requires_grad_(True)
    optimizer = torch.optim.LBFGS([log_weight], max_iter=100, line_search_fn="strong_wolfe")
    used = parts[:, active]

    def closure() -> Tensor:
        optimizer.zero_grad()
        logits = (log_weight.exp()[None, :, None] * used).sum(1)
        away = (log_weight - first).square().sum()
        loss = subset_loss(logits, target) + SHRINKAGE / len(used) * away
        loss.backward()
        return loss

    optimizer.step(closure)
    found = torch.zeros_like(start)
    found[active] = log_weight.detach().exp()
    return found


def set_mix(fusion: Fusion, parts: Tensor, present: Tensor, target: Tensor) -> Tensor:
    """Fits the weights, puts them into the fusion, and returns the mixed logits (n, classes)."""
    fusion.mix.copy_(fit_mix(parts, present, target))
    shares = fusion.mix[pattern(present)]
    return (shares.unsqueeze(2) * parts).sum(1)
