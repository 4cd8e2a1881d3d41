/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/nn/module.h"

#include "engine/base/memory.h"
#include "engine/kernels/bf16_product.h"
#include "engine/kernels/elementwise.h"

#include <stdio.h>
#include <string.h>

Status module_new(const char *name, Module **out)
{
    Module *module;
    TRY(memory_new(1, sizeof *module, &module));
    Status status = memory_copy_text(name, &module->name);
    if (status != STATUS_OK) {
        memory_free(module);
        return status;
    }
    *out = module;
    return STATUS_OK;
}

void param_changed(Param *param)
{
    param->version++;
    param->value->half_stale = true;
}

void param_set_mask(Param *param, Tensor *mask)
{
    if (param->mask != mask) tensor_unref(param->mask);
    param->mask = mask;
    param->pruned = 0;
    const float *values = mask ? TENSOR_F32(mask) : NULL;
    for (int64_t i = 0, n = mask ? tensor_count(mask) : 0; i < n; i++) param->pruned += values[i] == 0;
}

void param_set_frozen(Param *param, bool frozen)
{
    Tensor *value = param->value;
    param->frozen = frozen;
    value->requires_grad = !frozen;
    if (!frozen) return;
    tensor_unref(value->grad);
    value->grad = NULL;
    value->grad_fresh = false;
}

static Status hold_half(void *context, Param *param)
{
    (void)context;
    Tensor *value = param->value, *half;
    param_set_frozen(param, true);
    if (value->ndim != 2 || value->dtype != DTYPE_F32 || !tensor_contiguous(value)) return STATUS_OK;
    TRY(tensor_new(NULL, DTYPE_BF16, value->ndim, value->shape, &half));
    kernel_to_bf16(tensor_count(value), TENSOR_F32(value), tensor_data(half));
    half->param = param;
    param->value = half;
    value->param = NULL;
    tensor_unref(value);
    return STATUS_OK;
}

Status module_hold_half(Module *module)
{
    return bf16_native() ? module_each_param(module, hold_half, NULL) : STATUS_OK;
}

int64_t module_count_frozen(const Module *module)
{
    int64_t count = 0;
    for (int i = 0; i < module->param_count; i++) count += module->params[i]->frozen;
    for (int i = 0; i < module->child_count; i++) count += module_count_frozen(module->children[i]);
    return count;
}

static void param_free(Param *param)
{
    if (!param) return;
    tensor_unref(param->value);
    tensor_unref(param->mask);
    for (int i = 0; i < PARAM_STATES; i++) tensor_unref(param->state[i]);
    memory_free(param->path);
    memory_free(param);
}

void module_free(Module *module)
{
    if (!module) return;
    for (int i = 0; i < module->child_count; i++) module_free(module->children[i]);
    for (int i = 0; i < module->param_count; i++) param_free(module->params[i]);
    memory_free(module->children);
    memory_free(module->params);
    memory_free(module->name);
    memory_free(module);
}

/* Room for one more pointer in a list that grows by one: lists are short and made once. */
static Status grow(void *list, int count)
{
    return memory_resize(list, (size_t)count + 1, sizeof(void *));
}

Status module_new_below(Module *module, const char *name, Module **out)
{
    TRY(module_new(name, out));
    (*out)->parent = module;
    return STATUS_OK;
}

Status module_attach(Module *child)
{
    Module *parent = child->parent;
    TRY(grow(&parent->children, parent->child_count));
    parent->children[parent->child_count++] = child;
    return STATUS_OK;
}

void module_remove(Module *child)
{
    Module *parent = child->parent;
    int at = 0;
    while (parent->children[at] != child) at++;
    for (parent->child_count--; at < parent->child_count; at++) parent->children[at] = parent->children[at + 1];
    module_free(child);
}

Status module_add(Module *module, const char *name, Module **out)
{
    Module *child;
    TRY(module_new_below(module, name, &child));
    Status status = module_attach(child);
    if (status == STATUS_OK)
        *out = child;
    else
        module_free(child);
    return status;
}

void module_path(const Module *module, char out[MODULE_PATH_SIZE])
{
    out[0] = '\0';
    if (!module->parent) return;
    module_path(module->parent, out);
    size_t used = strlen(out);
    snprintf(out + used, MODULE_PATH_SIZE - used, used ? ".%s" : "%s", module->name);
}

static Status name_param(const Module *module, const char *name, Param *param)
{
    char path[MODULE_PATH_SIZE];
    Buffer whole = {0};
    module_path(module, path);
    TRY(buffer_printf(&whole, path[0] ? "%s.%s" : "%s%s", path, name));
    param->path = buffer_take(&whole);
    param->name = param->path + strlen(param->path) - strlen(name);
    return STATUS_OK;
}

