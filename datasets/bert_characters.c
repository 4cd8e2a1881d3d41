/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "datasets/bert_characters.h"

#include <stddef.h>
#include <utf8proc.h>

typedef struct Range {
    int32_t first, last;
} Range;

static bool in_ranges(const Range *ranges, size_t count, int32_t code)
{
    for (size_t i = 0; i < count; i++)
        if (code >= ranges[i].first && code <= ranges[i].last) return true;
    return false;
}

#define IN(ranges, code) in_ranges((ranges), sizeof(ranges) / sizeof *(ranges), (code))

bool bert_is_space(int32_t code)
{
    static const Range wide[] = {{0x2000, 0x200A}, {0x2028, 0x2029}, {0x202F, 0x202F}, {0x205F, 0x205F},
                                 {0x3000, 0x3000}, {0x1680, 0x1680}, {0xFEFF, 0xFEFF}};
    if (code < 0x80) return code == ' ' || (code >= '\t' && code <= '\r');
    return code == 0xA0 || (code >= 0x1680 && IN(wide, code));
}

bool bert_is_removed(int32_t code)
{
    if (code < 0x80) return (code < ' ' && code != '\t' && code != '\n' && code != '\r') || code == 0x7F;
    if (code == 0xFFFD) return true;
    utf8proc_category_t category = utf8proc_category(code);
    return category == UTF8PROC_CATEGORY_CC || category == UTF8PROC_CATEGORY_CF ||
           category == UTF8PROC_CATEGORY_CO || category == UTF8PROC_CATEGORY_CS;
}

bool bert_is_punctuation(int32_t code)
{
    if (code < 0x80)
        return (code >= '!' && code <= '/') || (code >= ':' && code <= '@') || (code >= '[' && code <= '`') ||
               (code >= '{' && code <= '~');
    utf8proc_category_t category = utf8proc_category(code);
    return category >= UTF8PROC_CATEGORY_PC && category <= UTF8PROC_CATEGORY_PO;
}

bool bert_is_ideograph(int32_t code)
{
    static const Range blocks[] = {{0x4E00, 0x9FFF},   {0x3400, 0x4DBF},   {0xF900, 0xFAFF},   {0x20000, 0x2A6DF},
                                   {0x2A700, 0x2B73F}, {0x2B740, 0x2B81F}, {0x2B820, 0x2CEAF}, {0x2F800, 0x2FA1F}};
    return code >= 0x3400 && IN(blocks, code);
}

bool bert_is_accent(int32_t code)
{
    return code >= 0x300 && utf8proc_category(code) == UTF8PROC_CATEGORY_MN;
}

bool bert_is_case_ignorable(int32_t code)
{
    /* Word_Break = MidLetter, MidNumLet, Single_Quote */
    static const Range middle[] = {{0x27, 0x27},     {0x2E, 0x2E},     {0x3A, 0x3A},     {0xB7, 0xB7},
                                   {0x387, 0x387},   {0x55F, 0x55F},   {0x5F4, 0x5F4},   {0x2018, 0x2019},
                                   {0x2024, 0x2024}, {0x2027, 0x2027}, {0xFE13, 0xFE13}, {0xFE52, 0xFE52},
                                   {0xFE55, 0xFE55}, {0xFF07, 0xFF07}, {0xFF0E, 0xFF0E}, {0xFF1A, 0xFF1A}};
    utf8proc_category_t category = utf8proc_category(code);
    return category == UTF8PROC_CATEGORY_MN || category == UTF8PROC_CATEGORY_ME ||
           category == UTF8PROC_CATEGORY_CF || category == UTF8PROC_CATEGORY_LM ||
           category == UTF8PROC_CATEGORY_SK || IN(middle, code);
}

bool bert_is_cased(int32_t code)
{
    /* Other_Lowercase and Other_Uppercase, those aside that are case-ignorable */
    static const Range others[] = {{0xAA, 0xAA},       {0xBA, 0xBA},       {0x2160, 0x217F},  {0x24B6, 0x24E9},
                                   {0x1F130, 0x1F149}, {0x1F150, 0x1F169}, {0x1F170, 0x1F189}};
    utf8proc_category_t category = utf8proc_category(code);
    return category == UTF8PROC_CATEGORY_LU || category == UTF8PROC_CATEGORY_LL ||
           category == UTF8PROC_CATEGORY_LT || IN(others, code);
}

int bert_combining_class(int32_t code)
{
    return code < 0x300 ? 0 : utf8proc_get_property(code)->combining_class;
}

int bert_lower(int32_t code, int32_t out[BERT_LOWER_MAX])
{
    if (code == 0x130) { /* I with dot above: the one code point that SpecialCasing.txt makes longer */
        out[0] = 'i';
        out[1] = 0x307;
        return 2;
    }
    out[0] = utf8proc_tolower(code);
    return 1;
}

int bert_decompose(int32_t code, int32_t out[BERT_DECOMPOSED_MAX])
{
    int last = 0;
    utf8proc_ssize_t count =
        utf8proc_decompose_char(code, out, BERT_DECOMPOSED_MAX, UTF8PROC_DECOMPOSE | UTF8PROC_STABLE, &last);
    if (count >= 1 && count <= BERT_DECOMPOSED_MAX) return (int)count;
    out[0] = code;
    return 1;
}
