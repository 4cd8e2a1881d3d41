# SPDX-License-Identifier: GPL-3.0-or-later
ENGINE_SOURCES += engine/compress/criteria.c
ENGINE_SOURCES += engine/compress/criteria.list
ENGINE_SOURCES += engine/compress/prune.c
ENGINE_SOURCES += engine/compress/prune.h
EXTRA_DIST += engine/compress/criteria.list
