/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a run answers about its objectives, model, samples and data, of each kind: nothing, one of each, only NaN,
 * ordinary and odd, very much. Part of tests/unit/workbench_data.h. */
#ifndef LATHE_TESTS_WORKBENCH_PANES_H
#define LATHE_TESTS_WORKBENCH_PANES_H

#include "tests/unit/scratch.h"
#include "tui/workbench/topics.h"

static inline void data_answer(View *view, Topic topic, const char *text)
{
    double seconds;
    ASSERT_OK(answer_take(view, topic, text, strlen(text), &seconds));
}

/* --- the run: objectives, optimizer, schedule --- */

static const char data_run[] =
    "{\"step\": 1204, \"steps\": 4000, \"paused\": false, \"lr\": 7.3e-4, \"memory\": 412000000, "
    "\"epoch\": 2.14,"
    "\"optimizer\": {\"name\": \"adamw\", \"options\": {\"lr\": \"0.001\", \"weight_decay\": \"0.01\", \"beta1\": "
    "\"0.9\","
    "\"beta2\": \"0.999\", \"eps\": \"1e-08\"}},"
    "\"schedule\": {\"name\": \"cosine\", \"options\": {\"warmup\": \"0.05\", \"minimum\": \"0\"}},"
    "\"models\": [\"model\", \"teacher\"], \"sources\": [\"train\", \"valid\", \"target\"],"
    "\"objectives\": [{\"name\": \"mlm\", \"record\": \"mlm\", \"weight\": 1, \"enabled\": true, \"value\": 3.871,"
    "\"options\": {\"mlm_probability\": \"0.2\"}},"
    "{\"name\": \"nsp\", \"record\": \"nsp\", \"weight\": 0.1, \"enabled\": true, \"value\": \"NaN\"},"
    "{\"name\": \"domain\", \"record\": \"domain\", \"weight\": 0.05, \"enabled\": false, \"value\": 0.688}]}\n"
    "{\"branches\": [{\"name\": \"main\", \"step\": 740, \"current\": false},"
    "{\"name\": \"low-nsp\", \"step\": 1204, \"parent\": \"main\", \"fork\": 740, \"current\": true}]}\n"
    "{\"edits\": [{\"step\": 400, \"effect\": \"run.optimizer.lr = 0.0007\"},"
    "{\"step\": 800, \"effect\": \"run.objectives.nsp.weight = 0.1\"}],"
    "\"snapshots\": [0, 60, 400, 800, 6000], \"pauses\": [{\"step\": 120, \"text\": "
    "\"paused by breakpoint 0: grad_norm = 14.2\"}]}\n";

static const char data_shares[] =
    "{\"shares\": {\"step\": 1204, \"of\": {\"mlm\": 0.86, \"nsp\": 0.14}}}\n{\"seconds\": 0.01}\n";

static const char data_run_nan[] =
    "{\"step\": 3, \"steps\": 50, \"lr\": \"NaN\", \"memory\": \"NaN\", \"optimizer\": {\"name\": \"sgd\"},"
    "\"schedule\": {\"name\": \"constant\"}, \"models\": [\"model\"],"
    "\"objectives\": [{\"name\": \"mlm\", \"weight\": \"NaN\", \"enabled\": true, \"value\": \"NaN\"},"
    "{\"name\": \"nsp\", \"weight\": 1, \"enabled\": true, \"value\": \"Infinity\"}]}\n"
    "{\"shares\": {\"step\": 3, \"of\": {\"mlm\": \"NaN\", \"nsp\": \"NaN\"}}}\n"
    "{\"schedule\": [\"NaN\", \"NaN\", \"NaN\"]}\n";

