-- SPDX-License-Identifier: GPL-3.0-or-later
-- os and io in a run's recipe. What they give is in no state, so that a run that goes on, is evaluated or is replayed
-- does without: there they are tables that say why, and in a run's first start they work, with a warning. Lines of the
-- prompt and functions that look on may use them: of these only the edits are done again.
local setmetatable, error, tostring = setmetatable, error, tostring

local function missing(name, key)
  error(("%s.%s: a run that goes on, is evaluated or is replayed has neither os nor io, as what they give is not in its "
    .. "state; give it as a parameter of the recipe (--set)"):format(name, tostring(key)), 3)
end

local function warned(name, key)
  engine.history.warn(nil, ("the recipe uses %s.%s: 'lathe run --resume', eval, save and replay have neither os nor io and will "
    .. "fail there; what it gives belongs into a parameter of the recipe (--set)"):format(name, tostring(key)))
end

-- In place of os and io from now on; real: whether there are such libraries.
function engine.guard_system(real)
  local told = not real
  for _, name in ipairs { "os", "io" } do
    local library = real and _G[name] or {}
    _ENV[name] = setmetatable({}, { __index = function(_, key)
      if not real then missing(name, key) end
      local matters = not engine.history.is_running() or engine.in_objective()
      if not told and matters and library[key] ~= nil then
        told = true
        warned(name, key)
      end
      return library[key]
    end })
    package.loaded[name] = _ENV[name]
  end
end
