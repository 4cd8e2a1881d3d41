# SPDX-License-Identifier: GPL-3.0-or-later
TEST_SOURCES += tests/unit/main.c
TEST_SOURCES += tests/unit/suites.h
TEST_SOURCES += tests/unit/test_base.c
TEST_SOURCES += tests/unit/test_text_sources.c
