#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Byte-level BPE after Radford et al. 2019 (encoder.py) and Hugging Face's BpeTrainer, as plainly as can be. Makes

    tests/golden/bpe_vocab.json, bpe_merges.txt   1,500 pieces learned from tests/golden/wordpiece_strings.txt as it stands
    tests/golden/bpe_strings.txt                  strings and their ids (in strings, \\xNN is a byte and \\\\ a backslash)

Run it by hand: /usr/bin/python3 tests/parity/bpe.py
With --check build/lathe the program and this file encode 10,000 strings by the stored pieces and are compared; with
--node FOLDER (of npm's @huggingface/tokenizers, 0.2.0 agreed) that package is compared too. It knows other white space: strings with
U+0085 or U+FEFF, and those that are no UTF-8, are not put to it."""
import argparse
import collections
import json
import os
import random
import subprocess
import tempfile
import unicodedata

GOLDEN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "golden")
END, PIECES, LEAST = "<|endoftext|>", 1500, 2
SPACES = {0x20, *range(9, 14), 0x85, 0xA0, 0x1680, *range(0x2000, 0x200B), 0x2028, 0x2029, 0x202F, 0x205F, 0x3000}


def byte_names():
    names = {b: chr(b) for b in [*range(33, 127), *range(161, 173), *range(174, 256)]}
    others = [b for b in range(256) if b not in names]
    return {**names, **{b: chr(256 + i) for i, b in enumerate(others)}}


NAMES = byte_names()


def kind(c):
    if ord(c) in SPACES:
        return "s"
    category = unicodedata.category(c)[0]
    return category if category in "LN" else "o"


def words(text):
    """The matches of 's|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"""
    at, out, kinds = 0, [], [kind(c) for c in text]

    def run(start, of):
        end = start
        while end < len(text) and kinds[end] == of:
            end += 1
        return end

    while at < len(text):
        end = next((at + len(e) for e in ("'s", "'t", "'re", "'ve", "'m", "'ll", "'d") if text.startswith(e, at)), None)
        if end is None:
            for of in "LNo":
                start = at + (text[at] == " ")
                if run(start, of) > start:
                    end = run(start, of)
                    break
        if end is None:
            end = run(at, "s")
            if end < len(text) and end - at > 1:
                end -= 1
        out.append(text[at:end])
        at = end
    return out


def named(word):
    return [NAMES[b] for b in word.encode("utf-8", "surrogateescape")]


def train(text):
    vocab = [END] + sorted(NAMES.values())
    ids, merges = {p: i for i, p in enumerate(vocab)}, []
    counted = collections.Counter(words(text))
    table = [[[ids[p] for p in named(w)], n] for w, n in counted.items()]
    while len(vocab) < PIECES:
        pairs = collections.Counter()
        for pieces, n in table:
            for pair in zip(pieces, pieces[1:]):
                pairs[pair] += n
        (left, right), n = min(pairs.items(), key=lambda item: (-item[1], item[0]))
        if n < LEAST:
            break
        piece = vocab[left] + vocab[right]
        if piece not in ids:
            ids[piece] = len(vocab)
            vocab.append(piece)
        merges.append((vocab[left], vocab[right]))
        for entry in table:
            entry[0] = joined(entry[0], left, right, ids[piece])
    return ids, merges


def joined(pieces, left, right, piece):
    out, i = [], 0
    while i < len(pieces):
        if i + 1 < len(pieces) and pieces[i] == left and pieces[i + 1] == right:
            out.append(piece)
            i += 2
        else:
            out.append(pieces[i])
            i += 1
    return out


class Tokenizer:
    def __init__(self, ids, merges):
        self.ids, self.ranks, self.cache = ids, {m: i for i, m in enumerate(merges)}, {}

    def word(self, word):
        pieces = named(word)
        while len(pieces) > 1:
            best = min(zip(pieces, pieces[1:]), key=lambda pair: self.ranks.get(pair, len(self.ranks)))
            if best not in self.ranks:
                break
            pieces = joined(pieces, *best, best[0] + best[1])
        return [self.ids[p] for p in pieces]

    def encode(self, text):
        out = []
        for i, part in enumerate(text.split(END)):
            out += [self.ids[END]] if i else []
            for word in words(part):
                if word not in self.cache:
                    self.cache[word] = self.word(word)
                out += self.cache[word]
        return out


def unescape(raw):
    """A golden file's string as text in which a byte that is no UTF-8 is a surrogate."""
    out, i = bytearray(), 0
    while i < len(raw):
        if raw[i:i + 2] == b"\\x":
            out.append(int(raw[i + 2:i + 4], 16))
            i += 4
        else:
            i += raw[i:i + 2] == b"\\\\"
            out.append(raw[i])
            i += 1
    return bytes(out).decode("utf-8", "surrogateescape")


def escape(text):
    out = bytearray()
    for c in text:
        raw = c.encode("utf-8", "surrogateescape")
        plain = len(raw) > 1 and not 0xDC80 <= ord(c) <= 0xDCFF and unicodedata.category(c)[0] not in "CZ"
        if c == "\\":
            out += b"\\\\"
        elif plain or c == " " or (len(raw) == 1 and 32 < raw[0] < 127):
            out += raw
        else:
            out += b"".join(b"\\x%02x" % b for b in raw)
    return bytes(out)


def strings(count):
    with open(os.path.join(GOLDEN, "wordpiece_strings.txt"), "rb") as file:
        out = [unescape(line.split(b"\t")[0]) for line in file.read().split(b"\n")[:-1]]
    out += ["", " ", "  ", "   x", "a  b", "a \n b", "\n\n", "x\n", "\t\tx", " 's", "it's", "it'S", "'", "''s", "'''", "we'll've", "'d'd", END,
            "a" + END + " b", END * 3, "<|endoftext|", "1a2", "a1 b2", "\u00bd\u2163", "\u0301x", "x\u00a0y", "\u2003\u2003z", "\u3000\u4e2d",
            "a" * 300, "ab" * 200, "-" * 100, " " * 70, "\U0001f600\U0001f600", "e\u0301", "\u0660\u0661", "\u0085\u0085x", "\ufeffx",
            "\udc80", "a\udcffb", "\udce2\udc82 x", " \udcc3", "\x00\x01", "don't you've I'm he'll she'd they're"]
    chance, parts = random.Random(5), "a b 'sT \t\n.,!\u00e9\u4e2d1\u0663\u00a0\u2028_-<|>endoftext\u0301\U00010400\u2009"
    while len(out) < count:
        if chance.random() < 0.5:
            out.append("".join(chance.choice(parts) for _ in range(chance.randrange(1, 24))))
        else:
            source = chance.choice(out[:2700])
            cut = sorted(chance.randrange(len(source) + 1) for _ in range(2))
            out.append(source[cut[0]:cut[1]] + chance.choice(["", " ", "  ", "\n", "'s", "\u00a0"]) + chance.choice(out[:2700])[:30])
    return out[:count]


def encode_by_lathe(program, tests):
    """All strings through the program's prompt."""
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, "strings.lua"), "wb") as file:
            file.write(b"local t = tokenizers.bpe.load(arg1)\nlocal function e(s) print(table.concat(t:encode(s), ' ')) end\n"
                       .replace(b"arg1", json.dumps(folder + "/vocab.json").encode()))
            for text in tests:
                raw = text.encode("utf-8", "surrogateescape")
                file.write(b'e("' + b"".join(b"\\x%02x" % b for b in raw) + b'")\n')
        for name in ("vocab.json", "merges.txt"):
            os.symlink(os.path.join(os.path.abspath(GOLDEN), "bpe_" + name), os.path.join(folder, name))
        out = subprocess.run([program, "repl", os.path.join(folder, "strings.lua")], stdin=subprocess.DEVNULL, check=True,
                             capture_output=True, text=True).stdout
    return [[int(i) for i in line.split()] for line in out.split("\n")[:len(tests)]]


