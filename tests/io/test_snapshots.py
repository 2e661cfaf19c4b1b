"""Snapshots: the last one that was written completely is read again."""

import pytest
import torch

from mindvideo.io.snapshots import load_snapshot, save_snapshot

STATE = {"frames": 3, "blocks": [{"latents": torch.arange(6.0), "memory": [None, 1.5]}]}


def test_a_state_comes_back(tmp_path):
    path = tmp_path / "film.pt"
    assert load_snapshot(path) is None
    save_snapshot(path, STATE)
    loaded = load_snapshot(path)
    assert torch.equal(loaded["blocks"][0].pop("latents"), torch.arange(6.0))
    assert loaded == {"frames": 3, "blocks": [{"memory": [None, 1.5]}]}
    assert [file.name for file in tmp_path.iterdir()] == ["film.pt"]


def test_a_kill_while_it_is_written_leaves_the_last_one(tmp_path, monkeypatch):
    path = tmp_path / "film.pt"

    def half(state, file):
        file.write(b"PK half of it")
        raise SystemExit(143)

    with monkeypatch.context() as patch:
        patch.setattr("torch.save", half)
        with pytest.raises(SystemExit):
            save_snapshot(path, {"frames": 1})
    assert load_snapshot(path) is None
    save_snapshot(path, {"frames": 1})
    monkeypatch.setattr("torch.save", half)
    with pytest.raises(SystemExit):
        save_snapshot(path, {"frames": 2})
    assert load_snapshot(path) == {"frames": 1}


def test_code_in_a_snapshot_is_refused(tmp_path):
    path = tmp_path / "film.pt"
    torch.save({"frames": print}, path)
    with pytest.raises(Exception, match="Weights only load failed"):
        load_snapshot(path)
