/* The seccomp agent of the host tool. */
#ifndef TEST_GUEST_AGENT_H
#define TEST_GUEST_AGENT_H

/* Listens at `path` for one container, and answers what its filter asks: files that are opened hold `text`. Who asks gets `signal` first, unless that is 0. */
int agent(const char *path, const char *text, int signal);

#endif
