"""Make synonyms.tsv from WordNet 3.0's own files: ``python build.py FOLDER > synonyms.tsv``.

FOLDER holds WordNet's `data.noun`, `index.noun`, …, as NLTK's corpus `wordnet` does; NLTK reads
them (``pip install nltk``). mindvideo does not run this script.

A row is a word in its base form and its synonyms: the other words of its most common sense, by
WordNet's counts in the texts of SemCor, where it must occur at least once. Names and phrases of
more than two words are left out.
"""

import re
import sys
import warnings
from pathlib import Path

import nltk.data
from nltk.corpus.reader.wordnet import WordNetCorpusReader

WORD, PHRASE = re.compile(r"[a-z]{3,}"), re.compile(r"[a-z]{3,}(_[a-z]{3,})?")


class Reader(WordNetCorpusReader):
    """NLTK's reader, without the mapping between versions, which needs another copy of WordNet."""

    def map_wn(self, version="wordnet"):
        return None


def main(folder: Path) -> None:
    nltk.data.path.append(str(folder))  # NLTK reads only from these folders
    warnings.simplefilter("ignore")  # about missing languages
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
