"""Low-rank updates of weights (LoRA; Hu et al. 2022), by peft."""

from __future__ import annotations

from torch import nn

from mindvideo.errors import InputError

BY_KEYWORD = {"proj_in", "proj_out"}
"""Layers that diffusers calls by a keyword, which peft's layers do not take."""


class LowRankUpdates:
    """Low-rank updates of a model's linear layers, which training changes in place of the weights.

    A layer's weight W becomes W + B·A. A starts at random and B at zero, so that the model computes
    the same as before until it is trained. Optimizer and checkpoints of a training run only keep A
    and B.
    """

    def __init__(self, model: nn.Module, rank: int) -> None:
        """Give the linear layers whose weights require gradients such updates; freeze all else.

        The projections into transformers and out of them, :data:`BY_KEYWORD`, have none.

        Parameters
        ----------
        model
            Changed in place.
        rank
            Number of rows of A and columns of B.

        Raises
        ------
        InputError
            If no linear layer requires gradients.
        """
        from peft import LoraConfig, LoraModel  # takes long to import

        layers = [
            name
            for name, layer in model.named_modules()
            if isinstance(layer, nn.Linear)
            and layer.weight.requires_grad
            and name.rpartition(".")[2] not in BY_KEYWORD
        ]
        if not layers:
            raise InputError(
                f"lora_rank: {rank}, but no linear layer is trained: choose other unet_parts, or "
                "train whole weights (lora_rank: null)"
            )
        config = LoraConfig(r=rank, lora_alpha=rank, target_modules=layers)
        self._tuner = LoraModel(model, config, "default")

    def merge(self) -> None:
        """Add the updates to the weights, and give the model its layers back; in place."""
        self._tuner.merge_and_unload()
