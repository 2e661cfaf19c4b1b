"""Masked brain modelling: on many people's resting runs, then on the subject's own."""


rule samples:
    """Average a pre-training subject's runs of V1–V4 into samples."""
    input:
        runs=pretraining_runs,
    output:
        samples=f"{RESULTS}/{{shared}}/samples/{{subject}}.npy",
        index=f"{RESULTS}/{{shared}}/samples/{{subject}}.tsv",
    log:
        f"{LOGS}/samples/{{shared}}/{{subject}}.log",
    benchmark:
        f"{BENCHMARKS}/samples/{{shared}}/{{subject}}.tsv"
    wildcard_constraints:
        subject=PRETRAINING_SUBJECTS,
    conda:
        "../envs/mindvideo.yaml"
    params:
        settings=settings("samples"),
        code=code("samples"),
    shell:
        shell_command("samples")


rule pretraining:
    """Pre-train the masked autoencoder on all pre-training subjects."""
    input:
        samples=all_samples,
    output:
        model=directory(f"{RESULTS}/{{shared}}/pretraining/model"),
        history=f"{RESULTS}/{{shared}}/pretraining/history.tsv",
        events=directory(f"{RESULTS}/{{shared}}/pretraining/events"),
        examples=f"{RESULTS}/{{shared}}/pretraining/examples.npy",
    log:
        f"{LOGS}/pretraining/{{shared}}.log",
    benchmark:
        f"{BENCHMARKS}/pretraining/{{shared}}.tsv"
    conda:
        "../envs/mindvideo.yaml"
    threads: TRAINING_THREADS
    resources:
        gpu=1,
    params:
        settings=settings("pretraining"),
        execution=execution("pretraining"),
        code=code("mbm", "pretraining"),
        state=f"{RESULTS}/state/{{shared}}/pretraining",
    shell:
        shell_command("mbm", without=("start",))


rule mbm_tuning:
    """Tune the masked autoencoder on the subject's training windows."""
    input:
        samples=at("windows", "train.npy"),
        start=at("pretraining", "model"),
    output:
        model=directory(f"{RESULTS}/{{model}}/mbm_tuning/model"),
        history=f"{RESULTS}/{{model}}/mbm_tuning/history.tsv",
        events=directory(f"{RESULTS}/{{model}}/mbm_tuning/events"),
        examples=f"{RESULTS}/{{model}}/mbm_tuning/examples.npy",
    log:
        f"{LOGS}/mbm_tuning/{{model}}.log",
    benchmark:
        f"{BENCHMARKS}/mbm_tuning/{{model}}.tsv"
    conda:
        "../envs/mindvideo.yaml"
    threads: TRAINING_THREADS
    resources:
        gpu=1,
    params:
        settings=settings("mbm_tuning"),
        execution=execution("mbm_tuning"),
        code=code("mbm", "mbm_tuning"),
        state=f"{RESULTS}/state/{{model}}/mbm_tuning",
    shell:
        shell_command("mbm")
