"""A linear map in place of the fMRI encoder: the baseline that a deeper encoder must exceed."""

from __future__ import annotations

from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from einops import rearrange
from torch import Tensor, nn

from mindvideo.errors import InputError
from mindvideo.models.weights import StrictWeights
from mindvideo.models.window_encoder import WindowEncoder


class LinearEncoder(StrictWeights, WindowEncoder, ModelMixin, ConfigMixin):  # type: ignore[misc]
    """Values of a window → tokens, and → embedding; both maps are linear.

    The map to tokens has two factors, from the window to a few components and from these to all
    values of the tokens: as one matrix it would have 59,136 × 12,000 values at full size.

    Parameters
    ----------
    num_voxels, window_size
        Size of a window.
    n_components
        Values between the two factors.
    out_channel, out_dim
        Number and width of the tokens.
    embedding_dim
        Width of the embedding.
    voxels
        Digest of the table of voxels that the windows were cut from, if known.
    """

    @register_to_config
    def __init__(
        self,
        *,
        num_voxels: int,
        window_size: int,
        n_components: int,
        out_channel: int,
        out_dim: int,
        embedding_dim: int,
        voxels: str | None = None,
    ) -> None:
        super().__init__()
        n_values = window_size * num_voxels
        self.components = nn.Linear(n_values, n_components)
        self.tokens = nn.Linear(n_components, out_channel * out_dim)
        self.embedding = nn.Linear(n_values, embedding_dim)

    def forward(self, fmri: Tensor) -> Tensor:
        """Windows ``(b, w, v)`` → tokens ``(b, out_channel, out_dim)``.

        Raises
        ------
        InputError
            If windows do not have the size of the encoder's input.
        """
        self.check_windows(fmri)
        tokens = self.tokens(self.components(rearrange(fmri, "b w v -> b (w v)")))
        return rearrange(tokens, "b (c o) -> b c o", c=self.config["out_channel"])

    def embedding_of(self, fmri: Tensor) -> Tensor:
        self.check_windows(fmri)
        return self.embedding(rearrange(fmri, "b w v -> b (w v)"))

    def freeze_embedding(self) -> None:
        self.embedding.requires_grad_(False)

    def set_dropout(self, p: float) -> None:
        if p:
            raise InputError(f"dropout: {p:g}, but a linear encoder has none: set it to 0")
