#!/bin/sh
# The lock and this package, into the environment that is active; called from the repository's folder.
# Snakemake runs a copy of this file, and makes an environment anew if the file differs: so `make lock`
# writes the lock's digest here.
# sha256 of requirements.lock: 1f5c2f0d7d1906f03748522e44b4cbcc5bf7481c6c7f901bfa24ace7e52cd237
set -eu
lock=envs/requirements.lock
[ -f "$lock" ] || {
	echo "no $lock here ($PWD): call it from the folder of mindvideo's pyproject.toml" >&2
	exit 1
}
if [ "${MINDVIDEO_TORCH:-cuda}" = cpu ]; then
	# The same versions in PyTorch's own builds for the CPU, which pip then finds there already.
	builds=$(sed -nE 's/^(torch|torchvision)==([^ ]+).*/\1==\2+cpu/p' "$lock")
	# shellcheck disable=SC2086  # two words are meant
	pip install --quiet --no-deps --index-url https://download.pytorch.org/whl/cpu $builds
	small=$(mktemp)
	trap 'rm -f "$small"' EXIT
	sed -E '/^(nvidia-|cuda-|triton)/,/[^\\]$/d' "$lock" >"$small"
	lock=$small
fi
pip install --quiet --require-hashes -r "$lock"
pip install --quiet --no-deps --no-build-isolation .
