/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whole-file helpers for profiles and JSON input. Errors are left in errno for
 * the caller to word. Knows no file by name.
 */
#include "profile.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char *file_read_fd(int fd, size_t max, size_t *size)
{
	size_t length = 0;
	char *text = malloc(max + 1);
	while (text) {
		ssize_t n = read(fd, text + length, max + 1 - length);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 || length + (size_t)n > max) {
			int error = n < 0 ? errno : EFBIG;
			free(text);
			errno = error;
			return NULL;
		}
		if (n == 0)
			break;
		length += (size_t)n;
	}
	if (text) {
		text[length] = '\0';
		if (size)
			*size = length;
	}
	return text;
}

char *file_read(const char *path, size_t max, size_t *size)
{
	int fd = strcmp(path, "-") == 0 ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return NULL;
	char *text = file_read_fd(fd, max, size);
	int error = errno;
	close(fd);
	errno = error;
	return text;
}

bool file_create(const char *path, unsigned mode, const char *text)
{
	size_t left = strlen(text);
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, (mode_t)mode);
	if (fd < 0)
		return false;
	bool ok = true;
	while (left > 0 && ok) {
		ssize_t n = write(fd, text, left);
		ok = n >= 0 || errno == EINTR;
		if (n > 0) {
			text += n;
			left -= (size_t)n;
		}
	}
	ok = ok && fsync(fd) == 0;
	return close(fd) == 0 && ok;
}

bool file_make_folders(const char *path)
{
	char part[PATH_MAX];
	int n = snprintf(part, sizeof part, "%s", path);
	if (n <= 0 || n >= (int)sizeof part) {
		errno = ENAMETOOLONG;
		return false;
	}
	for (char *p = part + 1;; p++) {
		if (*p != '/' && *p != '\0')
			continue;
		char saved = *p;
		*p = '\0';
		if (mkdir(part, 0700) != 0 && errno != EEXIST)
			return false;
		*p = saved;
		if (saved == '\0')
			return true;
	}
}

void file_remove_folder(const char *path)
{
	DIR *d = opendir(path);
	if (!d)
		return;
	for (const struct dirent *e; (e = readdir(d)) != NULL;)
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			(void)unlinkat(dirfd(d), e->d_name, 0);
	closedir(d);
	(void)rmdir(path);
}
