"""The settings of each rule: its section, and what follows from the data set."""

from __future__ import annotations

from collections.abc import Callable

from mindvideo import settings as s
from mindvideo.config import Config, Stages
from mindvideo.io.published import read_published

Maker = Callable[[Config, Stages, str], s.Section]


def _demo_film(c: Config, _: Stages, segment: str) -> s.Section:
    return s.DemoFilmSettings(
        **c.demo.film.model_dump(),
        split="train" if segment in c.dataset.train else "test",
        seconds=c.dataset.n_clips(segment) * c.dataset.tr,
    )


def _recording(c: Config, section: s.Section, segment: str) -> dict:
    return {
        **section.model_dump(),
        "tr": c.dataset.tr,
        "timing": c.dataset.timing_of(segment),
        "n_volumes": c.dataset.n_clips(segment),
    }


def _videos(c: Config, v: Stages, _: str) -> s.Section:
    return s.VideoSettings(
        **c.videos.model_dump(),
        fps=v.clips.fps,
        title=f"Films reconstructed from fMRI: {c.dataset.name}",
    )


def window_settings(c: Config, v: Stages, _: str = "") -> s.WindowSettings:
    return s.WindowSettings(
        **v.windows.model_dump(exclude={"null"})
        | {"lag": c.dataset.lag if v.windows.lag is None else v.windows.lag},
        patch_size=v.encoder.patch_size,
    )


def _drawing(c: Config, v: Stages) -> dict:
    return {
        **v.reconstruction.model_dump(),
        "stable_diffusion": c.pretrained.stable_diffusion,
        "num_frames": round(v.clips.fps * c.dataset.tr),
        "size": v.clips.size,
    }


def _reconstruction(c: Config, v: Stages, segment: str) -> s.Section:
    test = c.dataset.test
    before = test[: test.index(segment)] if segment in test else []
    return s.ReconstructionSettings(
        **_drawing(c, v), first=sum(c.dataset.n_clips(other) for other in before)
    )


def _films(c: Config, v: Stages, _: str) -> s.Section:
    return s.FilmSettings(
        **_drawing(c, v),
        fps=v.films.fps or v.clips.fps,
        overlap=v.films.overlap,
        tr=c.dataset.tr,
        fit=v.clips.fit,
    )


def _contrastive(c: Config, v: Stages, _: str) -> s.Section:
    return s.ContrastiveSettings(
        **v.contrastive.model_dump(), encoder=v.encoder, clip=c.pretrained.clip
    )


def _retrieval(c: Config, v: Stages, _: str) -> s.Section:
    statistics = v.scoring.model_dump(include=set(s.Statistics.model_fields))
    return s.RetrievalSettings(**statistics, clip=c.pretrained.clip)


def _scoring(c: Config, v: Stages, _: str) -> s.Section:
    return s.ScoringSettings(
        **v.scoring.model_dump(),
        tr=c.dataset.tr,
        image_classifier=c.pretrained.image_classifier,
        video_classifier=c.pretrained.video_classifier,
        clip=c.pretrained.clip,
    )


def table_rows(c: Config) -> list[s.TableRow]:
    """The rows of Table 1: the paper's, in its order, then what this configuration adds.

    A row of the paper's that the configuration has no variant or subject for says so.
    """
    subjects, rows, of_paper = list(c.dataset.subjects), [], set()
    for row in read_published("table1"):
        label, variant, n = str(row["row"]), row["variant"], int(row["subject"] or 1)
        of_paper.add(variant)
        if n > len(subjects):
            why = f"{c.dataset.name} has {len(subjects)} subjects"
            rows.append(s.TableRow(label=label, why=why))
        elif variant and variant not in c.variants:
            rows.append(s.TableRow(label=label, why=f"no variant {variant} is configured"))
        else:
            owner = f"{subjects[n - 1]}/variants/{variant}" if variant else subjects[n - 1]
            rows.append(s.TableRow(label=label, owner=owner, full=not variant))
    for n, subject in enumerate(subjects[3:], start=4):
        rows.append(s.TableRow(label=f"Subject {n}", owner=subject, full=True))
    for name in c.tables.variants:
        if name not in of_paper:
            rows.append(s.TableRow(label=name, owner=f"{subjects[0]}/variants/{name}"))
    return rows


def _tables(c: Config, v: Stages, _: str) -> s.Section:
    return s.TableSettings(
        **c.tables.model_dump(),
        rows=table_rows(c),
        dataset=c.dataset.name,
        block=v.scoring.block,
    )


