/* sd_notify(3) of the program: see runtime/plan/notify.ts, which says the same. */
#include "supervise.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static bool says_ready(char *message) {
    char *rest = NULL;
    for (char *line = strtok_r(message, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
        if (strcmp(line, "READY=1") == 0) return true;
    return false;
}

void notification_carry(struct notification *notification) {
    char message[4096];
    ssize_t length;
    if (notification->from < 0) return;
    /* read(2) leaves descriptors that came along to the kernel, which closes them. */
    while ((length = read(notification->from, message, sizeof message - 1)) >= 0) {
        message[length] = '\0';
        if (!says_ready(message)) continue;
        char ready[64];
        int ready_length = snprintf(ready, sizeof ready, "READY=1\nMAINPID=%d\n", (int)notification->pid);
        send(notification->to, ready, (size_t)ready_length, MSG_NOSIGNAL);
        close(notification->from);
        close(notification->to);
        *notification = (struct notification){-1, -1, 0};
        return;
    }
}
