"""Input functions of single rules: files that depend on settings, data set and given artefacts."""


def given_arrays(artefact, split=""):
    """Input function: the given arrays of a split, by default of that of the wildcards."""

    def paths(wildcards):
        of = split or wildcards.get("split") or DATASET.split_of(wildcards.segment)
        return PLAN.arrays(artefact, owner(wildcards), of)

    return paths


def training_arrays(wildcards):
    """The given arrays of the training segments, if windows are standardised by them."""
    standardize = PLAN.stages_of(owner(wildcards)).given_windows.standardize
    return PLAN.arrays("windows", owner(wildcards), "train") if standardize else []


def clips_that_move(wildcards):
    """The clips of a segment, if its captions are to tell their motion."""
    described = PLAN.stages_of(owner(wildcards)).scenes.motion
    return at("clips", "{segment}.npy")(wildcards) if described else []


def corrections(wildcards):
    """The table of a segment's manually corrected captions, if there is one."""
    template = PLAN.stages_of(owner(wildcards)).scenes.corrections
    path = template.format(segment=wildcards.segment) if template else ""
    return [path] if Path(path).is_file() else []


def scenes_to_leave_out(wildcards):
    """Scenes of the evaluated segments, if clips with a cut are left out of the scores."""
    leave_out = PLAN.stages_of(owner(wildcards)).scoring.leave_out_cuts
    return each("scenes", EVALUATE, ".tsv")(wildcards) if leave_out else []


def known_truth(wildcards):
    """The table of the known content of areas, if the settings name one."""
    return PLAN.stages_of(owner(wildcards)).interpretation.truth or []


def generates(stages):
    """Whether a model generates its clips, by diffusion."""
    return stages.reconstruction.method == "diffusion"


def copies(stages):
    """Whether a model's clips are copies of training clips."""
    return not generates(stages)


def generator_of_films(wildcards):
    """The models after co-training, which generate a film."""
    if copies(PLAN.stages_of(owner(wildcards))):
        raise WorkflowError(
            f"{owner(wildcards)}: reconstruction.method is nearest, which copies whole clips: only a "
            "model with method: diffusion generates films"
        )
    return at("cotraining", "model")(wildcards)


def motion(wildcards):
    """The decoder of the clips' motion, if the starting noise moves with it."""
    moving = PLAN.stages_of(owner(wildcards)).reconstruction.moving_noise
    return at("motion", "decoder.npy")(wildcards) if moving else []


def motion_to_train_with(section, split="train"):
    """Input function: the motion of the clips, if the noise of a training moves with it."""

    def path(wildcards):
        moving = getattr(PLAN.stages_of(owner(wildcards)), section).moving_noise
        return at("clip_motion", f"{split}.tsv")(wildcards) if moving else []

    return path


def held_out_motion(section):
    """The same of the validation segments; none if the data set has none."""
    return motion_to_train_with(section, "validation") if DATASET.validation else []


def windows_to_average(wildcards):
    """The training windows, if the mean of their tokens is a condition."""
    reconstruction = PLAN.stages_of(owner(wildcards)).reconstruction
    named = {reconstruction.negative, reconstruction.condition}
    return at("windows", "train.npy")(wildcards) if "mean-tokens" in named else []


def empty_caption(wildcards):
    """The text tokens of the empty caption, if they are the negative condition."""
    negative = PLAN.stages_of(owner(wildcards)).reconstruction.negative
    return at("latents", "empty_text.npy")(wildcards) if negative == "empty-caption" else []


def to_cut(wildcards):
    """Clean runs of the segment whose windows are cut; of all segments if windows are shuffled."""
    if PLAN.stages_of(owner(wildcards)).windows.shuffle:
        return each("clean", EVALUATE, ".npy")(wildcards)
    return at("clean", "{segment}.npy")(wildcards)


def mixes_repetitions(stages):
    """Whether a training of a model averages the repetitions of windows at random."""
    return stages.contrastive.mix_repetitions or stages.cotraining.mix_repetitions


def repetitions_to_mix(section):
    """Input function: the windows of each repetition, if a training averages them at random."""

    def path(wildcards):
        mixes = getattr(PLAN.stages_of(owner(wildcards)), section).mix_repetitions
        return at("windows", "train_repetitions.npy")(wildcards) if mixes else []

    return path


