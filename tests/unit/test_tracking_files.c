/* SPDX-License-Identifier: Apache-2.0 */
/* Digests of files, and artifacts: copied whole, never linked, never out of their folder. */
#include "test_tracking_store.h"

#include "tracking/artifacts.h"
#include "tracking/digest.h"

#include <fcntl.h>
#include <sys/time.h>

static void write_bytes(const char *path, const void *data, size_t len)
{
    FILE *out = fopen(path, "w");
    if (out != NULL) {
        fwrite(data, 1, len, out);
        fclose(out);
    }
}

static const char *content(const char *path)
{
    static char text[256];
    FILE *in = fopen(path, "r");
    if (in == NULL)
        return NULL;
    text[fread(text, 1, sizeof(text) - 1, in)] = '\0';
    fclose(in);
    return text;
}

static bool exists(const char *path)
{
    struct stat status;
    return lstat(path, &status) == 0;
}

static void digests_are_sha256(void)
{
    struct mlf__digest digest;
    write_bytes(in_folder("abc"), "abc", 3);
    IS(mlf__digest_file(in_folder("abc"), &digest), MLF_OK, "a file is digested");
    STR(digest.hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        "as the standard's example says");
    IS(digest.size, 3, "with its size");
    OK(!digest.sampled && !digest.modified && digest.mtime_ns > 0, "in full, unmodified");
    write_bytes(in_folder("none"), "", 0);
    IS(mlf__digest_file(in_folder("none"), &digest), MLF_OK, "an empty file is digested");
    STR(digest.hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "rightly");
    IS(mlf__digest_file(in_folder("absent"), &digest), MLF_ERR_NOT_FOUND, "a missing file");
    OK(says("absent"), "is named");
    mkfifo(in_folder("fifo"), 0600);
    IS(mlf__digest_file(in_folder("fifo"), &digest), MLF_ERR_INVAL, "a fifo is refused at once");
    IS(mlf__digest_file(folder, &digest), MLF_ERR_INVAL, "so is a folder");
}

/* Changes one byte of the sparse file and tells whether the digest changes. */
static bool digest_sees(const char *path, off_t offset)
{
    struct mlf__digest before, after;
    bool ok = mlf__digest_file(path, &before) == MLF_OK;
    int fd = open(path, O_WRONLY);
    ok = ok && pwrite(fd, "x", 1, offset) == 1;
    close(fd);
    return ok && mlf__digest_file(path, &after) == MLF_OK && strcmp(before.hex, after.hex) != 0;
}

static void large_files_are_sampled(void)
{
    struct mlf__digest digest, longer;
    const off_t mib = 1 << 20, size = 100 * mib;
    const char *path = in_folder("large");
    write_bytes(path, "", 0);
    OK(truncate(path, 64 * mib) == 0, "a file of 64 MiB");
    OK(mlf__digest_file(path, &digest) == MLF_OK && !digest.sampled, "is read in full");
    OK(truncate(path, size) == 0, "a file of 100 MiB");
    OK(mlf__digest_file(path, &digest) == MLF_OK && digest.sampled, "is sampled");
    OK(digest_sees(path, 0) && digest_sees(path, mib - 1), "its first MiB counts");
    OK(digest_sees(path, size - mib) && digest_sees(path, size - 1), "and its last");
    OK(digest_sees(path, mib + 10), "and blocks between");
    OK(mlf__digest_file(path, &digest) == MLF_OK && truncate(path, size + 4096) == 0 &&
           mlf__digest_file(path, &longer) == MLF_OK && strcmp(digest.hex, longer.hex) != 0,
       "and its size");
    unlink(path);
}

static void files_are_copied(void)
{
    struct stat from, to;
    const char *root = in_folder("run/artifacts");
    write_bytes(in_folder("model.txt"), "nu 0.5", 6);
    chmod(in_folder("model.txt"), 0755);
    IS(mlf__artifact_copy(root, in_folder("model.txt"), ""), MLF_OK, "a file is copied");
    STR(content(in_folder("run/artifacts/model.txt")), "nu 0.5", "with its content");
    OK(stat(in_folder("model.txt"), &from) == 0 &&
           stat(in_folder("run/artifacts/model.txt"), &to) == 0 && from.st_ino != to.st_ino &&
           to.st_nlink == 1,
       "never by link");
    IS(to.st_mode & 0777, 0755, "with its mode");
    write_bytes(in_folder("model.txt"), "nu 0.7", 6);
    IS(mlf__artifact_copy(root, in_folder("model.txt"), "a/b"), MLF_OK, "into a folder");
    STR(content(in_folder("run/artifacts/a/b/model.txt")), "nu 0.7", "that is made");
    STR(content(in_folder("run/artifacts/model.txt")), "nu 0.5", "the first copy stays");
    IS(mlf__artifact_copy(root, in_folder("model.txt"), ""), MLF_OK, "copied again");
    STR(content(in_folder("run/artifacts/model.txt")), "nu 0.7", "the last state counts");
    char uri[PATH_MAX + 16];
    snprintf(uri, sizeof(uri), "file://%s/a%%20b", folder);
    IS(mlf__artifact_copy(uri, in_folder("model.txt"), ""), MLF_OK, "a file: URI is a folder");
    OK(exists(in_folder("a b/model.txt")), "with its characters decoded");
}

