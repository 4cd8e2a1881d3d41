/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "datasets/corpus.h"

#include "engine/base/memory.h"

#include <string.h>

static Status add_document(Corpus *to, const Corpus *from, int64_t document, Buffer *scratch)
{
    int64_t end = from->documents[document + 1], written = from->task == CORPUS_TEXT ? end : end - 1;
    for (int64_t s = from->documents[document]; s < end; s++) {
        size_t length;
        const char *text = corpus_sentence(from, s, &length);
        buffer_clear(scratch);
        if (s > from->documents[document] && s < written) TRY(buffer_append(scratch, " ", 1));
        TRY(buffer_append(scratch, text, length));
        TRY(corpus_add_sentence(to, scratch->data, scratch->length));
    }
    return corpus_end_document(to, from->labels[document]);
}

static Status copy_classes(Corpus *to, const Corpus *from)
{
    for (int64_t i = 0; i < from->class_count; i++) {
        int32_t number;
        TRY(corpus_class(to, from->classes[i], &number));
    }
    return STATUS_OK;
}

static Status fill(Corpus *to, const Corpus *from, Buffer *scratch)
{
    memcpy(to->doc, from->doc, sizeof to->doc);
    to->task = from->task;
    TRY(copy_classes(to, from));
    for (int64_t d = 0; d < from->document_count; d++) TRY(add_document(to, from, d, scratch));
    TRY(corpus_finish(to));
    return from->held_out ? corpus_joined(from->held_out, &to->held_out) : STATUS_OK;
}

Status corpus_joined(const Corpus *corpus, Corpus **out)
{
    Corpus *joined;
    Buffer scratch = {0};
    TRY(corpus_new(&joined));
    Status status = fill(joined, corpus, &scratch);
    buffer_free(&scratch);
    if (status == STATUS_OK)
        *out = joined;
    else
        corpus_unref(joined);
    return status;
}
