/* SPDX-License-Identifier: Apache-2.0 */
/* One poll loop; the recogniser has a thread of its own behind it. A write never blocks longer than the stream's
 * own small unit, so that signals and the other stream go on while a reader is slow. */
#include "cli/relay.h"

#include "cli/cli.h"
#include "cli/keyboard.h"
#include "cli/output_reader.h"
#include "cli/pty.h"
#include "core/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    BLOCK = 64 * 1024,
    PIPE_UNIT = 4096, /* PIPE_BUF: a pipe that polls writable takes that much without blocking */
    TTY_UNIT = 256,
    PTY_HOLDS = 256 * 1024, /* more than a pseudo-terminal keeps */
    PTY_QUIET_MS = 20,      /* what the kernel has not handed over by then is nothing */
    REAP_POLL_MS = 20,      /* where there is no descriptor left for a signalfd */
    CHANNELS = 2,
    KEYS = 1 + 2 * CHANNELS /* the keyboard's place among what is polled */
};

struct channel {
    int in;         /* -1 = closed */
    int out;        /* a standard stream */
    int stream;     /* for the recogniser */
    size_t unit;    /* most bytes to write at once */
    bool regular;   /* a file: always writable */
    bool pty;       /* |in| is a pseudo-terminal, |out| the terminal that it stands for */
    bool discard;   /* cannot be written any more, except that the reader is not gone */
    size_t begin;   /* of the text in |block| */
    size_t at, len; /* what is still to be written of it */
    size_t left;    /* after the command's end: at most so many bytes of it are still in the pipe */
    char block[BLOCK];
};

struct relay {
    struct channel channels[CHANNELS];
    const struct mlf__relay_options *options;
    struct mlf__output_reader *reader; /* NULL: nobody looks at what passes */
    struct mlf__relay_result *result;
    struct mlf__keyboard keyboard;
    pid_t pid;
    int signals; /* signalfd, -1 = none */
    bool ended;  /* the command has ended */
};

/* ---- one channel ---- */

static void open_channel(struct channel *channel, int in, int out, int stream)
{
    struct stat info;

    channel->in = in;
    channel->out = out;
    channel->stream = stream;
    channel->unit = PIPE_UNIT;
    channel->pty = in >= 0 && isatty(in);
    channel->begin = channel->pty ? 1 : 0;
    if (in < 0 || fstat(out, &info) != 0)
        return;
    int flags = fcntl(out, F_GETFL);
    channel->regular = S_ISREG(info.st_mode);
    if (channel->regular || (flags >= 0 && (flags & O_NONBLOCK) != 0))
        channel->unit = BLOCK;
    else if (S_ISCHR(info.st_mode))
        channel->unit = isatty(out) ? TTY_UNIT : BLOCK;
}

static void close_channel(struct channel *channel)
{
    if (channel->in >= 0)
        close(channel->in);
    channel->in = -1;
    channel->at = channel->len = 0;
}

static bool is_pending(const struct channel *channel)
{
    return channel->at < channel->len;
}

/* Looks at a block once it was passed on. */
static void digest(struct relay *relay, struct channel *channel)
{
    if (relay->reader != NULL && channel->len > channel->begin)
        mlf__output_reader_give(relay->reader, channel->stream, channel->block + channel->begin,
                                channel->len - channel->begin);
}

/* The reader is gone: closing our end lets the command find out at its next write, as without us. */
static void reader_gone(struct relay *relay, struct channel *channel)
{
    digest(relay, channel);
    if (channel->in == relay->keyboard.master)
        relay->keyboard.master = -1;
    close_channel(channel);
}

static bool is_writable(const struct channel *channel)
{
    struct pollfd entry = {.fd = channel->out, .events = POLLOUT};
    return channel->regular || poll(&entry, 1, 0) > 0;
}

/* Writes what the stream takes now. */
static void pass_on(struct relay *relay, struct channel *channel)
{
    while (is_pending(channel) && !channel->discard && is_writable(channel)) {
        size_t len = channel->len - channel->at;
        if (len > channel->unit)
            len = channel->unit;
        ssize_t n = write(channel->out, channel->block + channel->at, len);
        if (n >= 0) {
            channel->at += (size_t)n;
        } else if (errno == EPIPE) {
            reader_gone(relay, channel);
            return;
        } else if (errno == EAGAIN) {
            return;
        } else if (errno != EINTR) {
            /* A full disk, a terminal that is gone: the command goes on, its output is lost. */
            channel->discard = true;
            if (relay->result->output_error == 0)
                relay->result->output_error = errno;
        }
    }
    if (channel->discard)
        channel->at = channel->len;
    if (!is_pending(channel)) {
        digest(relay, channel);
        channel->at = channel->len = 0;
    }
}

