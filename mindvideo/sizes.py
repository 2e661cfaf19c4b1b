"""Numbers that must fit each other: what settings, models, trainings and checks refuse alike."""

from __future__ import annotations

from mindvideo.errors import InputError


def check_heads(width: int, num_heads: int, names: tuple[str, str] = ("width", "heads")) -> None:
    """Refuse a width that attention heads cannot share, or that has no positions.

    Parameters
    ----------
    width, num_heads : int
    names : (str, str)
        What the two are called, for messages.

    Raises
    ------
    InputError
    """
    width_name, heads_name = names
    if width % num_heads:
        near = [n for n in range(1, width + 1) if width % n == 0]
        fits = sorted(sorted(near, key=lambda n: abs(n - num_heads))[:3])
        raise InputError(
            f"{width_name} {width} cannot be shared among {heads_name} {num_heads}: take a number "
            f"that divides it, as {', '.join(map(str, fits))}"
        )
    if width % 2:
        raise InputError(f"{width_name} {width}: positions of sines and cosines need an even width")


def check_mask(mask_ratio: float, n_voxels: int, patch_size: int) -> None:
    """Refuse to hide none or all of the patches.

    Raises
    ------
    InputError
    """
    patches = n_voxels // patch_size
    if not 0 < int(patches * (1 - mask_ratio)) < patches:
        raise InputError(
            f"mask_ratio: {mask_ratio} of {patches} patches ({n_voxels} voxels): at least "
            "one patch must be hidden and one be left; change mask_ratio, or use more voxels"
        )


def check_batch_size(batch_size: int, n_examples: int) -> None:
    """Refuse a batch of more examples than there are.

    Raises
    ------
    InputError
    """
    if n_examples < batch_size:
        raise InputError(
            f"batch_size: {batch_size}, but there are only {n_examples} examples. Make the "
            f"batch smaller (at most {n_examples}), or give more data."
        )


def check_accumulation(
    batch_size: int, parts: int, processes: int = 1, *, decomposes: bool = True
) -> None:
    """Refuse parts of a batch that are not whole, or whose losses do not add up to the batch's.

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
    if batch_size % (parts * processes):
        raise InputError(
            f"batch_size: {batch_size} does not divide into accumulate: {parts} times "
            f"{processes} processes. Take a multiple of {parts * processes}."
        )
    if parts > 1 and not decomposes:
        raise InputError(
            f"accumulate: {parts}, but this loss compares all examples of a batch with each "
            "other: over parts of the batch it would be another loss. Set accumulate: 1; several "
            "processes do share a batch."
        )


def check_warmup(warmup: int, duration: int, unit: str) -> None:
    """Refuse a warm-up that takes up the whole training.

    Raises
    ------
    InputError
    """
    if warmup and warmup >= duration:
        raise InputError(
            f"warmup: {warmup} {unit} of {duration} in all: the learning rate would never reach "
            "`lr`. Shorten the warm-up or train longer."
        )


def check_frame_size(height: int, width: int, n_levels: int) -> None:
    """Refuse frames that a VAE of so many levels could not decode again.

    Raises
    ------
    InputError
    """
    factor = 2 ** (n_levels - 1)
    if height % factor or width % factor:
        raise InputError(
            f"frames of {height} × {width} px; multiples of {factor}, by which the VAE scales, "
            "were needed: set clips.size to one"
        )


def check_clip_width(clip: str, width: int, of_tokens: int, tokens: str) -> None:
    """Refuse a CLIP that embeds in another space than that of the tokens fMRI is to become.

    Raises
    ------
    InputError
    """
    if width != of_tokens:
        raise InputError(
            f"clip: {clip} embeds in {width} dimensions, but {tokens} have {of_tokens}: take the "
            "CLIP whose text encoder conditions the Stable Diffusion (ViT-L/14 for 1.x)"
        )


def check_token_width(text: str, width: int, of_unet: int, stable_diffusion: str) -> None:
    """Refuse text tokens that a UNet is not conditioned on.

    Raises
    ------
    InputError
    """
    if width != of_unet:
        raise InputError(
            f"{text}: tokens of width {width}, but the UNet of {stable_diffusion} is conditioned "
            f"on {of_unet}: make them again with the same stable_diffusion"
        )


def check_prediction(kind: str) -> None:
    """Refuse a noise schedule whose model predicts something else than noise or velocity.

    Raises
    ------
    InputError
    """
    if kind not in ("epsilon", "v_prediction"):
        raise InputError(
            f"stable_diffusion: its scheduler has prediction_type {kind}; epsilon or v_prediction "
            "are needed"
        )


def check_steps(steps: int, n_times: int) -> None:
    """Refuse more denoising steps than a noise schedule has times.

    Raises
    ------
    InputError
    """
    if steps > n_times:
        raise InputError(
            f"steps: {steps}, but the noise schedule of stable_diffusion has {n_times} times: take "
            "at most as many"
        )


def check_windows(n_windows: int, where: str, needed: str = "compare") -> None:
    """Refuse fewer windows than can be compared.

    Raises
    ------
    InputError
    """
    if n_windows < 2:
        raise InputError(f"{where}: {n_windows} windows, at least 2 were needed to {needed}")
