# SPDX-License-Identifier: GPL-3.0-or-later
ENGINE_SOURCES += engine/optim/optimizer.h
ENGINE_SOURCES += engine/optim/optimizers.list
ENGINE_SOURCES += engine/optim/schedule.h
ENGINE_SOURCES += engine/optim/schedules.list
EXTRA_DIST += engine/optim/optimizers.list
EXTRA_DIST += engine/optim/schedules.list