static void take_in(struct relay *relay, struct channel *channel)
{
    size_t room = sizeof(channel->block);
    if (relay->ended && channel->left < room - channel->begin)
        room = channel->begin + channel->left;
    ssize_t n = channel->pty ? mlf__pty_read(channel->in, channel->out, channel->block, room)
                             : read(channel->in, channel->block, room);
    int error = errno;
    if (channel->in == relay->keyboard.master)
        mlf__keyboard_modes(&relay->keyboard);
    if (n < 0 && (error == EINTR || error == EAGAIN))
        return;
    if (n <= 0) {
        if (channel->in == relay->keyboard.master)
            relay->keyboard.master = -1;
        close_channel(channel);
        return;
    }
    channel->at = channel->begin;
    channel->len = channel->begin + (size_t)n;
    if (relay->ended)
        channel->left -= (size_t)n;
    pass_on(relay, channel);
}

/* ---- signals and the command's end ---- */

static void note_end(struct relay *relay, int wait_status)
{
    relay->ended = true;
    relay->result->wait_status = wait_status;
    relay->result->end_ns = mlf__now_ns();
    for (int i = 0; i < CHANNELS; i++) {
        struct channel *channel = &relay->channels[i];
        int bytes = 0;
        if (channel->in >= 0 && channel->pty)
            channel->left = PTY_HOLDS;
        else if (channel->in >= 0 && ioctl(channel->in, FIONREAD, &bytes) == 0 && bytes > 0)
            channel->left = (size_t)bytes;
    }
}

/* PID 1 is also the parent of every orphan. */
static void reap(struct relay *relay)
{
    int wait_status;
    pid_t pid;

    while ((pid = waitpid(getpid() == 1 ? -1 : relay->pid, &wait_status, WNOHANG)) > 0) {
        if (pid == relay->pid)
            note_end(relay, wait_status);
    }
}

static void resize(struct relay *relay)
{
    for (int i = 0; i < CHANNELS; i++)
        if (relay->channels[i].pty && relay->channels[i].in >= 0)
            mlf__pty_resize(relay->channels[i].in, relay->channels[i].out);
}

/* Has the command got the signal as well? The kernel sends a terminal's signals to the whole group, except that it tells only
 * the session's leader when the terminal is gone. */
static bool is_for_group(const struct signalfd_siginfo *info)
{
    if (info->ssi_code != SI_KERNEL || getpid() == 1)
        return false;
    return info->ssi_signo != SIGHUP || getsid(0) != getpid();
}

