/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sessions from Lua: a small BERT on a text, live edits, objectives that are functions. */
#include "engine/base/cancel.h"
#include "engine/base/memory.h"
#include "scripts/bind_session.h"
#include "scripts/bind_tokenizers.h"
#include "scripts/library.h"
#include "tests/unit/scale.h"
#include "tests/unit/scratch.h"

Suite *lua_session_suite(void);

static Host *host;
static Buffer printed;
static size_t at_start;

static void keep_output(void *context, const char *text, size_t length)
{
    (void)context;
    ASSERT_OK(buffer_append(&printed, text, length));
}

static Status run(const char *text)
{
    return host_run(host, text, strlen(text), "test", 0);
}

/* --- a tokenizer of letters --- */

enum { LETTERS = 32 };

static const char *const pieces[LETTERS] = {
    "[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k",
    "l",     "m",     "n",     "o",     "p",      "q", "r", "s", "t", "u", "v", "w", "x", "y", "z", "."};
static const uint8_t special[LETTERS] = {1, 1, 1, 1, 1};
static const Vocabulary letters = {LETTERS, 0, 1, 2, 3, 4, special, pieces};

static Status encode_letters(const void *tokenizer, const char *bytes, size_t length, TokenList *out)
{
    (void)tokenizer;
    for (size_t i = 0; i < length; i++)
        TRY(token_list_add(out, bytes[i] >= 'a' && bytes[i] <= 'z' ? 5 + bytes[i] - 'a' : 31, (int32_t)i));
    return STATUS_OK;
}

static int push_letters(lua_State *L)
{
    static const TokenizerFunctions none = {0};
    Encoder encoder = {.vocabulary = &letters, .encode = encode_letters};
    bind_push_tokenizer(L, &encoder, &none);
    lua_setglobal(L, "letters");
    lua_pushstring(L, scratch_path("text.txt"));
    lua_setglobal(L, "path");
    return 0;
}

static void write_text(void)
{
    Buffer text = {0};
    for (int d = 0; d < 30; d++) {
        for (int s = 0; s < 4; s++)
            ASSERT_OK(buffer_printf(&text, "the %c%c runs to the %c\n", 'a' + d % 26, 'a' + s, 'a' + (d + s) % 26));
        ASSERT_OK(buffer_text(&text, "\n"));
    }
    scratch_write(scratch_path("text.txt"), text.data, text.length);
    buffer_free(&text);
}

static const char prepare[] =
    "corpus = data.text(path)\n"
    "pairs_ = data.sentence_pairs(corpus, letters, { length = 32, batch_size = 4, loader_threads = 0 })\n"
    "function small(objectives, extra)\n"
    "  local spec = {\n"
    "    model = models.bert { vocab_size = letters.vocab_size, hidden_size = 16, num_hidden_layers = 1,\n"
    "                          num_attention_heads = 2, max_position_embeddings = 32 },\n"
    "    data = pairs_, objectives = objectives, optimizer = optim.adamw { lr = 0.01 },\n"
    "    schedule = schedules.cosine { warmup = 0.1 }, steps = 20 }\n"
    "  for k, v in pairs(extra or {}) do spec[k] = v end\n"
    "  return session(spec)\n"
    "end\n";

static void start(void)
{
    HostOptions options = {.output = keep_output, .seed = 1};
    scratch_make();
    at_start = memory_in_use();
    write_text();
    ASSERT_OK(host_new(&options, &host));
    ASSERT_OK(host_protect(host, push_letters, NULL));
    ASSERT_OK(run(prepare));
}

static void stop(void)
{
    host_free(host);
    buffer_free(&printed);
    ck_assert_uint_eq(memory_in_use(), at_start);
    scratch_remove();
}

START_TEST(trains)
{
    ASSERT_OK(
        run("run = small { objectives.mlm { weight = 1 }, objectives.nsp { weight = 0.5 } }\n"
            "local first = run:train(1)\n"
            "local last = run:train(9)\n"
            "assert(last.step == 10 and run.step == 10 and last.loss < first.loss, last.loss)\n"
            "assert(last['loss.mlm'] and last['loss.nsp'] and last.grad_norm > 0)\n"
            "local again = small { objectives.mlm { weight = 1 }, objectives.nsp { weight = 0.5 } }\n"
            "assert(again:hash() ~= run:hash())\n"
            "again:train(10)\n"
            "assert(again:hash() == run:hash())\n"
            "assert(small({ objectives.mlm {} }, { seed = 2 }):hash() ~= small { objectives.mlm {} }:hash())"));
}
END_TEST

