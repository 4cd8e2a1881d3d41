/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Generation: tokens with and without a cache and PyTorch's (tests/parity/gpt2.py), drawing, errors. */
#include "engine/kernels/bf16_product.h"
#include "engine/kernels/elementwise.h"
#include "engine/nn/decoder.h"
#include "engine/nn/sampling.h"
#include "scripts/host.h"
#include "tests/unit/scratch.h"
#include "tests/unit/skip.h"
#include "tests/unit/tiny_gpt2.h"

#include <math.h>

enum { PROMPT = 5, TOKENS = 200 };

static const SamplingConfig greedy = {.temperature = 0, .top_p = 1};
static const int32_t prompt[PROMPT] = {3, 1, 4, 1, 5};

static Model *tiny_model(void)
{
    Model *model;
    Gpt2Config config = gpt2_tiny_config();
    OK(model_new(&model_gpt2, &config, "model", random_key(1, "weights"), &model));
    OK(weights_load(model, TEST_GOLDEN "/gpt2_model.safetensors"));
    return model;
}

/* The likeliest tokens behind the prompt. */
static void write_greedy(Model *model, bool cached, int32_t out[TOKENS])
{
    Decoder *decoder;
    const float *logits;
    Candidate scratch[GPT2_VOCAB];
    OK(decoder_new(model, PROMPT + TOKENS, DTYPE_F32, cached, &decoder));
    for (int n = 0; n < TOKENS; n++) {
        OK(decoder_feed(decoder, n ? &out[n - 1] : prompt, n ? 1 : PROMPT, &logits));
        ck_assert_int_eq(decoder_vocabulary(decoder), GPT2_VOCAB);
        OK(sampling_draw(&greedy, logits, GPT2_VOCAB, random_key(1, "x"), scratch, &out[n]));
    }
    ck_assert_int_eq(decoder_length(decoder), PROMPT + TOKENS - 1);
    decoder_free(decoder);
}

START_TEST(cache_changes_nothing)
{
    Model *model = tiny_model();
    Safetensors *file;
    const SafetensorsEntry *entry;
    int32_t with[TOKENS], without[TOKENS];
    write_greedy(model, true, with);
    write_greedy(model, false, without);
    OK(safetensors_open(TEST_GOLDEN "/gpt2_steps.safetensors", &file));
    OK(safetensors_get(file, "generated", &entry));
    ck_assert_int_eq(entry->count, PROMPT + TOKENS);
    for (int n = 0; n < TOKENS; n++) {
        ck_assert_int_eq(with[n], without[n]);
        ck_assert_int_eq(with[n], ((const int32_t *)entry->data)[PROMPT + n]);
    }
    safetensors_close(file);
    model_free(model);
    ck_assert_uint_eq(memory_in_use(), 0);
}
END_TEST

/* Tokens may come in any portions. */
START_TEST(portions_do_not_matter)
{
    Model *model = tiny_model();
    Decoder *decoder;
    const float *logits;
    float whole[GPT2_VOCAB];
    int32_t ids[150];
    for (int i = 0; i < 150; i++) ids[i] = i * 7 % GPT2_VOCAB;
    OK(decoder_new(model, 150, DTYPE_F32, true, &decoder));
    OK(decoder_feed(decoder, ids, 150, &logits));
    memcpy(whole, logits, sizeof whole);
    static const int portions[] = {1, 2, 64, 30, 1, 52};
    decoder_reset(decoder);
    for (int i = 0, at = 0; i < 6; at += portions[i++]) OK(decoder_feed(decoder, ids + at, portions[i], &logits));
    for (int i = 0; i < GPT2_VOCAB; i++) ck_assert_double_eq_tol((double)logits[i], (double)whole[i], 2e-5);
    decoder_free(decoder);
    model_free(model);
}
END_TEST

START_TEST(refusals)
{
    Model *model = tiny_model();
    Decoder *decoder;
    const float *logits;
    ck_assert_int_eq(decoder_new(model, GPT2_CONTEXT + 1, DTYPE_F32, true, &decoder), STATUS_INVALID);
    ck_assert_ptr_nonnull(strstr(status_message(), "257 tokens do not fit into the context of 256"));
    ck_assert_int_eq(decoder_new(model, 0, DTYPE_F32, true, &decoder), STATUS_INVALID);
    OK(decoder_new(model, 6, DTYPE_F32, true, &decoder));
    OK(decoder_feed(decoder, prompt, PROMPT, &logits));
    ck_assert_int_eq(decoder_feed(decoder, prompt, 2, &logits), STATUS_INVALID);
    ck_assert_ptr_nonnull(strstr(status_message(), "2 tokens behind 5 do not fit into 6"));
    ck_assert_int_eq(decoder_feed(decoder, prompt, 0, &logits), STATUS_INVALID);
    ck_assert_int_eq(decoder_feed(decoder, (int32_t[]){GPT2_VOCAB}, 1, &logits), STATUS_INVALID);
    ck_assert_int_eq(decoder_feed(decoder, (int32_t[]){-1}, 1, &logits), STATUS_INVALID);
    ck_assert_int_eq(decoder_length(decoder), PROMPT);
    OK(decoder_feed(decoder, prompt, 1, &logits));
    decoder_free(decoder);
    model_free(model);
}
END_TEST

