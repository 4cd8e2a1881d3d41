/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Every suite of unit tests, one line each: SUITE(name) for name_suite(). */
SUITE(structure)
SUITE(base)
SUITE(text_sources)
SUITE(file)
SUITE(json)
SUITE(safetensors)
SUITE(lua)
SUITE(tokenized)
SUITE(text_files)
SUITE(checkpoints)
SUITE(run_directory)
SUITE(bert)