NODE = """
import fs from 'node:fs';
const { Tokenizer } = await import(process.argv[2] + '/dist/tokenizers.mjs');
const { file, tests } = JSON.parse(fs.readFileSync(0));
const tokenizer = new Tokenizer(file, {});
console.log(JSON.stringify(tests.map((t) => Array.from(tokenizer.encode(t, { add_special_tokens: false }).ids))));
"""


def encode_by_node(folder, ids, merges, tests):
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    file = {"version": "1.0", "added_tokens": [{"id": ids[END], "content": END, "single_word": False, "lstrip": False, "rstrip": False,
                                                 "normalized": False, "special": True}],
            "normalizer": None, "pre_tokenizer": byte_level, "post_processor": byte_level, "decoder": byte_level,
            "model": {"type": "BPE", "vocab": ids, "merges": [" ".join(m) for m in merges]}}
    with tempfile.NamedTemporaryFile("w", suffix=".mjs") as script:
        script.write(NODE)
        script.flush()
        out = subprocess.run(["node", script.name, os.path.abspath(folder)], input=json.dumps({"file": file, "tests": tests}), check=True,
                             capture_output=True, text=True).stdout
    return json.loads(out)


def compare(name, tests, expected, got):
    wrong = [i for i in range(len(tests)) if expected[i] != got[i]]
    print(f"{name}: {len(tests) - len(wrong)} of {len(tests)} strings have the same ids")
    for i in wrong[:5]:
        print(repr(tests[i]), "expected", expected[i], "got", got[i])


def stored():
    with open(os.path.join(GOLDEN, "bpe_vocab.json")) as file:
        ids = json.load(file)
    with open(os.path.join(GOLDEN, "bpe_merges.txt"), encoding="utf-8") as file:
        merges = [tuple(line.split(" ")) for line in file.read().split("\n")[1:-1]]
    return ids, merges


def write():
    with open(os.path.join(GOLDEN, "wordpiece_strings.txt"), encoding="utf-8", newline="") as file:
        ids, merges = train(file.read())
    with open(os.path.join(GOLDEN, "bpe_vocab.json"), "w", encoding="utf-8") as file:
        json.dump(ids, file, ensure_ascii=False)
        file.write("\n")
    with open(os.path.join(GOLDEN, "bpe_merges.txt"), "w", encoding="utf-8") as file:
        file.write("#version: 0.2\n" + "".join(f"{a} {b}\n" for a, b in merges))
    tokenizer = Tokenizer(ids, merges)
    with open(os.path.join(GOLDEN, "bpe_strings.txt"), "wb") as file:
        for text in strings(3600):
            file.write(escape(text) + b"\t" + " ".join(map(str, tokenizer.encode(text))).encode() + b"\n")
    print(len(ids), "pieces,", len(merges), "merges")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--check", metavar="LATHE")
    parser.add_argument("--node", metavar="FOLDER")
    options = parser.parse_args()
    if not options.check and not options.node:
        return write()
    ids, merges = stored()
    tokenizer, tests = Tokenizer(ids, merges), strings(10000)
    if options.check:
        compare("lathe", tests, [tokenizer.encode(t) for t in tests], encode_by_lathe(options.check, tests))
    if options.node:
        tests = [t for t in tests if not any(c in "\u0085\ufeff" or 0xDC80 <= ord(c) <= 0xDCFF for c in t)]
        compare("node", tests, [tokenizer.encode(t) for t in tests], encode_by_node(options.node, ids, merges, tests))


main()
