/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The Lua host: transcripts of the prompt, hostile programs, ops from Lua, failing allocations. */
#include "engine/base/cancel.h"
#include "engine/base/memory.h"
#include "scripts/bind.h"
#include "scripts/host_files.h"
#include "scripts/library.h"
#include "scripts/recipe.h"
#include "tests/unit/scale.h"
#include "tests/unit/scratch.h"
#include "tui/completion.h"
#include "tui/repl.h"

#include <pthread.h>
#include <unistd.h>

Suite *lua_suite(void);

static Host *host;
static Buffer printed;
static size_t at_start;

static void keep_output(void *context, const char *text, size_t length)
{
    (void)context;
    ASSERT_OK(buffer_append(&printed, text, length));
}

static void start_with(size_t memory_limit)
{
    HostOptions options = {.output = keep_output, .memory_limit = memory_limit, .seed = 1};
    ASSERT_OK(host_new(&options, &host));
}

static void start(void)
{
    scratch_make();
    at_start = memory_in_use();
    start_with(0);
}

static void stop(void)
{
    host_free(host);
    buffer_free(&printed);
    ck_assert_uint_eq(memory_in_use(), at_start);
    scratch_remove();
}

static Status run(const char *text)
{
    return host_run(host, text, strlen(text), "test", 0);
}

/* Lua's own random numbers are those of the seed. */
START_TEST(random_numbers_of_lua)
{
    static const char draw[] = "local out = {}\n"
                               "for i = 1, 100 do\n"
                               "  local a, b, c = math.random(), math.random(6), math.random(-2, 2)\n"
                               "  assert(a >= 0 and a < 1 and b >= 1 and b <= 6 and c >= -2 and c <= 2)\n"
                               "  out[#out + 1] = ('%.17g %d %d'):format(a, b, c)\n"
                               "end\n"
                               "drawn = table.concat(out, ' ') .. math.random(0) .. math.random(math.mininteger, "
                               "math.maxinteger) print(drawn)";
    ASSERT_OK(run(draw));
    char *first = buffer_take(&printed);
    host_free(host);
    start_with(0);
    ASSERT_OK(run(draw));
    ck_assert_str_eq(printed.data, first);
    memory_free(first);
    ASSERT_OK(run("was = drawn seed(1)"));
    ASSERT_OK(run(draw));
    ASSERT_OK(run("assert(drawn == was)"));
    ASSERT_OK(run("local x = randn(2) math.randomseed(5) local a = math.random() math.randomseed(5)\n"
                  "assert(math.random() == a and math.random() ~= a)\n"
                  "math.randomseed(6) assert(math.random() ~= a)"));
    ASSERT_FAILS(run("math.random(2, 1)"), STATUS_LUA, "interval is empty");
    ASSERT_FAILS(run("math.random(1, 2, 3)"), STATUS_LUA, "wrong number of arguments");
}
END_TEST

/* --- transcripts: tests/golden/repl --- */

/* Gives the transcript's input lines to a prompt; out gets them again with what was printed after each. */
static void replay(const char *transcript, Buffer *out)
{
    static const char *const prompts[] = {"lathe> ", "    .. "};
    Repl *repl;
    bool more = false;
    ASSERT_OK(repl_new(host, &repl));
    for (const char *line = transcript; *line; line += strcspn(line, "\n") + 1) {
        if (strncmp(line, prompts[0], 7) && strncmp(line, prompts[1], 7)) continue;
        char text[512];
        snprintf(text, sizeof text, "%.*s", (int)strcspn(line, "\n") - 7, line + 7);
        ASSERT_OK(buffer_printf(out, "%s%s\n", prompts[more], text));
        buffer_clear(&printed);
        ASSERT_OK(repl_line(repl, text, &more, NULL));
        if (printed.length) ASSERT_OK(buffer_text(out, printed.data));
    }
    repl_free(repl);
}

static size_t fraction_length(const char *text)
{
    size_t length = strspn(text, "0123456789");
    if (length == 0 || text[length] != '.') return 0;
    return length + 1 + strspn(text + length + 1, "0123456789");
}

/* Another library or instruction set gives other last bits, which training makes larger: fractions may differ by a
 * hundredth. Everything else, whole numbers too, must be the same. */
static bool same_transcript(const char *a, const char *b)
{
    while (*a && *b) {
        size_t length_a = fraction_length(a), length_b = fraction_length(b);
        if (!length_a || !length_b) {
            if (*a++ != *b++) return false;
            continue;
        }
        double x = strtod(a, NULL), y = strtod(b, NULL);
        if (fabs(x - y) > 0.01 * fmax(x, y)) return false;
        a += length_a;
        b += length_b;
    }
    return *a == *b;
}

/* LATHE_GOLDEN_WRITE=1 writes the transcripts again, to be read before they are kept. */
static void check_transcript(const char *name)
{
    char path[512];
    Buffer out = {0}, expected = {0};
    setenv("LATHE_ASCII", "1", 1);
    snprintf(path, sizeof path, "%s/repl/%s", TEST_GOLDEN, name);
    ASSERT_OK(file_read_empty(path, 0, &expected));
    replay(expected.data, &out);
    if (getenv("LATHE_GOLDEN_WRITE")) scratch_write(path, out.data, out.length);
    ck_assert_msg(getenv("LATHE_GOLDEN_WRITE") || same_transcript(out.data, expected.data), "%s: got\n%.3000s",
                  name, out.data);
    buffer_free(&out);
    buffer_free(&expected);
}

static const char *const transcript_names[] = {"values.txt",     "tensors.txt",   "indexing.txt",  "printing.txt",
                                               "errors.txt",     "help.txt",      "debug_nan.txt", "debug_dead.txt",
                                               "debug_mask.txt", "debug_rate.txt"};
enum { transcript_count = sizeof transcript_names / sizeof *transcript_names };

START_TEST(transcripts)
{
    check_transcript(transcript_names[_i]);
}
END_TEST

/* --- hostile programs --- */

static void *request_soon(void *unused)
{
    usleep(100000);
    cancel_request();
    return unused;
}

