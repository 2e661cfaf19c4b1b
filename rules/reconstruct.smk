"""Test windows → clips, or whole films, by denoising under adversarial guidance."""


rule motion:
    """Fit a decoder from training windows to how their clips move."""
    input:
        windows=at("windows", "train.npy"),
        table=at("windows", "train.tsv"),
        clips=each("clips", "train", ".npy"),
    output:
        decoder=f"{RESULTS}/{{model}}/motion/decoder.npy",
        decoding=f"{RESULTS}/{{model}}/motion/decoding.tsv",
    log:
        f"{LOGS}/motion/{{model}}.log",
    benchmark:
        f"{BENCHMARKS}/motion/{{model}}.tsv"
    conda:
        "../envs/mindvideo.yaml"
    params:
        settings=settings("motion"),
        code=code("motion"),
        state=f"{RESULTS}/state/{{model}}/motion",
    shell:
        shell_command("motion")


rule reconstruct:
    """Reconstruct the clip of every window of a test segment."""
    input:
        windows=at("windows", "test/{segment}.npy"),
        table=at("windows", "test/{segment}.tsv"),
        null_window=at("windows", "null.npy"),
        model=at("cotraining", "model"),
        motion=motion,
    output:
        reconstructions=f"{RESULTS}/{{model}}/reconstruction/{{segment}}.npy",
    log:
        f"{LOGS}/reconstruct/{{model}}/{{segment}}.log",
    benchmark:
        f"{BENCHMARKS}/reconstruct/{{model}}/{{segment}}.tsv"
    wildcard_constraints:
        segment=one_of(DATASET.test),
    conda:
        "../envs/mindvideo.yaml"
    threads: TRAINING_THREADS
    resources:
        gpu=1,
    params:
        settings=settings("reconstruct"),
        execution=execution("reconstruct"),
        code=code("reconstruct"),
        state=f"{RESULTS}/state/{{model}}/reconstruct/{{segment}}",
    shell:
        shell_command("reconstruct")


rule reconstructions:
    """Put the clips of all test segments into one array, in the order of the windows' table."""
    input:
        segments=each("reconstruction", "test", ".npy"),
        table=at("windows", "test.tsv"),
    output:
        reconstructions=f"{RESULTS}/{{model}}/reconstruction/reconstructions.npy",
    log:
        f"{LOGS}/reconstructions/{{model}}.log",
    benchmark:
        f"{BENCHMARKS}/reconstructions/{{model}}.tsv"
    conda:
        "../envs/mindvideo.yaml"
    params:
        settings=settings("reconstructions"),
        code=code("reconstructions"),
    shell:
        shell_command("reconstructions")


rule films:
    """Reconstruct a whole test segment as one film; ground truth beside it, and its flicker."""
    input:
        windows=at("windows", "test/{segment}.npy"),
        table=at("windows", "test/{segment}.tsv"),
        null_window=at("windows", "null.npy"),
        model=at("cotraining", "model"),
        film=film,
        reconstructions=at("reconstruction", "{segment}.npy"),
    output:
        video=f"{RESULTS}/{{model}}/films/{{segment}}.mp4",
        flickers=f"{RESULTS}/{{model}}/films/{{segment}}.tsv",
    log:
        f"{LOGS}/films/{{model}}/{{segment}}.log",
    benchmark:
        f"{BENCHMARKS}/films/{{model}}/{{segment}}.tsv"
    wildcard_constraints:
        segment=one_of(DATASET.test),
    conda:
        "../envs/mindvideo.yaml"
    threads: TRAINING_THREADS
    resources:
        gpu=1,
    params:
        settings=settings("films"),
        execution=execution("films"),
        code=code("films"),
        state=f"{RESULTS}/state/{{model}}/films/{{segment}}",
    shell:
        shell_command("films")
