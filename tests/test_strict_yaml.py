"""YAML and JSON: what would be accepted in silence is refused, and nothing else."""

import json

import pytest
import yaml

from mindvideo import strict_yaml
from mindvideo.cli import main


@pytest.mark.parametrize(
    ("text", "match"),
    [
        (
            "a: 1\nclean: {x: 1}\nb: 2\nclean: {y: 2}",
            "line 4: the key 'clean' is already in line 2",
        ),
        ("a:\n  b: 1\n  c: 2\n  b: 3", "line 4: the key 'b' is already in line 2"),
        ("a: {b: 1, 'b': 2}", "the key 'b' is already in line 1"),
        ("[{1: a, 1: b}]", "the key '1'"),
        ('{"a": {"b": 1, "b": 2}}', "duplicate key 'b'"),
        (
            "sub01: 01",
            'line 1: YAML reads 01 as the number 1, .*: write "01" in quotes.*, or 1 for',
        ),
        ("drop_start: 010", 'reads 010 as the number 8, .*: write "010" .*, or 10 for the number'),
        ("\n01: x", 'line 2: YAML reads 01 as the number 1, .*write "01" in quotes'),
        ("time: 1:30", 'reads 1:30 as the number 90, .*: write "1:30" in quotes'),
        ("a: [1", "not valid YAML: while parsing"),
    ],
)
def test_what_people_do_not_mean_is_refused(text, match):
    with pytest.raises(strict_yaml.StrictYamlError, match=match):
        strict_yaml.load(text)


@pytest.mark.parametrize(
    "text",
    [
        "a: &x {b: 1, c: 2}\nd: {<<: *x, b: 3}\ne: {<<: *x}\nf: *x",
        "{a: 0, b: 0.5, c: -0.25, d: -7, e: 1_000, f: 0x1f, g: '01', h: 08, i: 1e-3, j: 2:x}",
        "a: {b: 1}\nc: {b: 2}\n1: x\n'1': y",
        '{"a": 1.0e-3, "b": [null, true, "01", "1:30"]}',
        "{a: 1, b: [x, y]}",
        "7",
        "",
    ],
)
def test_all_else_is_read_as_ever(text):
    assert strict_yaml.load(text) == yaml.safe_load(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: 1\nb:\n\tc: 2", r"line 3: not valid YAML: .*token, found character '\\t'"),
        ("a: 1\n---\nb: 2", "line 2: not valid YAML: expected a single document .*another"),
        ("a: [1", "line 1: not valid YAML: while parsing a flow sequence"),
    ],
)
def test_a_slip_is_named_with_its_line(text, said):
    with pytest.raises(strict_yaml.StrictYamlError, match=said) as error:
        strict_yaml.load(text)
    assert "unicode string" not in str(error.value)


def test_json_may_be_indented_by_tabs():
    assert strict_yaml.load(json.dumps({"a": {"b": 1}}, indent="\t")) == {"a": {"b": 1}}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--settings", '{"fps": 3, "fps": 4}'], "--settings: duplicate key 'fps'"),
        (["--set", "fps=03"], "--set fps: line 1: YAML reads 03 as the number 3"),
        (["--settings", "nowhere.yaml"], "--settings: no such file: nowhere.yaml"),
    ],
)
def test_settings_of_a_stage_are_read_so_too(options, said, capsys):
    files = ["--film", "a.mp4", "--clips", "b.npy", "--changes", "c.tsv"]
    assert main(["clips", *files, *options]) == 1
    assert said in capsys.readouterr().err
