/* SPDX-License-Identifier: Apache-2.0 */
/* The public API: tags of runs. */
#include "autolog/api.h"

#include "core/mem.h"
#include "tracking/names.h"

#include <string.h>

mlf_status mlf__api_check_tags(const mlf_key_value *tags, size_t n, const char *call)
{
    mlf_status status = MLF_OK;
    if (n > 0 && tags == NULL)
        return mlf__fail(MLF_ERR_INVAL, "%s: no tags", call);
    for (size_t i = 0; i < n && status == MLF_OK; i++) {
        status = mlf__api_check_text(tags[i].key, call, "key");
        if (status == MLF_OK)
            status = mlf__check_key(tags[i].key, "key");
        if (status == MLF_OK && tags[i].value == NULL)
            status = mlf__fail(MLF_ERR_INVAL, "%s: no value for '%s'", call, tags[i].key);
    }
    return status;
}

static mlf_status emit_tag(const struct mlf_run *run, const mlf_key_value *tag)
{
    char *clean = mlf__clean_value(tag->value, strlen(tag->value), MLF__TAG_VALUE_MAX);
    if (clean == NULL)
        return MLF_ERR_NOMEM;
    mlf_status status = mlf__api_emit(
        run, (struct mlf__event){
                 .kind = MLF__EV_TAG, .key = tag->key, .text = clean, .text_len = strlen(clean)});
    mlf__free(clean);
    return status;
}

/* |run| NULL: the current one. */
static mlf_status set_tags(struct mlf_run *run, const mlf_key_value *tags, size_t n,
                           const char *call)
{
    mlf_status status = mlf__api_check_tags(tags, n, call);
    if (status == MLF_OK && run == NULL)
        status = mlf__api_current_run(&run);
    for (size_t i = 0; i < n && status == MLF_OK; i++)
        status = emit_tag(run, &tags[i]);
    return mlf__api_result(status);
}

static mlf_status delete_tag(struct mlf_run *run, const char *key, const char *call)
{
    mlf_status status = mlf__api_check_text(key, call, "key");
    if (status == MLF_OK)
        status = mlf__check_key(key, "key");
    if (status == MLF_OK && run == NULL)
        status = mlf__api_current_run(&run);
    if (status == MLF_OK)
        status = mlf__api_emit(run, (struct mlf__event){.kind = MLF__EV_TAG_DELETE, .key = key});
    return mlf__api_result(status);
}

mlf_status mlf_set_tags(const mlf_key_value *tags, size_t n)
{
    return mlf__api_is_off() ? MLF_OK : set_tags(NULL, tags, n, "mlf_set_tags");
}

mlf_status mlf_set_tag(const char *key, const char *value)
{
    const mlf_key_value tag = {key, value};
    return mlf__api_is_off() ? MLF_OK : set_tags(NULL, &tag, 1, "mlf_set_tag");
}

mlf_status mlf_delete_tag(const char *key)
{
    return mlf__api_is_off() ? MLF_OK : delete_tag(NULL, key, "mlf_delete_tag");
}

mlf_status mlf_run_set_tags(mlf_run *run, const mlf_key_value *tags, size_t n)
{
    if (mlf__api_is_off())
        return MLF_OK;
    mlf_status status = mlf__api_check_run(run, "mlf_run_set_tags");
    return status == MLF_OK ? set_tags(run, tags, n, "mlf_run_set_tags") : status;
}

mlf_status mlf_run_set_tag(mlf_run *run, const char *key, const char *value)
{
    const mlf_key_value tag = {key, value};
    if (mlf__api_is_off())
        return MLF_OK;
    mlf_status status = mlf__api_check_run(run, "mlf_run_set_tag");
    return status == MLF_OK ? set_tags(run, &tag, 1, "mlf_run_set_tag") : status;
}

mlf_status mlf_run_delete_tag(mlf_run *run, const char *key)
{
    if (mlf__api_is_off())
        return MLF_OK;
    mlf_status status = mlf__api_check_run(run, "mlf_run_delete_tag");
    return status == MLF_OK ? delete_tag(run, key, "mlf_run_delete_tag") : status;
}
