"""Raw runs → clean runs → reproducible voxels → windows, for volumes and for CIFTI."""


use rule stage as regions with:
    """Label the grid of a subject's runs with the areas and networks of the cortex."""
    input:
        run=first_run,
        masks=brain_masks,
    output:
        regions=f"{RESULTS}/{{model}}/regions/regions{LABELS}",
        networks=f"{RESULTS}/{{model}}/regions/networks{LABELS}",
    params:
        **params_of("regions"),


use rule stage as clean with:
    """Trim, detrend and z-score all repetitions of a segment; map the temporal SNR."""
    input:
        runs=runs,
        regions=at("regions", f"regions{LABELS}"),
        confounds=confounds,
    output:
        cleaned=f"{RESULTS}/{{model}}/clean/{{segment}}.npy",
        tsnr=f"{RESULTS}/{{model}}/clean/{{segment}}_tsnr{MAP}",
        table=f"{RESULTS}/{{model}}/clean/{{segment}}_runs.tsv",
    params:
        **params_of("clean"),


use rule stage as select with:
    """Map each voxel's reproducibility over the training segments; keep the most reproducible."""
    input:
        cleaned=each("clean", "train", ".npy"),
        tables=each("clean", "train", "_runs.tsv"),
        regions=at("regions", f"regions{LABELS}"),
        networks=at("regions", f"networks{LABELS}"),
    output:
        r=f"{RESULTS}/{{model}}/selection/r{MAP}",
        z=f"{RESULTS}/{{model}}/selection/z{MAP}",
        t=f"{RESULTS}/{{model}}/selection/t{MAP}",
        p=f"{RESULTS}/{{model}}/selection/p{MAP}",
        mask=f"{RESULTS}/{{model}}/selection/mask{MAP}",
        voxels=f"{RESULTS}/{{model}}/selection/voxels.tsv",
    params:
        **params_of("select"),


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


use rule stage as null_window with:
    """Average windows into the null window, the negative condition."""
    input:
        windows=to_average,
    output:
        null_window=f"{RESULTS}/{{model}}/windows/null.npy",
    params:
        **params_of("null_window"),