START_TEST(tokenizers_decode)
{
    ASSERT_OK(run("assert(letters:decode { 5, 6, 31 } == 'a b .')\n"
                  "local pieces = tokenizers.wordpiece.train(corpus, { vocab_size = 60 })\n"
                  "local text = 'the ab runs to the a'\n"
                  "assert(pieces:decode(pieces:encode(text)) == text)\n"
                  "assert(pieces:decode {} == '')\n"
                  "assert(pieces:decode(tensor(pieces:encode('[CLS] runs'))) == '[CLS] runs')"));
    ASSERT_FAILS(run("letters:decode { 32 }"), STATUS_INVALID, "there are pieces 0 to 31, not 32");
    ASSERT_FAILS(run("tokenizers.wordpiece.train(corpus):decode { 5, 99999 }"), STATUS_INVALID,
                 "token 1 is 99999, outside the vocabulary");
}
END_TEST

START_TEST(live_edits)
{
    ASSERT_OK(run("run = small { objectives.mlm {}, objectives.nsp { weight = 0.5 } } run:train(2)"));
    buffer_clear(&printed);
    ASSERT_OK(run("run.objectives.nsp.weight = 0.1 run.optimizer.lr = 1e-3 run.steps = 30"));
    ck_assert_str_eq(
        printed.data,
        "[2] objectives.nsp.weight 0.5 -> 0.1.  undo() goes back to 2, revert() sets 0.5 again from here\n"
        "[2] optimizer.lr 0.01 -> 0.001.  undo() goes back to 2, revert() sets 0.01 again from here\n"
        "[2] run.steps 20 -> 30.  undo() goes back to 2, revert() sets 20 again from here\n");
    ASSERT_FAILS(run("run.objectives.mlm.mlm_probability = 1.5"), STATUS_INVALID,
                 "mlm_probability must be a number in (0, 1]; got 1.5. Nothing was changed.");
    ASSERT_FAILS(run("run.objectives.mlm.mlm_probabilty = 0.5"), STATUS_INVALID, "did you mean 'mlm_probability'?");
    ASSERT_FAILS(run("run.objectiv = 1"), STATUS_LUA, "did you mean 'objectives'?");
    ASSERT_FAILS(run("run.step = 1"), STATUS_LUA, "cannot be assigned");
    ASSERT_OK(run("assert(run.objectives.mlm.mlm_probability == 0.15 and run.optimizer.lr == 1e-3)"
                  "run:train(1) print(run) help(run) help(run.objectives.mlm) help(run.optimizer)"
                  "assert(tostring(run):find('step 3 of 30'))"));
}
END_TEST

