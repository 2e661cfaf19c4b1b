"""How a configuration aligns clips, films and volumes: numbers of clips, rates, shared files."""

from __future__ import annotations

import pytest
import yaml

from mindvideo.alignment import clip_times, lag_of, n_kept, n_needed
from mindvideo.checks.timing import check_timing, describe_timing
from mindvideo.cli import main
from mindvideo.clip_times import trim
from mindvideo.config import check_config
from mindvideo.errors import InputError
from mindvideo.facts import settings_of
from mindvideo.settings.evaluation import FilmSettings, ReconstructionSettings, ScoringSettings
from mindvideo.settings.fmri import CleanSettings, WindowSettings
from mindvideo.settings.stimuli import ClipSettings, SceneSettings
from tests.checks.few import values


def config(**sections):
    return check_config(values(**sections), "test")


def timing(before, after):
    return {"timing": {"default": {"drop_start": before, "drop_end": after}}}


def settings(model, of, segment="s1", owner="a"):
    variant = owner.partition("/variants/")[2] or None
    return settings_of(model, of, of.stages(variant), segment, owner=owner)


# --- the end of a segment -------------------------------------------------------------------------


def test_clips_without_volumes_are_left_out_everywhere():
    """Lag 2, windows of 2, and nothing recorded after the film: 3 of 60 clips have no window."""
    short = config(dataset=timing(0, 0) | {"lag": 2})
    for segment in short.dataset.segments:
        assert short.dataset.n_shown(segment) == 60
        assert short.dataset.n_clips(segment) == 57
    assert settings(CleanSettings, short).n_volumes == 58
    assert settings(CleanSettings, short).n_volumes_of_film == 60
    assert settings(WindowSettings, short).n_clips == {}  # it follows from the volumes kept
    assert settings(WindowSettings, short).times.n_clips_in(58) == 57
    assert settings(ClipSettings, short).n_clips == 57
    stages = short.stages()
    times, lag = clip_times(short.dataset, stages), lag_of(short.dataset, stages)
    said = describe_timing(short.dataset, times, lag)
    assert "the last 3 clips are left out, since too few volumes were recorded after" in said
    findings = list(check_timing(short.dataset, times, 2))
    assert sum("the last 3 of 60 clips are left out" in f.message for f in findings) == 5


@pytest.mark.parametrize(("interpolation", "needed"), [("nearest", (66, 67)), ("linear", (67, 67))])
def test_a_run_needs_the_volumes_that_are_read_of_it(interpolation, needed):
    """60 clips, lag 2, windows of 2: volumes 2 to 62 from an onset at 3.4 or 3.6 volumes."""
    late = config(dataset=timing(0, 9) | {"lag": 2}, windows={"interpolation": interpolation})
    of_model = late.dataset, late.stages(), "s1"
    assert (n_needed(*of_model, 3.4), n_needed(*of_model, 3.6)) == needed
    assert n_needed(*of_model, 3.0) == 66


def test_all_clips_are_used_if_enough_was_recorded_or_nobody_says_how_much():
    for after in (3, None):
        long = config(dataset=timing(0, after) | {"lag": 2})
        assert long.dataset.n_clips("s1") == 60
        assert settings(CleanSettings, long).n_volumes == 61


def test_all_models_have_the_same_clips():
    """A variant with wider windows leaves out clips of all: their scores are of the same clips."""
    wide = config(dataset=timing(0, 3), variants={"wide": {"windows": {"size": 4}}})
    assert wide.dataset.n_clips("s1") == 57
    assert settings(CleanSettings, wide).n_volumes == 58
    assert settings(CleanSettings, wide, owner="a/variants/wide").n_volumes == 60
    stages = wide.stages("wide")
    assert lag_of(wide.dataset, stages) + n_kept(wide.dataset, stages, "s1") == 63


def test_with_repeated_volumes_only_clips_without_any_are_left_out():
    """Lag 2 and nothing after the film: two clips were shown after the last volumes."""
    repeated = config(dataset=timing(0, 0) | {"lag": 2}, windows={"end": "repeat"})
    assert repeated.dataset.n_clips("s1") == 58
    assert settings(CleanSettings, repeated).n_volumes == 58
    whole = config(dataset=timing(0, 0) | {"lag": 0}, windows={"end": "repeat", "size": 3})
    assert whole.dataset.n_clips("s1") == 60
    assert settings(CleanSettings, whole).n_volumes == 60


