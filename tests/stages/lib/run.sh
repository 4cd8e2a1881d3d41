# SPDX-License-Identifier: GPL-3.0-or-later
# Sourced by stages: make_text SEED SENTENCES writes a text of a small grammar, in paragraphs.
make_text() {
    awk -v seed="$1" -v count="$2" 'BEGIN {
        srand(seed)
        split("cat dog horse bird child farmer baker teacher", who)
        split("sees follows likes hears finds feeds", does)
        split("red old little quiet clever", how)
        for (i = 1; i <= count; i++) {
            printf "The %s %s %s the %s. ", how[1 + int(rand() * 5)], who[1 + int(rand() * 8)],
                does[1 + int(rand() * 6)], who[1 + int(rand() * 8)]
            if (i % 7 == 0) print "\n"
        }
    }'
}

# without_times DIR: the metrics of a run, but for how long things took.
without_times() { sed -E 's/, "(tokens_per_second|seconds)": [^,}]*//g' "$1/metrics.jsonl"; }

# end_run DIR: stops a run and waits until it is gone, as it writes into the folder until then.
end_run() {
    "$LATHE" attach "$1" <<<"stop()" >/dev/null 2>&1 || true
    while [[ -e $1/.lock ]] && kill -0 "$(<"$1/.lock")" 2>/dev/null; do sleep 0.05; done
}
