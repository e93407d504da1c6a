/* SPDX-License-Identifier: Apache-2.0 */
/* mlf artifacts: the files of runs and models, which are on this machine. */
#include "cli/actions.h"
#include "cli/json.h"
#include "cli/runs_pick.h"
#include "cli/table.h"
#include "core/buf.h"
#include "core/mem.h"
#include "core/sys.h"
#include "tracking/artifact_uri.h"
#include "tracking/artifacts.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

static const char help[] =
    "Usage: mlf artifacts list [OPTION]... [WHAT [FOLDER]]\n"
    "       mlf artifacts get [OPTION]... [WHAT [PATH]]\n"
    "\n"
    "list prints the files of a run or model and the folder that they are in. get copies\n"
    "them, or one file or folder of them, and prints the place of the copy. WHAT is a run (an\n"
    "id, the beginning of one, or latest, which is the default), runs:/ID/PATH, or\n"
    "models:/ID/PATH.\n"
    "\n"
    "  --tracking-uri URI  the store (default: $MLFLOW_TRACKING_URI, else sqlite:///mlflow.db)\n"
    "  --output DIRECTORY  copy into this directory, which is there (get; default: the\n"
    "                      current one)\n"
    "  --json              the body of MLflow's artifacts/list (list)\n"
    "  --help              print this help\n";

/* ---- what is meant ---- */

struct place {
    char *root; /* URI of the run or model, with the path that was written behind it */
    char *local, *relative;
};

static void free_place(struct place *place)
{
    mlf__free(place->root);
    mlf__free(place->local);
    mlf__free(place->relative);
}

static mlf_status find_place(struct mlf__store *store, const struct mlf__args *args,
                             struct place *out)
{
    const char *word = args->n_words > 0 ? args->words[0] : NULL;
    const char *below = args->n_words > 1 ? args->words[1] : NULL;
    mlf_status status = MLF_OK;

    *out = (struct place){0};
    if (word != NULL && strstr(word, ":/") != NULL) {
        out->root = mlf__strdup(word);
        status = out->root != NULL ? MLF_OK : MLF_ERR_NOMEM;
    } else {
        struct mlf__buf uri = {0};
        char *id;
        status = mlf__run_pick(store, word, NULL, MLF_VIEW_ALL, &id);
        if (status == MLF_OK) {
            mlf__buf_printf(&uri, "runs:/%s", id);
            out->root = mlf__buf_take(&uri);
            status = out->root != NULL ? MLF_OK : MLF_ERR_NOMEM;
        }
        mlf__free(id);
    }
    if (status == MLF_OK)
        status = mlf__artifact_uri_find(store, out->root, below, &out->local, &out->relative);
    if (status != MLF_OK)
        free_place(out);
    return status;
}

/* ---- list ---- */

static mlf_status print_json(const struct place *place, const mlf_file_list *list)
{
    cJSON *root = cJSON_CreateObject();
    struct mlf__buf uri = {0};
    size_t local = strlen(place->local), relative = strlen(place->relative);

    /* The root is what is left of the folder without the path inside it. */
    mlf__buf_printf(&uri, "%.*s", (int)(local - (relative > 0 ? relative + 1 : 0)), place->local);
    bool ok = root != NULL && !uri.failed && mlf__json_text(root, "root_uri", uri.data);
    cJSON *files = ok && list->n_files > 0 ? cJSON_AddArrayToObject(root, "files") : NULL;
    ok = ok && (list->n_files == 0 || files != NULL);
    for (size_t i = 0; ok && i < list->n_files; i++) {
        const mlf_file_info *file = &list->files[i];
        cJSON *object = cJSON_CreateObject();
        ok = mlf__json_append(files, object) && mlf__json_text(object, "path", file->path) &&
             cJSON_AddBoolToObject(object, "is_dir", file->is_dir) != NULL &&
             (file->is_dir || mlf__json_int(object, "file_size", file->file_size));
    }
    mlf__buf_free(&uri);
    if (ok)
        return mlf__json_print(root);
    cJSON_Delete(root);
    return mlf__json_print(NULL);
}

/* The files of a folder and of those in it, which a table can show at once. A link to a folder is shown and not
 * followed: it may lead in a circle. */
static mlf_status add_rows(struct mlf__table *table, const char *local, const char *relative,
                           int depth)
{
    enum { DEPTH_MAX = 40 };
    mlf_file_list list = {0};
    mlf_status status = mlf__artifact_list(local, relative, &list);

    for (size_t i = 0; status == MLF_OK && i < list.n_files; i++) {
        const mlf_file_info *file = &list.files[i];
        if (!file->is_dir) {
            mlf__table_addf(table, "%lld", (long long)file->file_size);
            mlf__table_add(table, file->path);
            continue;
        }
        const char *slash = strrchr(file->path, '/');
        struct mlf__buf path = {0};
        struct stat st;
        mlf__buf_printf(&path, "%s/%s", local, slash != NULL ? slash + 1 : file->path);
        if (path.failed) {
            status = MLF_ERR_NOMEM;
        } else if (lstat(path.data, &st) == 0 && S_ISLNK(st.st_mode)) {
            mlf__table_add(table, "link");
            mlf__table_add(table, file->path);
        } else if (depth < DEPTH_MAX) {
            status = add_rows(table, path.data, file->path, depth + 1);
        }
        mlf__buf_free(&path);
    }
    mlf_file_list_free(&list);
    return status;
}

