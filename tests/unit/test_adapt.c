/* SPDX-License-Identifier: GPL-3.0-or-later */
/* run:adapt in Lua: one edit that is checked, journalled, undone and replayed; on a perceptron and on a BERT. */
#include "engine/base/threads.h"
#include "engine/io/run_directory.h"
#include "scripts/bind_history.h"
#include "tests/unit/scratch.h"

Suite *adapt_suite(void);

static Host *host;
static RunDirectory *directory;
static size_t at_start;

static const char prepare[] =
    "local rows = data.svmlight(folder .. '/source.svmlight', { batch_size = 8, features = 6, valid = 0.25 })\n"
    "local target = data.svmlight(folder .. '/target.svmlight', { batch_size = 8, features = 6 })\n"
    "run = session {\n"
    "  seed = 3, steps = 40, data = { train = rows.train, valid = rows.valid, other = target.train },\n"
    "  model = models.mlp { input_size = 6, hidden_sizes = { 5 }, activation = 'tanh' },\n"
    "  objectives = { objectives.classify {} }, optimizer = optim.adamw { lr = 0.01 } }\n"
    "function train(n) for _ = 1, n do run:train(1) engine.history.stepped() end end\n"
    "function fails(words, f)\n"
    "  local hash = run:hash()\n"
    "  local ok, why = pcall(f)\n"
    "  assert(not ok and tostring(why):find(words, 1, true), tostring(why))\n"
    "  assert(run:hash() == hash and not run.objectives.domain)\n"
    "end\n";

static void drop_output(void *context, const char *text, size_t length)
{
    (void)context;
    (void)text;
    (void)length;
}

static Status run(const char *text)
{
    return host_run(host, text, strlen(text), "test", 0);
}

static int push_globals(lua_State *L)
{
    lua_pushstring(L, scratch_folder);
    lua_setglobal(L, "folder");
    return 0;
}

static int push_directory(lua_State *L)
{
    lua_getglobal(L, "run");
    Session *session = bind_check_session(L, -1)->session;
    bind_push_directory(L, directory, session);
    lua_setglobal(L, "directory");
    return 0;
}

static void open_host(void)
{
    HostOptions options = {.output = drop_output, .seed = 1, .inside = true};
    ASSERT_OK(host_new(&options, &host));
    ASSERT_OK(host_protect(host, push_globals, NULL));
    ASSERT_OK(run(prepare));
    ASSERT_OK(host_protect(host, push_directory, NULL));
}

static void write_rows(const char *name, int offset, const char *label)
{
    Buffer text = {0};
    for (int i = 0; i < 40; i++) {
        ASSERT_OK(buffer_printf(&text, "%s", label ? label : i % 2 ? "1" : "-1"));
        for (int f = 0; f < 6; f++)
            ASSERT_OK(
                buffer_printf(&text, " %d:%d.5", f, (i * 7 + f * f * 3 + offset * f) % 5 - (i % 2) * (f % 2)));
        ASSERT_OK(buffer_text(&text, "\n"));
    }
    scratch_write(scratch_path(name), text.data, text.length);
    buffer_free(&text);
}

static void start(void)
{
    scratch_make();
    at_start = memory_in_use();
    write_rows("source.svmlight", 0, NULL);
    write_rows("target.svmlight", 2, NULL);
    ASSERT_OK(run_directory_create(scratch_path("run"), &directory));
    open_host();
}

static void stop(void)
{
    host_free(host);
    run_directory_close(directory);
    threads_set(2);
    ck_assert_uint_eq(memory_in_use(), at_start);
    scratch_remove();
}