/* The program is stopped within a few seconds, whatever it tries. */
static void check_interrupted(const char *text)
{
    pthread_t timer;
    cancel_clear();
    ck_assert_int_eq(pthread_create(&timer, NULL, request_soon, NULL), 0);
    Status status = run(text);
    pthread_join(timer, NULL);
    cancel_clear();
    ck_assert_msg(status == STATUS_CANCELLED, "%s: %s", text, status_message());
    ASSERT_OK(run("assert(1 + 1 == 2)"));
}

static const char *const endless[] = {
    "while true do end",
    "while true do pcall(function() while true do end end) end",
    "while true do pcall(error) end",
    "local function f() return f() end f()",
    "coroutine.wrap(function() while true do end end)()",
    "while true do coroutine.resume(coroutine.create(function() while true do end end)) end",
    "while true do local c = coroutine.wrap(function() while true do pcall(coroutine.yield) end end) c() c() end",
    "xpcall(function() while true do end end, function() while true do end end)",
    "while true do xpcall(function() while true do end end, function() while true do end end) end",
    "local t = setmetatable({}, {__index = function(t, k) while true do end end}) return t.x",
    "local t = setmetatable({}, {__close = function() while true do end end}) do local x <close> = t end",
    "table.sort({3, 2, 1, 5, 4}, function() while true do end end)",
    "for i = 1, math.huge do local t = zeros(10) end",
    "string.gsub(('x'):rep(1000), 'x', function() while true do end end)",
    "while true do load('while true do end')() end",
    "repeat until false",
};

START_TEST(interrupts)
{
    check_interrupted(endless[_i]);
}
END_TEST

START_TEST(deep_recursion)
{
    ASSERT_FAILS(run("local function f() return 1 + f() end f()"), STATUS_LUA, "stack overflow");
    ASSERT_FAILS(run("local t = {} for i = 1, 300 do t = setmetatable({}, {__index = t}) end "
                     "local s = ('('):rep(300) .. '1' .. (')'):rep(300) assert(load('return ' .. s))"),
                 STATUS_LUA, "overflow");
    ASSERT_FAILS(run("string.rep('x', 1 << 60)"), STATUS_LUA, "too large");
    ASSERT_OK(run("assert(string.rep('', 1 << 60) == '')"));
    ASSERT_OK(run("assert(1)"));
    ck_assert_int_lt((int)strlen(host_traceback(host)), 100000);
}
END_TEST

/* What stands in the place of Lua's own functions does what they do. */
START_TEST(guarded_functions)
{
    ASSERT_OK(run(
        "for n = -1, 9 do for _, s in ipairs { '', 'x', 'abc' } do for _, between in ipairs { '', ',', ', ' } do\n"
        "  local t = {} for i = 1, n do t[i] = s end\n"
        "  assert(s:rep(n, between) == table.concat(t, between)) end end end\n"
        "assert(select('#', string.rep('x', 3)) == 1 and not pcall(string.rep) and not pcall(string.rep, 'x', "
        "{}))"));
    ASSERT_OK(run("local n = 200000 local t = {} for i = 1, n do t[i] = i end\n"
                  "table.insert(t, 1, 0) assert(t[1] == 0 and t[n + 1] == n and t[77] == 76 and #t == n + 1)\n"
                  "assert(table.remove(t, 1) == 0 and t[1] == 1 and t[n] == n and #t == n)\n"
                  "local u = table.move(t, 1, n, 3, {}) assert(u[3] == 1 and u[n + 2] == n and u[2] == nil)\n"
                  "assert(table.move(t, 1, n, 2) == t and t[1] == 1 and t[2] == 1 and t[n + 1] == n)\n"
                  "table.move(t, 2, n + 1, 1) assert(t[1] == 1 and t[n] == n and t[n // 2] == n // 2)\n"
                  "table.insert(t, 'end') assert(t[n + 2] == 'end' or t[#t] == 'end')\n"
                  "for _, bad in ipairs { {{}, 5, 1}, {1, 1, 1}, {{}, 1, 2, 3} } do assert(not pcall(table.insert, "
                  "table.unpack(bad))) end\n"
                  "assert(not pcall(table.move, {}, 1, math.maxinteger, 2) and not pcall(table.move, {}, "
                  "math.mininteger, 5, 1))"));
    ASSERT_OK(
        run("local function f(...) return ... end\n"
            "assert(select('#', pcall(f)) == 1 and select('#', pcall(f, nil, nil)) == 3 and not pcall(pcall))\n"
            "local ok, what = pcall(error, { 5 }) assert(not ok and what[1] == 5)\n"
            "ok, what = pcall(error) assert(not ok and what == nil)\n"
            "ok, what = xpcall(error, function(m) return m .. '!' end, 'a', 0) assert(not ok and what == 'a!')\n"
            "local co = coroutine.wrap(function(...) local a = { pcall(coroutine.yield, ...) } return "
            "table.unpack(a) end)\n"
            "assert(co(1) == 1) local got, value = co(7) assert(got == true and value == 7)\n"
            "co = coroutine.wrap(function() return xpcall(function() coroutine.yield(1) error('b', 0) end, "
            "string.upper) end)\n"
            "co() got, value = co() assert(got == false and value == 'B')\n"
            "for _ = 1, 1000 do assert(not pcall(error)) end"));
    ASSERT_OK(run("local function r(n) if n > 0 then local ok, why = pcall(r, n - 1) return ok and why or why end "
                  "return 'deep' end\n"
                  "coroutine.wrap(function() assert(r(150) == 'deep') assert(r(500):find('nested') or "
                  "r(500):find('overflow')) end)()\n"
                  "assert(r(100) == 'deep')"));
}
END_TEST

START_TEST(memory_limit)
{
    host_free(host);
    start_with(8 << 20);
    ASSERT_FAILS(run("local s = 'x' while true do s = s .. s end"), STATUS_NOMEM, "out of memory");
    ASSERT_FAILS(run("string.rep('x', 1 << 30)"), STATUS_NOMEM, "out of memory");
    ASSERT_FAILS(run("local t = {} for i = 1, 1e9 do t[i] = {} end"), STATUS_NOMEM, "out of memory");
    ASSERT_OK(run("local t = {} for i = 1, 1000 do t[i] = {} end"));
}
END_TEST

