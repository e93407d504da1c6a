/* SPDX-License-Identifier: Apache-2.0 */
/* The only user of PCRE2. A pattern comes from the user and the text from any program, so both may be
 * hostile: matching is bounded in steps, depth and memory, and what exceeds a bound is a miss. */
#include "autolog/regex.h"

#include "core/mem.h"

#include <stdint.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

enum {
    MATCH_LIMIT = 200000, /* about a millisecond of backtracking */
    DEPTH_LIMIT = 20000,
    HEAP_LIMIT_KIB = 4096,
    JIT_STACK_MIN = 32 * 1024,
    JIT_STACK_MAX = 512 * 1024
};

struct mlf__regex {
    pcre2_general_context *general;
    pcre2_code *code;
    pcre2_match_data *data;
    pcre2_match_context *context;
    pcre2_jit_stack *stack;
    unsigned limit_hits;
};

static void *allocate(size_t size, void *user)
{
    (void)user;
    return mlf__alloc(size);
}

static void release(void *ptr, void *user)
{
    (void)user;
    mlf__free(ptr);
}

void mlf__regex_destroy(struct mlf__regex *regex)
{
    if (regex == NULL)
        return;
    pcre2_jit_stack_free(regex->stack);
    pcre2_match_context_free(regex->context);
    pcre2_match_data_free(regex->data);
    pcre2_code_free(regex->code);
    pcre2_general_context_free(regex->general);
    mlf__free(regex);
}

static bool prepare_matching(struct mlf__regex *regex)
{
    regex->data = pcre2_match_data_create_from_pattern(regex->code, regex->general);
    regex->context = pcre2_match_context_create(regex->general);
    if (regex->data == NULL || regex->context == NULL)
        return false;
    pcre2_set_match_limit(regex->context, MATCH_LIMIT);
    pcre2_set_depth_limit(regex->context, DEPTH_LIMIT);
    pcre2_set_heap_limit(regex->context, HEAP_LIMIT_KIB);
    /* Without JIT the interpreter serves: slower, the same answers. */
    if (pcre2_jit_compile(regex->code, PCRE2_JIT_COMPLETE) == 0) {
        regex->stack = pcre2_jit_stack_create(JIT_STACK_MIN, JIT_STACK_MAX, regex->general);
        pcre2_jit_stack_assign(regex->context, NULL, regex->stack);
    }
    return true;
}

mlf_status mlf__regex_compile(const char *pattern, size_t *where, struct mlf__regex **out)
{
    struct mlf__regex *regex = mlf__zalloc(1, sizeof(*regex));
    int error = 0;
    PCRE2_SIZE offset = 0;

    *out = NULL;
    if (regex == NULL)
        return MLF_ERR_NOMEM;
    regex->general = pcre2_general_context_create(allocate, release, NULL);
    pcre2_compile_context *compiling =
        regex->general != NULL ? pcre2_compile_context_create(regex->general) : NULL;
    if (compiling == NULL) {
        mlf__regex_destroy(regex);
        return mlf__fail(MLF_ERR_NOMEM, "out of memory");
    }
    regex->code = pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED,
                                PCRE2_UTF | PCRE2_MATCH_INVALID_UTF | PCRE2_NEVER_BACKSLASH_C,
                                &error, &offset, compiling);
    pcre2_compile_context_free(compiling);
    if (regex->code == NULL) {
        PCRE2_UCHAR message[160] = "";
        pcre2_get_error_message(error, message, sizeof(message));
        mlf__regex_destroy(regex);
        if (error == PCRE2_ERROR_HEAP_FAILED)
            return mlf__fail(MLF_ERR_NOMEM, "out of memory");
        if (where != NULL)
            *where = offset;
        return mlf__fail(MLF_ERR_INVAL, "%s", (const char *)message);
    }
    if (!prepare_matching(regex)) {
        mlf__regex_destroy(regex);
        return mlf__fail(MLF_ERR_NOMEM, "out of memory");
    }
    *out = regex;
    return MLF_OK;
}

bool mlf__regex_exhausted(const struct mlf__regex *regex)
{
    return regex->limit_hits >= MLF__REGEX_PATIENCE;
}

bool mlf__regex_match(struct mlf__regex *regex, const char *text, size_t len, size_t start,
                      struct mlf__span *groups, size_t n)
{
    if (mlf__regex_exhausted(regex) || start > len)
        return false;
    int found =
        pcre2_match(regex->code, (PCRE2_SPTR)text, len, start, 0, regex->data, regex->context);
    if (found == PCRE2_ERROR_MATCHLIMIT || found == PCRE2_ERROR_DEPTHLIMIT ||
        found == PCRE2_ERROR_HEAPLIMIT || found == PCRE2_ERROR_JIT_STACKLIMIT)
        regex->limit_hits++;
    if (found <= 0)
        return false;

    const PCRE2_SIZE *ovector = pcre2_get_ovector_pointer(regex->data);
    for (size_t i = 0; i < n; i++) {
        bool set = i < (size_t)found && ovector[2 * i] != PCRE2_UNSET;
        /* \K in a lookahead can put the begin behind the end: such a span counts as unset. */
        set = set && ovector[2 * i] <= ovector[2 * i + 1];
        groups[i].begin = set ? ovector[2 * i] : SIZE_MAX;
        groups[i].end = set ? ovector[2 * i + 1] : SIZE_MAX;
    }
    return true;
}

int mlf__regex_group(const struct mlf__regex *regex, const char *name)
{
    int number = pcre2_substring_number_from_name(regex->code, (PCRE2_SPTR)name);
    return number > 0 ? number : -1;
}

int mlf__regex_group_count(const struct mlf__regex *regex)
{
    uint32_t count = 0;
    pcre2_pattern_info(regex->code, PCRE2_INFO_CAPTURECOUNT, &count);
    return (int)count;
}
