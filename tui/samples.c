/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/samples.h"

#include "engine/base/memory.h"
#include "engine/nn/decoder.h"
#include "engine/nn/sampling.h"
#include "engine/objectives/rtd.h"

#include <math.h>
#include <string.h>

enum { SHOWN = 40, WRITTEN = 200 }; /* tokens of an example that are printed; of a text of the model's own */

/* One example's place in a view. */
typedef struct Row {
    const Batch *batch;
    const Tensor *ids, *lengths, *positions, *targets, *logits;
    int64_t number;
} Row;

/* The first that is on; NULL: there is none. */
static const Objective *objective_of(const Session *session, const char *record)
{
    for (int i = 0; i < session->objective_count; i++)
        if (strcmp(session->objectives[i]->record->name, record) == 0 && session->objectives[i]->enabled)
            return session->objectives[i];
    return NULL;
}

/* The commonest prediction for the masked place n, and its probability. */
static int64_t predict(const Tensor *logits, int64_t n, double *probability)
{
    int64_t classes = logits->shape[1], best = 0;
    const float *row = TENSOR_F32(logits) + n * classes;
    double sum = 0;
    for (int64_t i = 1; i < classes; i++)
        if (row[i] > row[best]) best = i;
    for (int64_t i = 0; i < classes; i++) sum += exp((double)(row[i] - row[best]));
    *probability = 1 / sum;
    return best;
}

static void print_piece(const char *piece, bool first, FILE *out)
{
    bool joined = strncmp(piece, "##", 2) == 0;
    if (!joined && !first) fputc(' ', out);
    fputs(joined ? piece + 2 : piece, out);
}

/* The place among the masked ones, -1 where the token is not masked. */
static int64_t masked_place(const Row *row, int64_t at)
{
    for (int64_t n = 0; n < tensor_count(row->positions); n++)
        if (TENSOR_I32(row->positions)[n] == at) return n;
    return -1;
}

static const char *piece_of(const Vocabulary *vocabulary, int32_t id)
{
    return id < vocabulary->size ? vocabulary->pieces[id] : "?"; /* the model may have more rows */
}

static void print_masked(const Row *row, FILE *out)
{
    int64_t width = row->ids->shape[1], length = TENSOR_I32(row->lengths)[row->number];
    const Vocabulary *vocabulary = row->batch->vocabulary;
    fputs("  ", out);
    for (int64_t i = 0; i < length && i < SHOWN; i++) {
        int64_t n = masked_place(row, row->number * width + i);
        int32_t id = TENSOR_I32(row->ids)[row->number * width + i];
        if (n < 0) {
            if (id != vocabulary->classify) print_piece(vocabulary->pieces[id], i < 2, out);
            continue;
        }
        double probability;
        int64_t guess = predict(row->logits, n, &probability);
        int32_t truth = TENSOR_I32(row->targets)[n];
        fprintf(out, " [%s %.0f%%%s%s]", vocabulary->pieces[guess], 100 * probability,
                guess == truth ? "" : ", was ", guess == truth ? "" : vocabulary->pieces[truth]);
    }
    fputs(length > SHOWN ? " ...\n" : "\n", out);
}

/* --- what a discriminator makes of the words that a generator put in --- */

/* A word that was replaced, or that is taken for such: the probability of that, and what is true. */
static void print_suspect(const Row *row, const RtdDetection *detection, int64_t at, FILE *out)
{
    const Vocabulary *vocabulary = row->batch->vocabulary;
    int64_t place = row->number * row->ids->shape[1] + at, n = 0;
    int32_t id = TENSOR_I32(detection->ids)[place];
    while (TENSOR_I32(detection->rows)[n] != place) n++;
    double probability = 1 / (1 + exp(-(double)TENSOR_F32(detection->logits)[n]));
    bool replaced = TENSOR_F32(detection->replaced)[n] > 0;
    if (!replaced && probability < 0.5) {
        if (id != vocabulary->classify) print_piece(piece_of(vocabulary, id), at < 2, out);
        return;
    }
    int32_t truth = replaced ? TENSOR_I32(row->targets)[masked_place(row, place)] : id;
    fprintf(out, " [%s %.0f%%, %s%s]", piece_of(vocabulary, id), 100 * probability, replaced ? "was " : "original",
            replaced ? piece_of(vocabulary, truth) : "");
}

static void print_detection(const Row *row, const RtdDetection *detection, FILE *out)
{
    int64_t length = TENSOR_I32(row->lengths)[row->number];
    fputs("  ", out);
    for (int64_t i = 0; i < length && i < SHOWN; i++) print_suspect(row, detection, i, out);
    fputs(length > SHOWN ? " ...\n" : "\n", out);
}

/* --- held-out examples in a view --- */

