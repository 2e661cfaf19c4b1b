"""What a methods section says of the linear baselines."""

from __future__ import annotations

from mindvideo.figures.wording import at_probability, sentences
from mindvideo.settings.methods import MethodsSettings
from mindvideo.settings.training import Denoiser, VideoModel

PENALTY = "had its own penalty, chosen by the leave-one-out error"


def is_linear(s: MethodsSettings) -> bool:
    """Whether windows are decoded by ridge regression, in place of the transformer."""
    return s.cotraining.encoder == "ridge" or s.reconstruction.method == "nearest"


def linear_encoder(s: MethodsSettings) -> str:
    """The encoder that ridge regression fits, in place of the transformer and its trainings."""
    return sentences(
        "As a baseline, windows were encoded by a linear map in place of MinD-Video's transformer. "
        "It was fitted by ridge regression from the values of the training windows to the text "
        "tokens of the clips' captions, by way of the principal components of these tokens "
        f"({at_probability(s.ridge.variance)} of their variance). Each component {PENALTY}.",
        "Predicted tokens were scaled to the variance of the tokens of the training clips, by "
        "factors estimated from training segments that were left out of the fit."
        if s.ridge.stretch
        else "",
    )


def decoded_embedding(clip: str) -> str:
    """The regression to CLIP's space; `clip` is the name and version of the CLIP model."""
    return (
        f"The mean CLIP embedding (Radford et al. 2021; {clip}) of a clip's frames was predicted "
        "from its window by ridge regression, which was fitted to the training windows. Each "
        f"value of the embedding {PENALTY}."
    )


MIXED = "The repetitions of a window were averaged with random weights, drawn anew in each step."
COPIED = (
    "As a baseline, no clip was generated: each test clip was reconstructed by a copy of the "
    "training clip whose embedding is nearest to the predicted one, by the cosine after the mean "
    "embedding of the training clips was subtracted."
)


def trained_layers(training: Denoiser, model: VideoModel) -> str:
    """The layers of the UNet that a training run changes."""
    parts = set(training.unet_parts)
    has_modules = model.kind == "motion-adapter" and not model.still
    layers = ["the attention layers"] if "spatial" in parts else []
    if "temporal" in parts and has_modules:
        layers.append("the motion modules")
    elif len(parts) == 1 and not has_modules and not model.still:
        layers = [f"the {training.unet_parts[0]} attention layers"]
    rank = training.lora_rank
    return " and ".join(layers) + (f" (updates of rank {rank}; Hu et al. 2022)" if rank else "")


def conditioned(s: MethodsSettings) -> str:
    """How the UNet got to know the encoder's tokens."""
    c = s.cotraining
    if not c.trains:
        return "Co-training of UNet and encoder was omitted."
    pairs = "on pairs of windows and clips of the training set, with the fMRI tokens as the"
    if len(set(c.train)) == 2:
        trained = f"UNet and encoder were then trained together {pairs} condition."
    else:
        names = {"unet": "UNet", "encoder": "encoder"}
        only = c.train[0]
        (frozen,) = names.keys() - {only}
        trained = f"The {names[only]} was then trained {pairs} condition; the {names[frozen]} was "
        trained += "frozen."
    layers, before = (trained_layers(x, s.video_model) for x in (c, s.video_tuning))
    return sentences(
        trained,
        f"Of the UNet, {layers} were trained." if "unet" in c.train and layers != before else "",
        f"In this step, {at_probability(c.sparsify)} of the voxels of each window were set to zero."
        if c.sparsify
        else "",
        MIXED if c.mix_repetitions else "",
    )