@pytest.mark.parametrize("end", ["recorded", "repeat"])
def test_windows_longer_than_the_segment_are_refused(end):
    with pytest.raises(InputError, match=r"s1: windows of 70 volumes, 0 .* in the 60 volumes that"):
        config(dataset=timing(0, 0) | {"lag": 0}, windows={"size": 70, "end": end})


def test_runs_and_films_of_given_windows_leave_nothing_out():
    given = {"windows": {"train": "train_{name}.npy", "test": "test_{name}.npy"}}
    imported = config(dataset=timing(0, 0) | {"lag": 2}, given=given)
    assert imported.dataset.n_clips("s1") == 60


# --- durations and rates --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tr", "clips", "seconds", "frames", "fps"),
    [
        (1.5, {"fps": 2}, 1.5, 3, 2),
        (1.5, {"frames": 6}, 1.5, 6, 4),
        (1.49, {"frames": 6}, 1.49, 6, 6 / 1.49),
        (0.8, {"seconds": 2.0, "fps": 3}, 2.0, 6, 3),
        (1.5, {"seconds": 2.0, "frames": 5}, 2.0, 5, 2.5),
        (1.4, {"fps": 4.2857}, 1.4, 6, 6 / 1.4),
        (1.5, {"seconds": 1.49, "frames": 4, "fps": 3}, 1.49, 4, 4 / 1.49),
    ],
)
def test_frames_and_duration_give_the_rate(tr, clips, seconds, frames, fps):
    of_values = values(dataset={"tr": tr})
    of_values["clips"] = {"size": 64} | clips
    of = check_config(of_values, "test")
    assert settings(ClipSettings, of).seconds == seconds
    assert settings(ReconstructionSettings, of).num_frames == frames
    assert settings(ClipSettings, of).fps == fps
    assert settings(SceneSettings, of).fps == fps
    assert settings(WindowSettings, of).seconds == settings(ScoringSettings, of).seconds == seconds
    assert settings(FilmSettings, of).fps * seconds == pytest.approx(frames)


@pytest.mark.parametrize(
    ("clips", "said"),
    [
        ({"fps": 3}, r"clips\.fps: a clip of 1\.5 s at 3 .* 4\.5 frames.*or clips\.frames to the"),
        ({"seconds": 1.49, "fps": 3}, r"clips\.fps: a clip of 1\.49 s at 3 .*has 4\.47 frames"),
        ({"frames": 0}, r"clips\.frames: .*greater than 0"),
        ({"frames": 4.5}, r"clips\.frames: .*integer"),
        ({"seconds": 0}, r"clips\.seconds: .*greater than 0"),
        ({"seconds": -2}, r"clips\.seconds: .*greater than 0"),
    ],
)
def test_wrong_durations_and_rates_are_named(clips, said):
    with pytest.raises(InputError, match=said):
        config(clips=clips)
    with pytest.raises(InputError, match=r"variants\.other\.?" + said):
        config(variants={"other": {"clips": clips}})


def test_clips_of_another_duration_have_other_volumes():
    """60 clips of 2 s at a TR of 1.5 s: 80 volumes, and the window of clip 59 starts at 78.67."""
    cases = {"nearest": 81, "linear": 81, "cubic": 81}
    for interpolation, n in cases.items():
        of = config(
            dataset=timing(2, 6) | {"lag": 1},
            clips={"seconds": 2.0, "fps": 3},
            windows={"interpolation": interpolation},
        )
        assert settings(CleanSettings, of).n_volumes == n
        assert settings(CleanSettings, of).n_volumes_of_film == 80
        assert of.dataset.left_out("s1") == 0
    none_after = config(dataset=timing(0, 0) | {"lag": 0}, clips={"seconds": 2.0, "fps": 3})
    # Clip 59 starts nearest to volume 79, the last; clip 58 (77.33) nearest to 77.
    assert none_after.dataset.left_out("s1") == 1


def test_positions_within_a_millionth_of_a_volume_are_whole():
    assert trim(3 * 0.1 / 0.1, 10, "linear") == trim(3.0, 10, "cubic") == trim(3, 10, "nearest")
    between = trim(6.25, 10, "linear")
    assert (between.start, between.n_read, between.shift) == (6, 11, 0.25)
    assert trim(6.5, 10, "nearest").start == 7


# --- files that runs and segments share -----------------------------------------------------------

SHARED_RUN = """\
subject	segment	split	repetition	path	drop_start	drop_end
a	s1	train	1	day1.nii.gz	0	140
a	s2	train	1	day1.nii.gz	70	70
a	t1	test	1	day1.nii.gz	140	0
"""


