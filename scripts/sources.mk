# SPDX-License-Identifier: GPL-3.0-or-later
RECIPES += scripts/recipes/bert.lua
ENGINE_SOURCES += scripts/bind.h
ENGINE_SOURCES += scripts/bind_edit.c
ENGINE_SOURCES += scripts/bind_edit.h
ENGINE_SOURCES += scripts/bind_gradcheck.c
ENGINE_SOURCES += scripts/bind_directory.c
ENGINE_SOURCES += scripts/bind_help.c
ENGINE_SOURCES += scripts/bind_history.c
ENGINE_SOURCES += scripts/bind_history.h
ENGINE_SOURCES += scripts/bind_lathe.c
ENGINE_SOURCES += scripts/bind_make.c
ENGINE_SOURCES += scripts/bind_ops.c
ENGINE_SOURCES += scripts/bind_record.c
ENGINE_SOURCES += scripts/bind_tensor.c
ENGINE_SOURCES += scripts/bind_custom.c
ENGINE_SOURCES += scripts/bind_live.c
ENGINE_SOURCES += scripts/bind_module.c
ENGINE_SOURCES += scripts/bind_parts.c
ENGINE_SOURCES += scripts/bind_session.c
ENGINE_SOURCES += scripts/bind_source.c
ENGINE_SOURCES += scripts/bind_parts.h
ENGINE_SOURCES += scripts/bind_session.h
ENGINE_SOURCES += scripts/bind_data.c
ENGINE_SOURCES += scripts/bind_data.h
ENGINE_SOURCES += scripts/bind_tokenizers.c
ENGINE_SOURCES += scripts/bind_tokenizers.h
ENGINE_SOURCES += scripts/bind_wordpiece.c
ENGINE_SOURCES += scripts/embedded.h
ENGINE_SOURCES += scripts/host.c
ENGINE_SOURCES += scripts/host.h
ENGINE_SOURCES += scripts/host_libraries.c
ENGINE_SOURCES += scripts/control.c
ENGINE_SOURCES += scripts/control.h
ENGINE_SOURCES += scripts/lines.c
ENGINE_SOURCES += scripts/lines.h
ENGINE_SOURCES += scripts/report.c
ENGINE_SOURCES += scripts/report.h
ENGINE_SOURCES += scripts/recipe.c
ENGINE_SOURCES += scripts/recipe.h

# The Lua library inside the binary.
LUA_LIBRARY =
LUA_LIBRARY += scripts/lib/history.lua
LUA_LIBRARY += scripts/lib/control.lua
LUA_LIBRARY += scripts/lib/inspect.lua
LUA_LIBRARY += scripts/lib/journal.lua
LUA_LIBRARY += scripts/lib/lines.lua
LUA_LIBRARY += scripts/lib/prelude.lua
LUA_LIBRARY += scripts/lib/recipe.lua
LUA_LIBRARY += scripts/lib/tensors.lua
EXTRA_DIST += scripts/embed.sh $(LUA_LIBRARY)
nodist_liblathe_a_SOURCES = scripts/embedded.c
CLEANFILES = scripts/embedded.c
scripts/embedded.c: scripts/embed.sh $(LUA_LIBRARY)
	$(AM_V_GEN)$(MKDIR_P) scripts && sh $(srcdir)/scripts/embed.sh $(srcdir) $(LUA_LIBRARY) > $@.new && mv $@.new $@