def _methods(c: Config, v: Stages, _: str) -> s.Section:
    told = s.MethodsSettings.model_fields.keys() & Stages.model_fields.keys()
    return s.MethodsSettings(
        **{name: getattr(v, name) for name in told},
        pretrained=c.pretrained,
        dataset=c.dataset.name,
        **{name: getattr(c.dataset, name) for name in ("space", "tr", "lag")},
        n_train=len(c.dataset.train),
        n_test=len(c.dataset.test),
        train_repetitions=c.dataset.repeats["train"],
        test_repetitions=c.dataset.repeats["test"],
        fps=v.clips.fps,
        num_frames=round(v.clips.fps * c.dataset.tr),
        size=v.clips.size,
    )


def _interpretation(model: type[s.Section]) -> Maker:
    """The maker of one of the stages that share the section `interpretation`."""

    def make(c: Config, v: Stages, _: str) -> s.Section:
        values = {
            **v.interpretation.model_dump(),
            **v.scoring.model_dump(include={"resamples", "block", "seed"}),
            "clip": c.pretrained.clip,
        }
        return model(**{name: values[name] for name in model.model_fields})

    return make


MAKERS: dict[str, Maker] = {
    "demo_film": _demo_film,
    "demo_runs": lambda c, v, seg: s.DemoBrainSettings(**_recording(c, c.demo.brain, seg)),
    "demo_rest": lambda c, v, _: s.DemoRestSettings(
        **c.demo.rest.model_dump(), tr=c.pretraining_data.tr
    ),
    "clips": lambda c, v, seg: s.ClipSettings(
        **v.clips.model_dump(), tr=c.dataset.tr, n_clips=c.dataset.n_clips(seg)
    ),
    "captions": lambda c, v, _: s.CaptionSettings(
        **v.captions.model_dump(), captioner=c.pretrained.captioner
    ),
    "scenes": lambda c, v, _: s.SceneSettings(
        **v.scenes.model_dump(exclude={"corrections"}), fps=v.clips.fps
    ),
    "latents": lambda c, v, _: s.LatentSettings(
        **v.latents.model_dump(), stable_diffusion=c.pretrained.stable_diffusion
    ),
    "embeddings": lambda c, v, _: s.EmbeddingSettings(
        **v.embeddings.model_dump(), clip=c.pretrained.clip
    ),
    "regions": lambda c, v, _: s.RegionSettings(**v.regions.model_dump(), space=c.dataset.space),
    "clean": lambda c, v, seg: s.CleanSettings(
        **_recording(c, v.clean, seg),
        average=seg in c.dataset.test and not v.clean.keep_test_repeats,
    ),
    "select": lambda c, v, _: v.selection,
    "windows": window_settings,
    "null_window": lambda c, v, _: s.NullWindowSettings(),
    "samples": lambda c, v, _: s.SampleSettings(
        **v.samples.model_dump(), tr=c.pretraining_data.tr, patch_size=v.encoder.patch_size
    ),
    "pretraining": lambda c, v, _: s.MbmSettings(**v.pretraining.model_dump(), encoder=v.encoder),
    "mbm_tuning": lambda c, v, _: s.MbmSettings(**v.mbm_tuning.model_dump(), encoder=v.encoder),
    "contrastive": _contrastive,
    "video_tuning": lambda c, v, _: s.VideoTuningSettings(
        **v.video_tuning.model_dump(), stable_diffusion=c.pretrained.stable_diffusion
    ),
    "cotraining": lambda c, v, _: s.CotrainingSettings(
        **v.cotraining.model_dump(), stable_diffusion=c.pretrained.stable_diffusion
    ),
    "motion": lambda c, v, _: v.motion,
    "reconstruct": _reconstruction,
    "reconstructions": lambda c, v, _: s.JoinSettings(),
    "retrieval": _retrieval,
    "films": _films,
    "score": _scoring,
    "tables": _tables,
    "videos": _videos,
    "figures": lambda c, v, _: v.figures,
    "training_figures": lambda c, v, _: s.TrainingFigureSettings(
        batch_size=v.contrastive.batch_size
    ),
    "score_figures": lambda c, v, _: s.ScoreFigureSettings(
        **v.figures.model_dump(), tr=c.dataset.tr
    ),
    "panels": lambda c, v, _: s.PanelSettings(
        rows=table_rows(c), dataset=c.dataset.name, block=v.scoring.block
    ),
    "attention": _interpretation(s.AttentionSettings),
    "attribution": _interpretation(s.AttributionSettings),
    "occlusion": _interpretation(s.OcclusionSettings),
    "interpret": _interpretation(s.InterpretationSettings),
    "interpretation_figure": lambda c, v, _: s.InterpretationFigureSettings(
        others_below=v.interpretation.others_below, tr=c.dataset.tr
    ),
    "demo_truth": lambda c, v, _: s.DemoTruthSettings(),
    "methods": _methods,
}
