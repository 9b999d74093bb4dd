"""The towers of an encoder: text or pixels in, unit vectors out; `trained` says how many of the topmost blocks are tuned."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from catalog.learning.packed import BLOCK, Packed


class PackedEmbedding(nn.Module):
    """A frozen table of vectors that stays packed in memory and in the exported file: ids (b, l) -> (b, l, width)."""

    codes: Tensor
    scale: Tensor

    def __init__(self, packed: Packed) -> None:
        super().__init__()
        self.register_buffer("codes", torch.from_numpy(packed.codes.copy()))
        self.register_buffer("scale", torch.from_numpy(packed.scale.copy()))

    def forward(self, ids: Tensor) -> Tensor:
        """float32, the very numbers that unpacking the whole table would give."""
        codes = functional.embedding(ids, self.codes).to(torch.int32).unflatten(-1, (-1, BLOCK // 2))
        values = torch.cat([codes % 16, codes // 16], dim=-1).float() - 8.0
        return (values * functional.embedding(ids, self.scale).float().unsqueeze(-1)).flatten(-2)


class BertTower(nn.Module):
    """A BERT-like encoder: ids int64 (b, l) -> unit vectors float32 (b, width).

    `pooling`: "mean" over the text, "first" position, or the network's own "pooler" of that position.
    """

    def __init__(self, encoder: nn.Module, trained: int, *, pooling: str = "mean") -> None:
        super().__init__()
        self.bert, self.pad_id, self.pooling = encoder.transformer, encoder.config.pad_token_id, pooling
        self.project = getattr(encoder, "proj", nn.Identity())
        self.width, self.blocks = encoder.config.hidden_size, self.bert.encoder.layer
        if not isinstance(self.project, nn.Identity):
            self.width = encoder.output_dim
        self.trained = min(trained, len(self.blocks))

    def forward(self, ids: Tensor) -> Tensor:
        """Padding is neither attended to nor averaged."""
        held = ids != self.pad_id
        mask, hidden = _attention_mask(held), self.bert.embeddings(input_ids=ids)
        for block in self.blocks:
            hidden = block(hidden, mask)
        return functional.normalize(self.project(self._pooled(hidden, held)), dim=-1)

    def _pooled(self, hidden: Tensor, held: Tensor) -> Tensor:
        if self.pooling != "mean":
            return hidden[:, 0] if self.pooling == "first" else self.bert.pooler(hidden)
        weight = held.unsqueeze(-1).to(hidden.dtype)
        return (hidden * weight).sum(1) / weight.sum(1).clamp(min=1.0)

    def depth_groups(self) -> list[list[nn.Parameter]]:
        """Trained parameters by depth, topmost block first, for layer-wise rates."""
        top = list(self.project.parameters()) if self.trained else []
        return _groups(top, self.blocks, self.trained)


class ClipTextTower(nn.Module):
    """open_clip's own text transformer: ids int64 (b, l) -> unit vectors float32 (b, width).

    `pooling`: "end" (the end-of-text token, the last that is no padding), "first" or "last" position. A causal network
    never looks at what follows, so padding changes nothing and a batch is as long as its longest text; any other
    reads padding too and is given texts of its full length, as in its training (`InputRules.text_padding`).
    """

    def __init__(self, text: nn.Module, trained: int, *, pad_id: int, pooling: str) -> None:
        super().__init__()
        self.text, self.blocks, self.pad_id, self.pooling = text, text.transformer.resblocks, pad_id, pooling
        self.causal = text.attn_mask is not None
        self.width = text.transformer.width if text.text_projection is None else text.output_dim
        self.trained = min(trained, len(self.blocks))

    def forward(self, ids: Tensor) -> Tensor:
        """The last position that is no padding ends the text."""
        place = torch.arange(ids.shape[1], device=ids.device)
        hidden = self.text.token_embedding(ids) + functional.embedding(place, self.text.positional_embedding)
        hidden = self.text.ln_final(self._through(hidden))
        return functional.normalize(
            _project(self._pooled(hidden, ids != self.pad_id), self.text.text_projection), dim=-1
        )

    def _pooled(self, hidden: Tensor, held: Tensor) -> Tensor:
        if self.pooling != "end":
            return hidden[:, 0 if self.pooling == "first" else -1]
        # Not where the largest id stands: hidden states no longer know their ids. The end is never padding.
        end = (held.long() * torch.arange(1, held.shape[1] + 1, device=held.device)).argmax(1)
        return hidden.gather(1, end[:, None, None].expand(-1, 1, hidden.shape[2])).squeeze(1)

    def _through(self, hidden: Tensor) -> Tensor:
        mask = None
        if self.causal:
            place = torch.arange(hidden.shape[1], device=hidden.device)
            mask = torch.zeros(hidden.shape[1], hidden.shape[1]).masked_fill(place[None] > place[:, None], -1e9)
        for block in self.blocks:
            hidden = block(hidden, attn_mask=mask)
        return hidden

    def depth_groups(self) -> list[list[nn.Parameter]]:
        """Trained parameters by depth, the top first, for layer-wise rates."""
        top = [*self.text.ln_final.parameters(), *_own(self.text.text_projection)] if self.trained else []
        return _groups(top, self.blocks, self.trained)


class ClipImageTower(nn.Module):
    """open_clip's own vision transformer: pixels float32 (b, 3, s, s) -> unit vectors (b, width)."""

    def __init__(self, visual: nn.Module, trained: int) -> None:
        super().__init__()
        self.visual, self.blocks = visual, visual.transformer.resblocks
        self.width = visual.output_dim if visual.proj is not None else visual.transformer.width
        self.trained = min(trained, len(self.blocks))

    def forward(self, pixels: Tensor) -> Tensor:
        """The projection of what the checkpoint pools."""
        hidden = self.visual._embeds(pixels)
        for block in self.blocks:
            hidden = block(hidden)
        return functional.normalize(_project(self.visual._pool(hidden)[0], self.visual.proj), dim=-1)

    def depth_groups(self) -> list[list[nn.Parameter]]:
        """Trained parameters by depth, the top first, for layer-wise rates."""
        top = [*self.visual.ln_post.parameters(), *_own(self.visual.proj)] if self.trained else []
        return _groups(top, self.blocks, self.trained)


