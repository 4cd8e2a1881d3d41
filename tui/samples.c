/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/samples.h"

#include "engine/base/memory.h"
#include "engine/nn/decoder.h"
#include "engine/nn/sampling.h"
#include "engine/objectives/rtd.h"

#include <math.h>
#include <string.h>

/* Tokens of an example that are printed, of one with a class; of a text of the model's own; guesses for a word. */
enum { SHOWN = 40, SHOWN_OF_CLASS = 24, WRITTEN = 200, BEST = 5 };

/* One example's place in a view. */
typedef struct Row {
    const Batch *batch;
    const Tensor *ids, *lengths, *positions, *targets, *logits;
    int64_t number;
} Row;

/* The first that is on and of which 'is' holds. */
static const Objective *objective_that(const Session *session, bool (*is)(const ObjectiveRecord *record))
{
    for (int i = 0; i < session->objective_count; i++)
        if (is(session->objectives[i]->record) && session->objectives[i]->enabled) return session->objectives[i];
    return NULL;
}

static bool masks(const ObjectiveRecord *record)
{
    return strcmp(record->name, "mlm") == 0;
}

static bool detects(const ObjectiveRecord *record)
{
    return record == &objective_rtd;
}

static bool writes(const ObjectiveRecord *record)
{
    return record->text && !masks(record);
}

/* --- a pass over held-out examples --- */

/* What an objective predicts for the first held-out examples. */
typedef struct Look {
    Passes passes;
    Forward *pass;
    const Tensor *logits;
} Look;

static Status look(Look *look, Session *session, const Objective *objective, const SessionSource *from, int count)
{
    Cursor cursor = {.seed = from->source->seed};
    int place = (int)(session_source(session, objective->source) - session->sources);
    const char *output = objective->record->output;
    Tensor *logits;
    *look = (Look){.passes = {.session = session, .key = random_key(session->seed, "samples")}};
    if (!output) output = session_model(session, objective->model)->record->classes;
    session_set_mode(session, false);
    TRY(source_next(from->source, count, session->arena, &cursor, &look->passes.batches[place]));
    TRY(passes_get(&look->passes, objective, &look->pass));
    TRY(forward_output(look->pass, output, &logits));
    look->logits = logits;
    return STATUS_OK;
}

static void end_look(Look *look)
{
    passes_clear(&look->passes);
    tape_reset(look->passes.session->tape);
}

/* --- masked words --- */

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

static int guess(const Row *row, int64_t place, Candidate best[BEST])
{
    int64_t classes = row->logits->shape[1], count = classes < BEST ? classes : BEST;
    sampling_best(TENSOR_F32(row->logits) + place * classes, classes, count, best);
    return (int)count;
}

/* " 54%", " 0.4%" */
static void print_share(double probability, FILE *out)
{
    fprintf(out, probability < 0.01 ? " %.1f%%" : " %.0f%%", 100 * probability);
}

static const char *piece_of(const Row *row, int32_t id)
{
    const Vocabulary *vocabulary = row->batch->vocabulary;
    return id >= 0 && id < vocabulary->size ? vocabulary->pieces[id] : "?"; /* a model may know more classes */
}

static void print_row(const Row *row, FILE *out)
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
        Candidate best[BEST];
        int32_t truth = TENSOR_I32(row->targets)[n];
        guess(row, n, best);
        fprintf(out, " [%s", piece_of(row, best[0].id));
        print_share((double)best[0].probability, out);
        fprintf(out, best[0].id == truth ? "]" : ", was %s]", piece_of(row, truth));
    }
    fputs(length > SHOWN ? " ...\n" : "\n", out);
}