START_TEST(structural_edits)
{
    ASSERT_OK(run("run = small { objectives.mlm {}, objectives.nsp { weight = 0.5 } } run:train(2)"));
    buffer_clear(&printed);
    ASSERT_OK(run("layer = run.model.bert.encoder.layer[0].intermediate.dense.weight\n"
                  "run.model:reshape { num_hidden_layers = 2, intermediate_size = 80 }\n"
                  "assert(layer.shape[1] == 80 and #run.model.bert.encoder.layer == 2)\n"
                  "run.model.cls:reset('seq_relationship') run.data.train.batch_size = 6\n"
                  "run.model.config.hidden_dropout_prob = 0.2 run.model.config.num_attention_heads = 4"));
    ck_assert_str_eq(
        printed.data,
        "[2] model: num_hidden_layers 1 -> 2, intermediate_size 64 -> 80; 5010 -> 9346 weights.  undo() goes back "
        "to 2, revert() takes it back from here\n"
        "[2] cls.seq_relationship drawn anew.  undo() goes back to 2\n"
        "[2] data.train.batch_size 4 -> 6.  undo() goes back to 2, revert() sets 4 again from here\n"
        "[2] model.config.hidden_dropout_prob 0.1 -> 0.2.  undo() goes back to 2, revert() sets 0.1 again from "
        "here\n"
        "[2] model.config.num_attention_heads 2 -> 4.  undo() goes back to 2, revert() sets 2 again from here\n");
    ASSERT_OK(run("assert(run.data.train:batch().size == 6 and pairs_.train.batch_size == 4)\n"
                  "run:train(1) hash = run:hash() weight = run.objectives.nsp"));
    ASSERT_OK(run("run:remove_objective 'nsp' run:add_objective(objectives.mlm { weight = 0.25, name = 'more' })\n"
                  "run:remove_objective 'more' run:add_objective(objectives.nsp { weight = 0.1 })\n"
                  "assert(weight.weight == 0.1)\n"
                  "run.optimizer = optim.sgd { lr = 0.02 } run.schedule = schedules.wsd {} run:train(2)\n"
                  "assert(run.optimizer.momentum == 0 and run.schedule.decay == 0.2)"));
    ASSERT_FAILS(run("run.model:reshape { num_attention_heads = 3 }"), STATUS_INVALID, "not a multiple");
    ASSERT_FAILS(run("run.model:reshape { vocab_size = 8 }"), STATUS_INVALID, "vocab_size");
    ASSERT_FAILS(run("run.model:reshape { max_position_embeddings = 8 }"), STATUS_INVALID, "more positions");
    ASSERT_FAILS(run("run.model:reshape { hiden_size = 8 }"), STATUS_INVALID, "did you mean 'hidden_size'?");
    ASSERT_FAILS(run("run.model.bert:reshape { hidden_size = 8 }"), STATUS_LUA, "the whole model");
    ASSERT_FAILS(run("run.model:reset 'cls.nsp'"), STATUS_INVALID, "no module or parameter 'cls.nsp'");
    ASSERT_FAILS(run("run.model.config.hidden_size = 32"), STATUS_INVALID, "reshape { hidden_size = ... }");
    ASSERT_FAILS(run("run.model.config.hidden_dropout_prob = 2"), STATUS_INVALID, "Nothing was changed");
    buffer_clear(&printed);
    ASSERT_OK(
        run("local count = #edits() run.accumulate = 1 run.objectives.mlm.weight = 1 assert(#edits() == count)"));
    ck_assert_str_eq(printed.data,
                     "[5] nothing changes: accumulate is 1 already\n[5] nothing changes: weight is 1 already\n");
    ASSERT_FAILS(run("run.data.train.batch_size = 0"), STATUS_LUA, "batch_size must be an integer in [1, ");
    ASSERT_FAILS(run("pairs_.train.batch_size = 3"), STATUS_LUA, "in no session");
    ASSERT_FAILS(run("run:add_objective(function() end)"), STATUS_LUA, "the journal needs the function's text");
    ASSERT_FAILS(run("run:add_objective(objectives.mlm {})"), STATUS_INVALID, "already an objective");
    ASSERT_FAILS(run("run:add_objective(objectives.sop {})"), STATUS_INVALID, "no field 'sentence_order_label'");
    ASSERT_FAILS(run("run:remove_objective 'sop'"), STATUS_INVALID, "there is no objective 'sop'");
    ASSERT_FAILS(run("run.optimizer = 3"), STATUS_LUA, "optimizer must be made by optim");
    ASSERT_OK(run("while run.step > 0 and #edits() > 0 do undo() end\n"
                  "assert(run.optimizer.lr == 0.01 and #run.model.bert.encoder.layer == 1 and run.step == 2)\n"
                  "assert(layer.shape[1] == 64 and run.model.config.hidden_dropout_prob == 0.1)\n"
                  "assert(run.data.train.batch_size == 4) run:train(1)"));
    ASSERT_OK(run("w = run.objectives.nsp run:remove_objective 'nsp'"));
    ASSERT_FAILS(run("return w.weight"), STATUS_LUA, "no objective 'nsp' any more");
}
END_TEST

