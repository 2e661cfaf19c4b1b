"""Digests: what reruns a stage, and what does not."""

import pytest

from mindvideo import provenance
from mindvideo.contents import file_digest


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package of three modules: a imports b (inside a function); c stands alone."""
    root = tmp_path / "mindvideo"
    root.mkdir()
    (root / "__init__.py").write_text("")
    (root / "a.py").write_text("def f():\n    from mindvideo.b import g\n    return g()\n")
    (root / "b.py").write_text('"""Doc."""\n\n\ndef g():\n    """Doc."""\n    return 1  # why\n')
    (root / "c.py").write_text("X = 1\n")
    monkeypatch.setattr(provenance, "ROOT", root)
    yield root
    provenance._module.cache_clear()
    provenance.code_digest.cache_clear()


def digest(module):
    provenance._module.cache_clear()
    provenance.code_digest.cache_clear()
    return provenance.code_digest(f"mindvideo.{module}")


def test_the_closure_follows_imports_inside_functions(package):
    digest("a")
    assert provenance.import_closure("mindvideo.a") == ["mindvideo.a", "mindvideo.b"]


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ('"""Other."""\ndef g():\n    return 1\n', True),
        ("def g():\n    # another why\n    return (1)\n", True),
        ("def g():\n    return 2\n", False),
    ],
)
def test_an_edit_is_noticed_only_if_it_does_something(package, text, same):
    before = digest("a"), digest("c")
    (package / "b.py").write_text(text)
    assert (digest("a") == before[0]) is same
    assert digest("c") == before[1]


def test_a_folder_is_its_names_and_contents(tmp_path):
    (tmp_path / "x").write_text("1")
    first = file_digest(tmp_path)
    (tmp_path / "x").write_text("2")
    second = file_digest(tmp_path)
    (tmp_path / "x").rename(tmp_path / "y")
    assert len({first, second, file_digest(tmp_path)}) == 3