/* Of an outline: all elements are one. */
static Status new_outline(int ndim, const int64_t *shape, Tensor **out)
{
    Tensor *one;
    TRY(tensor_new_zeros(NULL, DTYPE_F32, 0, NULL, &one));
    Status status = tensor_expand(NULL, one, ndim, shape, out);
    tensor_unref(one);
    return status;
}

static Status new_value(const Module *module, int ndim, const int64_t *shape, Tensor **out)
{
    while (module->parent) module = module->parent;
    return module->outline ? new_outline(ndim, shape, out) : tensor_new_zeros(NULL, DTYPE_F32, ndim, shape, out);
}

Status module_add_param(Module *module, const char *name, bool decay, int ndim, const int64_t *shape, Param **out)
{
    Param *param;
    TRY(memory_new(1, sizeof *param, &param));
    Status status = name_param(module, name, param);
    if (status == STATUS_OK) status = new_value(module, ndim, shape, &param->value);
    if (status == STATUS_OK) status = grow(&module->params, module->param_count);
    if (status != STATUS_OK) {
        param_free(param);
        return status;
    }
    param->value->requires_grad = true;
    param->value->param = param;
    param->decay = decay;
    param->lr_scale = 1;
    module->params[module->param_count++] = param;
    *out = param;
    return STATUS_OK;
}

static Status missing(const Module *module, const char *kind, const char *name)
{
    char path[MODULE_PATH_SIZE];
    module_path(module, path);
    return status_fail(STATUS_INVALID, "module '%s' has no %s '%s'", path[0] ? path : module->name, kind, name);
}

Status module_child(const Module *module, const char *name, Module **out)
{
    for (int i = 0; i < module->child_count; i++) {
        *out = module->children[i];
        if (strcmp((*out)->name, name) == 0) return STATUS_OK;
    }
    return missing(module, "child", name);
}

Status module_param(const Module *module, const char *name, Param **out)
{
    for (int i = 0; i < module->param_count; i++) {
        *out = module->params[i];
        if (strcmp((*out)->name, name) == 0) return STATUS_OK;
    }
    return missing(module, "parameter", name);
}

static Module *child_by_part(const Module *module, const char *part, size_t length)
{
    for (int i = 0; i < module->child_count; i++)
        if (strlen(module->children[i]->name) == length && memcmp(module->children[i]->name, part, length) == 0)
            return module->children[i];
    return NULL;
}

Module *module_find(const Module *root, const char *path)
{
    const Module *at = root;
    while (at && *path) {
        size_t length = strcspn(path, ".");
        at = child_by_part(at, path, length);
        path += length + (path[length] == '.');
    }
    return (Module *)at;
}

Param *module_find_param(const Module *root, const char *path)
{
    const char *dot;
    const Module *at = root;
    while (at && (dot = strchr(path, '.'))) {
        at = child_by_part(at, path, (size_t)(dot - path));
        path = dot + 1;
    }
    for (int i = 0; at && i < at->param_count; i++)
        if (strcmp(at->params[i]->name, path) == 0) return at->params[i];
    return NULL;
}

Status module_each_param(const Module *module, Status (*visit)(void *context, Param *param), void *context)
{
    for (int i = 0; i < module->param_count; i++) TRY(visit(context, module->params[i]));
    for (int i = 0; i < module->child_count; i++) TRY(module_each_param(module->children[i], visit, context));
    return STATUS_OK;
}

int64_t module_count_params(const Module *module)
{
    int64_t count = module->param_count;
    for (int i = 0; i < module->child_count; i++) count += module_count_params(module->children[i]);
    return count;
}

int64_t module_count_weights(const Module *module)
{
    int64_t count = 0;
    for (int i = 0; i < module->param_count; i++) count += tensor_count(module->params[i]->value);
    for (int i = 0; i < module->child_count; i++) count += module_count_weights(module->children[i]);
    return count;
}

bool module_path_below(const char *path, const char *top)
{
    size_t length = strlen(top);
    if (!length) return true;
    return strncmp(path, top, length) == 0 && (path[length] == '.' || path[length] == '\0');
}

bool module_path_matches(const char *pattern, const char *path)
{
    while (*pattern && *path) {
        if (*pattern == '*') {
            pattern++;
            path += strcspn(path, ".");
        } else if (*pattern++ != *path++) {
            return false;
        }
    }
    return *pattern == *path;
}