START_TEST(pruning)
{
    ASSERT_OK(
        run("run = small { objectives.mlm {}, objectives.nsp { weight = 0.5 } } run:train(2) hash = run:hash()\n"
            "plan = run:prune { sparsity = 0.5, dry_run = true }\n"
            "assert(plan.before == 0 and plan.sparsity > 0.499 and plan.pruned == plan.weights // 2)\n"
            "local sum = 0 for _, row in ipairs(plan) do sum = sum + row.pruned end assert(sum == plan.pruned)\n"
            "assert(run:hash() == hash and #run:sparsity() == 0 and run.last.sparsity == nil)"));
    buffer_clear(&printed);
    ASSERT_OK(run(
        "run:prune { sparsity = 0.5, scope = 'layer', params = run.model.bert.encoder }\n"
        "run:prune { sparsity = 0.75, params = 'bert.pooler', schedule = 'cubic', end_step = 4, frequency = 1 }\n"
        "w = run.model.bert.encoder.layer[0].intermediate.dense.weight\n"
        "assert(w.sparsity == 0.5 and w.mask:sum():item() == 512)\n"
        "assert(run.model.bert.pooler.dense.weight.sparsity == 0)\n"
        "run:train(2) print(run:sparsity()) run:prune { sparsity = 0 }"));
    ck_assert_str_eq(printed.data,
                     "[2] model: 6 parameters pruned by magnitude, sparsity 0 -> 0.5.  undo() goes back to 2, "
                     "revert() takes it back from here\n"
                     "[2] model: 1 parameter pruned by magnitude, sparsity 0 -> 0.75 from step 2 to 4, every 1.  "
                     "undo() goes back "
                     "to 2, revert() takes it back from here\n"
                     " 50.0 %          128 of         256  bert.encoder.layer.0.attention.self.query.weight\n"
                     " 50.0 %          128 of         256  bert.encoder.layer.0.attention.self.key.weight\n"
                     " 50.0 %          128 of         256  bert.encoder.layer.0.attention.self.value.weight\n"
                     " 50.0 %          128 of         256  bert.encoder.layer.0.attention.output.dense.weight\n"
                     " 50.0 %          512 of       1,024  bert.encoder.layer.0.intermediate.dense.weight\n"
                     " 50.0 %          512 of       1,024  bert.encoder.layer.0.output.dense.weight\n"
                     " 75.0 %          192 of         256  bert.pooler.dense.weight\n"
                     " 51.9 %        1,728 of       3,328  all\n"
                     "[4] model: 12 parameters without masks.  undo() goes back to 4\n");
    ASSERT_FAILS(run("run:prune { sparsity = 1 }"), STATUS_INVALID, "sparsity must be a number in [0, 1)");
    ASSERT_FAILS(run("run:prune {}"), STATUS_INVALID, "sparsity");
    ASSERT_FAILS(run("run:prune(0.5)"), STATUS_LUA, "run:prune { sparsity = 0.5 }");
    ASSERT_FAILS(run("run:prune { sparsty = 0.5 }"), STATUS_INVALID, "did you mean 'sparsity'?");
    ASSERT_FAILS(run("run:prune { sparsity = 0.5, criterion = 'luck' }"), STATUS_INVALID, "magnitude, random");
    ASSERT_FAILS(run("run:prune { sparsity = 0.5, dry_run = 1 }"), STATUS_LUA, "dry_run must be true or false");
    ASSERT_FAILS(run("run:prune { sparsity = 0.5, params = 3 }"), STATUS_INVALID, "params");
    ASSERT_FAILS(run("criteria.magnitude()"), STATUS_LUA, "criterion = \"magnitude\"");
    ASSERT_OK(run("run:prune { sparsity = 0.5 }"));
    ASSERT_FAILS(run("run:prune { sparsity = 0.3 }"), STATUS_LUA, "pruned already");
    ASSERT_FAILS(run("function f() run:prune { sparsity = 0.6 } end\n"
                     "run = small { objectives.mlm {}, f } run:train(1)"),
                 STATUS_LUA, "inside a training step");
    buffer_clear(&printed);
    ASSERT_OK(run("help(run.prune) help(run.sparsity) help(criteria)"));
    ck_assert_ptr_nonnull(strstr(printed.data, "run:prune { options }"));
    ck_assert_ptr_nonnull(strstr(printed.data, "one of global, layer, default 'global'"));
    ck_assert_ptr_nonnull(strstr(printed.data, "  random "));
}
END_TEST

