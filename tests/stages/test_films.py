"""The stage of films, on untrained models."""

import numpy as np
import pandas as pd
import pytest

from mindvideo.errors import InputError
from mindvideo.io.films import stream_frames, write_video
from mindvideo.io.kept import KeptRows
from mindvideo.io.probe import probe
from mindvideo.io.snapshots import save_snapshot
from mindvideo.io.tables import load_table, save_table
from mindvideo.metrics.flicker import flicker
from mindvideo.models.pipeline import MindVideoPipeline
from mindvideo.settings.evaluation import FilmSettings, JoinSettings, ReconstructionSettings
from mindvideo.stages import films
from mindvideo.stages.films import main
from mindvideo.stages.reconstruct import main as reconstruct
from mindvideo.stages.reconstructions import main as join

ROWS = [("test1", 0), ("test2", 1), ("test2", 0)]
SETTINGS = {"steps": 2, "guidance": 3.0, "num_frames": 3, "size": 16}


@pytest.fixture
def run(inputs, tmp_path):
    """Run the stage on three windows, of which two are test2's; the later one stands first."""
    settings = SETTINGS | {"stable_diffusion": str(inputs / "sd")}
    table, film = tmp_path / "table.tsv", tmp_path / "film.mp4"
    save_table(table, pd.DataFrame(ROWS, columns=["segment", "clip"]))
    levels = np.arange(40, dtype=np.uint8)[:, None, None, None] * 5
    write_video(film, np.broadcast_to(levels, (40, 32, 32, 3)), fps=10, quality=5)
    clips = np.random.default_rng(0).integers(0, 256, (3, 3, 16, 16, 3), np.uint8)
    np.save(tmp_path / "reconstructions.npy", clips)
    paths = {
        "windows": inputs / "windows.npy",
        "table": table,
        "null_window": inputs / "null.npy",
        "model": inputs / "model",
        "film": film,
        "reconstructions": tmp_path / "reconstructions.npy",
        "train_windows": None,
        "empty_text": None,
        "video": tmp_path / "test2.mp4",
        "flickers": tmp_path / "test2.tsv",
    }

    def fresh_state():
        """Where a stage starts: it finds nothing kept, unless a test has put it there."""
        state = stage.state or tmp_path / f"state-{len(list(tmp_path.glob('state-*')))}"
        state.mkdir(exist_ok=True)
        return state

    def stage(segment="test2", *, rows=None, **changes):
        if rows is not None:
            save_table(table, pd.DataFrame(rows, columns=["segment", "clip"]))
        given = {name: changes.pop(name) for name in list(changes) if name in paths}
        film_settings = FilmSettings(**{"fps": 1.5, "seconds": 2.0} | settings | changes)
        main(**paths | given, state=fresh_state(), segment=segment, settings=film_settings)
        return paths["video"], load_table(paths["flickers"]).set_index("what")

    stage.clips, stage.folder, stage.state = clips, tmp_path, None
    return stage


@pytest.mark.parametrize("fps", [1.5, 3, 4])
def test_writes_the_film_beside_the_stimulus(run, fps):
    video, flickers = run(fps=fps)
    facts = probe(video)
    assert facts.rate == fps
    assert facts.seconds == pytest.approx(4, abs=0.01)
    frames = np.stack(list(stream_frames(video, fps=fps, size=128, fit="crop")))
    assert len(frames) == 4 * fps
    stimulus = frames[:, 40:90, 5:50].mean((1, 2, 3))
    np.testing.assert_allclose(stimulus, np.floor(np.arange(4 * fps) / fps * 10) * 5, atol=4)
    assert flickers.loc["film", "fps"] == flickers.loc["shown", "fps"] == fps
    assert flickers["borders"].tolist() == [1, 1, 1]


def test_the_table_has_the_flicker_of_the_clips_by_themselves(run):
    _, flickers = run(fps=3)
    frames = run.clips[[2, 1]].reshape(6, 16, 16, 3).astype(int)
    changes = np.abs(np.diff(frames, axis=0)).mean((1, 2, 3))
    expected = flicker(changes, 3)
    assert flickers.loc["clip by clip", "flicker"] == pytest.approx(expected.ratio)
    assert flickers.loc["clip by clip", "inside"] == pytest.approx(expected.inside)
    assert flickers.loc["clip by clip", "fps"] == 1.5


def test_unguided_films_need_no_negative_condition(run):
    video, _ = run(negative="none")
    unguided = video.read_bytes()
    video, _ = run(guidance=1)
    assert video.read_bytes() == unguided
    assert run()[0].read_bytes() != unguided


def test_the_same_settings_make_the_same_bytes_and_another_seed_others(run):
    first = run()[0].read_bytes()
    assert run()[0].read_bytes() == first
    assert run(seed=1)[0].read_bytes() != first


def test_a_film_that_ends_a_little_early_holds_its_last_picture(run):
    write_video(run.folder / "short.mp4", np.full((35, 32, 32, 3), 99, np.uint8), fps=10)
    video, _ = run(film=run.folder / "short.mp4", fps=5)
    assert len(list(stream_frames(video, fps=5, size=128))) == 20


def test_refuses_a_film_that_ends_clips_early(run):
    write_video(run.folder / "short.mp4", np.full((15, 32, 32, 3), 99, np.uint8), fps=10)
    with pytest.raises(InputError, match=r"short\.mp4: the film ends after 2\.00 s.* 4 s"):
        run(film=run.folder / "short.mp4")