/* "    day        morning 54%   day 21%   ..." for each masked word that was shown */
static void print_guesses(const Row *row, FILE *out)
{
    int64_t width = row->ids->shape[1], first = row->number * width, length = TENSOR_I32(row->lengths)[row->number];
    for (int64_t i = 0; i < length && i < SHOWN; i++) {
        int64_t n = masked_place(row, first + i);
        Candidate best[BEST];
        if (n < 0) continue;
        int count = guess(row, n, best);
        fprintf(out, "    %-12s", piece_of(row, TENSOR_I32(row->targets)[n]));
        for (int b = 0; b < count; b++) {
            fprintf(out, "%s %s", b ? "  " : "", piece_of(row, best[b].id));
            print_share((double)best[b].probability, out);
        }
        fputc('\n', out);
    }
}

static void print_masks(const Look *look, int count, bool guesses, FILE *out)
{
    const Batch *batch = look->pass->batch;
    Row row = {batch,
               batch_find(batch, "input_ids"),
               batch_find(batch, "lengths"),
               batch_find(batch, "masked_positions"),
               batch_find(batch, "masked_targets"),
               look->logits,
               0};
    for (; row.number < count && row.number < row.ids->shape[0]; row.number++) {
        print_row(&row, out);
        if (guesses) print_guesses(&row, out);
    }
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
        if (id != vocabulary->classify) print_piece(piece_of(row, id), at < 2, out);
        return;
    }
    int32_t truth = replaced ? TENSOR_I32(row->targets)[masked_place(row, place)] : id;
    fprintf(out, " [%s %.0f%%, %s%s]", piece_of(row, id), 100 * probability, replaced ? "was " : "original",
            replaced ? piece_of(row, truth) : "");
}

static void print_detection(const Row *row, const RtdDetection *detection, FILE *out)
{
    int64_t length = TENSOR_I32(row->lengths)[row->number];
    fputs("  ", out);
    for (int64_t i = 0; i < length && i < SHOWN; i++) print_suspect(row, detection, i, out);
    fputs(length > SHOWN ? " ...\n" : "\n", out);
}

static Status print_detections(Session *session, const Objective *objective, const SessionSource *from, int count,
                               FILE *out)
{
    Passes passes = {.session = session, .key = random_key(session->seed, "samples")};
    Cursor cursor = {.seed = from->source->seed};
    int place = (int)(session_source(session, objective->source) - session->sources);
    RtdDetection detection;
    ObjectiveInput input;
    session_set_mode(session, false);
    Status status = source_next(from->source, count, session->arena, &cursor, &passes.batches[place]);
    if (status == STATUS_OK) status = passes_input(&passes, objective, &input);
    if (status == STATUS_OK) status = rtd_detect(objective, &input, &detection);
    if (status == STATUS_OK) {
        const Batch *batch = input.pass->batch;
        Row row = {.batch = batch,
                   .ids = batch_find(batch, "input_ids"),
                   .lengths = batch_find(batch, "lengths"),
                   .positions = batch_find(batch, "masked_positions"),
                   .targets = batch_find(batch, "masked_targets")};
        for (; row.number < row.ids->shape[0]; row.number++) print_detection(&row, &detection, out);
    }
    passes_clear(&passes);
    tape_reset(session->tape);
    return status;
}

Status samples_masks(Session *session, int count, bool guesses, FILE *out)
{
    const Objective *objective = objective_that(session, masks);
    SessionSource *valid = session_source(session, "valid");
    Look seen;
    if (!objective || !valid || !valid->source->vocabulary || !valid->source->vocabulary->pieces) return STATUS_OK;
    Status status = look(&seen, session, objective, valid, count);
    if (status == STATUS_OK) fputs("masked words, with what the model takes them for:\n", out);
    if (status == STATUS_OK) print_masks(&seen, count, guesses, out);
    end_look(&seen);
    TRY(status);
    objective = objective_that(session, detects);
    if (!objective) return STATUS_OK;
    fputs("words that the generator put in, with how sure the discriminator is that it did:\n", out);
    return print_detections(session, objective, valid, count, out);
}

/* --- classes of whole examples --- */