def to_average(wildcards):
    """The windows whose mean is the null window."""
    null = PLAN.stages_of(owner(wildcards)).windows.null_window
    return at("windows", {"train-mean": "train.npy", "test-mean": f"{EVALUATE}.npy"}[null])(
        wildcards
    )


def training_responses(wildcards):
    """Clean runs of the training segments, if voxels can be selected by them."""
    paths = each("clean", "train", ".npy")(wildcards)
    try:
        check_selection(DATASET, subject(wildcards), PLAN.settings("select", owner(wildcards)))
    except InputError as error:
        raise WorkflowError(f"{owner(wildcards)}: {error}")
    return paths


def living_repetitions(wildcards):
    """In how many repetitions voxels have a signal, of all segments that are read."""
    splits = dict.fromkeys(("train", "validation", EVALUATE))
    of_splits = [each("clean", split, "_alive.npy")(wildcards) for split in splits]
    return [path for paths in of_splits for path in paths]


def living_voxels(wildcards):
    """Which voxels have a signal in every segment; clean runs that are given may lack it."""
    if "clean" in PLAN.config.given and not all(map(os.path.isfile, living_repetitions(wildcards))):
        return []
    return at("selection", "alive.npy")(wildcards)


def tsnr_to_select_by(wildcards):
    """Maps of the training segments' temporal SNR, if there is a floor."""
    floor = PLAN.stages_of(owner(wildcards)).selection.min_tsnr
    return [] if floor is None else each("clean", "train", f"_tsnr{MAP}")(wildcards)


def mask_to_select_in(wildcards):
    """The mask of the voxels that may be selected, if the settings name one."""
    template = PLAN.stages_of(owner(wildcards)).selection.mask
    folder = DATASET.subjects[subject(wildcards)]
    return template.format(subject=folder) if template else []


def others(wildcards):
    """Owners of the other subjects who saw a subject's training segments, with these segments."""
    _, slash, variant = owner(wildcards).partition("/variants/")
    of_subjects = PLAN.settings("select", owner(wildcards)).others
    return {f"{other}{slash}{variant}": segments for other, segments in of_subjects.items()}


def of_other_subjects(wildcards):
    """Clean runs of other subjects, if voxels are selected by the correlation between subjects."""
    return [
        PLAN.file("clean", other, f"{segment}.npy")
        for other, segments in others(wildcards).items()
        for segment in segments
    ]


def regions_of_other_subjects(wildcards):
    return [PLAN.file("regions", other, f"regions{LABELS}") for other in others(wildcards)]


def to_predict_from(paths):
    """Input function: what describes the film, if voxels are selected by prediction from it."""

    def needed(wildcards):
        by = PLAN.stages_of(owner(wildcards)).selection.by
        return paths(wildcards) if by == "encoding" else []

    return needed


def film(wildcards):
    if path := DATASET.film_path(wildcards.segment):
        return path
    raise WorkflowError(lacks("films", "dataset.film is not set"))


def runs(wildcards):
    """The files of a segment's runs; of GIFTI runs, those of the left hemisphere."""
    paths = DATASET.run_paths(subject(wildcards), wildcards.segment)
    if all(paths):
        return [files_of(path)[0] for path in paths]
    raise WorkflowError(lacks("fMRI runs", "dataset.run is not set"))


def right_runs(wildcards):
    """The files of the right hemisphere; none, if runs are single files."""
    paths = DATASET.run_paths(subject(wildcards), wildcards.segment)
    return [file for path in paths for file in files_of(path)[1:]]


def first_run(wildcards):
    if path := next(run.path for run in DATASET.rows if run.subject == subject(wildcards)):
        return files_of(path)[0]
    raise WorkflowError(lacks("fMRI runs", "dataset.run is not set"))


def first_right(wildcards):
    """The right hemisphere of the first run; none, if runs are single files."""
    path = next(run.path for run in DATASET.rows if run.subject == subject(wildcards))
    return files_of(path)[1:]