START_TEST(looks_inside)
{
    ASSERT_OK(run(
        "run = small { objectives.mlm {} }"
        " local before = run:hash()"
        " local w = run.model.bert.encoder.layer[0].attention.self.query.weight"
        " local text = tostring(w)"
        " assert(text:find('^Parameter f32%[16,16%] bert.encoder.layer.0.attention.self.query.weight\\n  "
        "norm '), text)"
        " assert(w.shape[1] == 16 and w:sum():item() == w.value:sum():item() and w.grad == nil)"
        " local ok, why = pcall(function() w.value[0] = 100 end) assert(not ok and why:find 'is a copy of what')"
        " assert(not pcall(function() w.value[0][1] = 100 end) and not pcall(w.fill_, w, 0))"
        " local own = w.value:clone() own[0] = 100 assert(own[0][0]:item() == 100)"
        " assert(w[0][0]:item() ~= 100)"
        " assert(tostring(run.model.bert.encoder):find('Module'))"
        " local batch = run.data.train:batch()"
        " assert(batch.size == 4 and batch.input_ids.shape[1] == 4)"
        " assert(run.data.train:text(batch.input_ids[0]):find('^%[CLS%] '))"
        " assert(run:hash() == before)"
        " for _, name in ipairs(lathe.members(run)) do local _ = run[name] end"));
    ASSERT_FAILS(run("return run.model.bert.encoder.layer[7]"), STATUS_LUA, "bert.encoder.layer has no '7'");
    ASSERT_FAILS(run("return run.model.brt"), STATUS_LUA, "did you mean 'bert'?");
    ASSERT_FAILS(run("run.model.bert.embeddings.word_embeddings.weight[0] = 1"), STATUS_LUA, "frozen");
}
END_TEST

/* The function's loss is the same as the built-in one: same batch, same pass. */
START_TEST(own_objectives)
{
    ASSERT_OK(run("local calls = 0\n"
                  "run = small { objectives.mlm {}, function(model, batch)\n"
                  "  calls = calls + 1\n"
                  "  kept, kept_batch, pass = model.nsp_logits, batch, model\n"
                  "  assert(batch.size == 4 and #batch.input_ids == 4)\n"
                  "  return ops.cross_entropy(model.nsp_logits, batch.next_sentence_label) * 0.5\n"
                  "end }\n"
                  "local m = run:train(3)\n"
                  "assert(calls == 3 and m['loss.custom'] > 0)\n"
                  "local w = run.model.cls.seq_relationship.weight\n"
                  "assert(w.step == 3)"));
    ASSERT_FAILS(run("return kept.shape"), STATUS_LUA, ":clone()");
    ASSERT_FAILS(run("return pass.nsp_logits"), STATUS_LUA, "is over");
    ASSERT_FAILS(run("small { objectives.custom { loss = function() return 5 end } }:train()"), STATUS_LUA,
                 "must return a loss, a tensor; it returned a number");
    ASSERT_FAILS(
        run("small { objectives.custom { loss = function(m) return m.nsp_logits end, name = 'mine' } }:train()"),
        STATUS_LUA, "objective 'mine' must return one number");
    ASSERT_FAILS(run("small { function() error('inside') end }:train()"), STATUS_LUA, "test:1: inside");
    ASSERT_FAILS(run("small { function(m) return m.nsp_logit end }:train()"), STATUS_INVALID,
                 "did you mean 'nsp_logits'?");
    ASSERT_FAILS(run("local s s = small { function(m) s.steps = 3 end } s:train()"), STATUS_LUA,
                 "inside a training step");
    ASSERT_FAILS(run("local s s = small { function(m) s:train() end } s:train()"), STATUS_LUA, "under way");
    ASSERT_FAILS(run("small { function(m) return tensor(1) end }:train()"), STATUS_INVALID, "");
    ASSERT_FAILS(run("small { function(m) return m.nsp_logits:sum() * (0/0) end }:train()"), STATUS_NONFINITE,
                 "custom");
    ASSERT_OK(run("run:train(1) assert(run.step == 4)"));
}
END_TEST

static int push_engine(lua_State *L)
{
    library_push(L, "engine");
    lua_setglobal(L, "engine");
    return 0;
}

/* What an objective draws depends on seed, objective, step and micro-step, not on what was drawn before it: a look,
 * a line, an evaluation change nothing, and going back gives the same again. */
