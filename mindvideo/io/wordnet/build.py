"""Make synonyms.tsv from WordNet 3.0's own files: ``python build.py FOLDER > synonyms.tsv``.

FOLDER holds WordNet's `data.noun`, `index.noun`, … as the corpus `wordnet` of NLTK does, which is
needed to read them (``pip install nltk``). Nothing of this runs when mindvideo does.

A row is a word in its base form and what can stand for it: the other words of its commonest sense,
by WordNet's counts in the texts of SemCor, where it occurs at least once. Names are left out, and
phrases of more than two words.
"""

import re
import sys
import warnings
from pathlib import Path

import nltk.data
from nltk.corpus.reader.wordnet import WordNetCorpusReader

WORD, PHRASE = re.compile(r"[a-z]{3,}"), re.compile(r"[a-z]{3,}(_[a-z]{3,})?")


class Reader(WordNetCorpusReader):
    """NLTK's, without the mapping between versions, for which it would look for another copy."""

    def map_wn(self, version="wordnet"):
        return None


def main(folder: Path) -> None:
    nltk.data.path.append(str(folder))  # it reads only where it was told that data are
    warnings.simplefilter("ignore")  # of languages that are not there
    reader = Reader(str(folder), None)
    print("word", "synonyms", sep="\t")
    for word in sorted(filter(WORD.fullmatch, reader.all_lemma_names())):
        senses = [
            (lemma.count(), sense)
            for sense in reader.synsets(word)
            for lemma in sense.lemmas()
            if lemma.name() == word
        ]
        count, sense = max(senses, key=lambda x: x[0], default=(0, None))
        others = [n for n in sense.lemma_names() if n != word] if sense and count else []
        if phrases := [n.replace("_", " ") for n in others if PHRASE.fullmatch(n)]:
            print(word, ", ".join(phrases), sep="\t")


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