def own_labels(wildcards):
    """The files of areas that take the place of the atlas's, if the settings name some."""
    template = PLAN.stages_of(owner(wildcards)).regions.labels
    if not template:
        return []
    return files_of(template.format(subject=DATASET.subjects[subject(wildcards)], hemi=HEMI))


def table_of_voxels(wildcards):
    """The table of the columns of a subject's arrays, if the data set has one."""
    return DATASET.voxels_path(subject(wildcards)) or []


def brain_masks(wildcards):
    return DATASET.mask_paths(subject(wildcards))


def confounds(wildcards):
    """Tables of confounds of the runs, if the settings regress out columns or censor volumes."""
    variant = owner(wildcards).partition("/variants/")[2] or None
    if not PLAN.stages[variant].clean.reads_confounds:
        return []
    return DATASET.confound_paths(subject(wildcards), wildcards.segment)


def events(wildcards):
    """Tables of events of the runs whose films start at an event."""
    return DATASET.event_paths(subject(wildcards), wildcards.segment)


def censored_runs(wildcards):
    """Tables of the cleaned runs, which count censored volumes, if any can be censored."""
    if not (PLAN.stages_of(owner(wildcards)).clean.censoring and PLAN.computes("clean")):
        return []
    splits = dict.fromkeys(("train", "validation", EVALUATE))
    return [path for split in splits for path in each("clean", split, "_runs.tsv")(wildcards)]


def other_people():
    """The description of the runs to pre-train on."""
    if PRETRAINING is None:
        raise WorkflowError(
            lacks("runs of other people to pre-train on", "pretraining_data is not set")
        )
    return PRETRAINING


def pretraining_runs(wildcards):
    return descriptions.pretraining_runs(other_people(), wildcards.subject)


def all_samples(wildcards):
    subjects = descriptions.pretraining_subjects(other_people())
    return [PLAN.file("samples", owner(wildcards), f"{subject}.npy") for subject in subjects]


def has_pretraining(wildcards):
    """Whether the encoder is pre-trained on other subjects; if not, no rule reads their runs."""
    return can_pretrain(PLAN.config) and PLAN.stages_of(owner(wildcards)).pretraining.trains


def pretrained_autoencoder(wildcards):
    """The model that tuning on the subject starts from, if there is a pre-training."""
    return at("pretraining", "model")(wildcards) if has_pretraining(wildcards) else []


def of_trainings(name, *trainings):
    """Input function: the same file of several training stages, in order.

    A pre-training without steps, or whose model is given, is left out.
    """

    def paths(wildcards):
        trained = has_pretraining(wildcards) and PLAN.computes("pretraining")
        left_out = set() if trained else {"pretraining"}
        return [at(stage, name)(wildcards) for stage in trainings if stage not in left_out]

    return paths


def encoder_to_cotrain(wildcards):
    """The model of the encoder that conditions the UNet."""
    stage = PLAN.stages_of(owner(wildcards)).cotraining.encoder
    return at(stage, "model")(wildcards)


def encoder_after(wildcards):
    """The model that contains the encoder after a training stage, or determines its shape."""
    if PLAN.stages_of(owner(wildcards)).cotraining.encoder == "ridge":
        raise WorkflowError(
            f"{owner(wildcards)}: cotraining.encoder is ridge, and a linear encoder has no attention "
            "to interpret: request the interpretation of a model with cotraining.encoder: contrastive"
        )
    after = "contrastive" if wildcards.stage == "mbm" else wildcards.stage
    return at(after, "model")(wildcards)


def autoencoder(wildcards):
    """The model of masked brain modelling, if the encoder has its weights."""
    return at("mbm_tuning", "model")(wildcards) if wildcards.stage == "mbm" else []


def looked_into(file, *stages):
    """Input function: a file of the encoder after each of these training stages, in order."""

    def paths(wildcards):
        return [at(f"interpretation/{stage}", file)(wildcards) for stage in stages]

    return paths


def maps_of_encoders(ending):
    """Input function: the files of all maps of attention and attribution, stage by stage."""

    def paths(wildcards):
        return [
            at(f"interpretation/{stage}", f"{method}{ending}")(wildcards)
            for stage in ENCODERS
            for method in ("attention", "attribution")
            if method == "attention" or stage in WITH_HEAD
        ]

    return paths
