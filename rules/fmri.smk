"""Raw runs → clean runs → reproducible voxels → windows, of volumes and of CIFTI alike."""


rule regions:
    """Label the grid of a subject's runs with the areas and networks of the cortex."""
    input:
        run=first_run,
        masks=brain_masks,
    output:
        regions=f"{RESULTS}/{{model}}/regions/regions{LABELS}",
        networks=f"{RESULTS}/{{model}}/regions/networks{LABELS}",
    log:
        f"{LOGS}/regions/{{model}}.log",
    benchmark:
        f"{BENCHMARKS}/regions/{{model}}.tsv"
    conda:
        "../envs/mindvideo.yaml"
    params:
        settings=settings("regions"),
        code=code("regions"),
    shell:
        shell_command("regions")


rule clean:
    """Trim, detrend and z-score all repeats of a segment; map the temporal SNR."""
    input:
        runs=runs,
        regions=at("regions", f"regions{LABELS}"),
        confounds=confounds,
    output:
        cleaned=f"{RESULTS}/{{model}}/clean/{{segment}}.npy",
        tsnr=f"{RESULTS}/{{model}}/clean/{{segment}}_tsnr{MAP}",
        table=f"{RESULTS}/{{model}}/clean/{{segment}}_runs.tsv",
    log:
        f"{LOGS}/clean/{{model}}/{{segment}}.log",
    benchmark:
        f"{BENCHMARKS}/clean/{{model}}/{{segment}}.tsv"
    conda:
        "../envs/mindvideo.yaml"
    params:
        settings=settings("clean"),
        code=code("clean"),
    shell:
        shell_command("clean")


rule select:
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
    log:
        f"{LOGS}/select/{{model}}.log",
    benchmark:
        f"{BENCHMARKS}/select/{{model}}.tsv"
    conda:
        "../envs/mindvideo.yaml"
    params:
        settings=settings("select"),
        code=code("select"),
    shell:
        shell_command("select")


rule windows:
    """Cut the selected voxels' averaged repeats into windows: of all training segments."""
    input:
        cleaned=each("clean", "train", ".npy"),
        voxels=at("selection", "voxels.tsv"),
    output:
        windows=f"{RESULTS}/{{model}}/windows/train.npy",
        table=f"{RESULTS}/{{model}}/windows/train.tsv",
    log:
        f"{LOGS}/windows/{{model}}.log",
    benchmark:
        f"{BENCHMARKS}/windows/{{model}}.tsv"
    conda:
        "../envs/mindvideo.yaml"
    params:
        settings=settings("windows"),
        code=code("windows"),
    shell:
        shell_command("windows", without=("segment",))


use rule windows as test_windows with:
    input:
        cleaned=each("clean", "test", ".npy"),
        voxels=at("selection", "voxels.tsv"),
    output:
        windows=f"{RESULTS}/{{model}}/windows/test.npy",
        table=f"{RESULTS}/{{model}}/windows/test.tsv",
    log:
        f"{LOGS}/test_windows/{{model}}.log",
    benchmark:
        f"{BENCHMARKS}/test_windows/{{model}}.tsv"


rule segment_windows:
    """Cut the windows of one test segment, so that it is reconstructed without the others."""
    input:
        cleaned=to_cut,
        voxels=at("selection", "voxels.tsv"),
    output:
        windows=f"{RESULTS}/{{model}}/windows/test/{{segment}}.npy",
        table=f"{RESULTS}/{{model}}/windows/test/{{segment}}.tsv",
    log:
        f"{LOGS}/segment_windows/{{model}}/{{segment}}.log",
    benchmark:
        f"{BENCHMARKS}/segment_windows/{{model}}/{{segment}}.tsv"
    wildcard_constraints:
        segment=one_of(DATASET.test),
    conda:
        "../envs/mindvideo.yaml"
    params:
        settings=settings("windows"),
        code=code("windows"),
    shell:
        shell_command("windows")


rule null_window:
    """Average windows into the null window, the negative condition."""
    input:
        windows=to_average,
    output:
        null_window=f"{RESULTS}/{{model}}/windows/null.npy",
    log:
        f"{LOGS}/null_window/{{model}}.log",
    benchmark:
        f"{BENCHMARKS}/null_window/{{model}}.tsv"
    conda:
        "../envs/mindvideo.yaml"
    params:
        settings=settings("null_window"),
        code=code("null_window"),
    shell:
        shell_command("null_window")
