"""The embedded data set, in the layout of the real ones; unused with other data sets."""

DEMO = "data/demo"
DEMO_FILM = f"{DEMO}/video_fmri_dataset/stimuli/{{segment}}"
DEMO_RUN = (
    f"{DEMO}/video_fmri_dataset/{{subject}}/fmri/{{segment}}/mni/"
    "{segment}_{repetition}_mni.nii.gz"
)
if (DATASET.run or "").startswith(DEMO):  # descriptions with other recordings have other folders
    DEMO_RUN = DATASET.run
DEMO_RUN = DEMO_RUN.replace("{subject}", "{{subject}}").replace("{segment}", "{{segment}}")
DEMO_REST = (
    f"{DEMO}/hcp/{{subject}}/MNINonLinear/Results/{{run}}/"
    "{run}_Atlas_MSMAll_hp2000_clean.dtseries.nii"
)


use rule stage as demo_film with:
    """Draw a segment's film, and write the table of its shots."""
    output:
        film=f"{DEMO_FILM}.mp4",
        shots=f"{DEMO_FILM}.tsv",
    params:
        **params_of("demo_film"),


use rule stage as demo_train_runs with:
    """Simulate a subject's BOLD runs of a training segment, one for each repetition."""
    input:
        film=f"{DEMO_FILM}.mp4",
        shots=f"{DEMO_FILM}.tsv",
    output:
        runs=expand(DEMO_RUN, repetition=range(1, DATASET.repetitions["train"] + 1)),
    wildcard_constraints:
        subject=one_of(DATASET.subjects.values()),
        segment=one_of(DATASET.train),
    params:
        **params_of("demo_runs"),


use rule demo_train_runs as demo_test_runs with:
    output:
        runs=expand(DEMO_RUN, repetition=range(1, DATASET.repetitions["test"] + 1)),
    wildcard_constraints:
        subject=one_of(DATASET.subjects.values()),
        segment=one_of(DATASET.test),


use rule stage as demo_rest with:
    """Simulate a resting-state run of a pre-training subject."""
    output:
        dtseries=DEMO_REST,
    wildcard_constraints:
        subject=PRETRAINING_SUBJECTS,
    params:
        **params_of("demo_rest"),
