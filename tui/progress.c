/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/progress.h"

#include "engine/base/clock.h"
#include "engine/base/thousands.h"

#include <math.h>
#include <string.h>
#include <sys/ioctl.h>

enum { BAR_WIDTH = 20, WIDE = 110, LINES_OF_A_RUN = 20 };
static const double redraw_seconds = 0.1;

Progress progress_new(FILE *out, bool terminal, const Session *session, int64_t every)
{
    int64_t steps = session->steps;
    if (every == 0) every = steps < LINES_OF_A_RUN ? 1 : steps / LINES_OF_A_RUN;
    return (Progress){
        .out = out, .terminal = terminal, .every = every, .started = clock_seconds(), .start_step = session->step};
}

static void duration(double seconds, char out[48])
{
    long whole = seconds > 0 && seconds < 1e8 ? (long)(seconds + 0.5) : 0;
    if (whole < 3600)
        snprintf(out, 48, "%ld:%02ld", whole / 60, whole % 60);
    else
        snprintf(out, 48, "%ld:%02ld:%02ld", whole / 3600, whole / 60 % 60, whole % 60);
}

static void draw_bar(FILE *out, double share, int width)
{
    int filled = (int)(share * width);
    fputs(" [", out);
    for (int i = 0; i < width; i++) fputc(i < filled ? '#' : '.', out);
    fputs("]", out);
}

