/* What /proc tells of the program: on the host's side, so that it is the kernel that speaks. */
#include "supervise.h"

#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Reads a file of /proc/<pid> as text; an empty one where that fails. */
static const char *read_file(pid_t pid, const char *name) {
    static char text[8192];
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof text - 1);
    if (fd >= 0) close(fd);
    text[n > 0 ? n : 0] = '\0';
    return text;
}

static bool has(const char *status, const char *set, int signal) {
    const char *at = strstr(status, set);
    return !at || strtoull(at + strlen(set), NULL, 16) >> (signal - 1) & 1;
}

bool is_dropped(pid_t pid, int signal) {
    if (signal != SIGHUP && signal != SIGINT && signal != SIGQUIT && signal != SIGTERM) return false;
    const char *status = read_file(pid, "status");
    const char *ids = strstr(status, "\nNSpid:");
    if (!ids) return false;
    const char *end = strchr(ids + 1, '\n');
    if (!end || end[-1] != '1' || end[-2] != '\t') return false;
    return !has(status, "\nSigCgt:\t", signal) && !has(status, "\nSigIgn:\t", signal) && !has(status, "\nSigBlk:\t", signal);
}

bool is_foreground(pid_t pid) {
    /* The second field is a name in parentheses that may hold anything, a parenthesis included. */
    const char *at = strrchr(read_file(pid, "stat"), ')');
    int group = -1, foreground = -2;
    return at && sscanf(at + 1, " %*c %*d %d %*d %*d %d", &group, &foreground) == 2 && group == foreground;
}
