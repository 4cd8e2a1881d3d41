/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Questions about texts as a file of SQuAD's form, version 1.1 (Rajpurkar et al. 2016). */
#ifndef LATHE_DATASETS_SQUAD_WRITE_H
#define LATHE_DATASETS_SQUAD_WRITE_H

#include "datasets/corpus.h"

/* Each document's last sentence is the answer to the one before it, about the others. Documents with the same text
 * behind each other share a paragraph; ids are numbers from 0. answer_start counts characters, and is where the
 * answer stands last as words of its own. Errors: a corpus without questions, an answer that does not stand in its
 * text, the disk. */
Status squad_write(const Corpus *corpus, const char *path) STATUS_CHECKED;

#endif