START_TEST(refused)
{
    ASSERT_FAILS(host_run(host, "\x1bLua", 4, "x", 0), STATUS_LUA, "binary");
    ASSERT_OK(
        run("local f, why = load(string.dump(function() end), 'x', 'b') assert(not f and why:find('binary'))"));
    ASSERT_OK(run("assert(not package.loadlib and not debug.sethook and not os.setlocale)"));
    ASSERT_FAILS(run("require 'no.such.module'"), STATUS_LUA, "no.such.module");
    ASSERT_FAILS(run("setmetatable({}, {__gc = function() end})"), STATUS_LUA, "__gc");
    ASSERT_OK(run("assert(getmetatable(zeros(2)) == nil)"));
    scratch_write(scratch_path("b.lua"), "\x1bLuaX", 5);
    ASSERT_FAILS(host_load_file(host, scratch_path("b.lua")), STATUS_LUA, "binary");
    ASSERT_FAILS(host_load_file(host, scratch_folder), STATUS_IO, "directory");
    ASSERT_FAILS(host_load_file(host, scratch_path("none.lua")), STATUS_IO, "none.lua");
    ASSERT_OK(run("assert(not pcall(dofile, '/dev'))"));
}
END_TEST

START_TEST(restricted_host)
{
    host_free(host);
    HostOptions options = {.output = keep_output, .restricted = true};
    ASSERT_OK(host_new(&options, &host));
    ASSERT_FAILS(run("\nlocal t = os.time()"), STATUS_LUA,
                 "test:2: os.time: a run that goes on, is evaluated or is");
    ASSERT_FAILS(run("require('io').open('/etc/passwd')"), STATUS_LUA, "io.open: ");
    ASSERT_FAILS(run("dofile 'x.lua'"), STATUS_LUA, "x.lua: there is no copy of it");
    ASSERT_FAILS(run("require 'x'"), STATUS_LUA, "no copy of 'x', which was not loaded when the run began");
    ASSERT_OK(run("local f, why = loadfile('/etc/passwd') assert(not f and why:find 'no copy of it')"));
    Buffer text = {0};
    ASSERT_OK(buffer_text(&text, "#!/usr/bin/lua\nreturn 7, ..."));
    ASSERT_OK(host_files_add(host_files(host), "require x", "/where/x.lua", &text));
    ASSERT_OK(buffer_text(&text, "return 8"));
    ASSERT_OK(host_files_add(host_files(host), "file y.lua", "y.lua", &text));
    ASSERT_OK(run("assert(require 'x' == 7 and dofile 'y.lua' == 8)"));
    ASSERT_OK(run("assert(zeros(1):item() == 0)"));
}
END_TEST

START_TEST(errors_have_places)
{
    ASSERT_FAILS(run("local x = 1\nerror('bad')"), STATUS_LUA, "test:2: bad");
    ASSERT_FAILS(run("function deep() error('bad') end\nfunction outer() deep() return 1 end\nouter()"), STATUS_LUA,
                 "bad");
    ck_assert_ptr_nonnull(strstr(host_traceback(host), "in function 'outer'"));
    ASSERT_FAILS(run("local x ="), STATUS_LUA, "test:1:");
    ASSERT_FAILS(run("error(setmetatable({}, {__tostring = function() return 'mine' end}))"), STATUS_LUA, "mine");
    ASSERT_FAILS(run("error()"), STATUS_LUA, "nil");
    ASSERT_FAILS(run("ops.reshape(zeros(4), 3)"), STATUS_INVALID, "reshape");
    ck_assert_int_eq(lua_gettop(host_lua(host)), 0);
}
END_TEST

/* The collector hears of the bytes of tensors: a loop that makes garbage stays small. */
START_TEST(tensors_are_collected)
{
    size_t before = memory_in_use();
    ASSERT_OK(run("for i = 1, 2000 do local t = zeros(64, 1024) end"));
    ck_assert_uint_lt(memory_in_use() - before, 64 << 20);
}
END_TEST

START_TEST(dead_tensors)
{
    Arena *arena;
    Tape *tape;
    ASSERT_OK(arena_new(&arena));
    ASSERT_OK(tape_new(arena, &tape));
    host_set_tape(host, tape);
    ASSERT_OK(run("kept = zeros(2, 3):requires_grad():reshape(6) copy = kept:clone() assert(#kept == 6)"));
    tape_reset(tape);
    host_set_tape(host, NULL);
    ASSERT_FAILS(run("return kept.shape"), STATUS_LUA, ":clone()");
    ASSERT_OK(run("assert(#copy == 6) kept = nil collectgarbage()"));
    host_set_tape(host, tape);
    ASSERT_OK(run("kept = zeros(2, 3):requires_grad():reshape(6)"));
    host_set_tape(host, NULL);
    tape_free(tape);
    arena_free(arena);
    host_forget_tensors(host);
    ASSERT_FAILS(run("return kept.shape"), STATUS_LUA, ":clone()");
}
END_TEST

/* --- every op from Lua --- */

/* "f32[2,3]+" as the Lua text of such a tensor. */
static void put_input(Buffer *out, const char *word)
{
    char dtype[8] = "", sizes[64] = "";
    if (strncmp(word, "- ", 2) == 0 || strcmp(word, "-") == 0) {
        ASSERT_OK(buffer_text(out, "nil"));
        return;
    }
    ck_assert_int_ge(sscanf(word, "%7[a-z0-9][%63[0-9,]]", dtype, sizes), 1);
    const char *maker = strcmp(dtype, "f32") == 0 ? "rand" : "zeros";
    ASSERT_OK(buffer_printf(out, "%s({%s}, {dtype = '%s'})", maker, sizes, dtype));
}

static void put_attrs(Buffer *out, const Op *op, const char *attrs)
{
    ASSERT_OK(buffer_text(out, "{"));
    while (attrs && *attrs) {
        char name[64], value[64];
        ck_assert_int_eq(sscanf(attrs, "%63[^=]=%63[^ ]", name, value), 2);
        const Option *option = option_find(op->attrs, name);
        ck_assert_ptr_nonnull(option);
        const char *form = option->kind == OPTION_INTS                                    ? "%s = {%s}, "
                           : option->kind == OPTION_CHOICE || option->kind == OPTION_TEXT ? "%s = '%s', "
                                                                                          : "%s = %s, ";
        char text[160];
        const char *slot = strstr(form, "%s = ") + 5;
        snprintf(text, sizeof text, "%s = %.*s%s%s", name, (int)(strstr(slot, "%s") - slot), slot, value,
                 strstr(slot, "%s") + 2);
        ASSERT_OK(buffer_text(out, text));
        attrs += strcspn(attrs, " ");
        attrs += strspn(attrs, " ");
    }
    ASSERT_OK(buffer_text(out, "}"));
}

