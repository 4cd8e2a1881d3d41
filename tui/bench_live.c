/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What it costs a run to be edited and looked at: the step that follows a snapshot, an edit, a prompt that waits;
 * measured in turns with plain steps, so that what else the machine does falls on both alike. */
#include "engine/base/clock.h"
#include "engine/base/memory.h"
#include "engine/io/file.h"
#include "engine/io/run_directory.h"
#include "engine/train/snapshot.h"
#include "scripts/bind_history.h"
#include "scripts/bind_session.h"
#include "scripts/library.h"
#include "tui/bench.h"
#include "tui/client.h"
#include "tui/server.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MAX_ROUNDS = 200, ROUNDS = 20, WARM_ROUNDS = 2, MAX_KEPT = 16 };
static const size_t most_kept = (size_t)1 << 30; /* bytes, as a run keeps them */

typedef struct Watched {
    Host *host;
    Session *session;
    RunDirectory *directory;
    Server *server;
    const BenchConfig *config;
    Snapshot *kept[MAX_KEPT];
    int64_t snapshots, edits;
} Watched;

/* Seconds that have passed, and that processors were busy for us. */
typedef struct Spent {
    double wall, busy;
} Spent;

static Spent clock_now(void)
{
    struct timespec busy;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &busy);
    return (Spent){clock_seconds(), (double)busy.tv_sec + 1e-9 * (double)busy.tv_nsec};
}

static Spent since(Spent start)
{
    Spent now = clock_now();
    return (Spent){now.wall - start.wall, now.busy - start.busy};
}

/* --- a run --- */

static int push_source(lua_State *L)
{
    const Watched *watched = lua_touserdata(L, lua_upvalueindex(1));
    host_check(L, bench_random_text(watched->config, bind_new_source(L)));
    return 1;
}

static int make_session(lua_State *L)
{
    static const char text[] =
        "local source, width, layers, vocabulary, length = ... "
        "return session { steps = 1 << 30, data = { train = source }, optimizer = optim.adamw {}, "
        "  model = models.bert { hidden_size = width, num_hidden_layers = layers, vocab_size = vocabulary, "
        "                        max_position_embeddings = math.max(512, length) }, "
        "  objectives = { objectives.mlm {}, objectives.nsp {} } }";
    Watched *watched = lua_touserdata(L, 1);
    const BenchConfig *config = watched->config;
    host_check(L, host_load(watched->host, text, sizeof text - 1, "bench"));
    lua_pushlightuserdata(L, watched);
    lua_pushcclosure(L, push_source, 1);
    lua_call(L, 0, 1);
    lua_pushinteger(L, config->width);
    lua_pushinteger(L, config->layers);
    lua_pushinteger(L, config->vocabulary);
    lua_pushinteger(L, config->length);
    lua_call(L, 5, 1);
    bind_set_run(L, -1);
    watched->session = bind_check_session(L, -1)->session;
    watched->session->precision = config->precision;
    watched->session->recompute = config->recompute;
    return 0;
}

static Status train_step(Watched *watched)
{
    StepMetrics metrics;
    TRY(bind_step(watched->host, watched->session, &metrics));
    server_step(watched->server, watched->session, &metrics);
    TRY(bind_history_tell(watched->host, "stepped", watched->directory, watched->session));
    return server_boundary(watched->server);
}

static Status time_step(Watched *watched, Spent *out)
{
    Spent start = clock_now();
    TRY(train_step(watched));
    *out = since(start);
    return STATUS_OK;
}

/* --- what is measured, each beside a plain step --- */

static int64_t how_many(const Watched *watched)
{
    size_t state = 3 * sizeof(float) * (size_t)module_count_weights(watched->session->models[0]->root);
    size_t fit = most_kept / (state ? state : 1);
    return fit < 1 ? 1 : fit > MAX_KEPT ? MAX_KEPT : (int64_t)fit;
}

/* The step behind a snapshot writes to other memory. */
static Status time_snapshot(Watched *watched, int64_t kept, Spent *out)
{
    Snapshot **place = &watched->kept[watched->snapshots++ % kept];
    snapshot_free(*place);
    *place = NULL;
    Spent start = clock_now();
    TRY(snapshot_take(watched->session, place));
    TRY(train_step(watched));
    *out = since(start);
    return STATUS_OK;
}

/* Memory that an earlier snapshot gave back: so it is once a run has as many as its limit allows. */
static Status time_later_snapshot(Watched *watched, Spent *out)
{
    return time_snapshot(watched, 1, out);
}

/* Memory that the process has not had before, made ready in the steps since the last one. */
static Status time_early_snapshot(Watched *watched, Spent *out)
{
    return time_snapshot(watched, how_many(watched), out);
}

/* What each of those steps does for it. */
static Status time_preparing(Watched *watched, Spent *out)
{
    TRY(time_snapshot(watched, how_many(watched), out));
    return time_step(watched, out);
}

/* As a run does a part of it behind every step. */
static void prepare_memory(const Watched *watched)
{
    for (int i = 0; i < 100; i++) snapshot_prepare(watched->session, most_kept);
}

static Status run_line(Watched *watched, const char *line, Buffer *words)
{
    lua_State *L = host_lua(watched->host);
    TRY(bind_begin_line(watched->host, L));
    Status status = host_run(watched->host, line, strlen(line), "bench", 0);
    TRY(bind_end_line(watched->host, L, status != STATUS_OK, words));
    return status;
}