START_TEST(adds_everything_as_one_edit)
{
    ASSERT_OK(
        run("engine.history.begin(run, directory) train(5) local before = run:hash()\n"
            "run:adapt { method = 'dann', target = 'other', weight = 0.5, hidden_size = 4, gamma = 5 }\n"
            "assert(#edits() == 1 and run.objectives.domain.start == 5 and run.objectives.domain.weight == 0.5)\n"
            "assert(#run.model.domain_classifier.dense.weight.shape == 2)\n"
            "train(5) local last = run.last\n"
            "assert(last['accuracy.domain'] >= 0 and last['lambda.domain'] > 0 and last['loss.domain'] > 0)\n"
            "assert(run.model.domain_classifier.out_proj.weight.step == 5)\n"
            "local after, score = run:hash(), run:evaluate 'valid'\n"
            "assert(score.classify.targets == 10 and not score.domain and run:hash() == after)\n"
            "undo() assert(run:hash() == before and not run.objectives.domain)\n"
            "assert(not pcall(function() return run.model.domain_classifier end))\n"
            "redo() assert(run:hash() == after)\n"
            "revert() assert(run.objectives.domain.enabled == false) train(1)"));
}
END_TEST

START_TEST(what_does_not_fit_is_refused)
{
    ASSERT_OK(
        run("engine.history.begin(run, directory) train(2) before = directory.read_journal()\n"
            "fails('not in the session', function() run:adapt { target = 'nothing' } end)\n"
            "fails('to itself', function() run:adapt { target = 'train' } end)\n"
            "fails('there is the method \"dann\"', function() run:adapt { method = 'mmd', target = 'other' } end)\n"
            "fails(\"did you mean 'gamma'\", function() run:adapt { target = 'other', gama = 2 } end)\n"
            "fails('must be', function() run:adapt { target = 'other', weight = -1 } end)\n"
            "fails('no model', function() run:adapt { target = 'other', model = 'teacher' } end)\n"
            "fails('a data source is wanted', function() run:adapt { target = 5 } end)\n"
            "fails('already an objective', function() run:adapt { target = 'other', name = 'classify' } end)\n"
            "fails('an input_size of 6', function()\n"
            "  run:adapt { target = data.svmlight(folder .. '/target.svmlight', { features = 9 }) } end)\n"
            "assert(#edits() == 0 and directory.read_journal() == before)\n"
            "run:adapt { target = 'other' }\n"
            "local ok, why = pcall(function() run.objectives.domain.target = 'nothing' end)\n"
            "assert(not ok and why:find 'Nothing was changed' and run.objectives.domain.target == 'other')"));
}
END_TEST

/* Data made at the prompt stands in the journal; another program resumes and replays it with any number of threads.
 */
START_TEST(data_of_the_prompt_is_replayed)
{
    static const int threads[] = {1, 2, 3, 5};
    ASSERT_OK(run("engine.history.begin(run, directory) train(4)\n"
                  "local made = data.svmlight(folder .. '/target.svmlight', "
                  "{ features = 6, values = 'binary', labels = 'none' })\n"
                  "run:adapt { target = made, hidden_size = 3 }\n"
                  "assert(run.data.target.batch_size == 32)\n"
                  "train(6) run.objectives.domain.weight = 0.2 train(3)\n"
                  "assert(directory.read_journal():find('values = \"binary\"', 1, true))\n"
                  "engine.history.finish()"));
    for (size_t i = 0; i < 4; i++) {
        host_free(host);
        open_host();
        threads_set(threads[i]);
        ASSERT_OK(run("assert(engine.history.replay(run, directory.read_journal(), '', nil))\n"
                      "assert(run.objectives.domain.weight == 0.2)"));
    }
}
END_TEST

/* Labels of the target's file that are other ones, or none at all, lead to the same state. */
START_TEST(labels_in_the_file_do_not_matter)
{
    static const char text[] = "train(3) run:adapt { target = 'other' } train(8) %s = run:hash()";
    static const char *const labels[] = {NULL, "1", "-1", "12345678"};
    char line[128];
    for (size_t i = 0; i < 4; i++) {
        write_rows("target.svmlight", 2, labels[i]);
        ASSERT_OK(run(prepare));
        snprintf(line, sizeof line, text, i ? "other" : "first");
        ASSERT_OK(run(line));
        ASSERT_OK(run("assert(not other or other == first)"));
    }
}
END_TEST