static void places_outside_are_refused(void)
{
    const char *root = in_folder("run/artifacts"), *file = in_folder("model.txt");
    IS(mlf__artifact_copy(root, file, ".."), MLF_ERR_INVAL, "the folder above");
    IS(mlf__artifact_copy(root, file, "a/../../b"), MLF_ERR_INVAL, "also inside a path");
    IS(mlf__artifact_copy(root, file, "/tmp"), MLF_ERR_INVAL, "an absolute folder");
    IS(mlf__artifact_write(root, "../x", "y", 1), MLF_ERR_INVAL, "the same for written files");
    IS(mlf__artifact_write(root, "", "y", 1), MLF_ERR_INVAL, "which need a name");
    IS(mlf__artifact_write(root, "a/", "y", 1), MLF_ERR_INVAL, "not only a folder");
    OK(!exists(in_folder("run/x")), "nothing is written");
    IS(mlf__artifact_copy("s3://bucket/x", file, ""), MLF_ERR_UNSUPPORTED, "a remote location");
    OK(says("s3://bucket/x"), "is named");
    IS(mlf__artifact_copy(in_folder("fresh"), in_folder("absent"), ""), MLF_ERR_NOT_FOUND,
       "a file that is gone");
    OK(says("absent"), "is named");
    OK(!exists(in_folder("fresh")), "and makes no folder");
    IS(mlf__artifact_copy(root, in_folder("fifo"), ""), MLF_ERR_INVAL, "a fifo is refused at once");
}

static void folders_are_copied(void)
{
    mkdir(in_folder("tree"), 0755);
    mkdir(in_folder("tree/sub"), 0755);
    write_bytes(in_folder("tree/one"), "1", 1);
    write_bytes(in_folder("tree/sub/two"), "2", 1);
    mkfifo(in_folder("tree/fifo"), 0600);
    OK(symlink("nowhere", in_folder("tree/dangling")) == 0, "with a link to nowhere");
    IS(mlf__artifact_copy(in_folder("out"), in_folder("tree/"), "x"), MLF_OK, "a folder is copied");
    STR(content(in_folder("out/x/tree/one")), "1", "with its files");
    STR(content(in_folder("out/x/tree/sub/two")), "2", "and those below");
    OK(!exists(in_folder("out/x/tree/fifo")) && !exists(in_folder("out/x/tree/dangling")),
       "but no fifo and no link to nowhere");
    IS(mlf__artifact_copy(in_folder("tree/inside"), in_folder("tree"), ""), MLF_OK,
       "a folder copied into itself");
    OK(exists(in_folder("tree/inside/tree/one")) && !exists(in_folder("tree/inside/tree/inside")),
       "is copied once");
    /* Two of them, each followed, would be more folders than there is time for. */
    OK(symlink("..", in_folder("tree/sub/loop")) == 0, "a link to the folder itself");
    OK(symlink(".", in_folder("tree/sub/again")) == 0, "and another one");
    OK(symlink("sub", in_folder("tree/other")) == 0, "and one to a folder in it");
    IS(mlf__artifact_copy(in_folder("out2"), in_folder("tree"), ""), MLF_OK, "are no obstacle");
    STR(content(in_folder("out2/tree/other/two")), "2", "what a link leads to is copied");
    OK(exists(in_folder("out2/tree/sub/two")) && !exists(in_folder("out2/tree/sub/loop")) &&
           !exists(in_folder("out2/tree/sub/again")),
       "but not what leads back");
}

static void texts_are_written(void)
{
    const char *root = in_folder("written");
    IS(mlf__artifact_write(root, "d/e.json", "{}", 2), MLF_OK, "bytes become a file");
    STR(content(in_folder("written/d/e.json")), "{}", "in its folder");
    IS(mlf__artifact_write(root, "d/e.json", "[1]", 3), MLF_OK, "again");
    STR(content(in_folder("written/d/e.json")), "[1]", "it is replaced");
    write_bytes(in_folder("plain"), "x", 1);
    IS(mlf__artifact_write(in_folder("plain"), "a", "x", 1), MLF_ERR_NOT_FOUND,
       "a file is no folder");
    OK(says("plain"), "and is named");
}

int main(void)
{
    folder_make();
    digests_are_sha256();
    large_files_are_sampled();
    files_are_copied();
    places_outside_are_refused();
    folders_are_copied();
    texts_are_written();
    folder_remove();
    return tap_done();
}