static void call_op(const Op *op)
{
    Buffer text = {0};
    ASSERT_OK(buffer_printf(&text, "local out = ops.%s(", op->name));
    for (const char *word = op->cases[0].inputs; *word;) {
        put_input(&text, word);
        ASSERT_OK(buffer_text(&text, ", "));
        word += strcspn(word, " ");
        word += strspn(word, " ");
    }
    put_attrs(&text, op, op->cases[0].attrs);
    ASSERT_OK(buffer_printf(&text, ") assert(out.shape) help(ops.%s)", op->name));
    ck_assert_msg(run(text.data) == STATUS_OK, "%s: %s", text.data, status_message());
    buffer_free(&text);
}

START_TEST(every_op)
{
    int called = 0;
    for (int i = 0; i < op_record_count; i++)
        if (op_records[i]->cases && op_records[i]->cases[0].inputs) {
            call_op(op_records[i]);
            called++;
        }
    ck_assert_int_gt(called, 0);
    ASSERT_FAILS(run("ops.reshape(zeros(2), 2, 3, 'x')"), STATUS_LUA, "");
}
END_TEST

/* Arguments as people write them: by place, by name, as lists, as numbers. */
static const char *const forms[] = {
    "local t = tensor{-2, 0.5, 3} assert(t:clamp{min = 0, max = 1}:sum():item() == 1.5)",
    "local t = tensor{-2, 0.5, 3} assert(t:clamp(0, 1):sum():item() == 1.5 and t:clamp{max = 0}[0]:item() == -2)",
    "local a, b = ones(2, 3), zeros(2, 1) local c = ops.concat({a, b, a}, 1) assert(c.shape[2] == 7)",
    "local a, b = ones(2, 3), zeros(1, 3) assert(#ops.concat({a, b}, {dim = 0}) == 3 and #a:concat(b) == 3)",
    "assert(a == nil) local a = ones(2, 3) assert(a:concat(a, a, {dim = -1}).shape[2] == 9)",
    "local t = tensor{1, 2, 3} assert(ops.where(t:gt(1), t, 0):sum():item() == 5)",
    "local t = tensor{1, 2, 3} assert(t:ge(2):where(1, -1):sum():item() == 1)",
    "local t = tensor({1, 2, 3}, {dtype = 'i32'}) assert(t:eq(2):tolist()[2] == 1 and t:ne(2).dtype == 'u8')",
    "assert(tensor(1) < tensor(2) and tensor(1) <= 1 and 3 > tensor{2} and not (tensor(1) >= 2))",
    "local ok, why = pcall(function() return zeros(3) < 1 end) assert(not ok and why:find('a:lt(b)', 1, true), "
    "why)",
    "local t = tensor{3, 1, 2} assert(t:argmax():item() == 0 and t:argmax().dtype == 'i32' and t:std():item() == "
    "1)",
    "assert(ones(3, 1):expand(2, 3, 4).count == 24 and ones(1):expand{4}.shape[1] == 4)",
    "assert(tensor{3, 4}:norm():item() == 5 and tensor{3, -4}:norm(1):item() == 7)",
    "assert(math.abs(tensor{3, 4}:l2_normalize()[1]:item() - 0.8) < 1e-6)",
    "assert(tensor{3.7}:cast('i32'):item() == 3 and tensor{3.7}:to('bf16').dtype == 'bf16')",
    "local x = tensor{3}:requires_grad() x:to('bf16'):cast('f32'):square():sum():backward() "
    "assert(x.grad[0]:item() == 6)",
    "local x = tensor{1, 2}:requires_grad() local b = x:to('bf16') "
    "ops.concat{b:reshape(2, 1):expand(2, 3)[1], b[{0, 1}]}:to('f32'):sum():backward() "
    "assert(x.grad:tolist()[1] == 1 and x.grad:tolist()[2] == 3)",
    "local x = tensor{3}:requires_grad() x:gradient_reverse(0.5):sum():backward() assert(x.grad[0]:item() == -0.5)",
    "local x = tensor{3}:requires_grad(); (x * x:detach()):sum():backward() assert(x.grad[0]:item() == 3)",
    "assert(ops.mse_loss(tensor{1, 3}, tensor{0, 0}):item() == 5 and tensor{1, 3}:mse_loss(0, 'sum'):item() == 10)",
    "assert(tensor{1, 2, 3}:cumsum(0):tolist()[3] == 6 and zeros(2, 3):softmax(0)[0][0]:item() == 0.5)",
    "assert(zeros(2, 3):cross_entropy(zeros(2, {dtype = 'i32'}), {label_smoothing = 0.1}):item() > 1)",
    "assert(ones(4, 2, 3):matmul(ones(3, 5)).shape[3] == 5 and ones(2, 3):matmul(ones(4, 3, 5)).shape[1] == 4)",
    "local t = tensor({1, 2, 3}, {dtype = 'i32'}) assert((t + 1).dtype == 'i32' and (t + 1.5).dtype == 'f32')",
    "local t = tensor({1, 2, 3}, {dtype = 'i32'}) assert((t * {2, 3, 4}):tolist()[3] == 12 and (t / 2)[0]:item() "
    "== 0.5)",
    "local t = randn(4):to('bf16') assert((t * 2).dtype == 'bf16' and (2 * t - t):eq(t):sum():item() == 4)",
    "assert(tensor{1, 0, 2}:gt(0):mean():item() > 0.66 and tensor{1, 0, 2}:gt(0):sum():item() == 2)",
    "assert((2 ^ tensor{1, 3})[1]:item() == 8 and (tensor{2, 3} ^ tensor{3, 2}):tolist()[2] == 9)",
    "assert(tensor{1, 2}:matmul(tensor{3, 4}):item() == 11 and ones(2, 3):matmul(ones(3)).shape[1] == 2)",
    "local t = tensor{9007199254740993, dtype = 'i64'} assert(t:item() == 9007199254740993 and t[0]:item() == "
    "t:max():item())",
    "assert(arange(2, 8, 2, {dtype = 'i64'}):sum():item() == 12 and full(7, 2, {dtype = 'u8'}):sum():item() == 14)",
    "assert(math.abs(tensor{1}:gelu{approximate = 'tanh'}:item() - 0.841192) < 1e-6)",
};

