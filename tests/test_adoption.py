"""`mindvideo adopt` and `mindvideo discard`: after an update, on with what there is, or anew."""

import json
import shutil
from pathlib import Path

import pytest

from mindvideo.adoption import Adopted, adopt, code_and_lock, discard, provenance
from mindvideo.cli import main
from mindvideo.contents import content_of, file_digest
from mindvideo.errors import InputError
from mindvideo.explain import explain
from mindvideo.identity import Identity
from mindvideo.io.sidecars import sidecar_path
from mindvideo.locks import locked
from mindvideo.settings.base import Section
from mindvideo.sidecars import describe

CLIPS, CAPTIONS = "mindvideo.stages.clips", "mindvideo.stages.captions"
LOCK = "numpy==2.4.6\npandas==3.1.1\n"
RESULTS = Path("results")
OLD = "0" * 16


def by_old_code(module, code=OLD):
    """As if made before a module was edited, by the libraries of the lock."""
    by = provenance(module, f"{code}-{code_and_lock(module, LOCK).split('-')[1]}-weights")
    modules = by["modules"] | {module: "0", "mindvideo.of_old": "0"}
    return by | {"code": code, "modules": modules, "libraries": {"numpy": "2.3+cpu"}}


def result(path, stage, by, *inputs):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(path.name)
    digests = {str(p): file_digest(p) for p in inputs}
    identity = Identity(stage=stage, settings={}, parameters={}, inputs=digests, **by)
    text = describe(identity, Section(), content_of(path), "2026-01-01", 1.0)
    sidecar_path(path).write_text(text)
    return path


@pytest.fixture
def clips(tmp_path, monkeypatch):
    """A film and its clips, which other code made."""
    monkeypatch.chdir(tmp_path)
    Path("film.mp4").write_text("film")
    return result(RESULTS / "shared/clips/seg1.npy", "clips", by_old_code(CLIPS), Path("film.mp4"))


def state(name, key="a1", **identity_):
    folder = RESULTS / "state/sub1" / name / key
    (folder / "step-40").mkdir(parents=True)
    (folder / "step-1200").mkdir()
    (folder / "identity.json").write_text(json.dumps({"stage": name, "inputs": {}, **identity_}))
    return folder


def test_what_is_here_stands_for_what_made_it(clips):
    here = code_and_lock(CLIPS, LOCK)
    lines = list(adopt([clips], RESULTS, LOCK, why="a name in it was misspelt"))
    assert lines == [
        f"clips ({clips})",
        "  changed   mindvideo.of_old (gone)",
        "  changed   mindvideo.stages.clips",
        "  version   numpy 2.3 → 2.4.6",
        "  version   pandas none → 3.1.1",
        "  treated as identical from now on (results/adopted.json)",
    ]
    adopted = Adopted(RESULTS)
    assert adopted.representative("clips", here) == f"{OLD}-{here.split('-')[1]}"
    assert adopted.representative("captions", here) == here
    assert adopted.entry("clips", here)["why"] == "a name in it was misspelt"


def test_a_second_time_says_so(clips):
    list(adopt([clips], RESULTS, LOCK))
    assert "already adopted, on 20" in "\n".join(adopt([clips], RESULTS, LOCK))


def test_without_a_difference_nothing_is_noted(clips):
    here = provenance(CLIPS, code_and_lock(CLIPS, LOCK) + "-weights")
    same = result(clips.with_name("seg2.npy"), "clips", here)
    assert "nothing to adopt" in "\n".join(adopt([same], RESULTS, LOCK))
    by_hand = result(clips.with_name("seg2.npy"), "clips", provenance(CLIPS, ""))
    assert "nothing to adopt" in "\n".join(adopt([by_hand], RESULTS, LOCK))
    assert Adopted(RESULTS).entry("clips", code_and_lock(CLIPS, LOCK)) is None


def test_all_upstream_on_request(clips):
    captions = result(
        RESULTS / "shared/captions/seg1.tsv", "captions", by_old_code(CAPTIONS), clips
    )
    assert [line for line in adopt([captions], RESULTS, LOCK) if line[0] != " "] == [
        f"captions ({captions})"
    ]
    deep = [line for line in adopt([captions], RESULTS, LOCK, deep=True) if line[0] != " "]
    assert deep == [f"captions ({captions})", f"clips ({clips})"]
    assert Adopted(RESULTS).entry("clips", code_and_lock(CLIPS, LOCK))


