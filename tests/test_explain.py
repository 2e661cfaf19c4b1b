"""`mindvideo explain`: from a file back to all that it was made from."""

import json
from pathlib import Path

import pytest
from pydantic import BaseModel, ConfigDict

from mindvideo import __version__
from mindvideo.adoption import provenance
from mindvideo.cli import main
from mindvideo.contents import content_of, file_digest
from mindvideo.errors import InputError
from mindvideo.explain import explain
from mindvideo.identity import Identity
from mindvideo.io.sidecars import sidecar_path
from mindvideo.sidecars import describe, find_sidecar, pretrained_commits


class Any(BaseModel):
    """Settings of any kind."""

    model_config = ConfigDict(extra="allow")


def write_result(path, stage, settings, *inputs, pretrained=None, **changes):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(path.name)
    name = stage.replace("-", "_")
    identity = Identity(
        stage=name,
        settings={},
        parameters={},
        inputs={str(p): file_digest(p) for p in inputs},
        **provenance(f"mindvideo.stages.{name}", "") | changes,
    )
    started = "2023-12-10T09:00:00+00:00"
    text = describe(identity, Any(**settings), content_of(path), started, 12.34, pretrained)
    sidecar_path(path).write_text(text)
    return path


@pytest.fixture
def artefacts(tmp_path, monkeypatch):
    """film → clips → captions, by relative paths, as the workflow has them."""
    monkeypatch.chdir(tmp_path)
    film = Path("film.mp4")
    film.write_text("film")
    clips = write_result(Path("clips/seg1.npy"), "clips", {"fps": 3.0, "size": 64, "seed": 5}, film)
    captions = write_result(
        Path("captions/seg1.tsv"),
        "captions",
        {"batch_size": 32, "max_tokens": 7, "captioner": "zoo:blip"},
        *(clips, film),
        code="0" * 16,
    )
    return film, clips, captions


def test_stage_time_versions_seed_and_code_are_reported(artefacts):
    text = "\n".join(explain(artefacts[1]))
    for part in (
        "mindvideo clips, by the current code",
        "2023-12-10T09:00:00+00:00, in 12.3 s",
        f"mindvideo {__version__}",
        "torch ",
        "seed      5",
    ):
        assert part in text
    assert "by code that has changed since" in "\n".join(explain(artefacts[2]))


def test_commits_of_models_of_the_hub_are_reported_and_collected(artefacts):
    film, clips, captions = artefacts
    write_result(captions, "captions", {}, clips, pretrained={"org/blip@v1": "0" * 40})
    assert f"  loaded    org/blip@v1, commit {'0' * 40}" in list(explain(captions))
    again = write_result(Path("b.tsv"), "captions", {}, clips, pretrained={"org/blip@v1": "1" * 40})
    last = write_result(Path("c.npy"), "latents", {}, captions, again, pretrained={"org/sd": "2"})
    assert pretrained_commits(last) == {"org/sd": ["2"], "org/blip@v1": ["0" * 40, "1" * 40]}
    assert pretrained_commits(clips) == pretrained_commits(film) == {}


def test_what_changed_in_code_and_libraries_is_reported(artefacts):
    by = provenance("mindvideo.stages.clips", "")
    modules = by["modules"] | {"mindvideo.io.films": "0", "mindvideo.of_old": "0"}
    other = write_result(Path("a.npy"), "clips", {}, artefacts[0], code="0" * 16, modules=modules)
    expected = (
        "by code that has changed since (changed: mindvideo.io.films, mindvideo.of_old (gone))"
    )
    assert expected in "\n".join(explain(other))
    libraries = by["libraries"] | {"numpy": "1.0"}
    other = write_result(Path("b.npy"), "clips", {}, artefacts[0], libraries=libraries)
    expected = "by the current code, with other libraries (changed: numpy 1.0 → "
    assert expected in "\n".join(explain(other))


def test_settings_at_their_defaults_are_reported_on_request(artefacts):
    short, whole = ("\n".join(explain(artefacts[2], everything=e)) for e in (False, True))
    assert "zoo:blip" in short
    assert "max_tokens" in short
    assert "batch_size" not in short
    assert "batch_size" in whole


def test_inputs_are_compared_with_what_they_were(artefacts):
    film, clips, captions = artefacts
    clips.write_text("others")
    film.unlink()
    lines = list(explain(captions))
    assert "  changed  clips/seg1.npy" in lines
    assert "  gone     film.mp4" in lines
    assert "  same     film.mp4" not in lines


def test_what_came_before_is_reported_once(artefacts):
    write_result(Path("x.npy"), "latents", {}, artefacts[2], artefacts[1])
    lines = list(explain(Path("x.npy"), deep=True))
    tree = lines[lines.index("\nand before that") + 1 :]
    assert [line.split(",")[0] for line in tree] == [
        "  captions/seg1.tsv: captions",
        "    clips/seg1.npy: clips",
        "      film.mp4: not made by a stage",
        "    film.mp4: not made by a stage",
        "  clips/seg1.npy: see above",
    ]


def test_a_file_in_a_folder_has_the_folders_story(artefacts):
    folder = Path("videos")
    folder.mkdir()
    (folder / "a.mp4").write_text("a")
    sidecar_path(folder).write_text(sidecar_path(artefacts[1]).read_text())
    place, sidecar = find_sidecar(folder / "a.mp4")
    assert place == folder.absolute()
    assert sidecar["stage"] == "clips"


def test_what_nothing_reports_of_is_refused(artefacts):
    with pytest.raises(InputError, match="no such file"):
        list(explain(Path("typo.npy")))
    with pytest.raises(InputError, match=r"has a sidecar \(film.mp4.json\)"):
        list(explain(artefacts[0]))
    sidecar_path(artefacts[0]).write_text(json.dumps({"title": "of something else"}))
    with pytest.raises(InputError, match="has a sidecar"):
        list(explain(artefacts[0]))
    sidecar_path(artefacts[0]).write_text("{")
    with pytest.raises(InputError, match="not valid JSON"):
        list(explain(artefacts[0]))


def test_it_is_a_command(artefacts, capsys):
    assert main(["explain", str(artefacts[2]), "--deep"]) == 0
    assert "not made by a stage" in capsys.readouterr().out
    assert main(["explain", "nothing"]) == 1
    assert "mindvideo explain: nothing: no such file" in capsys.readouterr().err
