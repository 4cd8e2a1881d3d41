-- SPDX-License-Identifier: GPL-3.0-or-later
-- run:exact_match(corpus): how often a decoder that learned from data.pairs writes the target of a text word for word.
local scoring = lathe.scoring

local function fail(...) error((...):format(select(2, ...)), 0) end

local function trim(text) return text:match("^%s*(.-)%s*$") end

local Match = {}
Match.__tostring = function(result)
  local lines = { ("exact match %.1f%%, %d of %d texts"):format(100 * result.exact_match, result.right, result.examples) }
  for _, entry in ipairs(result.answers) do
    if entry.answer ~= entry.target and #lines < 6 then lines[#lines + 1] = ("  %q, not %q"):format(entry.answer, entry.target) end
  end
  return table.concat(lines, "\n")
end

-- All but 'examples' goes to run:generate().
local function options_of(options)
  options = options or {}
  if type(options) ~= "table" then fail("exact_match: options are a table, as in run:exact_match(corpus, {examples = 50})") end
  local examples, generate = options.examples or 100, { answer = true }
  if math.type(examples) ~= "integer" or examples < 1 then fail("exact_match: examples must be a whole number from 1 on") end
  for name, value in pairs(options) do
    if name ~= "examples" then generate[name] = value end
  end
  return examples, generate
end

function scoring.exact_match(session, corpus, options)
  local examples, generate = options_of(options)
  if lathe.kind(corpus) ~= "corpus" then fail("exact_match: a corpus with targets is wanted, as data.stories { task = 'questions' }.held_out") end
  if corpus.task == "text" then fail("exact_match: nothing is to be written about the texts of this corpus") end
  local result = { examples = math.min(examples, corpus.documents), right = 0, answers = {} }
  for i = 0, result.examples - 1 do
    local sentences = corpus:document(i)
    local entry = { text = table.concat(sentences, "", 1, #sentences - 1), target = trim(sentences[#sentences]) }
    entry.answer = trim(session:generate(entry.text, generate))
    if entry.answer == entry.target then result.right = result.right + 1 end
    result.answers[i + 1] = entry
  end
  result.exact_match = result.right / result.examples
  return setmetatable(result, Match)
end
