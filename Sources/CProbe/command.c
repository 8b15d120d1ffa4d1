#define _GNU_SOURCE
#include "CProbe.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef CAP_BPF
#define CAP_BPF 39
#endif

static const int forwarded[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2};
enum {
	FORWARDED = sizeof(forwarded) / sizeof(forwarded[0]),
	DESCRIPTORS = 65536, /* a sidecar with more open than this would be ill */
};

/* Runs in the child of a process with threads: nothing but async-signal-safe calls. */
static _Noreturn void become(char *const *arguments, int procs, int gate, int report)
{
	sigset_t none;
	char go;
	int error = 0;

	sigemptyset(&none);
	for (int i = 0; i < FORWARDED; i++)
		signal(forwarded[i], SIG_DFL);
	signal(SIGPIPE, SIG_DFL);
	sigprocmask(SIG_SETMASK, &none, NULL);
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_LOWER, CAP_BPF, 0, 0);
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_LOWER, CAP_NET_ADMIN, 0, 0);
	/* What exec would close is not the command's. Discovery looks at its sockets while it waits at the gate. */
	struct rlimit limit;
	int last = getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur > DESCRIPTORS ? DESCRIPTORS : (int)limit.rlim_cur;
	for (int i = STDERR_FILENO + 1; i < last; i++)
		if (i != procs && i != gate && i != report && fcntl(i, F_GETFD) == FD_CLOEXEC)
			close(i);
	if (procs >= 0 && write(procs, "0", 1) != 1)
		error = -errno; /* negative: of entering the cgroup */
	if (!error) {
		/* Inside its cgroup: say so, then wait. */
		ssize_t count = write(report, &error, sizeof(error));
		do
			count = read(gate, &go, 1);
		while (count < 0 && errno == EINTR);
		if (count != 1)
			_exit(127);
		execvp(arguments[0], arguments);
		error = errno;
	}
	ssize_t ignored = write(report, &error, sizeof(error));
	(void)ignored;
	_exit(error == ENOENT ? 127 : 126);
}

int cprobe_start(char *const *arguments, int procs, struct cprobe_command *command)
{
	int gate[2], report[2];

	if (pipe2(gate, O_CLOEXEC))
		return -errno;
	if (pipe2(report, O_CLOEXEC)) {
		int error = -errno;
		close(gate[0]);
		close(gate[1]);
		return error;
	}
	pid_t child = fork();
	if (child == 0) {
		close(gate[1]); /* or the child would never see its parent's end */
		become(arguments, procs, gate[0], report[1]);
	}
	int error = child < 0 ? -errno : 0;
	close(gate[0]);
	close(report[1]);
	if (error) {
		close(gate[1]);
		close(report[0]);
		return error;
	}
	*command = (struct cprobe_command){.process = child, .gate = gate[1], .report = report[0]};
	return 0;
}

static volatile sig_atomic_t forward_to;
static struct sigaction before[FORWARDED];

static void forward(int number, siginfo_t *info, void *context)
{
	(void)context;
	int process = forward_to, saved = errno;

	/* What a terminal sends goes to the whole foreground group: the command has it already. */
	if (process > 0 && info->si_code != SI_KERNEL)
		kill(process, number);
	errno = saved;
}

int cprobe_forward_signals(int process)
{
	bool was = forward_to > 0;

	forward_to = process;
	if (was == (process > 0))
		return 0;
	for (int i = 0; i < FORWARDED; i++) {
		struct sigaction action = {.sa_sigaction = forward, .sa_flags = SA_SIGINFO | SA_RESTART};
		sigemptyset(&action.sa_mask);
		if (process > 0 ? sigaction(forwarded[i], &action, &before[i]) : sigaction(forwarded[i], &before[i], NULL))
			return -errno;
	}
	return 0;
}

struct privileged {
	uint64_t mask;
	void (*run)(void *);
	void *context;
	int error;
};

static void *run_privileged(void *argument)
{
	struct privileged *privileged = argument;
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2];

	/* The system calls, not a library's functions: those change all threads of the process. */
	if (syscall(SYS_capget, &header, data)) {
		privileged->error = -errno;
		return NULL;
	}
	for (int i = 0; i < 2; i++) {
		data[i].effective = data[i].permitted & (uint32_t)(privileged->mask >> (32 * i));
		data[i].permitted = data[i].effective;
		data[i].inheritable = 0;
	}
	if (syscall(SYS_capset, &header, data))
		privileged->error = -errno;
	else
		privileged->run(privileged->context);
	return NULL;
}

int cprobe_with_capabilities(uint64_t mask, void (*run)(void *), void *context)
{
	struct privileged privileged = {.mask = mask, .run = run, .context = context};
	pthread_t thread;

	int error = pthread_create(&thread, NULL, run_privileged, &privileged);
	if (error)
		return -error;
	pthread_join(thread, NULL);
	return privileged.error;
}
