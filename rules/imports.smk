"""Windows, clips and captions from arrays that the configuration gives (`given`)."""

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
            arrays=given_arrays("clips"),
        output:
            clips=f"{RESULTS}/{{shared}}/clips/{{segment}}.npy",
            changes=f"{RESULTS}/{{shared}}/clips/{{segment}}_changes.tsv",
        wildcard_constraints:
            segment=one_of(PLAN.segments_given("clips")),
        params:
            **params_of("import_clips"),


if PLAN.imports("captions"):

    use rule stage as import_captions with:
        """Import the captions of one segment."""
        input:
            arrays=given_arrays("captions"),
        output:
            captions=f"{RESULTS}/{{shared}}/captions/{{segment}}.tsv",
        wildcard_constraints:
            segment=one_of(PLAN.segments_given("captions")),
        params:
            **params_of("import_captions"),
