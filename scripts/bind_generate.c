/* SPDX-License-Identifier: GPL-3.0-or-later */
/* run:generate(text, {options}): text from a causal model. scripts/lib/generate.lua knows texts and tokenizers;
 * here are the tokens. */
#include "engine/base/memory.h"
#include "engine/nn/decoder.h"
#include "engine/nn/sampling.h"
#include "scripts/bind_class.h"
#include "scripts/bind_session.h"
#include "scripts/library.h"

#define DECODER_TYPE "lathe.decoder"

typedef struct GenerateConfig {
    int64_t tokens, seed, precision; /* precision: a GeneratePrecision */
    SamplingConfig sampling;
    bool cache;
} GenerateConfig;

typedef enum GeneratePrecision { GENERATE_AS_RUN, GENERATE_F32, GENERATE_BF16 } GeneratePrecision;

static const Option options[] = {
    OPTION_INT_FIELD(GenerateConfig, tokens, 0, 0, 1 << 20,
                     "most tokens that are written; 0: 100, or fewer where the context has no more room"),
    SAMPLING_OPTION_FIELDS(GenerateConfig, sampling),
    OPTION_INT_FIELD(GenerateConfig, seed, 1, 0, 9007199254740992.0, "seed of what is drawn"),
    OPTION_BOOLEAN_FIELD(GenerateConfig, cache, 1, "keep keys and values; false: compute all again for each token"),
    OPTION_CHOICE_FIELD(GenerateConfig, precision, "run", "run f32 bf16",
                        "what products of matrices read; run: what the run's do"),
    {0}};

static const RecordWord others[] = {
    {"stop", "a text or a list of texts behind which it ends"},
    {"on_token", "a function that is told each piece of text as it comes; true ends it"},
    {"model", "the name of a model of the session"},
    {"tokenizer", "one to use in place of that of the run's data"},
    {"answer", "true: the text is one of data.pairs, and its likeliest target is written"},
    {0}};

static DType precision_of(const Session *session, const GenerateConfig *config)
{
    if (config->precision == GENERATE_AS_RUN) return session_precision(session);
    return config->precision == GENERATE_BF16 ? DTYPE_BF16 : DTYPE_F32;
}

/* One call: its memory is the collector's. */
typedef struct Generation {
    GenerateConfig config;
    Decoder *decoder;
    Candidate *scratch;
    int64_t classes; /* tokens that may be drawn: those of the tokenizer */
    int32_t end;     /* the token behind which a text ends */
} Generation;

static int free_generation(lua_State *L)
{
    Generation *generation = lua_touserdata(L, 1);
    decoder_free(generation->decoder);
    memory_free(generation->scratch);
    *generation = (Generation){0};
    return 0;
}

static Generation *push_generation(lua_State *L)
{
    Generation *generation = lua_newuserdatauv(L, sizeof *generation, 0);
    *generation = (Generation){0};
    if (luaL_newmetatable(L, DECODER_TYPE)) {
        lua_pushcfunction(L, free_generation);
        lua_setfield(L, -2, "__gc");
    }
    lua_setmetatable(L, -2);
    return generation;
}

/* The list of ids at the index, in a userdata at the top of the stack. */
static int32_t *push_ids(lua_State *L, int index, int64_t *count)
{
    *count = (int64_t)lua_rawlen(L, index);
    int32_t *ids = lua_newuserdatauv(L, ((size_t)*count + 1) * sizeof *ids, 0);
    for (int64_t i = 0; i < *count; i++) {
        lua_rawgeti(L, index, i + 1);
        ids[i] = (int32_t)luaL_checkinteger(L, -1);
        lua_pop(L, 1);
    }
    return ids;
}

enum { STANDARD = 100 }; /* tokens where nobody says how many */