/* A pass that fails in the middle leaves no trace. */
START_TEST(failures_leave_no_trace)
{
    Model *model = tiny_model();
    for (int cached = 0; cached < 2; cached++)
        for (uint64_t n = 1;; n += 1 + n / 4) {
            Decoder *decoder = NULL;
            const float *logits;
            memory_fail_after(n, 0);
            Status status = decoder_new(model, 8, DTYPE_F32, cached, &decoder);
            if (status == STATUS_OK) status = decoder_feed(decoder, prompt, 3, &logits);
            memory_fail_after(0, 0);
            if (status != STATUS_OK) ck_assert_int_eq(status, STATUS_NOMEM);
            if (status != STATUS_OK && decoder) ck_assert_int_eq(decoder_length(decoder), 0);
            decoder_free(decoder);
            if (status == STATUS_OK) break;
        }
    model_free(model);
    ck_assert_uint_eq(memory_in_use(), 0);
}
END_TEST

/* --- weights that are held in bf16 alone --- */

static Status round_matrix(void *context, Param *param)
{
    (void)context;
    if (param->value->ndim == 2)
        kernel_round_bf16(tensor_count(param->value), TENSOR_F32(param->value), TENSOR_F32(param->value));
    param_changed(param);
    return STATUS_OK;
}

static void logits_of(Model *model, DType precision, float out[GPT2_VOCAB])
{
    Decoder *decoder;
    const float *logits;
    OK(decoder_new(model, PROMPT, precision, true, &decoder));
    OK(decoder_feed(decoder, prompt, PROMPT, &logits));
    memcpy(out, logits, GPT2_VOCAB * sizeof *out);
    decoder_free(decoder);
    bf16_forget();
}

/* The bits are those of f32 weights that bf16 can say, and there is less of them. */
START_TEST(held_in_half_the_memory)
{
    if (!bf16_native()) {
        test_skip("this machine does not multiply bf16");
        return;
    }
    Model *held = tiny_model(), *rounded = tiny_model();
    float got[GPT2_VOCAB], expected[GPT2_VOCAB];
    size_t before = memory_in_use(), weights = 4 * (size_t)module_count_weights(held->root);
    OK(module_hold_half(held->root));
    ck_assert_uint_lt(memory_in_use(), before - weights * 2 / 5);
    ck_assert_int_eq(module_count_frozen(held->root), module_count_params(held->root));
    OK(module_each_param(rounded->root, round_matrix, NULL));
    before = memory_in_use();
    logits_of(held, DTYPE_BF16, got);
    ck_assert_uint_eq(memory_in_use(), before); /* no copies for products */
    logits_of(rounded, DTYPE_BF16, expected);
    ck_assert_mem_eq(got, expected, sizeof got);
    logits_of(held, DTYPE_F32, got); /* at other places it is widened */
    for (int i = 0; i < GPT2_VOCAB; i++) ck_assert_double_eq_tol((double)got[i], (double)expected[i], 0.1);
    OK(module_hold_half(held->root));
    model_free(held);
    model_free(rounded);
    ck_assert_uint_eq(memory_in_use(), 0);
}
END_TEST

START_TEST(holding_may_fail)
{
    if (!bf16_native()) {
        test_skip("this machine does not multiply bf16");
        return;
    }
    for (uint64_t n = 1;; n++) {
        Model *model = tiny_model();
        float logits[GPT2_VOCAB];
        memory_fail_after(n, 0);
        Status status = module_hold_half(model->root);
        memory_fail_after(0, 0);
        logits_of(model, DTYPE_BF16, logits);
        model_free(model);
        ck_assert_uint_eq(memory_in_use(), 0);
        if (status == STATUS_OK) break;
        ck_assert_int_eq(status, STATUS_NOMEM);
    }
}
END_TEST

/* --- drawing --- */

/* How often each of count tokens is drawn in 20,000 draws, as shares. */
static void draw_often(const SamplingConfig *config, const float *logits, int count, double *shares)
{
    enum { DRAWS = 20000 };
    Candidate scratch[64];
    for (int i = 0; i < count; i++) shares[i] = 0;
    for (uint64_t n = 0; n < DRAWS; n++) {
        int32_t id;
        OK(sampling_draw(config, logits, count, random_subkey(random_key(3, "draws"), n), scratch, &id));
        ck_assert(id >= 0 && id < count);
        shares[id] += 1.0 / DRAWS;
    }
}

static void expect_shares(const SamplingConfig *config, const double *expected)
{
    float logits[6];
    double shares[6];
    static const double plain[6] = {0.05, 0.4, 0.1, 0.25, 0.15, 0.05};
    for (int i = 0; i < 6; i++) logits[i] = (float)log(plain[i]) + 3;
    draw_often(config, logits, 6, shares);
    for (int i = 0; i < 6; i++) {
        ck_assert_double_eq_tol(shares[i], expected[i], 0.015);
        if (expected[i] == 0) ck_assert_double_eq(shares[i], 0);
    }
}