START_TEST(argument_forms)
{
    ck_assert_msg(run(forms[_i]) == STATUS_OK, "%s: %s", forms[_i], status_message());
}
END_TEST

/* Errors name the op, the argument and the shapes. */
START_TEST(op_refusals)
{
    static const char *const calls[][2] = {
        {"ops.concat({zeros(2, 3), zeros(3, 3)}, 1)", "concat: tensors is f32[3,3]: the first one is f32[2,3]"},
        {"ops.concat{}", "concat: tensors is missing"},
        {"ops.concat({zeros(2)}, 1)", "concat: tensors is f32[2]: it has no dimension 1"},
        {"zeros(2, 3):expand(4, 3)", "expand: x is f32[2,3]: it cannot become size 4 in dimension 0"},
        {"zeros(2, 3):expand(3)", "expand: x is f32[2,3]: the new shape must have 2 to 6 dimensions; it has 1"},
        {"zeros(2, 3):sum(2)", "sum: x is f32[2,3]: it has no dimension 2"},
        {"zeros(0):argmax()", "argmax: x is f32[0]: there is no element"},
        {"zeros(2, 2):argmax{dim = {0, 1}}", "argmax: x is f32[2,2]: dim must be one dimension"},
        {"zeros(2, 3):matmul(zeros(2, 4, 5))",
         "matmul: b is f32[2,4,5]: a is f32[2,3]: inner sizes 3 and 4 differ"},
        {"zeros(2, 2, 3):matmul(zeros(3, 3, 5))", "leading sizes 2 and 3 differ"},
        {"zeros(2):mse_loss(zeros(3))", "mse_loss: input is f32[2], target is f32[3]: sizes 2 and 3 differ"},
        {"zeros(2):mse_loss(zeros(2), 'avg')", "mse_loss: reduction must be one of mean, sum, none"},
        {"zeros(2):where(zeros(3), zeros(3))",
         "where: condition is f32[2], a is f32[3], b is f32[3]: sizes 2 and 3 differ"},
        {"zeros(2):norm(0.5)", "norm: p must be a number in [1, 100]; got 0.5"},
        {"zeros(2):to('f64')", "cast: dtype must be one of f32, bf16, i32, i64, u8; got 'f64'"},
        {"zeros(2):cast{dtyp = 'i32'}", "cast has no option 'dtyp'; did you mean 'dtype'?"},
        {"zeros(2):clamp('x')", "clamp: min must be a number"},
        {"tensor({1, 1 << 40}, {dtype = 'i32'})", "tensor: element 1 is 1099511627776, which i32 cannot hold"},
        {"tensor({1.5}, {dtype = 'u8'})", "tensor: element 0 is 1.5, but u8 holds whole numbers"},
        {"tensor{1, 'x'}", "tensor: element 1 is a string, not a number"},
        {"zeros(2, {dtype = 'u8'})[0] = 256", "the value is 256, which u8 cannot hold"},
        {"return zeros(2, {dtype = 'u8'}) + 300", "add: b is 300, which u8 cannot hold; :to('i64') makes room"},
        {"full(0.5, 2, {dtype = 'i32'})", "full: the value is 0.5, but i32 holds whole numbers"},
        {"arange(0, 1, 0.5, {dtype = 'i32'})", "arange: an element is 0.5, but i32 holds whole numbers"},
        {"arange(1, 2, 3, 4)", "arange takes start, stop and step; got 4 numbers"},
        {"rand(2, {dtype = 'i32'})", "rand: its numbers are no integers"},
        {"zeros(3):matmul(zeros(2))", "matmul: b is f32[2]: a is f32[3]: inner sizes 3 and 2 differ"},
    };
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        ck_assert_msg(run(calls[i][0]) != STATUS_OK, "%s: no error", calls[i][0]);
        ck_assert_msg(strstr(status_message(), calls[i][1]), "%s: %s", calls[i][0], status_message());
    }
}
END_TEST

START_TEST(gradient_checks)
{
    ASSERT_OK(run("local x, y = randn(3, 4), randn(4) "
                  "assert(gradcheck(function(a, b) return (a * b):tanh():matmul(ones(4, 2)) end, x, y) < 1e-3) "
                  "assert(gradcheck(ops.exp, x, {elements = 0}) < 1e-3 and not x.grad) "
                  "local drop = gradcheck(function(a) return a:dropout(0.5) end, x) assert(drop < 1e-3) "
                  "local t = zeros(3, {dtype = 'i32'}) assert(gradcheck(ops.cross_entropy, x, t) < 1e-3) "
                  "assert(coroutine.wrap(function() return gradcheck(ops.square, x) end)() < 1e-3) "
                  "assert(gradcheck(function() return ones(2) end, x) == 0)"));
    ASSERT_FAILS(run("gradcheck(function(a) return a * a:detach() end, tensor{{1, 5}, {2, 3}})"), STATUS_INVALID,
                 "gradient check of the function: input 0, f32[2,2], element [0,1]: backward gives ");
    ASSERT_FAILS(run("gradcheck(function(a) return 1 end, ones(2))"), STATUS_LUA, "must return a tensor");
    ASSERT_FAILS(run("gradcheck(function(a) error('mine') end, ones(2))"), STATUS_LUA, "mine");
    ASSERT_FAILS(run("gradcheck(function(a) return a:gt(0) end, ones(2))"), STATUS_INVALID, "u8[2]");
    ASSERT_FAILS(run("gradcheck(ops.exp, ones(2), {tol = 1})"), STATUS_INVALID, "gradcheck has no option 'tol'");
    ASSERT_FAILS(run("gradcheck()"), STATUS_LUA, "value expected");
    ASSERT_OK(run("help(gradcheck)"));
}
END_TEST

