"""Fine-tuning: the last blocks of one tower together with its branch, alone, judged on held-out products."""

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from catalog.learning.encoding import Pixels, Texts, embed, half_precision
from catalog.learning.head import LinearBranch
from catalog.learning.objective import Score, score_logits, subset_loss

WARM_UP = 0.1  # of all steps
CHUNK = 16  # batches whose texts are sorted by length together, so that little of a batch is padding
DECAY = 0.995


@dataclass(frozen=True)
class Plan:
    """How one tower is tuned. Rates are those of its topmost block; each block below learns at `layer_decay` of it."""

    epochs: int
    rate: float
    layer_decay: float
    head_rate: float
    batch: int
    dropout: float
    seed: int


@dataclass(frozen=True)
class Split:
    """The inputs of one modality and bool targets (n, classes) of the same items."""

    inputs: Texts | Pixels
    target: Tensor


class DepthwiseInFull(TorchFunctionMode):
    """Convolutions of single channels in float32, whatever autocast says; what they return is as wide as what came in.

    In bfloat16 their way back takes three times as long, which was 0.6 of a training step of EfficientNet-Lite0.
    """

    def __torch_function__(
        self, function: Callable, types: tuple, args: tuple = (), kwargs: dict | None = None
    ) -> object:
        single = function is functional.conv2d and args[1].shape[1] == 1
        if not single:
            return function(*args, **(kwargs or {}))
        with torch.autocast("cpu", enabled=False):
            pixels, *others = args
            return function(pixels.float(), *others, **(kwargs or {})).to(pixels.dtype)


class Average:
    """An exponential moving average of the trained parameters: what is judged and kept (Polyak averaging)."""

    def __init__(self, parameters: list[nn.Parameter]) -> None:
        self.live, self.steps = parameters, 0
        self.kept = [parameter.detach().clone() for parameter in parameters]

    @torch.no_grad()
    def update(self) -> None:
        """Moves towards the live parameters; faster in the first steps, or the start would linger."""
        self.steps += 1
        decay = min(DECAY, (1.0 + self.steps) / (10.0 + self.steps))
        torch._foreach_lerp_(self.kept, [p.detach() for p in self.live], 1.0 - decay)

    @torch.no_grad()
    def exchange(self) -> None:
        """Swaps live and averaged values; call it again to go on training."""
        for live, kept in zip(self.live, self.kept, strict=True):
            held = live.detach().clone()
            live.copy_(kept)
            kept.copy_(held)


def tune(
    tower: nn.Module, learn: Split, stop: Split, plan: Plan, show: Callable[[int, int], None]
) -> tuple[nn.Module, LinearBranch, Score]:
    """A tuned copy of the tower, its branch and the best held-out score; an epoch counts as better by its log-loss."""
    tower = copy.deepcopy(tower).to(memory_format=torch.channels_last)
    branch = LinearBranch(tower.width, learn.target.shape[1], dropout=plan.dropout)
    groups = rate_groups(tower, branch, plan)
    optimizer = torch.optim.AdamW(groups, weight_decay=1e-2, fused=True)  # a sixth of the time of its loop over tensors
    average = Average([p for group in groups for p in group["params"]])
    per_epoch = math.ceil(len(learn.inputs.rows) / plan.batch)
    total = plan.epochs * per_epoch
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _rate_at(step / max(total, 1)))
    rng, done = np.random.default_rng(plan.seed), 0
    best, kept = Score(float("inf"), 0.0), (copy.deepcopy(tower), copy.deepcopy(branch))
    for _ in range(plan.epochs):
        _learn_mode(tower, branch)
        for rows in shuffled(learn.inputs, plan.batch, rng):
            inputs = augmented(learn.inputs.inputs(rows))
            with half_precision(), DepthwiseInFull():
                vectors = tower(inputs)
            loss = subset_loss(branch(vectors.float()), learn.target[torch.from_numpy(rows)])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            average.update()
            done += 1
            show(done, total)
        average.exchange()
        now = _judge(tower, branch, stop)
        if now.loss < best.loss:
            best, kept = now, (copy.deepcopy(tower), copy.deepcopy(branch))
        average.exchange()
    show(total, total)
    return kept[0].eval(), kept[1].eval(), best


def _rate_at(progress: float) -> float:
    """Share of the full rate: linear warm-up, then a cosine down to nothing."""
    if progress < WARM_UP:
        return progress / WARM_UP + 1e-3
    return 0.5 * (1.0 + math.cos(math.pi * min(1.0, (progress - WARM_UP) / (1.0 - WARM_UP)))) + 1e-3


def rate_groups(tower: nn.Module, branch: LinearBranch, plan: Plan) -> list[dict]:
    """Parameter groups; every parameter of the tower that is in none of them is frozen."""
    for parameter in tower.parameters():
        parameter.requires_grad_(False)
    groups = [{"params": list(branch.parameters()), "lr": plan.head_rate}]
    for depth, parameters in enumerate(tower.depth_groups()):
        for parameter in parameters:
            parameter.requires_grad_(True)
        groups.append({"params": parameters, "lr": plan.rate * plan.layer_decay**depth})
    return groups


def _learn_mode(tower: nn.Module, branch: LinearBranch) -> None:
    branch.train()
    tower.train()
    for module in tower.modules():
        # Batch norm keeps the statistics of the pretraining: small batches would spoil them.
        if isinstance(module, nn.BatchNorm2d):
            module.eval()


def shuffled(inputs: Texts | Pixels, size: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Row numbers of one epoch in random batches; texts of like length share a batch."""
    order = rng.permutation(inputs.rows)
    if isinstance(inputs, Pixels):
        return [order[at : at + size] for at in range(0, len(order), size)]
    batches = []
    for at in range(0, len(order), size * CHUNK):
        chunk = order[at : at + size * CHUNK]
        chunk = chunk[np.argsort([len(inputs.ids[row]) for row in chunk], kind="stable")]
        batches += [chunk[start : start + size] for start in range(0, len(chunk), size)]
    rng.shuffle(batches)
    return batches


def augmented(inputs: Tensor) -> Tensor:
    """Pictures (b, 3, s, s) mirrored, turned, scaled, shifted and re-lit a little; token ids as they are."""
    if inputs.ndim != 4:
        return inputs
    count = len(inputs)
    scale, turn = torch.empty(count).uniform_(0.85, 1.2), torch.randn(count) * 0.08
    mirror = torch.where(torch.rand(count) < 0.5, -1.0, 1.0)
    theta = torch.zeros(count, 2, 3)
    theta[:, 0, 0], theta[:, 0, 1] = mirror * scale * turn.cos(), -scale * turn.sin()
    theta[:, 1, 0], theta[:, 1, 1] = mirror * scale * turn.sin(), scale * turn.cos()
    theta[:, :, 2] = torch.empty(count, 2).uniform_(-0.12, 0.12)
    grid = functional.affine_grid(theta, list(inputs.shape), align_corners=False)
    moved = functional.grid_sample(inputs, grid, padding_mode="border", align_corners=False)
    lit = moved * torch.empty(count, 1, 1, 1).uniform_(0.9, 1.1)
    return lit.contiguous(memory_format=torch.channels_last)  # convolutions are 1.5 times faster that way


@torch.inference_mode()
def _judge(tower: nn.Module, branch: LinearBranch, stop: Split) -> Score:
    tower.eval()
    branch.eval()
    rows = torch.from_numpy(stop.inputs.rows)
    vectors = embed(tower, stop.inputs, len(stop.target), lambda _done: None)
    return score_logits(branch(vectors[rows]), stop.target[rows])
