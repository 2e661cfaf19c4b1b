"""Clean runs of selected voxels → windows; included unless windows are given as arrays."""


use rule stage as windows with:
    """Cut the averaged repetitions of all training segments into windows of selected voxels."""
    input:
        cleaned=each("clean", "train", ".npy"),
        voxels=at("selection", "voxels.tsv"),
    output:
        windows=f"{RESULTS}/{{model}}/windows/train.npy",
        table=f"{RESULTS}/{{model}}/windows/train.tsv",
    params:
        **params_of("windows"),


if any(mixes_repetitions(stages) for stages in PLAN.stages.values()):

    use rule windows as repetition_windows with:
        """The same windows of each repetition, for training on random averages of them."""
        output:
            windows=f"{RESULTS}/{{model}}/windows/train_repetitions.npy",
            table=f"{RESULTS}/{{model}}/windows/train_repetitions.tsv",
        params:
            **params_of("windows", repetitions="separate"),


if EVALUATE == "test":

    use rule windows as test_windows with:
        input:
            cleaned=each("clean", "test", ".npy"),
            voxels=at("selection", "voxels.tsv"),
        output:
            windows=f"{RESULTS}/{{model}}/windows/test.npy",
            table=f"{RESULTS}/{{model}}/windows/test.tsv",


use rule stage as segment_windows with:
    """Cut the windows of one evaluated segment, so that it can be reconstructed independently."""
    input:
        cleaned=to_cut,
        voxels=at("selection", "voxels.tsv"),
    output:
        windows=f"{RESULTS}/{{model}}/windows/{EVALUATE}/{{segment}}.npy",
        table=f"{RESULTS}/{{model}}/windows/{EVALUATE}/{{segment}}.tsv",
    wildcard_constraints:
        segment=one_of(PLAN.config.evaluated),
    params:
        **params_of("windows"),


if DATASET.validation:

    use rule windows as validation_windows with:
        input:
            cleaned=each("clean", "validation", ".npy"),
            voxels=at("selection", "voxels.tsv"),
        output:
            windows=f"{RESULTS}/{{model}}/windows/validation.npy",
            table=f"{RESULTS}/{{model}}/windows/validation.tsv",
