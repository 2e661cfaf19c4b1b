"""Test windows → clips, or whole films, by denoising under adversarial guidance."""


use rule stage as motion with:
    """Fit a decoder from training windows to the motion of their clips."""
    input:
        windows=at("windows", "train.npy"),
        table=at("windows", "train.tsv"),
        clip_motion=at("clip_motion", "train.tsv"),
    output:
        decoder=f"{RESULTS}/{{model}}/motion/decoder.npy",
        decoding=f"{RESULTS}/{{model}}/motion/decoding.tsv",
    params:
        **params_of("motion"),


use rule gpu_stage as reconstruct with:
    """Reconstruct the clip of every window of an evaluated segment."""
    input:
        windows=at("windows", EVALUATE, "{segment}.npy"),
        table=at("windows", EVALUATE, "{segment}.tsv"),
        null_window=at("windows", "null.npy"),
        model=at("cotraining", "model"),
        motion=motion,
        train_windows=windows_to_average,
        empty_text=empty_caption,
    output:
        reconstructions=f"{RESULTS}/{{model}}/reconstruction/{{segment}}.npy",
    wildcard_constraints:
        segment=one_of(PLAN.config.evaluated),
        model=PLAN.owners(shared=False, only=generates),
    params:
        **params_of("reconstruct"),


use rule stage as nearest with:
    """Copy the training clip that is nearest to the decoded CLIP embedding of each window."""
    input:
        windows=at("windows", EVALUATE, "{segment}.npy"),
        table=at("windows", EVALUATE, "{segment}.tsv"),
        encoder=at("ridge", "model"),
        clips=each("clips", "train", ".npy"),
        latents_table=at("latents", "table.tsv"),
        images=at("embeddings", "images.npy"),
    output:
        reconstructions=f"{RESULTS}/{{model}}/reconstruction/{{segment}}.npy",
    wildcard_constraints:
        segment=one_of(PLAN.config.evaluated),
        model=PLAN.owners(shared=False, only=copies),
    params:
        **params_of("nearest"),


use rule stage as reconstructions with:
    """Join the clips of all evaluated segments in one array, in the order of their windows."""
    input:
        segments=each("reconstruction", EVALUATE, ".npy"),
        table=at("windows", f"{EVALUATE}.tsv"),
    output:
        reconstructions=f"{RESULTS}/{{model}}/reconstruction/reconstructions.npy",
    params:
        **params_of("reconstructions"),


use rule gpu_stage as films with:
    """Reconstruct a whole segment as one film, next to the stimulus; measure its flicker."""
    input:
        windows=at("windows", EVALUATE, "{segment}.npy"),
        table=at("windows", EVALUATE, "{segment}.tsv"),
        null_window=at("windows", "null.npy"),
        model=generator_of_films,
        film=film,
        reconstructions=at("reconstruction", "{segment}.npy"),
        train_windows=windows_to_average,
        empty_text=empty_caption,
    output:
        video=f"{RESULTS}/{{model}}/films/{{segment}}.mp4",
        flickers=f"{RESULTS}/{{model}}/films/{{segment}}.tsv",
    wildcard_constraints:
        segment=one_of(PLAN.config.evaluated),
    params:
        **params_of("films"),
