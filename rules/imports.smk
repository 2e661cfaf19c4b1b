"""Windows, clips and captions from arrays that the configuration gives (`given`)."""


def given_arrays(artefact, split=""):
    """Input function: the arrays of a split, by default of the wildcard's."""

    def paths(wildcards):
        return PLAN.arrays(artefact, owner(wildcards), split or wildcards.split)

    return paths


def given_arrays_of_segment(artefact):
    """Input function: the arrays of the split of a segment."""

    def paths(wildcards):
        split = DATASET.split_of(wildcards.segment)
        return PLAN.arrays(artefact, owner(wildcards), split)

    return paths


def training_arrays(wildcards):
    """The arrays of the training segments, if windows are standardised by them."""
    standardize = PLAN.stages_of(owner(wildcards)).given_windows.standardize
    return PLAN.arrays("windows", owner(wildcards), "train") if standardize else []


def given_segments(artefact):
    """The segments of all splits with arrays, for the wildcards' constraints."""
    splits = PLAN.splits(artefact)
    return one_of([segment for split in splits for segment in getattr(DATASET, split)])


if PLAN.imports("windows"):

    use rule stage as import_windows with:
        """Import the windows of all segments of a split."""
        input:
            arrays=given_arrays("windows"),
            training=training_arrays,
        output:
            windows=f"{RESULTS}/{{model}}/windows/{{split}}.npy",
            table=f"{RESULTS}/{{model}}/windows/{{split}}.tsv",
        wildcard_constraints:
            split=one_of(PLAN.splits("windows")),
        params:
            **params_of("import_windows"),

    use rule import_windows as import_segment_windows with:
        """Import the windows of one evaluated segment."""
        input:
            arrays=given_arrays("windows", EVALUATE),
            training=training_arrays,
        output:
            windows=f"{RESULTS}/{{model}}/windows/{EVALUATE}/{{segment}}.npy",
            table=f"{RESULTS}/{{model}}/windows/{EVALUATE}/{{segment}}.tsv",
        wildcard_constraints:
            segment=one_of(PLAN.config.evaluated),
        params:
            **params_of("import_windows", split=EVALUATE),


if PLAN.imports("clips"):

    use rule stage as import_clips with:
        """Import the clips of one segment."""
        input:
            arrays=given_arrays_of_segment("clips"),
        output:
            clips=f"{RESULTS}/{{shared}}/clips/{{segment}}.npy",
            changes=f"{RESULTS}/{{shared}}/clips/{{segment}}_changes.tsv",
        wildcard_constraints:
            segment=given_segments("clips"),
        params:
            **params_of("import_clips"),


if PLAN.imports("captions"):

    use rule stage as import_captions with:
        """Import the captions of one segment."""
        input:
            arrays=given_arrays_of_segment("captions"),
        output:
            captions=f"{RESULTS}/{{shared}}/captions/{{segment}}.tsv",
        wildcard_constraints:
            segment=given_segments("captions"),
        params:
            **params_of("import_captions"),
