"""Fit a linear encoder by ridge regression: windows to text tokens and CLIP embeddings."""

from __future__ import annotations

import logging
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from mindvideo.fmri.components import Components, generalisation, principal_components
from mindvideo.fmri.decoding import Decoder, fit_decoder
from mindvideo.io.kept import keep_array
from mindvideo.io.sidecars import voxels_of
from mindvideo.io.tables import check_rows, load_table, rows_of, save_table
from mindvideo.models.linear_encoder import LinearEncoder
from mindvideo.settings.training import Ridge
from mindvideo.stages import Input, Output, State, chapter, makes

log = logging.getLogger(__name__)


@chapter("training")
@makes("ridge", made_from=["windows", "latents", "embeddings"])
def main(
    *,
    windows: Input,
    table: Input,
    latents_table: Input,
    text: Input,
    images: Input,
    model: Output,
    decoding: Output,
    state: State,
    settings: Ridge,
) -> None:
    """Write the encoder's folder, and a table of correlations by cross-validation.

    Targets are the principal components of the text tokens of a clip's caption, and the mean CLIP
    embedding of its frames. Each has its own penalty, chosen by the leave-one-out error. Segments
    are left out in turn for the correlations, and for the factor that rescales tokens. Components
    and each regression are saved as they are computed: an interrupted stage computes only the rest.
    """
    fmri, listing = np.load(windows), load_table(table, ["segment", "clip"])
    check_rows(windows, fmri, table, len(listing))
    tokens, embeddings = _targets(listing, latents_table, text, images)
    values = tokens.reshape(len(tokens), -1)
    components = _components(values, settings.variance, state)
    k = components.scores.shape[1]
    log.info("%d components of %d text tokens' values", k, values.shape[1])
    fitted = fit_decoder(
        fmri,
        np.hstack([components.scores, embeddings]),
        listing["segment"].to_numpy(),
        stretch=False,
        keep=partial(keep_array, state),
    )
    of_tokens = generalisation(values, components, fitted.held_out[:, :k])
    factor = of_tokens.factor if settings.stretch else np.ones_like(of_tokens.factor)
    encoder = LinearEncoder(
        num_voxels=fmri.shape[2],
        window_size=fmri.shape[1],
        n_components=k,
        out_channel=tokens.shape[1],
        out_dim=tokens.shape[2],
        embedding_dim=embeddings.shape[1],
        voxels=voxels_of(windows),
    )
    _fill(encoder, fitted, components, factor)
    encoder.save_pretrained(model)
    r = {"tokens": of_tokens.correlation.reshape(tokens.shape[1:])}
    r |= {f"token {i}": of_token for i, of_token in enumerate(r["tokens"])}
    r |= {"embedding": fitted.correlation[k:]}
    save_table(decoding, pd.DataFrame([_summary(what, values) for what, values in r.items()]))


def _targets(
    listing: pd.DataFrame, latents_table: Path, text: Path, images: Path
) -> tuple[np.ndarray, np.ndarray]:
    """Text tokens (n, tokens, d) and mean embeddings of frames (n, o), in the windows' order."""
    clips = load_table(latents_table, ["segment", "clip"])
    tokens, embeddings = np.load(text, mmap_mode="r"), np.load(images, mmap_mode="r")
    for path, array in ((text, tokens), (images, embeddings)):
        check_rows(path, array, latents_table, len(clips))
    rows = rows_of(listing, clips, latents_table)
    return tokens[rows], embeddings[rows].mean(axis=1)


def _components(values: np.ndarray, variance: float, state: Path) -> Components:
    """Principal components of the rows of `values`; the slow parts are saved as one array."""
    n_values = values.shape[1]

    def compute() -> np.ndarray:
        components = principal_components(values, variance)
        return np.concatenate([components.loadings, components.scores])

    both = keep_array(state, "components", compute)
    return Components(values.mean(axis=0, dtype=np.float64), both[:n_values], both[n_values:])


@torch.no_grad()
def _fill(
    encoder: LinearEncoder, fitted: Decoder, components: Components, factor: np.ndarray
) -> None:
    """Give an encoder the coefficients of the regression, and the loadings of the tokens."""
    k = components.scores.shape[1]
    values = {
        encoder.components: (fitted.coef[:k], fitted.intercept[:k]),
        encoder.tokens: (factor[:, None] * components.loadings, components.mean),
        encoder.embedding: (fitted.coef[k:], fitted.intercept[k:]),
    }
    for layer, (weight, bias) in values.items():
        layer.weight.copy_(torch.tensor(weight))
        layer.bias.copy_(torch.tensor(bias))


def _summary(what: str, r: np.ndarray) -> dict[str, object]:
    """A row of the table: how many values are predicted, and their median correlation.

    Values that do not vary, such as those of the token that begins all captions, have r = 0.
    """
    varies = r != 0
    median = float(np.median(r[varies])) if varies.any() else float("nan")
    return {"target": what, "n_values": int(varies.sum()), "r": median}