/* Sixteen objectives with long names. */
static inline void data_put_many_objectives(Buffer *out)
{
    ASSERT_OK(buffer_text(
        out, "{\"step\": 19000, \"steps\": 20000, \"lr\": 1e-5, \"memory\": 9.9e9, \"optimizer\": {\"name\": "
             "\"adamw\"}, \"schedule\": {\"name\": \"wsd\"}, \"models\": [\"model\"], \"objectives\": ["));
    for (int i = 0; i < 16; i++)
        ASSERT_OK(buffer_printf(
            out,
            "%s{\"name\": \"objective_with_a_long_name_%d\", \"weight\": %g, \"enabled\": %s, \"value\": "
            "%g}",
            i ? "," : "", i, 1e-4 * i * i * i, i % 3 ? "true" : "false", 1e-3 * (i + 1) * 1234));
    ASSERT_OK(buffer_text(out, "]}\n"));
}

static inline void data_put_schedule(Buffer *out)
{
    ASSERT_OK(buffer_text(out, "{\"schedule\": ["));
    for (int i = 0; i < 240; i++) {
        double rate = i < 12 ? 1e-3 * (i + 1) / 12 : 5e-4 * (1 + cos(3.14159265 * (i - 12) / 228));
        ASSERT_OK(buffer_printf(out, "%s%.6g", i ? "," : "", rate));
    }
    ASSERT_OK(buffer_text(out, "]}\n"));
}

/* --- the model --- */

static const char data_model[] =
    "{\"parameters\": ["
    "{\"model\": \"model\", \"path\": \"bert.embeddings.word_embeddings.weight\", \"shape\": \"4096,128\", "
    "\"count\": 524288,"
    "\"norm2\": 331.2, \"grad2\": 0.168, \"update2\": 4e-4, \"zeros\": 0, \"frozen\": false},"
    "{\"model\": \"model\", \"path\": \"bert.encoder.layer.0.attention.self.query.weight\", \"shape\": \"128,128\","
    "\"count\": 16384, \"norm2\": 19.4, \"grad2\": 0.0036, \"update2\": \"NaN\", \"zeros\": 8192, \"units\": 128, "
    "\"dead\": 3,"
    "\"frozen\": true},"
    "{\"model\": \"model\", \"path\": \"cls.predictions.bias\", \"shape\": \"4096\", \"count\": 4096, \"norm2\": "
    "0, \"grad2\": "
    "\"NaN\", \"update2\": \"NaN\", \"zeros\": 4096, \"frozen\": false},"
    "{\"model\": \"teacher\", \"path\": \"layers.0.weight\", \"shape\": \"8,4\", \"count\": 32, \"norm2\": 4, "
    "\"grad2\": 1,"
    "\"update2\": 1e-6, \"zeros\": 0, \"units\": 8, \"dead\": 0, \"frozen\": false}]}\n{\"seconds\": 0.002}\n";

static const char data_model_one[] =
    "{\"parameters\": [{\"path\": \"weight\", \"shape\": \"\", \"count\": 1, \"norm2\": 4, \"grad2\": 1e-4, "
    "\"update2\": 1e-8,"
    "\"zeros\": 0}]}\n{\"model\": \"model\", \"spread\": \"weight\", \"times\": [[1,2,2,2,2,2,2,2,2,2,2,2,2,2]]}\n"
    "{\"attention\": {\"layer\": 0, \"layers\": 1, \"head\": 0, \"heads\": 1, \"tokens\": [\"a\"], \"rows\": "
    "[[1]]}}\n";

static const char data_model_nan[] =
    "{\"parameters\": [{\"path\": \"a.weight\", \"shape\": \"2,2\", \"count\": 4, \"norm2\": \"NaN\", \"grad2\": "
    "\"NaN\","
    "\"update2\": \"NaN\", \"zeros\": \"NaN\", \"units\": 2, \"dead\": \"NaN\"},"
    "{\"path\": \"a.bias\", \"shape\": \"2\", \"count\": 2, \"norm2\": \"Infinity\", \"grad2\": \"Infinity\"}]}\n"
    "{\"attention\": {\"layer\": 0, \"layers\": 1, \"head\": 0, \"heads\": 1, \"tokens\": [\"a\", \"b\"], "
    "\"rows\": [[\"NaN\","
    "\"NaN\"], [\"NaN\", \"NaN\"]]}}\n";

