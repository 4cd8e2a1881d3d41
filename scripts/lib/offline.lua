-- SPDX-License-Identifier: GPL-3.0-or-later
-- Where no run trains by itself: what scripts/lib/control.lua defines for one that does, as words about it.
local words = require "lathe.words"

for _, name in ipairs { "pause", "resume", "stop", "step", "run_until", "control" } do
  _ENV[name] = lathe.document(function()
    words.fail("%s: no run trains by itself here: 'lathe run' begins one and 'lathe attach DIR' gives a prompt on it; "
      .. "run:train(n) trains the session of this prompt", name)
  end, name .. ": for a run that trains by itself, at the prompt of 'lathe attach DIR'")
end