static void take_signals(struct relay *relay)
{
    struct signalfd_siginfo info;

    while (read(relay->signals, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        if (info.ssi_signo == SIGWINCH)
            resize(relay);
        if (info.ssi_signo == SIGCHLD)
            reap(relay);
        else if (!relay->ended && !is_for_group(&info))
            kill(relay->pid, (int)info.ssi_signo);
    }
}

/* ---- the loop ---- */

/* Nothing more to do for this channel? |ended|: the command is gone, only what it left is passed on. */
static bool is_done(const struct channel *channel, bool ended)
{
    return channel->in < 0 || (ended && channel->left == 0 && !is_pending(channel));
}

/* A pseudo-terminal does not say how much it holds: after the command's end it is read until it is silent. */
static bool drains_pty(const struct relay *relay)
{
    for (int i = 0; i < CHANNELS; i++)
        if (relay->channels[i].pty && !is_done(&relay->channels[i], true) &&
            !is_pending(&relay->channels[i]))
            return true;
    return false;
}

/* How long to wait for something to happen: not at all, or -1: for ever. */
static int how_long(const struct relay *relay, bool with_signals)
{
    int timeout_ms = with_signals && relay->signals < 0 ? REAP_POLL_MS : -1;

    int keys_ms = with_signals ? mlf__keyboard_due_ms(&relay->keyboard) : -1;

    if (relay->ended && drains_pty(relay))
        return PTY_QUIET_MS;
    if (keys_ms >= 0 && (timeout_ms < 0 || keys_ms < timeout_ms))
        timeout_ms = keys_ms;
    if (with_signals && !relay->ended && relay->options->look != NULL &&
        (timeout_ms < 0 || relay->options->look_ms < timeout_ms))
        timeout_ms = relay->options->look_ms;
    return timeout_ms;
}

static void end_drain(struct relay *relay)
{
    for (int i = 0; i < CHANNELS; i++)
        if (relay->channels[i].pty && !is_pending(&relay->channels[i]))
            relay->channels[i].left = 0;
}

static void serve(struct relay *relay, bool with_signals)
{
    struct pollfd entries[2 + 2 * CHANNELS];

    entries[0] = (struct pollfd){.fd = with_signals ? relay->signals : -1, .events = POLLIN};
    for (int i = 0; i < CHANNELS; i++) {
        struct channel *channel = &relay->channels[i];
        bool done = is_done(channel, relay->ended);
        bool pending = is_pending(channel);
        bool reads = !done && !pending;
        /* Without events poll() still tells that the reader of our output has gone. */
        entries[1 + 2 * i] = (struct pollfd){.fd = reads ? channel->in : -1, .events = POLLIN};
        entries[2 + 2 * i] = (struct pollfd){
            .fd = !done && !channel->discard && !channel->regular ? channel->out : -1,
            .events = pending ? POLLOUT : 0};
    }
    entries[KEYS] = (struct pollfd){.fd = with_signals ? mlf__keyboard_poll(&relay->keyboard) : -1,
                                    .events = POLLIN};
    bool drains = relay->ended && drains_pty(relay);
    int ready = poll(entries, MLF__ARRAY_LEN(entries), how_long(relay, with_signals));
    if (ready == 0 && drains)
        end_drain(relay);
    if (ready < 0)
        return;
    if (entries[0].revents != 0)
        take_signals(relay);
    else if (with_signals && relay->signals < 0 && !relay->ended)
        reap(relay);
    if (with_signals && !relay->ended && relay->options->look != NULL)
        relay->options->look(relay->options->user);
    if (with_signals && !relay->ended)
        mlf__keyboard_look(&relay->keyboard);
    for (int i = 0; i < CHANNELS; i++) {
        struct channel *channel = &relay->channels[i];
        if (channel->in < 0)
            continue;
        if (is_pending(channel)) {
            if (entries[2 + 2 * i].revents != 0)
                pass_on(relay, channel);
        } else if (entries[1 + 2 * i].revents != 0) {
            if (!is_done(channel, relay->ended))
                take_in(relay, channel);
        } else if ((entries[2 + 2 * i].revents & POLLERR) != 0) {
            reader_gone(relay, channel);
        } else if ((entries[2 + 2 * i].revents & (POLLHUP | POLLNVAL)) != 0) {
            channel->discard = true;
        }
    }
}

static bool is_held_open(const struct channel *channel)
{
    struct pollfd entry = {.fd = channel->in, .events = POLLIN};
    return channel->in >= 0 && (poll(&entry, 1, 0) == 0 || (entry.revents & POLLIN) != 0);
}

/* Lets go of everything but the channels: a ring's lock must not live on in the process that stays. */
static void close_others(const struct relay *relay)
{
    long limit = sysconf(_SC_OPEN_MAX);
    int highest = limit > 0 && limit < 65536 ? (int)limit : 65536;

    for (int fd = STDERR_FILENO + 1; fd < highest; fd++) {
        if (fd != relay->channels[0].in && fd != relay->channels[1].in)
            close(fd);
    }
}

/* Descendants of the command still hold its output: another process goes on passing it on, so that mlf
 * can end. It calls nothing but the kernel, since the collector's threads may have held locks. */
static void leave_relay(struct relay *relay, const sigset_t *watched)
{
    struct sigaction fallback = {.sa_handler = SIG_DFL};
    pid_t pid = fork();

    if (pid != 0)
        return;
    setsid();
    /* It may stay for long and must not hold a mount; where it cannot leave, it stays there. */
    int left = chdir("/");
    (void)left;
    close_others(relay);
    prctl(PR_SET_NAME, "mlf-relay");
    sigaction(SIGINT, &fallback, NULL);
    sigaction(SIGQUIT, &fallback, NULL);
    sigprocmask(SIG_UNBLOCK, watched, NULL);
    relay->reader = NULL;
    relay->ended = false;
    while (relay->channels[0].in >= 0 || relay->channels[1].in >= 0)
        serve(relay, false);
    _exit(0);
}

void mlf__relay(const struct mlf__relay_options *options, struct mlf__relay_result *out)
{
    static struct relay relay; /* two blocks of 64 KiB: no stack for them */

    *out = (struct mlf__relay_result){0};
    relay.options = options;
    relay.result = out;
    relay.pid = options->launched.pid;
    relay.signals = signalfd(-1, options->watched, SFD_CLOEXEC | SFD_NONBLOCK);
    open_channel(&relay.channels[0], options->launched.out, STDOUT_FILENO, 1);
    open_channel(&relay.channels[1], options->launched.err, STDERR_FILENO, 2);

    relay.reader = NULL;
    if (options->recogniser != NULL && (relay.channels[0].in >= 0 || relay.channels[1].in >= 0) &&
        mlf__output_reader_start(options->recogniser, options->whole, &relay.reader) != MLF_OK)
        mlf__cli_say("metrics in the output are not seen: %s", mlf__errmsg());
    int master = relay.channels[1].pty ? relay.channels[1].in : -1;
    if (relay.channels[0].pty)
        master = relay.channels[0].in;
    mlf__keyboard_init(&relay.keyboard, master, relay.pid);
    reap(&relay); /* it may have ended before its signal could be seen */
    while (!relay.ended || !is_done(&relay.channels[0], true) || !is_done(&relay.channels[1], true))
        serve(&relay, true);
    if (options->detach && (is_held_open(&relay.channels[0]) || is_held_open(&relay.channels[1])))
        leave_relay(&relay, options->watched);
    close_channel(&relay.channels[0]);
    close_channel(&relay.channels[1]);
    if (relay.signals >= 0)
        close(relay.signals);
    mlf__keyboard_close(&relay.keyboard);
    out->unread = mlf__output_reader_finish(relay.reader);
}
