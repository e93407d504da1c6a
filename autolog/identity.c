/* SPDX-License-Identifier: Apache-2.0 */
/* Who runs, and from which commit: what MLflow's client tags every run with. */
#include "autolog/apply.h"

#include "core/buf.h"
#include "core/env.h"
#include "core/mem.h"

#include <ctype.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

char *mlf__identity_user(void)
{
    const char *name = mlf__env(MLF__ENV_MLFLOW_TRACKING_USERNAME);
    if (*name != '\0')
        return mlf__strdup(name);
    char buffer[4096];
    struct passwd entry, *found = NULL;
    if (getpwuid_r(geteuid(), &entry, buffer, sizeof(buffer), &found) == 0 && found != NULL)
        return mlf__strdup(found->pw_name);
    name = mlf__env(MLF__ENV_USER);
    if (*name != '\0')
        return mlf__strdup(name);
    snprintf(buffer, sizeof(buffer), "uid %u", (unsigned)geteuid());
    return mlf__strdup(buffer);
}

/* The first line of a small file, without its newline; false when it cannot be read. */
static bool read_line(const char *path, char *out, size_t size)
{
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return false;
    bool got = fgets(out, (int)size, file) != NULL;
    fclose(file);
    if (got)
        out[strcspn(out, "\r\n")] = '\0';
    return got;
}

static bool is_commit(const char *text)
{
    size_t n = strspn(text, "0123456789abcdef");
    return (n == 40 || n == 64) && text[n] == '\0';
}

/* A ref that has no file of its own is a line "<commit> <ref>" of packed-refs. */
static bool packed_ref(const char *git_dir, const char *ref, char out[72])
{
    char path[PATH_MAX], line[1024];
    if (snprintf(path, sizeof(path), "%s/packed-refs", git_dir) >= (int)sizeof(path))
        return false;
    FILE *file = fopen(path, "re");
    bool found = false;
    while (file != NULL && !found && fgets(line, sizeof(line), file) != NULL) {
        char *space = strchr(line, ' ');
        if (space == NULL)
            continue;
        *space = '\0';
        space[1 + strcspn(space + 1, "\r\n")] = '\0';
        found = strcmp(space + 1, ref) == 0 && is_commit(line) && mlf__copy_text(out, 72, line);
    }
    if (file != NULL)
        fclose(file);
    return found;
}

static bool commit_of(const char *git_dir, char out[72])
{
    char path[PATH_MAX], head[512], line[512];
    if (snprintf(path, sizeof(path), "%s/HEAD", git_dir) >= (int)sizeof(path) ||
        !read_line(path, head, sizeof(head)))
        return false;
    if (is_commit(head))
        return mlf__copy_text(out, 72, head);
    if (strncmp(head, "ref: ", 5) != 0 || strstr(head, "..") != NULL)
        return false;
    if (snprintf(path, sizeof(path), "%s/%s", git_dir, head + 5) < (int)sizeof(path) &&
        read_line(path, line, sizeof(line)) && is_commit(line))
        return mlf__copy_text(out, 72, line);
    return packed_ref(git_dir, head + 5, out);
}

void mlf__identity_git_commit(const char *path, char out[72])
{
    char folder[PATH_MAX], git_dir[PATH_MAX];
    out[0] = '\0';
    if (!mlf__copy_text(folder, sizeof(folder), path))
        return;
    for (;;) {
        char *slash = strrchr(folder, '/');
        if (slash == NULL || slash == folder)
            return;
        *slash = '\0';
        if (snprintf(git_dir, sizeof(git_dir), "%s/.git", folder) < (int)sizeof(git_dir) &&
            commit_of(git_dir, out))
            return;
    }
}
