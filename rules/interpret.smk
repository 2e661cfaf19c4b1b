"""What the encoder learned: attention after each stage, attribution, occlusion, noise ceiling."""


rule demo_truth:
    """Write down what each area of the simulated brains responds to."""
    output:
        truth=f"{DEMO}/truth.tsv",
    log:
        f"{LOGS}/demo_truth.log",
    benchmark:
        f"{BENCHMARKS}/demo_truth.tsv"
    conda:
        "../envs/mindvideo.yaml"
    params:
        settings=settings("demo_truth"),
        code=code("demo_truth"),
    shell:
        shell_command("demo_truth")


OF_ENCODER = f"{RESULTS}/{{model}}/interpretation/{{stage}}"


rule attention:
    """Map what the encoder after one training stage attends to."""
    input:
        windows=at("windows", "test.npy"),
        voxels=at("selection", "voxels.tsv"),
        encoder=encoder_after,
        mbm=autoencoder,
    output:
        table=f"{OF_ENCODER}/attention.tsv",
        maps=f"{OF_ENCODER}/attention.npy",
        sums=f"{OF_ENCODER}/attention_groups.npy",
        temporal=f"{OF_ENCODER}/temporal.tsv",
    log:
        f"{LOGS}/attention/{{model}}/{{stage}}.log",
    benchmark:
        f"{BENCHMARKS}/attention/{{model}}/{{stage}}.tsv"
    wildcard_constraints:
        stage="|".join(ENCODERS),
    conda:
        "../envs/mindvideo.yaml"
    threads: TRAINING_THREADS
    resources:
        gpu=1,
    params:
        settings=settings("attention"),
        execution=execution("attention"),
        code=code("attention"),
        state=f"{RESULTS}/state/{{model}}/attention/{{stage}}",
    shell:
        shell_command("attention")


rule attribution:
    """Map what the embedding rests on, after one training stage."""
    input:
        windows=at("windows", "test.npy"),
        table=at("windows", "test.tsv"),
        null_window=at("windows", "null.npy"),
        voxels=at("selection", "voxels.tsv"),
        encoder=encoder_after,
        clips=each("clips", "test", ".npy"),
    output:
        methods=f"{OF_ENCODER}/attribution.tsv",
        maps=f"{OF_ENCODER}/attribution.npy",
        sums=f"{OF_ENCODER}/attribution_groups.npy",
    log:
        f"{LOGS}/attribution/{{model}}/{{stage}}.log",
    benchmark:
        f"{BENCHMARKS}/attribution/{{model}}/{{stage}}.tsv"
    wildcard_constraints:
        stage="|".join(WITH_HEAD),
    conda:
        "../envs/mindvideo.yaml"
    threads: TRAINING_THREADS
    resources:
        gpu=1,
    params:
        settings=settings("attribution"),
        execution=execution("attribution"),
        code=code("attribution"),
        state=f"{RESULTS}/state/{{model}}/attribution/{{stage}}",
    shell:
        shell_command("attribution")


rule occlusion:
    """Identify the clips without each group of voxels, after one training stage."""
    input:
        windows=at("windows", "test.npy"),
        table=at("windows", "test.tsv"),
        null_window=at("windows", "null.npy"),
        voxels=at("selection", "voxels.tsv"),
        encoder=encoder_after,
        clips=each("clips", "test", ".npy"),
    output:
        sets=f"{OF_ENCODER}/occlusion.tsv",
        scores=f"{OF_ENCODER}/occlusion.npy",
    log:
        f"{LOGS}/occlusion/{{model}}/{{stage}}.log",
    benchmark:
        f"{BENCHMARKS}/occlusion/{{model}}/{{stage}}.tsv"
    wildcard_constraints:
        stage="|".join(WITH_HEAD),
    conda:
        "../envs/mindvideo.yaml"
    threads: TRAINING_THREADS
    resources:
        gpu=1,
    params:
        settings=settings("occlusion"),
        execution=execution("occlusion"),
        code=code("occlusion"),
        state=f"{RESULTS}/state/{{model}}/occlusion/{{stage}}",
    shell:
        shell_command("occlusion")


rule interpret:
    """Sum what the encoders attend to and rest on over networks and areas, and write the maps."""
    input:
        table=at("windows", "test.tsv"),
        voxels=at("selection", "voxels.tsv"),
        mask=at("selection", f"mask{MAP}"),
        r=at("selection", f"r{MAP}"),
        runs=each("clean", "test", "_runs.tsv"),
        map_tables=maps_of_encoders(".tsv"),
        map_values=maps_of_encoders(".npy"),
        map_sums=maps_of_encoders("_groups.npy"),
        attention_times=looked_into("temporal.tsv", *ENCODERS),
        occlusion_sets=looked_into("occlusion.tsv", *WITH_HEAD),
        occlusion_scores=looked_into("occlusion.npy", *WITH_HEAD),
        truth=known_truth,
    output:
        networks=f"{RESULTS}/{{model}}/interpretation/networks.tsv",
        temporal=f"{RESULTS}/{{model}}/interpretation/temporal.tsv",
        occlusion=f"{RESULTS}/{{model}}/interpretation/occlusion.tsv",
        agreements=f"{RESULTS}/{{model}}/interpretation/agreements.tsv",
        maps=directory(f"{RESULTS}/{{model}}/interpretation/maps"),
    log:
        f"{LOGS}/interpret/{{model}}.log",
    benchmark:
        f"{BENCHMARKS}/interpret/{{model}}.tsv"
    conda:
        "../envs/mindvideo.yaml"
    params:
        settings=settings("interpret"),
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
        f"{LOGS}/interpretation_figure/{{model}}.log",
    benchmark:
        f"{BENCHMARKS}/interpretation_figure/{{model}}.tsv"
    conda:
        "../envs/mindvideo.yaml"
    params:
        settings=settings("interpretation_figure"),
        code=code("interpretation_figure"),
    shell:
        shell_command("interpretation_figure")
