"""Films → clips → captions → scenes → latents, embeddings; shared by all subjects."""

if not PLAN.imports("clips"):

    use rule stage as clips with:
        """Cut a segment's film into clips of frames."""
        input:
            film=film,
        output:
            clips=f"{RESULTS}/{{shared}}/clips/{{segment}}.npy",
            changes=f"{RESULTS}/{{shared}}/clips/{{segment}}_changes.tsv",
        params:
            **params_of("clips"),


use rule stage as clip_motion with:
    """Measure the motion of each training clip."""
    input:
        clips=each("clips", "train", ".npy"),
    output:
        motion=f"{RESULTS}/{{shared}}/clip_motion/train.tsv",
    params:
        **params_of("clip_motion"),


if not PLAN.imports("captions"):

    use rule gpu_stage as captions with:
        """Caption each frame."""
        input:
            clips=at("clips", "{segment}.npy"),
        output:
            captions=f"{RESULTS}/{{shared}}/captions/{{segment}}.tsv",
        threads: 1
        params:
            **params_of("captions"),


use rule stage as scenes with:
    """Find the cuts; a clip with a cut has both captions, joined by "Then" (paper 3.3)."""
    input:
        captions=at("captions", "{segment}.tsv"),
        changes=at("clips", "{segment}_changes.tsv"),
        clips=clips_that_move,
        corrections=corrections,
    output:
        scenes=f"{RESULTS}/{{shared}}/scenes/{{segment}}.tsv",
    params:
        **params_of("scenes"),


use rule gpu_stage as latents with:
    """Encode the training clips' frames and captions for Stable Diffusion."""
    input:
        clips=each("clips", "train", ".npy"),
        scenes=each("scenes", "train", ".tsv"),
    output:
        latents=f"{RESULTS}/{{shared}}/latents/latents.npy",
        text=f"{RESULTS}/{{shared}}/latents/text.npy",
        empty_text=f"{RESULTS}/{{shared}}/latents/empty_text.npy",
        table=f"{RESULTS}/{{shared}}/latents/table.tsv",
    threads: 2
    params:
        **params_of("latents"),


use rule gpu_stage as embeddings with:
    """Embed the training clips' frames, and paraphrases of their captions, by CLIP."""
    input:
        clips=each("clips", "train", ".npy"),
        latents_table=at("latents", "table.tsv"),
    output:
        images=f"{RESULTS}/{{shared}}/embeddings/images.npy",
        texts=f"{RESULTS}/{{shared}}/embeddings/texts.npy",
        paraphrases=f"{RESULTS}/{{shared}}/embeddings/paraphrases.tsv",
    threads: 2
    params:
        **params_of("embeddings"),
