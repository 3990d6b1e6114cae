/* The seccomp filter: the last that is made, for it may refuse nearly everything that comes after. */
#include "init.h"
#include "sys.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The answer of the host by read(2), where message_expect() would need recvmsg(2). */
static void wait_for_host(void) {
    char answer[64];
    ssize_t n;
    while ((n = read(state.socket, answer, sizeof answer)) < 0 && errno == EINTR) {}
    if (n <= 0) _exit(1); /* the host is gone, or could not pass the listener on */
}

/*
 * Where the filter lets sendmsg through, the descriptor is sent. Elsewhere whoever sends it might be stopped by it, or wait for an answer
 * of a listener that is not there yet: the host fetches it, and is told its number. Under the filter this needs write, read and close.
 */
static void hand_over_listener(int listener, bool sends) {
    char number[16];
    int length = snprintf(number, sizeof number, "%d", listener);
    message_send(MESSAGE_SYNC, POINT_LISTENER, number, (size_t)length, sends ? listener : -1);
    wait_for_host();
    close(listener);
}

void do_seccomp(const struct op *op) {
    uint32_t words = op->list[0].count;
    size_t size = (size_t)words * sizeof(uint32_t);
    if (words == 0 || size % sizeof(struct sock_filter) != 0) fail_errno(EBADMSG, "plan", "a filter of half an instruction");
    if (size / sizeof(struct sock_filter) > UINT16_MAX) fail_errno(E2BIG, "seccomp", NULL);
    struct sock_filter *filter = malloc(size); /* the list has no alignment; never freed, for the filter may refuse munmap(2) */
    if (!filter) fail_errno(ENOMEM, "malloc", NULL);
    memcpy(filter, op->list[0].data, size);
    struct sock_fprog program = {.len = (unsigned short)(size / sizeof *filter), .filter = filter};
    long loaded = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, (unsigned)op->n[0], &program);
    if (loaded < 0) fail("seccomp", NULL);
    state.filtered = true;
    if (op->n[0] & SECCOMP_FILTER_FLAG_NEW_LISTENER) hand_over_listener((int)loaded, op->n[1] != 0);
}
