import re

from mindvideo.io.synonyms import SYNONYMS, load_synonyms


def test_synonyms_are_those_of_the_commonest_sense():
    synonyms = load_synonyms()
    assert synonyms["car"] == ["auto", "automobile", "machine", "motorcar"]
    assert synonyms["dog"] == ["domestic dog"]  # and no "cad", "frank" or "pawl"
    assert synonyms["small"] == ["little"]
    assert "the" not in synonyms
    assert "running" not in synonyms or "run" in synonyms["running"]


def test_no_word_is_a_synonym_of_itself_and_none_is_a_name():
    synonyms = load_synonyms()
    assert len(synonyms) > 9000
    for word, others in synonyms.items():
        assert others
        assert word not in others
        assert len(set(others)) == len(others)
        assert all(re.fullmatch("[a-z]{3,}( [a-z]{3,})?", x) for x in (word, *others))


def test_the_licence_of_wordnet_is_with_them():
    licence = SYNONYMS.with_name("LICENSE").read_text()
    assert "WordNet 3.0 Copyright 2006 by Princeton University" in licence
