/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Other runs and branches drawn over the curves. A run has one store; a branch has what it shares with this run in
 * the run's own, and the rest in stores of the branches that it went through (branches/NAME.store). */
#include "engine/base/clock.h"
#include "engine/base/hash.h"
#include "engine/base/memory.h"
#include "engine/io/file.h"
#include "engine/io/run_directory.h"
#include "tui/workbench/link.h"

#include <stdio.h>
#include <string.h>

static const double refresh_seconds = 1;

static void close_stores(CurvesRun *run)
{
    for (int i = 0; i < run->count; i++) metrics_close(run->pieces[i].store);
    run->count = 0;
}

/* --- the pieces of a branch --- */

static const ViewBranch *find(const View *view, const char *name)
{
    for (int i = 0; i < view->branch_count; i++)
        if (strcmp(view->branches[i].name, name) == 0) return &view->branches[i];
    return NULL;
}

/* The last step of the branch that this run's own metrics have: all of the current one, what was before this run
 * left its parents; -1: none. */
static int64_t shared_until(const View *view, const char *name)
{
    int64_t until = INT64_MAX;
    const ViewBranch *branch = find(view, view->branch);
    for (int depth = 0; branch && depth < VIEW_BRANCHES; depth++) {
        if (strcmp(branch->name, name) == 0) return until;
        if (branch->fork < until) until = branch->fork;
        branch = find(view, branch->parent);
    }
    return -1;
}

/* Puts steps first to last in front of the others; there are at most CURVES_PIECES. */
static void put_before(CurvesRun *run, MetricsStore *store, int64_t first, int64_t last)
{
    if (run->count && !store && !run->pieces[0].store) { /* both are of this run's own store */
        run->pieces[0].first = first;
        return;
    }
    if (run->count == CURVES_PIECES) {
        metrics_close(store);
        return;
    }
    memmove(&run->pieces[1], &run->pieces[0], sizeof *run->pieces * (size_t)run->count++);
    run->pieces[0] = (CurvesPiece){store, first, last};
}

static void find_pieces(const View *view, const char *name, CurvesRun *out)
{
    int64_t last = INT64_MAX;
    const ViewBranch *branch = find(view, name);
    for (int depth = 0; branch && depth < VIEW_BRANCHES; depth++) {
        int64_t first = branch->parent[0] ? branch->fork + 1 : 0, shared = shared_until(view, branch->name);
        int64_t own = shared < first ? first : shared < INT64_MAX ? shared + 1 : INT64_MAX;
        MetricsStore *store;
        if (shared < last && own <= last &&
            run_directory_open_branch(view->directory, branch->name, &store) == STATUS_OK)
            put_before(out, store, own, last);
        if (shared >= first && first <= last) put_before(out, NULL, first, shared < last ? shared : last);
        if (branch->fork < last) last = branch->fork;
        branch = find(view, branch->parent);
    }
}

/* --- taking them and letting go --- */

static int place_of(const CurvesLook *look, const char *name, const char *path)
{
    for (int i = 0; i < look->overlay_count; i++) {
        const CurvesOverlay *overlay = &look->overlays[i];
        if (strcmp(overlay->name, name) == 0 && strcmp(overlay->path, path) == 0) return i;
    }
    return -1;
}

static void take_away(CurvesLook *look, int i)
{
    close_stores(&look->overlays[i].run);
    memmove(&look->overlays[i], &look->overlays[i + 1],
            sizeof *look->overlays * (size_t)(look->overlay_count - i - 1));
    look->overlay_count--;
}

static Status add(CurvesLook *look, const CurvesOverlay *overlay)
{
    if (look->overlay_count == CURVES_OVERLAYS)
        return status_fail(STATUS_INVALID, "%d others are drawn already; o on one of them takes it away",
                           CURVES_OVERLAYS);
    look->overlays[look->overlay_count++] = *overlay;
    return STATUS_OK;
}

