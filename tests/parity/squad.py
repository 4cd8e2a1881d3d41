# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes tests/golden/squad_scores.txt: answers, the right ones, and what the functions of SQuAD's own evaluation script give. A line is
answer, right answer, exact match, F1, with tabs between. Run it by hand: python3 tests/parity/squad.py"""
import collections
import os
import re
import string


def normalize_answer(s):
    s = "".join(ch for ch in s.lower() if ch not in set(string.punctuation))
    s = re.sub(re.compile(r"\b(a|an|the)\b", re.UNICODE), " ", s)
    return " ".join(s.split())


def f1(gold, answer):
    gold_tokens, answer_tokens = normalize_answer(gold).split(), normalize_answer(answer).split()
    same = sum((collections.Counter(gold_tokens) & collections.Counter(answer_tokens)).values())
    if not gold_tokens or not answer_tokens:
        return float(gold_tokens == answer_tokens)
    if same == 0:
        return 0.0
    precision, recall = same / len(answer_tokens), same / len(gold_tokens)
    return 2 * precision * recall / (precision + recall)


texts = ["", "the", "The Eiffel Tower", "eiffel tower", "an apple a day", "Apple, day!", "a.b.c", "abc", "the the the", "u.s.", "US",
         "in 1990", "1990", "a cat sat on the mat", "the mat", "cat cat cat", "cat", "a-la-carte", "alacarte", "l'été", "L’ÉTÉ", "the été",
         "Ünïcode an Wort", "x the", "the\u00a0sea", "sea", "anthem", "a\u2014the\u2014b", "\u2014 b", "$5.00", "500", "  spaced \t out ", "spaced out", "日本 the 語"]
with open(os.path.join(os.path.dirname(__file__), "..", "golden", "squad_scores.txt"), "w", encoding="utf-8", newline="\n") as out:
    for i, answer in enumerate(texts):
        for k in (0, 1, 2, 3, 7):
            gold = texts[(i + k) % len(texts)]
            same = normalize_answer(answer) == normalize_answer(gold)
            row = (answer.replace("\t", " "), gold.replace("\t", " "), int(same), f"{f1(gold, answer):.12f}")
            out.write("\t".join(map(str, row)) + "\n")
