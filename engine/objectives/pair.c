/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Objectives on whole sequences: sentence pairs and classes. They read the view of another objective where there is
 * one. */
#include "engine/objectives/objective.h"

const ObjectiveRecord objective_nsp = {
    .name = "nsp",
    .doc = "Next sentence prediction: does sentence B follow sentence A?",
    .source = "Devlin et al. 2019, section 3.1, task 2",
    .output = "nsp_logits",
    .targets = "next_sentence_label",
    .remedy = "data.sentence_pairs(corpus, tokenizer, { mode = \"nsp\" })",
};

const ObjectiveRecord objective_sop = {
    .name = "sop",
    .doc = "Sentence order prediction: are the two sentences swapped?",
    .source = "Lan et al. 2020 (ALBERT), section 3.1",
    .output = "nsp_logits",
    .targets = "sentence_order_label",
    .remedy = "data.sentence_pairs(corpus, tokenizer, { mode = \"sop\" })",
};

const ObjectiveRecord objective_classify = {
    .name = "classify",
    .doc = "Classification of whole sequences by the model's classifier (num_labels).",
    .targets = "labels",
    .remedy = "data.labelled(data.csv(path, { label = \"COLUMN\" }), tokenizer) or data.svmlight(path)",
};
