/* SPDX-License-Identifier: Apache-2.0 */
/* Every hooked function leaves errno, results and modes as the C library does. */
#include "host.h"

#include <getopt.h>
#include <sys/stat.h>

int __open_2(const char *path, int flags);
int __open64_2(const char *path, int flags);
int __openat_2(int dirfd, const char *path, int flags);
int __openat64_2(int dirfd, const char *path, int flags);

enum { MARK = 4242 };

static void expect_fd(int fd)
{
    EXPECT(fd >= 0 && errno == MARK);
    close(fd);
    errno = MARK;
}

static void expect_stream(FILE *stream)
{
    EXPECT(stream != NULL && errno == MARK);
    fclose(stream);
    errno = MARK;
}

static void successes(void)
{
    errno = MARK;
    umask(0);
    expect_fd(open("made", O_RDWR | O_CREAT, 0640));
    struct stat st;
    EXPECT(stat("made", &st) == 0 && (st.st_mode & 0777) == 0640);
    expect_fd(open("made", O_RDONLY));
    expect_fd(open64("made", O_RDONLY));
    expect_fd(openat(AT_FDCWD, "made", O_RDONLY));
    expect_fd(openat64(AT_FDCWD, "made", O_RDONLY));
    expect_fd(creat("made", 0600));
    expect_fd(creat64("made", 0600));
    expect_fd(__open_2("made", O_RDONLY));
    expect_fd(__open64_2("made", O_RDONLY));
    expect_fd(__openat_2(AT_FDCWD, "made", O_RDONLY));
    expect_fd(__openat64_2(AT_FDCWD, "made", O_RDONLY));
    expect_stream(fopen("made", "r"));
    expect_stream(fopen64("made", "r+"));
    FILE *stream = fopen("made", "a");
    errno = MARK;
    stream = freopen("made", "w", stream);
    EXPECT(stream != NULL);
    errno = MARK;
    expect_stream(freopen64("made", "r", stream));
    EXPECT(rename("made", "made2") == 0 && errno == MARK);
    EXPECT(renameat(AT_FDCWD, "made2", AT_FDCWD, "made3") == 0 && errno == MARK);
    EXPECT(renameat2(AT_FDCWD, "made3", AT_FDCWD, "made4", 0) == 0 && errno == MARK);
}

static void failures(void)
{
    errno = 0;
    EXPECT(open("absent", O_RDONLY) == -1 && errno == ENOENT);
    EXPECT(open("made4", O_RDONLY | O_CREAT | O_EXCL, 0600) == -1 && errno == EEXIST);
    EXPECT(openat(12345, "absent", O_RDONLY) == -1 && errno == EBADF);
    EXPECT(creat("/absent/absent", 0600) == -1 && errno == ENOENT);
    EXPECT(fopen("absent", "r") == NULL && errno == ENOENT);
    EXPECT(fopen("made4", "nonsense") == NULL && errno == EINVAL);
    EXPECT(rename("absent", "other") == -1 && errno == ENOENT);
    EXPECT(renameat2(AT_FDCWD, "absent", AT_FDCWD, "other", 0) == -1 && errno == ENOENT);
}

/* In a folder whose name is too long for the hooks: whatever fails for them is not the program's. */
static void deep(void)
{
    char name[201];
    memset(name, 'd', 200);
    name[200] = '\0';
    for (int i = 0; i < 4; i++)
        EXPECT(mkdir(name, 0755) == 0 && chdir(name) == 0);
    errno = MARK;
    expect_fd(open("deep", O_WRONLY | O_CREAT, 0600));
    expect_stream(fopen("deep", "r"));
    EXPECT(rename("deep", "deeper") == 0 && errno == MARK);
}

static void options(void)
{
    char *argv[] = {(char *)"x", (char *)"-a", (char *)"1", (char *)"rest", NULL};
    errno = MARK;
    EXPECT(getopt(4, argv, "a:b") == 'a' && strcmp(optarg, "1") == 0 && errno == MARK);
    EXPECT(getopt(4, argv, "a:b") == -1 && optind == 3 && errno == MARK);
}

int main(void)
{
    successes();
    failures();
    options();
    deep();
    return 0;
}
