-- SPDX-License-Identifier: GPL-3.0-or-later
-- Sentiment of product reviews, learned on one domain and asked about another: the experiment of Ganin et al. 2016,
-- section 5.1.2. Labels of the target domain are read for the last line only, the accuracy on its test reviews.
--
-- Data: FOLDER/DOMAIN_train.svmlight and FOLDER/DOMAIN_test.svmlight with 5,000 features, labels -1 and 1.

local domains = { "books", "dvd", "electronics", "kitchen" }

local function read(p, path, options)
  options.features, options.batch_size, options.values, options.seed = 5000, p.batch_size, p.values, p.seed
  return data.svmlight(path, options)
end

local function reviews(p, domain, part, options)
  if not p.folder then error("amazon: say where the reviews are: --set folder=DIR", 0) end
  return read(p, ("%s/%s_%s.svmlight"):format(p.folder, domain, part), options)
end

return recipe {
  doc = "Sentiment of Amazon reviews: learned on one domain, adapted to another whose labels are not read.",
  params = {
    folder = file { doc = "where the files are: DOMAIN_train.svmlight and DOMAIN_test.svmlight" },
    reverse = text { "", doc = "a file of target reviews with labels: learn from it, adapt to the source domain (reverse validation)" },
    source = choice { "books", choices = domains, doc = "domain with labels" },
    target = choice { "kitchen", choices = domains, doc = "domain to adapt to" },
    method = choice { "dann", "source", doc = "dann: adapt to the target; source: learn on the source only" },
    values = choice { "log", "binary", "raw", doc = "how counts of words are read" },
    hidden_size = integer { 50, min = 1, doc = "width of the hidden layer; the paper has 50 to 200" },
    activation = choice { "sigmoid", "relu", "tanh", doc = "of the hidden layer; the paper has sigmoid" },
    lambda = number { 1, min = 0, doc = "full size of the reversed gradient" },
    batch_size = integer { 64, min = 1, doc = "reviews of a step, from either domain" },
    lr = number { 1e-3, above = 0, doc = "learning rate" },
    steps = integer { 600, min = 1, doc = "steps" },
    seed = integer { 1, min = 0, doc = "of the weights, the order and what is held out" },
  },
  build = function(p)
    local labelled = reviews(p, p.source, "train", { labels = "-1,1", valid = 0.1 })
    local unlabelled = reviews(p, p.target, "train", { labels = "none" })
    local test = reviews(p, p.target, "test", { labels = "-1,1" })
    if #p.reverse > 0 then
      labelled.train, unlabelled.train = read(p, p.reverse, { labels = "-1,1" }).train, labelled.train
    end
    local terms = { objectives.classify { weight = 1 } }
    if p.method == "dann" then terms[2] = objectives.domain { target = "target", lambda = p.lambda } end
    return session {
      seed = p.seed,
      model = models.mlp { input_size = 5000, hidden_sizes = { p.hidden_size }, activation = p.activation, num_labels = 2 },
      data = { train = labelled.train, valid = labelled.valid, target = unlabelled.train, test = test.train },
      objectives = terms,
      optimizer = optim.adamw { lr = p.lr, weight_decay = 0.01 },
      schedule = schedules.cosine { warmup = 0 },
      steps = p.steps,
    }
  end,
}
