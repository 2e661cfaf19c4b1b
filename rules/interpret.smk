"""What the encoder learned: attention after each stage, attribution, occlusion, noise ceiling."""


rule demo_truth:
    """Write down what each area of the simulated brains responds to."""
    output:
        truth=f"{DEMO}/truth.tsv",
    log:
        "logs/demo_truth.log",
    benchmark:
        f"{BENCHMARKS}/demo_truth.tsv"
    conda:
        "../envs/mindvideo.yaml"
    params:
        settings=settings("demo_truth"),
        code=code("demo_truth"),
    shell:
        shell_command("demo_truth")


rule interpret:
    """Map what the encoder attends to and rests on, and sum it over networks and areas."""
    input:
        windows=at("windows", "test.npy"),
        table=at("windows", "test.tsv"),
        null_window=at("windows", "null.npy"),
        voxels=at("selection", "voxels.tsv"),
        mask=at("selection", f"mask{MAP}"),
        r=at("selection", f"r{MAP}"),
        runs=each("clean", "test", "_runs.tsv"),
        mbm=at("mbm_tuning", "model"),
        contrastive=at("contrastive", "model"),
        cotraining=at("cotraining", "model"),
        clips=each("clips", "test", ".npy"),
        truth=known_truth,
    output:
        networks=f"{RESULTS}/{{model}}/interpretation/networks.tsv",
        temporal=f"{RESULTS}/{{model}}/interpretation/temporal.tsv",
        occlusion=f"{RESULTS}/{{model}}/interpretation/occlusion.tsv",
        agreements=f"{RESULTS}/{{model}}/interpretation/agreements.tsv",
        maps=directory(f"{RESULTS}/{{model}}/interpretation/maps"),
    log:
        "logs/interpret/{model}.log",
    benchmark:
        f"{BENCHMARKS}/interpret/{{model}}.tsv"
    conda:
        "../envs/mindvideo.yaml"
    threads: TRAINING_THREADS
    resources:
        gpu=1,
    params:
        settings=settings("interpret"),
        execution=execution("interpret"),
        code=code("interpret"),
    shell:
        shell_command("interpret")


rule interpretation_figure:
    """One panel of maps and bars, as the paper's Fig. 7."""
    input:
        networks=at("interpretation", "networks.tsv"),
        temporal=at("interpretation", "temporal.tsv"),
        occlusion=at("interpretation", "occlusion.tsv"),
        agreements=at("interpretation", "agreements.tsv"),
        maps=at("interpretation", "maps"),
        mask=at("selection", f"mask{MAP}"),
    output:
        figure=report(
            f"{RESULTS}/{{model}}/figures/interpretation.png",
            caption="../workflow/report/interpretation.rst",
            category="What the encoder learned",
            labels={"model": "{model}"},
        ),
    log:
        "logs/interpretation_figure/{model}.log",
    benchmark:
        f"{BENCHMARKS}/interpretation_figure/{{model}}.tsv"
    conda:
        "../envs/mindvideo.yaml"
    params:
        settings=settings("interpretation_figure"),
        code=code("interpretation_figure"),
    shell:
        shell_command("interpretation_figure")