static void write_story(void)
{
    Buffer text = {0};
    for (int d = 0; d < 40; d++)
        ASSERT_OK(buffer_printf(&text, "the %c%c runs to the %c\nit was %c\n\n", 'a' + d % 26, 'a' + d % 7,
                                'a' + d % 5, 'a' + d % 3));
    scratch_write(scratch_path("a.txt"), text.data, text.length);
    buffer_free(&text);
}

static const char bert[] =
    "corpus = data.text(folder .. '/a.txt')\n"
    "local words = tokenizers.wordpiece.train(corpus, { vocab_size = 60 })\n"
    "local function pairs_of(seed)\n"
    "  return data.sentence_pairs(corpus, words, { length = 16, batch_size = 4, seed = seed, loader_threads = 0 }) "
    "end\n"
    "local a, b = pairs_of(1), pairs_of(2)\n"
    "run = session { seed = 2, steps = 20, data = { train = a.train, target = b.train },\n"
    "  objectives = { objectives.mlm {}, objectives.nsp {} },\n"
    "  model = models.bert { vocab_size = words.vocab_size, hidden_size = 16, num_hidden_layers = 1,\n"
    "    num_attention_heads = 2, max_position_embeddings = 16 } }\n";

START_TEST(adapts_a_bert)
{
    write_story();
    ASSERT_OK(run(bert));
    ASSERT_OK(run(
        "engine.history.begin(run) train(2)\n"
        "local kept = data.sentence_pairs(corpus, tokenizers.wordpiece.train(corpus, { vocab_size = 60 }), {})\n"
        "fails('the journal cannot say', function() run:adapt { target = kept } end)\n"
        "run:adapt { target = 'target' } train(4)\n"
        "assert(run.last['accuracy.domain'] and run.model.domain_classifier.out_proj.weight.step == 4)\n"
        "local after = run:hash() undo() redo() assert(run:hash() == after)"));
}
END_TEST

/* Text that is read at the prompt, in the pieces of the run's own tokenizer. */
START_TEST(text_of_the_prompt_is_replayed)
{
    static const int threads[] = {1, 2, 3, 5};
    write_story();
    ASSERT_OK(run(bert));
    ASSERT_OK(host_protect(host, push_directory, NULL));
    ASSERT_OK(run(
        "engine.history.begin(run, directory) train(2)\n"
        "local words = run.data.train.tokenizer\n"
        "assert(words.vocab_size == run.data.train.vocab_size)\n"
        "local other = data.stories { stories = 30, seed = 4 }\n"
        "run:adapt { target = data.sentence_pairs(other, words, { length = 16, batch_size = 4,\n"
        "  held_out = data.text(folder .. '/a.txt'):joined() }), hidden_size = 3 }\n"
        "train(3) assert(run.data.target2.tokenizer and run.last['loss.domain'] > 0)\n"
        "run:adapt { name = 'more', target = data.sentence_pairs(other.held_out, words, { length = 16 }).train }\n"
        "train(2) engine.history.finish()"));
    for (size_t i = 0; i < 4; i++) {
        host_free(host);
        open_host();
        threads_set(threads[i]);
        ASSERT_OK(run(bert));
        ASSERT_OK(host_protect(host, push_directory, NULL));
        ASSERT_OK(run("assert(engine.history.replay(run, directory.read_journal(), '', nil))\n"
                      "assert(run.data.target3.examples > 0)"));
    }
}
END_TEST

Suite *adapt_suite(void)
{
    Suite *suite = suite_create("adapt");
    TCase *tests = tcase_create("adapt");
    tcase_add_checked_fixture(tests, start, stop);
    tcase_add_test(tests, adds_everything_as_one_edit);
    tcase_add_test(tests, what_does_not_fit_is_refused);
    tcase_add_test(tests, data_of_the_prompt_is_replayed);
    tcase_add_test(tests, labels_in_the_file_do_not_matter);
    tcase_add_test(tests, adapts_a_bert);
    tcase_add_test(tests, text_of_the_prompt_is_replayed);
    suite_add_tcase(suite, tests);
    return suite;
}
