"""Reconstructions against the films: metrics beside their chance, videos, figures."""


use rule gpu_stage as score with:
    """Score the reconstructions by every metric, beside its chance level and a permutation null."""
    input:
        reconstructions=at("reconstruction", "reconstructions.npy"),
        table=at("windows", "test.tsv"),
        clips=each("clips", "test", ".npy"),
        shots=DATASET.shots_paths(DATASET.test),
        scenes=scenes_to_leave_out,
    output:
        metrics=f"{RESULTS}/{{model}}/metrics.tsv",
        per_clip=f"{RESULTS}/{{model}}/scoring/per_clip.tsv",
    params:
        **params_of("score"),


use rule stage as tables with:
    """The paper's Table 1, and the comparison with published methods."""
    input:
        metrics=of_rows("scoring", "metrics.tsv"),
        per_clip=of_rows("scoring", "scoring/per_clip.tsv"),
        methods=list(PLAN.config.tables.methods.values()),
    output:
        table1=f"{RESULTS}/tables/table1.tsv",
        table1_page=report(
            f"{RESULTS}/tables/table1.html",
            caption="../workflow/report/table1.rst",
            category="Tables",
        ),
        comparison=f"{RESULTS}/tables/comparison.tsv",
        comparison_page=report(
            f"{RESULTS}/tables/comparison.html",
            caption="../workflow/report/comparison.rst",
            category="Tables",
        ),
    params:
        **params_of("tables"),


use rule stage as methods with:
    """What was done, as a methods section would say it, from the settings it was done with."""
    input:
        voxels=at("selection", "voxels.tsv"),
    output:
        methods=report(
            f"{RESULTS}/{{model}}/methods.html",
            caption="../workflow/report/methods.rst",
            category="Methods",
            labels={"model": "{model}"},
        ),
    params:
        **params_of("methods"),


use rule stage as videos with:
    """One mp4 a test clip, ground truth beside reconstruction, and a page that plays them."""
    input:
        reconstructions=at("reconstruction", "reconstructions.npy"),
        table=at("windows", "test.tsv"),
        clips=each("clips", "test", ".npy"),
        scenes=each("scenes", "test", ".tsv"),
        metrics=metrics,
        per_clip=at("scoring", "per_clip.tsv"),
        others=of_variants("reconstruction", "reconstructions.npy"),
        other_tables=of_variants("windows", "test.tsv"),
        other_scores=of_variants("scoring", "per_clip.tsv"),
    output:
        videos=report(
            directory(f"{RESULTS}/{{model}}/videos"),
            htmlindex="index.html",
            caption="../workflow/report/videos.rst",
            category="Reconstructions",
            labels={"model": "{model}"},
        ),
        manifest=f"{RESULTS}/{{model}}/videos.tsv",
    params:
        **params_of("videos"),


use rule stage as figures with:
    """A strip of reconstructions, and maps of the recorded brain."""
    input:
        reconstructions=at("reconstruction", "reconstructions.npy"),
        table=at("windows", "test.tsv"),
        clips=each("clips", "test", ".npy"),
        metrics=metrics,
        per_clip=at("scoring", "per_clip.tsv"),
        r=at("selection", f"r{MAP}"),
        mask=at("selection", f"mask{MAP}"),
        tsnr=each("clean", "train", f"_tsnr{MAP}"),
    output:
        strip=report(
            f"{RESULTS}/{{model}}/figures/strip.png",
            caption="../workflow/report/strip.rst",
            category="Reconstructions",
            labels={"model": "{model}"},
        ),
        brain=report(
            f"{RESULTS}/{{model}}/figures/brain.png",
            caption="../workflow/report/brain.rst",
            category="Voxels",
            labels={"model": "{model}"},
        ),
    params:
        **params_of("figures"),


use rule stage as surfaces with:
    """Interactive maps of the recorded brain on the cortical surface, as one page."""
    input:
        r=at("selection", f"r{MAP}"),
        t=at("selection", f"t{MAP}"),
        mask=at("selection", f"mask{MAP}"),
        tsnr=each("clean", "train", f"_tsnr{MAP}"),
    output:
        page=report(
            f"{RESULTS}/{{model}}/surfaces/index.html",
            caption="../workflow/report/surfaces.rst",
            category="Voxels",
            labels={"model": "{model}"},
        ),
    params:
        **params_of("surfaces"),


use rule stage as score_figures with:
    """The worst cases, the distributions of scores, and their courses along the films."""
    input:
        reconstructions=at("reconstruction", "reconstructions.npy"),
        table=at("windows", "test.tsv"),
        clips=each("clips", "test", ".npy"),
        metrics=metrics,
        per_clip=at("scoring", "per_clip.tsv"),
    output:
        worst=report(
            f"{RESULTS}/{{model}}/figures/worst.png",
            caption="../workflow/report/worst.rst",
            category="Reconstructions",
            labels={"model": "{model}"},
        ),
        distributions=report(
            f"{RESULTS}/{{model}}/figures/distributions.png",
            caption="../workflow/report/distributions.rst",
            category="Scores",
            labels={"model": "{model}"},
        ),
        time_courses=report(
            f"{RESULTS}/{{model}}/figures/time_courses.png",
            caption="../workflow/report/time_courses.rst",
            category="Scores",
            labels={"model": "{model}"},
        ),
    params:
        **params_of("score_figures"),


use rule stage as panels with:
    """Subjects and variants below the films, and SSIM beside that of other methods."""
    input:
        reconstructions=of_rows("reconstruction", "reconstruction/reconstructions.npy"),
        listings=of_rows("windows", "windows/test.tsv"),
        metrics=of_rows("scoring", "metrics.tsv"),
        per_clip=of_rows("scoring", "scoring/per_clip.tsv"),
        clips=each("clips", "test", ".npy"),
    output:
        subjects=report(
            f"{RESULTS}/tables/subjects.png",
            caption="../workflow/report/subjects.rst",
            category="Tables",
        ),
        variants=report(
            f"{RESULTS}/tables/variants.png",
            caption="../workflow/report/variants.rst",
            category="Tables",
        ),
        ssim=report(
            f"{RESULTS}/tables/ssim.png",
            caption="../workflow/report/ssim.rst",
            category="Tables",
        ),
    params:
        **params_of("panels"),
