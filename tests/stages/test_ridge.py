"""The stage that fits a linear encoder, on windows that carry what the clips are about."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import RidgeCV

from mindvideo.errors import InputError
from mindvideo.fmri import decoding
from mindvideo.fmri.decoding import ALPHAS
from mindvideo.io.tables import load_table, save_table
from mindvideo.models.checkpoints import load_fmri_encoder
from mindvideo.models.linear_encoder import LinearEncoder
from mindvideo.stages import ridge as stage
from tests.stages.linear import write_training


@pytest.fixture
def training(tmp_path):
    return write_training(tmp_path)


def encode(model, windows):
    encoder = load_fmri_encoder(model)
    assert isinstance(encoder, LinearEncoder)
    with torch.no_grad():
        given = torch.tensor(windows)
        return encoder(given).numpy(), encoder.embedding_of(given).numpy()


def test_tokens_and_embeddings_of_clips_are_decoded(training):
    model, table = training.fit()
    tokens, embeddings = encode(model, training.test)
    assert np.corrcoef(tokens[:, 1:].ravel(), training.tokens[::7, 1:].ravel())[0, 1] > 0.98
    assert np.corrcoef(embeddings.ravel(), training.embeddings[::7].ravel())[0, 1] > 0.98
    np.testing.assert_allclose(tokens[:, 0], 7.0, atol=1e-5)
    rows = table.set_index("target")
    assert rows["n_values"].to_dict() == {
        "tokens": 48,
        "token 0": 0,
        **{f"token {i}": 12 for i in range(1, 5)},
        "embedding": 8,
    }
    assert (rows["r"].drop("token 0") > 0.95).all()
    assert np.isnan(rows["r"]["token 0"])


def test_embeddings_are_those_of_ridge_regression(training):
    model, _ = training.fit()
    flat = np.load(training.folder / "train.npy").reshape(160, -1)
    targets = training.embeddings[training.place]
    direct = RidgeCV(alphas=ALPHAS, alpha_per_target=True).fit(flat, targets)
    expected = direct.predict(training.test.reshape(len(training.test), -1))
    np.testing.assert_allclose(encode(model, training.test)[1], expected, rtol=1e-3, atol=1e-3)


def test_stretched_tokens_vary_as_much_as_those_of_captions(tmp_path):
    noisy = write_training(tmp_path, n=400, noise=8.0)
    shrunk, stretched = (
        encode(noisy.fit(state=name, stretch=stretch, out=name)[0], noisy.test)
        for name, stretch in (("plain", False), ("stretched", True))
    )
    true_sd = noisy.tokens[:, 1:].std(axis=0).mean()
    assert shrunk[0][:, 1:].std(axis=0).mean() < 0.85 * true_sd
    assert stretched[0][:, 1:].std(axis=0).mean() == pytest.approx(true_sd, rel=0.2)
    np.testing.assert_array_equal(shrunk[1], stretched[1])  # embeddings are not rescaled


def test_fewer_components_explain_less(training):
    model, _ = training.fit(variance=0.5)
    assert load_fmri_encoder(model).config["n_components"] < 6
    assert load_fmri_encoder(training.fit(state="all", out="all")[0]).config["n_components"] == 6


def test_refuses_what_does_not_belong_together(training):
    np.save(training.folder / "text.npy", np.load(training.folder / "text.npy")[1:])
    with pytest.raises(InputError, match=r"text\.npy: 159 rows, but 160 in .*table\.tsv"):
        training.fit()
    table = load_table(training.folder / "table.tsv")
    save_table(training.folder / "table.tsv", table[1:])
    with pytest.raises(InputError, match=r"table\.tsv|images\.npy: 160 rows, but 159"):
        training.fit()


def test_an_interrupted_run_computes_only_the_rest(training, interrupt):
    expected = (training.fit()[0] / "diffusion_pytorch_model.safetensors").read_bytes()
    grams, fits = interrupt(stage, "principal_components"), interrupt(decoding, "_fit", after=2)
    with pytest.raises(interrupt.error):
        training.fit(state="other")
    assert (len(grams), len(fits)) == (1, 2)
    grams, fits = interrupt(stage, "principal_components"), interrupt(decoding, "_fit")
    model, _ = training.fit(state="other", out="again")
    assert (len(grams), len(fits)) == (0, 3)
    assert (model / "diffusion_pytorch_model.safetensors").read_bytes() == expected