def test_names_a_segment_without_windows(run):
    with pytest.raises(InputError, match=r"no windows of segment test9, only of test1, test2"):
        run("test9")


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([("test1", 0), ("test2", 2), ("test2", 0)], "test2: no window of clip 1 of 3"),
        ([("test1", 0), ("test2", 2), ("test2", 3)], "test2: no window of clip 0, 1 of 4"),
        ([("test2", 1), ("test2", 1), ("test2", 0)], "test2: clips are listed twice"),
        ([("test2", 1), ("test2", 0)], "windows.npy has 3 rows, .*table.tsv has 2"),
    ],
)
def test_names_what_does_not_fit_in_the_table(run, rows, message):
    with pytest.raises(InputError, match=message):
        run(rows=rows)


class Killed(BaseException):
    """Ends the stage as a kill -9 would: nothing is saved on the way out."""


@pytest.mark.parametrize("seconds", [0.0, 1e9])
@pytest.mark.parametrize("calls", [1, 5, 9])
def test_a_killed_film_goes_on_from_its_last_save(run, monkeypatch, calls, seconds):
    """To the same outputs; the model is called for what is missing, and no more."""
    monkeypatch.setattr(films, "SECONDS", seconds)
    settings = {"fps": 4, "batch_size": 1}
    predicted = count_calls(monkeypatch, stop_at=None)
    video, flickers = run(**settings)
    whole, n_calls = video.read_bytes(), len(predicted)
    assert n_calls > calls + 1

    run.state = run.folder / "kept"
    with monkeypatch.context() as patch:
        patch.setattr(KeptRows, "__exit__", lambda *_: None)
        count_calls(patch, stop_at=calls)
        with pytest.raises(Killed):
            run(**settings)
    (run.state / "film.pt.part").write_bytes(b"PK half of it")
    predicted.clear()
    video, again = run(**settings)
    assert video.read_bytes() == whole
    pd.testing.assert_frame_equal(again, flickers)
    if seconds:  # the kill came before the first save
        assert len(predicted) == n_calls
    else:  # it came in a batch, and all before were saved
        assert len(predicted) == n_calls - calls
    assert (run.state / "film.pt").exists()  # it is the runner that deletes the state


def test_frames_without_their_state_are_computed_again(run, monkeypatch):
    """A kill between the two writes of a save leaves frames of a state that was never written."""
    monkeypatch.setattr(films, "SECONDS", 0.0)
    whole = run(fps=4, batch_size=1)[0].read_bytes()
    run.state = run.folder / "kept"

    def die(path, state):
        if state["frames"]:
            raise Killed
        save_snapshot(path, state)

    with monkeypatch.context() as patch:
        patch.setattr(films, "save_snapshot", die)
        with pytest.raises(Killed):
            run(fps=4, batch_size=1)
    assert int((run.state / "film.done").read_text()) > 0
    assert run(fps=4, batch_size=1)[0].read_bytes() == whole


def test_a_finished_film_is_only_encoded_again(run, monkeypatch):
    run.state = run.folder / "kept"
    whole = run()[0].read_bytes()
    predicted = count_calls(monkeypatch, stop_at=None)
    assert run()[0].read_bytes() == whole
    assert predicted == []


def count_calls(patch, stop_at):
    """The sizes of the batches that the model predicts from now on, until it is killed."""
    predicted, predict = [], MindVideoPipeline.predict

    def counted(self, latents, *rest):
        if len(predicted) == stop_at:
            raise Killed
        predicted.append(len(latents))
        return predict(self, latents, *rest)

    patch.setattr(MindVideoPipeline, "predict", counted)
    return predicted


@pytest.mark.parametrize("wrong", [{"fps": 0}, {"overlap": 1}, {"overlap": -0.1}, {"tr": 0}])
def test_settings_out_of_range_are_named(run, wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        run(**wrong)


def test_takes_what_the_stage_of_reconstruction_writes(run, inputs):
    settings = ReconstructionSettings(**SETTINGS, stable_diffusion=str(inputs / "sd"))
    segments = ("test1", "test2")
    save_table(run.folder / "table.tsv", pd.DataFrame(ROWS, columns=["segment", "clip"]))
    for segment in segments:
        (run.folder / segment).mkdir()
        reconstruct(
            windows=inputs / "windows.npy",
            table=run.folder / "table.tsv",
            null_window=inputs / "null.npy",
            model=inputs / "model",
            motion=None,
            train_windows=None,
            empty_text=None,
            reconstructions=run.folder / f"{segment}.npy",
            state=run.folder / segment,
            segment=segment,
            settings=settings,
        )
    clips = run.folder / "reconstructions.npy"
    join(
        segments=[run.folder / f"{segment}.npy" for segment in segments],
        table=run.folder / "table.tsv",
        reconstructions=clips,
        settings=JoinSettings(),
    )
    _, flickers = run(reconstructions=clips)
    assert np.isfinite(flickers["flicker"]).all()


def test_without_fmri_a_film_does_not_depend_on_its_windows(run, inputs, tmp_path):
    rng = np.random.default_rng(1)
    np.save(tmp_path / "train.npy", rng.normal(size=(9, 2, 32)).astype(np.float32))
    np.save(tmp_path / "reversed.npy", np.load(inputs / "windows.npy")[::-1])
    none = {"train_windows": tmp_path / "train.npy", "condition": "mean-tokens"}
    videos = [
        run(**changes)[0].read_bytes()
        for changes in (none, none | {"windows": tmp_path / "reversed.npy"}, {})
    ]
    assert videos[0] == videos[1] != videos[2]


def test_a_model_of_still_images_makes_no_film(run):
    with pytest.raises(ValueError, match="cannot generate films"):
        run(still=True)
