# SPDX-License-Identifier: GPL-3.0-or-later
ENGINE_SOURCES += engine/objectives/mlm.c
ENGINE_SOURCES += engine/objectives/mlm.h
ENGINE_SOURCES += engine/objectives/objective.c
ENGINE_SOURCES += engine/objectives/objective.h
ENGINE_SOURCES += engine/objectives/objectives.list
ENGINE_SOURCES += engine/objectives/pair.c
EXTRA_DIST += engine/objectives/objectives.list
