"""Training windows that carry tokens and embeddings of their clips, for stages that decode them."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from mindvideo.io.tables import load_table, save_table
from mindvideo.settings.training import Ridge
from mindvideo.stages import ridge


@dataclass(frozen=True)
class Training:
    """Files of four training segments; of each clip the targets, and the windows of test clips."""

    folder: Path
    tokens: np.ndarray
    embeddings: np.ndarray
    test: np.ndarray
    place: np.ndarray
    """For each training window, the row of its clip in tokens and embeddings."""

    def fit(self, state="state", out="ridge", **settings):
        """Run the stage `ridge`: the folder of the encoder, and the table of correlations."""
        for name in (state, out):
            (self.folder / name).mkdir(exist_ok=True)
        ridge.main(
            windows=self.folder / "train.npy",
            table=self.folder / "train.tsv",
            latents_table=self.folder / "table.tsv",
            text=self.folder / "text.npy",
            images=self.folder / "images.npy",
            model=self.folder / out / "model",
            decoding=self.folder / out / "decoding.tsv",
            state=self.folder / state,
            settings=Ridge(**settings),
        )
        return self.folder / out / "model", load_table(self.folder / out / "decoding.tsv")


def write_training(folder, n=160, noise=0.3, width=8, seed=0):
    """Write windows (n, 2, 32) that carry 6 sources, of which the clips' targets are mixtures."""
    rng = np.random.default_rng(seed)
    sources, patterns = rng.normal(size=(n, 6)), rng.normal(size=(6, 2, 32))
    tokens = 2 + (sources @ rng.normal(size=(6, 5 * 12))).reshape(n, 5, 12)
    tokens[:, 0] = 7.0  # the token that begins all captions
    embeddings = 1 + sources @ rng.normal(size=(6, width))
    windows = np.einsum("ns,swv->nwv", sources, patterns) + noise * rng.normal(size=(n, 2, 32))
    rows = pd.DataFrame(
        [(f"seg{1 + 4 * i // n}", i % (n // 4)) for i in range(n)], columns=["segment", "clip"]
    )
    save_table(folder / "table.tsv", rows)
    np.save(folder / "text.npy", tokens.astype(np.float32))
    frames = embeddings[:, None] + np.array([-0.5, 0.0, 0.5])[:, None]
    np.save(folder / "images.npy", frames.astype(np.float32))
    # Segments of the windows are in another order than those of the clips.
    place = np.argsort(rows["segment"].to_numpy(), kind="stable").reshape(4, -1)[::-1].ravel()
    save_table(folder / "train.tsv", rows.iloc[place])
    np.save(folder / "train.npy", windows[place].astype(np.float32))
    test = windows[::7].astype(np.float32)
    return Training(folder, tokens, embeddings, test, place)