Status link_overlay(Link *link, const char *name)
{
    View *view = link->view;
    CurvesOverlay overlay = {0};
    int i = place_of(&view->curves, name, "");
    if (i >= 0) {
        take_away(&view->curves, i);
        return STATUS_OK;
    }
    if (strcmp(name, view->branch) == 0)
        return status_fail(STATUS_INVALID, "branch %s is the one that is drawn already", name);
    if (!find(view, name)) return status_fail(STATUS_INVALID, "there is no branch '%s'", name);
    snprintf(overlay.name, sizeof overlay.name, "%s", name);
    find_pieces(view, name, &overlay.run);
    Status status = add(&view->curves, &overlay);
    if (status != STATUS_OK) close_stores(&overlay.run);
    return status;
}

Status link_overlay_run(Link *link, const char *path)
{
    CurvesOverlay overlay = {.run = {.pieces = {{NULL, 0, INT64_MAX}}, .count = 1}};
    snprintf(overlay.name, sizeof overlay.name, "%.*s", (int)strcspn(file_name(path), "/"), file_name(path));
    snprintf(overlay.path, sizeof overlay.path, "%s", path);
    int i = place_of(&link->view->curves, overlay.name, overlay.path);
    if (i >= 0) {
        take_away(&link->view->curves, i);
        return STATUS_OK;
    }
    TRY(run_directory_open_metrics(path, &overlay.run.pieces[0].store));
    Status status = add(&link->view->curves, &overlay);
    if (status != STATUS_OK) close_stores(&overlay.run);
    return status;
}

/* --- as they go on --- */

static Hash hash_of_branches(const View *view)
{
    Hash hash = hash_bytes(view->branch, strlen(view->branch));
    for (int i = 0; i < view->branch_count; i++) {
        const ViewBranch *branch = &view->branches[i];
        hash = hash_combine(hash, hash_bytes(branch->name, strlen(branch->name) + 1));
        hash = hash_combine(hash, hash_bytes(branch->parent, strlen(branch->parent) + 1));
        hash = hash_combine(hash, hash_bytes(&branch->fork, sizeof branch->fork));
    }
    return hash;
}

static bool is_old(const CurvesRun *run)
{
    for (int i = 0; i < run->count; i++)
        if (run->pieces[i].store && metrics_is_old(run->pieces[i].store)) return true;
    return false;
}

/* What another run, or another branch, was when it was looked at last stays where it cannot be read now. */
static void renew(const View *view, CurvesOverlay *overlay)
{
    CurvesRun run = {.pieces = {{NULL, 0, INT64_MAX}}, .count = 1};
    if (!*overlay->path)
        run.count = 0, find_pieces(view, overlay->name, &run);
    else if (run_directory_open_metrics(overlay->path, &run.pieces[0].store) != STATUS_OK)
        return;
    close_stores(&overlay->run);
    overlay->run = run;
}

/* A branch that is gone, or is drawn as the run itself now, is drawn no more. */
void link_refresh_overlays(Link *link, double now, bool *changed)
{
    View *view = link->view;
    CurvesLook *look = &view->curves;
    if (!look->overlay_count || now - link->overlays_read < refresh_seconds) return;
    Hash hash = hash_of_branches(view);
    bool moved = !hash_equal(hash, link->branches);
    link->overlays_read = now;
    link->branches = hash;
    for (int i = look->overlay_count - 1; i >= 0; i--) {
        CurvesOverlay *overlay = &look->overlays[i];
        bool branch = !*overlay->path;
        if (branch && (!find(view, overlay->name) || strcmp(overlay->name, view->branch) == 0))
            take_away(look, i);
        else if ((branch && moved) || is_old(&overlay->run))
            renew(view, overlay);
        else
            continue;
        *changed = true;
    }
}

/* --- which there are --- */

/* Runs beside this one: in the directory that its own is in. */
void link_find_runs(Link *link)
{
    View *view = link->view;
    FileNames names;
    char *parent, path[sizeof view->directory + VIEW_NAME];
    view->beside_count = 0;
    if (file_parent(view->directory, &parent) != STATUS_OK) return;
    if (file_list(parent, &names) == STATUS_OK) {
        for (size_t i = 0; i < names.count && view->beside_count < VIEW_BESIDE; i++) {
            snprintf(path, sizeof path, "%s/%s/metrics.store", parent, names.names[i]);
            if (strcmp(names.names[i], view->run) == 0 || !file_exists(path)) continue;
            snprintf(view->beside[view->beside_count++], VIEW_NAME, "%s", names.names[i]);
        }
        file_names_free(&names);
    }
    memory_free(parent);
}
