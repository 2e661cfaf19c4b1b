"""A cache of the Hugging Face hub, laid out as its client does: blobs, snapshots and refs."""

import hashlib
import os
from pathlib import Path


def add_revision(hub: Path, repo: str, commit: str, folder: Path, *refs: str) -> Path:
    """Add the files of a folder as a commit, to which branches and tags lead; its snapshot."""
    root = hub / f"models--{repo.replace('/', '--')}"
    snapshot = root / "snapshots" / commit
    (root / "blobs").mkdir(parents=True, exist_ok=True)
    for file in filter(Path.is_file, folder.rglob("*")):
        content, link = file.read_bytes(), snapshot / file.relative_to(folder)
        blob = root / "blobs" / hashlib.sha256(content).hexdigest()
        blob.write_bytes(content)
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(os.path.relpath(blob, link.parent))
    for ref in refs:
        (root / "refs" / ref).parent.mkdir(parents=True, exist_ok=True)
        (root / "refs" / ref).write_text(commit)
    return snapshot
