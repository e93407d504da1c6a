/* SPDX-License-Identifier: Apache-2.0 */
/* The starter is forked from mlf once, while that is small, gives back what it can of the memory, and makes the
 * processes with CLONE_PARENT, so that mlf waits for them itself. A request is its sizes with the three streams, and then
 * the texts; the answer is a pid and an errno. It calls nothing but the kernel, since it was forked beside other threads.
 *
 * It is no session leader, so that the processes have the terminal that they would have had, and in a group of its own,
 * so that the terminal's signals do not end it. It ends when mlf does. */
#include "cli/trials_starter.h"

#include "core/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { NOT_EXECUTED = 127, STACK_SIZE = 256 * 1024, N_STREAMS = 3 };

struct mlf__starter {
    int line;
    pid_t pid;
};

struct request {
    uint64_t text_size;
    uint64_t argc, envc;
    uint64_t memory_limit;
    int32_t has_directory;
    int32_t parent;
};
struct answer {
    int32_t pid; /* -1: none could be made, |err| says why */
    int32_t err;
};

static bool send_all(int line, const void *bytes, size_t len)
{
    const char *at = bytes;
    while (len > 0) {
        ssize_t n = send(line, at, len, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        at += n;
        len -= (size_t)n;
    }
    return true;
}

static bool receive_all(int line, void *bytes, size_t len)
{
    char *at = bytes;
    while (len > 0) {
        ssize_t n = recv(line, at, len, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        at += n;
        len -= (size_t)n;
    }
    return true;
}

/* ---- in the starter ---- */

/* One process to be. Everything is borrowed from the request. */
struct birth {
    const struct request *request;
    int streams[N_STREAMS];
    const char *path, *directory;
    char **argv, **shell_argv, **envp;
    int err;
};

static int become_program(const struct birth *birth)
{
    if (setpgid(0, 0) != 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) != 0)
        return errno;
    if (getppid() != birth->request->parent) /* it was killed before that could be asked for */
        return ECHILD;
    for (int i = 0; i < N_STREAMS; i++)
        if (dup2(birth->streams[i], i) < 0)
            return errno;
    if (birth->request->has_directory != 0 && chdir(birth->directory) != 0)
        return errno;
    if (birth->request->memory_limit > 0) {
        const struct rlimit limit = {birth->request->memory_limit, birth->request->memory_limit};
        if (setrlimit(RLIMIT_AS, &limit) != 0)
            return errno;
    }
    const struct mlf__image image = {.path = birth->path,
                                     .argv = birth->argv,
                                     .shell_argv = birth->shell_argv,
                                     .envp = birth->envp};
    return mlf__image_execute(&image);
}

static int be_born(void *user)
{
    struct birth *birth = user;
    birth->err = become_program(birth);
    _exit(NOT_EXECUTED);
}

/* Takes the texts of a request apart. |words| has room for all pointers. */
static void take_apart(struct birth *birth, char *text, char **words)
{
    static char shell[] = "sh";
    const struct request *request = birth->request;
    birth->path = text;
    text += strlen(text) + 1;
    birth->directory = text;
    text += strlen(text) + 1;
    birth->argv = words;
    for (uint64_t i = 0; i < request->argc; i++, text += strlen(text) + 1)
        *words++ = text;
    *words++ = NULL;
    birth->shell_argv = words;
    *words++ = shell;
    memcpy(words++, &birth->path, sizeof(birth->path));
    for (uint64_t i = 1; i < request->argc; i++)
        *words++ = birth->argv[i];
    *words++ = NULL;
    birth->envp = words;
    for (uint64_t i = 0; i < request->envc; i++, text += strlen(text) + 1)
        *words++ = text;
    *words = NULL;
}

static struct answer give_birth(struct birth *birth, int line, char *stack)
{
    const struct request *request = birth->request;
    size_t n_words = request->argc * 2 + request->envc + 8;
    size_t size = n_words * sizeof(char *) + request->text_size;
    char **words = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (words == MAP_FAILED)
        _exit(1); /* the rest of the request cannot be read: mlf sees that the line is closed */
    char *text = (char *)(words + n_words);
    struct answer answer = {-1, 0};
    if (!receive_all(line, text, request->text_size))
        _exit(0);
    take_apart(birth, text, words);
    birth->err = 0;
    answer.pid =
        clone(be_born, stack + STACK_SIZE, CLONE_PARENT | CLONE_VM | CLONE_VFORK | SIGCHLD, birth);
    answer.err = answer.pid < 0 ? errno : birth->err;
    munmap(words, size);
    return answer;
}

/* Receives the sizes and the streams of a request; false when mlf is gone. */
static bool receive_request(int line, struct request *request, int streams[N_STREAMS])
{
    union {
        char bytes[CMSG_SPACE(sizeof(int) * N_STREAMS)];
        struct cmsghdr align;
    } control;
    struct iovec part = {request, sizeof(*request)};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof(control.bytes)};
    ssize_t n;
    do {
        n = recvmsg(line, &message, MSG_CMSG_CLOEXEC | MSG_WAITALL);
    } while (n < 0 && errno == EINTR);
    const struct cmsghdr *head = CMSG_FIRSTHDR(&message);
    if (n != (ssize_t)sizeof(*request) || head == NULL || head->cmsg_type != SCM_RIGHTS ||
        head->cmsg_len != CMSG_LEN(sizeof(int) * N_STREAMS))
        return false;
    memcpy(streams, CMSG_DATA(head), sizeof(int) * N_STREAMS);
    return true;
}

