"""Every setting of every stage: unit, meaning, source.

The configuration file (:mod:`mindvideo.config`) has a *section* for each stage: what the user
chooses. The *settings* that a stage receives are its section and what follows from the rest of the
configuration (TR, counts of volumes, names of pretrained models); a class of settings says where
each value comes from (:mod:`mindvideo.settings.base`). Physical quantities have no default: they
come from the data set. Each default has a source (:mod:`mindvideo.settings.sources`): "paper" is
Chen, Qing & Zhou, "Cinematic Mindscapes", NeurIPS 2023, by section or table.
"""
