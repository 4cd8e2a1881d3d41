# SPDX-License-Identifier: GPL-3.0-or-later
ENGINE_SOURCES += engine/autograd/backward.c
ENGINE_SOURCES += engine/autograd/functions.c
ENGINE_SOURCES += engine/autograd/functions.h
ENGINE_SOURCES += engine/autograd/tape.c
ENGINE_SOURCES += engine/autograd/tape.h
ENGINE_SOURCES += engine/autograd/tape_internal.h