def test_one_stage_has_one_code(clips):
    """Among the paths, and with what was adopted before."""
    other = result(clips.with_name("seg2.npy"), "clips", by_old_code(CLIPS, "1" * 16))
    with pytest.raises(
        InputError, match=r"seg1.npy and .*seg2.npy were computed by different code"
    ):
        list(adopt([clips, other], RESULTS, LOCK))
    assert not (RESULTS / "adopted.json").exists()
    list(adopt([clips], RESULTS, LOCK))
    with pytest.raises(InputError, match="has stood for other code"):
        list(adopt([other], RESULTS, LOCK))


def test_what_cannot_be_adopted_is_refused(clips):
    with pytest.raises(InputError, match="not in results"):
        list(adopt([Path("film.mp4")], RESULTS, LOCK))
    (RESULTS / "notes.txt").write_text("")
    with pytest.raises(InputError, match="has a sidecar"):
        list(adopt([RESULTS / "notes.txt"], RESULTS, LOCK))
    sidecar = json.loads(sidecar_path(clips).read_text())
    del sidecar["stands_for"]
    sidecar_path(clips).write_text(json.dumps(sidecar))
    with pytest.raises(InputError, match="an older version"):
        list(adopt([clips], RESULTS, LOCK))
    sidecar_path(clips).write_text(json.dumps(sidecar | {"stage": "clipz"}))
    with pytest.raises(InputError, match="no longer exists"):
        list(adopt([clips], RESULTS, LOCK))


def test_a_record_that_is_damaged_is_named(clips):
    (RESULTS / "adopted.json").write_text("{")
    with pytest.raises(InputError, match=r"adopted.json: not valid JSON"):
        Adopted(RESULTS)


def test_explain_says_that_it_was_adopted(clips):
    list(adopt([clips], RESULTS, LOCK, why="only a name"))
    text = "\n".join(explain(clips))
    assert "by code that has changed since, with other libraries, adopted on 20" in text
    assert ": only a name" in text
    other = result(clips.with_name("seg2.npy"), "clips", by_old_code(CLIPS, "1" * 16))
    assert "adopted" not in "\n".join(explain(other))


def test_the_command_takes_the_lock_and_the_results_of_the_configuration(clips, capsys):
    root = Path(__file__).parents[1]
    for part in ("config", "envs"):
        shutil.copytree(root / part, part)
    assert main(["adopt", str(clips), "--why", "a name"]) == 0
    assert "treated as identical from now on" in capsys.readouterr().out
    assert Adopted(RESULTS).entry(
        "clips", code_and_lock(CLIPS, Path("envs/requirements.lock").read_text())
    )
    assert main(["adopt", "nothing"]) == 1
    assert "mindvideo adopt: nothing: not in results" in capsys.readouterr().err


def test_a_training_goes_on_after_an_update(clips):
    by = by_old_code("mindvideo.stages.contrastive")
    folder = state("contrastive", **by)
    lines = list(adopt([folder.parent], RESULTS, LOCK))
    assert lines[0] == f"contrastive ({folder})"
    here = code_and_lock("mindvideo.stages.contrastive", LOCK)
    assert Adopted(RESULTS).representative("contrastive", here).startswith(OLD)


def test_a_damaged_state_can_only_be_discarded(clips):
    folder = state("contrastive")
    (folder / "identity.json").write_text("{")
    with pytest.raises(InputError, match=r"identity.json: not valid JSON .* mindvideo discard"):
        list(adopt([folder], RESULTS, LOCK))
    assert list(discard(folder))


def test_a_state_is_discarded_and_says_how_far_it_was(clips):
    first = state("contrastive", stands_for="x")
    rows = state("contrastive", "b2", stands_for="x")
    shutil.rmtree(rows / "step-40")
    shutil.rmtree(rows / "step-1200")
    (rows / "clips.done").write_text("12")
    assert list(discard(first.parent)) == [
        f"{first}: checkpoint of step 1200: deleted",
        f"{rows}: 12 of clips done: deleted",
    ]
    assert not first.parent.exists()
    assert clips.exists()


def test_a_single_key_is_discarded(clips):
    first, second = state("contrastive", stands_for="x"), state("contrastive", "b2", stands_for="x")
    list(discard(first))
    assert not first.exists()
    assert second.exists()


def test_only_a_state_that_nobody_works_in_is_discarded(clips, capsys):
    folder = state("contrastive", stands_for="x").parent
    with locked([folder]):
        with pytest.raises(InputError, match="another process is writing here"):
            list(discard(folder))
        assert list(folder.iterdir())
        for place in (RESULTS, clips.parent, Path("nothing")):
            with pytest.raises(InputError, match="not the state of a stage"):
                list(discard(place))
    assert main(["discard", str(folder)]) == 0
    assert "checkpoint of step 1200: deleted" in capsys.readouterr().out