START_TEST(draws_of_own_objectives)
{
    ASSERT_OK(host_protect(host, push_engine, NULL));
    ASSERT_OK(
        run("function drawing(name, seen)\n"
            "  return objectives.custom { name = name, loss = function(model, batch)\n"
            "    local x, n = randn(#model.pooled.shape), math.random(1000000)\n"
            "    if seen then seen[#seen + 1] = { batch.step, batch.micro_step, x[0]:item(), n, batch.steps } end\n"
            "    return (model.pooled:mean() * x:sum()):mean() * n * 1e-6\n"
            "  end }\n"
            "end\n"
            "seen = {}\n"
            "local a = small({ drawing('a', seen), drawing 'b' }, { accumulate = 2 }) a:train(3)\n"
            "assert(#seen == 6)\n"
            "local places, draws = '', {}\n"
            "for _, s in ipairs(seen) do\n"
            "  places = places .. s[1] .. s[2] .. ' '\n"
            "  assert(s[5] == 20 and not draws[s[3]] and not draws[s[4]])\n"
            "  draws[s[3]], draws[s[4]] = true, true\n"
            "end\n"
            "assert(places == '00 01 10 11 20 21 ', places)\n"
            "run = small({ drawing 'a', drawing 'b' }, { accumulate = 2 })\n"
            "hook(run.model.bert.pooler, function() randn(3) math.random() end)\n"
            "run:train(1) randn(7) math.random() run:evaluate('valid') run:train(1)\n"
            "local half = engine.snapshot(run) run:train(1)\n"
            "assert(run:hash() == a:hash())\n"
            "engine.restore(run, half) run:train(1)\n"
            "assert(run:hash() == a:hash())\n"
            "local c = small({ drawing 'c', drawing 'b' }, { accumulate = 2 }) c:train(3)\n"
            "assert(c:hash() ~= a:hash())\n"
            "local _, first = run:evaluate('valid'), nil\n"
            "assert(run:evaluate('valid').a.loss == run:evaluate('valid').a.loss)"));
}
END_TEST

/* What a function keeps from step to step is told, once; what it computes once, or finds in its arguments, is not.
 */
START_TEST(own_objectives_that_keep_something)
{
    static const char *const keeping[][2] = {
        {"local calls = 0 f = function(m) calls = calls + 1 return m.pooled:mean() * calls end", "'calls'"},
        {"local my = { n = 0 } f = function(m) my.n = my.n + 1 return m.pooled:mean() * my.n end", "'my.n'"},
        {"f = function(m) count = (count or 0) + 1 return m.pooled:mean() * count end", "'global count'"},
    };
    for (size_t i = 0; i < sizeof keeping / sizeof *keeping; i++) {
        buffer_clear(&printed);
        ASSERT_OK(run(keeping[i][0]));
        ASSERT_OK(run("small({ objectives.custom { name = 'mine', loss = f } }):train(5)"));
        ck_assert_msg(printed.data && strstr(printed.data, "warning: objective 'mine' changes ") &&
                          strstr(printed.data, keeping[i][1]) && strstr(printed.data, "batch.step"),
                      "%s", printed.data);
        ck_assert_ptr_null(strstr(strstr(printed.data, "warning") + 1, "warning"));
    }
    buffer_clear(&printed);
    ASSERT_OK(run("local scale, odd = nil, 0/0\n"
                  "small({ function(m, batch) scale = scale or 0.5 return m.pooled:mean() * scale * batch.step end "
                  "}):train(4)"));
    ck_assert_msg(printed.length == 0, "%s", printed.data);
}
END_TEST