/* help() says something about whatever a name stands for, and about each name behind it. */
START_TEST(help_knows_everything)
{
    ASSERT_OK(
        run("local corpus = data.stories { stories = 40 } "
            "local words = tokenizers.characters.train(corpus) "
            "local pairs = data.packed_text(corpus, words, { length = 16, batch_size = 2 }) "
            "local run = session { model = models.mlp { input_size = 2 } } "
            "local things = { zeros(2), corpus, words, pairs.train, pairs.train:batch(), run, run.model, "
            "  run.optimizer, run.schedule, run.options, optim.sgd {}, objectives.mlm {}, ops, recipe, session, "
            "  exit, 'run', print, gradcheck, string, math.sin, 5, true, {}, function(a) end } "
            "for name, value in next, _G do things[#things + 1] = value end "
            "for i = 1, #things do "
            "  local x = things[i] "
            "  help(x) "
            "  for _, name in ipairs(x ~= _G and lathe.members(x) or {}) do "
            "    local ok, inner = pcall(function() return x[name] end) "
            "    if ok and inner ~= nil and type(inner) ~= 'string' then help(inner) end "
            "  end "
            "end"));
    ck_assert_ptr_null(strstr(printed.data, "Nothing is known about this"));
    ck_assert_ptr_null(strstr(printed.data, "userdata: 0x"));
    ck_assert_uint_gt(printed.length, 30000);
}
END_TEST

static void check_help(const char *on, const char *expected)
{
    buffer_clear(&printed);
    ASSERT_OK(run(on));
    ck_assert_msg(strstr(printed.data, expected) != NULL, "%s: %s", on, printed.data);
}

START_TEST(help_on_names)
{
    check_help("help 'run.clip_norm'", "run.clip_norm\n  clip_norm                a number in [0, 1000000000]");
    check_help("help 'objectives.nsp.weight'", "objectives.nsp.weight\n  weight   ");
    check_help("help 'run.objectives.mlm.masking'", "one of token, whole_word, span");
    check_help("help 'run.optimizer.beta2'", "optim.adamw.beta2\n");
    check_help("help 'mlm_probability'", "objectives.mlm.mlm_probability\n");
    check_help("help 'run.model'", "run.model: the first model\n");
    check_help("help 'run.prune'", "run:prune {");
    check_help("help 'tensor.slice'", "tensor:slice(dim, start, stop, step)\n");
    check_help("help 'session'", "session { options }\n");
    check_help("help 'recipe'", "recipe {");
    check_help("help 'seed'", "seed(n): starts");
    check_help("help 'run.nosuch'", "Nothing is known about 'run.nosuch'");
    check_help("help(ops.linear)", "  Kept for the gradient: x, weight\n");
    check_help("help(ops.exp)", "; cheap to compute again\n");
    check_help("help(ops.argmax)", "  No gradient: a place does not change");
}
END_TEST

static void check_error(const char *chunk, const char *expected)
{
    ck_assert_msg(run(chunk) != STATUS_OK, "%s: no error", chunk);
    ck_assert_msg(strcmp(status_message(), expected) == 0, "%s: %s", chunk, status_message());
}

/* No place inside of the Lua library, no words of Lua's C library. */
START_TEST(errors_in_words)
{
    check_error("arange('x')", "test:1: arange: argument 1 must be a number; got a string");
    check_error("arange()", "test:1: arange: argument 1 must be a number; got nothing");
    check_error("full(zeros(2))", "test:1: full: argument 1 must be a number; got a tensor");
    check_error("local f = gradcheck f()", "test:1: f: argument 1: value expected");
    check_error("\n\nrandperm('x')", "test:3: a size must be an integer of at least 0; got x");
    check_error("session { model = models.mlp { input_size = 2 } }.model:reshape(5)",
                "test:1: reshape takes a table, as in run.model:reshape {num_hidden_layers = 6}; got a number");
    check_error("local run = session { model = models.mlp { input_size = 2 } } run.model.frozen = 5",
                "test:1: frozen takes true or false; got a number");
    check_error(
        "local run = session { model = models.mlp { input_size = 2 } } run.model:reset('nosuch')",
        "test:1: model has no module or parameter 'nosuch'; print it to see what it has. Nothing was changed.");
    check_error("local t = zeros(2) t = t + print",
                "test:1: a tensor, a number or a list of numbers is wanted; got a function");
    check_error("error('mine', 0)", "mine");
    check_error("error('lathe.show is mine')", "test:1: lathe.show is mine");
}
END_TEST

/* Every op through every wrong argument: an error, never a crash. */
START_TEST(wrong_arguments)
{
    ASSERT_OK(
        run("local junk = { 'x', -1, 1.5, {}, {1, {2}}, {x = 1}, print, true, zeros(0), zeros(2, {dtype = 'u8'}),"
            "  zeros(1, 1, 1, 1, 1, 1), 1 << 62, 0/0, coroutine.create(print) } "
            "for name, op in pairs(ops) do "
            "  pcall(op) "
            "  for _, a in ipairs(junk) do pcall(op, a) "
            "    for _, b in ipairs(junk) do pcall(op, a, b) pcall(op, zeros(2), a, b) pcall(op, zeros(2, 2), "
            "zeros(2, 2), a) end "
            "  end "
            "end "
            "local t = zeros(2, 3) "
            "for _, name in ipairs(lathe.members(t)) do "
            "  for _, a in ipairs(junk) do pcall(t[name], t, a) pcall(t[name], a) pcall(t[name], t, a, a, a) end "
            "end "
            "for _, make in ipairs { tensor, zeros, ones, full, randn, rand, eye, arange, seed, help, recipe, "
            "integer, choice, gradcheck } do "
            "  for _, a in ipairs(junk) do if a ~= 1 << 62 then pcall(make, a) pcall(make, a, a) end end "
            "end"));
}
END_TEST

/* --- failing allocations --- */

static const char sweep_text[] =
    "local x = tensor{{1, 2}, {3, 4}}:requires_grad()\n"
    "local y = x:reshape(4)\n"
    "y:backward(ones(4))\n"
    "local t = {} for i = 1, 20 do t[i] = tostring(x.grad) end\n"
    "local ok, why = pcall(ops.reshape, x, 3)\n"
    "pcall(gradcheck, ops.square, tensor{2})\n"
    "help(ops.reshape) print(table.concat(t))\n"
    "return recipe { params = { n = integer {3, min = 1} }, build = function(p) return p.n end }";

static void drop_output(void *context, const char *text, size_t length)
{
    (void)context;
    (void)text;
    (void)length;
}

