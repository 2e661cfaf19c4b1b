"""Digests of the source: what reruns a stage, and what does not."""

import pytest

from mindvideo import source


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package of three modules: a imports b (inside a function); c stands alone."""
    root = tmp_path / "mindvideo"
    root.mkdir()
    (root / "__init__.py").write_text("")
    (root / "a.py").write_text("def f():\n    from mindvideo.b import g\n    return g()\n")
    (root / "b.py").write_text('"""Doc."""\n\n\ndef g():\n    """Doc."""\n    return 1  # why\n')
    (root / "c.py").write_text("X = 1\n")
    monkeypatch.setattr(source, "ROOT", root)
    yield root
    forget()


def forget():
    source.read_module.cache_clear()
    source.import_closure.cache_clear()


def digest(module):
    forget()
    return source.code_digest(f"mindvideo.{module}")


def test_the_closure_follows_imports_inside_functions(package):
    digest("a")
    assert source.import_closure("mindvideo.a") == ("mindvideo.a", "mindvideo.b")


def test_the_closure_leaves_out_imports_for_type_checkers(package):
    (package / "a.py").write_text(
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from mindvideo.b import g\n"
    )
    digest("a")
    assert source.import_closure("mindvideo.a") == ("mindvideo.a",)


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ('"""Other."""\ndef g():\n    return 1\n', True),
        ("def g():\n    # another why\n    return (1)\n", True),
        ("def g():\n    return 2\n", False),
        ("def g() -> int:\n    return 1\n", False),  # annotations can be read
    ],
)
def test_an_edit_is_noticed_only_if_it_does_something(package, text, same):
    before = digest("a"), digest("c")
    (package / "b.py").write_text(text)
    assert (digest("a") == before[0]) is same
    assert digest("c") == before[1]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('raise ValueError("old")', 'raise ValueError("new")'),
        ('raise ValueError("old")', 'raise ValueError(f"{x} of {len(y)}: new")'),
        ('raise ValueError(f"{x}: old") from error', 'raise ValueError(f"new {y!r}") from error'),
        ('raise InputError(f"{x}: " + hint)', 'raise InputError(f"{x}, " + hint)'),
        ('raise InputError("\\n".join([x, y]))', 'raise InputError(", ".join([x]))'),
        ('raise ValueError("a" if x else "b")', 'raise ValueError("c" if x else "d")'),
        ('raise Found(3, reason="old")', 'raise Found(3, reason="new")'),
        ('error = InputError("old")', 'error = InputError("new")'),
        ('log.info("%s: old", x)', 'log.info("%s: new", x)'),
        ('logger.log(level, "old")', 'logger.log(level, f"new {x}")'),
        ('logging.warning("old %s" % x)', 'logging.warning("new %s" % y)'),
        ('warnings.warn("old", stacklevel=2)', 'warnings.warn("new", stacklevel=2)'),
        ('print("old")', 'print("new", end="")'),
        ('print("old", file=sys.stderr)', 'print("new", file=sys.stderr)'),
        ('progress(x, desc="old", unit="clip")', 'progress(x, desc=f"{y}", unit="clips")'),
        ('train(x, desc="old")', 'train(x, desc="new")'),
        ('Field(3, description="old")', 'Field(3, description="new")'),
        ('parser.add_argument("--x", help="old")', 'parser.add_argument("--x", help="new")'),
    ],
)
def test_a_reworded_message_is_not_noticed(package, before, after):
    (package / "b.py").write_text(f"def g(x, y, hint, level):\n    {before}\n")
    first = digest("a")
    (package / "b.py").write_text(f"def g(x, y, hint, level):\n    {after}\n")
    assert digest("a") == first


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("raise SystemExit(128 + x)", "raise SystemExit(x)"),
        ('raise SystemExit(0 if x else "old")', 'raise SystemExit(1 if x else "old")'),
        ('raise ValueError("old")', 'raise TypeError("old")'),
        ('raise ValueError("old")', "pass"),
        ('raise ValueError(compute("old"))', 'raise ValueError(compute("new"))'),
        ('raise ValueError(f"{(n := 1)}")', 'raise ValueError(f"{(n := 2)}")'),
        ('log.info("%s", x)', 'log.info("%s", x.pop())'),
        ('log.info("old")', 'log.error("old")'),
        ('log.write_text("old")', 'log.write_text("new")'),
        ('print("old", file=x)', 'print("new", file=x)'),
        ('show(x, unit="old")', 'show(x, unit="new")'),
        ('show(x, description="old")', 'show(x, description="new")'),
        ('progress(x, total=1, desc="old")', 'progress(x, total=2, desc="old")'),
        ('name = "old"', 'name = "new"'),
        ('x = f"{y}-old"', 'x = f"{y}-new"'),
        ('warnings.simplefilter("error")', 'warnings.simplefilter("ignore")'),
    ],
)
def test_what_is_no_message_is_noticed(package, before, after):
    (package / "b.py").write_text(f"def g(x, y):\n    {before}\n")
    first = digest("a")
    (package / "b.py").write_text(f"def g(x, y):\n    {after}\n")
    assert digest("a") != first


def test_a_difference_names_the_modules(package):
    digest("a")
    before = source.module_digests("mindvideo.a")
    (package / "b.py").write_text("def g():\n    return 2\n")
    forget()
    after = source.module_digests("mindvideo.a")
    assert {name for name in before if before[name] != after[name]} == {"mindvideo.b"}


def test_a_release_is_no_edit(package):
    (package / "a.py").write_text("import mindvideo\n")
    before = digest("a")
    (package / "__init__.py").write_text('__version__ = "2"\n')
    assert digest("a") == before


def test_files_beside_a_subpackage_belong_to_its_code(package):
    pages = package / "pages"
    pages.mkdir()
    (pages / "__init__.py").write_text("")
    (package / "a.py").write_text("from mindvideo.pages import render\n")
    before = digest("a"), digest("c")
    (pages / ".hidden").write_text("left by an editor")
    assert digest("a") == before[0]
    for text in ("h1 {}", "h2 {}"):
        (pages / "page.css").write_text(text)
        assert digest("a") != before[0]
        assert digest("c") == before[1]
        before = digest("a"), before[1]
