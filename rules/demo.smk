"""The embedded data set, in the layout of the real ones; dormant where the config names others."""

DEMO = "data/demo"
DEMO_FILM = f"{DEMO}/video_fmri_dataset/stimuli/{{segment}}"
DEMO_RUN = (
    f"{DEMO}/video_fmri_dataset/{{{{subject}}}}/fmri/{{{{segment}}}}/mni/"
    "{{segment}}_{repeat}_mni.nii.gz"
)
DEMO_REST = (
    f"{DEMO}/hcp/{{subject}}/MNINonLinear/Results/{{run}}/"
    "{run}_Atlas_MSMAll_hp2000_clean.dtseries.nii"
)


rule demo_film:
    """Draw a segment's film, and write down what it shows."""
    output:
        film=f"{DEMO_FILM}.mp4",
        shots=f"{DEMO_FILM}.tsv",
    log:
        f"{LOGS}/demo_film/{{segment}}.log",
    benchmark:
        f"{BENCHMARKS}/demo_film/{{segment}}.tsv"
    conda:
        "../envs/mindvideo.yaml"
    params:
        settings=settings("demo_film"),
        code=code("demo_film"),
    shell:
        shell_command("demo_film")


rule demo_train_runs:
    """Simulate a subject's BOLD runs of a training segment, one for each repeat."""
    input:
        film=f"{DEMO_FILM}.mp4",
        shots=f"{DEMO_FILM}.tsv",
    output:
        runs=expand(DEMO_RUN, repeat=range(1, DATASET.repeats["train"] + 1)),
    log:
        f"{LOGS}/demo_runs/{{subject}}/{{segment}}.log",
    benchmark:
        f"{BENCHMARKS}/demo_runs/{{subject}}/{{segment}}.tsv"
    wildcard_constraints:
        subject=one_of(DATASET.subjects.values()),
        segment=one_of(DATASET.train),
    conda:
        "../envs/mindvideo.yaml"
    params:
        settings=settings("demo_runs"),
        code=code("demo_runs"),
    shell:
        shell_command("demo_runs")


use rule demo_train_runs as demo_test_runs with:
    output:
        runs=expand(DEMO_RUN, repeat=range(1, DATASET.repeats["test"] + 1)),
    wildcard_constraints:
        subject=one_of(DATASET.subjects.values()),
        segment=one_of(DATASET.test),


rule demo_rest:
    """Simulate a resting-state run of a pre-training subject."""
    output:
        dtseries=DEMO_REST,
    log:
        f"{LOGS}/demo_rest/{{subject}}/{{run}}.log",
    benchmark:
        f"{BENCHMARKS}/demo_rest/{{subject}}/{{run}}.tsv"
    wildcard_constraints:
        subject=PRETRAINING_SUBJECTS,
    conda:
        "../envs/mindvideo.yaml"
    params:
        settings=settings("demo_rest"),
        code=code("demo_rest"),
    shell:
        shell_command("demo_rest")