static Status check_room(const Model *model, int64_t prompt, int64_t *tokens)
{
    int64_t context = model->record->max_length && model->record->next ? model->record->max_length(model) : 0;
    if (!context)
        return status_fail(STATUS_INVALID, "generate: '%s' is a %s, which is no decoder, as gpt2 is", model->name,
                           model->record->name);
    if (prompt < context && *tokens == 0) *tokens = context - prompt < STANDARD ? context - prompt : STANDARD;
    if (prompt + *tokens <= context && *tokens) return STATUS_OK;
    if (prompt >= context)
        return status_fail(STATUS_INVALID,
                           "generate: the text has %lld tokens, which fill the model's context of %lld; shorten it",
                           (long long)prompt, (long long)context);
    return status_fail(STATUS_INVALID,
                       "generate: %lld tokens behind a text of %lld do not fit into the model's context of %lld; "
                       "ask for at most %lld",
                       (long long)*tokens, (long long)prompt, (long long)context, (long long)(context - prompt));
}

/* Calls the function at index 5 with the id; whether it wants to stop. */
static bool told(lua_State *L, int32_t id)
{
    lua_pushvalue(L, 5);
    lua_pushinteger(L, id);
    lua_call(L, 1, 1);
    bool stop = lua_toboolean(L, -1);
    lua_pop(L, 1);
    return stop;
}

static void write_tokens(lua_State *L, Generation *generation, const int32_t *prompt, int64_t count)
{
    const GenerateConfig *config = &generation->config;
    RandomKey key = random_key((uint64_t)config->seed, "generate");
    const float *logits;
    int32_t id;
    for (int64_t n = 0; n < config->tokens; n++) {
        host_check(L, decoder_feed(generation->decoder, n ? &id : prompt, n ? 1 : count, &logits));
        int64_t classes = decoder_vocabulary(generation->decoder);
        if (classes > generation->classes) classes = generation->classes;
        host_check(L, sampling_draw(&config->sampling, logits, classes, random_subkey(key, (uint64_t)n),
                                    generation->scratch, &id));
        if (id == generation->end || told(L, id)) return;
    }
}

/* session, model name, {ids}, {options}, function(id) return stop end, {vocab_size =, end_id =} */
static int generate_ids(lua_State *L)
{
    SessionHandle *handle = bind_check_session(L, 1);
    Model *model = session_model(handle->session, luaL_checkstring(L, 2));
    int64_t count;
    lua_settop(L, 6);
    if (!model) return luaL_error(L, "generate: there is no model '%s'", lua_tostring(L, 2));
    Generation *generation = push_generation(L);
    int32_t *ids = push_ids(L, 3, &count);
    option_defaults(options, &generation->config);
    bind_read_options(L, 4, options, &generation->config, "generate", others);
    host_check(L, check_room(model, count, &generation->config.tokens));
    lua_getfield(L, 6, "vocab_size");
    generation->classes = luaL_checkinteger(L, -1);
    host_check(L, model_check_vocabulary(model, "generate: the tokenizer", generation->classes));
    lua_getfield(L, 6, "end_id");
    generation->end = (int32_t)luaL_checkinteger(L, -1);
    host_check(L, memory_new((size_t)generation->classes, sizeof *generation->scratch, &generation->scratch));
    DType precision = precision_of(handle->session, &generation->config);
    if (handle->only_generates && precision == DTYPE_BF16) host_check(L, module_hold_half(model->root));
    host_check(L, decoder_new(model, count + generation->config.tokens, precision, generation->config.cache,
                              &generation->decoder));
    write_tokens(L, generation, ids, count);
    return 0;
}

/* run:generate(text, {options}), model:generate(text, {options}) -> the text that was written */
int bind_generate(lua_State *L)
{
    lua_settop(L, 3);
    SessionHandle *handle = bind_test_session(L, 1) ? bind_check_session(L, 1) : bind_handle_of(L, 1);
    host_need_boundary(L, bind_generate);
    if (handle->stepping) return luaL_error(L, "generate: a training step is under way");
    library_require(L, "generate");
    lua_insert(L, 1);
    lua_call(L, 3, 7);
    lua_pushcfunction(L, generate_ids);
    lua_insert(L, 2);
    lua_call(L, 6, 0);
    lua_call(L, 0, 1);
    return 1;
}

const BindMethod bind_generate_methods[] = {
    {.name = "generate",
     .arguments = "(text, { options })",
     .doc = "Goes on with a text: gives what was written, up to the end of the text, one of the texts 'stop', or "
            "so many "
            "tokens. The same seed writes the same. top_k: Fan et al. 2018; top_p: Holtzman et al. 2020.",
     .call = bind_generate,
     .options = options,
     .words = others},
    {0}};
