# SPDX-License-Identifier: GPL-3.0-or-later
ENGINE_SOURCES += engine/ops/node.c
ENGINE_SOURCES += engine/ops/op.h
ENGINE_SOURCES += engine/ops/ops.c
ENGINE_SOURCES += engine/ops/ops.list
ENGINE_SOURCES += engine/ops/shape.c
EXTRA_DIST += engine/ops/ops.list