static void print_input(const Batch *batch, int64_t number, FILE *out)
{
    const Tensor *ids = batch_find(batch, "input_ids"), *lengths = batch_find(batch, "lengths");
    const Tensor *examples = batch_find(batch, "example_ids");
    const Vocabulary *vocabulary = batch->vocabulary;
    if (!ids || !vocabulary || !vocabulary->pieces) {
        fprintf(out, "example %lld", (long long)(examples ? (int64_t)tensor_get(examples, number) : number));
        return;
    }
    int64_t width = ids->shape[1], length = lengths ? TENSOR_I32(lengths)[number] : width;
    for (int64_t i = 0; i < length && i < SHOWN_OF_CLASS; i++)
        print_piece(vocabulary->pieces[TENSOR_I32(ids)[number * width + i]], i == 0, out);
    if (length > SHOWN_OF_CLASS) fputs(" ...", out);
}

static void print_classes(const Look *look, const Tensor *targets, int count, FILE *out)
{
    int64_t classes = look->logits->shape[1], shown = classes < BEST ? classes : BEST;
    for (int64_t row = 0; row < count && row < look->logits->shape[0]; row++) {
        Candidate best[BEST];
        int32_t truth = TENSOR_I32(targets)[row];
        sampling_best(TENSOR_F32(look->logits) + row * classes, classes, shown, best);
        fputs("  ", out);
        print_input(look->pass->batch, row, out);
        fprintf(out, "\n    is %d, %s ", truth, best[0].id == truth ? "right:" : "wrong:");
        for (int b = 0; b < shown; b++)
            fprintf(out, "%s %d %.0f%%", b ? "  " : "", best[b].id, 100 * (double)best[b].probability);
        fputc('\n', out);
    }
}

static Status samples_of(Session *session, const Objective *objective, SessionSource *valid, int count, FILE *out)
{
    Look seen;
    Status status = look(&seen, session, objective, valid, count);
    const Tensor *targets = status == STATUS_OK ? batch_find(seen.pass->batch, objective->record->targets) : NULL;
    if (targets && seen.logits->ndim == 2 && tensor_count(targets) == seen.logits->shape[0]) {
        fprintf(out, "%s of held-out examples:\n", objective->name);
        print_classes(&seen, targets, count, out);
    }
    end_look(&seen);
    return status;
}

Status samples_classes(Session *session, int count, FILE *out)
{
    SessionSource *valid = session_source(session, "valid");
    for (int i = 0; valid && i < session->objective_count; i++) {
        const Objective *objective = session->objectives[i];
        bool classes = objective->record->targets && !objective->record->text && !masks(objective->record);
        if (classes && objective->enabled) TRY(samples_of(session, objective, valid, count, out));
    }
    return STATUS_OK;
}

/* --- a text of the model's own --- */

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

Status samples_text(Session *session, int64_t tokens, FILE *out)
{
    const Objective *objective = objective_that(session, writes);
    SessionSource *source = objective ? session_source(session, objective->source) : NULL;
    Model *model = objective ? session_model(session, objective->model) : NULL;
    if (!model || !model->record->next || !source || !source->source->vocabulary ||
        !source->source->vocabulary->decode)
        return STATUS_OK;
    Writing writing = {.vocabulary = source->source->vocabulary};
    if (tokens > WRITTEN) tokens = WRITTEN;
    int64_t context = model->record->max_length(model), most = context < tokens ? context : tokens;
    TRY(decoder_new(model, most, session_precision(session), true, &writing.decoder));
    Status status = memory_new((size_t)writing.vocabulary->size, sizeof *writing.scratch, &writing.scratch);
    if (status == STATUS_OK) status = write_tokens(&writing, session->seed, most);
    decoder_free(writing.decoder);
    memory_free(writing.scratch);
    if (status != STATUS_OK || writing.count == 0) return status;
    fputs("a text of the model's own:\n", out);
    return print_written(&writing, out);
}
