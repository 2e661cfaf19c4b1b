"""Validation segments: their windows, latents and embeddings; included if the data set has any."""


use rule windows as validation_windows with:
    input:
        cleaned=each("clean", "validation", ".npy"),
        voxels=at("selection", "voxels.tsv"),
    output:
        windows=f"{RESULTS}/{{model}}/windows/validation.npy",
        table=f"{RESULTS}/{{model}}/windows/validation.tsv",


use rule demo_train_runs as demo_validation_runs with:
    output:
        runs=expand(DEMO_RUN, repetition=range(1, DATASET.n_repetitions("validation") + 1)),
    wildcard_constraints:
        subject=one_of(DATASET.subjects.values()),
        segment=one_of(DATASET.validation),