START_TEST(drawing_follows_the_probabilities)
{
    expect_shares(&(SamplingConfig){.temperature = 1, .top_p = 1}, (double[]){0.05, 0.4, 0.1, 0.25, 0.15, 0.05});
    expect_shares(&(SamplingConfig){.temperature = 0, .top_p = 1}, (double[]){0, 1, 0, 0, 0, 0});
    expect_shares(&(SamplingConfig){.temperature = 1, .top_p = 1, .top_k = 1}, (double[]){0, 1, 0, 0, 0, 0});
    expect_shares(&(SamplingConfig){.temperature = 1, .top_p = 1, .top_k = 3},
                  (double[]){0, 0.5, 0, 0.3125, 0.1875, 0});
    expect_shares(&(SamplingConfig){.temperature = 1, .top_p = 0.6}, (double[]){0, 0.6154, 0, 0.3846, 0, 0});
    expect_shares(&(SamplingConfig){.temperature = 1, .top_p = 0.39}, (double[]){0, 1, 0, 0, 0, 0});
    /* of three with 0.8 together, top_p 0.75 leaves the two that have 0.65 of it */
    expect_shares(&(SamplingConfig){.temperature = 1, .top_p = 0.75, .top_k = 3},
                  (double[]){0, 0.6154, 0, 0.3846, 0, 0});
    /* at half the temperature probabilities are squared */
    expect_shares(&(SamplingConfig){.temperature = 0.5, .top_p = 1},
                  (double[]){0.0096, 0.6154, 0.0385, 0.2404, 0.0865, 0.0096});
}
END_TEST

START_TEST(drawing_breaks_ties_by_id)
{
    float logits[40];
    Candidate scratch[40];
    double shares[40];
    int32_t id;
    for (int i = 0; i < 40; i++) logits[i] = i % 2 ? 1 : -1;
    OK(sampling_draw(&greedy, logits, 40, random_key(1, "x"), scratch, &id));
    ck_assert_int_eq(id, 1);
    SamplingConfig few = {.temperature = 1, .top_p = 1, .top_k = 3};
    draw_often(&few, logits, 40, shares);
    ck_assert_double_eq_tol(shares[1] + shares[3] + shares[5], 1, 1e-9);
}
END_TEST

START_TEST(drawing_refuses_what_is_no_number)
{
    float logits[3] = {0, 1, 2};
    Candidate scratch[3];
    int32_t id;
    SamplingConfig config = {.temperature = 1, .top_p = 1};
    logits[1] = -INFINITY; /* never */
    OK(sampling_draw(&config, logits, 3, random_key(1, "x"), scratch, &id));
    logits[1] = NAN;
    ck_assert_int_eq(sampling_draw(&config, logits, 3, random_key(1, "x"), scratch, &id), STATUS_NONFINITE);
    logits[1] = INFINITY;
    ck_assert_int_eq(sampling_draw(&greedy, logits, 3, random_key(1, "x"), scratch, &id), STATUS_NONFINITE);
}
END_TEST

/* --- from Lua --- */

static int push_path(lua_State *L)
{
    lua_pushstring(L, scratch_path("text.txt"));
    lua_setglobal(L, "path");
    return 0;
}

START_TEST(from_lua)
{
    Host *host;
    HostOptions options = {.seed = 1};
    OK(host_new(&options, &host));
    OK(host_protect(host, push_path, NULL));
    OK(host_load_file(host, LATHE_SOURCE "/tests/unit/generate.lua"));
    OK(host_call(host, 0, 0));
    host_free(host);
    ck_assert_uint_eq(memory_in_use(), 0);
}
END_TEST

START_TEST(likelihoods_from_lua)
{
    Host *host;
    HostOptions options = {.seed = 1};
    OK(host_new(&options, &host));
    OK(host_protect(host, push_path, NULL));
    OK(host_load_file(host, LATHE_SOURCE "/tests/unit/likelihood.lua"));
    OK(host_call(host, 0, 0));
    host_free(host);
    ck_assert_uint_eq(memory_in_use(), 0);
}
END_TEST

Suite *generate_suite(void);
Suite *generate_suite(void)
{
    Suite *suite = suite_create("generate");
    TCase *tests = tcase_create("generate");
    tcase_add_checked_fixture(tests, scratch_make, scratch_remove);
    tcase_add_test(tests, from_lua);
    tcase_add_test(tests, likelihoods_from_lua);
    tcase_add_test(tests, cache_changes_nothing);
    tcase_add_test(tests, portions_do_not_matter);
    tcase_add_test(tests, refusals);
    tcase_add_test(tests, failures_leave_no_trace);
    tcase_add_test(tests, held_in_half_the_memory);
    tcase_add_test(tests, holding_may_fail);
    tcase_add_test(tests, drawing_follows_the_probabilities);
    tcase_add_test(tests, drawing_breaks_ties_by_id);
    tcase_add_test(tests, drawing_refuses_what_is_no_number);
    suite_add_tcase(suite, tests);
    return suite;
}
