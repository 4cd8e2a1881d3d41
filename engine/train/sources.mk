# SPDX-License-Identifier: GPL-3.0-or-later
ENGINE_SOURCES += engine/train/source.c engine/train/source.h