/* The edit alone, with its snapshot, hash and journal. */
static Status time_edit(Watched *watched, Spent *out)
{
    Buffer words = {0};
    char line[64];
    snprintf(line, sizeof line, "run.objectives.nsp.weight = %lld / 100", (long long)(++watched->edits % 100));
    Spent start = clock_now();
    Status status = run_line(watched, line, &words);
    *out = since(start);
    buffer_free(&words);
    return status == STATUS_OK ? train_step(watched) : status;
}

static Status read_all(Client *client)
{
    WireMessage message;
    bool got = true;
    while (got) {
        TRY(client_next(client, 0, &message, &got));
        if (got) wire_clear(&message);
    }
    return STATUS_OK;
}

/* A step while somebody is attached and does nothing. */
static Status time_prompt(Watched *watched, Spent *out)
{
    Client client;
    Status status = client_open(run_directory_path(watched->directory), false, &client);
    if (status == STATUS_OK) status = train_step(watched);
    if (status == STATUS_OK) status = time_step(watched, out);
    if (status == STATUS_OK) status = read_all(&client);
    client_close(&client);
    return status == STATUS_OK ? train_step(watched) : status;
}

typedef struct Kind {
    const char *name;
    Status (*time)(Watched *watched, Spent *out);
    bool whole; /* it is a step and more, so a plain step is taken off */
    double limit;
    bool ready; /* memory for a snapshot is made ready before the plain step */
} Kind;

static const Kind kinds[] = {{"a snapshot, with the step that follows", time_later_snapshot, true, 0.05},
                             {"an edit of one weight", time_edit, false, 0.01},
                             {"a prompt that is attached and waits", time_prompt, true, 0},
                             {"one of the first snapshots, in new memory", time_early_snapshot, true, 0.05, true},
                             {"a step that makes memory ready for it", time_preparing, true, 0.05, true}};

static Status measure(Watched *watched, const Kind *kind, int64_t rounds, BenchResult *out)
{
    double wall[MAX_ROUNDS], busy[MAX_ROUNDS], plain_wall[MAX_ROUNDS], plain_busy[MAX_ROUNDS];
    for (int64_t i = -WARM_ROUNDS; i < rounds; i++) {
        Spent plain, spent;
        TRY(train_step(watched)); /* takes what the round before has left */
        if (kind->ready) prepare_memory(watched);
        TRY(time_step(watched, &plain));
        TRY(kind->time(watched, &spent));
        if (i < 0) continue;
        wall[i] = spent.wall - (kind->whole ? plain.wall : 0);
        busy[i] = spent.busy - (kind->whole ? plain.busy : 0);
        plain_wall[i] = plain.wall;
        plain_busy[i] = plain.busy;
    }
    double step = bench_median(plain_wall, rounds), step_busy = bench_median(plain_busy, rounds);
    out->seconds = step;
    BenchCost *cost = &out->costs[out->cost_count++];
    *cost = (BenchCost){.what = kind->name, .limit = kind->limit};
    cost->seconds = bench_median(wall, rounds); /* sorts */
    cost->spread = (wall[rounds * 3 / 4] - wall[rounds / 4]) / 2;
    cost->share = cost->seconds / step;
    cost->busy_share = bench_median(busy, rounds) / step_busy;
    return STATUS_OK;
}

static Status measure_all(Watched *watched, int64_t rounds, BenchResult *out)
{
    Buffer words = {0};
    TRY(host_protect(watched->host, make_session, watched));
    TRY(bind_history(watched->host, "begin", watched->directory, watched->session));
    TRY(server_begin(watched->server, watched->session));
    Status status = run_line(watched, "snapshots { memory = 1 << 28, disk = 0 }", &words);
    buffer_free(&words);
    for (size_t i = 0; status == STATUS_OK && i < sizeof kinds / sizeof *kinds; i++)
        status = measure(watched, &kinds[i], rounds, out);
    out->tokens_per_second = (double)(out->config.batch * out->config.length) / out->seconds;
    out->peak_bytes = bench_peak_memory();
    return status;
}

static void hear_nothing(void *context, const char *text, size_t length)
{
    (void)context;
    (void)text;
    (void)length;
}

static Status measure_in(const char *path, int64_t rounds, BenchResult *out)
{
    Watched watched = {.config = &out->config};
    HostOptions options = {.output = hear_nothing};
    TRY(run_directory_create(path, &watched.directory));
    Status status = host_new(&options, &watched.host);
    if (status == STATUS_OK) status = server_open(watched.host, watched.directory, false, &watched.server);
    if (status == STATUS_OK) status = measure_all(&watched, rounds, out);
    server_stop(watched.server, "finished", "measured");
    for (int i = 0; i < MAX_KEPT; i++) snapshot_free(watched.kept[i]);
    run_directory_close(watched.directory);
    host_free(watched.host);
    return status;
}

Status bench_live(const BenchRecord *record, const BenchConfig *config, int64_t steps, BenchResult *out)
{
    char *path;
    if (steps < 1) steps = ROUNDS;
    if (steps > MAX_ROUNDS) return status_fail(STATUS_INVALID, "bench: at most %d rounds", MAX_ROUNDS);
    bench_watch_memory();
    *out = (BenchResult){.record = record, .config = bench_config(record, config)};
    TRY(bench_folder(&path));
    Status status = measure_in(path, steps, out);
    return bench_remove_folder(path, status);
}
