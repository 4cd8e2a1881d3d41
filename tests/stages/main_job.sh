#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# The main job learns what it should: of the gap between the unigram's loss and the best achievable one, and of next
# sentence prediction. Small: a twentieth of the steps, and less is asked. Full: three seeds of ./bootstrap run, each with no more
# computing than three minutes of two cores (a busy machine makes it later, not more).
set -euo pipefail
if [[ $SCALE == full && $BUILD == "$SOURCE/build" ]]; then
    seeds=(1 2 3) steps=4000 gap=75 accuracy=85 seconds=360
else
    seeds=("$SEED") steps=200 gap=4 accuracy=55 seconds=0
fi

# value SECTION KEY: a number of the evaluation.
value() {
    awk -F'[:,]' -v section="\"$1\"" -v key="\"$2\"" \
        '$1 ~ section { inside = 1 } inside && $1 ~ key { print $2 + 0; exit }' result.json
}
for seed in "${seeds[@]}"; do
    TIMEFORMAT='%U %S'
    { time "$LATHE" run "$SOURCE/scripts/recipes/bert.lua" --json --seed "$seed" --steps $steps \
        --out "seed-$seed" >result.json 2>log; } 2>times || { cat log; exit 1; }
    awk -v seed="$seed" -v loss="$(value mlm loss)" -v unigram="$(value mlm unigram_loss)" \
        -v best="$(value mlm best_loss)" -v right="$(value nsp accuracy)" -v times="$(tail -n 1 times)" \
        -v gap=$gap -v accuracy=$accuracy -v seconds=$seconds 'BEGIN {
            split(times, spent, " ")
            closed = 100 * (unigram - loss) / (unigram - best)
            printf "seed %d: mlm %.3f (unigram %.3f, best achievable %.3f): %.1f%% of the gap; nsp %.1f%%; %.0f s of computing\n",
                seed, loss, unigram, best, closed, 100 * right, spent[1] + spent[2]
            if (!(best > 0.2 && best < loss)) { print "the best achievable loss is not below the one reached"; exit 1 }
            if (!(closed >= gap)) { print "less than " gap "% of the gap"; exit 1 }
            if (!(100 * right >= accuracy)) { print "less than " accuracy "% of the next sentences"; exit 1 }
            if (seconds && spent[1] + spent[2] > seconds) { print "more than " seconds " s of computing"; exit 1 }
        }'
done