/* What mlf had in memory is not counted as that of the processes: the heap is not needed here. */
static void let_go_of_memory(void)
{
    static char text[4096];
    void *end = sbrk(0);
    uintptr_t low = 0;
    int fd = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
    ssize_t len = fd >= 0 ? read(fd, text, sizeof(text) - 1) : 0;
    if (fd >= 0)
        close(fd);
    if (len > 0) {
        text[len] = '\0';
        const char *at = strrchr(text, ')');
        /* Field 47 is where the heap begins; the state behind the name is field 3. */
        for (int field = 2; at != NULL && field < 47; field++)
            at = strchr(at + 1, ' ');
        for (at = at != NULL ? at + 1 : ""; *at >= '0' && *at <= '9'; at++)
            low = low * 10 + (uintptr_t)(*at - '0');
    }
    low = (low + 4095) & ~(uintptr_t)4095;
    if (low > 4096 && low < (uintptr_t)end)
        madvise((void *)low, (uintptr_t)end - low, MADV_DONTNEED);
    fd = open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC);
    if (fd >= 0) {
        ssize_t n = write(fd, "5", 1); /* the peak begins anew */
        (void)n;
        close(fd);
    }
}

static void serve(int line, char *stack)
{
    static struct request request;
    static struct birth birth;
    int fd;
    setpgid(0, 0);
    prctl(PR_SET_NAME, "mlf-starter");
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    mlf__close_all_but(line);
    /* The streams of a request must not come in the places that they are for: they would close on exec there. */
    while ((fd = open("/dev/null", O_RDWR | O_CLOEXEC)) >= 0 && fd <= STDERR_FILENO) {
    }
    if (fd >= 0)
        close(fd);
    let_go_of_memory();
    while (receive_request(line, &request, birth.streams)) {
        birth.request = &request;
        struct answer answer = give_birth(&birth, line, stack);
        for (int i = 0; i < N_STREAMS; i++)
            close(birth.streams[i]);
        if (!send_all(line, &answer, sizeof(answer)))
            break;
    }
    _exit(0);
}

/* ---- in mlf ---- */

mlf_status mlf__starter_start(struct mlf__starter **out)
{
    struct mlf__starter *starter = mlf__zalloc(1, sizeof(*starter));
    int line[2] = {-1, -1};
    *out = NULL;
    if (starter == NULL)
        return MLF_ERR_NOMEM;
    char *stack =
        mmap(NULL, STACK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    starter->pid = -1;
    if (stack != MAP_FAILED && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, line) == 0 &&
        (starter->pid = fork()) == 0)
        serve(line[1], stack);
    int err = errno;
    if (stack != MAP_FAILED)
        munmap(stack, STACK_SIZE);
    if (line[1] >= 0)
        close(line[1]);
    starter->line = line[0];
    if (starter->pid > 0) {
        *out = starter;
        return MLF_OK;
    }
    mlf__starter_stop(starter);
    return mlf__fail_errno(err, "no process can be started");
}

void mlf__starter_stop(struct mlf__starter *starter)
{
    if (starter == NULL)
        return;
    if (starter->line >= 0)
        close(starter->line);
    if (starter->pid > 0)
        while (waitpid(starter->pid, NULL, 0) < 0 && errno == EINTR) {
        }
    mlf__free(starter);
}

pid_t mlf__starter_pid(const struct mlf__starter *starter)
{
    return starter != NULL ? starter->pid : -1;
}

static size_t add_words(struct mlf__buf *text, char *const *words)
{
    size_t n = 0;
    for (; words[n] != NULL; n++)
        mlf__buf_add(text, words[n], strlen(words[n]) + 1);
    return n;
}

static bool send_request(int line, const struct request *request, const int streams[N_STREAMS])
{
    union {
        char bytes[CMSG_SPACE(sizeof(int) * N_STREAMS)];
        struct cmsghdr align;
    } control = {{0}};
    struct iovec part = {(void *)(uintptr_t)request, sizeof(*request)};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof(control.bytes)};
    struct cmsghdr *head = CMSG_FIRSTHDR(&message);
    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = SCM_RIGHTS;
    head->cmsg_len = CMSG_LEN(sizeof(int) * N_STREAMS);
    memcpy(CMSG_DATA(head), streams, sizeof(int) * N_STREAMS);
    ssize_t n;
    do {
        n = sendmsg(line, &message, MSG_NOSIGNAL);
    } while (n < 0 && errno == EINTR);
    return n == (ssize_t)sizeof(*request);
}

mlf_status mlf__starter_ask(const struct mlf__spawn_group *how, const int streams[3], pid_t *pid,
                            int *err)
{
    struct mlf__buf text = {0};
    struct answer answer = {-1, 0};
    const char *directory = how->directory != NULL ? how->directory : "";
    struct request request = {.memory_limit = how->memory_limit,
                              .has_directory = how->directory != NULL,
                              .parent = (int32_t)getpid()};
    mlf__buf_add(&text, how->image->path, strlen(how->image->path) + 1);
    mlf__buf_add(&text, directory, strlen(directory) + 1);
    request.argc = add_words(&text, how->image->argv);
    request.envc = add_words(&text, how->image->envp);
    request.text_size = text.len;
    mlf_status status = MLF_ERR_NOMEM;
    int line = how->starter->line;
    if (!text.failed) {
        bool fine = send_request(line, &request, streams) && send_all(line, text.data, text.len) &&
                    receive_all(line, &answer, sizeof(answer));
        status = !fine            ? mlf__fail(MLF_ERR_IO, "no process can be started any more")
                 : answer.pid < 0 ? mlf__fail_errno(answer.err, "no process can be started")
                                  : MLF_OK;
    }
    mlf__buf_free(&text);
    *pid = answer.pid;
    *err = answer.err;
    return status;
}