static Status print_rows(const Objective *objective, const ObjectiveInput *input, int count, FILE *out)
{
    const Batch *batch = input->pass->batch;
    bool detects = strcmp(objective->record->name, "rtd") == 0;
    Row row = {.batch = batch,
               .ids = batch_find(batch, "input_ids"),
               .lengths = batch_find(batch, "lengths"),
               .positions = batch_find(batch, "masked_positions"),
               .targets = batch_find(batch, "masked_targets")};
    RtdDetection detection;
    Tensor *logits;
    if (detects)
        TRY(rtd_detect(objective, input, &detection));
    else
        TRY(forward_output(input->pass, objective->record->output, &logits));
    if (!detects) row.logits = logits;
    for (; row.number < count && row.number < row.ids->shape[0]; row.number++)
        if (detects)
            print_detection(&row, &detection, out);
        else
            print_masked(&row, out);
    return STATUS_OK;
}

static Status print_examples(Session *session, SessionSource *from, const Objective *objective, int count,
                             FILE *out)
{
    Passes passes = {.session = session, .key = random_key(session->seed, "samples")};
    Cursor cursor = {.seed = from->source->seed};
    ObjectiveInput input;
    int place = (int)(session_source(session, objective->source) - session->sources);
    session_set_mode(session, false);
    Status status = source_next(from->source, from->batch_size, session->arena, &cursor, &passes.batches[place]);
    if (status == STATUS_OK) status = passes_input(&passes, objective, &input);
    if (status == STATUS_OK) status = print_rows(objective, &input, count, out);
    passes_clear(&passes);
    tape_reset(session->tape);
    return status;
}

Status samples_masks(Session *session, int count, FILE *out)
{
    static const struct {
        const char *objective, *title;
    } kinds[] = {{"mlm", "masked words, with what the model takes them for:\n"},
                 {"rtd", "words that the generator put in, with how sure the discriminator is that it did:\n"}};
    SessionSource *valid = session_source(session, "valid");
    if (!valid || !valid->source->vocabulary || !valid->source->vocabulary->pieces) return STATUS_OK;
    for (int i = 0; i < 2; i++) {
        const Objective *objective = objective_of(session, kinds[i].objective);
        if (!objective) continue;
        fputs(kinds[i].title, out);
        TRY(print_examples(session, valid, objective, count, out));
    }
    return STATUS_OK;
}

/* --- a text of the model's own --- */

static const Objective *writing_objective(const Session *session)
{
    for (int i = 0; i < session->objective_count; i++)
        if (session->objectives[i]->record->text && session->objectives[i]->enabled) return session->objectives[i];
    return NULL;
}

typedef struct Writing {
    const Vocabulary *vocabulary;
    Decoder *decoder;
    Candidate *scratch;
    int32_t ids[WRITTEN];
    int64_t count;
} Writing;

static Status write_tokens(Writing *writing, uint64_t seed, int64_t most)
{
    static const SamplingConfig config = {.temperature = 0.8, .top_p = 1};
    int32_t id = writing->vocabulary->separator;
    const float *logits;
    while (writing->count < most) {
        TRY(decoder_feed(writing->decoder, &id, 1, &logits));
        int64_t classes = decoder_vocabulary(writing->decoder);
        if (classes > writing->vocabulary->size) classes = writing->vocabulary->size;
        TRY(sampling_draw(&config, logits, classes,
                          random_subkey(random_key(seed, "samples"), (uint64_t)writing->count), writing->scratch,
                          &id));
        if (id == writing->vocabulary->separator) break;
        writing->ids[writing->count++] = id;
    }
    return STATUS_OK;
}

static Status print_written(const Writing *writing, FILE *out)
{
    Buffer text = {0};
    const Vocabulary *vocabulary = writing->vocabulary;
    Status status = vocabulary->decode(vocabulary->tokenizer, writing->ids, writing->count, &text);
    for (const char *line = text.data; status == STATUS_OK && line && *line;) {
        size_t length = strcspn(line, "\n");
        fprintf(out, "  %.*s\n", (int)length, line);
        line += length + (line[length] == '\n');
    }
    buffer_free(&text);
    return status;
}

Status samples_text(Session *session, FILE *out)
{
    const Objective *objective = writing_objective(session);
    SessionSource *source = objective ? session_source(session, objective->source) : NULL;
    Model *model = objective ? session_model(session, objective->model) : NULL;
    if (!model || !model->record->next || !source || !source->source->vocabulary ||
        !source->source->vocabulary->decode)
        return STATUS_OK;
    Writing writing = {.vocabulary = source->source->vocabulary};
    int64_t context = model->record->max_length(model), most = context < WRITTEN ? context : WRITTEN;
    TRY(decoder_new(model, most, session_precision(session), true, &writing.decoder));
    Status status = memory_new((size_t)writing.vocabulary->size, sizeof *writing.scratch, &writing.scratch);
    if (status == STATUS_OK) status = write_tokens(&writing, session->seed, most);
    decoder_free(writing.decoder);
    memory_free(writing.scratch);
    if (status != STATUS_OK || writing.count == 0) return status;
    fputs("a text of the model's own:\n", out);
    return print_written(&writing, out);
}