static Status sweep_once(void)
{
    HostOptions options = {.output = drop_output};
    Host *small;
    TRY(host_new(&options, &small));
    Status status = host_run(small, sweep_text, sizeof sweep_text - 1, "sweep", 0);
    host_free(small);
    return status;
}

static void sweep(uint64_t first, uint64_t last, uint64_t step, int persistent)
{
    size_t before = memory_in_use();
    for (uint64_t n = first; n <= last; n += step) {
        memory_fail_after(n, persistent);
        Status status = sweep_once();
        memory_fail_after(0, 0);
        ck_assert_msg(status == STATUS_OK || status == STATUS_NOMEM || status == STATUS_LUA, "%llu: %s",
                      (unsigned long long)n, status_message());
        ck_assert_msg(memory_in_use() == before, "allocation %llu: %zu bytes leaked", (unsigned long long)n,
                      memory_in_use() - before);
    }
}

START_TEST(allocation_failures)
{
    memory_fail_after(0, 0);
    ASSERT_OK(sweep_once());
    uint64_t all = memory_allocations();
    ck_assert_uint_gt(all, 1000);
    sweep(1, all, sweep_step(1, 17), _i);
    sweep(all > 300 ? all - 300 : 1, all, 1, _i);
}
END_TEST

/* --- completion --- */

static void check_completion(Repl *repl, const char *line, const char *expected)
{
    Buffer got = {0}, words = {0};
    size_t from;
    ASSERT_OK(repl_complete(repl, line, &from, &words));
    for (const char *at = words.data; at && *at; at = strchr(at, '\n') + 1)
        ASSERT_OK(buffer_printf(&got, "%.*s ", (int)strcspn(at, "\t\n"), at));
    ck_assert_str_eq(got.data ? got.data : "", expected);
    buffer_free(&words);
    buffer_free(&got);
}

static int keep_names(lua_State *L)
{
    size_t length;
    library_require(L, "names");
    lua_call(L, 0, 1);
    const char *text = lua_tolstring(L, -1, &length);
    host_check(L, buffer_append(lua_touserdata(L, 1), text, length));
    return 0;
}

/* The whole list, as runs publish it for their clients. */
static void check_published(const char *line, const char *expected)
{
    CompletionWord word;
    Buffer words = {0}, names = {0};
    ASSERT_OK(host_protect(host, keep_names, &names));
    ASSERT_OK(completion_word(line, strlen(line), &word));
    ASSERT_OK(completion_find(&word, names.data, &words));
    ck_assert_str_eq(words.data ? words.data : "", expected);
    buffer_free(&names);
    buffer_free(&word.key);
    buffer_free(&words);
}

START_TEST(published_names)
{
    ASSERT_OK(run("run = session { model = models.mlp { input_size = 2 } }"));
    buffer_clear(&printed);
    check_published("models.bert { hidden_si", "hidden_size\twidth of the hidden states\n");
    check_published("objectives.mlm { maski", "masking\twhat is masked together\n");
    check_published("run.model:resh", "run.model:reshape\tA whole model with another config, as in "
                                      "run.model:reshape { num_hidden_layers = 6 }\n");
    check_published("run:prune { spars", "sparsity\tshare of the selected weights that is to be zero\n");
    check_published("run.clip_n", "run.clip_norm\tthe gradient's norm is cut to this\n");
    check_published("optim.adamw", "optim.adamw\tAdam with decoupled weight decay\n");
    ASSERT_OK(
        run("local corpus = data.stories { stories = 8 }\n"
            "local words = tokenizers.wordpiece.train(corpus, { vocab_size = 120 })\n"
            "run = session { model = models.bert { vocab_size = 120, hidden_size = 8, num_hidden_layers = 1,\n"
            "    num_attention_heads = 1, intermediate_size = 8 }, objectives = { objectives.nsp {} },\n"
            "  data = data.sentence_pairs(corpus, words, { length = 16, batch_size = 2 }),\n"
            "  optimizer = optim.adamw {}, steps = 1 }"));
    check_published("run.model.bert.pooler.dense.weight.gr",
                    "run.model.bert.pooler.dense.weight.grad\ta copy of the "
                    "last step's gradient, before clipping\n");
    check_published("run.model.bert.pooler.dense.weight.state.", "");
    ASSERT_OK(run("run:train(1)"));
    check_published("run.model.bert.pooler.dense.weight.state.exp_avg_s",
                    "run.model.bert.pooler.dense.weight.state.exp_avg_sq\t\n");
}
END_TEST

START_TEST(completion)
{
    Repl *repl;
    ASSERT_OK(repl_new(host, &repl));
    ASSERT_OK(run("box = { inner = { first = 1, fifth = 2 }, list = { [0] = { zeta = 1 } } } word = zeros(2)"));
    check_completion(repl, "print(box.inn", "box.inner ");
    check_completion(repl, "box.inner.fi", "box.inner.fifth box.inner.first ");
    check_completion(repl, "x = arang", "arange ");
    check_completion(repl, "ops.resha", "ops.reshape ");
    check_completion(repl, "word:zero_", "word:zero_grad ");
    check_completion(repl, "box.list[0].ze", "box.list[0].zeta ");
    check_completion(repl, "nosuch.thing.x", "");
    check_completion(repl, "models.bert { hid", "hidden_act hidden_dropout_prob hidden_size ");
    check_completion(repl, "m = models.bert {vocab_size = f(3, {1}), num_l", "num_labels ");
    check_completion(repl, "objectives.mlm { ma", "mask_share masking ");
    check_completion(repl, "objectives.mlm({ ma", "mask_share masking ");
    check_completion(repl, "session { model = models.bert { type_v", "type_vocab_size ");
    check_completion(repl, "session { obj", "objectives ");
    check_completion(repl, "data.text('it\\'s {.txt', { doc", "documents ");
    check_completion(repl, "objectives.mlm { masking = obj", "objectives ");
    check_completion(repl, "x = { ob", "objectives ");
    check_completion(repl, "word.zero_", "word:zero_grad ");
    check_completion(repl, "retu", "return ");
    repl_free(repl);
}
END_TEST

/* --- recipes --- */