START_TEST(bad_sessions)
{
    ASSERT_FAILS(run("session { modle = 1 }"), STATUS_INVALID, "did you mean 'model'?");
    ASSERT_FAILS(run("session { model = 5 }"), STATUS_LUA, "model must be made by models");
    ASSERT_FAILS(run("session { model = objectives.mlm {} }"), STATUS_LUA, "got an objective");
    ASSERT_FAILS(run("session { data = { train = 5 } }"), STATUS_LUA, "data source is wanted");
    ASSERT_FAILS(run("small {}"), STATUS_INVALID, "there is no objective");
    ASSERT_FAILS(run("small { objectives.mlm {}, objectives.mlm {} }"), STATUS_INVALID, "already an objective");
    ASSERT_FAILS(run("small({ objectives.mlm {} }, { steps = 0 })"), STATUS_INVALID, "steps must be");
    ASSERT_FAILS(run("models.bert { hidden_size = 10, num_attention_heads = 3 } small({ objectives.mlm {} }, "
                     "{ model = models.bert { hidden_size = 10, num_attention_heads = 3 } })"),
                 STATUS_INVALID, "not a multiple");
    ASSERT_FAILS(run("small({ objectives.mlm {} }, { model = models.bert { vocab_size = 8 } })"), STATUS_INVALID,
                 "vocab_size");
    ASSERT_FAILS(run("data.text('/no/such/file')"), STATUS_IO, "/no/such/file");
    ASSERT_FAILS(run("data.sentence_pairs(1, 2)"), STATUS_LUA, "a corpus is wanted");
    ASSERT_FAILS(run("data.sentence_pairs(corpus, 2)"), STATUS_LUA, "a tokenizer is wanted");
    ASSERT_FAILS(run("data.sentence_pairs(corpus, letters, { lenght = 3 })"), STATUS_INVALID,
                 "did you mean 'length'?");
    ASSERT_FAILS(run("objectives.mlm { name = 'a.b' }"), STATUS_LUA, "short name");
    ck_assert_int_eq(lua_gettop(host_lua(host)), 0);
}
END_TEST

START_TEST(interrupted_step)
{
    ASSERT_OK(run("before = small { objectives.mlm {} } before:train(2) hash = before:hash()"));
    cancel_request();
    ck_assert_int_eq(run("before:train(1)"), STATUS_CANCELLED);
    cancel_clear();
    ASSERT_OK(run("assert(before:hash() == hash and before.step == 2)"));
}
END_TEST

static void drop_output(void *context, const char *text, size_t length)
{
    (void)context;
    (void)text;
    (void)length;
}

static Status sweep_once(void)
{
    static const char text[] = "local s = small { objectives.mlm {}, function(m, b)\n"
                               "  return ops.cross_entropy(m.nsp_logits, b.next_sentence_label) end }\n"
                               "s:train(1) s.objectives.mlm.weight = 0.5\n"
                               "print(s) print(s.model.bert.pooler.dense.weight)";
    HostOptions options = {.output = drop_output, .seed = 1};
    Host *small;
    TRY(host_new(&options, &small));
    Status status = host_protect(small, push_letters, NULL);
    if (status == STATUS_OK) status = host_run(small, prepare, sizeof prepare - 1, "sweep", 0);
    if (status == STATUS_OK) status = host_run(small, text, sizeof text - 1, "sweep", 0);
    host_free(small);
    return status;
}

START_TEST(allocation_failures)
{
    memory_fail_after(0, 0);
    ASSERT_OK(sweep_once());
    ASSERT_OK(sweep_once());
    uint64_t all = memory_allocations() / 2;
    size_t before = memory_in_use();
    for (uint64_t n = 1; n <= all; n += sweep_step(1, 41)) {
        memory_fail_after(n, _i);
        Status status = sweep_once();
        memory_fail_after(0, 0);
        ck_assert_msg(status == STATUS_OK || status == STATUS_NOMEM || status == STATUS_LUA, "%llu: %s",
                      (unsigned long long)n, status_message());
        ck_assert_msg(memory_in_use() == before, "allocation %llu: %zd bytes leaked", (unsigned long long)n,
                      (ssize_t)(memory_in_use() - before));
    }
}
END_TEST

Suite *lua_session_suite(void)
{
    Suite *suite = suite_create("lua_session");
    TCase *cases = tcase_create("session");
    tcase_add_checked_fixture(cases, start, stop);
    tcase_add_test(cases, trains);
    tcase_add_test(cases, tokenizers_decode);
    tcase_add_test(cases, live_edits);
    tcase_add_test(cases, structural_edits);
    tcase_add_test(cases, pruning);
    tcase_add_test(cases, looks_inside);
    tcase_add_test(cases, own_objectives);
    tcase_add_test(cases, draws_of_own_objectives);
    tcase_add_test(cases, own_objectives_that_keep_something);
    tcase_add_test(cases, bad_sessions);
    tcase_add_test(cases, interrupted_step);
    tcase_add_loop_test(cases, allocation_failures, 0, 2);
    suite_add_tcase(suite, cases);
    return suite;
}
