# SPDX-License-Identifier: GPL-3.0-or-later
ENGINE_SOURCES += engine/kernels/update.c
ENGINE_SOURCES += engine/kernels/update.h
ENGINE_SOURCES += engine/kernels/blas_core.c
ENGINE_SOURCES += engine/kernels/blas_core.h
