/* SPDX-License-Identifier: Apache-2.0 */
/* A store double: every operation counts, fails when its turn has come, else is passed on. */
#include "tests/support/fail_store.h"

#include "core/mem.h"

struct state {
    struct mlf__store *real;
};

static struct {
    long fail_at, calls;
    mlf_status status;
    const char *failed;
} plan;

void fail_store_after(long n, mlf_status status)
{
    plan.fail_at = n;
    plan.calls = 0;
    plan.status = status;
    plan.failed = NULL;
}

long fail_store_calls(void)
{
    return plan.calls;
}

const char *fail_store_failed(void)
{
    return plan.failed;
}

static struct mlf__store *real(const struct mlf__store *store)
{
    return ((const struct state *)store->state)->real;
}

static mlf_status turn(const char *operation)
{
    if (++plan.calls != plan.fail_at)
        return MLF_OK;
    plan.failed = operation;
    return mlf__fail(plan.status, "%s fails as planned", operation);
}

/* name, parameters behind the store, the same as arguments */
#define OPERATIONS(XX)                                                                             \
    XX(begin, (struct mlf__store * store), (real(store)))                                          \
    XX(commit, (struct mlf__store * store), (real(store)))                                         \
    XX(experiment_ensure, (struct mlf__store * store, const char *name, mlf_experiment *out),      \
       (real(store), name, out))                                                                   \
    XX(experiment_by_name, (struct mlf__store * store, const char *name, mlf_experiment *out),     \
       (real(store), name, out))                                                                   \
    XX(experiment_get, (struct mlf__store * store, const char *id, mlf_experiment *out),           \
       (real(store), id, out))                                                                     \
    XX(run_create, (struct mlf__store * store, const struct mlf__run_create *run),                 \
       (real(store), run))                                                                         \
    XX(run_update, (struct mlf__store * store, const char *id, int status, int64_t end_ms),        \
       (real(store), id, status, end_ms))                                                          \
    XX(run_get, (struct mlf__store * store, const char *id, mlf_run_record *out),                  \
       (real(store), id, out))                                                                     \
    XX(log_param,                                                                                  \
       (struct mlf__store * store, const char *id, const char *key, const char *value,             \
        char **stored),                                                                            \
       (real(store), id, key, value, stored))                                                      \
    XX(log_metrics, (struct mlf__store * store, const struct mlf__metric *metrics, size_t n),      \
       (real(store), metrics, n))                                                                  \
    XX(set_tag, (struct mlf__store * store, const char *id, const char *key, const char *value),   \
       (real(store), id, key, value))                                                              \
    XX(delete_tag, (struct mlf__store * store, const char *id, const char *key),                   \
       (real(store), id, key))                                                                     \
    XX(log_input,                                                                                  \
       (struct mlf__store * store, const char *id, const struct mlf__dataset_input *input),        \
       (real(store), id, input))                                                                   \
    XX(model_create, (struct mlf__store * store, const struct mlf__model_create *model),           \
       (real(store), model))                                                                       \
    XX(model_params,                                                                               \
       (struct mlf__store * store, const char *id, const mlf_key_value *params, size_t n),         \
       (real(store), id, params, n))                                                               \
    XX(model_finalize, (struct mlf__store * store, const char *id, int status),                    \
       (real(store), id, status))                                                                  \
    XX(model_output, (struct mlf__store * store, const char *id, const char *model, int64_t step), \
       (real(store), id, model, step))                                                             \
    XX(model_link_metrics,                                                                         \
       (struct mlf__store * store, const char *id, const char *model, int64_t step),               \
       (real(store), id, model, step))                                                             \
    XX(model_delete, (struct mlf__store * store, const char *id), (real(store), id))               \
    XX(model_get, (struct mlf__store * store, const char *id, mlf_logged_model *out),              \
       (real(store), id, out))

#define DEFINE(name, parameters, arguments)                                                        \
    static mlf_status fail_##name parameters                                                       \
    {                                                                                              \
        mlf_status planned = turn(#name);                                                          \
        return planned != MLF_OK ? planned : real(store)->ops->name arguments;                     \
    }
OPERATIONS(DEFINE)
#undef DEFINE

static void fail_rollback(struct mlf__store *store)
{
    real(store)->ops->rollback(real(store));
}

static void fail_close(struct mlf__store *store)
{
    mlf__store_close(real(store));
}

static const struct mlf_store_ops fail_ops = {.name = "failing",
                                              .state_size = sizeof(struct state),
                                              .close = fail_close,
                                              .rollback = fail_rollback,
#define ENTRY(name, parameters, arguments) .name = fail_##name,
                                              OPERATIONS(ENTRY)
#undef ENTRY
};

struct mlf__store *fail_store_open(const char *uri)
{
    struct mlf__store *store = mlf__zalloc(1, sizeof(*store));
    struct state *state = mlf__zalloc(1, sizeof(*state));
    if (store != NULL && state != NULL &&
        mlf__store_open(uri, MLF__STORE_WRITE, &state->real) == MLF_OK) {
        *store = (struct mlf__store){.ops = &fail_ops, .state = state, .uri = mlf__strdup(uri)};
        return store;
    }
    mlf__free(state);
    mlf__free(store);
    return NULL;
}