static int columns(const Progress *progress)
{
    struct winsize size;
    if (ioctl(fileno(progress->out), TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return 80;
    return size.ws_col;
}

/* step   100/2000  loss 4.911  mlm 4.562  nsp 0.698  lr 5.0e-4  62,100 tok/s  eta 1:57
 * On a terminal with a bar, and the time left beside it, since a narrow one cuts the end off. */
static void draw(const Progress *progress, FILE *out, const Session *session, const StepMetrics *metrics)
{
    char number[32], left[48];
    int width = snprintf(NULL, 0, "%lld", (long long)session->steps);
    double done = (double)(metrics->step - progress->start_step), now = clock_seconds();
    double each = (now - progress->started) / (done > 0 ? done : 1);
    duration(each * (double)(session->steps - metrics->step), left);
    fprintf(out, "step %*lld/%lld", width, (long long)metrics->step, (long long)session->steps);
    if (progress->terminal) {
        draw_bar(out, (double)metrics->step / (double)session->steps, columns(progress) < WIDE ? 10 : BAR_WIDTH);
        fprintf(out, "  eta %s", left);
    }
    fprintf(out, "  loss %.3f", metrics->loss);
    for (int i = 0; i < session->objective_count; i++)
        if (!isnan(metrics->objectives[i]))
            fprintf(out, "  %s %.3f", session->objectives[i]->name, metrics->objectives[i]);
    double rate = progress->seconds > 0 ? (double)progress->tokens / progress->seconds : 0;
    if (!isnan(metrics->sparsity)) fprintf(out, "  sparsity %.2f", metrics->sparsity);
    fprintf(out, "  lr %.1e  %s tok/s", metrics->lr, thousands((int64_t)rate, number));
    if (!progress->terminal) fprintf(out, "  eta %s", left);
}

void progress_text(Progress *progress, const Session *session, const StepMetrics *metrics, char *out, size_t size)
{
    out[0] = '\0';
    FILE *memory = fmemopen(out, size, "w");
    if (!memory) return;
    draw(progress, memory, session, metrics);
    fclose(memory);
    progress->tokens = 0;
    progress->seconds = 0;
}

/* One line of the terminal, cut to its width: a wrapped one could not be drawn over. */
static void redraw(Progress *progress, const Session *session, const StepMetrics *metrics)
{
    char line[1024] = "";
    FILE *memory = fmemopen(line, sizeof line, "w");
    if (!memory) return;
    draw(progress, memory, session, metrics);
    fclose(memory);
    fprintf(progress->out, "\r%.*s\033[K", columns(progress) - 1, line);
    progress->drawn = true;
}

void progress_step(Progress *progress, const Session *session, const StepMetrics *metrics)
{
    progress->tokens += metrics->tokens;
    progress->seconds += metrics->seconds;
    bool last = metrics->step == session->steps;
    double now = clock_seconds();
    if (progress->terminal) {
        if (!last && now - progress->last_drawn < redraw_seconds) return;
        redraw(progress, session, metrics);
        if (last) progress_finish(progress);
    } else {
        if (!last && metrics->step % progress->every != 0) return;
        draw(progress, progress->out, session, metrics);
        fputc('\n', progress->out);
    }
    fflush(progress->out);
    progress->last_drawn = now;
    progress->tokens = 0;
    progress->seconds = 0;
}

void progress_task(Progress *progress, const char *task, int64_t done, int64_t all)
{
    double now = clock_seconds();
    if (!progress->terminal || (done != all && now - progress->last_drawn < redraw_seconds)) return;
    fprintf(progress->out, "\r%s", task);
    draw_bar(progress->out, all > 0 ? (double)done / (double)all : 1, BAR_WIDTH);
    fputs("\033[K", progress->out);
    fflush(progress->out);
    progress->drawn = true;
    progress->last_drawn = now;
}

void progress_finish(Progress *progress)
{
    if (progress->drawn) fputc('\n', progress->out);
    progress->drawn = false;
    fflush(progress->out);
}

static void print_class(FILE *out, const ClassScores *scores, int64_t class)
{
    char number[24];
    ClassScore score = class_score(scores, class);
    snprintf(number, sizeof number, "%lld", (long long)class);
    fprintf(out, "  %-16.16s", scores->names ? scores->names[class] : number);
    for (int64_t i = 0; i < scores->count; i++) fprintf(out, " %7lld", (long long)scores->confusion[class][i]);
    fprintf(out, "   precision %.3f  recall %.3f  F1 %.3f\n", score.precision, score.recall, score.f1);
}

/* Rows are labels, columns what the model answered, in the same order. */
static void print_confusion(FILE *out, const Score *score)
{
    const ClassScores *scores = &score->classes;
    if (scores->count == 0 || scores->count > CONFUSION_CLASSES) return;
    fprintf(out, "%s: labels, and how often each class was answered\n", score->name);
    for (int64_t i = 0; i < scores->count; i++) print_class(out, scores, i);
}

void progress_confusion(Progress *progress, const Evaluation *evaluation)
{
    for (int i = 0; i < evaluation->count; i++) print_confusion(progress->out, &evaluation->scores[i]);
    fflush(progress->out);
}

static void print_score(FILE *out, const Score *score)
{
    char known[THOUSANDS_BYTES], all[THOUSANDS_BYTES];
    fprintf(out, "  %s %.3f", score->name, score->loss);
    if (!isnan(score->unigram_loss)) {
        fprintf(out, " (unigram %.3f", score->unigram_loss);
        if (!isnan(score->best_loss)) fprintf(out, ", best achievable %.3f", score->best_loss);
        if (!isnan(score->best_loss) && score->best_targets < score->targets)
            fprintf(out, " on %s of %s, where this is %.3f", thousands(score->best_targets, known),
                    thousands(score->targets, all), score->known_loss);
        fputs(")", out);
    }
    if (!isnan(score->perplexity)) fprintf(out, "  perplexity %.2f", score->perplexity);
    if (!isnan(score->bits_per_byte)) fprintf(out, "  bits per byte %.3f", score->bits_per_byte);
    if (isnan(score->accuracy)) return;
    fprintf(out, "  accuracy %.1f%%", 100 * score->accuracy);
    if (!isnan(score->unigram_accuracy)) fprintf(out, " (majority %.1f%%)", 100 * score->unigram_accuracy);
    if (score->classes.count) fprintf(out, "  F1 %.3f", score->classes.f1);
    if (score->answers.questions)
        fprintf(out, "  exact match %.1f%%  F1 %.3f of %lld questions", 100 * score->answers.exact_match,
                score->answers.f1, (long long)score->answers.questions);
}

void progress_evaluation(const Session *session, const Evaluation *evaluation, char *out, size_t size)
{
    out[0] = '\0';
    FILE *memory = fmemopen(out, size, "w");
    if (!memory) return;
    fputs("valid", memory);
    for (int i = 0; i < evaluation->count; i++)
        if (session->objectives[i]->enabled && !isnan(evaluation->scores[i].loss))
            print_score(memory, &evaluation->scores[i]);
    fclose(memory);
}

void progress_line(Progress *progress, const char *text)
{
    progress_finish(progress);
    fprintf(progress->out, "%s\n", text);
    fflush(progress->out);
}
