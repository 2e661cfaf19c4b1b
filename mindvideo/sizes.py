"""Checks of sizes that must be compatible, for settings, models, training and `check-dataset`."""

from __future__ import annotations

from mindvideo.errors import InputError


def check_heads(width: int, num_heads: int, names: tuple[str, str] = ("width", "heads")) -> None:
    """Raise an error if attention heads cannot divide a width, or it is odd.

    Parameters
    ----------
    width, num_heads : int
    names : (str, str)
        Names of the two settings, for messages.

    Raises
    ------
    InputError
    """
    width_name, heads_name = names
    if width % num_heads:
        near = [n for n in range(1, width + 1) if width % n == 0]
        fits = sorted(sorted(near, key=lambda n: abs(n - num_heads))[:3])
        raise InputError(
            f"{width_name} {width} is not divisible by {heads_name} {num_heads}: set {heads_name} "
            f"to a divisor, such as {', '.join(map(str, fits))}"
        )
    if width % 2:
        raise InputError(f"{width_name} {width}: sine-cosine positions need an even width")


def check_mask(mask_ratio: float, n_voxels: int, patch_size: int) -> None:
    """Raise an error if none or all of the patches would be masked.

    Raises
    ------
    InputError
    """
    patches = n_voxels // patch_size
    if not 0 < int(patches * (1 - mask_ratio)) < patches:
        raise InputError(
            f"mask_ratio: {mask_ratio} of {patches} patches ({n_voxels} voxels): at least one "
            "patch must be masked and one visible; change mask_ratio, or use more voxels"
        )


def check_batch_size(batch_size: int, n_examples: int) -> None:
    """Raise an error if a batch is larger than the training set.

    Raises
    ------
    InputError
    """
    if n_examples < batch_size:
        raise InputError(
            f"batch_size: {batch_size}, but there are only {n_examples} examples. Lower it to at "
            f"most {n_examples}, or use more data."
        )


def check_accumulation(
    batch_size: int, parts: int, processes: int = 1, *, decomposes: bool = True
) -> None:
    """Raise an error if a batch has too few examples for all, or its loss no mean over parts.

    Parameters
    ----------
    batch_size : int
    parts : int
        Backward passes in a step.
    processes : int
    decomposes : bool
        Whether a batch's loss is the mean of its parts'.

    Raises
    ------
    InputError
    """
    if batch_size < parts * processes:
        several = processes > 1
        raise InputError(
            f"batch_size: {batch_size}, but accumulate: {parts}"
            + (f" on {processes} processes" if several else "")
            + f" needs an example for each of {parts * processes} parts. "
            + ("Use fewer processes, or lower accumulate." if several else "Lower accumulate.")
        )
    if parts > 1 and not decomposes:
        raise InputError(
            f"accumulate: {parts}, but this loss compares all examples of a batch with each other, "
            "so computing it on parts of the batch would change it. Set accumulate: 1; several "
            "processes can share a batch."
        )


def check_warmup(warmup: int, duration: int, unit: str) -> None:
    """Raise an error if the warm-up takes up the whole training run; one of zero length has none.

    Raises
    ------
    InputError
    """
    if 0 < duration <= warmup:
        raise InputError(
            f"warmup: {warmup} of {duration} {unit}: the learning rate would never reach `lr`. "
            "Shorten the warm-up or train longer."
        )


def check_frame_size(height: int, width: int, n_levels: int) -> None:
    """Raise an error if a VAE with `n_levels` levels cannot encode and decode frames of this size.

    Raises
    ------
    InputError
    """
    factor = 2 ** (n_levels - 1)
    if height % factor or width % factor:
        raise InputError(
            f"frames of {height} × {width} px; the VAE needs multiples of {factor}: set clips.size "
            "to one"
        )


def check_clip_width(clip: str, width: int, of_tokens: int, tokens: str) -> None:
    """Raise an error if CLIP's embeddings and the text tokens differ in width.

    Raises
    ------
    InputError
    """
    if width != of_tokens:
        raise InputError(
            f"clip: {clip} has embeddings of {width} dimensions, but {tokens} have {of_tokens}: "
            "use the CLIP whose text encoder conditions Stable Diffusion (ViT-L/14 for 1.x, "
            "OpenCLIP's ViT-H/14 for 2.x)"
        )


def check_token_width(text: str, width: int, of_unet: int, stable_diffusion: str) -> None:
    """Raise an error if text tokens do not have the width that the UNet is conditioned on.

    Raises
    ------
    InputError
    """
    if width != of_unet:
        raise InputError(
            f"{text}: tokens have width {width}, but the UNet of {stable_diffusion} is conditioned "
            f"on width {of_unet}: compute them again with the same stable_diffusion"
        )


def check_prediction(kind: str) -> None:
    """Raise an error if the model of a noise schedule predicts neither noise nor velocity.

    Raises
    ------
    InputError
    """
    if kind not in ("epsilon", "v_prediction"):
        raise InputError(
            f"stable_diffusion: its scheduler has prediction_type {kind}; only epsilon and "
            "v_prediction are supported"
        )


def check_steps(steps: int, n_times: int) -> None:
    """Raise an error if there are more denoising steps than timesteps in the noise schedule.

    Raises
    ------
    InputError
    """
    if steps > n_times:
        raise InputError(
            f"steps: {steps}, but the noise schedule of stable_diffusion has only {n_times} "
            f"timesteps: set steps to at most {n_times}"
        )


def check_recorded(size: int, lag: int, n_volumes: int, n_clips: int) -> None:
    """Raise an error if no clip has a window of its own, or windows are longer than the segment.

    Parameters
    ----------
    size, lag : int
        Volumes of a window, and between a clip and its window.
    n_volumes : int
        Volumes of a run from the onset of the film on.
    n_clips : int
        Clips whose windows were recorded.

    Raises
    ------
    InputError
    """
    if n_clips < 1 or size > n_volumes - lag:
        raise InputError(
            f"windows of {size} volumes, {lag} volumes after their clips, do not fit in the "
            f"{n_volumes} volumes that were recorded from the onset of the film on: lower "
            "windows.size, or the lag (dataset.lag, or windows.lag if it is set)"
        )


def check_length(
    n_volumes: int, timing: tuple[int | None, int | None], during: int | None, needed: int
) -> None:
    """Raise an error if a run does not have the volumes that its description says.

    Parameters
    ----------
    n_volumes : int
        Volumes of the run.
    timing : (int or None, int or None)
        Volumes before and after the film; None if not known.
    during : int or None
        Volumes during the film.
    needed : int
        Volumes that the windows need, from the start of the run on.

    Raises
    ------
    InputError
    """
    before, after = timing
    if before is None or after is None or during is None:
        if n_volumes < needed:
            raise InputError(
                f"{n_volumes} volumes, but the windows of its clips need {needed}: is the file "
                "complete, and does dataset.clips_per_segment count the clips of this segment?"
            )
        return
    expected = before + during + after
    if n_volumes == expected:
        return
    why = "do dataset.clips_per_segment and dataset.timing fit this segment?"
    if n_volumes < expected:
        why = "is the file complete?"
    raise InputError(
        f"{n_volumes} volumes, but {expected} expected ({before} before the film, {during} during "
        f"it, {after} after it): {why}"
    )


def check_windows(n_windows: int, where: str, needed: str = "compare") -> None:
    """Raise an error if there are fewer than two windows.

    Raises
    ------
    InputError
    """
    if n_windows < 2:
        raise InputError(f"{where}: {n_windows} windows, but at least 2 are needed to {needed}")
