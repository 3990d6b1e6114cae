/* What programs need that are run beside containers. */
#include "init.h"

#include <errno.h>
#include <poll.h>
#include <sys/prctl.h>
#include <unistd.h>

void do_outlive(const struct op *op) {
    if (op->n[0] < 0 || op->n[0] >= state.inherited) fail_errno(EBADMSG, "plan", "descriptor index");
    struct pollfd process = {.fd = (int)(FD_FIRST + state.preserved) + (int)op->n[0], .events = POLLIN};
    prctl(PR_SET_PDEATHSIG, 0);
    close(state.socket); /* nobody is there to be told anything */
    state.socket = -1;
    while (poll(&process, 1, -1) < 0)
        if (errno != EINTR) fail("poll", "the parent");
}
