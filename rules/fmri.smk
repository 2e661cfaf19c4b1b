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
        "logs/regions/{model}.log",
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
        "logs/clean/{model}/{segment}.log",
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
        "logs/select/{model}.log",
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
    """Cut the selected voxels' averaged repeats into windows; average the null window."""
    input:
        train=each("clean", "train", ".npy"),
        test=each("clean", "test", ".npy"),
        voxels=at("selection", "voxels.tsv"),
    output:
        train_windows=f"{RESULTS}/{{model}}/windows/train.npy",
        train_table=f"{RESULTS}/{{model}}/windows/train.tsv",
        test_windows=f"{RESULTS}/{{model}}/windows/test.npy",
        test_table=f"{RESULTS}/{{model}}/windows/test.tsv",
        null_window=f"{RESULTS}/{{model}}/windows/null.npy",
    log:
        "logs/windows/{model}.log",
    benchmark:
        f"{BENCHMARKS}/windows/{{model}}.tsv"
    conda:
        "../envs/mindvideo.yaml"
    params:
        settings=settings("windows"),
        code=code("windows"),
    shell:
        shell_command("windows")
