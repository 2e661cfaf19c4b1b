"""Validation segments: their latents and embeddings; included if the data set has any."""


use rule demo_train_runs as demo_validation_runs with:
    output:
        runs=expand(DEMO_RUN, repetition=range(1, DATASET.n_repetitions("validation") + 1)),
    wildcard_constraints:
        subject=one_of(DATASET.subjects.values()),
        segment=one_of(DATASET.validation),


use rule latents as validation_latents with:
    input:
        clips=each("clips", "validation", ".npy"),
        scenes=each("scenes", "validation", ".tsv"),
    output:
        latents=f"{RESULTS}/{{shared}}/latents/validation/latents.npy",
        text=f"{RESULTS}/{{shared}}/latents/validation/text.npy",
        empty_text=f"{RESULTS}/{{shared}}/latents/validation/empty_text.npy",
        table=f"{RESULTS}/{{shared}}/latents/validation/table.tsv",
    params:
        **params_of("latents", state="validation_latents"),


use rule embeddings as validation_embeddings with:
    input:
        clips=each("clips", "validation", ".npy"),
        latents_table=at("latents", "validation", "table.tsv"),
    output:
        images=f"{RESULTS}/{{shared}}/embeddings/validation/images.npy",
        texts=f"{RESULTS}/{{shared}}/embeddings/validation/texts.npy",
        paraphrases=f"{RESULTS}/{{shared}}/embeddings/validation/paraphrases.tsv",
    params:
        **params_of("embeddings", state="validation_embeddings"),


use rule clip_motion as validation_clip_motion with:
    input:
        clips=each("clips", "validation", ".npy"),
    output:
        motion=f"{RESULTS}/{{shared}}/clip_motion/validation.tsv",
    params:
        **params_of("clip_motion", state="validation_clip_motion"),