/* A tree that is deep and wide. */
static inline void data_put_deep_model(Buffer *out)
{
    ASSERT_OK(buffer_text(out, "{\"parameters\": ["));
    for (int i = 0; i < 60; i++) {
        ASSERT_OK(buffer_printf(out, "%s{\"path\": \"m%d.", i ? "," : "", i / 20));
        for (int d = 0; d < 20; d++) ASSERT_OK(buffer_printf(out, "inner%d.", d));
        ASSERT_OK(buffer_printf(
            out,
            "layer%d.weight\", \"shape\": \"%d,7,9\", \"count\": %lld, \"norm2\": %g, \"grad2\": %g,"
            "\"update2\": %g, \"zeros\": %d, \"units\": 9, \"dead\": %d}",
            i, i + 1, 63LL * (i + 1) * (i + 1) * (i + 1), 1e-9 * pow(3, i), 1e9 / (i + 1.0), 1e-12 * i, i, i % 9));
    }
    ASSERT_OK(buffer_text(out, "]}\n"));
}

static inline void data_put_spread(const char *model, const char *path, int times, Buffer *out)
{
    ASSERT_OK(buffer_printf(out, "{\"model\": \"%s\", \"spread\": \"%s\", \"times\": [", model, path));
    for (int t = 0; t < times; t++) {
        ASSERT_OK(buffer_printf(out, "%s[%d", t ? "," : "", 10 * t + 1));
        for (int q = 0; q < 13; q++)
            ASSERT_OK(buffer_printf(out, ",%g", (q - 6) * 0.01 * (1 + t * 0.05) - 0.002 * t));
        ASSERT_OK(buffer_text(out, "]"));
    }
    ASSERT_OK(buffer_text(out, "]}\n"));
}

static inline void data_put_attention(int tokens, Buffer *out)
{
    ASSERT_OK(buffer_text(
        out, "{\"attention\": {\"layer\": 1, \"layers\": 2, \"head\": 3, \"heads\": 8, \"path\": \"bert.layer.1\","
             "\"tokens\": ["));
    for (int t = 0; t < tokens; t++)
        ASSERT_OK(
            buffer_printf(out, "%s\"%s%d\"", t ? "," : "", t % 7 == 3 ? "\xe6\x97\xa5\xe6\x9c\xac" : "token", t));
    ASSERT_OK(buffer_text(out, "], \"rows\": ["));
    for (int i = 0; i < tokens; i++) {
        ASSERT_OK(buffer_text(out, i ? ",[" : "["));
        for (int j = 0; j < tokens; j++)
            ASSERT_OK(buffer_printf(out, "%s%g", j ? "," : "",
                                    i == j           ? 0.6
                                    : abs(i - j) < 3 ? 0.2 / abs(i - j)
                                                     : 0.001));
        ASSERT_OK(buffer_text(out, "]"));
    }
    ASSERT_OK(buffer_text(out, "]}}\n"));
}

/* --- samples and data --- */

static const char data_samples[] =
    "{\"samples\": {\"step\": 400, \"text\": \"masked words, with what the model takes them for:\\n  an older "
    "look\"}}\n"
    "{\"samples\": {\"step\": 1204, \"text\": \"masked words, with what the model takes them for:\\n"
    "  a windy [morning 54%, was day] finn \xe6\x97\xa5\xe6\x9c\xac saw a [red 61%] kite that flew over the old "
    "bridge and far away\\n"
    "    day          morning 54%   day 21%   night 6%   evening 3%   week 2%\\n"
    "    red          red 61%   blue 11%   green 5%   small 4%   0.3%\\n\"}}\n";

static const char data_batch[] =
    "{\"data\": {\"step\": 1205, \"ahead\": 0, \"text\": \"step 1,205: 32 examples of 'train', epoch 2\\n"
    "the next 8 batches, 256 examples\\n    lengths 12 to 64, mean 38.2\\n    next_sentence_label  0: 130 (51%)   "
    "1: 126 (49%)\\n"
    "\\n  [CLS] the dog [MASK]{barked} at the moon . [SEP] it was late . [SEP]\\n    2 of 14 tokens are to be "
    "predicted\\n\"}}\n";

