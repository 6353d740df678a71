/* SPDX-License-Identifier: Apache-2.0 */
/* /init of Linux as the host: loads the modules that lie in /modules, in the order of their names, and becomes the shell script /run, by
 * busybox. Marks where it begins and where KVM is there, for the bench's plugin. */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "mark.h"

static int is_module(const struct dirent *d)
{
	return d->d_name[0] != '.';
}

static void load_modules(void)
{
	struct dirent **names;
	int n = scandir("/modules", &names, is_module, alphasort);

	for (int i = 0; i < n; i++) {
		char path[300];
		int fd;

		snprintf(path, sizeof path, "/modules/%s", names[i]->d_name);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0 || syscall(SYS_finit_module, fd, "", 0) != 0)
			perror(path);
		close(fd);
	}
}

int main(void)
{
	MARK(MARK_HOST_INIT);
	mount("proc", "/proc", "proc", 0, NULL);
	mount("sys", "/sys", "sysfs", 0, NULL);
	mount("dev", "/dev", "devtmpfs", 0, NULL);
	load_modules();
	MARK(MARK_HOST_READY);
	execl("/bin/busybox", "sh", "/run", NULL);
	perror("/run");
	return 1;
}