static const char recipe_text[] =
    "-- a comment\n"
    "return recipe {\n"
    "  doc = 'Tries things.',\n"
    "  params = { hidden_size = integer {128, min = 8, doc = 'width'}, lr = number {1e-3, above = 0},\n"
    "             text = file {doc = 'input'}, mode = choice {'fast', 'slow'}, flag = boolean {false} },\n"
    "  build = function(p) return p.hidden_size * 2 end,\n"
    "}\n";

static Recipe *load_recipe(const char *text)
{
    Recipe *recipe;
    scratch_write(scratch_path("r.lua"), text, strlen(text));
    ASSERT_OK(recipe_load(host, scratch_path("r.lua"), &recipe));
    return recipe;
}

START_TEST(recipe_parameters)
{
    Recipe *recipe = load_recipe(recipe_text);
    RecipeParam param;
    Buffer help = {0};
    int count;
    ASSERT_OK(recipe_param_count(recipe, &count));
    ck_assert_int_eq(count, 5);
    ASSERT_FAILS(recipe_set(recipe, "hiden_size", "128"), STATUS_LUA,
                 "r.lua has no parameter 'hiden_size'; did you mean 'hidden_size'?\n'lathe run ");
    ASSERT_FAILS(recipe_set_pair(recipe, "hidden_size"), STATUS_INVALID, "NAME=VALUE");
    ASSERT_FAILS(recipe_set_pair(recipe, "hidden_size=4"), STATUS_LUA, "an integer of at least 8; got 4");
    ASSERT_FAILS(recipe_set_pair(recipe, "hidden_size=a"), STATUS_LUA, "got 'a'");
    ASSERT_FAILS(recipe_set_pair(recipe, "hidden_size=8.5"), STATUS_LUA, "got 8.5");
    ASSERT_FAILS(recipe_set_pair(recipe, "lr=0"), STATUS_LUA, "above 0; got 0");
    ASSERT_FAILS(recipe_set_pair(recipe, "lr=nan"), STATUS_LUA, "lr must be");
    ASSERT_FAILS(recipe_set_pair(recipe, "flag=yes"), STATUS_LUA, "true or false");
    ASSERT_FAILS(recipe_set_pair(recipe, "mode=quick"), STATUS_LUA, "one of fast, slow");
    ASSERT_FAILS(recipe_set_pair(recipe, "text=/no/such"), STATUS_LUA, "there is no file '/no/such'");
    ASSERT_OK(recipe_set_pair(recipe, "hidden_size=64"));
    ASSERT_OK(recipe_param(recipe, 1, &param));
    ck_assert_str_eq(param.name, "hidden_size");
    ck_assert_str_eq(param.value, "64");
    ck_assert_str_eq(param.standard, "128");
    ASSERT_OK(recipe_help(recipe, &help));
    ck_assert_ptr_nonnull(strstr(help.data, "hidden_size"));
    ASSERT_OK(recipe_build(recipe));
    ck_assert_int_eq((int)lua_tointeger(host_lua(host), -1), 128);
    buffer_free(&help);
    recipe_free(recipe);
}
END_TEST

START_TEST(recipe_bad_files)
{
    Recipe *recipe;
    scratch_write(scratch_path("bad.lua"), "return recipe {\n  build = \n}\n", 29);
    ASSERT_FAILS(recipe_load(host, scratch_path("bad.lua"), &recipe), STATUS_LUA, "bad.lua:3:");
    scratch_write(scratch_path("no.lua"), "return 5", 8);
    ASSERT_FAILS(recipe_load(host, scratch_path("no.lua"), &recipe), STATUS_LUA, "does not return a recipe");
    scratch_write(scratch_path("empty.lua"), "", 0);
    ASSERT_FAILS(recipe_load(host, scratch_path("empty.lua"), &recipe), STATUS_LUA, "does not return a recipe");
    ASSERT_FAILS(recipe_load(host, scratch_path("none.lua"), &recipe), STATUS_IO, "none.lua");
    ASSERT_FAILS(recipe_load(host, "nosuchrecipe", &recipe), STATUS_IO, "there is no recipe 'nosuchrecipe' in");
    ASSERT_FAILS(recipe_load(host, "", &recipe), STATUS_IO, "there is no recipe ''");
    setenv("LATHE_PATH", scratch_folder, 1);
    scratch_write(scratch_path("mine.lua"), recipe_text, sizeof recipe_text - 1);
    ASSERT_OK(recipe_load(host, "mine", &recipe));
    recipe_free(recipe);
    recipe =
        load_recipe("return recipe { params = { size = integer {1} }, build = function(p) return p.sise end }");
    ASSERT_FAILS(recipe_build(recipe), STATUS_LUA, "did you mean 'size'?");
    recipe_free(recipe);
}
END_TEST

Suite *lua_suite(void)
{
    Suite *suite = suite_create("lua");
    TCase *host_case = tcase_create("host"), *slow = tcase_create("sweeps");
    tcase_add_checked_fixture(host_case, start, stop);
    tcase_add_loop_test(host_case, transcripts, 0, transcript_count);
    tcase_add_loop_test(host_case, interrupts, 0, sizeof endless / sizeof *endless);
    tcase_add_test(host_case, random_numbers_of_lua);
    tcase_add_test(host_case, deep_recursion);
    tcase_add_test(host_case, guarded_functions);
    tcase_add_test(host_case, memory_limit);
    tcase_add_test(host_case, refused);
    tcase_add_test(host_case, restricted_host);
    tcase_add_test(host_case, errors_have_places);
    tcase_add_test(host_case, tensors_are_collected);
    tcase_add_test(host_case, dead_tensors);
    tcase_add_test(host_case, every_op);
    tcase_add_loop_test(host_case, argument_forms, 0, sizeof forms / sizeof *forms);
    tcase_add_test(host_case, op_refusals);
    tcase_add_test(host_case, gradient_checks);
    tcase_add_test(host_case, help_knows_everything);
    tcase_add_test(host_case, help_on_names);
    tcase_add_test(host_case, errors_in_words);
    tcase_add_test(host_case, wrong_arguments);
    tcase_add_test(host_case, completion);
    tcase_add_test(host_case, published_names);
    tcase_add_test(host_case, recipe_parameters);
    tcase_add_test(host_case, recipe_bad_files);
    tcase_add_loop_test(slow, allocation_failures, 0, 2);
    suite_add_tcase(suite, host_case);
    suite_add_tcase(suite, slow);
    return suite;
}
