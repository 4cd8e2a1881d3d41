-- SPDX-License-Identifier: GPL-3.0-or-later
-- What every Lua state of Lathe starts with.
require "lathe.tensors"
require "lathe.recipe"
require "lathe.inspect"
require "lathe.expect"
require "lathe.history"
require "lathe.moves"
require "lathe.history_lists"
require "lathe.branches"
require "lathe.replay"
require "lathe.kept"
require "lathe.function_text"
require "lathe.offline"
