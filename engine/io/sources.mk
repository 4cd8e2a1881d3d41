# SPDX-License-Identifier: GPL-3.0-or-later
ENGINE_SOURCES += engine/io/file.c
ENGINE_SOURCES += engine/io/file.h
ENGINE_SOURCES += engine/io/file_directory.c
ENGINE_SOURCES += engine/io/file_internal.h
ENGINE_SOURCES += engine/io/file_system.c
ENGINE_SOURCES += engine/io/file_write.c