static const char data_nan_pages[] =
    "{\"samples\": {\"step\": 3, \"text\": \"masked words, with what the model takes them for:\\n  a [? nan%, was "
    "day] kite\\n\"}}\n"
    "{\"data\": {\"step\": 4, \"ahead\": 0, \"text\": \"step 4: 1 examples of 'train', epoch 0\\n  nan\"}}\n";

static inline void data_put_long_pages(Buffer *out)
{
    ASSERT_OK(buffer_text(out, "{\"samples\": {\"step\": 19000, \"text\": \"many\\n"));
    for (int i = 0; i < 300; i++)
        ASSERT_OK(buffer_printf(out, "  line %d of a page that is far longer than a screen is high\\n", i));
    ASSERT_OK(buffer_text(out, "\"}}\n{\"data\": {\"step\": 19001, \"ahead\": 0, \"text\": \""));
    for (int i = 0; i < 900; i++)
        ASSERT_OK(buffer_printf(out, "word%d%s", i, i % 50 == 49 ? "\\n\\n  " : i % 9 ? " " : ""));
    ASSERT_OK(buffer_text(out, "\"}}\n"));
}

/* --- all, by kind --- */

static inline void data_fill_ordinary(View *view)
{
    Buffer text = {0};
    data_answer(view, TOPIC_RUN, data_run);
    data_answer(view, TOPIC_SHARES, data_shares);
    data_put_schedule(&text);
    data_answer(view, TOPIC_MODEL, data_model);
    snprintf(view->model.spread_path, sizeof view->model.spread_path, "bert.embeddings.word_embeddings.weight");
    data_put_spread("model", view->model.spread_path, 30, &text);
    data_put_attention(9, &text);
    data_answer(view, TOPIC_RUN, text.data);
    data_answer(view, TOPIC_SAMPLES, data_samples);
    data_answer(view, TOPIC_DATA, data_batch);
    buffer_free(&text);
}

static inline void data_fill_one(View *view)
{
    snprintf(view->model.spread_path, sizeof view->model.spread_path, "weight");
    data_answer(view, TOPIC_RUN,
                "{\"step\": 1, \"steps\": 1, \"lr\": 1e-3, \"models\": [\"model\"], \"optimizer\": {\"name\": "
                "\"adamw\"}, \"schedule\": {\"name\": \"constant\"}, \"objectives\": [{\"name\": \"mlm\","
                "\"weight\": 1, \"enabled\": true, \"value\": 7}]}\n{\"schedule\": [0.001]}\n");
    data_answer(view, TOPIC_MODEL, data_model_one);
    data_answer(
        view, TOPIC_SAMPLES,
        "{\"samples\": {\"step\": 1, \"text\": \"  one\"}}\n{\"data\": {\"step\": 2, \"text\": \"one\"}}\n");
}

static inline void data_fill_nan(View *view)
{
    data_answer(view, TOPIC_RUN, data_run_nan);
    data_answer(view, TOPIC_MODEL, data_model_nan);
    data_answer(view, TOPIC_SAMPLES, data_nan_pages);
}

static inline void data_fill_deep(View *view)
{
    Buffer text = {0};
    data_put_many_objectives(&text);
    data_put_schedule(&text);
    data_put_deep_model(&text);
    data_answer(view, TOPIC_RUN, text.data);
    view->model.sorted = true; /* the first one then is what the spread is of */
    model_view_make_rows(&view->model, &view->rows[PANE_MODEL]);
    memcpy(view->model.spread_path, view->model.rows[0].path, sizeof view->model.spread_path);
    view->model.sorted = false;
    model_view_make_rows(&view->model, &view->rows[PANE_MODEL]);
    buffer_clear(&text);
    data_put_spread("model", view->model.spread_path, 96, &text);
    data_put_attention(40, &text);
    data_put_long_pages(&text);
    data_answer(view, TOPIC_RUN, text.data);
    buffer_free(&text);
}

#endif
