"""The versions, in the lock file, of the packages that a stage uses; a new version reruns it.

Only packages that a stage can import count: those that its source names, and their requirements. A
new version of a package that only developers use, another order or another hash reruns nothing.
"""

from __future__ import annotations

import platform
import re
import sys
from collections.abc import Iterable
from functools import cache
from importlib.metadata import Distribution, PackageNotFoundError, distribution, version
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

import mindvideo
from mindvideo import source
from mindvideo.contents import text_digest
from mindvideo.errors import InputError

LIBRARIES = ("numpy", "scipy", "nibabel", "nilearn", "torch", "diffusers", "transformers")
"""Packages whose versions are reported to the user."""

LOCK = Path("envs/requirements.lock")

DISTRIBUTIONS = {
    "PIL": "pillow",
    "cv2": "opencv-python",
    "moten": "pymoten",
    "open_clip": "open-clip-torch",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "yaml": "pyyaml",
}
"""Packages whose modules have another name. Reading the table of all packages takes 0.5 s."""

PLATFORM = ("platform_system", "sys_platform", "platform_machine", "os_name")


def find_lock() -> Path:
    """The lock file, in the working folder or in the project that contains the package.

    Raises
    ------
    InputError
    """
    for path in (LOCK, source.ROOT.parent / LOCK):
        if path.is_file():
            return path
    raise InputError(f"{LOCK.absolute()}: no such file. Run this command in the project's folder.")


@cache
def read_lock(text: str) -> dict[str, str]:
    """Version of each package in the lock for this Python and platform."""
    versions: dict[str, str] = {}
    for line in re.findall(r"^\s*(\w[^#\\\n]*)", text, re.MULTILINE):
        try:
            entry = Requirement(re.split(r"\s--", line)[0].strip())
        except InvalidRequirement as error:
            raise InputError(f"{LOCK}: {line.strip()!r} is not NAME==VERSION ({error})") from None
        if entry.marker is None or entry.marker.evaluate():
            versions[canonicalize_name(entry.name)] = str(entry.specifier).removeprefix("==")
    return versions


def imported(module: str) -> set[str]:
    """Packages whose modules `module` may import, by a statement or by a name in a string."""
    modules = map(source.read_module, source.import_closure(module))
    packages: set[str] = set()
    for read in modules:
        names = {name.partition(".")[0] for name in read.imports}
        names -= {"mindvideo", "__future__", *sys.stdlib_module_names}
        packages |= set(map(_package, names))
        packages |= set(map(_package, read.mentions)) & _runtime()
    return packages


def _package(module: str) -> str:
    return canonicalize_name(DISTRIBUTIONS.get(module, module))


@cache
def _installed(package: str) -> Distribution | None:
    try:
        return distribution(package)
    except (PackageNotFoundError, ValueError):
        return None


@cache
def _requires(package: str) -> frozenset[str]:
    """The direct requirements of a package, without extras.

    Requirements of some platforms only are left out, too: the version of the package implies them,
    and nodes with and without CUDA's libraries must give the same digest.
    """
    installed = _installed(package)
    lines = (installed.requires if installed else None) or []
    # Most are of extras, and are not parsed: that would take most of the time of this module.
    entries = [Requirement(line) for line in lines if "extra" not in line.partition(";")[2]]
    return frozenset(
        canonicalize_name(entry.name)
        for entry in entries
        if entry.marker is None or _holds_everywhere(entry)
    )


def _holds_everywhere(entry: Requirement) -> bool:
    assert entry.marker is not None
    return entry.marker.evaluate() and not any(word in str(entry.marker) for word in PLATFORM)


@cache
def _runtime() -> frozenset[str]:
    """The direct requirements of this package, without Snakemake, which no stage uses."""
    return frozenset(p for p in _requires("mindvideo") if not p.startswith("snakemake"))


def _with_requirements(packages: Iterable[str]) -> set[str]:
    closure: set[str] = set()
    waiting = list(packages)
    while waiting:
        package = waiting.pop()
        if package not in closure:
            closure.add(package)
            waiting += _requires(package)
    return closure


@cache
def packages_of(module: str) -> frozenset[str]:
    """All packages that `module` can import, and their requirements.

    If one of them is not installed, all requirements of this package are returned instead.
    """
    direct = imported(module)
    if not all(map(_installed, direct)):
        direct = direct | _runtime()
    return frozenset(_with_requirements(direct))


def locked(module: str, lock: str) -> dict[str, str]:
    """Version in the lock of each package that `module` can import, sorted by name."""
    all_versions, packages = read_lock(lock), packages_of(module)
    return {name: all_versions[name] for name in sorted(all_versions) if name in packages}


def lock_digest(module: str, lock: str) -> str:
    """Digest of the locked versions of the packages that `module` can import."""
    return text_digest(*(f"{name}=={v}" for name, v in locked(module, lock).items()))


@cache
def _version(package: str) -> str:
    return version(package)


def versions() -> dict[str, str]:
    """Versions of this package, of Python and of the main libraries."""
    versions = {"mindvideo": mindvideo.__version__, "python": platform.python_version()}
    return versions | {name: _version(name) for name in LIBRARIES if _installed(name)}


def installed(module: str) -> dict[str, str]:
    """Installed version of each package that `module` can import."""
    return {name: _version(name) for name in sorted(packages_of(module)) if _installed(name)}
