"""From a subject's fMRI to clips, with trained models: for stages and for `mindvideo decode`."""
