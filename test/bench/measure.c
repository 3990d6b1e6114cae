/*
 * Times commands of container runtimes, interleaved: every round runs each scenario with each runtime, beginning with
 * another runtime each time, so that what drifts (clock speed, neighbours, caches) hits all of them alike.
 *
 *   measure ROUNDS WARM-UP BUNDLES NAME=PATH...
 *
 * BUNDLES holds bundles `plain`, `profiled` (with a seccomp filter) and `paused` (its program stays), and their `rootfs`.
 *
 * It is process 1 of its pid namespace: containers that a runtime leaves become its children, so their end is seen
 * without polling. Standard output receives one line for each sample: `ROUND SCENARIO NAME NANOSECONDS`; a failed command
 * is one line `failed SCENARIO NAME` (its output is on standard error), and the pair is not measured any more.
 *
 * A time is from before posix_spawn(3) to after wait4(2), with an environment that holds nothing but PATH.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MAX_RUNTIMES = 8, MAX_ARGUMENTS = 12 };

struct runtime {
	const char *name;
	const char *path;
	bool broken[8]; /* by scenario */
	char created[64]; /* the container that `state` asks for */
	char running[64]; /* … and that `exec` enters */
	bool has_created;
	bool has_running;
};

static struct runtime runtimes[MAX_RUNTIMES];
static size_t runtime_count;
static const char *bundles;
static char plain[4096], profiled[4096], paused[4096];
static int quiet;  /* what commands write goes here */
static int errors; /* … and their standard error here, to be shown after a failure */

static const char errors_path[] = "/tmp/measure-errors";
static const char pid_path[] = "/tmp/measure-pid";