class ConvTower(nn.Module):
    """An EfficientNet trunk with average pooling: pixels float32 (b, 3, s, s) -> unit vectors (b, width).

    `project` is what a checkpoint has between trunk and embedding.
    """

    def __init__(self, trunk: nn.Module, trained: int, project: nn.Module | None = None) -> None:
        super().__init__()
        self.trunk, self.project = trunk, project or nn.Identity()
        linear = [layer for layer in self.project.modules() if isinstance(layer, nn.Linear)]
        self.width = int(linear[-1].out_features if linear else trunk.num_features)
        self.trained = min(trained, len(trunk.blocks))

    def forward(self, pixels: Tensor) -> Tensor:
        """The average over the last feature maps."""
        hidden = self.trunk.bn1(self.trunk.conv_stem(pixels))
        for block in self.trunk.blocks:
            hidden = block(hidden)
        hidden = self.trunk.bn2(self.trunk.conv_head(hidden))
        return functional.normalize(self.project(self.trunk.global_pool(hidden)), dim=-1)

    def depth_groups(self) -> list[list[nn.Parameter]]:
        """Trained parameters by depth, the top first, for layer-wise rates."""
        parts = (self.project, self.trunk.conv_head, self.trunk.bn2) if self.trained else ()
        return _groups([p for part in parts for p in part.parameters()], self.trunk.blocks, self.trained)


class FrozenTower(nn.Module):
    """An image tower of any other build, used as it is: pixels (b, 3, s, s) -> unit vectors (b, width); nothing is trained."""

    def __init__(self, visual: nn.Module, size: int) -> None:
        super().__init__()
        self.visual = visual.eval()
        with torch.inference_mode():
            self.width = visual(torch.zeros(1, 3, size, size)).shape[1]

    def forward(self, pixels: Tensor) -> Tensor:
        """Whatever the network answers, at length 1."""
        return functional.normalize(self.visual(pixels), dim=-1)

    def depth_groups(self) -> list[list[nn.Parameter]]:
        """None."""
        return []


def _attention_mask(held: Tensor) -> Tensor:
    return torch.zeros(held.shape).masked_fill(~held, -1e9)[:, None, None, :]


def _groups(top: list[nn.Parameter], blocks: nn.ModuleList, trained: int) -> list[list[nn.Parameter]]:
    """What stands above the blocks, then the trained blocks from the topmost down; empty parts are left out."""
    groups = [top, *(list(block.parameters()) for block in reversed(blocks[len(blocks) - trained :]))]
    return [group for group in groups if group]


def _project(vectors: Tensor, projection: nn.Module | Tensor | None) -> Tensor:
    if projection is None:
        return vectors
    return projection(vectors) if isinstance(projection, nn.Module) else vectors @ projection


def _own(projection: nn.Module | nn.Parameter | None) -> list[nn.Parameter]:
    if projection is None:
        return []
    return list(projection.parameters()) if isinstance(projection, nn.Module) else [projection]
