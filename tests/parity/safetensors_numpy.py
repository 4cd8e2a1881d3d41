#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""An independent reader and writer of safetensors (numpy only), against which Lathe's own is held.

  safetensors_numpy.py check FILE...   reads files that Lathe wrote: every rule of the format, the canonical order and
                                       padding, and that writing the tensors again gives the same bytes
  safetensors_numpy.py make DIRECTORY  writes the two stored files of tests/golden/ (see test_safetensors.c):
       safetensors_canonical.safetensors   as Lathe's writer makes it, byte for byte
       safetensors_odd.safetensors         as other tools may: header not padded nor sorted, so data are unaligned

bf16 stays the raw upper 16 bits (uint16)."""
import json
import os
import struct
import sys

import numpy as np

# In the format's order; a writer sorts by it, widest first.
TYPES = {"BOOL": "u1", "U8": "u1", "I8": "i1", "I16": "<i2", "U16": "<u2", "F16": "<f2", "BF16": "<u2", "I32": "<i4",
         "U32": "<u4", "F32": "<f4", "F64": "<f8", "I64": "<i8", "U64": "<u8"}
RANK = {name: rank for rank, name in enumerate(TYPES)}


def unique(pairs):
    keys = [key for key, _ in pairs]
    assert len(keys) == len(set(keys)), "duplicate keys"
    return dict(pairs)


def read(path):
    """Checks everything; gives [(name, type, array)] in the order of the data, and the metadata."""
    with open(path, "rb") as file:
        raw = file.read()
    length, = struct.unpack_from("<Q", raw)
    assert 8 + length <= len(raw) and length <= 100_000_000, "header length"
    text = raw[8:8 + length].decode("utf-8")
    assert text.startswith("{"), "header does not start with {"
    header = json.loads(text, object_pairs_hook=unique)
    metadata = header.pop("__metadata__", {})
    assert all(isinstance(v, str) for v in metadata.values()), "metadata"
    data, at, out = raw[8 + length:], 0, []
    for name, entry in sorted(header.items(), key=lambda item: item[1]["data_offsets"]):
        begin, end = entry["data_offsets"]
        assert begin == at and end <= len(data), f"{name}: hole, overlap or beyond the end"
        flat = np.frombuffer(data[begin:end], TYPES[entry["dtype"]])
        out.append((name, entry["dtype"], flat.reshape(entry["shape"])))
        at = end
    assert at == len(data), "bytes after the last tensor"
    return out, metadata


def encode(tensors, metadata, pad):
    header, at = ({"__metadata__": metadata} if metadata else {}), 0
    for name, kind, array in tensors:
        header[name] = {"dtype": kind, "shape": list(array.shape), "data_offsets": [at, at + array.nbytes]}
        at += array.nbytes
    if not pad:
        header = dict(reversed(header.items()))
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8 if pad else 5 - len(text) % 2)  # not padded: an odd place
    return struct.pack("<Q", len(text)) + text + b"".join(array.tobytes() for _, _, array in tensors)


def canonical(tensors):
    return sorted(tensors, key=lambda t: (-RANK[t[1]], t[0].encode()))


def sample():
    """The tensors that test_safetensors.c knows: element i of the k-th type comes from (7 i + 13 k) mod 101."""
    out = []
    for k, kind in enumerate(TYPES):
        for suffix, shape in (("matrix", (3, 5)), ("scalar", ()), ("none", (0, 4))):
            v = (7 * np.arange(np.prod(shape, dtype=int)) + 13 * k) % 101
            if kind == "BOOL":
                v = v % 2
            elif kind[0] in "FB":
                v = (v - 50) / 8
            elif kind[0] == "I":
                v = v - 50
            if kind == "BF16":
                v = v.astype("<f4").view("<u4") >> 16
            out.append((f"{kind.lower()}.{suffix}", kind, v.astype(TYPES[kind]).reshape(shape)))
    return out


def make(directory):
    tensors = sample()
    metadata = {"format": "pt", "note": "made by numpy: \u00e9\u4e2d\U0001f600 \"quoted\""}
    with open(os.path.join(directory, "safetensors_canonical.safetensors"), "wb") as file:
        file.write(encode(canonical(tensors), metadata, True))
    with open(os.path.join(directory, "safetensors_odd.safetensors"), "wb") as file:
        file.write(encode(tensors, metadata, False))


def check(path):
    tensors, metadata = read(path)
    assert [t[0] for t in tensors] == [t[0] for t in canonical(tensors)], "tensors are not in canonical order"
    with open(path, "rb") as file:
        assert file.read() == encode(tensors, metadata, True), "written again, the bytes differ"
    elements = sum(array.size for _, _, array in tensors)
    bad = [name for name, kind, array in tensors if kind[0] == "F" and not np.isfinite(array).all()]
    assert not bad, f"not finite: {bad}"
    print(f"{path}: {len(tensors)} tensors, {elements} elements, metadata {metadata}: as the format says")


if __name__ == "__main__":
    if len(sys.argv) == 3 and sys.argv[1] == "make":
        make(sys.argv[2])
    elif len(sys.argv) >= 3 and sys.argv[1] == "check":
        for name in sys.argv[2:]:
            check(name)
    else:
        sys.exit(__doc__)