static void die(const char *what)
{
	fprintf(stderr, "measure: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint64_t now(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static pid_t start(char *const argv[])
{
	static char *const environment[] = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", NULL};
	posix_spawn_file_actions_t actions;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, quiet, 0);
	posix_spawn_file_actions_adddup2(&actions, quiet, 1);
	posix_spawn_file_actions_adddup2(&actions, errors, 2);
	pid_t pid;
	int error = posix_spawn(&pid, argv[0], &actions, NULL, argv, environment);
	posix_spawn_file_actions_destroy(&actions);
	if (error == 0)
		return pid;
	dprintf(errors, "%s: %s\n", argv[0], strerror(error));
	return -1;
}

static bool end(pid_t pid)
{
	int status;
	while (pid > 0 && waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return false;
	return pid > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* Runs `PATH WORD...`; the words end with NULL. */
static bool command(const struct runtime *runtime, ...)
{
	char *argv[MAX_ARGUMENTS] = {(char *)runtime->path};
	va_list words;
	va_start(words, runtime);
	for (int i = 1; i < MAX_ARGUMENTS - 1 && (argv[i] = va_arg(words, char *)) != NULL; i++)
		;
	va_end(words);
	return end(start(argv));
}

static void reap(void)
{
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
}

/* Waits for the container whose pid `create` wrote: it is our child now. */
static bool wait_for_container(void)
{
	char text[16] = "";
	int fd = open(pid_path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || read(fd, text, sizeof text - 1) <= 0)
		return false;
	close(fd);
	return waitpid(atoi(text), NULL, 0) > 0;
}

static bool spawn_only(struct runtime *runtime, const char *id)
{
	(void)runtime;
	(void)id;
	char program[4096];
	snprintf(program, sizeof program, "%s/rootfs/true", bundles);
	return end(start((char *[]){program, NULL}));
}

static bool version(struct runtime *runtime, const char *id)
{
	(void)id;
	return command(runtime, "--version", NULL);
}

static bool state(struct runtime *runtime, const char *id)
{
	(void)id;
	return command(runtime, "state", runtime->created, NULL);
}

static bool create(struct runtime *runtime, const char *id)
{
	return command(runtime, "create", "--bundle", plain, "--pid-file", pid_path, id, NULL);
}

static bool create_profiled(struct runtime *runtime, const char *id)
{
	return command(runtime, "create", "--bundle", profiled, "--pid-file", pid_path, id, NULL);
}

/* The rest of a created container's life. */
static bool finish(struct runtime *runtime, const char *id)
{
	return command(runtime, "start", id, NULL) && wait_for_container() && command(runtime, "delete", id, NULL);
}

static bool lifecycle(struct runtime *runtime, const char *id)
{
	return create(runtime, id) && finish(runtime, id);
}

static bool run(struct runtime *runtime, const char *id)
{
	return command(runtime, "run", "--bundle", plain, id, NULL);
}

static bool exec(struct runtime *runtime, const char *id)
{
	(void)id;
	return command(runtime, "exec", runtime->running, "/true", NULL);
}

static const struct scenario {
	const char *name;
	bool (*perform)(struct runtime *runtime, const char *id);
	bool (*afterwards)(struct runtime *runtime, const char *id); /* not timed */
	enum { NOTHING, A_CREATED_ONE, A_RUNNING_ONE } needs;
} scenarios[] = {
	{"spawn", spawn_only, NULL, NOTHING},
	{"version", version, NULL, NOTHING},
	{"state", state, NULL, A_CREATED_ONE},
	{"create", create, finish, NOTHING},
	{"create-profiled", create_profiled, finish, NOTHING},
	{"lifecycle", lifecycle, NULL, NOTHING},
	{"run", run, NULL, NOTHING},
	{"exec", exec, NULL, A_RUNNING_ONE},
};

enum { SCENARIOS = sizeof scenarios / sizeof *scenarios };

static void fail(struct runtime *runtime, size_t scenario, const char *id)
{
	char text[8192];
	runtime->broken[scenario] = true;
	printf("failed %s %s\n", scenarios[scenario].name, runtime->name);
	ssize_t length = pread(errors, text, sizeof text, 0);
	fprintf(stderr, "measure: %s, %s failed: %.*s\n", runtime->name, scenarios[scenario].name, (int)(length < 0 ? 0 : length),
		text);
	command(runtime, "delete", "--force", id, NULL);
}

static void sample(struct runtime *runtime, size_t scenario, long round)
{
	static unsigned serial;
	char id[64];
	if (runtime->broken[scenario])
		return;
	snprintf(id, sizeof id, "bench-%s-%u", runtime->name, ++serial);
	if (ftruncate(errors, 0) < 0 || lseek(errors, 0, SEEK_SET) < 0)
		die(errors_path);
	unlink(pid_path);
	uint64_t began = now();
	bool done = scenarios[scenario].perform(runtime, id);
	uint64_t ended = now();
	if (done && scenarios[scenario].afterwards != NULL)
		done = scenarios[scenario].afterwards(runtime, id);
	reap();
	if (!done)
		fail(runtime, scenario, id);
	else if (round >= 0)
		printf("%ld %s %s %llu\n", round, scenarios[scenario].name, runtime->name, (unsigned long long)(ended - began));
}

/* The scenarios that need a container which the runtime could not make fail. */
static void miss(struct runtime *runtime, int needed, const char *id)
{
	for (size_t i = 0; i < SCENARIOS; i++)
		if ((int)scenarios[i].needs == needed)
			fail(runtime, i, id);
}

/* Makes the containers that stay. */
static void prepare(struct runtime *runtime)
{
	snprintf(runtime->created, sizeof runtime->created, "bench-%s-created", runtime->name);
	runtime->has_created = command(runtime, "create", "--bundle", plain, runtime->created, NULL);
	if (!runtime->has_created)
		miss(runtime, A_CREATED_ONE, runtime->created);
	snprintf(runtime->running, sizeof runtime->running, "bench-%s-running", runtime->name);
	runtime->has_running = command(runtime, "create", "--bundle", paused, runtime->running, NULL) &&
	                       command(runtime, "start", runtime->running, NULL);
	if (!runtime->has_running)
		miss(runtime, A_RUNNING_ONE, runtime->running);
}

static void clean_up(const struct runtime *runtime)
{
	if (runtime->has_created)
		command(runtime, "delete", "--force", runtime->created, NULL);
	if (runtime->has_running)
		command(runtime, "delete", "--force", runtime->running, NULL);
}

int main(int argc, char *argv[])
{
	if (argc < 5 || argc - 4 > MAX_RUNTIMES) {
		fputs("usage: measure ROUNDS WARM-UP BUNDLES NAME=PATH...\n", stderr);
		return 2;
	}
	long rounds = atol(argv[1]), warm_up = atol(argv[2]);
	bundles = argv[3];
	snprintf(plain, sizeof plain, "%s/plain", bundles);
	snprintf(profiled, sizeof profiled, "%s/profiled", bundles);
	snprintf(paused, sizeof paused, "%s/paused", bundles);
	for (int i = 4; i < argc; i++) {
		char *path = strchr(argv[i], '=');
		if (path == NULL)
			return 2;
		*path = '\0';
		runtimes[runtime_count++] = (struct runtime){.name = argv[i], .path = path + 1};
	}
	quiet = open("/dev/null", O_RDWR | O_CLOEXEC);
	errors = open(errors_path, O_RDWR | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
	if (quiet < 0 || errors < 0)
		die("open");
	signal(SIGPIPE, SIG_DFL);
	for (size_t i = 0; i < runtime_count; i++)
		prepare(&runtimes[i]);
	for (long round = -warm_up; round < rounds; round++)
		for (size_t scenario = 0; scenario < SCENARIOS; scenario++)
			for (size_t i = 0; i < runtime_count; i++)
				sample(&runtimes[(i + (size_t)(round + warm_up)) % runtime_count], scenario, round);
	for (size_t i = 0; i < runtime_count; i++)
		clean_up(&runtimes[i]);
	reap();
	unlink(errors_path);
	unlink(pid_path);
	return 0;
}
