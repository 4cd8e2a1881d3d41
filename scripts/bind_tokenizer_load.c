/* SPDX-License-Identifier: GPL-3.0-or-later */
/* tokenizers.load(path): the tokenizer of a file or a directory, whichever kind it is. */
#include "datasets/tokenizer_json.h"
#include "engine/base/memory.h"
#include "engine/io/file.h"
#include "scripts/bind_tokenizers.h"

#include <string.h>

typedef enum TokenizerFile { FILE_NONE, FILE_JSON, FILE_BPE, FILE_WORDPIECE, FILE_CHARACTERS } TokenizerFile;

/* The files that a directory may have, the first that is there counts. */
static const struct Known {
    const char *name;
    TokenizerFile kind;
} known[] = {{"tokenizer.json", FILE_JSON},
             {"vocab.json", FILE_BPE},
             {"vocab.txt", FILE_WORDPIECE},
             {"characters.json", FILE_CHARACTERS}};

static Status find_in(const char *directory, char **path, TokenizerFile *kind)
{
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        TRY(file_join(directory, known[i].name, path));
        *kind = known[i].kind;
        if (file_exists(*path)) return STATUS_OK;
        memory_free(*path);
    }
    return status_fail(STATUS_IO,
                       "%s: there is no tokenizer in this directory: no tokenizer.json, vocab.json, vocab.txt or "
                       "characters.json",
                       directory);
}

/* By its name, or for a .json by what stands in it. */
static Status kind_of_file(const char *path, TokenizerFile *kind)
{
    const char *name = file_name(path);
    size_t length = strlen(name);
    *kind = FILE_WORDPIECE;
    if (length < 5 || strcmp(name + length - 5, ".json") != 0) return STATUS_OK;
    *kind = FILE_JSON;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(name, known[i].name) == 0) *kind = known[i].kind;
    return STATUS_OK;
}

static Status json_kind_of(const char *path, TokenizerFile *kind)
{
    json_t *document;
    const char *name;
    TRY(json_read(path, TOKENIZER_JSON_MAX, &document));
    bool characters = !json_object_get(document, "model") && json_object_get(document, "characters");
    json_decref(document);
    *kind = FILE_CHARACTERS;
    if (characters) return STATUS_OK;
    TRY(tokenizer_json_open(path, &document, &name));
    Status status = STATUS_OK;
    if (strcmp(name, "BPE") == 0)
        *kind = FILE_BPE;
    else if (strcmp(name, "WordPiece") == 0)
        *kind = FILE_WORDPIECE;
    else
        status = status_fail(STATUS_FORMAT, "%s: its model is '%.60s'; Lathe has WordPiece and BPE", path, name);
    json_decref(document);
    return status;
}

static Status load(const char *path, TokenizerFile kind, LoadedTokenizer *out)
{
    static const WordPieceLoadConfig standard = {WORDPIECE_CASE_AUTO};
    if (kind == FILE_JSON) TRY(json_kind_of(path, &kind));
    switch (kind) {
    case FILE_BPE: return bpe_load(path, &out->bpe);
    case FILE_CHARACTERS: return characters_load(path, &out->characters);
    default: return wordpiece_load(path, &standard, &out->wordpiece);
    }
}

Status tokenizer_load(const char *path, LoadedTokenizer *out)
{
    FileKind what;
    TokenizerFile kind;
    char *inside = NULL;
    *out = (LoadedTokenizer){0};
    TRY(file_kind(path, &what));
    TRY(what == FILE_DIRECTORY ? find_in(path, &inside, &kind) : kind_of_file(path, &kind));
    Status status = load(inside ? inside : path, kind, out);
    memory_free(inside);
    return status;
}

int bind_push_loaded(lua_State *L, const LoadedTokenizer *loaded)
{
    if (loaded->bpe) return bind_push_bpe(L, loaded->bpe);
    if (loaded->characters) return bind_push_characters(L, loaded->characters);
    return bind_push_wordpiece(L, loaded->wordpiece);
}

/* --- one for all --- */

static int keep(lua_State *L)
{
    lua_pushstring(L, lua_touserdata(L, 1));
    lua_setfield(L, LUA_REGISTRYINDEX, "lathe.kept_tokenizer");
    return 0;
}

Status bind_keep_tokenizer(Host *host, const char *directory)
{
    return host_protect(host, keep, (void *)(uintptr_t)directory);
}

bool bind_push_kept(lua_State *L)
{
    LoadedTokenizer loaded;
    if (lua_getfield(L, LUA_REGISTRYINDEX, "lathe.kept_tokenizer") == LUA_TNIL) return false;
    host_check(L, tokenizer_load(lua_tostring(L, -1), &loaded));
    bind_push_loaded(L, &loaded);
    return true;
}

bool bind_has_tokenizer(const char *directory)
{
    char *path;
    TokenizerFile kind;
    if (find_in(directory, &path, &kind) != STATUS_OK) return false;
    memory_free(path);
    return true;
}

static int load_any(lua_State *L, const Record *record)
{
    LoadedTokenizer loaded;
    (void)record;
    if (bind_push_kept(L)) return 1;
    host_check(L, tokenizer_load(luaL_checkstring(L, 1), &loaded));
    return bind_push_loaded(L, &loaded);
}

static bool get(int index, Record *out)
{
    *out = (Record){.name = "load",
                    .doc = "The tokenizer of a file, or of a directory, whichever kind it is.",
                    .arguments = tokenizer_path};
    return index == 0;
}

const RecordKind bind_tokenizers = {"tokenizers", "tokenizer", "texts as numbers, learned or loaded",
                                    get,          load_any,    NULL};