def shared(tmp_path, table=SHARED_RUN, **changes):
    (tmp_path / "runs.tsv").write_text(table)
    described = {"name": "mine", "tr": 1.5, "lag": 0, "runs": str(tmp_path / "runs.tsv")}
    described |= {"clips_per_segment": {"default": 60}, "film": "{segment}.mp4"}
    return check_config(values() | {"dataset": described | changes}, "test")


def test_several_films_in_one_run(tmp_path):
    of = shared(tmp_path)
    starts = [run.timing.start(1.5) for run in of.dataset.rows]
    assert starts == [0, 70, 140]
    assert {run.path for run in of.dataset.rows} == {"day1.nii.gz"}
    with pytest.raises(InputError, match=r"line 3: same file as in line 2: day1\.nii\.gz"):
        shared(tmp_path, SHARED_RUN.replace("\t70\t70", "\t0\t140"))
    # The first film is followed by the second: windows may have volumes of the pause between.
    assert of.dataset.left_out("s1") == 0
    assert of.dataset.left_out("t1") == 1


def test_several_films_in_one_run_by_their_events(tmp_path):
    table = "\n".join(line.rsplit("\t", 2)[0] for line in SHARED_RUN.splitlines())
    events = {"events": "{subject}_events.tsv", "event": {"stim_file": "{segment}.mp4"}}
    of = shared(tmp_path, table, **events)
    assert of.dataset.event_paths("a", "s2") == ["a_events.tsv"]
    assert settings(CleanSettings, of, "s2").event == {"stim_file": "s2.mp4"}
    same = {"event": {"trial_type": "film"}}
    alike = r"one file for 3 runs \(a s1_1, a s2_1, a t1_1\): day1\.nii\.gz: each run needs its own"
    for starts in (events | same, timing(0, 0)):
        with pytest.raises(InputError, match=alike):
            shared(tmp_path, table, **starts)


def test_one_film_in_several_segments(tmp_path):
    film = {"film": None, "films": dict.fromkeys(("s1", "s2", "t1"), "film.mkv")}
    with pytest.raises(InputError, match=r"one film for 3 segments.*its own start in it .film_sta"):
        shared(tmp_path, **film)
    of = shared(tmp_path, **film, film_start={"s2": 90.0, "t1": 180.0})
    assert [settings(ClipSettings, of, s).start for s in ("s1", "s2", "t1")] == [0, 90, 180]
    assert settings(FilmSettings, of, "t1").start == 180
    assert settings(ScoringSettings, of).film_start == {"t1": 180}
    with pytest.raises(InputError, match=r"film_start\.s2: .*greater than or equal to 0"):
        shared(tmp_path, **film, film_start={"s2": -1.0, "t1": 180.0})


# --- when films start -----------------------------------------------------------------------------

EVENTS = {"events": "{subject}_{segment}_{repetition}_events.tsv"}
EVENT = {"event": {"trial_type": "film"}}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (EVENTS | EVENT, "timing and events both say when films start"),
        ({"timing": {}} | EVENTS, "events: which row is the onset of the film? Set event"),
        (EVENT, "event: no table of events has it: set events"),
        ({"timing": {}}, "timing: no `default`, and nothing for s1, s2, s3, s4, t1"),
        ({"timing": {}, "film_onset": {"default": -3}}, "starts 3 s before the run"),
        (
            {"timing": {}, "events": "{subject}_{task}.tsv"} | EVENT,
            "events: .* has {task}",
        ),
    ],
)
def test_one_place_says_when_films_start(changes, said):
    with pytest.raises(InputError, match=said.replace("?", r"\?")):
        config(dataset=changes)


def test_a_film_may_start_at_an_onset():
    of = config(dataset={"timing": {}, "film_onset": {"default": 9.2}})
    (first, *_) = settings(CleanSettings, of).timing
    assert (first.drop_start, first.drop_end, first.onset) == (None, None, 9.2)
    dropped = config(dataset={"film_onset": {"default": 9.2}})  # with timing: only to be reported
    (first, *_) = settings(CleanSettings, dropped).timing
    assert (first.drop_start, first.onset) == (0, None)


def test_check_dataset_names_tables_of_events_that_do_not_fit(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    described = values(dataset={"timing": {}} | EVENTS | EVENT)
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(described))
    (tmp_path / "a_s1_1_events.tsv").write_text("onset\ttrial_type\n9.2\tmovie\n")
    assert main(["check-dataset", "config.yaml", "--only", "dataset", "--all"]) == 1
    said = capsys.readouterr().out
    assert "a_s1_1_events.tsv" in said
    assert "no event with trial_type: film" in said
    assert "b_t1_2_events.tsv" in said  # is missing
