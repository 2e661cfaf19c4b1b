"""Raw runs → clean runs → responsive voxels, for runs of all forms; the null window."""


use rule stage as regions with:
    """Label the grid of a subject's runs with the areas and networks of the cortex."""
    input:
        run=first_run,
        right=first_right,
        masks=brain_masks,
        voxels=table_of_voxels,
        labels=own_labels,
    output:
        regions=f"{RESULTS}/{{model}}/regions/regions{LABELS}",
        networks=f"{RESULTS}/{{model}}/regions/networks{LABELS}",
    params:
        **params_of("regions"),


use rule stage as clean with:
    """Trim, detrend and z-score all repetitions of a segment; map the temporal SNR."""
    input:
        runs=runs,
        right=right_runs,
        regions=at("regions", f"regions{LABELS}"),
        confounds=confounds,
        events=events,
    output:
        cleaned=f"{RESULTS}/{{model}}/clean/{{segment}}.npy",
        tsnr=f"{RESULTS}/{{model}}/clean/{{segment}}_tsnr{MAP}",
        alive=f"{RESULTS}/{{model}}/clean/{{segment}}_alive.npy",
        table=f"{RESULTS}/{{model}}/clean/{{segment}}_runs.tsv",
    params:
        **params_of("clean"),


use rule stage as living with:
    """Find the voxels that have a signal in every segment that is read."""
    input:
        repetitions=living_repetitions,
    output:
        alive=f"{RESULTS}/{{model}}/selection/alive.npy",
    params:
        **params_of("living"),


# A further test film selects no other voxels, and so trains nothing again: hence `ancient`.
use rule stage as select with:
    """Map how reliably each voxel responds to the training segments; keep the most reliable."""
    input:
        cleaned=training_responses,
        tables=each("clean", "train", "_runs.tsv"),
        regions=at("regions", f"regions{LABELS}"),
        networks=at("regions", f"networks{LABELS}"),
        alive=ancient(living_voxels),
        tsnr=tsnr_to_select_by,
        within=mask_to_select_in,
        others=of_other_subjects,
        other_regions=regions_of_other_subjects,
        clips=to_predict_from(each("clips", "train", ".npy")),
        latents_table=to_predict_from(at("latents", "table.tsv")),
        images=to_predict_from(at("embeddings", "images.npy")),
    output:
        r=f"{RESULTS}/{{model}}/selection/r{MAP}",
        z=f"{RESULTS}/{{model}}/selection/z{MAP}",
        t=f"{RESULTS}/{{model}}/selection/t{MAP}",
        p=f"{RESULTS}/{{model}}/selection/p{MAP}",
        mask=f"{RESULTS}/{{model}}/selection/mask{MAP}",
        voxels=f"{RESULTS}/{{model}}/selection/voxels.tsv",
    params:
        **params_of("select"),


use rule stage as null_window with:
    """Average windows into the null window, the negative condition."""
    input:
        windows=to_average,
    output:
        null_window=f"{RESULTS}/{{model}}/windows/null.npy",
    params:
        **params_of("null_window"),