static mlf_status print_people(const struct place *place)
{
    struct mlf__table table = {.n_columns = 2};
    struct stat st;
    mlf_status status = MLF_OK;

    mlf__table_add(&table, "SIZE");
    mlf__table_add(&table, "PATH");
    if (stat(place->local, &st) == 0 && S_ISREG(st.st_mode)) {
        mlf__table_addf(&table, "%lld", (long long)st.st_size);
        mlf__table_add(&table, place->relative);
    } else {
        status = add_rows(&table, place->local, place->relative, 0);
    }
    bool any = table.n_cells > 2;
    if (status == MLF_OK && any)
        status = mlf__table_print(&table);
    mlf__table_free(&table);
    if (status != MLF_OK)
        return status;
    if (!any)
        fprintf(stderr, "There are no artifacts.\n");
    printf("%sin ", any ? "\n" : "");
    mlf__cli_print_text(stdout, place->local);
    printf("\n");
    return MLF_OK;
}

static int list_artifacts(struct mlf__store *store, const struct mlf__args *args)
{
    struct place place;
    mlf_file_list list = {0};
    mlf_status status = find_place(store, args, &place);

    if (status != MLF_OK)
        return mlf__action_fail(args);
    if (args->json) {
        status = mlf__artifact_list(place.local, place.relative, &list);
        if (status == MLF_OK)
            status = print_json(&place, &list);
        mlf_file_list_free(&list);
    } else {
        status = print_people(&place);
    }
    free_place(&place);
    return status == MLF_OK ? MLF__EXIT_OK : mlf__action_fail(args);
}

/* ---- get ---- */

static mlf_status check_directory(const char *path, char absolute[PATH_MAX])
{
    struct stat st;

    if (!mlf__absolute_path(path, absolute, PATH_MAX))
        return mlf__fail(MLF_ERR_INVAL, "the path '%s' is too long", path);
    if (stat(absolute, &st) != 0)
        return mlf__fail_errno(errno, "--output '%s'", path);
    if (!S_ISDIR(st.st_mode))
        return mlf__fail(MLF_ERR_INVAL, "--output '%s' is no directory", path);
    return MLF_OK;
}

/* All artifacts of a run or model are copied one by one, so that they lie in the directory itself. */
static mlf_status copy_root(const struct place *place, const char *directory)
{
    mlf_file_list list = {0};
    mlf_status status = mlf__artifact_list(place->local, "", &list);

    if (status == MLF_OK && list.n_files == 0)
        status = mlf__fail(MLF_ERR_NOT_FOUND, "%s has no artifacts", place->root);
    for (size_t i = 0; status == MLF_OK && i < list.n_files; i++) {
        struct mlf__buf path = {0};
        mlf__buf_printf(&path, "%s/%s", place->local, list.files[i].path);
        status = path.failed ? MLF_ERR_NOMEM : mlf__artifact_copy(directory, path.data, "");
        if (status == MLF_OK) {
            mlf__cli_print_text(stdout, directory);
            printf("/");
            mlf__cli_print_text(stdout, list.files[i].path);
            printf("\n");
        }
        mlf__buf_free(&path);
    }
    mlf_file_list_free(&list);
    return status;
}

static mlf_status copy_one(const struct place *place, const char *directory)
{
    const char *slash = strrchr(place->local, '/');
    mlf_status status = mlf__artifact_copy(directory, place->local, "");

    if (status == MLF_ERR_NOT_FOUND)
        return mlf__fail(MLF_ERR_NOT_FOUND,
                         "%s has no artifact '%s': mlf artifacts list shows "
                         "which there are",
                         place->root, place->relative);
    if (status != MLF_OK)
        return status;
    mlf__cli_print_text(stdout, directory);
    mlf__cli_print_text(stdout, slash != NULL ? slash : place->local);
    printf("\n");
    return MLF_OK;
}

static int get_artifacts(struct mlf__store *store, const struct mlf__args *args)
{
    char directory[PATH_MAX];
    struct place place = {0};
    mlf_status status = check_directory(args->output != NULL ? args->output : ".", directory);

    if (status == MLF_OK)
        status = find_place(store, args, &place);
    if (status != MLF_OK)
        return mlf__action_fail(args);
    status = *place.relative == '\0' ? copy_root(&place, directory) : copy_one(&place, directory);
    free_place(&place);
    return status == MLF_OK ? MLF__EXIT_OK : mlf__action_fail(args);
}

static const struct mlf__action actions[] = {
    {"list", "uj", 0, 2, "", MLF__ACTION_READS, list_artifacts},
    {"get", "uO", 0, 2, "", MLF__ACTION_READS, get_artifacts},
    {0}};

const struct mlf__command mlf__command_artifacts = {
    .name = "artifacts",
    .summary = "list and copy the files of runs and models",
    .help = help,
    .actions = actions};
